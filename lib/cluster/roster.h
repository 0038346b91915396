/* SPDX-License-Identifier: MIT */
/* The roster: a registry's zones, kept in the order of snapshots. */
#ifndef DOMI_CLUSTER_ROSTER_H
#define DOMI_CLUSTER_ROSTER_H

#include "cluster/cluster.h"

/*
 * Nodes sorted by service, host, port and id, so that each service's snapshot
 * is a part of the array. The nodes' strings are borrowed. Adding and removing
 * take time for each node, which are few and come rarely. Zeroed is empty.
 */
struct domi__roster {
    struct domi__node *nodes; /* NULL while empty */
    size_t count;
};

/* Frees the array, not the strings. */
void domi__roster_fini(struct domi__roster *roster);

/* 0; UV_EADDRINUSE when an equal node is there; UV_ENOMEM. */
int domi__roster_add(struct domi__roster *roster,
                     const struct domi__node *node);

/* Takes the equal node out; harmless when there is none. */
void domi__roster_remove(struct domi__roster *roster,
                         const struct domi__node *node);

/* The nodes of a service; valid until the roster changes. */
struct domi__snapshot domi__roster_snapshot(const struct domi__roster *roster,
                                            const char *service);

/* Answers `place` from the roster, before it returns. */
void domi__roster_place(const struct domi__roster *roster,
                        struct domi__place *place);

/* The order of nodes: below, equal to or above 0. Two nodes with an address
   are told apart by it, others by their ids. */
int domi__node_compare(const struct domi__node *a, const struct domi__node *b);

/* What a node is hashed by: "HOST:PORT", or "SERVICE#ID" for a node that only
   memory leads to. The same in all processes, and in all versions of domi. */
uint64_t domi__node_hash(const struct domi__node *node);

/* A number with its bits well mixed: the last step of splitmix64. */
uint64_t domi__mix(uint64_t number);

#endif
