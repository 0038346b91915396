/* SPDX-License-Identifier: MIT */
/* The search for a node id that nobody has. */
#ifndef DOMI_CONSUL_SEARCH_H
#define DOMI_CONSUL_SEARCH_H

#include <stdbool.h>

#include "consul/ask.h"
#include "consul/ids.h"

/*
 * Ids are found at random, as many nodes may search at once. Left out are those
 * that have a key, and those that have a service of another kind of nodes,
 * which have no keys. When none is free, keys without a session are found:
 * their owners' reserve, taken only where no service has the id.
 *
 * The services are asked for once for each search; Consul leaves out domi's,
 * which are many, as long as they do not matter.
 */
struct domi__consul_search {
    struct domi__consul_ask ask;
    const char *prefix; /* of keys, escaped */
    int wanted;         /* the only id that will do; -1: any */
    bool looked;        /* `services` is read */
    bool reserves;      /* no id is free */
    struct domi__consul_services services;

    /* An id to try, or -1: all are taken. */
    void (*on_found)(struct domi__consul_search *search, int id);
    void (*on_failed)(struct domi__consul_search *search,
                      const struct domi__consul_reply *reply);
};

/* `prefix` must outlive it. */
void domi__consul_search_init(struct domi__consul_search *search,
                              struct domi__consul *consul, const char *prefix);

/* Forgets what was found; the next search begins anew. */
void domi__consul_search_begin(struct domi__consul_search *search, int wanted);

/* Searches for one more, also after a failure. */
void domi__consul_search_next(struct domi__consul_search *search);

void domi__consul_search_stop(struct domi__consul_search *search);

#endif
