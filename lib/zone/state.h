/* SPDX-License-Identifier: MIT */
/* Inside the zone room: the zone, its links and workers, and their records. */
#ifndef DOMI_ZONE_STATE_H
#define DOMI_ZONE_STATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/ids.h"
#include "base/list.h"
#include "base/log.h"
#include "base/table.h"
#include "cluster/cluster.h"
#include "domi/zone.h"
#include "group/group.h"
#include "transport/transport.h"
#include "worker/worker.h"
#include "zone/arbiter.h"

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
    DOMI__RECORD_DRAIN,      /* uint32_t, the drain's number; 0: none */
    DOMI__RECORD_MOVE,       /* uint32_t, how many users */
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
    uint32_t emptied; /* the last drain during which it had no members */
    bool started;
    bool stopped;             /* the record STOP was its last */
};

/* ---- links --------------------------------------------------------------- */

/* What this zone knows, of what a gateway may ask for. */
#define DOMI__ZONE_FEATURES                                                    \
    (DOMI__FEATURE_GROUPS | DOMI__FEATURE_LOAD | DOMI__FEATURE_DIRECTORY |     \
     DOMI__FEATURE_NODES)

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
    struct domi__zone_slot *slot; /* NULL until it is trusted, or when memory
                                     was short */
    struct domi__zone_worker *waits_for; /* room there; NULL: in all */
    uint32_t features; /* DOMI__FEATURE_*, that both sides know */
    bool heard; /* a frame has come; a hello would be too late */

    /* See trust.c. */
    bool trusted;              /* it has proven itself, or need not */
    bool greeted;              /* it has not, and its hello was answered */
    struct domi__talk talk;
    struct domi__timer proof;  /* until it must be trusted */
    struct domi__node_set nodes; /* of its users' ids, with FEATURE_NODES */

    /* Of the directory, ids that the gateway is yet to be told; NULL: none. */
    uint64_t *list;
    size_t list_size;
    size_t listed; /* of those, that were told, or are no more */
};

/* ---- load and drains ----------------------------------------------------- */

struct domi__zone_load {
    struct domi__timer pulse; /* once a second */
    unsigned memory;          /* percent in use, as last read */
    bool memory_short;
    bool stuck;     /* a worker is */
    unsigned flags; /* DOMI__LOAD_*, as last told */
};

struct domi__zone_drain {
    uint32_t number; /* of the drain under way; 0: none */
    uint32_t last;   /* number that was given */
    bool untold;     /* the workers have yet to hear of it, or of its end */
    bool asked;      /* not, or not only, by a newer version */
    bool ended;      /* on_drained was called */
    struct domi__timer end; /* calls it in a later turn */

    /* Where users are moved. */
    struct domi__timer step;
    uint64_t stepped_ms;
    int64_t due;   /* thousandths of users; below 0: more than was due */
    unsigned next; /* the worker that is asked next */
    bool moving;   /* one was asked, and has not answered */
};

/* ---- the zone ------------------------------------------------------------ */

struct domi_zone {
    struct domi__loop *loop;
    struct domi__log log;
    struct domi_zone_options options; /* with defaults, strings copied */
    struct domi__session_limits limits;
    _Atomic uint32_t group_count; /* of all workers */
    struct domi__session_limits stranger_limits; /* of links not trusted */
    struct domi_registry *registry;
    struct domi_registry *own_registry; /* NULL when one was given */
    struct domi__membership membership;
    char advertised[DOMI__ADDRESS_SIZE]; /* host that others are told */
    struct domi__ids ids;
    struct domi__zone_load load;
    struct domi__zone_drain drain;
    struct domi__tls *tls; /* of links; NULL: none */
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

    struct domi__table groups; /* open, by id: to their workers */
    struct domi__arbiter arbiter;

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

/* The keys that links are opened with; the options' own strings. */
struct domi__cluster_keys domi__zone_keys(const struct domi_zone *zone);

/* ---- tls.c --------------------------------------------------------------- */

/* Copies the options. 0 or UV_ENOMEM. */
int domi__zone_tls_init(struct domi_zone *zone);

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

/* Begins to look when a worker is busy though it was given nothing: now and
   then, as ticks may run too long as well. */
void domi__zone_watch_ticks(struct domi_zone *zone);

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

/* ---- trust.c ------------------------------------------------------------- */

/* A link has opened: from now on its gateway must prove itself, unless it need
   not. */
void domi__zone_trust_begin(struct domi__zone_link *link);

/* A frame of one that is not trusted. True when it is now, by this frame,
   which is PROVE; otherwise the frame was dealt with. */
bool domi__zone_trust_frame(struct domi__zone_link *link,
                            const struct domi_frame *frame);

/* Takes the node ids that its users' ids may have, of a hello with
   FEATURE_NODES, or of NODES. False when they are no node ids. */
bool domi__zone_trust_hello(struct domi__zone_link *link, const uint8_t *hello);
bool domi__zone_trust_nodes(struct domi__zone_link *link, const uint8_t *ids,
                            uint32_t size);

/* Whether the gateway of this link may name this user. */
static inline bool domi__zone_trusts_user(const struct domi__zone_link *link,
                                          uint64_t user)
{
    return !(link->features & DOMI__FEATURE_NODES) ||
           domi__node_set_has(&link->nodes, domi__id_node(user));
}

/* ---- outbound.c ---------------------------------------------------------- */

/* Carries out what the workers have put out. */
bool domi__zone_take_effects(struct domi_zone *zone);

/* ---- zone.c -------------------------------------------------------------- */

/* Whether posts and groups are taken. */
void domi__zone_set_running(struct domi_zone *zone, bool running);

/* ---- membership.c -------------------------------------------------------- */

/* The answer may come later; a refusal that comes at once is returned. */
int domi__zone_join(struct domi_zone *zone);
void domi__zone_leave(struct domi_zone *zone);

/* ---- directory.c --------------------------------------------------------- */

bool domi__zone_has_group(const struct domi_zone *zone, uint64_t group);

/* A worker says so; the links that follow the directory are told. */
void domi__zone_group_opened(struct domi_zone *zone, uint64_t group);
void domi__zone_group_closed(struct domi_zone *zone, uint64_t group,
                             uint16_t reason);

/* Tells a link that has just said hello what there is, if it asked for that;
   goes on when the link's queue has room; forgets the rest. */
void domi__zone_list_begin(struct domi__zone_link *link);
void domi__zone_list_on(struct domi__zone_link *link);
void domi__zone_list_free(struct domi__zone_link *link);

/* The node where a group is, or is to be; see struct domi__arbiter. */
uint64_t domi__zone_place(struct domi_zone *zone, uint64_t group,
                          uint64_t wanted, uint64_t refused);

/* ---- load.c -------------------------------------------------------------- */

void domi__zone_load_start(struct domi_zone *zone);
void domi__zone_load_stop(struct domi_zone *zone);

/* Tells a link that has just said hello, if it asked for that. */
void domi__zone_load_greet(struct domi__zone_link *link);

/* Tells all links that asked for it, if a flag has changed. */
void domi__zone_load_update(struct domi_zone *zone);

/* A worker has been at one thing for long, or no more. */
void domi__zone_load_set_stuck(struct domi_zone *zone, bool stuck);

/* The memory use that the zone tells, in percent. */
unsigned domi__zone_memory(const struct domi_zone *zone);

/* Whether a worker is stuck or memory is short: it wants no new users. */
bool domi__zone_is_busy(const struct domi_zone *zone);

/* Of all its groups; a glimpse. */
uint64_t domi__zone_members(const struct domi_zone *zone);

/* ---- drain.c ------------------------------------------------------------- */

/* `asked`: it ends whatever the registry says, and is not called off. */
void domi__zone_drain_begin(struct domi_zone *zone, bool asked);
void domi__zone_drain_call_off(struct domi_zone *zone);

/* Tells the workers, and looks whether the drain has come to its end. True
   when something was done. */
bool domi__zone_drain_run(struct domi_zone *zone);

/* A worker has closed groups with so many members. */
void domi__zone_drain_moved(struct domi_zone *zone, uint64_t users);

/* Stops the timers. */
void domi__zone_drain_fini(struct domi_zone *zone);

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
