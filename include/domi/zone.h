/* SPDX-License-Identifier: MIT */
/* Zones: nodes that hold groups, and run their handlers on workers. */
#ifndef DOMI_ZONE_H
#define DOMI_ZONE_H

#include <stddef.h>
#include <stdint.h>

#include "domi/api.h"
#include "domi/group.h"
#include "domi/log.h"
#include "domi/tls.h"

#ifdef __cplusplus
extern "C" {
#endif

struct uv_loop_s;
struct domi_registry;
struct domi_zone;

/*
 * Asked on the worker when a frame names a group that does not exist. `group`
 * has just been made: set its handlers and return 0, or return another number
 * to refuse it; the frame is then dropped, counted and logged, and the
 * group's memory freed without callbacks. Called by several workers at once,
 * for different groups. [handler]
 */
typedef int (*domi_zone_group_fn)(struct domi_zone *zone,
                                  struct domi_group *group, void *user);

/* The zone has been closed; its memory is freed when this returns. [loop] */
typedef void (*domi_zone_close_fn)(struct domi_zone *zone, void *user);

/* The registry has answered: `status` is 0, and the zone has its id and takes
   links; or it was refused, as domi_zone_start tells, or DOMI_E_VERSION or
   DOMI_E_NO_ID, and can only be closed. Once; perhaps before domi_zone_start
   returns. [loop] */
typedef void (*domi_zone_joined_fn)(struct domi_zone *zone, int status,
                                    void *user);

/* The claim on the node id was lost to another node; `id` is the new one, or
   -1 while there is none: no link is taken then. [loop] */
typedef void (*domi_zone_id_fn)(struct domi_zone *zone, int id, void *user);

/* A drain has come to its end: no group has a member any more. Close the zone
   now; a drain that a newer version began may still be called off. Once for
   each drain. [loop] */
typedef void (*domi_zone_drained_fn)(struct domi_zone *zone, void *user);

/* The share of memory in use, in percent, that the zone is to tell gateways,
   instead of the machine's or container's own. About once a second. [loop] */
typedef unsigned (*domi_zone_memory_fn)(struct domi_zone *zone, void *user);

/*
 * All fields may be 0 or NULL, which means the default. Strings are copied by
 * domi_zone_new; the registry must live until the zone's close callback.
 */
struct domi_zone_options {
    const char *name; /* of the service; "zone" */
    const char *host; /* bound and told to others, an address; "127.0.0.1" */
    int tcp_port;     /* for gateways; DOMI_PORT_ANY: a free one; 0: none */
    int http_port;    /* health and such; as above */
    int version;      /* of the service; 1 */
    const int *id;    /* node id, 0 to 1022; NULL: the registry gives one */

    struct domi_registry *registry; /* NULL: a local one of its own */

    unsigned workers;    /* threads; cores less one, at least one */
    int no_workers;      /* not 0: handlers run on the loop, no threads; ticks
                            may then be some tens of milliseconds late */
    size_t ring_size;    /* bytes of each ring, a power of two, more than
                            twice the frame limit; what that asks for */
    uint32_t frame_limit;      /* bytes, from and to gateways; 1 MiB, or what
                                  half of a smaller ring holds, less 64. A
                                  longer frame ends its link: at least the
                                  frame_limit of gateways, and at most their
                                  link_frame_limit */
    size_t send_limit;         /* bytes waiting for one gateway; 16 MiB */
    unsigned handshake_ms;     /* until the magic is whole, with TLS from the
                                  first byte on; 5,000; and as long again for
                                  a gateway to prove itself */
    unsigned silence_ms;       /* without a byte from a gateway; 10,000 */
    unsigned handler_limit_ms; /* reported when exceeded; 100 */
    unsigned groups;           /* of which no more are made for frames: users
                                  who ask for one are told TOO_MANY; 100,000 */

    const struct domi_tls_options *link_tls; /* for links from gateways, all
                                                or none; NULL: none. The HTTP
                                                port has no TLS */

    const char *advertise;  /* address told to others; NULL: `host`, or, where
                               that means all addresses, the first one of the
                               machine; of its loopback for want of others */
    const char *admin_token; /* for POST /<id>/exit; NULL: only from loopback */
    const char *cluster_key; /* as in struct domi_gateway_options. Without one
                                whoever reaches tcp_port is taken for a
                                gateway, which a host that is not loopback is
                                warned of at the start */
    const char *cluster_key_old;
    unsigned drain_rate; /* in a drain: users a second who are sent to other
                            zones, by closing their groups; 0: none, each
                            stays as long as it likes */

    domi_zone_group_fn on_group; /* NULL: unknown groups are refused */
    domi_zone_joined_fn on_joined;   /* these may be NULL */
    domi_zone_id_fn on_id;
    domi_zone_drained_fn on_drained;
    domi_zone_memory_fn memory_use;
    domi_log_fn log;             /* NULL: no log */
    void *user;                  /* for these callbacks */
};

/* What a zone has done and refused since its start. */
struct domi_zone_stats {
    uint64_t links;            /* open now */
    uint64_t groups;           /* open now */
    uint64_t members;          /* of all groups, now */
    uint64_t frames_in;        /* taken for groups */
    uint64_t frames_out;       /* sent over links */
    uint64_t dropped_no_group; /* frames for groups that do not exist */
    uint64_t dropped_too_many; /* of these: as there are too many groups */
    uint64_t dropped_no_handler;
    uint64_t slow_handlers;    /* calls longer than handler_limit_ms */
    uint64_t pauses;           /* reading stopped because a ring was full */
    uint64_t closed[DOMI_REASON_COUNT]; /* links, by reason */
};

/*
 * A zone on the application's loop, which must outlive it. `options` may be
 * NULL. NULL when memory is short. [loop]
 */
DOMI_API struct domi_zone *domi_zone_new(struct uv_loop_s *loop,
                                         const struct domi_zone_options *o);

/*
 * Starts the workers, listens, and joins the registry. 0, or: DOMI_E_OPTION
 * (the log names the option), DOMI_E_STATE when started before, DOMI_E_TLS (the
 * log names the file), UV_EADDRINUSE and other codes of bind, UV_EAGAIN when a
 * thread cannot be made, UV_ENOMEM, and what the registry answers at once:
 * UV_EADDRINUSE when another node has the id, DOMI_E_TOO_MANY. After an error
 * the zone can only be closed. [loop]
 */
DOMI_API int domi_zone_start(struct domi_zone *zone);

/* Reads the files of `link_tls` again, as domi_gateway_reload_tls does.
   [loop] */
DOMI_API int domi_zone_reload_tls(struct domi_zone *zone);

/*
 * Leaves the registry, closes the listeners and links, lets the handlers take
 * what is in their rings, closes all groups, ends the workers, and then calls
 * `on_close`, which may be NULL, in a later turn of the loop. The loop never
 * waits for a handler: one that does not return keeps the zone from being
 * closed, while the loop goes on; how long to bear that is the application's
 * to say. A second call has no effect. [loop]
 */
DOMI_API void domi_zone_close(struct domi_zone *zone,
                              domi_zone_close_fn on_close, void *user);

/*
 * Begins to drain: the zone takes no new groups, and tells the registry and its
 * gateways so; the groups that it has go on, unless drain_rate moves their
 * users. When the last member is gone, on_drained is called. The HTTP port
 * does the same at POST /<id>/exit, and the registry when a newer version of
 * the service is in force. DOMI_E_STATE when the zone does not run; 0, also
 * when it drains already. [loop]
 */
DOMI_API int domi_zone_drain(struct domi_zone *zone);

/* Whether it drains. [loop] */
DOMI_API int domi_zone_is_draining(const struct domi_zone *zone);

/*
 * Gives a frame to a group of this zone, as if it had come from the zone (see
 * domi_user_is_zone). The way for other threads, timers of the application,
 * and handlers of other groups to reach a group: of all functions that take an
 * object of domi, this and domi_zone_data alone may be called on any thread.
 * Whether the group exists is found out by its worker, as for other frames. 0;
 * DOMI_E_TYPE_RESERVED; DOMI_E_FRAME_LENGTH when `size` is above the zone's
 * frame limit less 24; DOMI_E_QUEUE_FULL when as many bytes as a ring holds
 * wait already; DOMI_E_STATE when the zone does not run; UV_ENOMEM. It must not
 * be called after the zone's close callback has begun. [any]
 */
DOMI_API int domi_zone_post(struct domi_zone *zone, uint64_t group,
                            uint16_t type, const void *data, uint32_t size);

/* The node id, or -1 before the registry has given one. [loop] */
DOMI_API int domi_zone_id(const struct domi_zone *zone);

/* The ports that are listened on; 0 for none. [loop] */
DOMI_API int domi_zone_tcp_port(const struct domi_zone *zone);
DOMI_API int domi_zone_http_port(const struct domi_zone *zone);

/* [loop] */
DOMI_API void domi_zone_stats(const struct domi_zone *zone,
                              struct domi_zone_stats *stats);

/* A pointer of the application's, NULL at first; set it before the start, if
   handlers are to see it. [loop] */
DOMI_API void domi_zone_set_data(struct domi_zone *zone, void *data);

/* As it was set. [any] */
DOMI_API void *domi_zone_data(const struct domi_zone *zone);

#ifdef __cplusplus
}
#endif

#endif
