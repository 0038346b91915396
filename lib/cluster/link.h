/* SPDX-License-Identifier: MIT */
/* Inside the links: one link, and the set that it is in. */
#ifndef DOMI_CLUSTER_LINK_H
#define DOMI_CLUSTER_LINK_H

#include "base/ids.h"
#include "base/table.h"
#include "cluster/links.h"

/*
 *   links.c   all links of a gateway, found by where they lead
 *   link.c    one of them: dialled, open, lost, dialled again, given up
 */

struct domi__link {
    struct domi__list node; /* of links->all */
    struct domi__link *next; /* of one hash */
    struct domi__links *links;
    struct domi__node target;     /* with strings of its own */
    struct domi__link_session *session; /* NULL while it waits */
    uint64_t id;                  /* 0 while not open */
    uint32_t features;            /* these two: as it answered our hello */
    int node_id;
    unsigned failures; /* in a row: not opened, or soon lost */
    uint64_t opened_ms;
    uint64_t wanted_ms; /* when it was last open or asked for */
    struct domi__timer timer; /* until it is dialled, or must be proven */
    struct domi__talk talk;   /* until it is proven */
    void *data;
};

/* The session outlives the link when that is closed meanwhile. */
struct domi__link_session {
    struct domi__session base;
    struct domi__link *link; /* NULL: nobody listens any more */
    struct domi__links *links;
};

struct domi__links {
    struct domi__links_options options;
    struct domi__session_limits stranger_limits; /* of who is not proven */
    struct domi__node_set nodes; /* ids of our node, the present one too */
    struct domi__list all;
    struct domi__table by_address; /* the first of each hash of an address */
    struct domi__table by_id;      /* open ones */
    unsigned sessions;        /* not yet closed, of links and former links */
    bool closing;
    struct domi__deferred deferred;
    void (*on_closed)(void *user);
    void *closed_user;
};

/* ---- links.c ------------------------------------------------------------- */

/* The link can be found. 0 or UV_ENOMEM. */
int domi__links_list(struct domi__link *link);

/* Nobody finds it any more; harmless when nobody did. */
void domi__links_unlist(struct domi__link *link);

/* A session has been closed: if that was the last, the links may end. */
void domi__links_session_closed(struct domi__links *links);

/* ---- link.c -------------------------------------------------------------- */

/* Listed, and dialled. NULL when memory is short. */
struct domi__link *domi__link_new(struct domi__links *links,
                                  const struct domi__node *node);

/* Tells the zone by which ids it may know our users, beside that in hello; not
   while the link is not open. */
void domi__link_tell_nodes(struct domi__link *link);

/* Closes its session, if it has one, and frees it. No call is made for it any
   more. */
void domi__link_close(struct domi__link *link, enum domi_reason reason);

#endif
