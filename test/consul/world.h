/* SPDX-License-Identifier: MIT */
/* For the tests of the Consul registry: a registry, what it reports, and
   watches that note what they see. */
#ifndef DOMI_TEST_CLUSTER_CONSUL_WORLD_H
#define DOMI_TEST_CLUSTER_CONSUL_WORLD_H

#include "../transport/fixture.h"

#include "cluster/registry.h"

/* A registry on a loop. */
struct world {
    struct fixture fixture;
    struct domi_registry *registry;
    enum domi_registry_state state; /* as last reported */
    unsigned state_changes;
    char reason[256];
    char *log; /* all lines */
    size_t log_size;
    uv_timer_t beat;
    uint64_t beat_ns;        /* when it last came; 0: not yet */
    uint64_t longest_gap_ns; /* between two of its beats */
};

/* A loop, and no registry yet. */
void world_init(struct world *world);

/* A registry with these options, whose calls it sets. */
void world_connect(struct world *world, struct domi_consul_options options);

/* Both. */
void world_init_with(struct world *world, struct domi_consul_options options);

/* Frees the registry and checks that nothing is left over. */
void world_fini(struct world *world);

/* How often the text came up in the log. */
unsigned world_logged(const struct world *world, const char *text);

/* Begins to look for the longest time that the loop did not turn. */
void world_measure(struct world *world);

/* Turns the loop for a time, in which something must not happen. */
void world_rest(struct world *world, unsigned ms);

/* A watch of a service, in the world. */
struct watcher {
    struct domi__registry_watch watch;
    struct world *world;
    unsigned changes;
    unsigned emptied; /* changes to no node at all */
    void (*on_change)(struct watcher *watcher); /* or NULL */
    struct watcher *other;                      /* for on_change */
};

void watcher_open(struct watcher *watcher, struct world *world,
                  const char *service);
void watcher_close(struct watcher *watcher);

/* The node with this id, or NULL. */
const struct domi__node *watcher_node(const struct watcher *watcher, int id);

/* Whether the node is there and may get new groups. */
bool watcher_is_good(const struct watcher *watcher, int id);
bool watcher_is_suspect(const struct watcher *watcher, int id);

#endif
