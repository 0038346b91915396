/* SPDX-License-Identifier: MIT */
/*
 * A worker: a thread with a ring in and a ring out.
 *
 *   the loop                         the worker
 *   reserve, commit, publish  -in->  on_record for a batch, then on_time
 *   drain                    <-out-  publish, wake the loop
 *
 * Ring in full: reserve is NULL; the worker wakes the loop when there is room.
 * Ring out full: the worker waits; drain wakes it when there is room. The loop
 * never waits, so that both at once come to an end as well.
 */
#include "worker/worker.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/ring.h"
#include "worker/sleeper.h"

/* Records of one batch: what they put out is shown to the loop after it. */
#define BATCH 64

struct domi__worker {
    struct domi__ring in;
    struct domi__ring out;

    /* Set at the start. */
    const struct domi__worker_calls *calls;
    void *self;
    struct domi__waker *waker; /* the loop's */
    bool threaded;

    /* The loop's. */
    pthread_t thread;
    bool started;  /* and not yet joined */
    bool draining;
    domi__worker_out_fn out_fn; /* of the drain under way, without a thread */
    void *out_user;

    /* The worker's. */
    _Alignas(DOMI__RING_LINE) uint64_t next_ns; /* what on_time returned */
    size_t unpublished; /* bytes in the ring out, about */
    atomic_uint_least64_t busy_since;

    /* Of both. */
    _Alignas(DOMI__RING_LINE) struct domi__sleeper idle; /* for want of work */
    struct domi__sleeper blocked; /* for want of room in the ring out */
    atomic_bool stopping;         /* set by the loop */
    atomic_bool ended;            /* set by the worker, its last act but one */
};

struct domi__worker *domi__worker_new(const struct domi__worker_calls *calls,
                                      void *self, size_t ring_size,
                                      struct domi__waker *waker, bool threaded)
{
    struct domi__worker *worker =
        aligned_alloc(_Alignof(struct domi__worker), sizeof(*worker));

    if (!worker) {
        return NULL;
    }
    memset(worker, 0, sizeof(*worker));
    worker->calls = calls;
    worker->self = self;
    worker->waker = waker;
    worker->threaded = threaded;
    if (domi__ring_init(&worker->in, ring_size) ||
        domi__ring_init(&worker->out, ring_size)) {
        domi__worker_free(worker);
        return NULL;
    }
    return worker;
}

void domi__worker_free(struct domi__worker *worker)
{
    if (!worker) {
        return;
    }
    assert(!worker->started);
    domi__ring_fini(&worker->in);
    domi__ring_fini(&worker->out);
    free(worker);
}

/* ---- the worker's side ------------------------------------------------- */

static void set_busy(struct domi__worker *worker, uint64_t since_ns)
{
    atomic_store_explicit(&worker->busy_since, since_ns, memory_order_relaxed);
}

static void publish_out(struct domi__worker *worker)
{
    worker->unpublished = 0;
    if (domi__ring_publish(&worker->out) && worker->threaded) {
        domi__waker_wake(worker->waker);
    }
}

/*
 * Runs the records of a batch, which ends early at a tick of the coarse clock:
 * what was put out must not wait for many slow handlers. False when there was
 * no record.
 */
static bool run_batch(struct domi__worker *worker)
{
    uint64_t begin_ns = 0;

    for (unsigned i = 0; i < BATCH; i++) {
        size_t size;
        uint32_t kind;
        const uint8_t *bytes = domi__ring_peek(&worker->in, &kind, &size);
        uint64_t now_ns;

        if (!bytes) {
            break;
        }
        now_ns = domi__clock_coarse_ns();
        if (begin_ns == 0) {
            begin_ns = now_ns;
        } else if (now_ns != begin_ns) {
            break;
        }
        set_busy(worker, now_ns);
        worker->calls->on_record(worker->self, kind, bytes, size);
        domi__ring_pop(&worker->in);
    }
    if (domi__ring_release(&worker->in)) {
        domi__waker_wake(worker->waker);
    }
    return begin_ns != 0;
}

/* One round of the worker: a batch, what is due, and the result's way out.
   False when there was no record. */
static bool run_round(struct domi__worker *worker)
{
    bool any = run_batch(worker);
    uint64_t now_ns = domi__clock_ns();

    if (any || now_ns >= worker->next_ns) {
        set_busy(worker, now_ns);
        worker->next_ns = worker->calls->on_time(worker->self, now_ns);
    }
    set_busy(worker, 0);
    publish_out(worker);
    return any;
}

/* Sleeps until there is something to do. False when there never will be. */
static bool rest(struct domi__worker *worker)
{
    /* Read first: what was published before the stop is seen then. */
    bool stopping = atomic_load(&worker->stopping);

    if (!domi__ring_is_empty(&worker->in)) {
        return true;
    }
    if (stopping) {
        return false;
    }
    domi__sleeper_lie_down(&worker->idle);
    if (domi__ring_is_empty(&worker->in) && !atomic_load(&worker->stopping)) {
        domi__sleeper_sleep(&worker->idle, worker->next_ns);
    }
    domi__sleeper_get_up(&worker->idle);
    return true;
}

static void *run_thread(void *arg)
{
    struct domi__worker *worker = arg;

    pthread_setname_np(pthread_self(), "domi-worker");
    do {
        run_round(worker);
    } while (rest(worker));
    atomic_store(&worker->ended, true);
    domi__waker_wake(worker->waker);
    return NULL;
}

static bool give_out(struct domi__worker *worker, domi__worker_out_fn out,
                     void *user)
{
    size_t given = 0;
    size_t size;
    uint32_t kind;
    const uint8_t *bytes;

    while (given < worker->out.size &&
           (bytes = domi__ring_peek(&worker->out, &kind, &size))) {
        out(user, kind, bytes, size);
        given += size + 1;
        domi__ring_pop(&worker->out);
        if (domi__ring_release(&worker->out)) {
            domi__sleeper_wake(&worker->blocked);
        }
    }
    return given > 0;
}

/* Shows the loop what there is and waits until it has taken enough of it. */
static void *wait_for_room(struct domi__worker *worker, size_t size)
{
    void *room;

    publish_out(worker);
    for (;;) {
        domi__sleeper_lie_down(&worker->blocked);
        room = domi__ring_reserve(&worker->out, size);
        if (room) {
            domi__sleeper_get_up(&worker->blocked);
            return room;
        }
        domi__sleeper_sleep(&worker->blocked, UINT64_MAX);
    }
}

/* Without a thread this is the loop's own stack: it drains at once. */
static void *make_room(struct domi__worker *worker, size_t size)
{
    void *room;

    assert(worker->out_fn);
    publish_out(worker);
    do {
        give_out(worker, worker->out_fn, worker->out_user);
        room = domi__ring_reserve(&worker->out, size);
    } while (!room);
    return room;
}

void *domi__worker_out_reserve(struct domi__worker *worker, size_t size)
{
    void *room = domi__ring_reserve(&worker->out, size);

    if (!room) {
        room = worker->threaded ? wait_for_room(worker, size)
                                : make_room(worker, size);
    }
    worker->unpublished += size + 8; /* and a header */
    return room;
}

void domi__worker_out_commit(struct domi__worker *worker, uint32_t kind)
{
    domi__ring_commit(&worker->out, kind);
    if (worker->unpublished >= worker->out.size / 4) {
        publish_out(worker);
    }
}

size_t domi__worker_out_limit(const struct domi__worker *worker)
{
    return domi__ring_limit(&worker->out);
}

/* ---- the loop's side --------------------------------------------------- */

int domi__worker_start(struct domi__worker *worker)
{
    sigset_t all, before;
    int err;

    if (!worker->threaded) {
        return 0;
    }
    /* Signals are the application's, on threads of its own. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    err = pthread_create(&worker->thread, NULL, run_thread, worker);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    worker->started = err == 0;
    return -err;
}

void domi__worker_stop(struct domi__worker *worker)
{
    domi__worker_publish(worker);
    atomic_store(&worker->stopping, true);
    domi__sleeper_wake(&worker->idle);
}

bool domi__worker_has_ended(struct domi__worker *worker)
{
    if (!worker->threaded) {
        return atomic_load(&worker->stopping) &&
               domi__ring_is_empty(&worker->in) &&
               domi__ring_is_empty(&worker->out);
    }
    if (!worker->started) {
        return true;
    }
    if (!atomic_load(&worker->ended) || !domi__ring_is_empty(&worker->out)) {
        return false;
    }
    pthread_join(worker->thread, NULL);
    worker->started = false;
    return true;
}

void *domi__worker_reserve(struct domi__worker *worker, size_t size)
{
    void *room = domi__ring_reserve(&worker->in, size);

    if (!room) {
        /* No room comes of what the worker does not see. */
        domi__worker_publish(worker);
    }
    return room;
}

void domi__worker_commit(struct domi__worker *worker, uint32_t kind)
{
    domi__ring_commit(&worker->in, kind);
}

void domi__worker_publish(struct domi__worker *worker)
{
    if (domi__ring_publish(&worker->in)) {
        domi__sleeper_wake(&worker->idle);
    }
}

bool domi__worker_has_room(struct domi__worker *worker)
{
    return domi__ring_has_room(&worker->in);
}

bool domi__worker_drain(struct domi__worker *worker, domi__worker_out_fn out,
                        void *user)
{
    bool any = false;

    /* Handlers must not nest, whatever `out` does. */
    if (worker->draining) {
        return false;
    }
    worker->draining = true;
    if (!worker->threaded) {
        worker->out_fn = out;
        worker->out_user = user;
        any = run_round(worker);
        worker->out_fn = NULL;
    }
    any = give_out(worker, out, user) || any;
    worker->draining = false;
    return any;
}

uint64_t domi__worker_next_time(const struct domi__worker *worker)
{
    return worker->next_ns;
}

uint64_t domi__worker_busy_since(const struct domi__worker *worker)
{
    return atomic_load_explicit(&worker->busy_since, memory_order_relaxed);
}

bool domi__worker_is_done(const struct domi__worker *worker)
{
    return domi__ring_is_done(&worker->in);
}
