/* SPDX-License-Identifier: MIT */
/*
 * A gateway's life: options, start, close.
 *
 * It listens, joins the registry, and is open for users once that has given
 * it an id. To close it leaves the registry, closes its listeners, sessions
 * and links, and gives the loop back; each part says when it is done.
 */
#include "gateway/inner.h"

#include <stdlib.h>
#include <string.h>

/* ---- options ------------------------------------------------------------- */

static void default_number(unsigned *option, unsigned value)
{
    if (*option == 0) {
        *option = value;
    }
}

static void default_size(size_t *option, size_t value)
{
    if (*option == 0) {
        *option = value;
    }
}

static int own_string(const char **option, const char *value)
{
    const char *string = *option ? *option : value;

    *option = string ? strdup(string) : NULL;
    return string && !*option ? UV_ENOMEM : 0;
}

static int own_strings(struct domi_gateway_options *options)
{
    int err = 0;

    err |= own_string(&options->name, "gateway");
    err |= own_string(&options->host, "127.0.0.1");
    err |= own_string(&options->ws_path, "/ws");
    err |= own_string(&options->web_root, NULL);
    return err;
}

static void set_defaults(struct domi_gateway *gateway)
{
    struct domi_gateway_options *options = &gateway->options;

    if (options->id) {
        gateway->wanted_id = *options->id;
        options->id = &gateway->wanted_id;
    }
    if (options->version == 0) {
        options->version = 1;
    }
    default_number(&options->frame_limit, 64 * 1024);
    default_number(&options->link_frame_limit, 1024 * 1024);
    default_size(&options->send_limit, 1024 * 1024);
    default_size(&options->link_send_limit, 16 * 1024 * 1024);
    default_number(&options->handshake_ms, 5000);
    default_number(&options->silence_ms, 10000);
    default_number(&options->heartbeat_ms, options->silence_ms < 10000
                                               ? (options->silence_ms + 1) / 2
                                               : 5000);
    default_number(&options->link_open_ms, 5000);
    default_number(&options->targets, 256);
    default_number(&options->full_percent, 90);
    gateway->limits = (struct domi__session_limits){
        .frame_limit = options->frame_limit,
        .send_limit = options->send_limit,
        .send_policy = options->send_policy,
        .handshake_ms = options->handshake_ms,
        .silence_ms = options->silence_ms,
    };
}

static int refuse(struct domi_gateway *gateway, const char *option,
                  const char *allowed)
{
    domi__log(&gateway->log, DOMI_LOG_ERROR, "option %s must be %s", option,
              allowed);
    return DOMI_E_OPTION;
}

static int check_options(struct domi_gateway *gateway)
{
    const struct domi_gateway_options *options = &gateway->options;

    if (options->frame_limit < 64) {
        return refuse(gateway, "frame_limit", "at least 64 bytes");
    }
    if (options->link_frame_limit < options->frame_limit) {
        return refuse(gateway, "link_frame_limit", "at least frame_limit");
    }
    if (options->send_limit < 1024) {
        return refuse(gateway, "send_limit", "at least 1024 bytes");
    }
    if (options->link_send_limit < 4 * (size_t)options->link_frame_limit) {
        return refuse(gateway, "link_send_limit",
                      "at least four times link_frame_limit");
    }
    if (options->heartbeat_ms >= options->silence_ms) {
        return refuse(gateway, "heartbeat_ms", "less than silence_ms");
    }
    if (options->ws_path[0] != '/') {
        return refuse(gateway, "ws_path", "a path that begins with a slash");
    }
    if ((unsigned)options->send_policy > DOMI_SEND_DROP_OLDEST) {
        return refuse(gateway, "send_policy", "one of enum domi_send_policy");
    }
    return domi__node_check(&gateway->log, options->host, options->tcp_port,
                            options->http_port, options->id, options->version);
}

/* ---- new and free -------------------------------------------------------- */

static void free_gateway(struct domi_gateway *gateway)
{
    domi__table_fini(&gateway->sessions);
    if (gateway->own_registry) {
        domi_registry_free(gateway->own_registry);
    }
    free((char *)gateway->options.name);
    free((char *)gateway->options.host);
    free((char *)gateway->options.ws_path);
    free((char *)gateway->options.web_root);
    free(gateway->handlers);
    free(gateway);
}

static int make_parts(struct domi_gateway *gateway, struct uv_loop_s *loop)
{
    if (own_strings(&gateway->options)) {
        return UV_ENOMEM;
    }
    if (!gateway->options.registry) {
        gateway->own_registry = domi_registry_local_new();
        gateway->options.registry = gateway->own_registry;
    }
    if (!gateway->options.registry || domi__hash_key_init(&gateway->key)) {
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
    if (o) {
        gateway->options = *o;
    }
    domi__list_init(&gateway->calls_waiting);
    domi__list_init(&gateway->routes);
    domi__batch_init(&gateway->multicast);
    domi__log_init(&gateway->log, gateway->options.log, gateway->options.user);
    if (make_parts(gateway, loop)) {
        free_gateway(gateway);
        return NULL;
    }
    domi__table_init(&gateway->sessions, gateway->key);
    set_defaults(gateway);
    return gateway;
}

/* ---- start --------------------------------------------------------------- */

/* /<id>/health and such. */
static int answer(void *arg, const char *path, char *body, size_t size)
{
    struct domi_gateway *gateway = arg;

    return domi__node_answer(&gateway->membership.self, domi__memory_use(),
                             path, body, size);
}

static int listen_port(int option)
{
    return option == DOMI_PORT_ANY ? 0 : option;
}

static int listen_tcp(struct domi_gateway *gateway, struct domi__listen *listen)
{
    if (gateway->options.tcp_port == 0) {
        return 0;
    }
    listen->port = listen_port(gateway->options.tcp_port);
    return domi__tcp_listen(&gateway->tcp, listen);
}

static int listen_http(struct domi_gateway *gateway,
                       struct domi__listen *listen)
{
    struct domi__http_listen http = {
        .ws_path = gateway->options.ws_path,
        .web_root = gateway->options.web_root,
        .answer = answer,
        .answer_arg = gateway,
    };

    if (gateway->options.http_port == 0) {
        return 0;
    }
    http.listen = *listen;
    http.listen.port = listen_port(gateway->options.http_port);
    return domi__http_listen(&gateway->http, &http);
}

static int listen_all(struct domi_gateway *gateway)
{
    struct domi__listen listen = {
        .loop = gateway->loop,
        .log = &gateway->log,
        .owner = &domi__gateway_owner,
        .limits = &gateway->limits,
        .arg = gateway,
        .host = gateway->options.host,
        .pauses = &gateway->stats.accept_pauses,
    };
    int err = listen_tcp(gateway, &listen);

    if (err) {
        domi__log(&gateway->log, DOMI_LOG_ERROR,
                  "cannot listen for users on %s port %d: %s", listen.host,
                  listen_port(gateway->options.tcp_port), domi_strerror(err));
        return err;
    }
    err = listen_http(gateway, &listen);
    if (err) {
        const char *root = gateway->options.web_root;

        domi__log(&gateway->log, DOMI_LOG_ERROR,
                  "cannot listen for HTTP on %s port %d, with files from %s:"
                  " %s",
                  listen.host, listen_port(gateway->options.http_port),
                  root ? root : "nowhere", domi_strerror(err));
    }
    return err;
}

/* How long a question where a group is waits for zones to be known, at most. */
#define PLACE_MS 3000u

static int make_placement(struct domi_gateway *gateway)
{
    const struct domi_gateway_options *given = &gateway->options;
    const struct domi__placement_options options = {
        .loop = gateway->loop,
        .log = &gateway->log,
        .registry = given->registry,
        .choose = given->choose,
        .choose_user = given->user,
        .full_percent = given->full_percent,
        .wait_ms = given->link_open_ms < PLACE_MS ? given->link_open_ms
                                                  : PLACE_MS,
    };

    gateway->placement = domi__placement_new(&options);
    if (!gateway->placement) {
        return UV_ENOMEM;
    }
    domi__placement_set_links(gateway->placement, gateway->links);
    return 0;
}

/* Zones tell what only a placement on snapshots needs to know. */
static uint32_t link_features(const struct domi_gateway *gateway)
{
    return gateway->options.registry->kind->watch
               ? DOMI__FEATURE_GROUPS | DOMI__FEATURE_LOAD |
                     DOMI__FEATURE_DIRECTORY
               : DOMI__FEATURE_GROUPS;
}

static int make_links(struct domi_gateway *gateway)
{
    const struct domi__links_options options = {
        .loop = gateway->loop,
        .log = &gateway->log,
        .limits =
            {
                .frame_limit = gateway->options.link_frame_limit,
                .send_limit = gateway->options.link_send_limit,
                .handshake_ms = gateway->options.link_open_ms,
                .silence_ms = gateway->options.silence_ms,
                .heartbeat_ms = gateway->options.heartbeat_ms,
            },
        .node_id = gateway->membership.self.id,
        .features = link_features(gateway),
        .calls = &domi__gateway_links_calls,
        .user = gateway,
    };

    gateway->links = domi__links_new(&options);
    return gateway->links ? make_placement(gateway) : UV_ENOMEM;
}

static void log_self(struct domi_gateway *gateway)
{
    const struct domi__node *self = &gateway->membership.self;

    domi__log(&gateway->log, DOMI_LOG_INFO,
              "gateway %s: id %d, host %s, tcp port %d, http port %d",
              self->service, self->id, self->host, self->tcp_port,
              self->http_port);
    if (self->tcp_port == 0 && self->http_port == 0) {
        domi__log(&gateway->log, DOMI_LOG_WARNING,
                  "gateway %s listens on no port: tcp_port and http_port are "
                  "0, which means none; DOMI_PORT_ANY takes a free one",
                  self->service);
    }
}

static void on_joined(struct domi__membership *membership, int status)
{
    struct domi_gateway *gateway =
        DOMI__CONTAINER(membership, struct domi_gateway, membership);

    if (gateway->closing) {
        return;
    }
    if (!status) {
        status = domi__ids_init(&gateway->ids, (unsigned)membership->self.id);
    }
    if (!status) {
        status = make_links(gateway);
    }
    gateway->join_status = status;
    if (status) {
        domi__log(&gateway->log, DOMI_LOG_ERROR,
                  "the gateway could not join the registry: %s",
                  domi_strerror(status));
        return;
    }
    gateway->joined = true;
    log_self(gateway);
}

static void join(struct domi_gateway *gateway)
{
    gateway->membership.self = (struct domi__node){
        .id = gateway->options.id ? gateway->wanted_id : -1,
        .service = gateway->options.name,
        .host = gateway->options.host,
        .tcp_port = domi_gateway_tcp_port(gateway),
        .http_port = domi_gateway_http_port(gateway),
        .version = gateway->options.version,
    };
    gateway->membership.on_joined = on_joined;
    gateway->in_registry = true;
    gateway->options.registry->kind->join(gateway->options.registry,
                                          &gateway->membership);
}

int domi_gateway_start(struct domi_gateway *gateway)
{
    int err;

    if (gateway->started || gateway->closing) {
        return DOMI_E_STATE;
    }
    gateway->started = true;
    err = check_options(gateway);
    if (err) {
        return err;
    }
    err = listen_all(gateway);
    if (err) {
        return err;
    }
    join(gateway);
    return gateway->join_status;
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

static void on_links_closed(void *user)
{
    struct domi_gateway *gateway = user;

    gateway->links = NULL;
    gateway->parts--;
    domi__gateway_close_next(gateway);
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

static void on_listener_closed(void *user)
{
    struct domi_gateway *gateway = user;

    gateway->parts--;
    domi__gateway_close_next(gateway);
}

static void on_left(struct domi__membership *membership)
{
    struct domi_gateway *gateway =
        DOMI__CONTAINER(membership, struct domi_gateway, membership);

    gateway->parts--;
    domi__gateway_close_next(gateway);
}

static void close_listener(struct domi_gateway *gateway,
                           struct domi__listener **listener)
{
    if (*listener) {
        gateway->parts++;
        domi__listener_close(*listener, on_listener_closed, gateway);
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

    if (gateway->in_registry) {
        gateway->parts++;
        gateway->membership.on_left = on_left;
        gateway->options.registry->kind->leave(gateway->options.registry,
                                               &gateway->membership);
    }
    gateway->parts--;
    domi__gateway_close_next(gateway);
}

void domi_gateway_close(struct domi_gateway *gateway,
                        domi_gateway_close_fn on_close, void *user)
{
    if (gateway->closing) {
        return;
    }
    gateway->closing = true;
    gateway->on_close = on_close;
    gateway->on_close_user = user;
    close_listener(gateway, &gateway->tcp);
    close_listener(gateway, &gateway->http);
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
