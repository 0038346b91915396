/* SPDX-License-Identifier: MIT */
/* Checks that each member of a group receives each message of each member
 * exactly once and in the order of its publisher. Pure: no sockets, no clock.
 *
 * User i is member i / groups of group i % groups. A publisher numbers its
 * messages from 0. */
#ifndef BENCH_CHECK_H
#define BENCH_CHECK_H

#include <stdbool.h>
#include <stdint.h>

enum { CHECK_GAPS_MAX = 4096 };

/* Messages of one publisher that one receiver has seen skipped. */
struct check_gap {
    uint32_t receiver;
    uint32_t publisher;
    uint32_t first;
    uint32_t last;
};

struct check {
    uint32_t users;
    uint32_t groups;
    uint32_t members; /* Of each group. */
    uint32_t *expected; /* The next number, per receiver and publisher. */
    struct check_gap gaps[CHECK_GAPS_MAX];
    uint32_t gap_count;
    uint64_t lost;
    uint64_t repeated;
    uint64_t disordered; /* Came after a later one of the same publisher. */
};

/* `groups` divides `users`. False without memory. */
bool check_init(struct check *check, uint32_t users, uint32_t groups);

/* Notes a delivery. True when it is the first of this message to this
 * receiver; false when it is a repeated one. */
bool check_take(struct check *check, uint32_t receiver, uint32_t publisher,
                uint32_t sequence);

/* Counts as lost what has not come; published[i] is how many messages user i
 * has published. */
void check_finish(struct check *check, const uint32_t *published);

void check_fini(struct check *check);

#endif
