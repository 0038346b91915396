/* SPDX-License-Identifier: MIT */
/* What is believed of a service that is watched, from Consul's answers. */
#ifndef DOMI_CONSUL_BELIEF_H
#define DOMI_CONSUL_BELIEF_H

#include "consul/entries.h"
#include "cluster/cluster.h"

/*
 * Consul's word is not taken at once where haste does harm:
 *
 * - an answer without any node, where there were some, is believed when it has
 *   stood for `damp_ms`: agents that restart say so for a moment, and so does
 *   an agent whose token has lost its rights;
 * - a node that was unhealthy, or that comes back after it was missing for less
 *   than a minute, is suspect until it has been healthy for `settle_ms`.
 *
 * It knows no clock and no socket; the caller says what time it is. Zeroed,
 * with the first three fields set, is a belief that knows nothing yet.
 */
struct domi__consul_belief {
    const char *service;
    unsigned damp_ms;
    unsigned settle_ms;
    bool known;      /* there was an answer */
    bool is_doubted; /* the last answer had no node, and is not believed yet */
    uint64_t doubted_ms;               /* since then */
    struct domi__consul_picture *now;  /* NULL: no node */
    struct domi__consul_picture *last; /* before `now`: whoever is told of a
                                          change may still hold it */
    struct domi__consul_missing *missing; /* nodes that were there lately, in
                                             the order of snapshots */
    size_t missing_count;
};

void domi__consul_belief_fini(struct domi__consul_belief *belief);

/* An answer came. 1 when the snapshot is another now, or is known at last; 0;
   or UV_ENOMEM, and then nothing has changed. A snapshot's memory lives until
   the change after the next. */
int domi__consul_belief_hear(struct domi__consul_belief *belief,
                             const struct domi__consul_entries *entries,
                             uint64_t now_ms);

/* Consul did not answer: a doubt begins anew with its next answer. */
void domi__consul_belief_miss(struct domi__consul_belief *belief);

/* Time went by. Returns as domi__consul_belief_hear. */
int domi__consul_belief_wait(struct domi__consul_belief *belief,
                             uint64_t now_ms);

/* When domi__consul_belief_wait has something to do; UINT64_MAX: never. */
uint64_t domi__consul_belief_due(const struct domi__consul_belief *belief);

struct domi__snapshot
domi__consul_belief_snapshot(const struct domi__consul_belief *belief);

#endif
