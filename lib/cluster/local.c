/* SPDX-License-Identifier: MIT */
/* The local registry: zones and gateways of one process, through memory. */

/*
 * A node joins and is known at once; a question is answered at once, so that
 * none is ever pending. Only nodes with a memory port are places for groups.
 * An id that another node of this registry has is refused.
 */
#include "cluster/roster.h"

#include <stdlib.h>

#include <uv.h>

#include "base/ids.h"
#include "domi/err.h"

struct local {
    struct domi_registry base;
    struct domi__list members;  /* struct domi__membership */
    struct domi__roster roster; /* those with a memory port */
};

static struct local *local_of(struct domi_registry *registry)
{
    return DOMI__CONTAINER(registry, struct local, base);
}

static bool is_taken(const struct local *local, int id)
{
    const struct domi__list *node;

    for (node = local->members.next; node != &local->members;
         node = node->next) {
        if (DOMI__CONTAINER(node, struct domi__membership, node)->self.id ==
            id) {
            return true;
        }
    }
    return false;
}

/* Gives the smallest free id, or checks the one that the node came with.
   O(n^2), where n is the nodes of one process. */
static int take_id(const struct local *local, struct domi__node *self)
{
    if (self->id >= 0) {
        return is_taken(local, self->id) ? UV_EADDRINUSE : 0;
    }
    for (int id = 0; id <= DOMI__NODE_ID_MAX; id++) {
        if (!is_taken(local, id)) {
            self->id = id;
            return 0;
        }
    }
    return DOMI_E_TOO_MANY;
}

static void local_join(struct domi_registry *registry,
                       struct domi__membership *membership)
{
    struct local *local = local_of(registry);
    int wished = membership->self.id;
    int status = take_id(local, &membership->self);

    domi__list_init(&membership->node);
    if (status == 0 && membership->self.memory) {
        status = domi__roster_add(&local->roster, &membership->self);
    }
    if (status == 0) {
        domi__list_push(&local->members, &membership->node);
    } else {
        membership->self.id = wished;
    }
    membership->on_joined(membership, status);
}

static void local_leave(struct domi_registry *registry,
                        struct domi__membership *membership)
{
    struct local *local = local_of(registry);

    /* A node that was refused has no place in the roster to give up; an equal
       one that is there may be another's. */
    if (!domi__list_is_empty(&membership->node)) {
        domi__list_remove(&membership->node);
        domi__roster_remove(&local->roster, &membership->self);
    }
    membership->on_left(membership);
}

static void local_place(struct domi_registry *registry,
                        struct domi__place *place)
{
    domi__roster_place(&local_of(registry)->roster, place);
}

static void local_cancel(struct domi_registry *registry,
                         struct domi__place *place)
{
    (void)registry;
    (void)place;
}

static void local_free(struct domi_registry *registry)
{
    struct local *local = local_of(registry);

    domi__roster_fini(&local->roster);
    free(local);
}

static const struct domi__registry_kind local_kind = {
    .name = "local",
    .join = local_join,
    .leave = local_leave,
    .place = local_place,
    .cancel = local_cancel,
    .free = local_free,
};

struct domi_registry *domi_registry_local_new(void)
{
    struct local *local = calloc(1, sizeof(*local));

    if (!local) {
        return NULL;
    }
    local->base.kind = &local_kind;
    domi__list_init(&local->members);
    return &local->base;
}
