/* SPDX-License-Identifier: MIT */
/*
 * The library's share of an application's uv loop.
 *
 * The loop polls one descriptor of ours, an epoll set that holds all sockets:
 * a session then needs no uv handle, its memory, nor an asynchronous close.
 * Before the loop blocks, on_prepare settles the turn: hooks, flush, deferred
 * calls, until there is nothing left to do; only then is the waker told that
 * we sleep, and the hooks are asked once more.
 */
#include "transport/loop_inner.h"

#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "transport/tls.h"

#define EVENTS 512        /* taken from the epoll set at once */
#define SETTLE_ROUNDS 16  /* before the sockets have their turn again */

/* A turn that takes longer, or a poll that ends so much late, is a time for
   which the loop stood still: stopped, starved, or kept by a callback. */
#define STILL_MS 500

/* A put to come, allocated by the get, so that a put cannot fail. */
struct domi__put {
    struct domi__put *next;
    struct domi__deferred deferred;
    void (*on_put)(void *user);
    void *user;
};

/* Each is put back before it runs, so that a hook may remove any of them. */
static bool run_hooks(struct domi__loop *loop)
{
    struct domi__list now;
    struct domi__list *node;
    bool worked = false;

    domi__list_init(&now);
    domi__list_move(&now, &loop->hooks);
    while ((node = domi__list_pop(&now))) {
        struct domi__loop_hook *hook =
            DOMI__CONTAINER(node, struct domi__loop_hook, node);

        domi__list_push(&loop->hooks, node);
        worked |= hook->run(hook);
    }
    return worked;
}

/* Those that become dirty meanwhile wait for the next round, so that two that
   answer each other through memory do not keep the loop for themselves. */
static bool flush_dirty(struct domi__loop *loop)
{
    struct domi__list last;
    struct domi__list *node;
    bool worked = false;

    domi__list_push(&loop->dirty, &last);
    while ((node = domi__list_pop(&loop->dirty)) != &last) {
        struct domi__session *session =
            DOMI__CONTAINER(node, struct domi__session, dirty);

        if (session->queue && !session->blocked) {
            session->transport->flush(session);
        }
        domi__session_tell_low(session);
        worked = true;
    }
    domi__batches_end(loop);
    return worked;
}

static bool run_deferred(struct domi__loop *loop)
{
    struct domi__list now;
    struct domi__list *node;
    bool worked = false;

    domi__list_init(&now);
    domi__list_move(&now, &loop->deferred);
    while ((node = domi__list_pop(&now))) {
        struct domi__deferred *deferred =
            DOMI__CONTAINER(node, struct domi__deferred, node);

        deferred->run(deferred);
        worked = true;
    }
    return worked;
}

static bool settle_round(struct domi__loop *loop)
{
    bool worked = run_hooks(loop);

    worked |= flush_dirty(loop);
    worked |= run_deferred(loop);
    return worked;
}

static void free_loop(struct domi__loop *loop)
{
    struct domi__put *put = loop->last_put;

    domi__waker_fini(&loop->waker);
    if (loop->epoll >= 0) {
        close(loop->epoll);
    }
    domi__queues_fini(loop);
    domi__buffers_fini(&loop->buffers);
    free(loop->read_buffer);
    domi__tls_share_free(loop->tls);
    free(loop);
    if (put) {
        put->on_put(put->user);
        free(put);
    }
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct domi__loop *loop = handle->data;

    if (--loop->handles == 0) {
        free_loop(loop);
    }
}

static void close_handles(struct domi__loop *loop)
{
    loop->closing = true;
    loop->handles = 4;
    uv_close((uv_handle_t *)&loop->poll, on_handle_closed);
    uv_close((uv_handle_t *)&loop->prepare, on_handle_closed);
    uv_close((uv_handle_t *)&loop->check, on_handle_closed);
    uv_close((uv_handle_t *)&loop->timer, on_handle_closed);
}

static void settle(struct domi__loop *loop)
{
    int round = 0;

    for (;;) {
        while (round < SETTLE_ROUNDS && settle_round(loop)) {
            round++;
        }
        if (round == SETTLE_ROUNDS) {
            /* The rest waits for one look at the sockets. */
            domi__waker_sleep(&loop->waker);
            domi__waker_wake(&loop->waker);
            return;
        }
        if (loop->users == 0 && loop->holds == 0) {
            close_handles(loop);
            return;
        }
        domi__waker_sleep(&loop->waker);
        if (!run_hooks(loop)) {
            loop->settled = true;
            return;
        }
        domi__waker_awake(&loop->waker);
        round++;
    }
}

static void count_lost(struct domi__loop *loop, uint64_t ms)
{
    if (ms > STILL_MS) {
        loop->lost_ms += ms;
    }
}

static void on_prepare(uv_prepare_t *handle)
{
    struct domi__loop *loop = handle->data;

    loop->prepared_ms = uv_now(loop->uv);
    count_lost(loop, loop->prepared_ms - loop->checked_ms);
    settle(loop);
    loop->wait_ms = uv_backend_timeout(loop->uv);
}

/* The loop does not block any more: others need not wake it. */
static void wake_up(struct domi__loop *loop)
{
    loop->settled = false;
    domi__waker_awake(&loop->waker);
}

static void on_check(uv_check_t *handle)
{
    struct domi__loop *loop = handle->data;

    wake_up(loop);
    loop->checked_ms = uv_now(loop->uv);
    if (loop->wait_ms >= 0 &&
        loop->checked_ms > loop->prepared_ms + (unsigned)loop->wait_ms) {
        count_lost(loop, loop->checked_ms - loop->prepared_ms -
                             (unsigned)loop->wait_ms);
    }
    if (!loop->polled) {
        loop->listened_ms = loop->checked_ms;
        loop->swept = 0;
    }
    loop->polled = false;
}

/* The set hands out those that are ready in turn; so all of them were met once
   there were as many events as sockets, or fewer than were asked for. */
static void sweep(struct domi__loop *loop, size_t count)
{
    if (loop->swept == 0) {
        loop->sweep_ms = uv_now(loop->uv);
    }
    loop->swept += count;
    loop->polled = true;
    if (count < EVENTS || loop->swept >= loop->watches) {
        loop->listened_ms = loop->sweep_ms;
        loop->swept = 0;
    }
}

static void on_poll(uv_poll_t *handle, int status, int uv_events)
{
    struct domi__loop *loop = handle->data;
    struct epoll_event events[EVENTS];
    int count;

    (void)status;
    (void)uv_events;
    domi__waker_awake(&loop->waker);
    wake_up(loop);
    count = epoll_wait(loop->epoll, events, EVENTS, 0);
    for (int i = 0; i < count; i++) {
        struct domi__watch *watch = events[i].data.ptr;

        /* An earlier event of this round may have removed it. */
        if (watch->events) {
            watch->ready(watch, events[i].events);
        }
    }
    sweep(loop, count > 0 ? (size_t)count : 0);
}

static void on_waker(struct domi__watch *watch, unsigned events)
{
    struct domi__loop *loop =
        DOMI__CONTAINER(watch, struct domi__loop, waker_watch);

    (void)events;
    domi__waker_clear(&loop->waker);
}

static void find_share(uv_handle_t *handle, void *arg)
{
    struct domi__loop **found = arg;

    /* The callback tells our own prepare handle from the application's. */
    if (handle->type == UV_PREPARE && !uv_is_closing(handle) &&
        ((uv_prepare_t *)handle)->prepare_cb == on_prepare) {
        *found = handle->data;
    }
}

static int open_descriptors(struct domi__loop *loop)
{
    int err = domi__waker_init(&loop->waker);

    if (err) {
        return err;
    }
    loop->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (loop->epoll < 0) {
        return UV_EMFILE;
    }
    loop->waker_watch.fd = loop->waker.fd;
    loop->waker_watch.ready = on_waker;
    return domi__watch_set(loop, &loop->waker_watch, EPOLLIN);
}

static void start_handles(struct domi__loop *loop)
{
    loop->prepare.data = loop;
    loop->check.data = loop;
    loop->timer.data = loop;
    loop->poll.data = loop;
    uv_prepare_init(loop->uv, &loop->prepare);
    uv_check_init(loop->uv, &loop->check);
    uv_timer_init(loop->uv, &loop->timer);
    uv_prepare_start(&loop->prepare, on_prepare);
    uv_check_start(&loop->check, on_check);
    uv_poll_start(&loop->poll, UV_READABLE, on_poll);
    /* The poll handle alone keeps the application's loop running. */
    uv_unref((uv_handle_t *)&loop->prepare);
    uv_unref((uv_handle_t *)&loop->check);
    uv_unref((uv_handle_t *)&loop->timer);
}

static struct domi__loop *new_loop(uv_loop_t *uv)
{
    struct domi__loop *loop = calloc(1, sizeof(*loop));

    if (!loop) {
        return NULL;
    }
    loop->uv = uv;
    loop->epoll = -1;
    loop->waker.fd = -1;
    loop->listened_ms = uv_now(uv);
    loop->checked_ms = uv_now(uv);
    loop->prepared_ms = uv_now(uv);
    loop->wait_ms = -1;
    domi__list_init(&loop->hooks);
    domi__list_init(&loop->dirty);
    domi__list_init(&loop->deferred);
    domi__list_init(&loop->handshakes);
    domi__list_init(&loop->batches);
    domi__wheel_init(loop);
    loop->read_buffer = malloc(DOMI__READ_BUFFER);
    if (!loop->read_buffer || open_descriptors(loop) ||
        uv_poll_init(uv, &loop->poll, loop->epoll)) {
        free_loop(loop);
        return NULL;
    }
    start_handles(loop);
    return loop;
}

/* This user's put is over at the turn's end: others use the share. */
static void end_put(struct domi__deferred *deferred)
{
    struct domi__put *put =
        DOMI__CONTAINER(deferred, struct domi__put, deferred);

    put->on_put(put->user);
    free(put);
}

static void defer_put(struct domi__loop *loop, struct domi__put *put)
{
    put->deferred.run = end_put;
    domi__loop_defer(loop, &put->deferred);
}

struct domi__loop *domi__loop_get(uv_loop_t *uv)
{
    struct domi__loop *loop = NULL;
    struct domi__put *put = calloc(1, sizeof(*put));

    if (!put) {
        return NULL;
    }
    uv_walk(uv, find_share, &loop);
    if (!loop) {
        loop = new_loop(uv);
    }
    if (!loop) {
        free(put);
        return NULL;
    }
    if (loop->last_put) {
        /* The share was about to end; it goes on with another user. */
        defer_put(loop, loop->last_put);
        loop->last_put = NULL;
    }
    put->next = loop->puts;
    loop->puts = put;
    loop->users++;
    return loop;
}

void domi__loop_put(struct domi__loop *loop, void (*on_put)(void *user),
                    void *user)
{
    struct domi__put *put = loop->puts;

    loop->puts = put->next;
    put->on_put = on_put;
    put->user = user;
    if (--loop->users > 0) {
        defer_put(loop, put);
    } else {
        loop->last_put = put;
    }
}

struct uv_loop_s *domi__loop_uv(const struct domi__loop *loop)
{
    return loop->uv;
}

uint64_t domi__loop_now(const struct domi__loop *loop)
{
    return uv_now(loop->uv);
}

uint64_t domi__loop_awake(const struct domi__loop *loop)
{
    return uv_now(loop->uv) - loop->lost_ms + 1;
}

struct domi__waker *domi__loop_waker(struct domi__loop *loop)
{
    return &loop->waker;
}

uint8_t *domi__loop_read_buffer(struct domi__loop *loop)
{
    return loop->read_buffer;
}

void domi__loop_hold(struct domi__loop *loop)
{
    loop->holds++;
}

void domi__loop_release(struct domi__loop *loop)
{
    loop->holds--;
}

void domi__loop_hook_add(struct domi__loop *loop, struct domi__loop_hook *hook)
{
    domi__list_push(&loop->hooks, &hook->node);
}

void domi__loop_hook_remove(struct domi__loop_hook *hook)
{
    domi__list_remove(&hook->node);
}

/* Work that comes between our prepare and the poll ends that at once. */
static void stay_awake(struct domi__loop *loop)
{
    if (loop->settled) {
        loop->settled = false;
        domi__waker_wake(&loop->waker);
    }
}

void domi__loop_flush_soon(struct domi__session *session)
{
    if (domi__list_is_empty(&session->dirty)) {
        domi__list_push(&session->loop->dirty, &session->dirty);
        stay_awake(session->loop);
    }
}

void domi__loop_defer(struct domi__loop *loop, struct domi__deferred *deferred)
{
    stay_awake(loop);
    if (!deferred->node.next) {
        domi__list_init(&deferred->node);
    }
    domi__list_remove(&deferred->node);
    domi__list_push(&loop->deferred, &deferred->node);
}

int domi__watch_set(struct domi__loop *loop, struct domi__watch *watch,
                    unsigned events)
{
    struct epoll_event event = {.events = events, .data.ptr = watch};
    int act = EPOLL_CTL_MOD;

    if (watch->events == events) {
        return 0;
    }
    if (!watch->events) {
        act = EPOLL_CTL_ADD;
    } else if (!events) {
        act = EPOLL_CTL_DEL;
    }
    if (epoll_ctl(loop->epoll, act, watch->fd, &event)) {
        return uv_translate_sys_error(errno);
    }
    loop->watches += act == EPOLL_CTL_ADD;
    loop->watches -= act == EPOLL_CTL_DEL;
    watch->events = events;
    return 0;
}

void domi__watch_remove(struct domi__loop *loop, struct domi__watch *watch)
{
    domi__watch_set(loop, watch, 0);
    watch->events = 0;
}
