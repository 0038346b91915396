/* SPDX-License-Identifier: MIT */
/* A registry whose zones come and go as a script wants. */
#include "nodes.h"

#include "cluster/roster.h"

#define NODES 4u

static struct {
    struct domi_registry base;
    struct domi__node all[NODES]; /* of both services */
    bool listed[NODES];
    struct domi__roster roster;
    struct domi__list watches;
} nodes;

static void nodes_join(struct domi_registry *registry,
                       struct domi__membership *membership)
{
    (void)registry;
    domi__list_init(&membership->node);
    if (membership->self.id < 0) {
        membership->self.id = 1000;
    }
    membership->on_joined(membership, 0);
}

static void nodes_leave(struct domi_registry *registry,
                        struct domi__membership *membership)
{
    (void)registry;
    membership->on_left(membership);
}

static void look(struct domi__registry_watch *watch)
{
    watch->snapshot = domi__roster_snapshot(&nodes.roster, watch->service);
    watch->known = true;
}

static void nodes_watch(struct domi_registry *registry,
                        struct domi__registry_watch *watch)
{
    (void)registry;
    look(watch);
    domi__list_push(&nodes.watches, &watch->node);
}

static void nodes_unwatch(struct domi_registry *registry,
                          struct domi__registry_watch *watch)
{
    (void)registry;
    domi__list_remove(&watch->node);
}

static const struct domi__registry_kind kind = {
    .name = "nodes",
    .join = nodes_join,
    .leave = nodes_leave,
    .watch = nodes_watch,
    .unwatch = nodes_unwatch,
};

/* All snapshots move with the roster, and so are taken anew before anybody is
   told. */
static void tell(void)
{
    struct domi__list now;
    struct domi__list *node;

    for (node = nodes.watches.next; node != &nodes.watches;
         node = node->next) {
        look(DOMI__CONTAINER(node, struct domi__registry_watch, node));
    }
    domi__list_init(&now);
    domi__list_move(&now, &nodes.watches);
    while ((node = domi__list_pop(&now))) {
        struct domi__registry_watch *watch =
            DOMI__CONTAINER(node, struct domi__registry_watch, node);

        domi__list_push(&nodes.watches, node);
        watch->on_change(watch);
    }
}

static void list(unsigned number)
{
    if (!nodes.listed[number]) {
        nodes.listed[number] =
            domi__roster_add(&nodes.roster, &nodes.all[number]) == 0;
    }
}

static void unlist(unsigned number)
{
    domi__roster_remove(&nodes.roster, &nodes.all[number]);
    nodes.listed[number] = false;
}

struct domi_registry *nodes_open(void)
{
    memset(&nodes, 0, sizeof(nodes));
    nodes.base.kind = &kind;
    domi__list_init(&nodes.watches);
    for (unsigned i = 0; i < NODES; i++) {
        nodes.all[i] = (struct domi__node){
            .id = (int)i + 1,
            .service = i < 2 ? "room" : "hall",
            .host = "127.0.0.1",
            .tcp_port = 7000 + (int)i,
            .version = 1,
            .age_order = i + 1,
        };
        list(i);
    }
    return &nodes.base;
}

void nodes_act(void)
{
    unsigned number = script_byte(&stand.script) % NODES;
    uint8_t what = script_byte(&stand.script);

    unlist(number);
    nodes.all[number].draining = what & 2;
    nodes.all[number].suspect = what & 4;
    nodes.all[number].age_order = what >> 4;
    if (what & 1) {
        list(number);
    }
    tell();
}

void nodes_close(void)
{
    CHECK(domi__list_is_empty(&nodes.watches));
    domi__roster_fini(&nodes.roster);
}
