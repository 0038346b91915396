/* SPDX-License-Identifier: MIT */
/* The command line that all programs with nodes in them have in common. */
#ifndef SUPPORT_NODE_OPTIONS_H
#define SUPPORT_NODE_OPTIONS_H

#include "domi/domi.h"

/* What a program is made of. An option that is about something else is taken
   all the same, with a line that says so: one script may start all programs
   with the same options. */
enum node_part {
    NODE_GATEWAY = 1,
    NODE_ZONE = 2,
    NODE_REMOTE = 4, /* the other nodes are in other processes */
};

#define NODE_ORIGINS_MAX 16

/* What the operator wants. The program sets the first lines, and its own
   defaults; the rest is zeroed before the command line is read. */
struct node_options {
    unsigned parts;
    const char *usage;
    const char *about;

    const char *host;
    const char *name;
    int tcp_port;
    int http_port;

    int version;
    int id;      /* -1: the registry gives one */
    int workers; /* -1: as many as suit the machine */
    const char *web_root;
    const char *origins[NODE_ORIGINS_MAX + 1]; /* NULL behind the last */
    const char *advertise;
    const char *admin_token;
    char *cluster_key; /* from a file, or NULL; freed by node_options_fini */
    char *cluster_key_old;
    int drain_rate;
    const char *come_back;
    int full_percent;

    int sessions;
    int sessions_per_address;
    int handshakes_per_address;
    int limit_loopback;
    int frame_rate;
    int byte_rate;
    int delivery_rate;
    int join_rate;
    int groups;

    struct domi_consul_options consul;
    int listed; /* zones in the list */
    struct domi_registry *registry;
};

/* Reads the command line and the environment, and makes the registry that they
   ask for. Ends the program as options_read does, and with status 1 when
   memory is short. */
void node_options_read(struct node_options *options, int argc, char **argv);

/* Frees the registry and the keys, after the nodes have been closed. */
void node_options_fini(struct node_options *options);

/* Whether nodes find each other through Consul. */
int node_options_asks_consul(const struct node_options *options);

/* As they are given to domi; strings and the registry are borrowed. */
struct domi_gateway_options
node_options_gateway(const struct node_options *options);
struct domi_zone_options node_options_zone(const struct node_options *options);

#endif
