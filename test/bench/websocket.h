/* SPDX-License-Identifier: MIT */
/* As much of WebSocket (RFC 6455) as the benchmark needs, for both of its
 * ends: the accept key, frame headers, the mask. Pure: no sockets. */
#ifndef BENCH_WEBSOCKET_H
#define BENCH_WEBSOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    WEBSOCKET_BINARY = 2,
    WEBSOCKET_PING = 9,
    WEBSOCKET_PONG = 10,
    WEBSOCKET_ACCEPT_SIZE = 28, /* An accept key, without an ending zero. */
    WEBSOCKET_HEADER_MAX = 14
};

struct websocket_header {
    uint64_t payload_size;
    uint8_t size; /* Of the header itself, mask included. */
    uint8_t opcode;
    bool final;
    bool masked;
    uint8_t mask[4];
};

/* Computes the Sec-WebSocket-Accept for a Sec-WebSocket-Key. */
void websocket_accept(const char *key, size_t size,
                      char accept[WEBSOCKET_ACCEPT_SIZE]);

/* Reads a header. Returns its size, or 0 when it isn't there whole. */
size_t websocket_take(const uint8_t *from, size_t size,
                      struct websocket_header *header);

/* Writes the header of a final frame, masked if `mask` isn't NULL. `to` has
 * room for WEBSOCKET_HEADER_MAX bytes. Returns the header's size. */
size_t websocket_put(uint8_t *to, uint8_t opcode, uint64_t payload_size,
                     const uint8_t mask[4]);

/* Masks, or unmasks, in place. */
void websocket_mask(uint8_t *data, size_t size, const uint8_t mask[4]);

#endif
