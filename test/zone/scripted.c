/* SPDX-License-Identifier: MIT */
/* A registry that says what the test tells it to say. */
#include "scripted.h"

#include <string.h>

static void on_join(struct domi_registry *registry,
                    struct domi__membership *membership)
{
    DOMI__CONTAINER(registry, struct scripted, base)->membership = membership;
}

static void on_leave(struct domi_registry *registry,
                     struct domi__membership *membership)
{
    DOMI__CONTAINER(registry, struct scripted, base)->membership = NULL;
    membership->on_left(membership);
}

static void on_update(struct domi_registry *registry,
                      struct domi__membership *membership)
{
    struct scripted *scripted =
        DOMI__CONTAINER(registry, struct scripted, base);

    scripted->updates++;
    scripted->draining = membership->self.draining;
}

static const struct domi__registry_kind kind = {
    .name = "scripted",
    .join = on_join,
    .leave = on_leave,
    .update = on_update,
};

void scripted_init(struct scripted *scripted)
{
    memset(scripted, 0, sizeof(*scripted));
    scripted->base.kind = &kind;
}

void scripted_join(struct scripted *scripted, int id, int status)
{
    struct domi__membership *membership = scripted->membership;

    if (status == 0) {
        membership->self.id = id;
    }
    membership->on_joined(membership, status);
}

void scripted_set_id(struct scripted *scripted, int id)
{
    scripted->membership->self.id = id;
    scripted->membership->on_id(scripted->membership);
}

void scripted_set_outdated(struct scripted *scripted, bool outdated)
{
    struct domi__membership *membership = scripted->membership;

    membership->outdated = outdated;
    membership->on_outdated(membership);
}
