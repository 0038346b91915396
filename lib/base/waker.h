/* SPDX-License-Identifier: MIT */
/* Waking a loop from another thread, for free while it is awake. */
#ifndef DOMI_BASE_WAKER_H
#define DOMI_BASE_WAKER_H

#include <stdatomic.h>

/*
 * The sleeper calls domi__waker_sleep before it blocks on the descriptor,
 * then looks once more whether there is work, and calls domi__waker_awake
 * when it no longer blocks. Another thread makes its work visible and then
 * calls domi__waker_wake: a system call only if the sleeper sleeps.
 */
struct domi__waker {
    atomic_uint sleeping;
    int fd; /* an eventfd, readable after a wake */
};

/* 0 or a libuv code. */
int domi__waker_init(struct domi__waker *waker);
void domi__waker_fini(struct domi__waker *waker);

/* By the sleeper. */
void domi__waker_sleep(struct domi__waker *waker);
void domi__waker_awake(struct domi__waker *waker);

/* Makes the descriptor unreadable again; by the sleeper, when it polls
   readable. */
void domi__waker_clear(struct domi__waker *waker);

/* By any thread. */
void domi__waker_wake(struct domi__waker *waker);

#endif
