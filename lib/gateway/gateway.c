/* SPDX-License-Identifier: MIT */
/*
 * A gateway's life: new, start, close.
 *
 * It listens, joins the registry, and is open for users once that has given
 * it an id. To close it leaves the registry, closes its listeners, sessions
 * and links, and gives the loop back; each part says when it is done.
 */
#include "gateway/inner.h"

#include <stdlib.h>
#include <string.h>

#define MEMORY_SHORT 95u /* percent in use above which it is not healthy */

/* ---- new and free -------------------------------------------------------- */

static void free_gateway(struct domi_gateway *gateway)
{
    domi__table_fini(&gateway->sessions);
    domi__origins_fini(&gateway->origins);
    if (gateway->own_registry) {
        domi_registry_free(gateway->own_registry);
    }
    domi__gateway_tls_fini(gateway);
    domi__gateway_options_fini(gateway);
    free(gateway->handlers);
    free(gateway);
}

static int make_parts(struct domi_gateway *gateway, struct uv_loop_s *loop)
{
    if (!gateway->options.registry) {
        gateway->own_registry = domi_registry_local_new();
        gateway->options.registry = gateway->own_registry;
    }
    if (!gateway->options.registry || domi__hash_key_init(&gateway->key) ||
        domi__gateway_tls_init(gateway)) {
        return UV_ENOMEM;
    }
    gateway->loop = domi__loop_get(loop);
    return gateway->loop ? 0 : UV_ENOMEM;
}

struct domi_gateway *domi_gateway_new(struct uv_loop_s *loop,
                                      const struct domi_gateway_options *o)
{
    struct domi_gateway *gateway = calloc(1, sizeof(*gateway));

    if (!gateway) {
        return NULL;
    }
    domi__list_init(&gateway->calls_waiting);
    domi__list_init(&gateway->routes);
    domi__batch_init(&gateway->multicast);
    if (domi__gateway_options_init(gateway, o) || make_parts(gateway, loop)) {
        free_gateway(gateway);
        return NULL;
    }
    domi__log_init(&gateway->log, gateway->options.log, gateway->options.user);
    domi__table_init(&gateway->sessions, gateway->key);
    domi__backlog_init(&gateway->backlog, gateway->options.send_total);
    domi__origins_init(&gateway->origins, gateway->key);
    gateway->origins.session_limit = gateway->options.sessions_per_address;
    gateway->origins.handshake_limit = gateway->options.handshakes_per_address;
    gateway->origins.loopback = gateway->options.limit_loopback != 0;
    return gateway;
}

/* ---- start --------------------------------------------------------------- */

/* /<id>/health and such. */
static void answer(void *arg, const struct domi__http_question *question,
                   struct domi__http_answer *out)
{
    struct domi_gateway *gateway = arg;
    unsigned memory = domi__memory_use();
    const struct domi__node_status status = {
        .node = &gateway->membership.self,
        .registry = gateway->options.registry,
        .memory = memory,
        .busy = memory > MEMORY_SHORT ? "memory is short" : NULL,
        .admin_token = gateway->options.admin_token,
    };

    if (domi__node_answer(&status, &gateway->log, question, out)) {
        domi_gateway_drain(gateway);
    }
}

static int listen_port(int option)
{
    return option == DOMI_PORT_ANY ? 0 : option;
}

static struct domi__listen listen_of(struct domi_gateway *gateway, int port)
{
    return (struct domi__listen){
        .loop = gateway->loop,
        .log = &gateway->log,
        .owner = &domi__gateway_owner,
        .limits = &gateway->limits,
        .arg = gateway,
        .host = gateway->options.host,
        .port = port,
        .tls = gateway->tls,
        .pauses = &gateway->stats.accept_pauses,
        .surplus = &gateway->stats.accept_surplus,
        .origins = &gateway->origins,
    };
}

int domi__gateway_listen_tcp(struct domi_gateway *gateway, int port)
{
    const struct domi__listen listen = listen_of(gateway, port);

    return domi__tcp_listen(&gateway->tcp, &listen);
}

static int listen_tcp(struct domi_gateway *gateway, int port)
{
    int err = domi__gateway_listen_tcp(gateway, port);

    if (err) {
        domi__log(&gateway->log, DOMI_LOG_ERROR,
                  "cannot listen for users on %s port %d: %s",
                  gateway->options.host, port, domi_strerror(err));
    }
    return err;
}

static int listen_http(struct domi_gateway *gateway, int port)
{
    const char *root = gateway->options.web_root;
    const struct domi__http_listen http = {
        .listen = listen_of(gateway, port),
        .ws_path = gateway->options.ws_path,
        .origins = gateway->options.origins,
        .origin_required = gateway->options.origin_required,
        .foreign_origins = &gateway->stats.foreign_origins,
        .web_root = root,
        .answer = answer,
        .answer_arg = gateway,
    };
    int err = domi__http_listen(&gateway->http, &http);

    if (err) {
        domi__log(&gateway->log, DOMI_LOG_ERROR,
                  "cannot listen for HTTP on %s port %d, with files from %s:"
                  " %s",
                  http.listen.host, port, root ? root : "nowhere",
                  domi_strerror(err));
    }
    return err;
}

static int listen_all(struct domi_gateway *gateway)
{
    int tcp_port = gateway->options.tcp_port;
    int http_port = gateway->options.http_port;
    int err = 0;

    if (tcp_port != 0) {
        err = listen_tcp(gateway, listen_port(tcp_port));
    }
    if (err == 0 && http_port != 0) {
        err = listen_http(gateway, listen_port(http_port));
    }
    return err;
}

int domi_gateway_start(struct domi_gateway *gateway)
{
    int err;

    if (gateway->started || gateway->closing) {
        return DOMI_E_STATE;
    }
    gateway->started = true;
    err = domi__gateway_options_check(gateway);
    if (err) {
        return err;
    }
    err = domi__gateway_tls_load(gateway);
    if (!err) {
        err = listen_all(gateway);
    }
    if (err) {
        return err;
    }
    gateway->running = true;
    return domi__gateway_join(gateway);
}

/* ---- close --------------------------------------------------------------- */

static void on_put(void *user)
{
    struct domi_gateway *gateway = user;

    if (gateway->on_close) {
        gateway->on_close(gateway, gateway->on_close_user);
    }
    free_gateway(gateway);
}

static void put_loop(struct domi__deferred *deferred)
{
    struct domi_gateway *gateway =
        DOMI__CONTAINER(deferred, struct domi_gateway, deferred);

    domi__batch_fini(gateway->loop, &gateway->multicast);
    domi__loop_put(gateway->loop, on_put, gateway);
}

void domi__gateway_part_closed(void *user)
{
    struct domi_gateway *gateway = user;

    gateway->parts--;
    domi__gateway_close_next(gateway);
}

static void on_links_closed(void *user)
{
    struct domi_gateway *gateway = user;

    gateway->links = NULL;
    domi__gateway_part_closed(gateway);
}

static void close_links(struct domi_gateway *gateway)
{
    struct domi__list *node;

    gateway->links_closing = true;
    gateway->parts++;
    domi__placement_free(gateway->placement);
    gateway->placement = NULL;
    domi__links_close(gateway->links, on_links_closed, gateway);
    while ((node = domi__list_pop(&gateway->routes))) {
        domi__route_free(DOMI__CONTAINER(node, struct domi__route, node));
    }
}

/* The sessions go first, since they tell zones over the links. Never called
   from inside a call of the links, whom this may free. */
void domi__gateway_close_next(struct domi_gateway *gateway)
{
    if (!gateway->closing || gateway->admitted > 0) {
        return;
    }
    if (gateway->links && !gateway->links_closing) {
        close_links(gateway);
    }
    if (gateway->parts == 0) {
        gateway->deferred.run = put_loop;
        domi__loop_defer(gateway->loop, &gateway->deferred);
    }
}

void domi__gateway_close_listener(struct domi_gateway *gateway,
                                  struct domi__listener **listener)
{
    if (*listener) {
        gateway->parts++;
        domi__listener_close(*listener, domi__gateway_part_closed, gateway);
        *listener = NULL;
    }
}

static void close_sessions(struct domi_gateway *gateway)
{
    const struct domi__table_slot *slot;
    size_t position = 0;

    domi__handshakes_close(gateway->loop, gateway, DOMI_REASON_STOPPING);
    while ((slot = domi__table_next(&gateway->sessions, &position))) {
        domi__session_close(&((struct domi_session *)slot->value)->base,
                            DOMI_REASON_STOPPING);
    }
}

/* What may call back at once waits until the application's call is over. */
static void close_rest(struct domi__deferred *deferred)
{
    struct domi_gateway *gateway =
        DOMI__CONTAINER(deferred, struct domi_gateway, deferred);

    domi__gateway_leave(gateway);
    domi__gateway_part_closed(gateway);
}

void domi_gateway_close(struct domi_gateway *gateway,
                        domi_gateway_close_fn on_close, void *user)
{
    if (gateway->closing) {
        return;
    }
    gateway->closing = true;
    gateway->running = false;
    gateway->on_close = on_close;
    gateway->on_close_user = user;
    domi__timer_stop(&gateway->drain.step);
    domi__gateway_close_listener(gateway, &gateway->tcp);
    domi__gateway_close_listener(gateway, &gateway->http);
    close_sessions(gateway);
    gateway->parts++; /* until close_rest */
    gateway->deferred.run = close_rest;
    domi__loop_defer(gateway->loop, &gateway->deferred);
}

/* ---- what it knows of itself --------------------------------------------- */

int domi_gateway_id(const struct domi_gateway *gateway)
{
    return gateway->joined ? gateway->membership.self.id : -1;
}

int domi_gateway_tcp_port(const struct domi_gateway *gateway)
{
    return gateway->tcp ? domi__listener_port(gateway->tcp) : 0;
}

int domi_gateway_http_port(const struct domi_gateway *gateway)
{
    return gateway->http ? domi__listener_port(gateway->http) : 0;
}

void domi_gateway_stats(const struct domi_gateway *gateway,
                        struct domi_gateway_stats *stats)
{
    *stats = gateway->stats;
    stats->closed[DOMI_REASON_ADDRESS_HANDSHAKES] += gateway->origins.refused;
    stats->send_waiting = gateway->backlog.size;
    stats->links = gateway->links ? domi__links_count(gateway->links) : 0;
}

void domi_gateway_set_data(struct domi_gateway *gateway, void *data)
{
    gateway->data = data;
}

void *domi_gateway_data(const struct domi_gateway *gateway)
{
    return gateway->data;
}
