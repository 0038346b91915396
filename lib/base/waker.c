/* SPDX-License-Identifier: MIT */
/* Waking a loop from another thread, for free while it is awake. */
#include "base/waker.h"

#include <errno.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

int domi__waker_init(struct domi__waker *waker)
{
    atomic_init(&waker->sleeping, 0);
    waker->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    return waker->fd < 0 ? -errno : 0;
}

void domi__waker_fini(struct domi__waker *waker)
{
    if (waker->fd >= 0) {
        close(waker->fd);
        waker->fd = -1;
    }
}

/*
 * Both sides change `sleeping` by exchanges alone. Whichever comes second sees
 * what the first did before its own: either the sleeper finds the work in its
 * last look, or the other finds the sleeper asleep.
 */
void domi__waker_sleep(struct domi__waker *waker)
{
    atomic_exchange(&waker->sleeping, 1);
}

void domi__waker_awake(struct domi__waker *waker)
{
    atomic_exchange(&waker->sleeping, 0);
}

void domi__waker_clear(struct domi__waker *waker)
{
    uint64_t count;
    ssize_t n;

    do {
        n = read(waker->fd, &count, sizeof(count));
    } while (n < 0 && errno == EINTR);
}

void domi__waker_wake(struct domi__waker *waker)
{
    const uint64_t one = 1;
    ssize_t n;

    if (atomic_exchange(&waker->sleeping, 0) == 0) {
        return;
    }
    do {
        /* EAGAIN would mean 2^64 wakes that nobody cleared. */
        n = write(waker->fd, &one, sizeof(one));
    } while (n < 0 && errno == EINTR);
}
