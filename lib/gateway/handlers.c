/* SPDX-License-Identifier: MIT */
/* The gateway's own handlers: a sorted list of types. */
#include "gateway/inner.h"

#include <stdlib.h>
#include <string.h>

/* Where the type stands in the list, or would stand. */
static size_t position_of(const struct domi_gateway *gateway, uint16_t type)
{
    size_t low = 0;
    size_t high = gateway->handler_count;

    while (low < high) {
        size_t middle = (low + high) / 2;

        if (gateway->handlers[middle].type < type) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

const struct domi__gateway_handler *
domi__gateway_handler_find(const struct domi_gateway *gateway, uint16_t type)
{
    size_t at = position_of(gateway, type);

    if (at < gateway->handler_count && gateway->handlers[at].type == type) {
        return &gateway->handlers[at];
    }
    return NULL;
}

static void remove_at(struct domi_gateway *gateway, size_t at)
{
    gateway->handler_count--;
    memmove(&gateway->handlers[at], &gateway->handlers[at + 1],
            (gateway->handler_count - at) * sizeof(*gateway->handlers));
}

int domi_gateway_handle(struct domi_gateway *gateway, uint16_t type,
                        domi_gateway_handler_fn handler, void *user)
{
    size_t at = position_of(gateway, type);
    bool taken = domi__gateway_handler_find(gateway, type) != NULL;
    struct domi__gateway_handler *handlers;

    if (type < DOMI_TYPE_FIRST) {
        return DOMI_E_TYPE_RESERVED;
    }
    if (!handler) {
        if (taken) {
            remove_at(gateway, at);
        }
        return 0;
    }
    if (taken) {
        return DOMI_E_TYPE_TAKEN;
    }
    handlers = realloc(gateway->handlers,
                       (gateway->handler_count + 1) * sizeof(*handlers));
    if (!handlers) {
        return UV_ENOMEM;
    }
    memmove(&handlers[at + 1], &handlers[at],
            (gateway->handler_count - at) * sizeof(*handlers));
    handlers[at] = (struct domi__gateway_handler){type, handler, user};
    gateway->handlers = handlers;
    gateway->handler_count++;
    return 0;
}
