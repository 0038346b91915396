/* SPDX-License-Identifier: MIT */
/* A gateway in its registry: joining, a new id, a newer version, leaving. */
#include "gateway/inner.h"

/* How long a question where a group is waits for zones to be known, at most. */
#define PLACE_MS 3000u

/* ---- what the node id makes possible ------------------------------------- */

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
        .zone_groups = given->zone_groups,
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
    uint32_t features = DOMI__FEATURE_GROUPS | DOMI__FEATURE_NODES;

    return gateway->options.registry->kind->watch
               ? features | DOMI__FEATURE_LOAD | DOMI__FEATURE_DIRECTORY
               : features;
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
        .keys = domi__gateway_keys(gateway),
        .calls = &domi__gateway_links_calls,
        .user = gateway,
    };

    gateway->links = domi__links_new(&options);
    return gateway->links ? make_placement(gateway) : UV_ENOMEM;
}

/* ---- what the registry tells --------------------------------------------- */

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

static void tell_joined(struct domi_gateway *gateway, int status)
{
    if (gateway->options.on_joined) {
        gateway->options.on_joined(gateway, status, gateway->options.user);
    }
}

static void on_joined(struct domi__membership *membership, int status)
{
    struct domi_gateway *gateway = membership->arg;
    struct domi_registry *registry = gateway->options.registry;

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
        gateway->running = false;
        domi__log(&gateway->log, DOMI_LOG_ERROR,
                  "the gateway could not join the registry: %s",
                  domi_strerror(status));
        tell_joined(gateway, status);
        return;
    }
    gateway->joined = true;
    log_self(gateway);
    if (membership->self.draining && registry->kind->update) {
        registry->kind->update(registry, membership);
    }
    tell_joined(gateway, 0);
}

/* The clock and sequence of the ids go on as they are, so that none comes
   twice even when the node gets an id that it had before. */
static void on_id(struct domi__membership *membership)
{
    struct domi_gateway *gateway = membership->arg;
    int id = membership->self.id;

    if (gateway->closing) {
        return;
    }
    if (id >= 0) {
        gateway->ids.node = (unsigned)id;
        domi__links_set_node(gateway->links, id);
        domi__log(&gateway->log, DOMI_LOG_WARNING,
                  "gateway %s: another node has its id: it is %d from now on",
                  gateway->options.name, id);
    } else {
        domi__log(&gateway->log, DOMI_LOG_ERROR,
                  "gateway %s: another node has its id: it takes no users "
                  "without one",
                  gateway->options.name);
    }
    if (gateway->options.on_id) {
        gateway->options.on_id(gateway, id, gateway->options.user);
    }
}

static void on_outdated(struct domi__membership *membership)
{
    struct domi_gateway *gateway = membership->arg;

    if (!gateway->running) {
        return;
    }
    if (membership->outdated) {
        domi__gateway_drain_begin(gateway, false);
    } else {
        domi__gateway_drain_call_off(gateway);
    }
}

static void on_left(struct domi__membership *membership)
{
    domi__gateway_part_closed(membership->arg);
}

/* ---- joining and leaving ------------------------------------------------- */

int domi__gateway_join(struct domi_gateway *gateway)
{
    struct domi_registry *registry = gateway->options.registry;

    gateway->membership = (struct domi__membership){
        .loop = gateway->loop,
        .self =
            {
                .id = gateway->options.id ? gateway->wanted_id : -1,
                .service = gateway->options.name,
                .host = gateway->advertised,
                .tcp_port = domi_gateway_tcp_port(gateway),
                .http_port = domi_gateway_http_port(gateway),
                .version = gateway->options.version,
            },
        .on_joined = on_joined,
        .on_left = on_left,
        .on_id = on_id,
        .on_outdated = on_outdated,
        .arg = gateway,
    };
    gateway->in_registry = true;
    registry->kind->join(registry, &gateway->membership);
    return gateway->join_status;
}

void domi__gateway_leave(struct domi_gateway *gateway)
{
    struct domi_registry *registry = gateway->options.registry;

    if (gateway->in_registry) {
        gateway->parts++;
        registry->kind->leave(registry, &gateway->membership);
    }
}

bool domi__gateway_is_open(const struct domi_gateway *gateway)
{
    return gateway->joined && gateway->membership.self.id >= 0 &&
           !gateway->closing && !gateway->drain.active;
}
