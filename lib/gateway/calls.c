/* SPDX-License-Identifier: MIT */
/*
 * domi_gateway_call: find the zone, have a link to it, attach the session.
 *
 * A call asks the placement, waits for the link, and is answered once. Where
 * the link cannot be opened it asks again, for the group may be elsewhere by
 * then. It fails when there is no zone, when no link is open in time, or when
 * the session goes first.
 */
#include "gateway/inner.h"

#include <stdlib.h>
#include <string.h>

struct domi__call {
    struct domi__list of_session;
    struct domi__list waiting; /* in the gateway's list, or to itself */
    struct domi__place place;
    struct domi__timer timer; /* from the first wait for a link on */
    struct domi_gateway *gateway;
    struct domi_session *session;
    struct domi__link *link; /* that it waits for */
    bool placing;            /* the placement has not answered */
    domi_call_fn on_called;
    void *user;
    char service[]; /* ended by a zero */
};

static void call_free(struct domi__call *call)
{
    domi__list_remove(&call->of_session);
    call->session->call_count--;
    domi__list_remove(&call->waiting);
    domi__timer_stop(&call->timer);
    free(call);
}

static void answer(struct domi__call *call, struct domi_session *session,
                   int status, const struct domi_target *target)
{
    struct domi_gateway *gateway = call->gateway;
    domi_call_fn on_called = call->on_called;
    void *user = call->user;

    call_free(call);
    on_called(gateway, session, status, target, user);
}

static void fail(struct domi__call *call, int status)
{
    answer(call, call->session, status, NULL);
}

static void stop_placing(struct domi__call *call)
{
    if (call->placing) {
        domi__placement_cancel(call->gateway->placement, &call->place);
    }
}

static void attach(struct domi__call *call, struct domi__link *link)
{
    struct domi__attachment *attachment;
    int err = domi__attach(call->session, link, call->place.group, &attachment);

    if (err) {
        fail(call, err);
    } else {
        /* The callback may end the attachment, and see it forgotten. */
        const struct domi_target target = attachment->target;

        answer(call, call->session, 0, &target);
    }
}

static void on_timer(struct domi__timer *timer)
{
    struct domi__call *call = DOMI__CONTAINER(timer, struct domi__call, timer);

    stop_placing(call);
    fail(call, DOMI_E_ZONE_LOST);
}

static void on_placed(struct domi__place *place, int status,
                      const struct domi__node *node)
{
    struct domi__call *call = DOMI__CONTAINER(place, struct domi__call, place);
    struct domi_gateway *gateway = call->gateway;
    struct domi__link *link;

    call->placing = false;
    if (status) {
        fail(call, status);
        return;
    }
    link = domi__links_get(gateway->links, node);
    if (!link) {
        fail(call, UV_ENOMEM);
        return;
    }
    if (domi__link_data(link)) {
        attach(call, link);
        return;
    }
    call->link = link;
    domi__list_push(&gateway->calls_waiting, &call->waiting);
    if (!domi__timer_is_running(&call->timer)) {
        domi__timer_start(gateway->loop, &call->timer,
                          gateway->options.link_open_ms, on_timer);
    }
}

static void ask(struct domi__call *call)
{
    call->placing = true;
    domi__placement_ask(call->gateway->placement, &call->place);
}

int domi_gateway_call(struct domi_gateway *gateway,
                      struct domi_session *session, const char *service,
                      uint64_t group, domi_call_fn on_called, void *user)
{
    size_t size = strlen(service) + 1;
    struct domi__call *call;

    if (session->base.state != DOMI__SESSION_OPEN) {
        return DOMI_E_SESSION_GONE;
    }
    if (group == DOMI__HELLO_GROUP) {
        return DOMI_E_OPTION;
    }
    /* What a user asks for while a link is being opened must not pile up. */
    if (session->call_count >= gateway->options.targets) {
        return DOMI_E_TOO_MANY;
    }
    call = calloc(1, sizeof(*call) + size);
    if (!call) {
        return UV_ENOMEM;
    }
    memcpy(call->service, service, size);
    domi__list_init(&call->waiting);
    domi__list_init(&call->of_session);
    domi__list_push(&session->calls, &call->of_session);
    session->call_count++;
    call->gateway = gateway;
    call->session = session;
    call->on_called = on_called;
    call->user = user;
    call->place.service = call->service;
    call->place.group = group;
    call->place.on_placed = on_placed;
    domi__allowance_join(session);
    ask(call);
    return 0;
}

/* Takes the calls that wait for this link, in order; those that callbacks make
   meanwhile are not among them. O(calls that wait). */
static void take_waiting(struct domi_gateway *gateway,
                         const struct domi__link *link,
                         struct domi__list *taken)
{
    struct domi__list *node = gateway->calls_waiting.next;

    domi__list_init(taken);
    while (node != &gateway->calls_waiting) {
        struct domi__call *call =
            DOMI__CONTAINER(node, struct domi__call, waiting);

        node = node->next;
        if (call->link == link) {
            domi__list_remove(&call->waiting);
            domi__list_push(taken, &call->waiting);
        }
    }
}

void domi__calls_link_up(struct domi_gateway *gateway, struct domi__link *link)
{
    struct domi__list taken;
    struct domi__list *node;

    take_waiting(gateway, link, &taken);
    while ((node = domi__list_pop(&taken))) {
        attach(DOMI__CONTAINER(node, struct domi__call, waiting), link);
    }
}

/* A registry that places groups itself would name the same zone again. */
static bool may_ask_again(const struct domi_gateway *gateway)
{
    return gateway->options.registry->kind->place == NULL;
}

void domi__calls_link_failed(struct domi_gateway *gateway,
                             struct domi__link *link)
{
    struct domi__list taken;
    struct domi__list *node;

    if (!may_ask_again(gateway)) {
        return;
    }
    take_waiting(gateway, link, &taken);
    while ((node = domi__list_pop(&taken))) {
        ask(DOMI__CONTAINER(node, struct domi__call, waiting));
    }
}

void domi__calls_link_gone(struct domi_gateway *gateway,
                           struct domi__link *link)
{
    struct domi__list taken;
    struct domi__list *node;

    domi__calls_link_failed(gateway, link);
    take_waiting(gateway, link, &taken);
    while ((node = domi__list_pop(&taken))) {
        fail(DOMI__CONTAINER(node, struct domi__call, waiting),
             DOMI_E_ZONE_LOST);
    }
}

void domi__calls_session_gone(struct domi_session *session)
{
    struct domi__list *node;

    while ((node = domi__list_pop(&session->calls))) {
        struct domi__call *call =
            DOMI__CONTAINER(node, struct domi__call, of_session);

        stop_placing(call);
        answer(call, NULL, DOMI_E_SESSION_GONE, NULL);
    }
}
