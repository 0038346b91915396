/* SPDX-License-Identifier: MIT */
/* The client end: a user's program, over TCP. */
#ifndef DOMI_CLIENT_H
#define DOMI_CLIENT_H

#include <stddef.h>
#include <stdint.h>

#include "domi/api.h"
#include "domi/frame.h"
#include "domi/reason.h"
#include "domi/target.h"
#include "domi/tls.h"

#ifdef __cplusplus
extern "C" {
#endif

struct uv_loop_s;
struct domi_client;

/*
 * A client connects again whenever its connection is lost, to where it was
 * told to. A gateway that sends its users away (DOMI_NOTICE_COME_BACK) says how
 * long to wait, and may say where to: text that is an IP address and a port is
 * followed, once. When the connection there is lost in turn, and the first
 * address does not answer any more, both are tried by turns.
 */

/* The handshake is whole; `id` is the session id that the gateway gave.
   Called again after each reconnect. [loop] */
typedef void (*domi_client_open_fn)(struct domi_client *client, uint64_t id,
                                    void *user);

/*
 * The connection is lost or could not be made. `status` is 0 when the gateway
 * closed it, else a negative code. `wait_ms` is the time until the next try,
 * or -1 when there will be none. [loop]
 */
typedef void (*domi_client_lost_fn)(struct domi_client *client, int status,
                                    int64_t wait_ms, void *user);

/* A frame from the gateway. [loop] */
typedef void (*domi_client_handler_fn)(struct domi_client *client,
                                       const struct domi_frame *frame,
                                       void *user);

/* The client has been closed; its memory is freed when this returns. */
typedef void (*domi_client_close_fn)(struct domi_client *client, void *user);

/* All fields may be 0 or NULL, which means the default. */
struct domi_client_options {
    uint32_t frame_limit;     /* bytes, from the gateway; 1 MiB */
    size_t send_limit;        /* bytes waiting to be sent; 1 MiB */
    unsigned connect_ms;      /* until the handshake is whole; 5,000 */
    unsigned heartbeat_ms;    /* between heartbeats; 5,000 */
    unsigned silence_ms;      /* without a byte from the gateway; 10,000 */
    unsigned reconnect_ms;    /* first wait before a new try, doubled each time
                                 up to 30 times as much, with jitter; 500 */
    int no_reconnect;         /* not 0: one connection and no more */
    const struct domi_tls_options *tls; /* how it talks to gateways, wherever
                                 they send it; copied; NULL: without TLS */
    domi_client_open_fn on_open;
    domi_client_lost_fn on_lost;
    void *user;               /* for these callbacks */
};

/* A client on the application's loop, which must outlive it. `options` may be
   NULL. NULL when memory is short. [loop] */
DOMI_API struct domi_client *domi_client_new(struct uv_loop_s *loop,
                                             const struct domi_client_options
                                                 *options);

/*
 * Begins to connect to `host`, an IP address. Later failures are told by
 * on_lost. DOMI_E_OPTION for a bad address or port, or a certificate without
 * its key; DOMI_E_TLS for a file that cannot be used; DOMI_E_STATE when called
 * before; UV_ENOMEM. [loop]
 */
DOMI_API int domi_client_connect(struct domi_client *client, const char *host,
                                 int port);

/*
 * Calls `handler` for frames of `type`: 50 and up, or DOMI_TYPE_NOTICE. NULL
 * takes it away. Frames without a handler are passed over.
 * DOMI_E_TYPE_RESERVED; DOMI_E_TYPE_TAKEN; UV_ENOMEM. [loop]
 */
DOMI_API int domi_client_handle(struct domi_client *client, uint16_t type,
                                domi_client_handler_fn handler, void *user);

/*
 * Sends a frame to the gateway, or to the group that `target` names, the bytes
 * of domi_target_put as the gateway's application sent them. A frame above the
 * gateway's frame limit, 64 KiB by default, makes it close the session, as
 * does any that it refuses. 0; DOMI_E_STATE while there is no connection;
 * DOMI_E_TYPE_RESERVED; DOMI_E_QUEUE_FULL; UV_ENOMEM. [loop]
 */
DOMI_API int domi_client_send(struct domi_client *client, uint16_t type,
                              const void *data, uint32_t size);
DOMI_API int domi_client_send_group(struct domi_client *client,
                                    const uint8_t target[DOMI_TARGET_SIZE],
                                    uint16_t type, const void *data,
                                    uint32_t size);

/* A pointer of the application's, NULL at first. [loop] */
DOMI_API void domi_client_set_data(struct domi_client *client, void *data);
DOMI_API void *domi_client_data(const struct domi_client *client);

/* Says exit to the gateway, closes, and calls `on_close`, which may be NULL,
   in a later turn of the loop. A second call has no effect. [loop] */
DOMI_API void domi_client_close(struct domi_client *client,
                                domi_client_close_fn on_close, void *user);

#ifdef __cplusplus
}
#endif

#endif
