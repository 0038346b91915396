/* SPDX-License-Identifier: MIT */
/* A server in Consul's place, for answers that a real one cannot be made to
   give. */
#include "impostor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEALTH "/v1/health/service/"

struct connection {
    struct domi__list node;
    struct impostor *impostor;
    uv_tcp_t tcp;
    char head[4096]; /* of the request that is coming in */
    size_t size;
};

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static void cut(struct connection *connection)
{
    if (!uv_is_closing((uv_handle_t *)&connection->tcp)) {
        domi__list_remove(&connection->node);
        uv_close((uv_handle_t *)&connection->tcp, on_closed);
    }
}

static void say(struct connection *connection, const char *response)
{
    size_t size = strlen(response);

    while (size > 0) {
        uv_buf_t buffer = uv_buf_init((char *)response, (unsigned)size);
        int written =
            uv_try_write((uv_stream_t *)&connection->tcp, &buffer, 1);

        assert_true(written > 0);
        response += written;
        size -= (size_t)written;
    }
}

/* One request is whole. */
static void answer(struct connection *connection)
{
    struct impostor *impostor = connection->impostor;
    const char *response = "HTTP/1.1 404 Not Found\r\nX-Consul-Index: 1\r\n"
                           "Content-Length: 0\r\n\r\n";
    char service[64];

    assert_int_equal(sscanf(connection->head, "%*s %255s", impostor->path), 1);
    if (strncmp(impostor->path, HEALTH, strlen(HEALTH)) == 0) {
        assert_int_equal(
            sscanf(impostor->path + strlen(HEALTH), "%63[^?]", service), 1);
        response = impostor->answer(impostor, service);
    }
    if (response) {
        say(connection, response);
        if (impostor->cuts) {
            cut(connection);
        }
    }
}

static void on_alloc(uv_handle_t *handle, size_t wish, uv_buf_t *buffer)
{
    struct connection *connection = handle->data;

    (void)wish;
    *buffer = uv_buf_init(connection->head + connection->size,
                          (unsigned)(sizeof(connection->head) - 1 -
                                     connection->size));
}

static void on_read(uv_stream_t *stream, ssize_t size, const uv_buf_t *buffer)
{
    struct connection *connection = stream->data;

    (void)buffer;
    if (size < 0) {
        cut(connection);
        return;
    }
    connection->size += (size_t)size;
    connection->head[connection->size] = '\0';
    if (strstr(connection->head, "\r\n\r\n")) {
        connection->size = 0;
        answer(connection);
    }
}

static void on_connection(uv_stream_t *stream, int status)
{
    struct impostor *impostor = stream->data;
    struct connection *connection = calloc(1, sizeof(*connection));

    assert_int_equal(status, 0);
    assert_non_null(connection);
    connection->impostor = impostor;
    connection->tcp.data = connection;
    domi__list_init(&connection->node);
    domi__list_push(&impostor->connections, &connection->node);
    uv_tcp_init(stream->loop, &connection->tcp);
    assert_int_equal(uv_accept(stream, (uv_stream_t *)&connection->tcp), 0);
    uv_read_start((uv_stream_t *)&connection->tcp, on_alloc, on_read);
}

void impostor_open(struct impostor *impostor, struct fixture *fixture)
{
    struct sockaddr_in address;
    int size = sizeof(address);

    domi__list_init(&impostor->connections);
    impostor->listener.data = impostor;
    uv_ip4_addr("127.0.0.1", 0, &address);
    uv_tcp_init(&fixture->uv, &impostor->listener);
    uv_tcp_bind(&impostor->listener, (struct sockaddr *)&address, 0);
    assert_int_equal(
        uv_listen((uv_stream_t *)&impostor->listener, 64, on_connection), 0);
    uv_tcp_getsockname(&impostor->listener, (struct sockaddr *)&address, &size);
    snprintf(impostor->url, sizeof(impostor->url), "http://127.0.0.1:%d",
             ntohs(address.sin_port));
}

void impostor_close(struct impostor *impostor)
{
    struct domi__list *node;

    while ((node = impostor->connections.next) != &impostor->connections) {
        cut(DOMI__CONTAINER(node, struct connection, node));
    }
    uv_close((uv_handle_t *)&impostor->listener, NULL);
}
