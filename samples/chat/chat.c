/* SPDX-License-Identifier: MIT */
/*
 * chat: a whole chat in one process.
 *
 * It shows a gateway and a zone on one loop that find each other through a
 * local registry and talk through memory. chat-gateway and chat-room are the
 * same in processes of their own.
 */
#include <uv.h>

#include "chat/events.h"
#include "chat/front.h"
#include "chat/room.h"
#include "domi/domi.h"
#include "support/node.h"
#include "support/node_options.h"
#include "support/report.h"

struct chat {
    struct domi_gateway *gateway; /* NULL: memory was short */
    struct domi_zone *zone;       /* as above */
    struct node node;
};

/* The gateway first, so that the users are told that the node stops. */
static void close_chat(void *user)
{
    struct chat *chat = user;

    if (chat->gateway) {
        domi_gateway_close(chat->gateway, NULL, NULL);
    }
    if (chat->zone) {
        domi_zone_close(chat->zone, NULL, NULL);
    }
}

/* The zone stays for as long as the gateway has users. */
static void on_drained(struct domi_gateway *gateway, void *user)
{
    struct chat *chat = user;

    (void)gateway;
    node_drained(&chat->node);
}

static struct domi_gateway *new_gateway(uv_loop_t *loop, struct chat *chat,
                                        const struct node_options *o)
{
    struct domi_gateway_options options = node_options_gateway(o);

    options.on_drained = on_drained;
    options.user = chat;
    return domi_gateway_new(loop, &options);
}

/* The options are the gateway's; the zone has no name and no ports for
   others. */
static struct domi_zone *new_zone(uv_loop_t *loop, const struct node_options *o)
{
    struct domi_zone_options options = node_options_zone(o);

    options.name = CHAT_SERVICE;
    options.host = NULL;
    options.tcp_port = 0;
    options.http_port = 0;
    options.id = NULL;
    options.on_group = room_open;
    return domi_zone_new(loop, &options);
}

static int reload(void *user)
{
    struct chat *chat = user;

    return domi_gateway_reload_tls(chat->gateway);
}

static int start(struct chat *chat)
{
    int err;

    if (!chat->gateway || !chat->zone) {
        return UV_ENOMEM;
    }
    err = node_reload_on_hangup(&chat->node, reload);
    if (!err) {
        err = front_open(chat->gateway);
    }
    if (!err) {
        err = domi_gateway_start(chat->gateway);
    }
    return err ? err : domi_zone_start(chat->zone);
}

static int serve(uv_loop_t *loop, const struct node_options *o)
{
    struct chat chat = {0};
    int err;

    chat.gateway = new_gateway(loop, &chat, o);
    chat.zone = new_zone(loop, o);
    err = node_init(&chat.node, loop, "chat", o, close_chat, &chat);
    if (!err) {
        err = start(&chat);
    }
    node_started(&chat.node, err);
    if (!err) {
        node_joined(&chat.node, 0, domi_gateway_id(chat.gateway),
                    domi_gateway_tcp_port(chat.gateway),
                    domi_gateway_http_port(chat.gateway));
    }
    uv_run(loop, UV_RUN_DEFAULT);
    return node_fini(&chat.node);
}

int main(int argc, char **argv)
{
    struct node_options options = {
        .parts = NODE_GATEWAY | NODE_ZONE,
        .usage = "[OPTION...]",
        .about = "A whole chat in one process, for browsers and programs.",
        .host = "127.0.0.1",
        .name = "gate",
        .tcp_port = 8888,
        .http_port = 8080,
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
