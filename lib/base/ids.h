/* SPDX-License-Identifier: MIT */
/* Session ids: snowflakes, unique over nodes and restarts. */
#ifndef DOMI_BASE_IDS_H
#define DOMI_BASE_IDS_H

#include <stdbool.h>
#include <stdint.h>

/*
 * From the high bit: 42 bits of milliseconds since 2024-01-01, 10 bits of
 * node id, 12 bits of sequence within the millisecond, 0 to 4000. The time is
 * the wall clock at the start plus the monotonic clock since then, so that a
 * clock that is set back or forward does not matter; when a millisecond's
 * sequence is used up the next millisecond is begun early. The sequence
 * begins anywhere, so that two nodes by mistake of one id rarely meet.
 */
struct domi__ids {
    uint64_t start_wall_ms;
    uint64_t start_ns;
    uint64_t stamp; /* ms since 2024 of the last id */
    unsigned node;
    unsigned sequence; /* of the last id */
    unsigned left;     /* ids that this stamp still gives */
};

#define DOMI__NODE_ID_MAX 1022

/* The node id in a session id; it may be one that no node has. */
static inline unsigned domi__id_node(uint64_t id)
{
    return id >> 12 & 1023u;
}

/* A set of node ids. Zeroed is empty. */
struct domi__node_set {
    uint64_t bits[16];
};

static inline void domi__node_set_add(struct domi__node_set *set, unsigned node)
{
    set->bits[node / 64 % 16] |= UINT64_C(1) << node % 64;
}

static inline bool domi__node_set_has(const struct domi__node_set *set,
                                      unsigned node)
{
    return set->bits[node / 64 % 16] >> node % 64 & 1;
}

/* `node` is 0 to DOMI__NODE_ID_MAX. 0, or a libuv code of the random source. */
int domi__ids_init(struct domi__ids *ids, unsigned node);

/* The next id; never 0, never one that was given before. */
uint64_t domi__ids_next(struct domi__ids *ids);

/* The pure part: the next id when the clock stands at `now_ms` since 2024. */
uint64_t domi__ids_next_at(struct domi__ids *ids, uint64_t now_ms);

#endif
