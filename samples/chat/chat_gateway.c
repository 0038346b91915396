/* SPDX-License-Identifier: MIT */
/*
 * chat-gateway: where the users of a chat connect, by TCP and by WebSocket.
 *
 * It shows a gateway in front of zones in other processes, which the operator
 * names. It leaves out TLS, which a proxy in front of it is for, and logging
 * in, which domi_gateway_options.on_connect is for.
 */
#include <uv.h>

#include "chat/front.h"
#include "domi/domi.h"
#include "support/options.h"
#include "support/report.h"
#include "support/stop.h"

struct settings {
    struct domi_gateway_options gateway;
    int id;
};

static void read_settings(struct settings *s, int argc, char **argv)
{
    const struct option_row rows[] = {
        {"zone", "NAME=HOST:PORT", "a chat-room; once for each", option_zone,
         s->gateway.registry},
        {"host", "ADDRESS", "to listen on; 127.0.0.1", option_text,
         &s->gateway.host},
        {"tcp-port", "N", "for users; 8888; 0: a free one", option_port,
         &s->gateway.tcp_port},
        {"http-port", "N", "for pages and /ws; 8080; 0: a free one",
         option_port, &s->gateway.http_port},
        {"web", "DIR", "of static files; none", option_text,
         &s->gateway.web_root},
        {"name", "NAME", "of the service; gate", option_text,
         &s->gateway.name},
        {"version", "N", "of the service; 1", option_positive,
         &s->gateway.version},
        {"id", "N", "of the node; made from its address", option_id, &s->id},
        {"workers", "N", "for other programs; means nothing here",
         option_idle, NULL},
        {0},
    };
    const struct options options = {
        .usage = "--zone room=HOST:PORT... [OPTION...]",
        .about = "Where the users of a chat connect; its rooms are in"
                 " chat-room processes.",
        .rows = rows,
    };

    options_read(&options, argc, argv);
    s->gateway.id = s->id >= 0 ? &s->id : NULL;
}

static void on_stop(void *user)
{
    domi_gateway_close(user, NULL, NULL);
}

static int start(struct domi_gateway *gateway)
{
    int err = front_open(gateway);

    return err ? err : domi_gateway_start(gateway);
}

static int serve(uv_loop_t *loop, const struct settings *s)
{
    struct domi_gateway *gateway = domi_gateway_new(loop, &s->gateway);
    struct stop stop;
    int status = 0;
    int err;

    if (!gateway) {
        return report_failed("gateway", s->gateway.host, 0, 0, UV_ENOMEM);
    }
    err = stop_init(&stop, loop, on_stop, gateway);
    if (!err) {
        err = start(gateway);
    }
    if (err) {
        status = report_failed("gateway", s->gateway.host, s->gateway.tcp_port,
                               s->gateway.http_port, err);
        domi_gateway_close(gateway, NULL, NULL);
    } else {
        report_ready(domi_gateway_id(gateway), s->gateway.host,
                     domi_gateway_tcp_port(gateway),
                     domi_gateway_http_port(gateway));
    }
    uv_run(loop, UV_RUN_DEFAULT);
    stop_fini(&stop);
    return status;
}

int main(int argc, char **argv)
{
    struct settings settings = {
        .gateway = {.name = "gate",
                    .host = "127.0.0.1",
                    .tcp_port = 8888,
                    .http_port = 8080,
                    .registry = domi_registry_static_new(),
                    .log = report_log},
        .id = -1,
    };
    uv_loop_t loop;
    int status;

    if (!settings.gateway.registry || uv_loop_init(&loop) != 0) {
        return 1;
    }
    read_settings(&settings, argc, argv);
    status = serve(&loop, &settings);
    domi_registry_free(settings.gateway.registry);
    uv_loop_close(&loop);
    return status;
}
