/* SPDX-License-Identifier: MIT */
/*
 * The chat's side of a gateway.
 *
 * A user asks for a room; the gateway finds the zone that has it, tells the
 * room who comes, and tells the user by which 16 bytes the room is reached.
 * Where no room can be had, the target id in them is 0, and why follows.
 */
#include "chat/front.h"

#include <stdlib.h>
#include <uv.h>

#include "chat/events.h"
#include "domi/domi.h"

/* What a user asked for, until it is had. */
struct wish {
    uint64_t group;
};

static void answer(struct domi_session *session,
                   const struct domi_target *target)
{
    uint8_t data[DOMI_TARGET_SIZE];

    domi_target_put(data, *target);
    domi_session_send(session, CHAT_JOIN, data, sizeof(data));
}

/* Where no room is registered, that is all there is to say. */
static void answer_no_room(struct domi_session *session, uint64_t group,
                           int err)
{
    uint8_t data[DOMI_TARGET_SIZE + 4];

    domi_target_put(data, (struct domi_target){0, group});
    domi_put_u32(data + DOMI_TARGET_SIZE, (uint32_t)err);
    domi_session_send(session, CHAT_JOIN, data,
                      err == DOMI_E_NO_ZONE ? DOMI_TARGET_SIZE : sizeof(data));
}

/* Tells the room who comes. */
static int announce(struct domi_session *session,
                    const struct domi_target *target)
{
    uint8_t data[16];

    domi_put_u64(data, domi_session_id(session));
    domi_put_u64(data + 8, target->id);
    return domi_session_send_zone(session, target, CHAT_JOIN, data,
                                  sizeof(data));
}

static void on_called(struct domi_gateway *gateway,
                      struct domi_session *session, int status,
                      const struct domi_target *target, void *user)
{
    struct wish *wish = user;

    (void)gateway;
    if (status == 0) {
        status = announce(session, target);
        if (status != 0) {
            domi_session_leave(session, target);
        }
    }
    if (!session) {
        /* Nobody is left to be answered. */
    } else if (status != 0) {
        answer_no_room(session, wish->group, status);
    } else {
        answer(session, target);
    }
    free(wish);
}

static void on_join(struct domi_gateway *gateway, struct domi_session *session,
                    const struct domi_frame *frame, void *user)
{
    uint64_t group = CHAT_GROUP;
    struct wish *wish;
    int err = UV_ENOMEM;

    (void)user;
    if (frame->data_size == 8) {
        group = domi_get_u64(frame->data);
    } else if (frame->data_size != 0) {
        domi_session_kick(session, DOMI_REASON_BAD_BODY, NULL);
        return;
    }
    wish = malloc(sizeof(*wish));
    if (wish) {
        wish->group = group;
        err = domi_gateway_call(gateway, session, CHAT_SERVICE, group,
                                on_called, wish);
    }
    if (err != 0) {
        free(wish);
        answer_no_room(session, group, err);
    }
}

static void on_leave(struct domi_gateway *gateway, struct domi_session *session,
                     const struct domi_frame *frame, void *user)
{
    struct domi_target target;

    (void)gateway;
    (void)user;
    if (frame->data_size != DOMI_TARGET_SIZE) {
        domi_session_kick(session, DOMI_REASON_BAD_BODY, NULL);
        return;
    }
    target = domi_target_get(frame->data);
    /* Leaving a room that is left already is harmless. */
    domi_session_leave(session, &target);
}

int front_open(struct domi_gateway *gateway)
{
    int err = domi_gateway_handle(gateway, CHAT_JOIN, on_join, NULL);

    return err ? err : domi_gateway_handle(gateway, CHAT_LEAVE, on_leave, NULL);
}
