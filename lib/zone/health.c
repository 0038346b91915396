/* SPDX-License-Identifier: MIT */
/* What a zone answers over HTTP: its health, and how full the machine is. */
#include "zone/state.h"

int domi__zone_answer(void *arg, const char *path, char *body, size_t size)
{
    const struct domi_zone *zone = arg;

    return domi__node_answer(&zone->membership.self, domi__zone_memory(zone),
                             path, body, size);
}
