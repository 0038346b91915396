/* SPDX-License-Identifier: MIT */
/* The heap of ticking groups: O(log n) for each tick, n of them ticking. */
#include "group/state.h"

/* The heap has room for all groups of the host, so nothing here can fail. */

static void put(struct domi__ticks *ticks, uint32_t at,
                struct domi_group *group)
{
    ticks->heap[at] = group;
    group->tick_at = at + 1;
}

static uint32_t sift_up(struct domi__ticks *ticks, uint32_t at,
                        const struct domi_group *group)
{
    while (at > 0) {
        uint32_t parent = (at - 1) / 2;

        if (ticks->heap[parent]->tick_due <= group->tick_due) {
            break;
        }
        put(ticks, at, ticks->heap[parent]);
        at = parent;
    }
    return at;
}

static uint32_t sift_down(struct domi__ticks *ticks, uint32_t at,
                          const struct domi_group *group)
{
    for (;;) {
        uint32_t child = at * 2 + 1;

        if (child >= ticks->count) {
            return at;
        }
        if (child + 1 < ticks->count &&
            ticks->heap[child + 1]->tick_due < ticks->heap[child]->tick_due) {
            child++;
        }
        if (ticks->heap[child]->tick_due >= group->tick_due) {
            return at;
        }
        put(ticks, at, ticks->heap[child]);
        at = child;
    }
}

/* Finds the place of a group whose own place, `at`, may be overwritten. */
static void settle(struct domi__ticks *ticks, uint32_t at,
                   struct domi_group *group)
{
    at = sift_up(ticks, at, group);
    put(ticks, sift_down(ticks, at, group), group);
}

void domi__ticks_set(struct domi__ticks *ticks, struct domi_group *group)
{
    uint32_t at = group->tick_at > 0 ? group->tick_at - 1 : ticks->count++;

    settle(ticks, at, group);
}

void domi__ticks_remove(struct domi__ticks *ticks, struct domi_group *group)
{
    uint32_t at = group->tick_at;
    struct domi_group *last;

    if (at == 0) {
        return;
    }
    group->tick_at = 0;
    last = ticks->heap[--ticks->count];
    if (last != group) {
        settle(ticks, at - 1, last);
    }
}
