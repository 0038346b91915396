/* SPDX-License-Identifier: MIT */
/* The Consul registry: nodes that find each other through a Consul agent. */

/*
 * With the first member or watch it takes a share of the loop and starts the
 * client; with the last it gives both back. That waits for the end of the
 * turn, for the last may go in the middle of a reply, and another may come in
 * the same breath.
 */
#include "consul/consul.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <uv.h>

#include "domi/err.h"

/* ---- life ---------------------------------------------------------------- */

/* Nothing of the registry's is left on the loop, and nobody waits for that. */
static void on_put(void *user)
{
    (void)user;
}

static void let_go(struct domi__consul *consul)
{
    domi__consul_state_stop(consul);
    domi__consul_client_free(consul->client);
    consul->client = NULL;
    domi__loop_put(consul->loop, on_put, NULL);
    consul->loop = NULL;
}

static void sweep(struct domi__consul *consul)
{
    domi__consul_services_sweep(consul);
    if (consul->users == 0 && consul->loop) {
        let_go(consul);
    }
}

static void on_sweep(struct domi__deferred *deferred)
{
    sweep(DOMI__CONTAINER(deferred, struct domi__consul, sweep));
}

void domi__consul_sweep_soon(struct domi__consul *consul)
{
    consul->sweep.run = on_sweep;
    domi__loop_defer(consul->loop, &consul->sweep);
}

/* Options, loop and client, for the first user. */
static int start(struct domi__consul *consul, struct domi__loop *loop)
{
    int status = 0;

    if (!consul->ready) {
        status = domi__consul_settings_init(&consul->settings, &consul->given,
                                            &consul->log);
        if (status) {
            domi__consul_settings_fini(&consul->settings);
            return status;
        }
        consul->ready = true;
    }
    consul->loop = domi__loop_get(domi__loop_uv(loop));
    if (!consul->loop) {
        return UV_ENOMEM;
    }
    consul->client = domi__consul_client_new(consul->loop, &consul->log,
                                             &consul->settings);
    if (!consul->client) {
        domi__loop_put(consul->loop, on_put, NULL);
        consul->loop = NULL;
        return UV_ENOMEM;
    }
    domi__consul_state_start(consul);
    return 0;
}

/* One user more. */
static int enter(struct domi__consul *consul, struct domi__loop *loop)
{
    int status = consul->loop ? 0 : start(consul, loop);

    if (status == 0) {
        consul->users++;
    }
    return status;
}

/* One user less. */
static void quit(struct domi__consul *consul)
{
    consul->users--;
    domi__consul_sweep_soon(consul);
}

void domi__consul_member_done(struct domi__consul *consul)
{
    quit(consul);
}

/* ---- the kind's verbs ---------------------------------------------------- */

static void consul_join(struct domi_registry *registry,
                        struct domi__membership *membership)
{
    struct domi__consul *consul = domi__consul_of(registry);
    int status = enter(consul, membership->loop);

    membership->data = NULL;
    if (status == 0 && !domi__consul_member_new(consul, membership)) {
        quit(consul);
        status = UV_ENOMEM;
    }
    if (status) {
        membership->on_joined(membership, status);
    }
}

static void consul_leave(struct domi_registry *registry,
                         struct domi__membership *membership)
{
    (void)registry;
    if (membership->data) {
        domi__consul_member_leave(membership->data);
    } else {
        membership->on_left(membership);
    }
}

static void consul_update(struct domi_registry *registry,
                          struct domi__membership *membership)
{
    (void)registry;
    if (membership->data) {
        domi__consul_member_update(membership->data);
    }
}

static void consul_watch(struct domi_registry *registry,
                         struct domi__registry_watch *watch)
{
    struct domi__consul *consul = domi__consul_of(registry);
    int status = enter(consul, watch->loop);

    domi__list_init(&watch->node);
    watch->snapshot = (struct domi__snapshot){0};
    watch->known = false;
    if (status == 0) {
        status = domi__consul_service_watch(consul, watch);
        if (status) {
            quit(consul);
        }
    }
    if (status) {
        domi__log(&consul->log, DOMI_LOG_ERROR,
                  "consul: service %s cannot be watched: %s", watch->service,
                  domi_strerror(status));
    }
}

static void consul_unwatch(struct domi_registry *registry,
                           struct domi__registry_watch *watch)
{
    struct domi__consul *consul = domi__consul_of(registry);

    if (domi__consul_service_unwatch(consul, watch)) {
        quit(consul);
    }
}

static unsigned consul_stale_s(const struct domi_registry *registry)
{
    const struct domi__consul *consul = (const struct domi__consul *)registry;
    const struct domi__consul_health *health = &consul->health;
    uint64_t seconds;

    if (health->state == DOMI_REGISTRY_OK || !consul->loop) {
        return 0;
    }
    seconds = (domi__loop_now(consul->loop) - health->good_ms) / 1000;
    return seconds > 0 ? (unsigned)seconds : 1;
}

/* ---- new and free -------------------------------------------------------- */

/* All fields of the options that are strings. */
static const char **string_at(struct domi_consul_options *options, unsigned i)
{
    const char **strings[] = {
        &options->url,         &options->token,      &options->auth,
        &options->ca_file,     &options->ca_path,    &options->client_cert,
        &options->client_key,  &options->tls_server_name,
        &options->prefix,
    };

    return i < sizeof(strings) / sizeof(strings[0]) ? strings[i] : NULL;
}

/* Gives the options strings of their own, or none where memory is short. */
static bool copy_strings(struct domi_consul_options *options)
{
    const char **string;
    bool whole = true;

    for (unsigned i = 0; (string = string_at(options, i)); i++) {
        if (*string) {
            *string = strdup(*string);
            whole = whole && *string;
        }
    }
    return whole;
}

static void free_strings(struct domi_consul_options *options)
{
    const char **string;

    for (unsigned i = 0; (string = string_at(options, i)); i++) {
        free((char *)*string);
    }
}

static void consul_free(struct domi_registry *registry)
{
    struct domi__consul *consul = domi__consul_of(registry);

    assert(consul->users == 0);
    if (consul->loop) {
        /* The last user went in this very turn. */
        domi__list_remove(&consul->sweep.node);
        sweep(consul);
    }
    domi__consul_settings_fini(&consul->settings);
    free_strings(&consul->given);
    free(consul);
}

static const struct domi__registry_kind consul_kind = {
    .name = "consul",
    .join = consul_join,
    .leave = consul_leave,
    .update = consul_update,
    .watch = consul_watch,
    .unwatch = consul_unwatch,
    .stale_s = consul_stale_s,
    .free = consul_free,
};

struct domi_registry *
domi_registry_consul_new(const struct domi_consul_options *options)
{
    struct domi__consul *consul = calloc(1, sizeof(*consul));

    if (!consul) {
        return NULL;
    }
    if (options) {
        consul->given = *options;
    }
    if (!copy_strings(&consul->given)) {
        free_strings(&consul->given);
        free(consul);
        return NULL;
    }
    consul->base.kind = &consul_kind;
    domi__log_init(&consul->log, consul->given.log, consul->given.user);
    domi__list_init(&consul->members);
    domi__list_init(&consul->services);
    return &consul->base;
}
