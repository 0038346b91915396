/* SPDX-License-Identifier: MIT */
/* What all registries share: the public verbs that ask the kind. */
#include "cluster/cluster.h"

enum domi_registry_state
domi_registry_state(const struct domi_registry *registry)
{
    bool stale =
        registry->kind->stale_s && registry->kind->stale_s(registry) > 0;

    return stale ? DOMI_REGISTRY_STALE : DOMI_REGISTRY_OK;
}

void domi_registry_free(struct domi_registry *registry)
{
    if (registry) {
        registry->kind->free(registry);
    }
}
