/* SPDX-License-Identifier: MIT */
/*
 * Where a group is to be that is nowhere yet.
 *
 * A search waits until the groups of all zones are known, chooses a zone, asks
 * the oldest zone to confirm it by PLACE, and answers its questions with the
 * zone that is named. The oldest may be lost or deaf, then the next oldest is
 * asked; it may name a zone that is not known yet, or whose groups are not,
 * which is awaited, or one that cannot be reached, then it is asked again.
 */
#include "cluster/placement_inner.h"

#include <stdlib.h>

#include <uv.h>

#include "base/ids.h"
#include "domi/err.h"

/* How long a zone may be named before the registry has told of it. */
#define AWAIT_MS 2000u

/* How often PLACE is sent for one search. */
#define ASKS_MAX 6u

#define NOBODY (-1)

struct domi__search {
    struct domi__list node; /* of the service's */
    struct domi__service *service;
    uint64_t group;
    struct domi__list places; /* struct domi__place, one at least */
    struct domi__timer timer; /* of what it waits for */
    uint64_t deadline_ms;     /* then it goes on with what there is */
    struct domi__sight *arbiter; /* who was asked by PLACE, or NULL */
    int awaited; /* the node that was named and is too new, or NOBODY */
    int refused; /* the node that was named in vain, or NOBODY */
    int counted; /* the node that was proposed, and has one placed for it */
    unsigned asks;
};

/* ---- what it is counted as ----------------------------------------------- */

/* A zone counts what was proposed too, so that questions which are answered
   together are spread. */
static void count(struct domi__search *search, struct domi__sight *chosen)
{
    search->counted = chosen->node.id;
    chosen->placed++;
}

static void uncount(struct domi__search *search)
{
    struct domi__sight *sight =
        search->counted == NOBODY
            ? NULL
            : domi__service_find(search->service, search->counted);

    if (sight && sight->placed > 0) {
        sight->placed--; /* unless it has told its load since */
    }
    search->counted = NOBODY;
}

/* ---- its end ------------------------------------------------------------- */

static void free_search(struct domi__search *search)
{
    uncount(search);
    domi__table_remove(&search->service->searches, search->group);
    domi__list_remove(&search->node);
    domi__timer_stop(&search->timer);
    free(search);
}

static struct domi__place *pop_place(struct domi__list *places)
{
    struct domi__list *node = domi__list_pop(places);

    return node ? DOMI__CONTAINER(node, struct domi__place, pending) : NULL;
}

/* Frees the search, whose questions are in `places` now, where they can still
   be cancelled. */
static void take_places(struct domi__search *search, struct domi__list *places)
{
    domi__list_init(places);
    domi__list_move(places, &search->places);
    free_search(search);
}

static void fail(struct domi__search *search, int status)
{
    struct domi__list places;
    struct domi__place *place;

    take_places(search, &places);
    while ((place = pop_place(&places))) {
        place->on_placed(place, status, NULL);
    }
}

static void succeed(struct domi__search *search, struct domi__sight *sight)
{
    struct domi__service *service = search->service;
    struct domi__list places;
    struct domi__place *place;

    domi__directory_expect(&service->directory, &sight->holder, search->group,
                           domi__placement_now(service->placement));
    take_places(search, &places);
    while ((place = pop_place(&places))) {
        domi__sight_answer(sight, place);
    }
}

/* ---- its way ------------------------------------------------------------- */

static void on_timer(struct domi__timer *timer)
{
    struct domi__search *search =
        DOMI__CONTAINER(timer, struct domi__search, timer);

    if (search->arbiter) {
        search->arbiter->deaf = true;
        search->arbiter = NULL;
    } else if (search->awaited != NOBODY) {
        search->refused = search->awaited;
        search->awaited = NOBODY;
    }
    domi__search_run(search);
}

static void start_timer(struct domi__search *search, uint64_t ms)
{
    domi__timer_start(search->service->placement->options.loop, &search->timer,
                      ms, on_timer);
}

static bool is_overdue(const struct domi__search *search)
{
    return domi__placement_now(search->service->placement) >=
           search->deadline_ms;
}

static void wait(struct domi__search *search)
{
    uint64_t now = domi__placement_now(search->service->placement);

    start_timer(search, search->deadline_ms - now);
}

static int send_place(const struct domi__search *search,
                      struct domi__sight *arbiter,
                      const struct domi__sight *chosen)
{
    uint8_t data[24];

    domi_put_u64(data, search->group);
    domi_put_u64(data + 8, (uint64_t)chosen->node.id);
    domi_put_u64(data + 16, search->refused == NOBODY
                                ? UINT64_MAX
                                : (uint64_t)search->refused);
    return domi__session_send(domi__link_session(arbiter->link),
                              DOMI__FRAME_PLACE, data, sizeof(data), NULL, 0);
}

/* Asks the oldest that hears. False when there is nobody to ask. */
static bool ask(struct domi__search *search, struct domi__sight *chosen)
{
    struct domi__sight *arbiter;

    if (chosen->node.id < 0 || search->asks >= ASKS_MAX) {
        return false;
    }
    while ((arbiter = domi__candidates_arbiter(search->service))) {
        if (send_place(search, arbiter, chosen) == 0) {
            search->arbiter = arbiter;
            search->asks++;
            count(search, chosen);
            start_timer(search, DOMI__ANSWER_MS);
            return true;
        }
        arbiter->deaf = true; /* its link is just being closed */
    }
    return false;
}

static void place(struct domi__search *search)
{
    struct domi__sight *chosen = NULL;
    int status;

    uncount(search);
    status = domi__candidates_choose(search->service, search->group, &chosen);
    if (status == DOMI_E_ZONE_LOST &&
        domi__service_present(search->service) == 0) {
        fail(search, DOMI_E_NO_ZONE);
    } else if (status == DOMI_E_ZONE_LOST && !is_overdue(search)) {
        wait(search);
    } else if (status) {
        fail(search, status);
    } else if (!ask(search, chosen)) {
        succeed(search, chosen);
    }
}

/* A zone was named that was not known, or not well enough. */
static void look_for_awaited(struct domi__search *search)
{
    struct domi__sight *sight =
        domi__service_find(search->service, search->awaited);

    if (!sight || !domi__sight_is_settled(sight)) {
        return; /* the timer runs */
    }
    if (domi__sight_is_reachable(sight)) {
        succeed(search, sight);
        return;
    }
    search->refused = search->awaited;
    search->awaited = NOBODY;
    domi__search_run(search);
}

void domi__search_run(struct domi__search *search)
{
    struct domi__service *service = search->service;
    struct domi__holder *holder =
        domi__directory_find(&service->directory, search->group);

    if (holder) {
        succeed(search, DOMI__CONTAINER(holder, struct domi__sight, holder));
    } else if (search->arbiter) {
        return; /* the timer runs */
    } else if (search->awaited != NOBODY) {
        look_for_awaited(search);
    } else if (service->watch.known &&
               (is_overdue(search) || domi__service_is_settled(service))) {
        place(search);
    } else if (is_overdue(search)) {
        fail(search, DOMI_E_NO_ZONE);
    } else {
        wait(search);
    }
}

/* Whether the zone that was named will do. */
static bool is_usable(const struct domi__sight *sight, uint64_t group)
{
    return domi__sight_is_reachable(sight) &&
           !(domi__sight_is_draining(sight) &&
             domi__directory_is_refused(&sight->service->directory,
                                        &sight->holder, group));
}

/* Whether the zone is not known, or has just come and cannot be judged yet. To
   call it out of reach would have the arbiter take back a word on which another
   gateway has acted. */
static bool is_too_new(const struct domi__sight *sight)
{
    return !sight || !domi__sight_is_settled(sight);
}

void domi__search_placed(struct domi__sight *arbiter, uint64_t group,
                         uint64_t id)
{
    struct domi__service *service = arbiter->service;
    struct domi__search *search = domi__table_get(&service->searches, group);
    struct domi__sight *sight;

    if (!search || search->arbiter != arbiter || id > DOMI__NODE_ID_MAX) {
        return; /* too late, or nonsense: the timer runs */
    }
    search->arbiter = NULL;
    sight = domi__service_find(service, (int)id);
    if (sight && is_usable(sight, group)) {
        succeed(search, sight);
    } else if (search->refused != (int)id && is_too_new(sight)) {
        search->awaited = (int)id;
        start_timer(search, AWAIT_MS);
    } else {
        search->refused = (int)id;
        domi__search_run(search);
    }
}

/* ---- all of a service ---------------------------------------------------- */

static struct domi__search *search_new(struct domi__service *service,
                                       uint64_t group)
{
    struct domi__search *search = calloc(1, sizeof(*search));

    if (!search || domi__table_set(&service->searches, group, search)) {
        free(search);
        return NULL;
    }
    search->service = service;
    search->group = group;
    search->awaited = NOBODY;
    search->refused = NOBODY;
    search->counted = NOBODY;
    search->deadline_ms = domi__placement_now(service->placement) +
                          service->placement->options.wait_ms;
    domi__list_init(&search->places);
    domi__list_init(&search->node);
    domi__list_push(&service->searching, &search->node);
    return search;
}

int domi__search_join(struct domi__service *service, struct domi__place *place)
{
    struct domi__search *search =
        domi__table_get(&service->searches, place->group);
    bool is_new = !search;

    if (is_new) {
        search = search_new(service, place->group);
    }
    if (!search) {
        return UV_ENOMEM;
    }
    domi__list_push(&search->places, &place->pending);
    if (is_new) {
        domi__search_run(search);
    }
    return 0;
}

void domi__search_leave(struct domi__service *service,
                        struct domi__place *place)
{
    struct domi__search *search =
        domi__table_get(&service->searches, place->group);

    domi__list_remove(&place->pending);
    if (search && domi__list_is_empty(&search->places)) {
        free_search(search);
    }
}

void domi__searches_run(struct domi__service *service,
                        const struct domi__sight *lost)
{
    bool settled = domi__service_is_settled(service);
    struct domi__list all;
    struct domi__list *node;

    domi__list_init(&all);
    domi__list_move(&all, &service->searching);
    while ((node = domi__list_pop(&all))) {
        struct domi__search *search =
            DOMI__CONTAINER(node, struct domi__search, node);

        domi__list_push(&service->searching, node);
        if (search->arbiter && search->arbiter == lost) {
            search->arbiter = NULL;
            domi__search_run(search);
        } else if (settled || search->awaited != NOBODY) {
            domi__search_run(search);
        }
    }
}

void domi__search_found(struct domi__service *service, uint64_t group)
{
    struct domi__search *search = domi__table_get(&service->searches, group);

    if (search) {
        domi__search_run(search);
    }
}
