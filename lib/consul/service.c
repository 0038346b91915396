/* SPDX-License-Identifier: MIT */
/* One service that is watched: asked for by blocking queries, as a snapshot. */

/*
 * A query waits in Consul until something has changed, and is asked again: not
 * sooner than a second after the last answer, so that a burst of changes is one
 * answer, and nothing in an answer can make the query run hot. Its index is 0,
 * which means "now", after whatever was not a good answer, and when Consul's
 * own has gone down.
 *
 * Whatever fails, the snapshot stays. What the answer says becomes the snapshot
 * in belief.c, and may do so only with time: hence the second timer.
 */
#include "consul/consul.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uv.h>

#include "base/table.h"
#include "consul/belief.h"
#include "domi/err.h"

#define WAIT_S 60u
#define LIMIT_MS ((WAIT_S + WAIT_S / 16 + 10) * 1000)
#define PAUSE_MS 1000        /* between an answer and the next question */
#define REPORTED_MOST 4096   /* faults that are remembered as reported */

struct domi__consul_service {
    struct domi__list node; /* in the registry's list */
    struct domi__consul *consul;
    char *name;
    char *escaped;             /* the name, for paths */
    struct domi__list watches; /* struct domi__registry_watch */
    unsigned watch_count;      /* some may be in on_change's hands */
    uint64_t index;
    uint64_t asking;   /* the query under way; 0: none */
    unsigned failures; /* in a row */
    bool is_unheard;   /* and the last was no answer of Consul's */
    char fault[256];   /* why it failed */
    struct domi__timer ask_timer;    /* until the next question */
    struct domi__timer belief_timer; /* until time changes the snapshot */
    struct domi__consul_belief belief;
    struct domi__table reported; /* hashes of faults that were reported */
};

static struct domi__consul_service *service_of(struct domi__list *node)
{
    return DOMI__CONTAINER(node, struct domi__consul_service, node);
}

static uint64_t now_of(const struct domi__consul_service *service)
{
    return domi__loop_now(service->consul->loop);
}

/* ---- the snapshot -------------------------------------------------------- */

/* Tells every watch. Each is put back before it is called, so that it may
   remove any of them; those that are added meanwhile know already. */
static void tell(struct domi__consul_service *service)
{
    struct domi__snapshot snapshot =
        domi__consul_belief_snapshot(&service->belief);
    struct domi__list now;
    struct domi__list *node;

    domi__list_init(&now);
    domi__list_move(&now, &service->watches);
    while ((node = domi__list_pop(&now))) {
        struct domi__registry_watch *watch =
            DOMI__CONTAINER(node, struct domi__registry_watch, node);

        domi__list_push(&service->watches, node);
        watch->snapshot = snapshot;
        watch->known = true;
        watch->on_change(watch);
    }
}

static void log_change(struct domi__consul_service *service)
{
    size_t count = domi__consul_belief_snapshot(&service->belief).count;

    if (count > 0) {
        domi__log(&service->consul->log, DOMI_LOG_DEBUG,
                  "consul: service %s has %zu nodes", service->name, count);
    } else {
        domi__log(&service->consul->log,
                  service->belief.last ? DOMI_LOG_WARNING : DOMI_LOG_INFO,
                  "consul: service %s has no node, or the token may not read "
                  "it (needs service_prefix and node_prefix read)",
                  service->name);
    }
}

static void on_belief_timer(struct domi__timer *timer);

static void wait_for_belief(struct domi__consul_service *service)
{
    uint64_t due = domi__consul_belief_due(&service->belief);
    uint64_t now = now_of(service);

    if (due == UINT64_MAX) {
        domi__timer_stop(&service->belief_timer);
    } else {
        domi__timer_start(service->consul->loop, &service->belief_timer,
                          due > now ? due - now : 0, on_belief_timer);
    }
}

/* `changed` is what a verb of the belief returned. */
static void take_belief(struct domi__consul_service *service, int changed)
{
    wait_for_belief(service);
    if (changed > 0) {
        log_change(service);
        tell(service);
    }
}

static void on_belief_timer(struct domi__timer *timer)
{
    struct domi__consul_service *service =
        DOMI__CONTAINER(timer, struct domi__consul_service, belief_timer);
    int changed =
        domi__consul_belief_wait(&service->belief, now_of(service));

    if (changed < 0) {
        /* Memory is short: later. */
        domi__timer_start(service->consul->loop, timer, PAUSE_MS,
                          on_belief_timer);
        return;
    }
    take_belief(service, changed);
}

/* ---- faults -------------------------------------------------------------- */

/* Each once, however often it comes; there is an end to what is remembered. */
static void report(struct domi__consul_service *service, const char *fault)
{
    uint64_t hash = domi__consul_hash(fault);

    if (domi__table_get(&service->reported, hash)) {
        return;
    }
    if (service->reported.count >= REPORTED_MOST) {
        domi__table_fini(&service->reported);
        domi__table_init(&service->reported, service->reported.key);
    }
    if (domi__table_set(&service->reported, hash, service) == 0) {
        domi__log_peer(&service->consul->log, DOMI_LOG_WARNING,
                       "consul: service %s: %s", service->name, fault);
    }
}

static void report_faults(struct domi__consul_service *service,
                          const struct domi__consul_entries *entries)
{
    for (size_t i = 0; i < entries->fault_count; i++) {
        report(service, entries->faults[i]);
    }
    if (entries->more_faults > 0) {
        report(service, "more instances are at fault than are named here");
    }
}

/* ---- the query ----------------------------------------------------------- */

static void ask(struct domi__consul_service *service);

static void on_ask_timer(struct domi__timer *timer)
{
    ask(DOMI__CONTAINER(timer, struct domi__consul_service, ask_timer));
}

static void ask_after(struct domi__consul_service *service, uint64_t ms)
{
    domi__timer_start(service->consul->loop, &service->ask_timer, ms,
                      on_ask_timer);
}

/* Once may be chance, as when a connection ends. */
static bool is_unreadable(const struct domi__consul_service *service)
{
    return service->failures > 1 && service->is_unheard;
}

static void fail(struct domi__consul_service *service, bool is_unheard,
                 const char *why)
{
    service->index = 0;
    service->failures++;
    service->is_unheard = is_unheard;
    snprintf(service->fault, sizeof(service->fault), "%s", why);
    if (is_unreadable(service) && !service->consul->health.is_silent) {
        domi__consul_complain(service->consul, why);
    }
    domi__consul_belief_miss(&service->belief);
    wait_for_belief(service);
    ask_after(service, domi__consul_wait_ms(service->failures));
}

static void succeed(struct domi__consul_service *service,
                    const struct domi__consul_reply *reply)
{
    struct domi__consul_entries *entries = reply->parsed;
    int changed = domi__consul_belief_hear(&service->belief, entries,
                                           now_of(service));

    if (changed < 0) {
        domi__consul_entries_free(entries);
        fail(service, false, domi_strerror(changed));
        return;
    }
    service->index = reply->index < service->index ? 0 : reply->index;
    service->failures = 0;
    service->is_unheard = false;
    ask_after(service, PAUSE_MS);
    report_faults(service, entries);
    domi__consul_entries_free(entries);
    take_belief(service, changed);
}

/* What it tells may end the service's last watch, but not the service before
   the end of the turn. */
static void on_reply(void *user, const struct domi__consul_reply *reply)
{
    struct domi__consul_service *service = user;

    service->asking = 0;
    if (reply->status == 200 && reply->parsed) {
        succeed(service, reply);
    } else if (reply->status == 404) {
        fail(service, false, "404");
        domi__consul_complain(service->consul, "there is no /v1/health/service:"
                              " this may be no Consul");
    } else {
        fail(service, reply->status == 0 || reply->status == 429 ||
                          reply->status >= 500, reply->error);
    }
    domi__consul_heard(service->consul, reply);
    domi__consul_review(service->consul);
}

static void ask(struct domi__consul_service *service)
{
    struct domi__consul_request request = {
        .method = "GET",
        .wants_json = true,
        .timeout_ms = LIMIT_MS,
        .parse = domi__consul_entries_read,
        .free_parsed = domi__consul_entries_free,
        .on_reply = on_reply,
        .user = service,
    };
    char *path;

    domi__timer_stop(&service->ask_timer);
    if (asprintf(&path, "/v1/health/service/%s?index=%" PRIu64 "&wait=%us",
                 service->escaped, service->index, WAIT_S) >= 0) {
        request.path = path;
        service->asking = domi__consul_send(service->consul->client, &request);
        free(path);
    }
    if (service->asking == 0) {
        ask_after(service, PAUSE_MS);
    }
}

/* ---- services and watches ------------------------------------------------ */

static struct domi__consul_service *find(const struct domi__consul *consul,
                                         const char *name)
{
    const struct domi__list *node;

    for (node = consul->services.next; node != &consul->services;
         node = node->next) {
        struct domi__consul_service *service =
            service_of((struct domi__list *)node);

        if (strcmp(service->name, name) == 0) {
            return service;
        }
    }
    return NULL;
}

static void service_free(struct domi__consul_service *service)
{
    if (service->asking) {
        domi__consul_cancel(service->consul->client, service->asking);
    }
    domi__timer_stop(&service->ask_timer);
    domi__timer_stop(&service->belief_timer);
    domi__consul_belief_fini(&service->belief);
    domi__table_fini(&service->reported);
    domi__list_remove(&service->node);
    free(service->name);
    free(service->escaped);
    free(service);
}

static struct domi__consul_service *service_new(struct domi__consul *consul,
                                                const char *name)
{
    struct domi__consul_service *service = calloc(1, sizeof(*service));
    struct domi__hash_key key;

    if (!service) {
        return NULL;
    }
    domi__list_init(&service->node);
    domi__list_init(&service->watches);
    service->consul = consul;
    service->name = strdup(name);
    service->escaped = domi__consul_escape(name);
    if (!service->name || !service->escaped || domi__hash_key_init(&key)) {
        service_free(service);
        return NULL;
    }
    domi__table_init(&service->reported, key);
    service->belief.service = service->name;
    service->belief.damp_ms = consul->settings.damp_ms;
    service->belief.settle_ms = consul->settings.settle_ms;
    domi__list_push(&consul->services, &service->node);
    ask(service);
    return service;
}

int domi__consul_service_watch(struct domi__consul *consul,
                               struct domi__registry_watch *watch)
{
    struct domi__consul_service *service = find(consul, watch->service);

    if (!service) {
        service = service_new(consul, watch->service);
    }
    if (!service) {
        return UV_ENOMEM;
    }
    watch->known = service->belief.known;
    watch->snapshot = domi__consul_belief_snapshot(&service->belief);
    domi__list_push(&service->watches, &watch->node);
    service->watch_count++;
    return 0;
}

bool domi__consul_service_unwatch(struct domi__consul *consul,
                                  struct domi__registry_watch *watch)
{
    struct domi__consul_service *service = find(consul, watch->service);

    if (!service || domi__list_is_empty(&watch->node)) {
        return false;
    }
    domi__list_remove(&watch->node);
    watch->snapshot = (struct domi__snapshot){0};
    watch->known = false;
    service->watch_count--;
    return true;
}

/* ---- all services -------------------------------------------------------- */

/* Calls `act` for each; `act` may free it. */
static void for_each(struct domi__consul *consul,
                     void (*act)(struct domi__consul_service *service))
{
    struct domi__list *node = consul->services.next;

    while (node != &consul->services) {
        struct domi__list *next = node->next;

        act(service_of(node));
        node = next;
    }
}

static void free_unwatched(struct domi__consul_service *service)
{
    if (service->watch_count == 0) {
        service_free(service);
    }
}

void domi__consul_services_sweep(struct domi__consul *consul)
{
    for_each(consul, free_unwatched);
}

static void miss(struct domi__consul_service *service)
{
    domi__consul_belief_miss(&service->belief);
    wait_for_belief(service);
}

void domi__consul_services_miss(struct domi__consul *consul)
{
    for_each(consul, miss);
}

/* The pause after an answer stays. */
static void again(struct domi__consul_service *service)
{
    if (service->asking) {
        domi__consul_cancel(service->consul->client, service->asking);
        service->asking = 0;
        service->index = 0;
    } else if (service->failures == 0) {
        return;
    }
    ask_after(service, domi__consul_wait_ms(1));
}

void domi__consul_services_again(struct domi__consul *consul)
{
    for_each(consul, again);
}

const char *domi__consul_services_fault(const struct domi__consul *consul)
{
    const struct domi__list *node;

    for (node = consul->services.next; node != &consul->services;
         node = node->next) {
        const struct domi__consul_service *service =
            service_of((struct domi__list *)node);

        if (is_unreadable(service)) {
            return service->fault;
        }
    }
    return NULL;
}
