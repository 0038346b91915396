/* SPDX-License-Identifier: MIT */
/* A node towards the operator: its HTTP answers, the check of its options. */
#include "cluster/cluster.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "base/ids.h"
#include "domi/err.h"

/* The path behind "/<id>/", or NULL when it does not begin so. */
static const char *own_path(const struct domi__node *node, const char *path)
{
    char prefix[16];
    size_t size = (size_t)snprintf(prefix, sizeof(prefix), "/%d/", node->id);

    if (node->id < 0 || strncmp(path, prefix, size) != 0) {
        return NULL;
    }
    return path + size;
}

int domi__node_answer(const struct domi__node *node, unsigned weight,
                      const char *path, char *body, size_t size)
{
    const char *name = own_path(node, path);

    if (!name) {
        return 0;
    }
    if (strcmp(name, "health") == 0) {
        snprintf(body, size, "consul healthy check!\n");
    } else if (strcmp(name, "ping") == 0) {
        snprintf(body, size, "pong\n");
    } else if (strcmp(name, "version") == 0) {
        snprintf(body, size, "%d\n", node->version);
    } else if (strcmp(name, "weight") == 0) {
        snprintf(body, size, "%u\n", weight);
    } else {
        return 0;
    }
    return 200;
}

static bool is_address(const char *host)
{
    unsigned char bytes[sizeof(struct in6_addr)];

    return inet_pton(AF_INET, host, bytes) == 1 ||
           inet_pton(AF_INET6, host, bytes) == 1;
}

static bool is_port(int port)
{
    return port >= DOMI_PORT_ANY && port <= 65535;
}

static int refuse(struct domi__log *log, const char *name, int value,
                  const char *allowed)
{
    domi__log(log, DOMI_LOG_ERROR, "option %s is %d: must be %s", name, value,
              allowed);
    return DOMI_E_OPTION;
}

int domi__node_check(struct domi__log *log, const char *host, int tcp_port,
                     int http_port, const int *id, int version)
{
    const char *ports = "1 to 65535, or 0 for none, or DOMI_PORT_ANY";
    char escaped[128];

    if (!host || !is_address(host)) {
        host = host ? host : "";
        domi__log(
            log, DOMI_LOG_ERROR, "option host is \"%s\": must be an IP address",
            domi__log_escape(escaped, sizeof(escaped), host, strlen(host)));
        return DOMI_E_OPTION;
    }
    if (!is_port(tcp_port)) {
        return refuse(log, "tcp_port", tcp_port, ports);
    }
    if (!is_port(http_port)) {
        return refuse(log, "http_port", http_port, ports);
    }
    if (id && (*id < 0 || *id > DOMI__NODE_ID_MAX)) {
        return refuse(log, "id", *id, "0 to 1022");
    }
    if (version < 0) {
        return refuse(log, "version", version, "0 or more");
    }
    return 0;
}
