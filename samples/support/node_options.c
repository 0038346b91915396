/* SPDX-License-Identifier: MIT */
/* The table of all options that a node may have, and the registry that they
   ask for. */
#include "support/node_options.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/options.h"
#include "support/report.h"
#include "support/secret.h"

/* ---- values -------------------------------------------------------------- */

static const char *take_zone(const struct option_row *row, const char *value)
{
    const char *must = "NAME=ADDRESS:PORT, with an IP address, each zone once";
    struct node_options *o = row->target;
    const char *equals = strchr(value, '=');
    char host[64];
    char *name;
    int port;
    int err;

    if (!equals ||
        options_split_address(equals + 1, host, sizeof(host), &port) != 0) {
        return must;
    }
    name = strndup(value, (size_t)(equals - value));
    if (!name) {
        return domi_strerror(-ENOMEM);
    }
    err = domi_registry_static_add(o->registry, name, host, port);
    free(name);
    o->listed++;
    return err ? must : NULL;
}

/* Zones look for nobody, but they must not ask Consul where their gateways do
   not. */
static const char *take_zone_idle(const struct option_row *row,
                                  const char *value)
{
    const char *must = take_zone(row, value);

    if (!must) {
        option_idle(row, value);
    }
    return must;
}

static const char *take_lost_id(const struct option_row *row,
                                const char *value)
{
    enum domi_id_policy *policy = row->target;

    if (strcmp(value, "replace") == 0) {
        *policy = DOMI_ID_REPLACE;
    } else if (strcmp(value, "stop") == 0) {
        *policy = DOMI_ID_STOP;
    } else {
        return "replace or stop";
    }
    return NULL;
}

static const char *take_yes_no(const struct option_row *row, const char *value)
{
    int *answer = row->target;

    if (strcmp(value, "yes") != 0 && strcmp(value, "no") != 0) {
        return "yes or no";
    }
    *answer = value[0] == 'y';
    return NULL;
}

static const char *take_secret_file(const struct option_row *row,
                                    const char *value)
{
    char **secret = row->target;

    free(*secret);
    *secret = secret_read(value);
    return *secret ? NULL : "a file that can be read, with one line of text";
}

/* Where users are sent to: a host's name or address, for their clients. */
static const char *take_come_back(const struct option_row *row,
                                  const char *value)
{
    char host[192];
    int port;

    if (options_split_address(value, host, sizeof(host), &port) != 0) {
        return "HOST:PORT, of less than 200 bytes";
    }
    return option_text(row, value);
}

static const char *take_origin(const struct option_row *row,
                               const char *value)
{
    const char **origins = row->target;

    for (int i = 0; i < NODE_ORIGINS_MAX; i++) {
        if (!origins[i]) {
            origins[i] = value;
            return strstr(value, "://") ? NULL : "as https://example.com";
        }
    }
    return "given 16 times at most";
}

/* ---- the table ----------------------------------------------------------- */

/* An option, and all that a program must be made of for it to mean something.
   Where a name is there twice, the first that means something counts. */
struct node_row {
    unsigned parts;
    const char *name;
    const char *argument;
    const char *help;
    option_take_fn take;
    size_t target; /* in struct node_options */
};

#define AT(field) offsetof(struct node_options, field)
#define WHOLE 0 /* what it is for needs several fields */

static const struct node_row table[] = {
    {0, "host", "ADDRESS", "to listen on; 127.0.0.1", option_text, AT(host)},
    {NODE_GATEWAY, "tcp-port", "N", "for users; 8888; 0: a free one",
     option_port, AT(tcp_port)},
    {NODE_ZONE, "tcp-port", "N", "for gateways; 9999; 0: a free one",
     option_port, AT(tcp_port)},
    {NODE_GATEWAY, "http-port", "N", "for pages and /ws; 8080; 0: a free one",
     option_port, AT(http_port)},
    {NODE_ZONE, "http-port", "N", "for health checks; 8090; 0: a free one",
     option_port, AT(http_port)},
    {NODE_GATEWAY, "web", "DIR",
     "of the page's files, such as samples/chat/web; none", option_text,
     AT(web_root)},
    {NODE_GATEWAY, "origin", "URL",
     "whose pages may connect; once for each; the own", take_origin,
     AT(origins)},
    {NODE_GATEWAY, "name", "NAME", "of the service; gate", option_text,
     AT(name)},
    {NODE_ZONE, "name", "NAME", "of the service; room", option_text, AT(name)},
    {0, "version", "N", "of the service; 1", option_positive, AT(version)},
    {NODE_REMOTE, "id", "N",
     "of the node; given by Consul, or made of its address", option_id,
     AT(id)},
    {0, "id", "N", "of the node; 0", option_id, AT(id)},
    {NODE_ZONE, "workers", "N",
     "threads; cores less one; 0: the loop runs handlers", option_workers,
     AT(workers)},

    {NODE_GATEWAY | NODE_REMOTE, "zone", "NAME=HOST:PORT",
     "a chat-room, once for each; none", take_zone, WHOLE},
    {NODE_REMOTE, "zone", "NAME=HOST:PORT",
     "for gateways, here it keeps from asking Consul; none",
     take_zone_idle, WHOLE},
    {NODE_REMOTE, "consul", "URL",
     "of its agent; CONSUL_HTTP_ADDR, without --zone", option_text,
     AT(consul.url)},
    {NODE_REMOTE, "advertise", "ADDRESS",
     "told to others; --host, or the machine's first", option_text,
     AT(advertise)},
    {NODE_REMOTE, "check-interval", "SECONDS",
     "between Consul's health checks; 1", option_seconds, AT(consul.check_ms)},
    {NODE_REMOTE, "damp", "SECONDS",
     "until a service is believed to have vanished; 5",
     option_seconds, AT(consul.damp_ms)},
    {NODE_REMOTE, "settle", "SECONDS",
     "from ill to well enough for new groups; 3", option_seconds,
     AT(consul.settle_ms)},
    {NODE_REMOTE, "claim-ttl", "SECONDS",
     "of the claim on the node id; 10", option_positive,
     AT(consul.session_s)},
    {NODE_REMOTE, "id-prefix", "TEXT",
     "of Consul's keys for node ids; domi/nodes/", option_text,
     AT(consul.prefix)},
    {NODE_REMOTE, "lost-id", "replace|stop",
     "if another node takes the id; replace", take_lost_id,
     AT(consul.id_policy)},

    {0, "admin-token", "TOKEN",
     "for exit from elsewhere; DOMI_ADMIN_TOKEN", option_text,
     AT(admin_token)},
    {NODE_REMOTE, "cluster-key-file", "FILE",
     "what nodes prove themselves with; DOMI_CLUSTER_KEY", take_secret_file,
     AT(cluster_key)},
    {NODE_REMOTE, "cluster-key-old-file", "FILE",
     "another one, as good; DOMI_CLUSTER_KEY_OLD", take_secret_file,
     AT(cluster_key_old)},
    {0, "drain-rate", "N",
     "users a second sent away in a drain; 0: none",
     option_count, AT(drain_rate)},
    {NODE_GATEWAY, "come-back", "HOST:PORT",
     "where they are sent; where they came from", take_come_back,
     AT(come_back)},
    {NODE_GATEWAY | NODE_REMOTE, "full-percent", "N",
     "of memory: rooms above it get no new groups; 90", option_percent,
     AT(full_percent)},

    {NODE_GATEWAY, "sessions", "N", "at most; 0: as descriptors allow",
     option_count, AT(sessions)},
    {NODE_GATEWAY, "sessions-per-address", "N", "at most; 500",
     option_positive, AT(sessions_per_address)},
    {NODE_GATEWAY, "handshakes-per-address", "N",
     "connections that say nothing; 100", option_positive,
     AT(handshakes_per_address)},
    {NODE_GATEWAY, "limit-loopback", "yes|no",
     "whether addresses of this machine count; no", take_yes_no,
     AT(limit_loopback)},
    {NODE_GATEWAY, "frame-rate", "N",
     "frames a user may send a second, say 20; any", option_count,
     AT(frame_rate)},
    {NODE_GATEWAY, "byte-rate", "N",
     "bytes a user may send a second, say 32768; any", option_count,
     AT(byte_rate)},
    {NODE_GATEWAY, "delivery-rate", "N",
     "messages that become of these, say 2000; any", option_count,
     AT(delivery_rate)},
    {NODE_GATEWAY, "join-rate", "N",
     "rooms a user may ask for a second, say 5; any", option_count,
     AT(join_rate)},
    {NODE_ZONE, "groups", "N", "rooms at most; 100000", option_positive,
     AT(groups)},
};

enum { ROWS = sizeof(table) / sizeof(table[0]) };

static bool is_among(const struct option_row *rows, const char *name)
{
    for (; rows->name; rows++) {
        if (strcmp(rows->name, name) == 0) {
            return true;
        }
    }
    return false;
}

/* The rows that mean something to this program, then the others; zeros end
   them. */
static void sort_out(struct node_options *o, struct option_row *rows)
{
    size_t count = 0;

    for (size_t i = 0; i < ROWS; i++) {
        const struct node_row *row = &table[i];

        if ((row->parts & ~o->parts) == 0 && !is_among(rows, row->name)) {
            rows[count++] =
                (struct option_row){row->name, row->argument, row->help,
                                    row->take, (char *)o + row->target};
        }
    }
    for (size_t i = 0; i < ROWS; i++) {
        if (!is_among(rows, table[i].name)) {
            rows[count++] = (struct option_row){.name = table[i].name,
                                                .take = option_idle};
        }
    }
}

/* ---- the registry -------------------------------------------------------- */

static const char *environment(const char *name)
{
    const char *value = getenv(name);

    return value && *value ? value : NULL;
}

int node_options_asks_consul(const struct node_options *o)
{
    return (o->parts & NODE_REMOTE) != 0 &&
           (o->consul.url ||
            (o->listed == 0 && environment("CONSUL_HTTP_ADDR")));
}

static struct domi_registry *new_registry(struct node_options *o)
{
    return o->parts & NODE_REMOTE ? domi_registry_static_new()
                                  : domi_registry_local_new();
}

/* The list was there for --zone to write to; Consul takes its place. */
static void choose_registry(struct node_options *o)
{
    if (node_options_asks_consul(o)) {
        domi_registry_free(o->registry);
        o->consul.log = report_log;
        o->registry = domi_registry_consul_new(&o->consul);
    }
}

static void give_up_without(const struct domi_registry *registry)
{
    if (!registry) {
        fprintf(stderr, "%s\n", domi_strerror(-ENOMEM));
        exit(1);
    }
}

/* ---- in the order of a life ---------------------------------------------- */

void node_options_read(struct node_options *o, int argc, char **argv)
{
    struct option_row rows[ROWS + 1] = {{0}};
    const struct options options = {
        .usage = o->usage,
        .about = o->about,
        .rows = rows,
    };

    o->registry = new_registry(o);
    give_up_without(o->registry);
    sort_out(o, rows);
    options_read(&options, argc, argv);
    if (o->consul.url && o->listed > 0) {
        options_refuse(argv[0], "--consul", o->consul.url,
                       "left out beside --zone: either Consul or the list"
                       " says where the rooms are");
    }
    if (!o->admin_token) {
        o->admin_token = environment("DOMI_ADMIN_TOKEN");
    }
    choose_registry(o);
    give_up_without(o->registry);
}

void node_options_fini(struct node_options *o)
{
    domi_registry_free(o->registry);
    free(o->cluster_key);
    free(o->cluster_key_old);
    o->registry = NULL;
    o->cluster_key = NULL;
    o->cluster_key_old = NULL;
}

/* Nodes of one process prove nothing to each other. */
static const char *key_of(const struct node_options *o, const char *from_file,
                          const char *variable)
{
    if (!(o->parts & NODE_REMOTE)) {
        return NULL;
    }
    return from_file ? from_file : environment(variable);
}

struct domi_gateway_options node_options_gateway(const struct node_options *o)
{
    return (struct domi_gateway_options){
        .name = o->name,
        .host = o->host,
        .tcp_port = o->tcp_port,
        .http_port = o->http_port,
        .web_root = o->web_root,
        .origins = o->origins[0] ? o->origins : NULL,
        .version = o->version,
        .id = o->id >= 0 ? &o->id : NULL,
        .registry = o->registry,
        .advertise = o->advertise,
        .admin_token = o->admin_token,
        .cluster_key = key_of(o, o->cluster_key, "DOMI_CLUSTER_KEY"),
        .cluster_key_old =
            key_of(o, o->cluster_key_old, "DOMI_CLUSTER_KEY_OLD"),
        .drain_rate = (unsigned)o->drain_rate,
        .come_back = o->come_back,
        .full_percent = (unsigned)o->full_percent,
        .sessions = (unsigned)o->sessions,
        .sessions_per_address = (unsigned)o->sessions_per_address,
        .handshakes_per_address = (unsigned)o->handshakes_per_address,
        .limit_loopback = o->limit_loopback,
        .frame_rate = (unsigned)o->frame_rate,
        .byte_rate = (unsigned)o->byte_rate,
        .delivery_rate = (unsigned)o->delivery_rate,
        .join_rate = (unsigned)o->join_rate,
        .log = report_log,
    };
}

struct domi_zone_options node_options_zone(const struct node_options *o)
{
    return (struct domi_zone_options){
        .name = o->name,
        .host = o->host,
        .tcp_port = o->tcp_port,
        .http_port = o->http_port,
        .version = o->version,
        .id = o->id >= 0 ? &o->id : NULL,
        .registry = o->registry,
        .no_workers = o->workers == 0,
        .workers = o->workers > 0 ? (unsigned)o->workers : 0,
        .advertise = o->advertise,
        .admin_token = o->admin_token,
        .cluster_key = key_of(o, o->cluster_key, "DOMI_CLUSTER_KEY"),
        .cluster_key_old =
            key_of(o, o->cluster_key_old, "DOMI_CLUSTER_KEY_OLD"),
        .drain_rate = (unsigned)o->drain_rate,
        .groups = (unsigned)o->groups,
        .log = report_log,
    };
}
