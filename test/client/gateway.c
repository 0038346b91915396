/* SPDX-License-Identifier: MIT */
/* The other end of a client, on libuv alone. */
#include "gateway.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "domi/frame.h"

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    struct gateway *gateway = handle->data;

    (void)suggested;
    if (gateway->size == sizeof(gateway->bytes)) {
        gateway->size = 4; /* No test looks at so much. */
    }
    *buffer = uv_buf_init((char *)gateway->bytes + gateway->size,
                          (unsigned)(sizeof(gateway->bytes) - gateway->size));
}

static void on_read(uv_stream_t *stream, ssize_t size, const uv_buf_t *buffer)
{
    struct gateway *gateway = stream->data;
    bool was_new = gateway->size < 4;
    uint8_t id[8];

    (void)buffer;
    if (size < 0) {
        gateway_drop(gateway);
        return;
    }
    gateway->size += (size_t)size;
    if (was_new && gateway->size >= 4 && !gateway->is_mute) {
        assert_memory_equal(gateway->bytes, "\xfb\x08\x00\x00", 4);
        domi_put_u64(id, GATEWAY_ID);
        gateway_send(gateway, id, sizeof(id));
    }
}

static void on_connection(uv_stream_t *server, int status)
{
    struct gateway *gateway = server->data;

    assert_int_equal(status, 0);
    assert_false(gateway->connected && !gateway->is_closed);
    uv_tcp_init(server->loop, &gateway->peer);
    gateway->peer.data = gateway;
    assert_int_equal(uv_accept(server, (uv_stream_t *)&gateway->peer), 0);
    gateway->connected = true;
    gateway->ended = false;
    gateway->is_closed = false;
    gateway->connections++;
    gateway->size = 0;
    assert_int_equal(
        uv_read_start((uv_stream_t *)&gateway->peer, on_alloc, on_read), 0);
}

void gateway_open(struct gateway *gateway, uv_loop_t *loop, int port)
{
    struct sockaddr_in address;
    int size = sizeof(address);

    *gateway = (struct gateway){.listens = true};
    assert_int_equal(uv_ip4_addr("127.0.0.1", port, &address), 0);
    uv_tcp_init(loop, &gateway->server);
    gateway->server.data = gateway;
    assert_int_equal(
        uv_tcp_bind(&gateway->server, (struct sockaddr *)&address, 0), 0);
    assert_int_equal(
        uv_listen((uv_stream_t *)&gateway->server, 8, on_connection), 0);
    assert_int_equal(uv_tcp_getsockname(&gateway->server,
                                        (struct sockaddr *)&address, &size),
                     0);
    gateway->port = ntohs(address.sin_port);
}

static void on_peer_closed(uv_handle_t *handle)
{
    ((struct gateway *)handle->data)->is_closed = true;
}

void gateway_drop(struct gateway *gateway)
{
    if (gateway->connected && !gateway->ended) {
        gateway->ended = true;
        uv_close((uv_handle_t *)&gateway->peer, on_peer_closed);
    }
}

void gateway_close(struct gateway *gateway)
{
    gateway_drop(gateway);
    if (gateway->listens) {
        gateway->listens = false;
        uv_close((uv_handle_t *)&gateway->server, NULL);
    }
}

void gateway_send(struct gateway *gateway, const void *bytes, size_t size)
{
    uv_buf_t buffer = uv_buf_init((char *)bytes, (unsigned)size);

    assert_int_equal(uv_try_write((uv_stream_t *)&gateway->peer, &buffer, 1),
                     size);
}

void gateway_send_frame(struct gateway *gateway, uint16_t type,
                        const void *data, uint32_t size)
{
    uint8_t bytes[1024];

    assert_true(domi_frame_size(size, 0) <= sizeof(bytes));
    gateway_send(gateway, bytes,
                 domi_frame_encode(bytes, type, data, size, NULL, 0));
}
