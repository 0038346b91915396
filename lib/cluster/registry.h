/* SPDX-License-Identifier: MIT */
/* What a registry is: who is out there, and where a group is. */
#ifndef DOMI_CLUSTER_REGISTRY_H
#define DOMI_CLUSTER_REGISTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "domi/registry.h"

struct domi__loop;
struct domi__memory_port;

/* A node as others see it. */
struct domi__node {
    int id;            /* 0 to 1022; -1: not known */
    const char *service;
    const char *host;  /* IP address; NULL when only memory leads there */
    int tcp_port;
    int http_port;     /* 0: not known */
    bool https;        /* that port has TLS; only in a node's own `self` */
    int version;       /* 0: not known */
    struct domi__memory_port *memory; /* in this process, or NULL */
    uint64_t age_order; /* a smaller number joined earlier; 0: not known */
    bool draining;      /* keeps what it has, wants nothing new */
    bool suspect;       /* unhealthy, or back for too short a time: its link
                           decides whether it lives */
};

/* All nodes of one service that are known now, sorted by host and port. */
struct domi__snapshot {
    const struct domi__node *nodes;
    size_t count;
};

/*
 * A node's place in a registry, from join to leave. Embedded in the node's own
 * struct; the node fills in `self`, the calls, `draining` if need be, and asks
 * the registry to join. Strings of `self` live until on_left.
 */
struct domi__membership {
    struct domi__list node;
    void *data; /* the registry's own */
    struct domi__loop *loop;
    struct domi__node self;
    /* Once: the registry gave the id, or refused with a negative status. */
    void (*on_joined)(struct domi__membership *membership, int status);
    void (*on_left)(struct domi__membership *membership);
    /* After on_joined, when the claim on the id is lost: self.id is the new
       one, from now on; or -1, when the node has none and must not make new
       session ids until this is called again. May be NULL where the kind of
       registry cannot lose ids. */
    void (*on_id)(struct domi__membership *membership);
    /* A newer version of the service is in force, or no more: see `outdated`.
       May be NULL, as above. */
    void (*on_outdated)(struct domi__membership *membership);
    bool outdated; /* the registry's: a newer version is in force, and a node
                      of it is healthy and can take the users */
    void *arg;
};

/* A question where a group is. Embedded in the asker's struct, untouched until
   the answer. */
struct domi__place {
    const char *service;
    uint64_t group;
    /* `status` is 0 and `node` is valid until this returns; or a negative
       code, DOMI_E_NO_ZONE or DOMI_E_FULL for two, and `node` is NULL. May be
       called before the question returns. */
    void (*on_placed)(struct domi__place *place, int status,
                      const struct domi__node *node);
    struct domi__list pending; /* of whom is asked */
};

/* Somebody who wants to know a service's nodes. Embedded in the watcher's own
   struct. */
struct domi__registry_watch {
    struct domi__list node; /* the registry's */
    const char *service;    /* lives as long as the watch */
    struct domi__loop *loop;
    /* Another snapshot is there. Never called by watch or unwatch. */
    void (*on_change)(struct domi__registry_watch *watch);
    struct domi__snapshot snapshot; /* the registry's; valid until the next
                                       on_change, or unwatch */
    bool known; /* false until the registry has learned it */
};

/* What each kind of registry does. A kind has either `place`, when it says
   itself where each group is, or `watch` and `unwatch`, and then placement.c
   decides on snapshots. */
struct domi__registry_kind {
    const char *name;
    /* Fills in self.id unless it is set, and makes the node known. on_joined
       may be called before it returns. UV_EADDRINUSE: the id or the address
       is another node's; DOMI_E_NO_ID; DOMI_E_VERSION; DOMI_E_OPTION. A node
       that was refused may leave all the same. */
    void (*join)(struct domi_registry *registry,
                 struct domi__membership *membership);
    /* Takes the node back; on_left may be called before it returns, and comes
       within 3 s. Also before on_joined, which is then not called. */
    void (*leave)(struct domi_registry *registry,
                  struct domi__membership *membership);
    /* self.draining has changed: tells the others. May be NULL. */
    void (*update)(struct domi_registry *registry,
                   struct domi__membership *membership);

    void (*place)(struct domi_registry *registry, struct domi__place *place);
    /* The asker lost interest; on_placed will not be called. */
    void (*cancel)(struct domi_registry *registry, struct domi__place *place);

    void (*watch)(struct domi_registry *registry,
                  struct domi__registry_watch *watch);
    void (*unwatch)(struct domi_registry *registry,
                    struct domi__registry_watch *watch);

    /* Seconds since the registry last answered, 1 at least, while it does not;
       0 while it does. NULL: it always does. */
    unsigned (*stale_s)(const struct domi_registry *registry);

    void (*free)(struct domi_registry *registry);
};

struct domi_registry {
    const struct domi__registry_kind *kind;
};

#endif
