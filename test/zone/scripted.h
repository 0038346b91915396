/* SPDX-License-Identifier: MIT */
/* A registry that says what the test tells it to say. */
#ifndef TEST_ZONE_SCRIPTED_H
#define TEST_ZONE_SCRIPTED_H

#include <stdbool.h>

#include "cluster/cluster.h"

/* Of one node. It answers a join only when it is told to. */
struct scripted {
    struct domi_registry base;
    struct domi__membership *membership; /* NULL unless it has asked to join */
    unsigned updates;
    bool draining; /* as the node last said */
};

void scripted_init(struct scripted *scripted);

/* Answers the join: with the id when `status` is 0. */
void scripted_join(struct scripted *scripted, int id, int status);

/* Another node has the id; -1: there is no new one yet. */
void scripted_set_id(struct scripted *scripted, int id);

/* A newer version is in force, and a node of it is healthy. */
void scripted_set_outdated(struct scripted *scripted, bool outdated);

#endif
