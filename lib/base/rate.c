/* SPDX-License-Identifier: MIT */
/* A token bucket: how much may pass in a second, and how much at once. */
#include "base/rate.h"

void domi__rate_init(struct domi__rate *rate, unsigned per_second,
                     uint64_t now_ms)
{
    rate->per_second = per_second;
    rate->level = (int64_t)per_second * DOMI__RATE_BURST_MS;
    rate->filled_ms = now_ms;
}

void domi__rate_fill(struct domi__rate *rate, uint64_t now_ms)
{
    /* No more time counts than fills the deepest bucket, so that the product
       stays small. */
    const uint64_t most_ms = DOMI__RATE_BURST_MS + DOMI__RATE_DEBT_MS;
    const int64_t full = rate->per_second * DOMI__RATE_BURST_MS;
    uint64_t passed_ms = now_ms - rate->filled_ms;

    if (passed_ms > most_ms) {
        passed_ms = most_ms;
    }
    rate->level += (int64_t)passed_ms * rate->per_second;
    if (rate->level > full) {
        rate->level = full;
    }
    rate->filled_ms = now_ms;
}

unsigned domi__rate_wait(struct domi__rate *rate)
{
    const int64_t deepest = -rate->per_second * DOMI__RATE_DEBT_MS;

    if (rate->per_second == 0 || rate->level >= 0) {
        return 0;
    }
    if (rate->level < deepest) {
        rate->level = deepest;
    }
    return (unsigned)((-rate->level + rate->per_second - 1) /
                      rate->per_second);
}
