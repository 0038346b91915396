/* SPDX-License-Identifier: MIT */
/* The roster: a sorted array of nodes, and the answer to where a group is. */
#include "cluster/roster.h"

#include <stdlib.h>
#include <string.h>

#include <uv.h>

#include "domi/err.h"

/* The first place in the array that is not before `node`. */
static size_t position(const struct domi__roster *roster,
                       const struct domi__node *node)
{
    size_t i = 0;

    while (i < roster->count &&
           domi__node_compare(&roster->nodes[i], node) < 0) {
        i++;
    }
    return i;
}

static bool is_at(const struct domi__roster *roster, size_t i,
                  const struct domi__node *node)
{
    return i < roster->count &&
           domi__node_compare(&roster->nodes[i], node) == 0;
}

void domi__roster_fini(struct domi__roster *roster)
{
    free(roster->nodes);
    *roster = (struct domi__roster){0};
}

int domi__roster_add(struct domi__roster *roster, const struct domi__node *node)
{
    size_t i = position(roster, node);
    struct domi__node *nodes;

    if (is_at(roster, i, node)) {
        return UV_EADDRINUSE;
    }
    nodes = realloc(roster->nodes, (roster->count + 1) * sizeof(*nodes));
    if (!nodes) {
        return UV_ENOMEM;
    }
    memmove(nodes + i + 1, nodes + i, (roster->count - i) * sizeof(*nodes));
    nodes[i] = *node;
    roster->nodes = nodes;
    roster->count++;
    return 0;
}

void domi__roster_remove(struct domi__roster *roster,
                         const struct domi__node *node)
{
    size_t i = position(roster, node);

    if (is_at(roster, i, node)) {
        roster->count--;
        memmove(roster->nodes + i, roster->nodes + i + 1,
                (roster->count - i) * sizeof(*roster->nodes));
    }
}

struct domi__snapshot domi__roster_snapshot(const struct domi__roster *roster,
                                            const char *service)
{
    size_t begin = 0;
    size_t end;

    while (begin < roster->count &&
           strcmp(roster->nodes[begin].service, service) < 0) {
        begin++;
    }
    end = begin;
    while (end < roster->count &&
           strcmp(roster->nodes[end].service, service) == 0) {
        end++;
    }
    if (end == begin) {
        return (struct domi__snapshot){0};
    }
    return (struct domi__snapshot){roster->nodes + begin, end - begin};
}

void domi__roster_place(const struct domi__roster *roster,
                        struct domi__place *place)
{
    struct domi__snapshot snapshot =
        domi__roster_snapshot(roster, place->service);
    const struct domi__node *chosen = domi__rendezvous(&snapshot, place->group);
    struct domi__node node;

    if (!chosen) {
        place->on_placed(place, DOMI_E_NO_ZONE, NULL);
        return;
    }
    /* A copy, for the callback may let a node join or leave. */
    node = *chosen;
    place->on_placed(place, 0, &node);
}
