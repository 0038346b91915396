/* SPDX-License-Identifier: MIT */
/* The thread that drives all transfers to Consul at once. */
#ifndef DOMI_CONSUL_THREAD_H
#define DOMI_CONSUL_THREAD_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/waker.h"
#include "consul/transfer.h"

struct domi__consul_thread {
    /* Set at the start. */
    struct domi__waker *waker; /* of the loop that takes what is done */
    struct domi__consul_route route;
    CURLM *multi; /* the thread's, but to be woken by any */
    pthread_t thread;

    struct domi__list running; /* the thread's */

    /* Under the lock, which is held for moments only. */
    pthread_mutex_t lock;
    struct domi__list asked;
    struct domi__list done;
    bool stopping;

    atomic_bool any_done; /* so that the loop need not take the lock */
};

/* All of these are called on the loop. */

/* 0; UV_ENOMEM; or the code of the system's refusal to make a thread. */
int domi__consul_thread_start(struct domi__consul_thread *thread,
                              struct domi__waker *waker,
                              const struct domi__consul_settings *settings);

/* Ends it, and frees what it has. */
void domi__consul_thread_stop(struct domi__consul_thread *thread);

/* Takes the transfer over, until it is done. */
void domi__consul_thread_ask(struct domi__consul_thread *thread,
                             struct domi__consul_transfer *transfer);

/* The transfer is freed, now or later; nobody hears of it any more. */
void domi__consul_thread_cancel(struct domi__consul_thread *thread,
                                struct domi__consul_transfer *transfer);

/* The next that is done, the caller's now; or NULL. */
struct domi__consul_transfer *
domi__consul_thread_take(struct domi__consul_thread *thread);

#endif
