/* SPDX-License-Identifier: MIT */
/* Checks that messages arrive exactly once and in order. */
#include "check.h"

#include <stdlib.h>

bool check_init(struct check *check, uint32_t users, uint32_t groups)
{
    *check = (struct check){ .users = users, .groups = groups,
                             .members = users / groups };
    check->expected = calloc((size_t)users * check->members,
                             sizeof(*check->expected));
    return check->expected != NULL;
}

static uint32_t *expected_of(struct check *check, uint32_t receiver,
                             uint32_t publisher)
{
    return &check->expected[(size_t)receiver * check->members +
                            publisher / check->groups];
}

/* When the list is full, what is skipped counts as lost at once, and as
 * repeated if it comes late: the figures are then wrong, never the verdict. */
static void add_gap(struct check *check, struct check_gap gap)
{
    if (check->gap_count == CHECK_GAPS_MAX) {
        check->lost += (uint64_t)gap.last - gap.first + 1;
        return;
    }
    check->gaps[check->gap_count++] = gap;
}

/* Takes one number out of the gap that holds it. O(n) in the gaps, of which
 * there are none in a good run. */
static bool fill_gap(struct check *check, uint32_t receiver,
                     uint32_t publisher, uint32_t sequence)
{
    for (uint32_t i = 0; i < check->gap_count; i++) {
        struct check_gap gap = check->gaps[i];
        if (gap.receiver != receiver || gap.publisher != publisher ||
            sequence < gap.first || sequence > gap.last) {
            continue;
        }
        check->gaps[i] = check->gaps[--check->gap_count];
        if (sequence > gap.first) {
            add_gap(check, (struct check_gap){ receiver, publisher, gap.first,
                                               sequence - 1 });
        }
        if (sequence < gap.last) {
            add_gap(check, (struct check_gap){ receiver, publisher,
                                               sequence + 1, gap.last });
        }
        return true;
    }
    return false;
}

bool check_take(struct check *check, uint32_t receiver, uint32_t publisher,
                uint32_t sequence)
{
    uint32_t *expected = expected_of(check, receiver, publisher);
    if (sequence == *expected) {
        ++*expected;
        return true;
    }
    if (sequence > *expected) {
        add_gap(check, (struct check_gap){ receiver, publisher, *expected,
                                           sequence - 1 });
        *expected = sequence + 1;
        return true;
    }
    if (fill_gap(check, receiver, publisher, sequence)) {
        check->disordered++;
        return true;
    }
    check->repeated++;
    return false;
}

void check_finish(struct check *check, const uint32_t *published)
{
    for (uint32_t i = 0; i < check->users; i++) {
        for (uint32_t k = 0; k < check->members; k++) {
            uint32_t publisher = k * check->groups + i % check->groups;
            check->lost += published[publisher] -
                           *expected_of(check, i, publisher);
        }
    }
    for (uint32_t i = 0; i < check->gap_count; i++) {
        check->lost += (uint64_t)check->gaps[i].last -
                       check->gaps[i].first + 1;
    }
    check->gap_count = 0;
}

void check_fini(struct check *check)
{
    free(check->expected);
    *check = (struct check){ 0 };
}
