/* SPDX-License-Identifier: MIT */
/* The choice of a zone that is made when the application makes none. */
#include "domi/choice.h"

#include <stdbool.h>

/* In tenths of a point; what is not known is more than any reading. */
static uint64_t burden(const struct domi_candidate *candidate)
{
    const uint64_t unknown = UINT64_C(1) << 40;
    uint64_t memory = candidate->memory < 0 ? unknown
                                            : (uint64_t)candidate->memory * 10;

    return memory + candidate->placed;
}

static bool is_better(const struct domi_candidate *a,
                      const struct domi_candidate *b)
{
    uint64_t burden_a = burden(a);
    uint64_t burden_b = burden(b);

    return burden_a != burden_b ? burden_a < burden_b
                                : a->members < b->members;
}

int domi_choose_lowest(const struct domi_candidate *candidates, size_t count,
                       uint64_t group, void *user)
{
    int best = -1;

    (void)group;
    (void)user;
    for (size_t i = 0; i < count; i++) {
        if (!candidates[i].is_full &&
            (best < 0 || is_better(&candidates[i], &candidates[best]))) {
            best = (int)i;
        }
    }
    return best;
}
