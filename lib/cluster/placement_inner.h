/* SPDX-License-Identifier: MIT */
/* Inside the placement: what its files share. */
#ifndef DOMI_CLUSTER_PLACEMENT_INNER_H
#define DOMI_CLUSTER_PLACEMENT_INNER_H

#include "cluster/cluster.h"
#include "cluster/directory.h"
#include "frame/frame.h"
#include "transport/transport.h"

/*
 *   placement.c   services, questions, and what the gateway passes on
 *   service.c     one service: its zones, as the registry tells them
 *   sight.c       one zone, as its link tells it
 *   search.c      where a group is to be that is nowhere yet
 *   candidates.c  which zones may take a group
 *   directory.c   which zones have which groups
 *   choice.c      the choice among candidates
 */

/* How long a zone has for its answers: to hello, and to PLACE. */
#define DOMI__ANSWER_MS 1000u

/* How long the groups of a zone whose link is lost are still believed to be
   there: a link that merely flaps is back by then. */
#define DOMI__HOLD_MS 3000u

/* ---- what is seen of a zone ---------------------------------------------- */

enum domi__sight_state {
    DOMI__SIGHT_DIALLED, /* the link was never open yet */
    DOMI__SIGHT_OPEN,    /* it is, and the answer to hello has not come */
    DOMI__SIGHT_LISTING, /* the zone is telling its groups */
    DOMI__SIGHT_READY,   /* all that it tells is known */
    DOMI__SIGHT_LOST,    /* the link is dialled again; the groups are held */
    DOMI__SIGHT_FAILED,  /* the link could not be opened */
};

/* A zone of a service. There as long as it is in the snapshot or has a link. */
struct domi__sight {
    struct domi__service *service;
    struct domi__node node;  /* with a host of its own */
    struct domi__link *link; /* NULL: none yet, or given up */
    struct domi__holder holder;
    enum domi__sight_state state;
    struct domi__timer timer; /* ends the states that must not last */
    bool present;             /* it is in the snapshot */
    bool deaf;                /* it did not answer; until it is heard again */
    int hello_id;             /* the node id of its last answer to hello */

    /* Of its last LOAD. */
    int memory; /* percent; -1: not told yet */
    uint16_t flags;
    uint32_t members;
    uint64_t told_ms;
    unsigned placed; /* questions since, answered with it */
    bool is_full;
};

/* NULL when memory is short. */
struct domi__sight *domi__sight_new(struct domi__service *service,
                                    const struct domi__node *node);

/* Its link is given up already, or gone with all others. */
void domi__sight_free(struct domi__sight *sight);

/* It is in the snapshot, so. */
void domi__sight_update(struct domi__sight *sight,
                        const struct domi__node *node);

/* Sees to it that a link is there, or goes on to be. */
void domi__sight_link(struct domi__sight *sight);

void domi__sight_up(struct domi__sight *sight);
void domi__sight_hello(struct domi__sight *sight);
void domi__sight_down(struct domi__sight *sight);
void domi__sight_failed(struct domi__sight *sight);

/* The link is given up. Frees a sight that is not in the snapshot. */
void domi__sight_gone(struct domi__sight *sight);

/* As domi__placement_frame. */
bool domi__sight_frame(struct domi__sight *sight,
                       const struct domi_frame *frame);

/* Whether its groups are known, as far as they can be. */
bool domi__sight_is_settled(const struct domi__sight *sight);

/* Whether users may be sent there. */
bool domi__sight_is_reachable(const struct domi__sight *sight);

bool domi__sight_is_draining(const struct domi__sight *sight);

/* Answers the question with this zone. */
void domi__sight_answer(struct domi__sight *sight, struct domi__place *place);

/* ---- a service ----------------------------------------------------------- */

/* A service that was asked for. */
struct domi__service {
    struct domi__list node; /* of the placement's */
    struct domi__placement *placement;
    struct domi__registry_watch watch;
    struct domi__directory directory;
    struct domi__sight **sights; /* in the order of snapshots */
    size_t count;
    size_t capacity; /* of all three arrays */
    struct domi_candidate *candidates; /* for one choice */
    struct domi__sight **fit;          /* of each candidate */
    struct domi__table searches;       /* by group id */
    struct domi__list searching;       /* the same, in order */
    uint64_t asked_ms;
    uint64_t splits;
    char name[]; /* ended by a zero */
};

/* Begins to watch it. NULL when memory is short. */
struct domi__service *domi__service_new(struct domi__placement *placement,
                                        const char *name);
void domi__service_free(struct domi__service *service);

/* Takes a zone out that has neither link nor place in the snapshot, and frees
   it. */
void domi__service_remove(struct domi__service *service,
                          struct domi__sight *sight);

/* What must be done now and then. Frees a service that nobody asks for. */
void domi__service_tick(struct domi__service *service, uint64_t now_ms);

/* Zones that are in the snapshot. */
size_t domi__service_present(const struct domi__service *service);

/* The zone of this node id that is in the snapshot, or NULL. */
struct domi__sight *domi__service_find(const struct domi__service *service,
                                       int id);

/* Whether the groups of all zones are known, as far as they can be.
   O(zones). */
bool domi__service_is_settled(const struct domi__service *service);

/* Something has changed that searches may have waited for. */
void domi__service_check(struct domi__service *service);

/* ---- a search ------------------------------------------------------------ */

/*
 * The questions for one group that is not in the directory. Freed by what
 * answers them, which these calls may all do.
 */
struct domi__search;

/* Adds the question to the search for its group, or begins one. 0 or
   UV_ENOMEM. */
int domi__search_join(struct domi__service *service,
                      struct domi__place *place);

/* Takes a question out, which was not answered yet. */
void domi__search_leave(struct domi__service *service,
                        struct domi__place *place);

/* Looks whether it can go on. */
void domi__search_run(struct domi__search *search);

/* The searches of the service that wait are run; all that waited for an answer
   of this zone too, unless it is NULL. */
void domi__searches_run(struct domi__service *service,
                        const struct domi__sight *lost);

/* The group may have been found. */
void domi__search_found(struct domi__service *service, uint64_t group);

/* The zone has answered PLACE. */
void domi__search_placed(struct domi__sight *arbiter, uint64_t group,
                         uint64_t id);

/* ---- candidates ---------------------------------------------------------- */

/*
 * Chooses a zone for a new group: 0 and `*sight`, DOMI_E_FULL, or
 * DOMI_E_ZONE_LOST when none can be reached.
 */
int domi__candidates_choose(struct domi__service *service, uint64_t group,
                            struct domi__sight **sight);

/* The oldest zone that can be asked by PLACE, or NULL. */
struct domi__sight *domi__candidates_arbiter(struct domi__service *service);

/* ---- all of it ----------------------------------------------------------- */

struct domi__placement {
    struct domi__placement_options options;
    struct domi__links *links;
    struct domi__hash_key key;
    struct domi__list services;
    struct domi__table by_link; /* sights, by the address of their link */
    struct domi__timer tick;
};

static inline uint64_t domi__placement_now(const struct domi__placement *p)
{
    return domi__loop_now(p->options.loop);
}

#endif
