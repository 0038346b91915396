/* SPDX-License-Identifier: MIT */
/* What a zone answers over HTTP: its health, and how full the machine is. */
#include "base/memory_use.h"
#include "zone/state.h"

void domi__zone_answer(void *arg, const struct domi__http_question *question,
                       struct domi__http_answer *answer)
{
    struct domi_zone *zone = arg;
    const struct domi__node_status status = {
        .node = &zone->membership.self,
        .registry = zone->registry,
        .memory = domi__memory_use(),
        .admin_token = zone->options.admin_token,
    };

    domi__node_answer(&status, &zone->log, question, answer);
}
