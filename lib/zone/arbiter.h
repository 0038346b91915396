/* SPDX-License-Identifier: MIT */
/* The arbiter: which node was named for a group that is about to be made. */
#ifndef DOMI_ZONE_ARBITER_H
#define DOMI_ZONE_ARBITER_H

#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "base/table.h"

/*
 * Gateways that want to place the same group at the same moment ask the same
 * zone, and its arbiter gives all of them the first one's answer. It remembers
 * for half a minute: by then the group has been made, and is in the directory
 * of the zone that has it, or never will be. It knows no socket and no clock.
 */
struct domi__arbiter {
    struct domi__table words; /* by group: what was said */
    struct domi__list order;  /* of those, the oldest first */
    size_t limit;             /* of words; the oldest goes then */
};

#define DOMI__ARBITER_MS 30000u
#define DOMI__ARBITER_LIMIT 100000u

/* No node: a node id that none has. */
#define DOMI__NO_NODE UINT64_MAX

void domi__arbiter_init(struct domi__arbiter *arbiter,
                        struct domi__hash_key key, size_t limit);
void domi__arbiter_fini(struct domi__arbiter *arbiter);

/*
 * The node for this group: the one that was named before, unless it is
 * `refused`; else `wanted`, which is remembered from now on. When memory is
 * short it is not.
 */
uint64_t domi__arbiter_place(struct domi__arbiter *arbiter, uint64_t now_ms,
                             uint64_t group, uint64_t wanted,
                             uint64_t refused);

/* Forgets what was said DOMI__ARBITER_MS ago or longer. */
void domi__arbiter_sweep(struct domi__arbiter *arbiter, uint64_t now_ms);

#endif
