/* SPDX-License-Identifier: MIT */
/* Nodes that join through Consul, with the HTTP port where they are checked. */
#ifndef DOMI_TEST_CLUSTER_CONSUL_NODE_H
#define DOMI_TEST_CLUSTER_CONSUL_NODE_H

#include "world.h"

#include <cjson/cJSON.h>

#include "agent.h"

/* A world with an agent of its own. */
struct town {
    struct world world;
    struct agent agent;
    unsigned nodes; /* that have joined and not left */
};

struct town_options {
    bool dev;
    unsigned session_s; /* 0: 5 */
    enum domi_id_policy id_policy;
};

void town_open(struct town *town, struct town_options options);

/* Where a test has failed in the midst of it, what it used stays as it is. */
void town_close(struct town *town);

/* A node of the town, and what its registry has told it. */
struct node {
    struct domi__membership membership;
    struct town *town;
    struct domi__listener *listener;
    bool sick; /* its health is answered with 503 */
    unsigned joined;
    int status; /* of on_joined */
    unsigned ids; /* calls of on_id */
    unsigned outdated;
    unsigned left;
};

/* A node that listens, and has not joined: any id, version 1. */
void node_init(struct node *node, struct town *town, const char *service);
void node_join(struct node *node);

/* Waits until the join is answered, with this status. */
void node_joined(struct node *node, int status);

/* Waits until Consul has found it healthy and its version is in the key. */
void node_serves(struct node *node);

/* Leaves, and waits for on_left. */
void node_leave(struct node *node);

/* Leaves where it has not, and closes the listener. */
void node_fini(struct node *node);

#define NODE_ID(node) ((node)->membership.self.id)

/* As RUN_UNTIL, with another limit, in seconds. */
#define TOWN_UNTIL(town, seconds, condition)                                   \
    for (town_wait(town, seconds); !(condition);) {                            \
        fixture_turn(&(town)->world.fixture, #condition, __FILE__, __LINE__);  \
    }

void town_wait(struct town *town, unsigned seconds);

/* What Consul holds; the caller frees the JSON. NULL for any status but 200. */
cJSON *town_get(struct town *town, const char *path);

/* Whether a path is answered with 200. */
bool town_has(struct town *town, const char *path);

/* Whether the key has this value. */
bool town_key_is(struct town *town, const char *key, const char *value);

/* The key of a node's id: whether it is there; and its session, "" for none,
   in static memory. */
bool town_has_id(struct town *town, int id);
const char *town_session(struct town *town, int id);

/* Whether the node is registered under its id, with this state. */
bool node_is_registered(struct node *node, const char *state);

#endif
