/* SPDX-License-Identifier: MIT */
/* The check of the options that zones and gateways have in common. */
#include "cluster/cluster.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include <uv.h>

#include "base/ids.h"
#include "domi/err.h"
#include "http/http.h"

static bool is_address(const char *host)
{
    unsigned char bytes[sizeof(struct in6_addr)];

    return inet_pton(AF_INET, host, bytes) == 1 ||
           inet_pton(AF_INET6, host, bytes) == 1;
}

bool domi__node_is_loopback(const char *host)
{
    struct sockaddr_storage address;

    return (uv_ip4_addr(host, 0, (struct sockaddr_in *)&address) == 0 ||
            uv_ip6_addr(host, 0, (struct sockaddr_in6 *)&address) == 0) &&
           domi__address_is_loopback((struct sockaddr *)&address);
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

int domi__node_check_token(struct domi__log *log, const char *token)
{
    size_t size = 0;

    if (!token) {
        return 0;
    }
    while (token[size] > ' ' && token[size] <= '~') {
        size++;
    }
    if (size == 0 || size > DOMI__TOKEN_MAX || token[size] != '\0') {
        /* The value is a secret. */
        domi__log(log, DOMI_LOG_ERROR,
                  "option admin_token must be 1 to %u characters from ! to ~",
                  DOMI__TOKEN_MAX);
        return DOMI_E_OPTION;
    }
    return 0;
}

int domi__node_check_origins(struct domi__log *log, const char *const *origins)
{
    for (; origins && *origins; origins++) {
        if (!domi__http_is_origin(*origins)) {
            domi__log(log, DOMI_LOG_ERROR,
                      "option origins: \"%s\" must be as https://example.com,"
                      " without a path", *origins);
            return DOMI_E_OPTION;
        }
    }
    return 0;
}

int domi__node_advertise(struct domi__log *log, const char *host,
                         const char *advertise, char *out, size_t size)
{
    char escaped[128];
    int err = domi__advertise(host, advertise, out, size);

    if (err == DOMI_E_OPTION) {
        domi__log(log, DOMI_LOG_ERROR,
                  "option advertise is \"%s\": must be the IP address of one "
                  "machine",
                  domi__log_escape(escaped, sizeof(escaped), advertise,
                                   strlen(advertise)));
    } else if (err) {
        domi__log(log, DOMI_LOG_ERROR,
                  "option advertise is missing: this machine's address cannot "
                  "be found out: %s",
                  domi_strerror(err));
    }
    return err;
}
