/* SPDX-License-Identifier: MIT */
/* The clocks that everything goes by. */
#ifndef DOMI_BASE_CLOCK_H
#define DOMI_BASE_CLOCK_H

#include <stdint.h>

/* Nanoseconds of the monotonic clock. */
uint64_t domi__clock_ns(void);

/* The same clock as of the system's last tick, some milliseconds late, for a
   quarter of the price. */
uint64_t domi__clock_coarse_ns(void);

/* Milliseconds of the wall clock since 1970. */
uint64_t domi__clock_wall_ms(void);

/* Fills `bytes` from the system's random source. 0 or a libuv code. */
int domi__random(void *bytes, unsigned size);

#endif
