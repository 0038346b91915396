/* SPDX-License-Identifier: MIT */
/* A thread's sleep on a futex, and how another thread ends it. */
#ifndef DOMI_WORKER_SLEEPER_H
#define DOMI_WORKER_SLEEPER_H

#include <stdatomic.h>
#include <stdint.h>

/*
 * What domi__waker is to a loop, this is to a thread that does nothing but
 * wait: it lies down, looks once more whether there is reason to stay awake,
 * then sleeps or gets up. Another thread makes the reason visible, then wakes:
 * a system call only if there is somebody lying. Zeroed is awake.
 */
struct domi__sleeper {
    atomic_uint lying;
};

/* By the sleeper. */
void domi__sleeper_lie_down(struct domi__sleeper *sleeper);
void domi__sleeper_get_up(struct domi__sleeper *sleeper);

/* By the sleeper, after it lay down: returns when it was woken, when the
   monotonic clock has come to `until_ns` (UINT64_MAX: never), or for no
   reason. */
void domi__sleeper_sleep(struct domi__sleeper *sleeper, uint64_t until_ns);

/* By any other thread. */
void domi__sleeper_wake(struct domi__sleeper *sleeper);

#endif
