/* SPDX-License-Identifier: MIT */
/* A zone in its registry: joining, a new id, a newer version, leaving. */
#include "domi/err.h"
#include "zone/state.h"

static void tell_joined(struct domi_zone *zone, int status)
{
    if (zone->options.on_joined) {
        zone->options.on_joined(zone, status, zone->options.user);
    }
}

static void on_joined(struct domi__membership *membership, int status)
{
    struct domi_zone *zone = membership->arg;
    const struct domi__node *self = &membership->self;

    if (status == 0) {
        status = domi__ids_init(&zone->ids, (unsigned)self->id);
    }
    zone->join_status = status;
    if (status < 0) {
        domi__log(&zone->log, DOMI_LOG_ERROR,
                  "zone %s: the registry refused it: %s", zone->options.name,
                  domi_strerror(status));
        domi__zone_set_running(zone, false);
        tell_joined(zone, status);
        return;
    }
    zone->joined = true;
    domi__log(&zone->log, DOMI_LOG_INFO,
              "zone %s: id %d, host %s, tcp port %d, http port %d, %u workers",
              zone->options.name, self->id,
              self->host ? self->host : zone->options.host, self->tcp_port,
              self->http_port,
              zone->options.no_workers ? 0 : zone->worker_count);
    if (self->draining && zone->registry->kind->update) {
        zone->registry->kind->update(zone->registry, membership);
    }
    tell_joined(zone, 0);
}

/* The clock and sequence of the ids go on as they are, so that none comes
   twice even when the node gets an id that it had before. */
static void on_id(struct domi__membership *membership)
{
    struct domi_zone *zone = membership->arg;
    int id = membership->self.id;

    if (zone->closing) {
        return;
    }
    if (id >= 0) {
        zone->ids.node = (unsigned)id;
        domi__log(&zone->log, DOMI_LOG_WARNING,
                  "zone %s: another node has its id: it is %d from now on",
                  zone->options.name, id);
    } else {
        domi__log(&zone->log, DOMI_LOG_ERROR,
                  "zone %s: another node has its id: it takes no links without "
                  "one",
                  zone->options.name);
    }
    if (zone->options.on_id) {
        zone->options.on_id(zone, id, zone->options.user);
    }
}

static void on_outdated(struct domi__membership *membership)
{
    struct domi_zone *zone = membership->arg;

    if (zone->closing) {
        return;
    }
    if (membership->outdated) {
        domi__zone_drain_begin(zone, false);
    } else {
        domi__zone_drain_call_off(zone);
    }
}

static void on_left(struct domi__membership *membership)
{
    struct domi_zone *zone = membership->arg;

    zone->left = true;
}

/* Nobody can come to a node that listens on no port but through memory. */
static const char *told_host(const struct domi_zone *zone)
{
    return zone->options.tcp_port != 0 || zone->options.http_port != 0
               ? zone->advertised
               : NULL;
}

int domi__zone_join(struct domi_zone *zone)
{
    struct domi__membership *membership = &zone->membership;

    membership->loop = zone->loop;
    membership->self.service = zone->options.name;
    membership->self.host = told_host(zone);
    membership->self.version = zone->options.version;
    membership->self.memory = &zone->port;
    membership->on_joined = on_joined;
    membership->on_left = on_left;
    membership->on_id = on_id;
    membership->on_outdated = on_outdated;
    membership->arg = zone;
    zone->joining = true;
    zone->registry->kind->join(zone->registry, membership);
    return zone->join_status;
}

void domi__zone_leave(struct domi_zone *zone)
{
    zone->left = !zone->joining;
    if (zone->joining) {
        zone->registry->kind->leave(zone->registry, &zone->membership);
    }
}
