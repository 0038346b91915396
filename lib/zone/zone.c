/* SPDX-License-Identifier: MIT */
/*
 * A zone's life: new, start, work, close.
 *
 *   gateway -> session -> inbound.c -> ring -> worker -> group
 *   gateway <- session <- outbound.c <- ring <- worker <- group
 *
 * Once per turn of the loop the hook gives the workers what has come, takes
 * what they have put out, and lets waiting links go on. A close goes the same
 * way to its end: links first, then what is in the rings, then the groups,
 * then the threads.
 */
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "domi/err.h"
#include "zone/state.h"

static bool run_hook(struct domi__loop_hook *hook);

/* ---- new and free -------------------------------------------------------- */

static void free_zone(struct domi_zone *zone)
{
    domi__zone_slots_free(zone);
    domi__table_fini(&zone->groups);
    domi__arbiter_fini(&zone->arbiter);
    domi_registry_free(zone->own_registry);
    domi__tls_free(zone->tls);
    domi__zone_options_fini(zone);
    pthread_mutex_destroy(&zone->mutex);
    free(zone);
}

static int set_registry(struct domi_zone *zone)
{
    zone->registry = zone->options.registry;
    if (!zone->registry) {
        zone->own_registry = domi_registry_local_new();
        zone->registry = zone->own_registry;
    }
    return zone->registry ? 0 : UV_ENOMEM;
}

/* 0 or a libuv code. */
static int init_tables(struct domi_zone *zone)
{
    struct domi__hash_key key;
    int err = domi__hash_key_init(&key);

    domi__table_init(&zone->groups, key);
    domi__arbiter_init(&zone->arbiter, key, DOMI__ARBITER_LIMIT);
    return err;
}

static void init_lists(struct domi_zone *zone)
{
    domi__list_init(&zone->early);
    domi__list_init(&zone->links);
    domi__list_init(&zone->pending);
    domi__list_init(&zone->waiting);
}

struct domi_zone *domi_zone_new(struct uv_loop_s *loop,
                                const struct domi_zone_options *options)
{
    struct domi_zone *zone = calloc(1, sizeof(*zone));

    if (!zone) {
        return NULL;
    }
    init_lists(zone);
    pthread_mutex_init(&zone->mutex, NULL);
    if (domi__zone_options_init(zone, options) || init_tables(zone) ||
        set_registry(zone) || domi__zone_tls_init(zone) ||
        !(zone->loop = domi__loop_get(loop))) {
        free_zone(zone);
        return NULL;
    }
    domi__log_init(&zone->log, zone->options.log, zone->options.user);
    zone->hook.run = run_hook;
    domi__loop_hook_add(zone->loop, &zone->hook);
    return zone;
}

/* ---- start --------------------------------------------------------------- */

static int port_of(int option)
{
    return option == DOMI_PORT_ANY ? 0 : option;
}

static int report(struct domi_zone *zone, const char *option, int port,
                  int err)
{
    domi__log(&zone->log, DOMI_LOG_ERROR, "%s: cannot listen on %s port %d: %s",
              option, zone->options.host, port, domi_strerror(err));
    return err;
}

static int listen_tcp(struct domi_zone *zone, struct domi__listen *listen)
{
    int err;

    listen->port = port_of(zone->options.tcp_port);
    err = domi__tcp_listen(&zone->tcp, listen);
    if (err) {
        return report(zone, "tcp_port", listen->port, err);
    }
    zone->listeners++;
    zone->membership.self.tcp_port = domi__listener_port(zone->tcp);
    return 0;
}

static int listen_http(struct domi_zone *zone, struct domi__listen *listen)
{
    struct domi__http_listen http = {
        .listen = *listen,
        .answer = domi__zone_answer,
        .answer_arg = zone,
    };
    int err;

    http.listen.owner = NULL;
    http.listen.tls = NULL; /* it is for those who look after the machine */
    http.listen.port = port_of(zone->options.http_port);
    err = domi__http_listen(&zone->http, &http);
    if (err) {
        return report(zone, "http_port", http.listen.port, err);
    }
    zone->listeners++;
    zone->membership.self.http_port = domi__listener_port(zone->http);
    return 0;
}

static void warn_if_open(struct domi_zone *zone)
{
    const struct domi_zone_options *options = &zone->options;

    if (options->tcp_port != 0 && !options->cluster_key &&
        !domi__tls_asks(zone->tls) &&
        !domi__node_is_loopback(options->host)) {
        domi__log(&zone->log, DOMI_LOG_WARNING,
                  "zone %s: listens on %s without a cluster_key: whoever can"
                  " reach its tcp port is taken for a gateway",
                  options->name, options->host);
    }
}

static int listen_all(struct domi_zone *zone)
{
    struct domi__listen listen = {
        .loop = zone->loop,
        .log = &zone->log,
        .owner = &domi__zone_link_owner,
        .limits = &zone->stranger_limits,
        .arg = zone,
        .host = zone->options.host,
        .tls = zone->tls,
    };
    int err = 0;

    zone->port = (struct domi__memory_port){
        .loop = zone->loop,
        .log = &zone->log,
        .owner = &domi__zone_link_owner,
        .limits = &zone->limits,
        .arg = zone,
    };
    if (zone->options.tcp_port != 0) {
        err = listen_tcp(zone, &listen);
    }
    if (err == 0 && zone->options.http_port != 0) {
        err = listen_http(zone, &listen);
    }
    return err;
}

void domi__zone_set_running(struct domi_zone *zone, bool running)
{
    pthread_mutex_lock(&zone->mutex);
    zone->running = running;
    pthread_mutex_unlock(&zone->mutex);
}

int domi_zone_start(struct domi_zone *zone)
{
    int err;

    if (zone->started || zone->closing) {
        return DOMI_E_STATE;
    }
    zone->started = true;
    err = domi__zone_options_check(zone);
    if (err) {
        return err;
    }
    warn_if_open(zone);
    err = domi__tls_load(zone->tls, zone->loop);
    if (!err) {
        err = domi__zone_workers_start(zone);
    }
    if (err) {
        return err;
    }
    domi__zone_take_early(zone);
    domi__zone_load_start(zone);
    domi__zone_set_running(zone, true);
    err = listen_all(zone);
    if (err == 0) {
        err = domi__zone_join(zone);
    }
    if (err) {
        domi__zone_set_running(zone, false);
    }
    return err;
}

/* ---- close --------------------------------------------------------------- */

static void on_put(void *user)
{
    struct domi_zone *zone = user;

    /* Groups that no worker ever took over are closed here. */
    domi__zone_items_free(&zone->early);
    domi__zone_workers_free(zone);
    if (zone->on_close) {
        zone->on_close(zone, zone->on_close_user);
    }
    free_zone(zone);
}

static void finish(struct domi__deferred *deferred)
{
    struct domi_zone *zone =
        DOMI__CONTAINER(deferred, struct domi_zone, finish);

    domi__loop_hook_remove(&zone->hook);
    domi__timer_stop(&zone->watch);
    domi__timer_stop(&zone->beat);
    domi__loop_put(zone->loop, on_put, zone);
}

/* Goes on with the close as far as it can now. True when something was done. */
static bool close_on(struct domi_zone *zone)
{
    bool worked = false;

    if (!zone->closing || zone->finishing || zone->admitted > 0 ||
        !domi__list_is_empty(&zone->pending) || !domi__zone_items_done(zone)) {
        return false;
    }
    if (domi__zone_workers_stop(zone, &worked) && zone->listeners == 0 &&
        zone->left) {
        zone->finishing = true;
        zone->finish.run = finish;
        domi__loop_defer(zone->loop, &zone->finish);
    }
    return worked;
}

static void on_listener_closed(void *user)
{
    struct domi_zone *zone = user;

    zone->listeners--;
}

static void close_listeners(struct domi_zone *zone)
{
    if (zone->tcp) {
        domi__listener_close(zone->tcp, on_listener_closed, zone);
    }
    if (zone->http) {
        domi__listener_close(zone->http, on_listener_closed, zone);
    }
}

static void close_links(struct domi_zone *zone)
{
    struct domi__list *node;

    for (node = zone->links.next; node != &zone->links; node = node->next) {
        struct domi__zone_link *link =
            DOMI__CONTAINER(node, struct domi__zone_link, node);

        domi__session_close(&link->session, DOMI_REASON_STOPPING);
    }
    domi__handshakes_close(zone->loop, zone, DOMI_REASON_STOPPING);
}

void domi_zone_close(struct domi_zone *zone, domi_zone_close_fn on_close,
                     void *user)
{
    if (zone->closing) {
        return;
    }
    zone->closing = true;
    zone->on_close = on_close;
    zone->on_close_user = user;
    domi__zone_set_running(zone, false);
    domi__zone_load_stop(zone);
    domi__zone_drain_fini(zone);
    domi__zone_leave(zone);
    close_listeners(zone);
    close_links(zone);
}

/* ---- once per turn ------------------------------------------------------- */

static bool run_hook(struct domi__loop_hook *hook)
{
    struct domi_zone *zone = DOMI__CONTAINER(hook, struct domi_zone, hook);
    bool worked = false;

    if (zone->worker_count > 0) {
        worked |= domi__zone_take_items(zone);
        worked |= domi__zone_tell_links(zone);
        worked |= domi__zone_resume_links(zone);
        worked |= domi__zone_drain_run(zone);
        worked |= domi__zone_take_effects(zone);
    }
    worked |= close_on(zone);
    return worked;
}

/* ---- what it is ---------------------------------------------------------- */

int domi_zone_id(const struct domi_zone *zone)
{
    return zone->joined ? zone->membership.self.id : -1;
}

int domi_zone_tcp_port(const struct domi_zone *zone)
{
    return zone->membership.self.tcp_port;
}

int domi_zone_http_port(const struct domi_zone *zone)
{
    return zone->membership.self.http_port;
}

void domi_zone_stats(const struct domi_zone *zone,
                     struct domi_zone_stats *stats)
{
    *stats = zone->stats;
    stats->groups = zone->groups.count;
    stats->members = domi__zone_members(zone);
}

void domi_zone_set_data(struct domi_zone *zone, void *data)
{
    zone->data = data;
}

void *domi_zone_data(const struct domi_zone *zone)
{
    return zone->data;
}
