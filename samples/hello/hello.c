/* SPDX-License-Identifier: MIT */
/* hello: a group where all who speak hear each other, behind a gateway in the
   same process. It leaves out errors, signals, other processes: see chat.
   Try it: chat-client 127.0.0.1:PORT "hello" */
#include <stdio.h>
#include <uv.h>

#include "domi/domi.h"

enum { JOIN = 50, SAY = 51, GROUP = 1 };

static void on_say(struct domi_group *group, struct domi_user sender,
                   const struct domi_frame *frame, void *user)
{
    (void)user;
    domi_group_add(group, sender);
    domi_group_broadcast(group, SAY, frame->data, frame->data_size);
}

/* The user may send to the group, and is told by which bytes to name it. */
static void on_called(struct domi_gateway *gateway, struct domi_session *user,
                      int status, const struct domi_target *target, void *arg)
{
    uint8_t answer[DOMI_TARGET_SIZE];

    (void)gateway, (void)arg;
    if (status == 0) {
        domi_target_put(answer, *target);
        domi_session_send(user, JOIN, answer, sizeof(answer));
    }
}

static void on_join(struct domi_gateway *gateway, struct domi_session *user,
                    const struct domi_frame *frame, void *arg)
{
    (void)frame, (void)arg;
    domi_gateway_call(gateway, user, "zone", GROUP, on_called, NULL);
}

int main(void)
{
    struct domi_registry *here = domi_registry_local_new();
    struct domi_zone_options z = {.registry = here};
    struct domi_gateway_options g = {.tcp_port = DOMI_PORT_ANY,
                                     .registry = here};
    struct domi_zone *zone = domi_zone_new(uv_default_loop(), &z);
    struct domi_gateway *gateway = domi_gateway_new(uv_default_loop(), &g);
    struct domi_group *group = domi_group_new(zone, GROUP);

    domi_group_handle(group, SAY, on_say, NULL);
    domi_group_open(group);
    domi_gateway_handle(gateway, JOIN, on_join, NULL);
    domi_zone_start(zone);
    domi_gateway_start(gateway);
    printf("hello on 127.0.0.1:%d\n", domi_gateway_tcp_port(gateway));
    return fflush(stdout) || uv_run(uv_default_loop(), UV_RUN_DEFAULT);
}
