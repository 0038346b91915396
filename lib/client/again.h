/* SPDX-License-Identifier: MIT */
/* When and where a client connects again. Pure functions. */
#ifndef DOMI_CLIENT_AGAIN_H
#define DOMI_CLIENT_AGAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "domi/frame.h"

/* An IP address and a port; an empty host is no address. */
struct domi__address {
    char host[46]; /* INET6_ADDRSTRLEN */
    int port;
};

/* What a notice asks of the client's next try. */
struct domi__come_back {
    bool asked;
    uint32_t wait_ms;
    struct domi__address address; /* may be none: the same as before */
};

/*
 * The wait before a try after `failures` in a row: `base_ms`, doubled for
 * each failure up to 30 times as much, then from one half of that to all of
 * it, as `random` says.
 */
uint64_t domi__backoff_ms(unsigned base_ms, unsigned failures, uint32_t random);

/* Takes an IP address and a port of 1 to 65535. */
bool domi__address_set(struct domi__address *address, const char *host,
                       int port);

/*
 * Reads a notice. False when it is no COME_BACK. A text that is not an
 * "ADDRESS:PORT" or "[ADDRESS]:PORT" counts as none.
 */
bool domi__come_back_read(struct domi__come_back *again,
                          const struct domi_frame *frame);

#endif
