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
#include "support/options.h"
#include "support/report.h"
#include "support/stop.h"

struct settings {
    struct domi_gateway_options gateway;
    struct domi_zone_options zone;
    int id;
    int workers; /* -1: as many as suit the machine */
};

struct chat {
    struct domi_gateway *gateway; /* NULL: memory was short */
    struct domi_zone *zone;       /* as above */
};

static void read_settings(struct settings *s, int argc, char **argv)
{
    const struct option_row rows[] = {
        {"host", "ADDRESS", "to listen on; 127.0.0.1", option_text,
         &s->gateway.host},
        {"tcp-port", "N", "for users; 8888; 0: a free one", option_port,
         &s->gateway.tcp_port},
        {"http-port", "N", "for pages and /ws; 8080; 0: a free one",
         option_port, &s->gateway.http_port},
        {"web", "DIR", "of static files; none", option_text,
         &s->gateway.web_root},
        {"name", "NAME", "of the gateway's service; gate", option_text,
         &s->gateway.name},
        {"version", "N", "of the service; 1", option_positive,
         &s->gateway.version},
        {"id", "N", "of the gateway's node; 0", option_id, &s->id},
        {"workers", "N", "threads; 0: handlers run on the loop", option_workers,
         &s->workers},
        {"zone", "NAME=HOST:PORT", "for other programs; means nothing here",
         option_idle, NULL},
        {0},
    };
    const struct options options = {
        .usage = "[OPTION...]",
        .about = "A whole chat in one process, for browsers and programs.",
        .rows = rows,
    };

    options_read(&options, argc, argv);
    s->gateway.id = s->id >= 0 ? &s->id : NULL;
    s->zone.version = s->gateway.version;
    s->zone.no_workers = s->workers == 0;
    s->zone.workers = s->workers > 0 ? (unsigned)s->workers : 0;
}

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

static int start(struct chat *chat)
{
    int err;

    if (!chat->gateway || !chat->zone) {
        return UV_ENOMEM;
    }
    err = front_open(chat->gateway);
    if (!err) {
        err = domi_gateway_start(chat->gateway);
    }
    return err ? err : domi_zone_start(chat->zone);
}

static int serve(uv_loop_t *loop, const struct settings *s)
{
    struct chat chat = {
        .gateway = domi_gateway_new(loop, &s->gateway),
        .zone = domi_zone_new(loop, &s->zone),
    };
    struct stop stop;
    int status = 0;
    int err = stop_init(&stop, loop, close_chat, &chat);

    if (!err) {
        err = start(&chat);
    }
    if (err) {
        status = report_failed("chat", s->gateway.host, s->gateway.tcp_port,
                               s->gateway.http_port, err);
        close_chat(&chat);
    } else {
        report_ready(domi_gateway_id(chat.gateway), s->gateway.host,
                     domi_gateway_tcp_port(chat.gateway),
                     domi_gateway_http_port(chat.gateway));
    }
    uv_run(loop, UV_RUN_DEFAULT);
    stop_fini(&stop);
    return status;
}

int main(int argc, char **argv)
{
    struct domi_registry *registry = domi_registry_local_new();
    struct settings settings = {
        .gateway = {.name = "gate",
                    .host = "127.0.0.1",
                    .tcp_port = 8888,
                    .http_port = 8080,
                    .registry = registry,
                    .log = report_log},
        .zone = {.name = CHAT_SERVICE,
                 .registry = registry,
                 .on_group = room_open,
                 .log = report_log},
        .id = -1,
        .workers = -1,
    };
    uv_loop_t loop;
    int status;

    if (!registry || uv_loop_init(&loop) != 0) {
        return 1;
    }
    read_settings(&settings, argc, argv);
    status = serve(&loop, &settings);
    domi_registry_free(registry);
    uv_loop_close(&loop);
    return status;
}
