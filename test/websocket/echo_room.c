/* SPDX-License-Identifier: MIT */
/* A room for the chat program that takes messages of any size: the chat's own
   passes over those above 4 KiB, and a test wants the largest back. */
#include "chat/room.h"

#include "chat/events.h"
#include "domi/domi.h"

static void on_join_frame(struct domi_group *group, struct domi_user sender,
                          const struct domi_frame *frame, void *user)
{
    (void)user;
    domi_group_add(group, (struct domi_user){domi_get_u64(frame->data),
                                             sender.gateway});
}

static void on_message(struct domi_group *group, struct domi_user sender,
                       const struct domi_frame *frame, void *user)
{
    (void)sender;
    (void)user;
    domi_group_broadcast(group, CHAT_MESSAGE, frame->data, frame->data_size);
}

static void on_leave(struct domi_group *group, struct domi_user member,
                     enum domi_reason reason, void *data, void *user)
{
    (void)member;
    (void)data;
    (void)user;
    if (reason != DOMI_REASON_GROUP_CLOSED) {
        domi_group_close(group);
    }
}

int room_open(struct domi_zone *zone, struct domi_group *group, void *user)
{
    (void)zone;
    (void)user;
    domi_group_on_leave(group, on_leave, NULL);
    return domi_group_handle(group, CHAT_JOIN, on_join_frame, NULL) != 0 ||
           domi_group_handle(group, CHAT_MESSAGE, on_message, NULL) != 0;
}
