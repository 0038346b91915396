/* SPDX-License-Identifier: MIT */
/* The key of a node id, given back. */
#ifndef DOMI_CONSUL_RELEASE_H
#define DOMI_CONSUL_RELEASE_H

#include <stdbool.h>

#include "consul/ask.h"

struct domi__consul_mark;

/* One try: the key is read, so that only our own is deleted, locked or not;
   then deleted. */
struct domi__consul_release {
    struct domi__consul_ask ask;
    const struct domi__consul_mark *mark;
    const char *prefix; /* of keys, escaped */
    int id;
    bool reads; /* the key has not been read yet */
    /* It is given back, was not ours, or could not be. */
    void (*on_done)(struct domi__consul_release *release);
};

/* `mark` and `prefix` must outlive it. */
void domi__consul_release_init(struct domi__consul_release *release,
                               struct domi__consul *consul,
                               const struct domi__consul_mark *mark,
                               const char *prefix);

void domi__consul_release_start(struct domi__consul_release *release, int id);

/* on_done will not be called. */
void domi__consul_release_stop(struct domi__consul_release *release);

#endif
