/* SPDX-License-Identifier: MIT */
/* Inside the zone room: the zone, its links and workers, and their records. */
#ifndef DOMI_ZONE_STATE_H
#define DOMI_ZONE_STATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/ids.h"
#include "base/list.h"
#include "base/log.h"
#include "cluster/cluster.h"
#include "domi/zone.h"
#include "group/group.h"
#include "transport/transport.h"
#include "worker/worker.h"

/*
 * All of this is the loop's, but for what is marked: `posts` is under the
 * mutex, and `host` is the worker's once the worker has been started.
 */

/* ---- records to a worker ------------------------------------------------- */

enum domi__zone_record {
    DOMI__RECORD_FRAME,      /* struct domi__record_frame, the data */
    DOMI__RECORD_LINK_UP,    /* the rest: struct domi__record_link */
    DOMI__RECORD_HELLO,
    DOMI__RECORD_LINK_DOWN,
    DOMI__RECORD_USERS_GONE, /* behind it: user ids as on the wire */
    DOMI__RECORD_USER_LEAVE, /* struct domi__record_frame */
    DOMI__RECORD_OPEN,       /* struct domi_group * */
    DOMI__RECORD_STOP,       /* nothing; the last one */
};

struct domi__record_frame {
    uint64_t user;
    uint64_t group;
    uint32_t link;
    uint16_t type;
};

struct domi__record_link {
    uint64_t id;       /* LINK_UP */
    uint32_t link;
    uint32_t features; /* HELLO */
    uint32_t reason;   /* USERS_GONE */
};

/* A record that waits for room: of domi_zone_post, or of a group that was
   opened before the start. */
struct domi__zone_item {
    struct domi__list node;
    uint32_t kind;
    uint32_t size;
    uint8_t bytes[];
};

/* ---- workers ------------------------------------------------------------- */

struct domi__zone_worker {
    struct domi_zone *zone;
    struct domi__worker *worker;
    struct domi__group_host *host;
    struct domi__list posts;  /* from any thread; under the zone's mutex */
    struct domi__list items;  /* taken over from `posts`, in order */
    atomic_size_t item_bytes; /* of both lists */
    uint64_t reported_ns;     /* the start of the stuck call in the log */
    bool started;
    bool stopped;             /* the record STOP was its last */
};

/* ---- links --------------------------------------------------------------- */

/*
 * What the workers know a link by. It outlives the link's session until all
 * workers have said that they are done with it; only then the index is given
 * again, so that no frame can reach a wrong link.
 */
struct domi__zone_slot {
    struct domi__list pending; /* in the zone's list: an event to be told */
    struct domi__session *session; /* NULL once it is gone */
    uint64_t id;
    uint32_t index;
    unsigned done; /* workers that are done with it */
    bool told;     /* LINK_UP has gone to all workers */
};

struct domi__zone_link {
    struct domi__session session;
    struct domi__list node;    /* in the zone's list of links */
    struct domi__list waiting; /* in the zone's list of those that wait */
    struct domi__zone_slot *slot; /* NULL when memory was short */
    struct domi__zone_worker *waits_for; /* room there; NULL: in all */
    bool heard; /* a frame has come; a hello would be too late */
};

/* ---- the zone ------------------------------------------------------------ */

struct domi_zone {
    struct domi__loop *loop;
    struct domi__log log;
    struct domi_zone_options options; /* with defaults, strings copied */
    struct domi__session_limits limits;
    struct domi_registry *registry;
    struct domi_registry *own_registry; /* NULL when one was given */
    struct domi__membership membership;
    struct domi__ids ids;
    struct domi__listener *tcp;
    struct domi__listener *http;
    struct domi__memory_port port;
    struct domi__loop_hook hook;
    struct domi__timer watch; /* looks for stuck handlers */
    struct domi__timer beat;  /* without threads: the next tick */
    struct domi__deferred finish;

    struct domi__zone_worker *workers;
    unsigned worker_count;
    struct domi__list early; /* groups opened before the start */

    struct domi__list links;
    size_t admitted; /* sessions that have not had their on_close */
    struct domi__zone_slot **slots;
    struct domi__zone_slot **free_slots; /* as many places as `slots` */
    uint32_t slot_count;
    uint32_t slot_room;
    uint32_t free_count;
    struct domi__list pending; /* slots whose state the workers must hear */
    struct domi__list waiting; /* links that were not taken a frame from */

    pthread_mutex_t mutex; /* of `running` and the workers' `posts` */
    bool running;          /* posts are taken */

    bool fed; /* records were committed that the watch does not know of */

    bool started;   /* domi_zone_start was called */
    bool joining;   /* the registry was asked */
    bool joined;    /* it has given the id */
    int join_status;
    bool left;      /* it has let go */
    bool closing;
    bool finishing;
    unsigned listeners; /* that are not closed yet */
    domi_zone_close_fn on_close;
    void *on_close_user;
    void *data;
    struct domi_zone_stats stats;
};

/* ---- options.c ----------------------------------------------------------- */

/* Copies the options and fills in the defaults. 0 or UV_ENOMEM. */
int domi__zone_options_init(struct domi_zone *zone,
                            const struct domi_zone_options *options);
void domi__zone_options_fini(struct domi_zone *zone);

/* 0, or DOMI_E_OPTION after a line in the log. */
int domi__zone_options_check(struct domi_zone *zone);

/* ---- workers.c ----------------------------------------------------------- */

/* Makes and starts the workers. 0 or a libuv code. */
int domi__zone_workers_start(struct domi_zone *zone);

/* Frees workers that have ended or were never started. */
void domi__zone_workers_free(struct domi_zone *zone);

/* The worker that has, or would have, this group. */
struct domi__zone_worker *domi__zone_worker_of(const struct domi_zone *zone,
                                               uint64_t group);

/* Room for a record in every worker's ring, all of it or nothing. */
bool domi__zone_reserve_all(struct domi_zone *zone, void **rooms, size_t size);
void domi__zone_commit_all(struct domi_zone *zone, uint32_t kind);

/* Tells the workers that it was their last record; true when all have ended
   and have been drained. `*worked` is set when something was done. */
bool domi__zone_workers_stop(struct domi_zone *zone, bool *worked);

/* Looks for handlers that run too long, as long as there is work. */
void domi__zone_watch(struct domi_zone *zone);

/* ---- inbound.c ----------------------------------------------------------- */

extern const struct domi__session_owner domi__zone_link_owner;

/* Tells the workers of links that came and went. True when something was
   done; the list `pending` is empty when all is told. */
bool domi__zone_tell_links(struct domi_zone *zone);

/* Lets those links go on whose worker has room again. */
bool domi__zone_resume_links(struct domi_zone *zone);

/* A worker is done with the link of this index. */
void domi__zone_slot_done(struct domi_zone *zone, uint32_t index);

void domi__zone_slots_free(struct domi_zone *zone);

/* ---- outbound.c ---------------------------------------------------------- */

/* Carries out what the workers have put out. */
bool domi__zone_drain(struct domi_zone *zone);

/* ---- post.c -------------------------------------------------------------- */

/* Moves what waits to the rings, as far as there is room. */
bool domi__zone_take_items(struct domi_zone *zone);

/* Whether nothing waits. */
bool domi__zone_items_done(struct domi_zone *zone);

/* Gives groups that were opened early to their workers' lists. */
void domi__zone_take_early(struct domi_zone *zone);

/* Frees a list of items that no worker will ever see; groups are closed. */
void domi__zone_items_free(struct domi__list *items);

/* ---- health.c ------------------------------------------------------------ */

/* What the HTTP port answers; `arg` is the zone. */
void domi__zone_answer(void *arg, const struct domi__http_question *question,
                       struct domi__http_answer *answer);

#endif
