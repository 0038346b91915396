/* SPDX-License-Identifier: MIT */
/* Placement: which zone a group is in, or is to be made in. */
#ifndef DOMI_CLUSTER_PLACEMENT_H
#define DOMI_CLUSTER_PLACEMENT_H

#include "base/log.h"
#include "cluster/links.h"
#include "cluster/registry.h"
#include "domi/choice.h"

/*
 * One for each gateway. Registries of a kind that places groups itself are
 * asked; for the others it works as follows.
 *
 * The gateway keeps a link to every zone of a service that was ever asked for.
 * Over it the zone tells its load, once a second, and which groups it has: all
 * of them after the hello, then each one that is opened or closed. So a group
 * that exists is found at once, without a question to anybody.
 *
 * A group that is nowhere is placed: the chooser picks a zone among those that
 * may take new groups, and the service's oldest zone is asked to confirm it.
 * It answers with the zone that it was asked for first, and remembers that
 * until the group has surely been announced. So gateways that ask at the same
 * moment agree. Nothing of it passes through the registry's store.
 */
struct domi__placement;

struct domi__placement_options {
    struct domi__loop *loop;
    struct domi__log *log;
    struct domi_registry *registry;
    domi_choose_fn choose; /* NULL: domi_choose_lowest */
    void *choose_user;
    unsigned full_percent; /* no new groups above it */
    unsigned wait_ms;      /* for links and answers, before it goes on */
    size_t zone_groups;    /* that a zone may have; its link is cut above it */
};

/* NULL when memory is short. */
struct domi__placement *
domi__placement_new(const struct domi__placement_options *options);

/* Gives the links that it uses; before the first question. */
void domi__placement_set_links(struct domi__placement *placement,
                               struct domi__links *links);

/* Ends all watches. Questions that are open have been cancelled before, and
   links are not used any more. Accepts NULL. */
void domi__placement_free(struct domi__placement *placement);

/* Answers by place->on_placed, perhaps before it returns. */
void domi__placement_ask(struct domi__placement *placement,
                         struct domi__place *place);

/* The asker lost interest. */
void domi__placement_cancel(struct domi__placement *placement,
                            struct domi__place *place);

/* ---- what the gateway passes on from its links --------------------------- */

void domi__placement_link_up(struct domi__placement *placement,
                             struct domi__link *link);
void domi__placement_link_down(struct domi__placement *placement,
                               struct domi__link *link);

/* The zone has answered our hello. */
void domi__placement_link_hello(struct domi__placement *placement,
                                struct domi__link *link);

/* The link could not be opened, or not again. */
void domi__placement_link_failed(struct domi__placement *placement,
                                 struct domi__link *link);

/* The link is given up. */
void domi__placement_link_gone(struct domi__placement *placement,
                               struct domi__link *link);

/* Takes what is for it: LOAD, GROUPS, GROUPS_END, PLACED; hears GROUP_CLOSED.
   True when nobody else needs the frame. */
bool domi__placement_frame(struct domi__placement *placement,
                           struct domi__link *link,
                           const struct domi_frame *frame);

/* Zones that the registry tells of, groups that are known to be in a zone, and
   how often a group was seen in two zones at once. */
struct domi__placement_counts {
    size_t nodes;
    size_t groups;
    uint64_t splits;
};

void domi__placement_count(const struct domi__placement *placement,
                           struct domi__placement_counts *counts);

#endif
