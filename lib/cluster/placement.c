/* SPDX-License-Identifier: MIT */
/*
 * Where a group is.
 *
 * A question is answered by the directory, at once. One for a group that is
 * not there begins a search, or joins the one that is under way. It fails when
 * there is no zone, none can be reached, or all are full.
 */
#include "cluster/placement_inner.h"

#include <stdlib.h>
#include <string.h>

#include <uv.h>

#include "domi/err.h"

#define TICK_MS 1000u

/* The registry says itself where groups are. */
static bool places_itself(const struct domi__placement *placement)
{
    return placement->options.registry->kind->place != NULL;
}

struct domi__placement *
domi__placement_new(const struct domi__placement_options *options)
{
    struct domi__placement *placement = calloc(1, sizeof(*placement));

    if (!placement || domi__hash_key_init(&placement->key)) {
        free(placement);
        return NULL;
    }
    placement->options = *options;
    if (!placement->options.choose) {
        placement->options.choose = domi_choose_lowest;
    }
    domi__list_init(&placement->services);
    domi__table_init(&placement->by_link, placement->key);
    return placement;
}

void domi__placement_set_links(struct domi__placement *placement,
                               struct domi__links *links)
{
    placement->links = links;
}

void domi__placement_free(struct domi__placement *placement)
{
    if (!placement) {
        return;
    }
    domi__timer_stop(&placement->tick);
    while (!domi__list_is_empty(&placement->services)) {
        domi__service_free(DOMI__CONTAINER(placement->services.next,
                                           struct domi__service, node));
    }
    domi__table_fini(&placement->by_link);
    free(placement);
}

/* ---- questions ----------------------------------------------------------- */

static void on_tick(struct domi__timer *timer)
{
    struct domi__placement *placement =
        DOMI__CONTAINER(timer, struct domi__placement, tick);
    struct domi__list *node = placement->services.next;

    while (node != &placement->services) {
        struct domi__service *service =
            DOMI__CONTAINER(node, struct domi__service, node);

        node = node->next;
        domi__service_tick(service, domi__placement_now(placement));
    }
    if (!domi__list_is_empty(&placement->services)) {
        domi__timer_start(placement->options.loop, timer, TICK_MS, on_tick);
    }
}

static struct domi__service *find_service(struct domi__placement *placement,
                                          const char *name)
{
    struct domi__list *node = placement->services.next;

    for (; node != &placement->services; node = node->next) {
        struct domi__service *service =
            DOMI__CONTAINER(node, struct domi__service, node);

        if (strcmp(service->name, name) == 0) {
            return service;
        }
    }
    return NULL;
}

static struct domi__service *get_service(struct domi__placement *placement,
                                         const char *name)
{
    struct domi__service *service = find_service(placement, name);

    if (!service) {
        service = domi__service_new(placement, name);
    }
    if (service && !domi__timer_is_running(&placement->tick)) {
        domi__timer_start(placement->options.loop, &placement->tick, TICK_MS,
                          on_tick);
    }
    return service;
}

void domi__placement_ask(struct domi__placement *placement,
                         struct domi__place *place)
{
    struct domi_registry *registry = placement->options.registry;
    struct domi__service *service;
    struct domi__holder *holder;

    if (places_itself(placement)) {
        registry->kind->place(registry, place);
        return;
    }
    domi__list_init(&place->pending);
    service = get_service(placement, place->service);
    if (!service) {
        place->on_placed(place, UV_ENOMEM, NULL);
        return;
    }
    service->asked_ms = domi__placement_now(placement);
    holder = domi__directory_find(&service->directory, place->group);
    if (holder) {
        domi__sight_answer(DOMI__CONTAINER(holder, struct domi__sight, holder),
                           place);
    } else if (domi__search_join(service, place)) {
        place->on_placed(place, UV_ENOMEM, NULL);
    }
}

void domi__placement_cancel(struct domi__placement *placement,
                            struct domi__place *place)
{
    struct domi_registry *registry = placement->options.registry;
    struct domi__service *service;

    if (places_itself(placement)) {
        registry->kind->cancel(registry, place);
        return;
    }
    service = find_service(placement, place->service);
    if (service) {
        domi__search_leave(service, place);
    }
}

/* ---- what links tell ----------------------------------------------------- */

static struct domi__sight *sight_of(const struct domi__placement *placement,
                                    const struct domi__link *link)
{
    return domi__table_get(&placement->by_link, (uintptr_t)link);
}

void domi__placement_link_up(struct domi__placement *placement,
                             struct domi__link *link)
{
    struct domi__sight *sight = sight_of(placement, link);

    if (sight) {
        domi__sight_up(sight);
    }
}

void domi__placement_link_hello(struct domi__placement *placement,
                                struct domi__link *link)
{
    struct domi__sight *sight = sight_of(placement, link);

    if (sight) {
        domi__sight_hello(sight);
    }
}

void domi__placement_link_down(struct domi__placement *placement,
                               struct domi__link *link)
{
    struct domi__sight *sight = sight_of(placement, link);

    if (sight) {
        domi__sight_down(sight);
    }
}

void domi__placement_link_failed(struct domi__placement *placement,
                                 struct domi__link *link)
{
    struct domi__sight *sight = sight_of(placement, link);

    if (sight) {
        domi__sight_failed(sight);
    }
}

void domi__placement_link_gone(struct domi__placement *placement,
                               struct domi__link *link)
{
    struct domi__sight *sight = sight_of(placement, link);

    if (sight) {
        domi__sight_gone(sight);
    }
}

bool domi__placement_frame(struct domi__placement *placement,
                           struct domi__link *link,
                           const struct domi_frame *frame)
{
    struct domi__sight *sight = sight_of(placement, link);

    return sight && domi__sight_frame(sight, frame);
}

void domi__placement_count(const struct domi__placement *placement,
                           struct domi__placement_counts *counts)
{
    struct domi__list *node = placement->services.next;

    *counts = (struct domi__placement_counts){0};
    for (; node != &placement->services; node = node->next) {
        const struct domi__service *service =
            DOMI__CONTAINER(node, struct domi__service, node);

        counts->nodes += domi__service_present(service);
        counts->groups += service->directory.groups.count;
        counts->splits += service->splits;
    }
}
