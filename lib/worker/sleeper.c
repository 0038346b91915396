/* SPDX-License-Identifier: MIT */
/* A thread's sleep on a futex, and how another thread ends it. */
#include "worker/sleeper.h"

#include <linux/futex.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S UINT64_C(1000000000)

/*
 * As with the waker, `lying` changes by exchanges alone: whichever side comes
 * second sees what the first did before its own.
 */
void domi__sleeper_lie_down(struct domi__sleeper *sleeper)
{
    atomic_exchange(&sleeper->lying, 1);
}

void domi__sleeper_get_up(struct domi__sleeper *sleeper)
{
    atomic_exchange(&sleeper->lying, 0);
}

void domi__sleeper_sleep(struct domi__sleeper *sleeper, uint64_t until_ns)
{
    struct timespec until = {
        .tv_sec = (time_t)(until_ns / NS_PER_S),
        .tv_nsec = (long)(until_ns % NS_PER_S),
    };

    /* This kind of wait takes a time of the monotonic clock, not a span; it
       returns at once when somebody woke us before it began. */
    syscall(SYS_futex, &sleeper->lying, FUTEX_WAIT_BITSET_PRIVATE, 1,
            until_ns == UINT64_MAX ? NULL : &until, NULL,
            FUTEX_BITSET_MATCH_ANY);
}

void domi__sleeper_wake(struct domi__sleeper *sleeper)
{
    if (atomic_exchange(&sleeper->lying, 0) != 0) {
        syscall(SYS_futex, &sleeper->lying, FUTEX_WAKE_PRIVATE, 1, NULL, NULL,
                0);
    }
}
