/* SPDX-License-Identifier: MIT */
/* A token bucket: how much may pass in a second, and how much at once. */
#ifndef DOMI_BASE_RATE_H
#define DOMI_BASE_RATE_H

#include <stdbool.h>
#include <stdint.h>

/* A bucket holds as much as comes in this time, and owes no more than comes in
   the other. */
#define DOMI__RATE_BURST_MS 2000
#define DOMI__RATE_DEBT_MS 5000

/*
 * Pure: the time is an argument. What is taken beyond the bucket's content is
 * owed. Counts in thousandths, so that each millisecond brings what is due.
 */
struct domi__rate {
    int64_t per_second; /* 0: no limit, and nothing below counts */
    int64_t level;      /* thousandths; negative: owed */
    uint64_t filled_ms; /* when it was filled last */
};

/* A full bucket. */
void domi__rate_init(struct domi__rate *rate, unsigned per_second,
                     uint64_t now_ms);

/* Puts in what has come since. `now_ms` never goes back. */
void domi__rate_fill(struct domi__rate *rate, uint64_t now_ms);

/* Takes `cost` out. False: the bucket is overdrawn now. */
static inline bool domi__rate_take(struct domi__rate *rate, uint32_t cost,
                                   uint64_t now_ms)
{
    if (rate->per_second == 0) {
        return true;
    }
    if (now_ms != rate->filled_ms) {
        domi__rate_fill(rate, now_ms);
    }
    rate->level -= (int64_t)cost * 1000;
    return rate->level >= 0;
}

/* Milliseconds from the last fill until nothing is owed any more; 0: so it is
   already. Debts beyond the limit are forgiven. */
unsigned domi__rate_wait(struct domi__rate *rate);

#endif
