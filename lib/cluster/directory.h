/* SPDX-License-Identifier: MIT */
/* The directory: which zones have which groups of one service. */
#ifndef DOMI_CLUSTER_DIRECTORY_H
#define DOMI_CLUSTER_DIRECTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "base/table.h"

/* How long a group that was placed is believed to be in its zone before that
   has announced it; and how long a zone's refusal is remembered. */
#define DOMI__DIRECTORY_PASSING_MS 10000u

/*
 * A zone as the directory sees it. Embedded in the owner's struct, who keeps
 * the three fields below up to date.
 */
struct domi__holder {
    struct domi__list entries;
    size_t count; /* of them */
    unsigned listing; /* which of its lists an entry was last in */
    uint64_t age_order; /* as in struct domi__node */
    int id;
    bool is_open; /* its link is */
};

/* A pure data structure: it has no clock, and calls nobody. */
struct domi__directory {
    struct domi__table groups; /* the first of its entries, by group id */
    struct domi__list passing; /* entries that expire, the next one first */
};

void domi__directory_init(struct domi__directory *directory,
                          struct domi__hash_key key);

/* After all holders were dropped. */
void domi__directory_fini(struct domi__directory *directory);

void domi__holder_init(struct domi__holder *holder);

/* The zone has announced the group. 0; 1 when another zone whose link is open
   has it too, and that is new; UV_ENOMEM. */
int domi__directory_add(struct domi__directory *directory,
                        struct domi__holder *holder, uint64_t group);

/* The group has been placed in this zone, which will announce it. Begins anew
   for one that is expected already; harmless for one that is there. Without
   memory for it the next question is just asked anew. */
void domi__directory_expect(struct domi__directory *directory,
                            struct domi__holder *holder, uint64_t group,
                            uint64_t now_ms);

/* The zone has not taken the group, or has sent it away. */
void domi__directory_refuse(struct domi__directory *directory,
                            struct domi__holder *holder, uint64_t group,
                            uint64_t now_ms);
bool domi__directory_is_refused(const struct domi__directory *directory,
                                const struct domi__holder *holder,
                                uint64_t group);

/* The zone does not have the group any more. */
void domi__directory_remove(struct domi__directory *directory,
                            const struct domi__holder *holder, uint64_t group);

/* The zone begins to list all its groups, or has listed them: those that it
   left out are taken away. */
void domi__directory_begin(struct domi__holder *holder);
void domi__directory_end(struct domi__directory *directory,
                         struct domi__holder *holder);

/* All groups of the zone are gone. */
void domi__directory_drop(struct domi__directory *directory,
                          struct domi__holder *holder);

/* Takes away what was to pass by now. */
void domi__directory_expire(struct domi__directory *directory,
                            uint64_t now_ms);

/*
 * The zone that has the group, or NULL. Of several, one that has announced it
 * before one that is to have it; of those, one whose link is open; of those,
 * the oldest.
 */
struct domi__holder *
domi__directory_find(const struct domi__directory *directory, uint64_t group);

/* Whether `a` is older than `b`: by age_order, where 0 is the youngest; of
   equal ones by id. */
bool domi__holder_is_older(const struct domi__holder *a,
                           const struct domi__holder *b);

#endif
