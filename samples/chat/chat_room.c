/* SPDX-License-Identifier: MIT */
/*
 * chat-room: the rooms of a chat, for chat-gateways elsewhere.
 *
 * It shows a zone with worker threads that makes its groups on demand, joins a
 * cluster, and ends in order: by a signal, or when it has been drained. Without
 * a cluster key, or TLS with certificates on both sides, its TCP port is for
 * gateways that are trusted, and must not be open to others.
 */
#include <uv.h>

#include "chat/events.h"
#include "chat/room.h"
#include "domi/domi.h"
#include "support/node.h"
#include "support/node_options.h"
#include "support/report.h"

static void on_joined(struct domi_zone *zone, int status, void *user)
{
    node_joined(user, status, domi_zone_id(zone), domi_zone_tcp_port(zone),
                domi_zone_http_port(zone));
}

static void on_id(struct domi_zone *zone, int id, void *user)
{
    (void)zone;
    node_has_id(user, id);
}

static void on_drained(struct domi_zone *zone, void *user)
{
    (void)zone;
    node_drained(user);
}

static void on_stop(void *user)
{
    domi_zone_close(user, NULL, NULL);
}

static int reload(void *user)
{
    return domi_zone_reload_tls(user);
}

static int start(struct domi_zone *zone, struct node *node)
{
    int err = node_reload_on_hangup(node, reload);

    return err ? err : domi_zone_start(zone);
}

static int serve(uv_loop_t *loop, const struct node_options *o)
{
    struct domi_zone_options options = node_options_zone(o);
    struct domi_zone *zone;
    struct node node;
    int err;

    options.on_group = room_open;
    options.on_joined = on_joined;
    options.on_id = on_id;
    options.on_drained = on_drained;
    options.user = &node;
    zone = domi_zone_new(loop, &options);
    if (!zone) {
        return report_failed("room", o->host, 0, 0, UV_ENOMEM);
    }
    err = node_init(&node, loop, "room", o, on_stop, zone);
    node_started(&node, err ? err : start(zone, &node));
    uv_run(loop, UV_RUN_DEFAULT);
    return node_fini(&node);
}

int main(int argc, char **argv)
{
    struct node_options options = {
        .parts = NODE_ZONE | NODE_REMOTE,
        .usage = "[OPTION...]",
        .about = "The rooms of a chat, for chat-gateways to connect to.\n\n"
                 "Gateways find them through Consul, which is asked where"
                 " --consul says so, or\nwhere CONSUL_HTTP_ADDR is set and no"
                 " --zone is given; else in a list. Consul's\nother variables"
                 " count too: CONSUL_HTTP_TOKEN, CONSUL_CACERT and so on.",
        .host = "127.0.0.1",
        .name = CHAT_SERVICE,
        .tcp_port = 9999,
        .http_port = 8090,
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
