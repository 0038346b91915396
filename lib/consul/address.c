/* SPDX-License-Identifier: MIT */
/* The address of an agent as people write it. */
#include "consul/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/un.h>

bool domi__consul_is_host(const char *text)
{
    static const char allowed[] = "0123456789abcdefghijklmnopqrstuvwxyz"
                                  "ABCDEFGHIJKLMNOPQRSTUVWXYZ-_.";
    size_t size = strlen(text);

    return size > 0 && size < DOMI__CONSUL_HOST_SIZE &&
           strspn(text, allowed) == size;
}

static bool read_port(const char *text, int *port)
{
    int number = 0;

    for (; *text >= '0' && *text <= '9' && number <= 65535; text++) {
        number = number * 10 + (*text - '0');
    }
    *port = number;
    return *text == '\0' && number >= 1 && number <= 65535;
}

/* "[::1]" with its brackets, and what follows it. */
static const char *read_bracketed(struct domi__consul_address *address,
                                  const char *text)
{
    const char *end = strchr(text, ']');
    size_t size = end ? (size_t)(end - text) + 1 : 0;
    char inner[INET6_ADDRSTRLEN];
    struct in6_addr bytes;

    if (size < 3 || size - 2 >= sizeof(inner)) {
        return NULL;
    }
    memcpy(inner, text + 1, size - 2);
    inner[size - 2] = '\0';
    if (inet_pton(AF_INET6, inner, &bytes) != 1) {
        return NULL;
    }
    memcpy(address->host, text, size);
    address->host[size] = '\0';
    return end + 1;
}

static const char *read_host(struct domi__consul_address *address,
                             const char *text)
{
    size_t size = strcspn(text, ":");

    if (text[0] == '[') {
        return read_bracketed(address, text);
    }
    if (size >= sizeof(address->host)) {
        return NULL;
    }
    memcpy(address->host, text, size);
    address->host[size] = '\0';
    if (size == 0 && text[0] == ':') {
        strcpy(address->host, "127.0.0.1");
    }
    return domi__consul_is_host(address->host) ? text + size : NULL;
}

static bool read_unix(struct domi__consul_address *address, const char *path)
{
    size_t size = strlen(path);

    address->is_unix = true;
    if (path[0] != '/' || size >= sizeof(((struct sockaddr_un *)0)->sun_path)) {
        return false;
    }
    memcpy(address->host, path, size + 1);
    return true;
}

/* Without its last slash, which many write. */
static bool without_slash(char *out, size_t out_size, const char *text)
{
    size_t size = strlen(text);

    if (size > 0 && text[size - 1] == '/') {
        size--;
    }
    if (size >= out_size) {
        return false;
    }
    memcpy(out, text, size);
    out[size] = '\0';
    return true;
}

static const char *skip(const char *text, const char *scheme)
{
    size_t size = strlen(scheme);

    return strncasecmp(text, scheme, size) == 0 ? text + size : NULL;
}

bool domi__consul_address_read(struct domi__consul_address *address,
                               const char *text)
{
    char bare[DOMI__CONSUL_HOST_SIZE + 8];
    const char *rest;

    memset(address, 0, sizeof(*address));
    rest = skip(text, "unix://");
    if (rest) {
        return read_unix(address, rest);
    }
    rest = skip(text, "https://");
    address->is_tls = rest != NULL;
    if (!rest) {
        rest = skip(text, "http://");
    }
    address->has_scheme = rest != NULL;
    if (!without_slash(bare, sizeof(bare), rest ? rest : text)) {
        return false;
    }
    rest = read_host(address, bare);
    if (!rest) {
        return false;
    }
    /* Without a port it is 80 or 443, as in any URL; see the url's maker. */
    return *rest == '\0' ||
           (*rest == ':' && read_port(rest + 1, &address->port));
}

char *domi__consul_address_url(const struct domi__consul_address *address)
{
    int port = address->port;
    char *url;

    if (port == 0) {
        port = address->is_tls ? 443 : 80;
    }
    if (asprintf(&url, "http%s://%s:%d", address->is_tls ? "s" : "",
                 address->host, port) < 0) {
        return NULL;
    }
    return url;
}

bool domi__consul_is_local(const char *url)
{
    const char *host = strstr(url, "://");

    host = host ? host + 3 : url;
    return strncmp(host, "127.", 4) == 0 || strncmp(host, "[::1]", 5) == 0 ||
           strncasecmp(host, "localhost:", 10) == 0;
}
