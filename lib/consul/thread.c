/* SPDX-License-Identifier: MIT */
/*
 * The thread that drives all transfers to Consul at once.
 *
 *   the loop            the thread
 *   ask     -asked->    start, libcurl's turns, finish, parse
 *   take    <-done-     wake the loop
 *
 * A blocking query costs a connection and no thread. The loop never waits, but
 * for the thread's end.
 */
#include "consul/thread.h"

#include <signal.h>
#include <string.h>
#include <uv.h>

#define TURN_MS 1000       /* at most, while something runs */
#define IDLE_MS 3600000    /* while nothing does */
#define KEPT_CONNECTIONS 4 /* that are idle */

/* ---- the thread's side --------------------------------------------------- */

static struct domi__consul_transfer *transfer_of(struct domi__list *node)
{
    return DOMI__CONTAINER(node, struct domi__consul_transfer, node);
}

/* Gives the transfer to the loop, or frees it when nobody waits for it. */
static void hand_over(struct domi__consul_thread *thread,
                      struct domi__consul_transfer *transfer)
{
    bool cancelled;

    pthread_mutex_lock(&thread->lock);
    cancelled = transfer->cancelled;
    domi__list_remove(&transfer->node);
    if (!cancelled) {
        transfer->stage = DOMI__CONSUL_DONE;
        domi__list_push(&thread->done, &transfer->node);
        atomic_store(&thread->any_done, true);
    }
    pthread_mutex_unlock(&thread->lock);
    if (cancelled) {
        domi__consul_transfer_free(transfer);
    } else {
        domi__waker_wake(thread->waker);
    }
}

static void finish(struct domi__consul_thread *thread,
                   struct domi__consul_transfer *transfer, CURLcode result)
{
    domi__consul_transfer_finish(transfer, result);
    domi__consul_transfer_end(transfer, thread->multi);
    if (transfer->json && transfer->request.parse) {
        domi__consul_transfer_parse(transfer);
    }
    hand_over(thread, transfer);
}

/* Takes what was asked. False when it is to end. */
static bool take_asked(struct domi__consul_thread *thread,
                       struct domi__list *fresh)
{
    bool stopping;

    pthread_mutex_lock(&thread->lock);
    for (struct domi__list *node = thread->asked.next; node != &thread->asked;
         node = node->next) {
        transfer_of(node)->stage = DOMI__CONSUL_RUNNING;
    }
    domi__list_move(fresh, &thread->asked);
    stopping = thread->stopping;
    pthread_mutex_unlock(&thread->lock);
    return !stopping;
}

static void start_asked(struct domi__consul_thread *thread,
                        struct domi__list *fresh)
{
    struct domi__list *node;

    while ((node = domi__list_pop(fresh))) {
        struct domi__consul_transfer *transfer = transfer_of(node);

        domi__list_push(&thread->running, node);
        if (!domi__consul_transfer_start(transfer, &thread->route,
                                         thread->multi)) {
            domi__consul_transfer_end(transfer, thread->multi);
            domi__consul_transfer_fail(transfer, "memory is short");
            hand_over(thread, transfer);
        }
    }
}

/* Lets go of those that were cancelled on their way. */
static void drop_cancelled(struct domi__consul_thread *thread)
{
    struct domi__list *node = thread->running.next;

    while (node != &thread->running) {
        struct domi__consul_transfer *transfer = transfer_of(node);
        bool cancelled;

        node = node->next;
        pthread_mutex_lock(&thread->lock);
        cancelled = transfer->cancelled;
        pthread_mutex_unlock(&thread->lock);
        if (cancelled) {
            domi__list_remove(&transfer->node);
            domi__consul_transfer_end(transfer, thread->multi);
            domi__consul_transfer_free(transfer);
        }
    }
}

static void finish_ended(struct domi__consul_thread *thread)
{
    CURLMsg *message;
    int left;

    while ((message = curl_multi_info_read(thread->multi, &left))) {
        struct domi__consul_transfer *transfer;
        CURLcode result = message->data.result;

        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer);
        finish(thread, transfer, result);
    }
}

static void *run_thread(void *arg)
{
    struct domi__consul_thread *thread = arg;
    struct domi__list fresh;
    int running;

    pthread_setname_np(pthread_self(), "domi-consul");
    domi__list_init(&fresh);
    while (take_asked(thread, &fresh)) {
        start_asked(thread, &fresh);
        drop_cancelled(thread);
        curl_multi_perform(thread->multi, &running);
        finish_ended(thread);
        curl_multi_poll(
            thread->multi, NULL, 0,
            domi__list_is_empty(&thread->running) ? IDLE_MS : TURN_MS, NULL);
    }
    domi__list_move(&thread->running, &fresh);
    return NULL;
}

/* ---- the loop's side ----------------------------------------------------- */

static int create(struct domi__consul_thread *thread)
{
    sigset_t all, before;
    int err;

    /* The application's signals are for its own threads; and a broken pipe of
       TLS must not end the process. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    err = pthread_create(&thread->thread, NULL, run_thread, thread);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return -err;
}

static int open_multi(struct domi__consul_thread *thread)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        return UV_ENOMEM;
    }
    thread->multi = curl_multi_init();
    if (!thread->multi) {
        curl_global_cleanup();
        return UV_ENOMEM;
    }
    curl_multi_setopt(thread->multi, CURLMOPT_MAXCONNECTS,
                      (long)KEPT_CONNECTIONS);
    return 0;
}

static void close_multi(struct domi__consul_thread *thread)
{
    curl_multi_cleanup(thread->multi);
    curl_global_cleanup();
}

int domi__consul_thread_start(struct domi__consul_thread *thread,
                              struct domi__waker *waker,
                              const struct domi__consul_settings *settings)
{
    int err;

    memset(thread, 0, sizeof(*thread));
    thread->waker = waker;
    domi__list_init(&thread->asked);
    domi__list_init(&thread->running);
    domi__list_init(&thread->done);
    pthread_mutex_init(&thread->lock, NULL);
    err = domi__consul_route_init(&thread->route, settings);
    if (err) {
        return err;
    }
    err = open_multi(thread);
    if (!err) {
        err = create(thread);
        if (!err) {
            return 0;
        }
        close_multi(thread);
    }
    domi__consul_route_fini(&thread->route);
    return err;
}

static void free_all(struct domi__consul_thread *thread,
                     struct domi__list *list)
{
    struct domi__list *node;

    while ((node = domi__list_pop(list))) {
        domi__consul_transfer_end(transfer_of(node), thread->multi);
        domi__consul_transfer_free(transfer_of(node));
    }
}

void domi__consul_thread_stop(struct domi__consul_thread *thread)
{
    pthread_mutex_lock(&thread->lock);
    thread->stopping = true;
    pthread_mutex_unlock(&thread->lock);
    curl_multi_wakeup(thread->multi);
    pthread_join(thread->thread, NULL);
    free_all(thread, &thread->asked);
    free_all(thread, &thread->running);
    free_all(thread, &thread->done);
    close_multi(thread);
    domi__consul_route_fini(&thread->route);
    pthread_mutex_destroy(&thread->lock);
}

void domi__consul_thread_ask(struct domi__consul_thread *thread,
                             struct domi__consul_transfer *transfer)
{
    pthread_mutex_lock(&thread->lock);
    domi__list_push(&thread->asked, &transfer->node);
    pthread_mutex_unlock(&thread->lock);
    curl_multi_wakeup(thread->multi);
}

void domi__consul_thread_cancel(struct domi__consul_thread *thread,
                                struct domi__consul_transfer *transfer)
{
    bool running;

    pthread_mutex_lock(&thread->lock);
    running = transfer->stage == DOMI__CONSUL_RUNNING;
    if (running) {
        transfer->cancelled = true;
    } else {
        domi__list_remove(&transfer->node);
    }
    pthread_mutex_unlock(&thread->lock);
    if (running) {
        curl_multi_wakeup(thread->multi);
    } else {
        domi__consul_transfer_free(transfer);
    }
}

struct domi__consul_transfer *
domi__consul_thread_take(struct domi__consul_thread *thread)
{
    struct domi__list *node;

    if (!atomic_load(&thread->any_done)) {
        return NULL;
    }
    pthread_mutex_lock(&thread->lock);
    node = domi__list_pop(&thread->done);
    if (domi__list_is_empty(&thread->done)) {
        atomic_store(&thread->any_done, false);
    }
    pthread_mutex_unlock(&thread->lock);
    return node ? transfer_of(node) : NULL;
}
