/* SPDX-License-Identifier: MIT */
/* The cluster: who is out there, and where a group is. */
#ifndef DOMI_CLUSTER_CLUSTER_H
#define DOMI_CLUSTER_CLUSTER_H

#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "base/log.h"
#include "domi/registry.h"
#include "transport/transport.h"

/* All of this room runs on the loop's thread. */

/* A node as others see it. */
struct domi__node {
    int id;            /* 0 to 1022; -1: not known */
    const char *service;
    const char *host;  /* IP address; NULL when only memory leads there */
    int tcp_port;
    int http_port;
    int version;
    struct domi__memory_port *memory; /* in this process, or NULL */
};

/* All nodes of one service that are known now, sorted by host and port. */
struct domi__snapshot {
    const struct domi__node *nodes;
    size_t count;
};

/* A node's place in a registry, from join to leave. Embedded in the node's
   own struct. */
struct domi__membership {
    struct domi__list node;
    struct domi__registry_kind_data *data; /* the registry's own */
    struct domi__node self;
    /* The registry gave the id, or refused with a negative status. */
    void (*on_joined)(struct domi__membership *membership, int status);
    void (*on_left)(struct domi__membership *membership);
    void *arg;
};

/* A question where a group is. Embedded in the asker's struct, untouched until
   the answer. */
struct domi__place {
    const char *service;
    uint64_t group;
    /* `status` is 0 and `node` is valid until this returns; or a negative
       code, DOMI_E_NO_ZONE for one, and `node` is NULL. May be called before
       domi__registry_place returns. */
    void (*on_placed)(struct domi__place *place, int status,
                      const struct domi__node *node);
    struct domi__list pending; /* the registry's */
};

/* What each kind of registry does. */
struct domi__registry_kind {
    const char *name;
    /* Fills in self.id unless it is set, and makes the node known. on_joined
       may be called before it returns. UV_EADDRINUSE: the id or the address
       is another node's; DOMI_E_TOO_MANY: no id is free. A node that was
       refused may leave all the same. */
    void (*join)(struct domi_registry *registry,
                 struct domi__membership *membership);
    /* Takes the node back; on_left may be called before it returns. */
    void (*leave)(struct domi_registry *registry,
                  struct domi__membership *membership);
    void (*place)(struct domi_registry *registry, struct domi__place *place);
    /* The asker lost interest; on_placed will not be called. */
    void (*cancel)(struct domi_registry *registry, struct domi__place *place);
    void (*free)(struct domi_registry *registry);
};

struct domi_registry {
    const struct domi__registry_kind *kind;
};

/*
 * The node of a snapshot that holds the group, by rendezvous hashing: each
 * node's host and port is hashed with the group's id, and the highest hash
 * wins, so that a node that comes or goes moves only its own groups. NULL for
 * an empty snapshot. A pure function of its arguments; all processes agree.
 */
const struct domi__node *
domi__rendezvous(const struct domi__snapshot *snapshot, uint64_t group);

/*
 * Answers for /<id>/health, ping, version and weight: writes the body and
 * returns the status, 0 when the path is none of them. `weight` is a
 * percentage. A pure function of its arguments.
 */
int domi__node_answer(const struct domi__node *node, unsigned weight,
                      const char *path, char *body, size_t size);

/* Checks host and ports of a node's options: 0, or DOMI_E_OPTION after a line
   in the log that names what is wrong. */
int domi__node_check(struct domi__log *log, const char *host, int tcp_port,
                     int http_port, const int *id, int version);

/* ---- links: sessions from a gateway to zones ----------------------------- */

struct domi__links;
struct domi__link;

/* What a gateway's links tell it. `user` is what domi__links_new was given. */
struct domi__links_calls {
    /* The link is open: its id is set, and may be used as a target. Also
       after each reconnect, with a new id. */
    void (*on_up)(void *user, struct domi__link *link);
    /* The link was open and is lost; its id is gone for good. The session is
       not there any more. */
    void (*on_down)(void *user, struct domi__link *link,
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
    const struct domi__links_calls *calls;
    void *user;
};

/* NULL when memory is short. */
struct domi__links *domi__links_new(const struct domi__links_options *options);

/* Closes all links, each with an exit frame; no call is made any more. Not to
   be used from inside such a call. `on_closed` comes in a later turn, and the
   memory is freed then. */
void domi__links_close(struct domi__links *links,
                       void (*on_closed)(void *user), void *user);

/*
 * The one link to this node; begun when there is none. O(links). A link over
 * TCP is dialled again whenever it is lost, after a wait that grows with each
 * failure, with jitter; it is given up when it was neither open nor asked for
 * for a minute. A link through memory is given up when it is lost. NULL when
 * memory is short.
 */
struct domi__link *domi__links_get(struct domi__links *links,
                                   const struct domi__node *node);

/* The id that the zone gave the link; 0 while it is not open. */
uint64_t domi__link_id(const struct domi__link *link);

/* The open session, to send on, or NULL. */
struct domi__session *domi__link_session(struct domi__link *link);

/* Whether the zone has answered our hello with this feature bit. */
bool domi__link_has(const struct domi__link *link, uint32_t feature);

/* A pointer of the gateway's, NULL at first, kept over reconnects. */
void domi__link_set_data(struct domi__link *link, void *data);
void *domi__link_data(const struct domi__link *link);

/* How many links are open. */
size_t domi__links_count(const struct domi__links *links);

#endif
