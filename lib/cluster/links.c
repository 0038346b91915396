/* SPDX-License-Identifier: MIT */
/* A gateway's links to zones: all of them, by where they lead. */
#include "cluster/link.h"

#include <stdlib.h>
#include <string.h>

#include "cluster/roster.h"

/* ---- where links lead ---------------------------------------------------- */

static bool leads_to(const struct domi__link *link,
                     const struct domi__node *node)
{
    if (node->memory || link->target.memory) {
        return node->memory == link->target.memory;
    }
    return node->tcp_port == link->target.tcp_port &&
           strcmp(node->host, link->target.host) == 0 &&
           strcmp(node->service, link->target.service) == 0;
}

static uint64_t address_of(const struct domi__node *node)
{
    return node->memory ? (uintptr_t)node->memory : domi__node_hash(node);
}

static struct domi__link *find(const struct domi__links *links,
                               const struct domi__node *node)
{
    struct domi__link *link =
        domi__table_get(&links->by_address, address_of(node));

    while (link && !leads_to(link, node)) {
        link = link->next;
    }
    return link;
}

int domi__links_list(struct domi__link *link)
{
    struct domi__links *links = link->links;
    uint64_t address = address_of(&link->target);
    struct domi__link *first = domi__table_get(&links->by_address, address);
    int err = domi__table_set(&links->by_address, address, link);

    if (!err) {
        link->next = first;
        domi__list_push(&links->all, &link->node);
    }
    return err;
}

void domi__links_unlist(struct domi__link *link)
{
    struct domi__links *links = link->links;
    uint64_t address = address_of(&link->target);
    struct domi__link *at = domi__table_get(&links->by_address, address);

    if (domi__list_is_empty(&link->node)) {
        return;
    }
    domi__list_remove(&link->node);
    if (at != link) {
        while (at->next != link) {
            at = at->next;
        }
        at->next = link->next;
    } else if (link->next) {
        /* Cannot fail, since the address is in the table. */
        (void)domi__table_set(&links->by_address, address, link->next);
    } else {
        domi__table_remove(&links->by_address, address);
    }
}

/* ---- their end ----------------------------------------------------------- */

static void end_links(struct domi__deferred *deferred)
{
    struct domi__links *links =
        DOMI__CONTAINER(deferred, struct domi__links, deferred);

    domi__table_fini(&links->by_address);
    domi__table_fini(&links->by_id);
    links->on_closed(links->closed_user);
    free(links);
}

static void end_when_empty(struct domi__links *links)
{
    if (links->closing && links->sessions == 0) {
        links->deferred.run = end_links;
        domi__loop_defer(links->options.loop, &links->deferred);
    }
}

void domi__links_session_closed(struct domi__links *links)
{
    links->sessions--;
    end_when_empty(links);
}

/* ---- all links ----------------------------------------------------------- */

struct domi__links *domi__links_new(const struct domi__links_options *options)
{
    struct domi__links *links = calloc(1, sizeof(*links));
    struct domi__hash_key key;

    if (!links || domi__hash_key_init(&key)) {
        free(links);
        return NULL;
    }
    links->options = *options;
    links->stranger_limits = options->limits;
    links->stranger_limits.frame_limit = DOMI__STRANGER_FRAME;
    domi__node_set_add(&links->nodes, (unsigned)options->node_id);
    domi__table_init(&links->by_address, key);
    domi__table_init(&links->by_id, key);
    domi__list_init(&links->all);
    return links;
}

void domi__links_set_node(struct domi__links *links, int node_id)
{
    struct domi__list *node;

    links->options.node_id = node_id;
    domi__node_set_add(&links->nodes, (unsigned)node_id);
    for (node = links->all.next; node != &links->all; node = node->next) {
        domi__link_tell_nodes(DOMI__CONTAINER(node, struct domi__link, node));
    }
}

void domi__links_close(struct domi__links *links, void (*on_closed)(void *user),
                       void *user)
{
    links->closing = true;
    links->on_closed = on_closed;
    links->closed_user = user;
    while (!domi__list_is_empty(&links->all)) {
        domi__link_close(
            DOMI__CONTAINER(links->all.next, struct domi__link, node),
            DOMI_REASON_STOPPING);
    }
    end_when_empty(links);
}

struct domi__link *domi__links_get(struct domi__links *links,
                                   const struct domi__node *node)
{
    struct domi__link *link = find(links, node);

    if (!link && !links->closing) {
        link = domi__link_new(links, node);
    }
    if (link) {
        domi__link_want(link);
    }
    return link;
}

size_t domi__links_count(const struct domi__links *links)
{
    return links->by_id.count;
}
