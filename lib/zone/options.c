/* SPDX-License-Identifier: MIT */
/* A zone's options: copies, defaults, and what is not allowed. */
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "domi/err.h"
#include "zone/state.h"

#define MIB (1024u * 1024u)

/* A record of the ring is a header and what a frame carries; the ring's own
   header comes on top. */
#define RING_SPARE 16u

#define LEAST_FRAME 1024u
#define LEAST_RING 4096u
#define MOST_RING ((size_t)1 << 30)
#define MOST_WORKERS 1024u

static unsigned or_default(unsigned value, unsigned otherwise)
{
    return value > 0 ? value : otherwise;
}

/* The cores this process may use, less the loop's. */
static unsigned default_workers(void)
{
    unsigned cores = uv_available_parallelism();

    return cores > 1 ? cores - 1 : 1;
}

/* The frame limit follows from the ring, or the ring from the frame limit. */
static void set_sizes(struct domi_zone_options *options)
{
    if (options->frame_limit == 0) {
        size_t half = options->ring_size / 2;

        options->frame_limit = options->ring_size > 0 && half <= MIB
                                   ? (uint32_t)(half - 64u)
                                   : MIB;
    }
    if (options->ring_size == 0) {
        options->ring_size = MIB;
        while (options->ring_size < MOST_RING &&
               options->ring_size / 2 < options->frame_limit + RING_SPARE) {
            options->ring_size *= 2;
        }
    }
}

static void set_limits(struct domi_zone *zone)
{
    const struct domi_zone_options *options = &zone->options;

    zone->limits = (struct domi__session_limits){
        .frame_limit = options->frame_limit,
        .send_limit = options->send_limit,
        .send_policy = DOMI_SEND_CLOSE,
        .handshake_ms = options->handshake_ms,
        .silence_ms = options->silence_ms,
    };
    zone->stranger_limits = zone->limits;
    if (options->cluster_key) {
        zone->stranger_limits.frame_limit = DOMI__STRANGER_FRAME;
    }
}

/* NULL stays NULL. False when memory is short. */
static bool copy(const char **string)
{
    const char *given = *string;

    *string = given ? strdup(given) : NULL;
    return !given || *string;
}

/* Copies all of them even when one fails, so that fini frees only copies. */
static bool copy_strings(struct domi_zone_options *options)
{
    bool copied;

    options->name = options->name ? options->name : "zone";
    options->host = options->host ? options->host : "127.0.0.1";
    copied = copy(&options->name);
    copied &= copy(&options->host);
    copied &= copy(&options->advertise);
    copied &= copy(&options->admin_token);
    copied &= copy(&options->cluster_key);
    copied &= copy(&options->cluster_key_old);
    return copied;
}

int domi__zone_options_init(struct domi_zone *zone,
                            const struct domi_zone_options *given)
{
    static const struct domi_zone_options none;
    struct domi_zone_options *options = &zone->options;

    *options = given ? *given : none;
    if (!copy_strings(options)) {
        return UV_ENOMEM;
    }
    zone->membership.self.id = options->id ? *options->id : -1;
    options->version = options->version != 0 ? options->version : 1;
    options->workers = or_default(options->workers, default_workers());
    if (options->no_workers) {
        options->workers = 1;
    }
    set_sizes(options);
    if (options->send_limit == 0) {
        options->send_limit = 16 * MIB;
    }
    options->handshake_ms = or_default(options->handshake_ms, 5000);
    options->silence_ms = or_default(options->silence_ms, 10000);
    options->handler_limit_ms = or_default(options->handler_limit_ms, 100);
    options->groups = or_default(options->groups, 100000);
    set_limits(zone);
    return 0;
}

void domi__zone_options_fini(struct domi_zone *zone)
{
    free((char *)zone->options.name);
    free((char *)zone->options.host);
    free((char *)zone->options.advertise);
    free((char *)zone->options.admin_token);
    free((char *)zone->options.cluster_key);
    free((char *)zone->options.cluster_key_old);
}

struct domi__cluster_keys domi__zone_keys(const struct domi_zone *zone)
{
    return (struct domi__cluster_keys){
        .key = zone->options.cluster_key,
        .old = zone->options.cluster_key_old,
    };
}

static int refuse(struct domi_zone *zone, const char *name, size_t value,
                  const char *allowed)
{
    domi__log(&zone->log, DOMI_LOG_ERROR, "option %s is %zu: must be %s", name,
              value, allowed);
    return DOMI_E_OPTION;
}

static int check_sizes(struct domi_zone *zone)
{
    const struct domi_zone_options *options = &zone->options;
    size_t ring = options->ring_size;

    if (ring < LEAST_RING || ring > MOST_RING || (ring & (ring - 1)) != 0) {
        return refuse(zone, "ring_size", ring,
                      "a power of two from 4096 to 2^30");
    }
    if (options->frame_limit < LEAST_FRAME) {
        return refuse(zone, "frame_limit", options->frame_limit,
                      "1024 or more");
    }
    if (ring / 2 < (size_t)options->frame_limit + RING_SPARE / 2) {
        return refuse(zone, "ring_size", ring,
                      "at least twice the frame limit and 16 bytes");
    }
    if (options->send_limit < options->frame_limit) {
        return refuse(zone, "send_limit", options->send_limit,
                      "at least the frame limit");
    }
    return 0;
}

int domi__zone_options_check(struct domi_zone *zone)
{
    const struct domi_zone_options *options = &zone->options;
    const struct domi__cluster_keys keys = domi__zone_keys(zone);
    int err = domi__node_check(
        &zone->log, options->host, options->tcp_port, options->http_port,
        options->id ? &zone->membership.self.id : NULL, options->version);

    if (err) {
        return err;
    }
    if (options->name[0] == '\0') {
        domi__log(&zone->log, DOMI_LOG_ERROR,
                  "option name is empty: must be the service's name");
        return DOMI_E_OPTION;
    }
    if (options->workers > MOST_WORKERS) {
        return refuse(zone, "workers", options->workers, "1024 or fewer");
    }
    err = domi__tls_check(zone->tls, "link_tls");
    if (err) {
        return err;
    }
    err = domi__node_check_token(&zone->log, options->admin_token);
    if (!err) {
        err = domi__cluster_keys_check(&zone->log, &keys);
    }
    if (err) {
        return err;
    }
    err = domi__node_advertise(&zone->log, options->host, options->advertise,
                               zone->advertised, sizeof(zone->advertised));
    return err ? err : check_sizes(zone);
}
