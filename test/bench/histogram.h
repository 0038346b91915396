/* SPDX-License-Identifier: MIT */
/* A histogram of times on a logarithmic scale: 64 steps to each power of two,
 * so a value read from it is within 1.6 % of the true one, whatever its size.
 * Zeroed memory is an empty one. */
#ifndef BENCH_HISTOGRAM_H
#define BENCH_HISTOGRAM_H

#include <stdint.h>

enum {
    HISTOGRAM_STEP_BITS = 6,
    HISTOGRAM_STEPS = 1 << HISTOGRAM_STEP_BITS,
    HISTOGRAM_SLOTS = (64 - HISTOGRAM_STEP_BITS + 1) * HISTOGRAM_STEPS
};

struct histogram {
    uint64_t count;
    uint64_t slots[HISTOGRAM_SLOTS];
};

void histogram_add(struct histogram *histogram, uint64_t value);

/* The value that `share` (0 to 1) of all values don't exceed; 0 if empty. */
uint64_t histogram_get(const struct histogram *histogram, double share);

#endif
