/* SPDX-License-Identifier: MIT */
/* What a node writes into the key of its id, to know it again. */
#ifndef DOMI_CONSUL_MARK_H
#define DOMI_CONSUL_MARK_H

#include <stdbool.h>
#include <stddef.h>

struct domi__consul_key;
struct domi__node;

#define DOMI__CONSUL_MARK_SIZE 160

struct domi__consul_mark {
    char uuid[37];    /* of the tenure: a key with it is ours */
    char address[64]; /* of the node, "HOST:PORT" */
};

/* 0, or a code of the random source. */
int domi__consul_mark_init(struct domi__consul_mark *mark,
                           const struct domi__node *self);

/* "UUID HOST:PORT TIME", of now. */
void domi__consul_mark_write(const struct domi__consul_mark *mark,
                             char out[DOMI__CONSUL_MARK_SIZE]);

/* Whether the key is ours. */
bool domi__consul_mark_is_on(const struct domi__consul_mark *mark,
                             const struct domi__consul_key *key);

/* Whether the key is from a node at our own address: which we have now, so
   that it has ended. */
bool domi__consul_mark_is_heir(const struct domi__consul_mark *mark,
                               const struct domi__consul_key *key);

#endif
