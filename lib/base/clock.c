/* SPDX-License-Identifier: MIT */
/* The clocks that everything goes by, and the system's random source. */
#include "base/clock.h"

#include <errno.h>
#include <sys/random.h>
#include <time.h>

static uint64_t read_clock(clockid_t clock)
{
    struct timespec t;

    /* Cannot fail for the clocks below, which every Linux has. */
    clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

uint64_t domi__clock_ns(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

uint64_t domi__clock_coarse_ns(void)
{
    return read_clock(CLOCK_MONOTONIC_COARSE);
}

uint64_t domi__clock_wall_ms(void)
{
    return read_clock(CLOCK_REALTIME) / 1000000u;
}

int domi__random(void *bytes, unsigned size)
{
    uint8_t *p = bytes;

    while (size > 0) {
        ssize_t n = getrandom(p, size, 0);

        if (n < 0) {
            if (errno == EINTR) {
                continue;
            }
            return -errno;
        }
        p += n;
        size -= (unsigned)n;
    }
    return 0;
}
