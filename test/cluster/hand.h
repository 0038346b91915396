/* SPDX-License-Identifier: MIT */
/* A registry in the hand of a test, of one node: it answers when, and what, the
   test says. Where groups are it leaves to another one. */
#ifndef TEST_HAND_H
#define TEST_HAND_H

#include "cluster/registry.h"

struct hand {
    struct domi_registry base;
    struct domi_registry *real;      /* for places; NULL: there are none */
    struct domi__membership *member; /* who asked to join; or NULL */
    bool answers; /* join is answered at once, with `status` and `id` */
    int status;
    int id;
    unsigned updates; /* that the member asked for */
    bool draining;    /* as it said in the last of them */
    unsigned stale_s;
};

/* One that answers at once, with id 7. */
void hand_open(struct hand *hand, struct domi_registry *real);

/* Answers a join. */
void hand_answer(struct hand *hand, int status, int id);

/* The member has another id; or -1, none. */
void hand_set_id(struct hand *hand, int id);

/* A newer version is in force, or no more. */
void hand_set_outdated(struct hand *hand, bool outdated);

#endif
