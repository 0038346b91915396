/* SPDX-License-Identifier: MIT */
/* Session ids: snowflakes, unique over nodes and restarts. */
#include "base/ids.h"

#include <assert.h>

#include "base/clock.h"

#define EPOCH_MS UINT64_C(1704067200000) /* 2024-01-01 00:00 UTC */
#define SEQUENCES 4001u                  /* 0 to 4000 */

int domi__ids_init(struct domi__ids *ids, unsigned node)
{
    unsigned anywhere;
    uint64_t wall_ms = domi__clock_wall_ms();
    int err = domi__random(&anywhere, sizeof(anywhere));

    if (err) {
        return err;
    }
    assert(node <= DOMI__NODE_ID_MAX);
    ids->start_wall_ms = wall_ms > EPOCH_MS ? wall_ms : EPOCH_MS;
    ids->start_ns = domi__clock_ns();
    ids->stamp = 0;
    ids->node = node;
    ids->sequence = anywhere % SEQUENCES;
    ids->left = 0;
    return 0;
}

uint64_t domi__ids_next_at(struct domi__ids *ids, uint64_t now_ms)
{
    /* A stamp is at least 1, so an id is never 0. */
    if (now_ms > ids->stamp) {
        ids->stamp = now_ms;
        ids->left = SEQUENCES;
    } else if (ids->left == 0) {
        ids->stamp++;
        ids->left = SEQUENCES;
    }
    ids->left--;
    ids->sequence = (ids->sequence + 1) % SEQUENCES;
    return ids->stamp << 22 | (uint64_t)ids->node << 12 | ids->sequence;
}

uint64_t domi__ids_next(struct domi__ids *ids)
{
    uint64_t passed_ms = (domi__clock_ns() - ids->start_ns) / 1000000u;

    return domi__ids_next_at(ids, ids->start_wall_ms - EPOCH_MS + passed_ms);
}
