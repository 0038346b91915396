/* SPDX-License-Identifier: MIT */
/* The other end of a client, byte by byte: what no gateway of domi does, a
   test can do with this. */
#ifndef TEST_CLIENT_GATEWAY_H
#define TEST_CLIENT_GATEWAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

/* Listens on a free port, and keeps the last connection. */
struct gateway {
    uv_tcp_t server;
    uv_tcp_t peer;
    int port;
    bool listens;
    bool connected;       /* there is a peer */
    bool ended;           /* the peer has closed, or was closed */
    int connections;      /* since the start */
    bool is_mute;         /* leaves new connections without the id */
    bool is_closed;       /* the handle of the peer is closed */
    uint8_t bytes[65536]; /* what the peer sent */
    size_t size;
};

/* The id that the peer is given. */
#define GATEWAY_ID UINT64_C(0x0123456789abcdef)

void gateway_open(struct gateway *gateway, uv_loop_t *loop, int port);

/* Closes the listener and the peer. */
void gateway_close(struct gateway *gateway);

/* Closes the connection to the peer. */
void gateway_drop(struct gateway *gateway);

void gateway_send(struct gateway *gateway, const void *bytes, size_t size);

/* Sends a whole frame without an extend. */
void gateway_send_frame(struct gateway *gateway, uint16_t type,
                        const void *data, uint32_t size);

#endif
