/* SPDX-License-Identifier: MIT */
/* Links under test, and what they have told. */
#ifndef TEST_LINKS_FIXTURE_H
#define TEST_LINKS_FIXTURE_H

#include "../gateway/peer.h"

#include "cluster/cluster.h"
#include "frame/frame.h"

/* Added to the clock of the loop. */
extern uint64_t forward_ms;

struct fixture {
    struct net net;
    struct domi__loop *loop;
    struct domi__log log;
    struct domi__links *links;
    unsigned up, hellos, down, failed, frames, low, gone;
    struct domi__link *last;
    enum domi_reason reason;
    uint16_t type;
    char lines[4096]; /* of the log, from warnings up */
    uint64_t times[8]; /* of up and failed, monotonic milliseconds */
    bool closed, put;
    /* Asked for from inside on_down and on_gone. */
    const struct domi__node *ask_again;
    struct domi__link *again;
};

void open_links(struct fixture *fixture);

/* As above, with cluster keys; a zone has half a second to prove itself. */
void open_keyed_links(struct fixture *fixture,
                      const struct domi__cluster_keys *keys);

/* Closes the links, and asserts that they make no call any more but the one
   that says that all is closed. */
void stop_links(struct fixture *fixture);

/* Ends all, the links too unless they are stopped already. */
void close_links(struct fixture *fixture);

#endif
