/* SPDX-License-Identifier: MIT */
/*
 * chat-gateway: where the users of a chat connect, by TCP and by WebSocket.
 *
 * It shows a gateway in front of zones in other processes, which Consul or the
 * operator names, and TLS on both sides, whose files it reads again at SIGHUP.
 * It leaves out logging in, which domi_gateway_options.on_connect is for.
 */
#include <uv.h>

#include "chat/front.h"
#include "domi/domi.h"
#include "support/node.h"
#include "support/node_options.h"
#include "support/report.h"

static void on_joined(struct domi_gateway *gateway, int status, void *user)
{
    node_joined(user, status, domi_gateway_id(gateway),
                domi_gateway_tcp_port(gateway),
                domi_gateway_http_port(gateway));
}

static void on_id(struct domi_gateway *gateway, int id, void *user)
{
    (void)gateway;
    node_has_id(user, id);
}

static void on_drained(struct domi_gateway *gateway, void *user)
{
    (void)gateway;
    node_drained(user);
}

static void on_stop(void *user)
{
    domi_gateway_close(user, NULL, NULL);
}

static int reload(void *user)
{
    return domi_gateway_reload_tls(user);
}

static int start(struct domi_gateway *gateway, struct node *node)
{
    int err = node_reload_on_hangup(node, reload);

    if (!err) {
        err = front_open(gateway);
    }
    return err ? err : domi_gateway_start(gateway);
}

static int serve(uv_loop_t *loop, const struct node_options *o)
{
    struct domi_gateway_options options = node_options_gateway(o);
    struct domi_gateway *gateway;
    struct node node;
    int err;

    options.on_joined = on_joined;
    options.on_id = on_id;
    options.on_drained = on_drained;
    options.user = &node;
    gateway = domi_gateway_new(loop, &options);
    if (!gateway) {
        return report_failed("gateway", o->host, 0, 0, UV_ENOMEM);
    }
    err = node_init(&node, loop, "gateway", o, on_stop, gateway);
    node_started(&node, err ? err : start(gateway, &node));
    uv_run(loop, UV_RUN_DEFAULT);
    return node_fini(&node);
}

int main(int argc, char **argv)
{
    struct node_options options = {
        .parts = NODE_GATEWAY | NODE_REMOTE,
        .usage = "[--consul URL | --zone room=HOST:PORT...] [OPTION...]",
        .about = "Where the users of a chat connect; its rooms are in"
                 " chat-room processes.\n\n"
                 "It finds them through Consul, which is asked where --consul"
                 " says so, or where\nCONSUL_HTTP_ADDR is set and no --zone is"
                 " given; else in the list of --zone.\nConsul's other"
                 " variables count too: CONSUL_HTTP_TOKEN, CONSUL_CACERT"
                 " and so on.",
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
