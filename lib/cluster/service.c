/* SPDX-License-Identifier: MIT */
/* A service that a gateway was asked for: its zones, as the registry tells. */
#include "cluster/roster.h"

#include <stdlib.h>
#include <string.h>

#include "cluster/placement_inner.h"

/* A service that has no zones is watched so long after the last question. */
#define IDLE_MS 60000u

/* ---- snapshots ----------------------------------------------------------- */

/* Room for as many zones in all arrays. */
static int make_room(struct domi__service *service, size_t capacity)
{
    struct domi_candidate *candidates;
    struct domi__sight **fit;

    if (capacity <= service->capacity) {
        return 0;
    }
    candidates = realloc(service->candidates, capacity * sizeof(*candidates));
    if (!candidates) {
        return -1;
    }
    service->candidates = candidates;
    fit = realloc(service->fit, capacity * sizeof(*fit));
    if (!fit) {
        return -1;
    }
    service->fit = fit;
    service->capacity = capacity;
    return 0;
}

/* Of two entries for one address, which is left over by a zone that was killed
   and has been started anew? The suspect one, or the older. */
static bool is_left_over(const struct domi__node *node,
                         const struct domi__node *other)
{
    return node->suspect != other->suspect
               ? node->suspect
               : node->age_order < other->age_order;
}

/* The valid one of the entries for the address at `*at`; moves that behind
   them. */
static const struct domi__node *next_node(const struct domi__snapshot *snapshot,
                                          size_t *at)
{
    const struct domi__node *node = &snapshot->nodes[(*at)++];

    while (*at < snapshot->count &&
           domi__node_compare(node, &snapshot->nodes[*at]) == 0) {
        const struct domi__node *other = &snapshot->nodes[(*at)++];

        if (is_left_over(node, other)) {
            node = other;
        }
    }
    return node;
}

/* The zone is not in the snapshot any more. It stays as long as its link. */
static bool leave(struct domi__sight *sight)
{
    sight->present = false;
    if (!sight->link) {
        domi__sight_free(sight);
        return false;
    }
    return true;
}

/* Both are in the same order. */
static size_t merge(struct domi__service *service, struct domi__sight **merged)
{
    const struct domi__snapshot *snapshot = &service->watch.snapshot;
    size_t count = 0;
    size_t old = 0;
    size_t new = 0;

    while (old < service->count || new < snapshot->count) {
        struct domi__sight *sight =
            old < service->count ? service->sights[old] : NULL;
        int order = !sight                  ? 1
                    : new >= snapshot->count ? -1
                                             : domi__node_compare(
                                                   &sight->node,
                                                   &snapshot->nodes[new]);

        if (order < 0) {
            old++;
            if (!leave(sight)) {
                continue;
            }
        } else if (order == 0) {
            old++;
            domi__sight_update(sight, next_node(snapshot, &new));
        } else {
            sight = domi__sight_new(service, next_node(snapshot, &new));
            if (!sight) {
                continue; /* there is no memory for it */
            }
        }
        merged[count++] = sight;
    }
    return count;
}

static void link_all(struct domi__service *service)
{
    for (size_t i = 0; i < service->count; i++) {
        if (service->sights[i]->present) {
            domi__sight_link(service->sights[i]);
        }
    }
}

static void take_snapshot(struct domi__service *service)
{
    size_t capacity = service->count + service->watch.snapshot.count;
    struct domi__sight **merged = calloc(capacity + 1, sizeof(*merged));

    if (!merged || make_room(service, capacity)) {
        free(merged);
        domi__log(service->placement->options.log, DOMI_LOG_ERROR,
                  "out of memory for the zones of %s", service->name);
        return;
    }
    service->count = merge(service, merged);
    free(service->sights);
    service->sights = merged;
    link_all(service);
}

static void on_change(struct domi__registry_watch *watch)
{
    struct domi__service *service =
        DOMI__CONTAINER(watch, struct domi__service, watch);

    take_snapshot(service);
    domi__service_check(service);
}

/* ---- its life ------------------------------------------------------------ */

struct domi__service *domi__service_new(struct domi__placement *placement,
                                        const char *name)
{
    size_t size = strlen(name) + 1;
    struct domi__service *service = calloc(1, sizeof(*service) + size);

    if (!service) {
        return NULL;
    }
    memcpy(service->name, name, size);
    service->placement = placement;
    domi__directory_init(&service->directory, placement->key);
    domi__table_init(&service->searches, placement->key);
    domi__list_init(&service->searching);
    domi__list_init(&service->node);
    domi__list_init(&service->watch.node);
    domi__list_push(&placement->services, &service->node);
    service->watch.service = service->name;
    service->watch.loop = placement->options.loop;
    service->watch.on_change = on_change;
    placement->options.registry->kind->watch(placement->options.registry,
                                             &service->watch);
    take_snapshot(service);
    return service;
}

void domi__service_free(struct domi__service *service)
{
    struct domi_registry *registry = service->placement->options.registry;

    registry->kind->unwatch(registry, &service->watch);
    for (size_t i = 0; i < service->count; i++) {
        domi__sight_free(service->sights[i]);
    }
    domi__list_remove(&service->node);
    domi__directory_fini(&service->directory);
    domi__table_fini(&service->searches);
    free(service->sights);
    free(service->candidates);
    free(service->fit);
    free(service);
}

void domi__service_tick(struct domi__service *service, uint64_t now_ms)
{
    domi__directory_expire(&service->directory, now_ms);
    link_all(service);
    if (service->count == 0 && service->searches.count == 0 &&
        now_ms - service->asked_ms > IDLE_MS) {
        domi__service_free(service);
    }
}

void domi__service_remove(struct domi__service *service,
                          struct domi__sight *sight)
{
    size_t at = 0;

    while (service->sights[at] != sight) {
        at++;
    }
    service->count--;
    memmove(&service->sights[at], &service->sights[at + 1],
            (service->count - at) * sizeof(struct domi__sight *));
    domi__sight_free(sight);
}

/* ---- what is known of it ------------------------------------------------- */

size_t domi__service_present(const struct domi__service *service)
{
    size_t count = 0;

    for (size_t i = 0; i < service->count; i++) {
        count += service->sights[i]->present;
    }
    return count;
}

struct domi__sight *domi__service_find(const struct domi__service *service,
                                       int id)
{
    for (size_t i = 0; i < service->count; i++) {
        if (service->sights[i]->present && service->sights[i]->node.id == id) {
            return service->sights[i];
        }
    }
    return NULL;
}

bool domi__service_is_settled(const struct domi__service *service)
{
    for (size_t i = 0; i < service->count; i++) {
        if (!domi__sight_is_settled(service->sights[i])) {
            return false;
        }
    }
    return true;
}

void domi__service_check(struct domi__service *service)
{
    if (!domi__list_is_empty(&service->searching)) {
        domi__searches_run(service, NULL);
    }
}
