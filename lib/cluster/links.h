/* SPDX-License-Identifier: MIT */
/* Links: sessions from a gateway to zones. */
#ifndef DOMI_CLUSTER_LINKS_H
#define DOMI_CLUSTER_LINKS_H

#include "base/log.h"
#include "cluster/proof.h"
#include "cluster/registry.h"
#include "transport/transport.h"

struct domi__links;
struct domi__link;

/* What a gateway's links tell it. `user` is what domi__links_new was given. */
struct domi__links_calls {
    /* The link is open, and the zone has proven itself, where there is a
       cluster key: its id is set, and may be used as a target. Also after each
       reconnect, with a new id. */
    void (*on_up)(void *user, struct domi__link *link);
    /* The zone has answered the hello: what it knows and the id of its node
       are known. Not called by zones of the recorded form. */
    void (*on_hello)(void *user, struct domi__link *link);
    /* The link was open and is lost; its id is gone for good. The session is
       not there any more. */
    void (*on_down)(void *user, struct domi__link *link,
                    enum domi_reason reason);
    /* The link could not be opened, or not again, or the zone did not prove
       itself. It will be dialled again, unless on_gone follows. */
    void (*on_failed)(void *user, struct domi__link *link,
                      enum domi_reason reason);
    /* A frame of the zone, checked by domi__frame_check. */
    void (*on_frame)(void *user, struct domi__link *link,
                     const struct domi_frame *frame);
    /* The queue to the zone has room again. */
    void (*on_low)(void *user, struct domi__link *link);
    /* The link is given up, and freed when this returns; domi__links_get
       makes a new one. */
    void (*on_gone)(void *user, struct domi__link *link);
};

struct domi__links_options {
    struct domi__loop *loop;
    struct domi__log *log;
    struct domi__session_limits limits; /* of each link's session */
    int node_id;                        /* the gateway's, for the hello */
    uint32_t features;                  /* as well */
    struct domi__tls *tls;              /* of links over TCP; NULL: none */
    struct domi__cluster_keys keys;     /* not asked for through memory */
    const struct domi__links_calls *calls;
    void *user;
};

/* NULL when memory is short. */
struct domi__links *domi__links_new(const struct domi__links_options *options);

/* The gateway has another node id: for hellos from now on. Zones that care are
   told that there may be users of both. */
void domi__links_set_node(struct domi__links *links, int node_id);

/* Closes all links, each with an exit frame; no call is made any more. Not to
   be used from inside such a call. `on_closed` comes in a later turn, and the
   memory is freed then. */
void domi__links_close(struct domi__links *links,
                       void (*on_closed)(void *user), void *user);

/*
 * The one link to this node's service and address; begun when there is none.
 * A link over TCP is dialled again whenever it is lost, after a wait that grows
 * with each failure, with jitter; it is given up when it was neither open nor
 * asked for for a minute. A link through memory is given up when it is lost.
 * NULL when memory is short.
 */
struct domi__link *domi__links_get(struct domi__links *links,
                                   const struct domi__node *node);

/* Asks for a link that one has, as domi__links_get does. */
void domi__link_want(struct domi__link *link);

/* The id that the zone gave the link; 0 while it is not open. */
uint64_t domi__link_id(const struct domi__link *link);

/* The open session, to send on, or NULL. */
struct domi__session *domi__link_session(struct domi__link *link);

/* Whether the zone has answered our hello with this feature bit. */
bool domi__link_has(const struct domi__link *link, uint32_t feature);

/* The id of the zone's node, as it answered our hello; -1: not known. */
int domi__link_node_id(const struct domi__link *link);

/* A pointer of the gateway's, NULL at first, kept over reconnects. */
void domi__link_set_data(struct domi__link *link, void *data);
void *domi__link_data(const struct domi__link *link);

/* How many links are open. */
size_t domi__links_count(const struct domi__links *links);

#endif
