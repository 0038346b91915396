/* SPDX-License-Identifier: MIT */
/*
 * chat-room: the rooms of a chat, for chat-gateways elsewhere.
 *
 * It shows a zone with worker threads that makes its groups on demand, and how
 * a program ends in order. It leaves out who may connect: its TCP port is for
 * gateways that are trusted, and must not be open to others.
 */
#include <uv.h>

#include "chat/events.h"
#include "chat/room.h"
#include "domi/domi.h"
#include "support/options.h"
#include "support/report.h"
#include "support/stop.h"

struct settings {
    struct domi_zone_options zone;
    int id;
    int workers; /* -1: as many as suit the machine */
};

static void read_settings(struct settings *s, int argc, char **argv)
{
    const struct option_row rows[] = {
        {"host", "ADDRESS", "to listen on; 127.0.0.1", option_text,
         &s->zone.host},
        {"tcp-port", "N", "for gateways; 9999; 0: a free one", option_port,
         &s->zone.tcp_port},
        {"http-port", "N", "for health checks; 8090; 0: a free one",
         option_port, &s->zone.http_port},
        {"name", "NAME", "of the service; room", option_text, &s->zone.name},
        {"version", "N", "of the service; 1", option_positive,
         &s->zone.version},
        {"id", "N", "of the node; made from its address", option_id, &s->id},
        {"workers", "N", "threads; 0: handlers run on the loop", option_workers,
         &s->workers},
        {"zone", "NAME=HOST:PORT", "for other programs; means nothing here",
         option_idle, NULL},
        {"web", "DIR", "for other programs; means nothing here",
         option_idle, NULL},
        {0},
    };
    const struct options options = {
        .usage = "[OPTION...]",
        .about = "The rooms of a chat, for chat-gateways to connect to.",
        .rows = rows,
    };

    options_read(&options, argc, argv);
    s->zone.id = s->id >= 0 ? &s->id : NULL;
    s->zone.no_workers = s->workers == 0;
    s->zone.workers = s->workers > 0 ? (unsigned)s->workers : 0;
}

static void on_stop(void *user)
{
    domi_zone_close(user, NULL, NULL);
}

static int serve(uv_loop_t *loop, const struct settings *s)
{
    struct domi_zone *zone = domi_zone_new(loop, &s->zone);
    struct stop stop;
    int status = 0;
    int err;

    if (!zone) {
        return report_failed("room", s->zone.host, 0, 0, UV_ENOMEM);
    }
    err = stop_init(&stop, loop, on_stop, zone);
    if (!err) {
        err = domi_zone_start(zone);
    }
    if (err) {
        status = report_failed("room", s->zone.host, s->zone.tcp_port,
                               s->zone.http_port, err);
        domi_zone_close(zone, NULL, NULL);
    } else {
        report_ready(domi_zone_id(zone), s->zone.host, domi_zone_tcp_port(zone),
                     domi_zone_http_port(zone));
    }
    uv_run(loop, UV_RUN_DEFAULT);
    stop_fini(&stop);
    return status;
}

int main(int argc, char **argv)
{
    struct settings settings = {
        .zone = {.name = CHAT_SERVICE,
                 .host = "127.0.0.1",
                 .tcp_port = 9999,
                 .http_port = 8090,
                 .on_group = room_open,
                 .log = report_log},
        .id = -1,
        .workers = -1,
    };
    uv_loop_t loop;
    int status;

    read_settings(&settings, argc, argv);
    settings.zone.registry = domi_registry_static_new();
    if (!settings.zone.registry || uv_loop_init(&loop) != 0) {
        return 1;
    }
    status = serve(&loop, &settings);
    domi_registry_free(settings.zone.registry);
    uv_loop_close(&loop);
    return status;
}
