/* SPDX-License-Identifier: MIT */
/*
 * What a gateway sees of one zone, by the link to it.
 *
 * The link is dialled, opens, the zone answers hello, lists its groups, and is
 * ready. It may not know hello, or fall silent: no state but ready and failed
 * lasts longer than a timer. A link that is lost keeps the zone's groups until
 * it is open again and has listed them, or cannot be opened.
 */
#include "cluster/placement_inner.h"

#include <stdlib.h>
#include <string.h>

#define ID_SIZE 8u

/* How far below the limit a full zone's memory must fall. */
#define FULL_MARGIN 5

static uint64_t key_of(const struct domi__link *link)
{
    return (uintptr_t)link;
}

struct domi__sight *domi__sight_new(struct domi__service *service,
                                    const struct domi__node *node)
{
    struct domi__sight *sight = calloc(1, sizeof(*sight));
    char *host = node->host ? strdup(node->host) : NULL;

    if (!sight || (node->host && !host)) {
        free(sight);
        free(host);
        return NULL;
    }
    sight->service = service;
    sight->state = DOMI__SIGHT_FAILED; /* until a link is begun */
    sight->memory = -1;
    sight->hello_id = -1;
    domi__holder_init(&sight->holder);
    sight->node.host = host;
    domi__sight_update(sight, node);
    return sight;
}

void domi__sight_free(struct domi__sight *sight)
{
    domi__timer_stop(&sight->timer);
    domi__directory_drop(&sight->service->directory, &sight->holder);
    if (sight->link) {
        domi__table_remove(&sight->service->placement->by_link,
                           key_of(sight->link));
    }
    free((char *)sight->node.host);
    free(sight);
}

void domi__sight_update(struct domi__sight *sight,
                        const struct domi__node *node)
{
    const char *host = sight->node.host;

    sight->node = *node;
    sight->node.host = host;
    sight->node.service = sight->service->name;
    sight->holder.age_order = node->age_order;
    sight->holder.id = node->id;
    sight->present = true;
}

/* ---- its states ---------------------------------------------------------- */

static void set_state(struct domi__sight *sight, enum domi__sight_state state)
{
    sight->state = state;
    domi__timer_stop(&sight->timer);
}

/* No more is to be had of its groups. */
static void forget_groups(struct domi__sight *sight)
{
    domi__directory_drop(&sight->service->directory, &sight->holder);
    set_state(sight, DOMI__SIGHT_FAILED);
}

/* The present state has lasted long enough. */
static void on_timer(struct domi__timer *timer)
{
    struct domi__sight *sight =
        DOMI__CONTAINER(timer, struct domi__sight, timer);

    switch (sight->state) {
    case DOMI__SIGHT_OPEN:
    case DOMI__SIGHT_LISTING:
        set_state(sight, DOMI__SIGHT_READY);
        break;
    case DOMI__SIGHT_DIALLED:
    case DOMI__SIGHT_LOST:
        forget_groups(sight);
        break;
    case DOMI__SIGHT_READY:
    case DOMI__SIGHT_FAILED:
        break; /* these have no timer */
    }
    domi__service_check(sight->service);
}

static void begin_state(struct domi__sight *sight, enum domi__sight_state state,
                        unsigned at_most_ms)
{
    sight->state = state;
    domi__timer_start(sight->service->placement->options.loop, &sight->timer,
                      at_most_ms, on_timer);
}

void domi__sight_link(struct domi__sight *sight)
{
    struct domi__placement *placement = sight->service->placement;

    if (sight->link) {
        domi__link_want(sight->link);
        return;
    }
    sight->link = domi__links_get(placement->links, &sight->node);
    if (!sight->link) {
        return;
    }
    if (domi__table_set(&placement->by_link, key_of(sight->link), sight)) {
        sight->link = NULL;
        return;
    }
    begin_state(sight, DOMI__SIGHT_DIALLED,
                sight->node.suspect ? DOMI__ANSWER_MS
                                    : placement->options.wait_ms);
}

void domi__sight_up(struct domi__sight *sight)
{
    sight->holder.is_open = true;
    sight->deaf = false;
    begin_state(sight, DOMI__SIGHT_OPEN, DOMI__ANSWER_MS);
}

void domi__sight_hello(struct domi__sight *sight)
{
    int id = domi__link_node_id(sight->link);

    /* Another process at the same address has none of the old groups. */
    if (id != sight->hello_id) {
        domi__directory_drop(&sight->service->directory, &sight->holder);
        sight->memory = -1;
        sight->is_full = false;
        sight->flags = 0;
    }
    sight->hello_id = id;
    sight->told_ms = domi__placement_now(sight->service->placement);
    if (domi__link_has(sight->link, DOMI__FEATURE_DIRECTORY)) {
        domi__directory_begin(&sight->holder);
        begin_state(sight, DOMI__SIGHT_LISTING,
                    sight->service->placement->options.wait_ms);
    } else {
        set_state(sight, DOMI__SIGHT_READY);
    }
    domi__service_check(sight->service);
}

void domi__sight_down(struct domi__sight *sight)
{
    sight->holder.is_open = false;
    begin_state(sight, DOMI__SIGHT_LOST, DOMI__HOLD_MS);
    domi__searches_run(sight->service, sight);
}

void domi__sight_failed(struct domi__sight *sight)
{
    forget_groups(sight);
    domi__service_check(sight->service);
}

void domi__sight_gone(struct domi__sight *sight)
{
    struct domi__service *service = sight->service;

    domi__table_remove(&service->placement->by_link, key_of(sight->link));
    sight->link = NULL;
    forget_groups(sight);
    if (!sight->present) {
        domi__service_remove(service, sight);
    }
    domi__service_check(service);
}

/* ---- its frames ---------------------------------------------------------- */

static void on_load(struct domi__sight *sight, const struct domi_frame *frame)
{
    const struct domi__placement *placement = sight->service->placement;
    int full = (int)placement->options.full_percent;

    sight->memory = domi_get_u16(frame->data);
    if (sight->memory > 100) {
        sight->memory = 100;
    }
    sight->flags = domi_get_u16(frame->data + 2);
    sight->members = domi_get_u32(frame->data + 4);
    sight->placed = 0;
    sight->told_ms = domi__placement_now(placement);
    if (sight->memory > full) {
        sight->is_full = true;
    } else if (sight->memory < full - FULL_MARGIN) {
        sight->is_full = false;
    }
}

static void on_group(struct domi__sight *sight, uint64_t group)
{
    struct domi__service *service = sight->service;
    int status =
        domi__directory_add(&service->directory, &sight->holder, group);

    if (status > 0) {
        service->splits++;
        domi__log_peer(service->placement->options.log, DOMI_LOG_WARNING,
                       "group %llu of %s is in two zones, one of them node %d; "
                       "new users go to the older one",
                       (unsigned long long)group, service->name,
                       sight->node.id);
    }
    domi__search_found(service, group);
}

static void on_groups(struct domi__sight *sight, const struct domi_frame *frame)
{
    size_t limit = sight->service->placement->options.zone_groups;

    for (uint32_t at = 0; at < frame->data_size; at += ID_SIZE) {
        on_group(sight, domi_get_u64(frame->data + at));
        if (sight->holder.count > limit) {
            domi__session_close(domi__link_session(sight->link),
                                DOMI_REASON_TOO_MANY);
            return;
        }
    }
}

/* It may come when nobody waits for it any more. */
static void on_groups_end(struct domi__sight *sight)
{
    domi__directory_end(&sight->service->directory, &sight->holder);
    if (sight->state == DOMI__SIGHT_LISTING) {
        set_state(sight, DOMI__SIGHT_READY);
        domi__service_check(sight->service);
    }
}

static void on_group_closed(struct domi__sight *sight,
                            const struct domi_frame *frame)
{
    struct domi__service *service = sight->service;
    uint64_t group = domi_get_u64(frame->extend);

    if (domi_get_u16(frame->extend + ID_SIZE) == DOMI_REASON_DRAINING) {
        domi__directory_refuse(&service->directory, &sight->holder, group,
                               domi__placement_now(service->placement));
    } else {
        domi__directory_remove(&service->directory, &sight->holder, group);
    }
}

bool domi__sight_frame(struct domi__sight *sight,
                       const struct domi_frame *frame)
{
    sight->deaf = false;
    switch (frame->type) {
    case DOMI__FRAME_LOAD:
        on_load(sight, frame);
        return true;
    case DOMI__FRAME_GROUPS:
        on_groups(sight, frame);
        return true;
    case DOMI__FRAME_GROUPS_END:
        on_groups_end(sight);
        return true;
    case DOMI__FRAME_PLACED:
        domi__search_placed(sight, domi_get_u64(frame->data),
                            domi_get_u64(frame->data + ID_SIZE));
        return true;
    case DOMI__FRAME_GROUP_CLOSED:
        on_group_closed(sight, frame);
        return false;
    default:
        return false;
    }
}

/* ---- what it is good for ------------------------------------------------- */

bool domi__sight_is_settled(const struct domi__sight *sight)
{
    switch (sight->state) {
    case DOMI__SIGHT_OPEN:
    case DOMI__SIGHT_LISTING:
        return false;
    case DOMI__SIGHT_DIALLED:
    case DOMI__SIGHT_LOST:
        return !sight->present; /* nothing new goes there */
    case DOMI__SIGHT_READY:
    case DOMI__SIGHT_FAILED:
        break;
    }
    return true;
}

bool domi__sight_is_reachable(const struct domi__sight *sight)
{
    return sight->state == DOMI__SIGHT_READY;
}

bool domi__sight_is_draining(const struct domi__sight *sight)
{
    return sight->node.draining || (sight->flags & DOMI__LOAD_DRAINING);
}

void domi__sight_answer(struct domi__sight *sight, struct domi__place *place)
{
    /* A copy, for the callback may change what is known. */
    const struct domi__node node = sight->node;

    sight->placed++;
    /* Zones that announce nothing are believed as long as they are asked. */
    if (!sight->link || !domi__link_has(sight->link, DOMI__FEATURE_DIRECTORY)) {
        domi__directory_expect(&sight->service->directory, &sight->holder,
                               place->group,
                               domi__placement_now(sight->service->placement));
    }
    place->on_placed(place, 0, &node);
}
