/* SPDX-License-Identifier: MIT */
/* Placements under test, a registry that is watched, and zones to be found. */
#ifndef TEST_PLACEMENT_FIXTURE_H
#define TEST_PLACEMENT_FIXTURE_H

#include "../gateway/peer.h"

#include "cluster/cluster.h"
#include "frame/frame.h"
#include "transport/transport.h"

#define ASKERS 3
#define ZONES_MAX 8
#define LINKS_MAX 8
#define GROUPS_MAX 512

/* Added to the clock of the loop. */
extern uint64_t forward_ms;

/* A registry that only tells who is there: zones that join it, and others as
   the test says. */
struct watched {
    struct domi_registry base;
    struct cluster *cluster;
    struct domi__list watches;
    struct domi__membership *members[ZONES_MAX]; /* the oldest first */
    unsigned member_count;
    struct domi__node nodes[2 * ZONES_MAX];
    size_t count;
    bool known;
};

/* A zone's end of links, as far as placements see it. */
struct played {
    struct cluster *cluster;
    struct domi__listener *listener;
    struct domi__session_limits limits;
    struct domi__session *links[LINKS_MAX];
    struct domi__node node; /* as the registry is to tell it */
    char host[16];
    uint64_t next_id;
    uint32_t features;  /* 0: it does not know hello */
    bool holds_list;    /* GROUPS_END is kept back */
    bool is_deaf;       /* PLACE is not answered */
    int memory;
    uint16_t flags;
    uint32_t members;
    uint64_t groups[GROUPS_MAX];
    unsigned group_count;
    uint64_t placed[GROUPS_MAX][2]; /* what it has answered: group, node */
    unsigned placed_count;
    unsigned places; /* PLACE frames that came */
    uint64_t refused; /* of the last one */
    unsigned others; /* frames of other types */
    bool closed;
};

/* A gateway, as far as placements need one. */
struct asker {
    struct cluster *cluster;
    struct domi__links *links;
    struct domi__placement *placement;
    unsigned up, down, failed;
    enum domi_reason reason; /* of the last link that was lost */
    bool closed;
};

struct question {
    struct domi__place place;
    struct asker *asker;
    unsigned answers;
    int status;
    int id; /* of the zone that was named; -1: none */
    int port;
    struct question *again; /* asked from inside the answer */
    struct question *cancels; /* cancelled from inside the answer */
};

struct cluster {
    struct net net;
    struct domi__loop *loop;
    struct domi__log log;
    unsigned split_lines;
    struct watched registry;
    struct played zones[ZONES_MAX];
    struct asker askers[ASKERS];
    domi_choose_fn choose; /* for askers that are begun later */
    unsigned sent, heard;  /* frames of played zones; they differ by those that
                              are under way */
    struct domi__timer late;
    bool put;
};

/* A registry that knows nobody, and no asker. */
void cluster_open(struct cluster *cluster);
void cluster_close(struct cluster *cluster);

/* What the registry tells from now on: all zones that have joined or were
   played, in their present state; or these. */
void cluster_tell(struct cluster *cluster);
void cluster_tell_nodes(struct cluster *cluster, const struct domi__node *nodes,
                        size_t count);

struct asker *asker_open(struct cluster *cluster, unsigned number);

/* Zone `number` listens; its node id is 100 + number, its age the same, and it
   is in that order too in snapshots. */
struct played *played_open(struct cluster *cluster, unsigned number);

/* As if the process were killed: links are cut, and none can be opened. */
void played_kill(struct played *zone);

/* Listens again at the same port. */
void played_restart(struct played *zone);

/* Cuts the links only. */
void played_flap(struct played *zone);

/* Tells all links. */
void played_tell_load(struct played *zone);
void played_add_group(struct played *zone, uint64_t group);
void played_close_group(struct played *zone, uint64_t group,
                        enum domi_reason reason);
void played_end_list(struct played *zone);

void question_init(struct question *question, struct asker *asker,
                   uint64_t group);
void question_ask(struct question *question);

/* Asks, waits for the answer, and returns the zone's node id, or the status if
   it is not 0. */
int asker_find(struct asker *asker, uint64_t group);

/* Lets all arrive that zones have sent. */
void cluster_settle(struct cluster *cluster);

/* Moves the clock forward, and lets timers fire. */
void cluster_wait(struct cluster *cluster, uint64_t ms);

#endif
