/* SPDX-License-Identifier: MIT */
/* A histogram of times on a logarithmic scale. */
#include "histogram.h"

/* Values below 2 * HISTOGRAM_STEPS have a slot each; above, the highest bits
 * of a value choose it. */
static uint32_t slot_of(uint64_t value)
{
    if (value < HISTOGRAM_STEPS) {
        return (uint32_t)value;
    }
    int shift = 63 - __builtin_clzll(value) - HISTOGRAM_STEP_BITS;
    return (uint32_t)shift * HISTOGRAM_STEPS + (uint32_t)(value >> shift);
}

/* The largest value of a slot. */
static uint64_t value_of(uint32_t slot)
{
    if (slot < 2 * HISTOGRAM_STEPS) {
        return slot;
    }
    uint32_t shift = slot / HISTOGRAM_STEPS - 1;
    uint64_t step = slot % HISTOGRAM_STEPS + HISTOGRAM_STEPS;
    return ((step + 1) << shift) - 1;
}

void histogram_add(struct histogram *histogram, uint64_t value)
{
    histogram->slots[slot_of(value)]++;
    histogram->count++;
}

uint64_t histogram_get(const struct histogram *histogram, double share)
{
    double wanted = share * (double)histogram->count;
    uint64_t seen = 0;
    for (uint32_t i = 0; i < HISTOGRAM_SLOTS; i++) {
        seen += histogram->slots[i];
        if (seen > 0 && (double)seen >= wanted) {
            return value_of(i);
        }
    }
    return 0;
}
