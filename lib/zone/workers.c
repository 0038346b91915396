/* SPDX-License-Identifier: MIT */
/* The zone's workers: from a record to what the host of groups is told. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "base/clock.h"
#include "zone/state.h"

#define NS_PER_MS 1000000u

/* How far behind the worker's note of when it began may be. */
#define COARSE_NS (10u * NS_PER_MS)

/* A worker that has been at one record for longer is stuck. */
#define STUCK_NS (1000u * NS_PER_MS)

/* The watch looks at least so often while there is work. */
#define WATCH_MS 100u

/* ---- on the worker's thread --------------------------------------------- */

static void run_frame(struct domi__group_host *host, const uint8_t *bytes,
                      size_t size)
{
    const struct domi__record_frame *frame = (const void *)bytes;

    domi__group_host_frame(host, frame->link, frame->user, frame->group,
                           frame->type, bytes + sizeof(*frame),
                           (uint32_t)(size - sizeof(*frame)));
}

static void run_user_leave(struct domi__group_host *host, const uint8_t *bytes)
{
    const struct domi__record_frame *frame = (const void *)bytes;

    domi__group_host_user_leave(host, frame->link, frame->user, frame->group);
}

static void run_users_gone(struct domi__group_host *host, const uint8_t *bytes,
                           size_t size)
{
    const struct domi__record_link *record = (const void *)bytes;

    domi__group_host_users_gone(host, record->link, bytes + sizeof(*record),
                                (size - sizeof(*record)) / 8,
                                (enum domi_reason)record->reason);
}

static void run_open(struct domi__group_host *host, const uint8_t *bytes)
{
    struct domi_group *group;

    memcpy(&group, bytes, sizeof(group));
    domi__group_host_open(host, group);
}

static uint32_t number_of(const uint8_t *bytes)
{
    uint32_t number;

    memcpy(&number, bytes, sizeof(number));
    return number;
}

static void on_record(void *self, uint32_t kind, const uint8_t *bytes,
                      size_t size)
{
    struct domi__zone_worker *worker = self;
    struct domi__group_host *host = worker->host;
    const struct domi__record_link *link = (const void *)bytes;

    switch ((enum domi__zone_record)kind) {
    case DOMI__RECORD_FRAME:
        run_frame(host, bytes, size);
        break;
    case DOMI__RECORD_LINK_UP:
        domi__group_host_link_up(host, link->link, link->id);
        break;
    case DOMI__RECORD_HELLO:
        domi__group_host_link_features(host, link->link, link->features);
        break;
    case DOMI__RECORD_LINK_DOWN:
        domi__group_host_link_down(host, link->link);
        break;
    case DOMI__RECORD_USERS_GONE:
        run_users_gone(host, bytes, size);
        break;
    case DOMI__RECORD_USER_LEAVE:
        run_user_leave(host, bytes);
        break;
    case DOMI__RECORD_OPEN:
        run_open(host, bytes);
        break;
    case DOMI__RECORD_DRAIN:
        domi__group_host_drain(host, number_of(bytes));
        break;
    case DOMI__RECORD_MOVE:
        domi__group_host_move(host, number_of(bytes));
        break;
    case DOMI__RECORD_STOP:
        domi__group_host_stop(host);
        break;
    }
}

static uint64_t on_time(void *self, uint64_t now_ns)
{
    struct domi__zone_worker *worker = self;

    return domi__group_host_time(worker->host, now_ns);
}

static const struct domi__worker_calls worker_calls = {on_record, on_time};

static void *reserve(void *arg, size_t size)
{
    struct domi__zone_worker *worker = arg;

    return domi__worker_out_reserve(worker->worker, size);
}

static void commit(void *arg, uint32_t kind)
{
    struct domi__zone_worker *worker = arg;

    domi__worker_out_commit(worker->worker, kind);
}

static uint64_t now(void *arg)
{
    (void)arg;
    return domi__clock_ns();
}

static const struct domi__group_calls group_calls = {reserve, commit, now};

/* ---- on the loop: life --------------------------------------------------- */

static int start_worker(struct domi__zone_worker *worker)
{
    struct domi_zone *zone = worker->zone;
    const struct domi_zone_options *options = &zone->options;
    struct domi__group_options group_options = {
        .calls = &group_calls,
        .arg = worker,
        .zone = zone,
        .on_group = options->on_group,
        .on_group_user = options->user,
        .frame_limit = options->frame_limit,
        .handler_limit_ns = (uint64_t)options->handler_limit_ms * NS_PER_MS,
        .group_count = &zone->group_count,
        .group_limit = options->groups,
    };
    int err;

    worker->worker = domi__worker_new(&worker_calls, worker,
                                      options->ring_size,
                                      domi__loop_waker(zone->loop),
                                      !options->no_workers);
    if (!worker->worker) {
        return UV_ENOMEM;
    }
    group_options.record_limit = domi__worker_out_limit(worker->worker);
    worker->host = domi__group_host_new(&group_options);
    if (!worker->host) {
        return UV_ENOMEM;
    }
    err = domi__worker_start(worker->worker);
    worker->started = err == 0;
    return err;
}

int domi__zone_workers_start(struct domi_zone *zone)
{
    unsigned i;
    int err = 0;

    zone->workers = calloc(zone->options.workers, sizeof(*zone->workers));
    if (!zone->workers) {
        return UV_ENOMEM;
    }
    zone->worker_count = zone->options.workers;
    for (i = 0; i < zone->worker_count; i++) {
        zone->workers[i].zone = zone;
        domi__list_init(&zone->workers[i].posts);
        domi__list_init(&zone->workers[i].items);
    }
    for (i = 0; i < zone->worker_count && err == 0; i++) {
        err = start_worker(&zone->workers[i]);
    }
    if (err) {
        domi__log(&zone->log, DOMI_LOG_ERROR, "worker %u: cannot start: %s",
                  i - 1, uv_strerror(err));
    }
    return err;
}

void domi__zone_workers_free(struct domi_zone *zone)
{
    for (unsigned i = 0; i < zone->worker_count; i++) {
        struct domi__zone_worker *worker = &zone->workers[i];

        domi__zone_items_free(&worker->posts);
        domi__zone_items_free(&worker->items);
        domi__worker_free(worker->worker);
        domi__group_host_free(worker->host);
    }
    free(zone->workers);
    zone->workers = NULL;
    zone->worker_count = 0;
}

/* ---- on the loop: records ------------------------------------------------ */

struct domi__zone_worker *domi__zone_worker_of(const struct domi_zone *zone,
                                               uint64_t group)
{
    /* Keyed, so that nobody can choose ids that all fall to one worker. */
    uint64_t hash = domi__hash(&zone->groups.key, group);

    return &zone->workers[hash % zone->worker_count];
}

/* A reservation that is not committed is given up by the next one. */
bool domi__zone_reserve_all(struct domi_zone *zone, void **rooms, size_t size)
{
    for (unsigned i = 0; i < zone->worker_count; i++) {
        rooms[i] = domi__worker_reserve(zone->workers[i].worker, size);
        if (!rooms[i]) {
            return false;
        }
    }
    return true;
}

void domi__zone_commit_all(struct domi_zone *zone, uint32_t kind)
{
    for (unsigned i = 0; i < zone->worker_count; i++) {
        domi__worker_commit(zone->workers[i].worker, kind);
    }
    zone->fed = true;
}

/* A worker that was never started has nothing to end. */
static bool stop_worker(struct domi__zone_worker *worker, bool *worked)
{
    if (!worker->started) {
        return true;
    }
    if (!worker->stopped) {
        if (!domi__worker_reserve(worker->worker, 0)) {
            return false;
        }
        domi__worker_commit(worker->worker, DOMI__RECORD_STOP);
        domi__worker_stop(worker->worker);
        worker->stopped = true;
        *worked = true;
        return false;
    }
    return domi__worker_has_ended(worker->worker);
}

bool domi__zone_workers_stop(struct domi_zone *zone, bool *worked)
{
    bool ended = true;

    for (unsigned i = 0; i < zone->worker_count; i++) {
        ended &= stop_worker(&zone->workers[i], worked);
    }
    return ended;
}

/* ---- on the loop: stuck handlers ----------------------------------------- */

/* True when the worker is at work, or will be: its thread may not have had its
   turn yet. */
static bool look_at(struct domi__zone_worker *worker, unsigned number,
                    uint64_t now_ns)
{
    struct domi_zone *zone = worker->zone;
    uint64_t since = domi__worker_busy_since(worker->worker);
    uint64_t limit = (uint64_t)zone->options.handler_limit_ms * NS_PER_MS;
    uint64_t group;
    uint16_t type;

    if (since == 0) {
        return !domi__worker_is_done(worker->worker);
    }
    if (now_ns - since > limit + COARSE_NS && since != worker->reported_ns &&
        now_ns > since && domi__group_host_running(worker->host, &group,
                                                   &type)) {
        worker->reported_ns = since;
        domi__log_peer(&zone->log, DOMI_LOG_WARNING,
                       "worker %u: a handler has been running for %" PRIu64
                       " ms: group %" PRIu64 ", type %u",
                       number, (now_ns - since) / NS_PER_MS, group, type);
    }
    return true;
}

static bool is_stuck(const struct domi__zone_worker *worker, uint64_t now_ns)
{
    uint64_t since = domi__worker_busy_since(worker->worker);

    return since != 0 && now_ns > since && now_ns - since > STUCK_NS;
}

static void on_watch(struct domi__timer *timer)
{
    struct domi_zone *zone = DOMI__CONTAINER(timer, struct domi_zone, watch);
    uint64_t now_ns = domi__clock_ns();
    bool busy = false;
    bool stuck = false;

    for (unsigned i = 0; i < zone->worker_count; i++) {
        if (zone->workers[i].started) {
            busy |= look_at(&zone->workers[i], i, now_ns);
            stuck |= is_stuck(&zone->workers[i], now_ns);
        }
    }
    domi__zone_load_set_stuck(zone, stuck);
    if (busy) {
        domi__zone_watch(zone);
    }
}

void domi__zone_watch(struct domi_zone *zone)
{
    unsigned after_ms = zone->options.handler_limit_ms / 2 + 1;

    zone->fed = false;
    if (!domi__timer_is_running(&zone->watch) && !zone->options.no_workers) {
        domi__timer_start(zone->loop, &zone->watch,
                          after_ms < WATCH_MS ? after_ms : WATCH_MS, on_watch);
    }
}

void domi__zone_watch_ticks(struct domi_zone *zone)
{
    for (unsigned i = 0; i < zone->worker_count; i++) {
        if (zone->workers[i].started &&
            domi__worker_busy_since(zone->workers[i].worker) != 0) {
            domi__zone_watch(zone);
        }
    }
}
