/* SPDX-License-Identifier: MIT */
/* What a zone answers over HTTP: its health, and how full the machine is. */
#include "zone/state.h"

static const char *why_busy(const struct domi_zone *zone)
{
    if (!domi__zone_is_busy(zone)) {
        return NULL;
    }
    return zone->load.stuck ? "a worker is stuck" : "memory is short";
}

void domi__zone_answer(void *arg, const struct domi__http_question *question,
                       struct domi__http_answer *answer)
{
    struct domi_zone *zone = arg;
    const struct domi__node_status status = {
        .node = &zone->membership.self,
        .registry = zone->registry,
        .memory = domi__zone_memory(zone),
        .busy = why_busy(zone),
        .admin_token = zone->options.admin_token,
    };

    if (domi__node_answer(&status, &zone->log, question, answer)) {
        domi_zone_drain(zone);
    }
}
