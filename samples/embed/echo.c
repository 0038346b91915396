/* SPDX-License-Identifier: MIT */
/* An echo server on libuv alone, and one round trip to it. */
#include "embed/echo.h"

#include <stdlib.h>
#include <string.h>

#define WORD "once more"

/* ---- the server ---------------------------------------------------------- */

/* A connection: what it reads is written back before it reads on. */
struct peer {
    uv_tcp_t tcp;
    uv_write_t write;
    char bytes[1024];
};

static void on_peer_read(uv_stream_t *stream, ssize_t size,
                         const uv_buf_t *buffer);

static void on_peer_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static void close_peer(struct peer *peer)
{
    if (!uv_is_closing((uv_handle_t *)&peer->tcp)) {
        uv_close((uv_handle_t *)&peer->tcp, on_peer_closed);
    }
}

static void on_peer_alloc(uv_handle_t *handle, size_t suggested,
                          uv_buf_t *buffer)
{
    struct peer *peer = handle->data;

    (void)suggested;
    *buffer = uv_buf_init(peer->bytes, sizeof(peer->bytes));
}

static void on_peer_written(uv_write_t *write, int status)
{
    struct peer *peer = write->handle->data;

    if (status != 0 ||
        uv_read_start(write->handle, on_peer_alloc, on_peer_read) != 0) {
        close_peer(peer);
    }
}

static void on_peer_read(uv_stream_t *stream, ssize_t size,
                         const uv_buf_t *buffer)
{
    struct peer *peer = stream->data;
    uv_buf_t back;

    (void)buffer;
    if (size == 0) {
        return;
    }
    uv_read_stop(stream);
    back = uv_buf_init(peer->bytes, size > 0 ? (unsigned)size : 0);
    if (size < 0 ||
        uv_write(&peer->write, stream, &back, 1, on_peer_written) != 0) {
        close_peer(peer);
    }
}

static void on_connection(uv_stream_t *server, int status)
{
    struct peer *peer = status == 0 ? malloc(sizeof(*peer)) : NULL;

    if (!peer) {
        return;
    }
    uv_tcp_init(server->loop, &peer->tcp);
    peer->tcp.data = peer;
    if (uv_accept(server, (uv_stream_t *)&peer->tcp) != 0 ||
        uv_read_start((uv_stream_t *)&peer->tcp, on_peer_alloc,
                      on_peer_read) != 0) {
        close_peer(peer);
    }
}

int echo_open(struct echo *echo, uv_loop_t *loop)
{
    int size = sizeof(echo->address);
    int err;

    uv_ip4_addr("127.0.0.1", 0, &echo->address);
    uv_tcp_init(loop, &echo->server);
    err = uv_tcp_bind(&echo->server, (struct sockaddr *)&echo->address, 0);
    if (!err) {
        err = uv_listen((uv_stream_t *)&echo->server, 16, on_connection);
    }
    if (!err) {
        err = uv_tcp_getsockname(&echo->server,
                                 (struct sockaddr *)&echo->address, &size);
    }
    return err;
}

void echo_close(struct echo *echo)
{
    uv_close((uv_handle_t *)&echo->server, NULL);
}

/* ---- the check ----------------------------------------------------------- */

static void on_check_closed(uv_handle_t *handle)
{
    struct echo_check *check = handle->data;

    check->on_done(check, check->right);
}

static void finish(struct echo_check *check, bool right)
{
    if (!uv_is_closing((uv_handle_t *)&check->tcp)) {
        check->right = right;
        uv_close((uv_handle_t *)&check->tcp, on_check_closed);
    }
}

static void on_check_alloc(uv_handle_t *handle, size_t suggested,
                           uv_buf_t *buffer)
{
    struct echo_check *check = handle->data;

    (void)suggested;
    *buffer = uv_buf_init(check->bytes + check->size,
                          (unsigned)(sizeof(check->bytes) - check->size));
}

static void on_check_read(uv_stream_t *stream, ssize_t size,
                          const uv_buf_t *buffer)
{
    struct echo_check *check = stream->data;

    (void)buffer;
    if (size < 0) {
        finish(check, false);
        return;
    }
    check->size += (size_t)size;
    if (check->size >= strlen(WORD)) {
        finish(check, memcmp(check->bytes, WORD, strlen(WORD)) == 0);
    }
}

static void on_check_written(uv_write_t *write, int status)
{
    if (status != 0) {
        finish(write->handle->data, false);
    }
}

static void on_connected(uv_connect_t *connect, int status)
{
    struct echo_check *check = connect->handle->data;
    uv_buf_t word = uv_buf_init((char *)WORD, strlen(WORD));

    if (status != 0 ||
        uv_write(&check->write, connect->handle, &word, 1,
                 on_check_written) != 0 ||
        uv_read_start(connect->handle, on_check_alloc, on_check_read) != 0) {
        finish(check, false);
    }
}

void echo_check(struct echo_check *check, const struct echo *echo,
                void (*on_done)(struct echo_check *check, bool right))
{
    *check = (struct echo_check){.on_done = on_done};
    uv_tcp_init(echo->server.loop, &check->tcp);
    check->tcp.data = check;
    if (uv_tcp_connect(&check->connect, &check->tcp,
                       (const struct sockaddr *)&echo->address,
                       on_connected) != 0) {
        finish(check, false);
    }
}
