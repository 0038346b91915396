/* SPDX-License-Identifier: MIT */
/*
 * zone-with-load: a chat-room that says of its memory what a file says, so that
 * tests can fill it up. The file is named by DOMI_TEST_MEMORY and holds a
 * percentage.
 */
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

#include "chat/events.h"
#include "chat/room.h"
#include "domi/domi.h"
#include "support/node.h"
#include "support/node_options.h"

static unsigned memory_use(struct domi_zone *zone, void *user)
{
    const char *path = getenv("DOMI_TEST_MEMORY");
    FILE *file = path ? fopen(path, "r") : NULL;
    unsigned percent = 0;

    (void)zone;
    (void)user;
    if (!file || fscanf(file, "%u", &percent) != 1) {
        fprintf(stderr, "DOMI_TEST_MEMORY names no file with a number\n");
    }
    if (file) {
        fclose(file);
    }
    return percent;
}

static void on_joined(struct domi_zone *zone, int status, void *user)
{
    node_joined(user, status, domi_zone_id(zone), domi_zone_tcp_port(zone),
                domi_zone_http_port(zone));
}

static void on_stop(void *user)
{
    domi_zone_close(user, NULL, NULL);
}

static int serve(uv_loop_t *loop, const struct node_options *o)
{
    struct domi_zone_options options = node_options_zone(o);
    struct domi_zone *zone;
    struct node node;
    int err;

    options.on_group = room_open;
    options.on_joined = on_joined;
    options.memory_use = memory_use;
    options.user = &node;
    zone = domi_zone_new(loop, &options);
    if (!zone) {
        return 1;
    }
    err = node_init(&node, loop, "room", o, on_stop, zone);
    node_started(&node, err ? err : domi_zone_start(zone));
    uv_run(loop, UV_RUN_DEFAULT);
    return node_fini(&node);
}

int main(int argc, char **argv)
{
    struct node_options options = {
        .parts = NODE_ZONE | NODE_REMOTE,
        .usage = "[OPTION...]",
        .about = "A chat-room with the memory use that DOMI_TEST_MEMORY says.",
        .host = "127.0.0.1",
        .name = CHAT_SERVICE,
        .tcp_port = DOMI_PORT_ANY,
        .http_port = DOMI_PORT_ANY,
        .id = -1,
        .workers = -1,
    };
    uv_loop_t loop;
    int status;

    if (uv_loop_init(&loop) != 0) {
        return 1;
    }
    node_options_read(&options, argc, argv);
    status = serve(&loop, &options);
    node_options_fini(&options);
    uv_loop_close(&loop);
    return status;
}
