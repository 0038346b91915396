/* SPDX-License-Identifier: MIT */
/* The static registry: zones at addresses that the operator wrote down. */

/*
 * The list is all there is: nodes that join are not added to it, zones that
 * are down stay in it, and a question is answered at once. So all gateways
 * with the same list agree, without a word between them.
 */
#include "cluster/roster.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include <uv.h>

#include "base/ids.h"
#include "domi/err.h"

/* The memory that a listed node's strings live in. */
struct address {
    struct address *next;
    char host[INET6_ADDRSTRLEN];
    char service[];
};

struct fixed {
    struct domi_registry base;
    struct domi__roster roster;
    struct address *addresses;
};

static const struct domi__registry_kind static_kind;

static struct fixed *fixed_of(struct domi_registry *registry)
{
    return DOMI__CONTAINER(registry, struct fixed, base);
}

/* Two nodes at different addresses may get the same id, one time in a
   thousand: session ids begin anywhere, and so rarely meet even then. Where
   that is not enough the operator gives the ids. */
static int id_from_address(const struct domi__node *self)
{
    struct domi__node node = *self;

    if (node.tcp_port <= 0) {
        node.tcp_port = node.http_port;
    }
    return (int)(domi__mix(domi__node_hash(&node)) % (DOMI__NODE_ID_MAX + 1));
}

static void static_join(struct domi_registry *registry,
                        struct domi__membership *membership)
{
    (void)registry;
    domi__list_init(&membership->node);
    if (membership->self.id < 0) {
        membership->self.id = id_from_address(&membership->self);
    }
    membership->on_joined(membership, 0);
}

static void static_leave(struct domi_registry *registry,
                         struct domi__membership *membership)
{
    (void)registry;
    membership->on_left(membership);
}

static void static_place(struct domi_registry *registry,
                         struct domi__place *place)
{
    domi__roster_place(&fixed_of(registry)->roster, place);
}

static void static_cancel(struct domi_registry *registry,
                          struct domi__place *place)
{
    (void)registry;
    (void)place;
}

static void static_free(struct domi_registry *registry)
{
    struct fixed *fixed = fixed_of(registry);
    struct address *address;

    while ((address = fixed->addresses)) {
        fixed->addresses = address->next;
        free(address);
    }
    domi__roster_fini(&fixed->roster);
    free(fixed);
}

static const struct domi__registry_kind static_kind = {
    .name = "static",
    .join = static_join,
    .leave = static_leave,
    .place = static_place,
    .cancel = static_cancel,
    .free = static_free,
};

struct domi_registry *domi_registry_static_new(void)
{
    struct fixed *fixed = calloc(1, sizeof(*fixed));

    if (!fixed) {
        return NULL;
    }
    fixed->base.kind = &static_kind;
    return &fixed->base;
}

/* Writes the address in the one way that inet_ntop has for it, so that lists
   which differ only in spelling agree. */
static bool normalize(const char *host, char *out, socklen_t size)
{
    unsigned char bytes[sizeof(struct in6_addr)];

    return (inet_pton(AF_INET, host, bytes) == 1 &&
            inet_ntop(AF_INET, bytes, out, size)) ||
           (inet_pton(AF_INET6, host, bytes) == 1 &&
            inet_ntop(AF_INET6, bytes, out, size));
}

int domi_registry_static_add(struct domi_registry *registry,
                             const char *service, const char *host, int port)
{
    struct domi__node node = {.id = -1, .tcp_port = port};
    struct address *address;
    size_t size;
    int status;

    if (registry->kind != &static_kind) {
        return DOMI_E_STATE;
    }
    if (!service || !*service || !host || port < 1 || port > 65535) {
        return DOMI_E_OPTION;
    }
    size = strlen(service) + 1;
    address = malloc(sizeof(*address) + size);
    if (!address) {
        return UV_ENOMEM;
    }
    memcpy(address->service, service, size);
    node.service = address->service;
    node.host = address->host;
    status = normalize(host, address->host, sizeof(address->host))
                 ? domi__roster_add(&fixed_of(registry)->roster, &node)
                 : DOMI_E_OPTION;
    if (status != 0) {
        free(address);
        return status == UV_EADDRINUSE ? DOMI_E_OPTION : status;
    }
    address->next = fixed_of(registry)->addresses;
    fixed_of(registry)->addresses = address;
    return 0;
}
