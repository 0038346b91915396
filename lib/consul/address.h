/* SPDX-License-Identifier: MIT */
/* The address of an agent as people write it; functions of their arguments. */
#ifndef DOMI_CONSUL_ADDRESS_H
#define DOMI_CONSUL_ADDRESS_H

#include <stdbool.h>

#define DOMI__CONSUL_HOST_SIZE 256

struct domi__consul_address {
    bool is_unix;
    bool is_tls;
    bool has_scheme;
    char host[DOMI__CONSUL_HOST_SIZE]; /* [::1] in brackets; or the socket's
                                          path */
    int port;
};

/* Reads "HOST:PORT", ":PORT", "HOST", "http://...", "https://...",
   "unix:///PATH". False for all else: other schemes, a path or a user behind
   an address, ports out of range. */
bool domi__consul_address_read(struct domi__consul_address *address,
                               const char *text);

/* "https://HOST:PORT"; the caller frees it. NULL when memory is short. */
char *domi__consul_address_url(const struct domi__consul_address *address);

/* Whether it may be a host's name or an IP address. */
bool domi__consul_is_host(const char *text);

/* Whether a URL, as made above, leads to this machine by its own name for
   itself. */
bool domi__consul_is_local(const char *url);

#endif
