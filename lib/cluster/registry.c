/* SPDX-License-Identifier: MIT */
/* What all registries share: the public way to free one. */
#include "cluster/cluster.h"

void domi_registry_free(struct domi_registry *registry)
{
    if (registry) {
        registry->kind->free(registry);
    }
}
