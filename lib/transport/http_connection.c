/* SPDX-License-Identifier: MIT */
/*
 * A connection to the HTTP port.
 *
 * It is read until a request is whole; the request is answered, or the
 * descriptor goes to websocket.c; then the next one is read. It fails by a
 * request that is refused, which is answered and ends the connection, or by a
 * peer that is slow, which is cut.
 */
#include "transport/http_inner.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECTIONS_MAX 1024u /* that are no sessions */
#define REQUEST_MS 10000u     /* for a whole request, or between two */
#define PROGRESS_MS 10000u    /* for the peer to take some of an answer */
#define LINGER_MS 1000u       /* for the peer to read the last answer */
#define READ_SIZE 16384u

static void on_timer(struct domi__timer *timer);

static struct domi__loop *
loop_of(const struct domi__http_connection *connection)
{
    return connection->listener->base.loop;
}

static void start_timer(struct domi__http_connection *connection,
                        unsigned after_ms)
{
    domi__timer_start(loop_of(connection), &connection->timer, after_ms,
                      on_timer);
}

/* ---- its end ------------------------------------------------------------- */

static void free_parts(struct domi__http_connection *connection)
{
    if (connection) {
        domi__http_parser_free(connection->parser);
        free(connection->rest);
        free(connection);
    }
}

static void free_connection(struct domi__deferred *deferred)
{
    free_parts(
        DOMI__CONTAINER(deferred, struct domi__http_connection, deferred));
}

/* It is no stranger any more, or no more at all. */
static void leave_origin(struct domi__http_connection *connection)
{
    domi__origin_leave(connection->origin, false);
    connection->origin = NULL;
}

int domi__http_connection_detach(struct domi__http_connection *connection)
{
    int fd = connection->watch.fd;

    domi__timer_stop(&connection->timer);
    domi__watch_remove(loop_of(connection), &connection->watch);
    connection->watch.fd = -1;
    domi__tls_stream_free(connection->tls);
    connection->tls = NULL;
    connection->state = DOMI__HTTP_GONE;
    domi__http_answer_end(connection);
    domi__list_remove(&connection->node);
    leave_origin(connection);
    connection->listener->count--;
    connection->deferred.run = free_connection;
    domi__loop_defer(loop_of(connection), &connection->deferred);
    return fd;
}

void domi__http_connection_cut(struct domi__http_connection *connection)
{
    if (connection->state != DOMI__HTTP_GONE) {
        close(domi__http_connection_detach(connection));
    }
}

/* ---- what its answers need ----------------------------------------------- */

void domi__http_connection_has_progress(
    struct domi__http_connection *connection)
{
    domi__list_remove(&connection->node);
    domi__list_push(&connection->listener->connections, &connection->node);
}

void domi__http_connection_await_progress(
    struct domi__http_connection *connection)
{
    start_timer(connection, PROGRESS_MS);
}

void domi__http_connection_watch(struct domi__http_connection *connection,
                                 unsigned events)
{
    if (domi__watch_set(loop_of(connection), &connection->watch, events)) {
        domi__http_connection_cut(connection);
    } else if (events & EPOLLIN) {
        domi__tls_look(connection->tls);
    }
}

/* The peer may still be sending: a close at once would reset the connection,
   and the last answer might be lost. */
static void linger(struct domi__http_connection *connection)
{
    connection->state = DOMI__HTTP_LINGERING;
    if (connection->tls) {
        domi__tls_end(connection->tls);
        domi__tls_stream_free(connection->tls);
        connection->tls = NULL; /* what comes now is read past as it is */
    }
    shutdown(connection->watch.fd, SHUT_WR);
    start_timer(connection, LINGER_MS);
}

void domi__http_connection_next(struct domi__http_connection *connection)
{
    if (connection->keep) {
        connection->state = DOMI__HTTP_READING;
        start_timer(connection, REQUEST_MS);
    } else {
        linger(connection);
    }
    domi__http_connection_watch(connection, EPOLLIN);
}

/* ---- requests ------------------------------------------------------------ */

/* What comes while an answer is under way has to wait for it. */
static void keep_rest(struct domi__http_connection *connection,
                      const uint8_t *bytes, size_t size)
{
    connection->rest = malloc(size);
    if (!connection->rest) {
        domi__http_connection_cut(connection);
        return;
    }
    memcpy(connection->rest, bytes, size);
    connection->rest_size = size;
}

static void take(struct domi__http_connection *connection, uint8_t *bytes,
                 size_t size)
{
    struct domi__http_parser *parser = connection->parser;

    while (size > 0 && connection->state == DOMI__HTTP_READING) {
        bool inside = domi__http_parser_is_inside(parser);
        size_t taken;
        int status =
            domi__http_parser_feed(parser, (char *)bytes, size, &taken);

        if (status >= 400 && !inside && !connection->tls &&
            domi__tls_is_hello(bytes, taken)) {
            domi__log_peer(connection->listener->http.listen.log,
                           DOMI_LOG_WARNING,
                           "a peer speaks TLS to a port without it");
        }
        bytes += taken;
        size -= taken;
        if (status >= 400) {
            domi__http_answer_status(connection, NULL, status);
        } else if (status) {
            domi__http_connection_has_progress(connection);
            leave_origin(connection);
            domi__http_answer_request(
                connection, domi__http_parser_request(parser), bytes, size);
        } else if (!inside) {
            /* From its first byte on, the whole request has this long. */
            start_timer(connection, REQUEST_MS);
        }
    }
    if (size > 0 && connection->state == DOMI__HTTP_ANSWERING &&
        connection->keep) {
        keep_rest(connection, bytes, size);
    }
}

static void take_rest(struct domi__http_connection *connection)
{
    uint8_t *rest = connection->rest;

    if (rest && connection->state == DOMI__HTTP_READING) {
        connection->rest = NULL;
        take(connection, rest, connection->rest_size);
        free(rest);
    }
}

/* ---- events -------------------------------------------------------------- */

static void on_readable(struct domi__http_connection *connection)
{
    struct iovec part = {
        .iov_base = domi__loop_read_buffer(loop_of(connection)),
        .iov_len = READ_SIZE,
    };
    ssize_t n =
        domi__tls_read(connection->tls, connection->watch.fd, &part, 1);

    if (n > 0) {
        if (connection->state == DOMI__HTTP_READING) {
            take(connection, part.iov_base, (size_t)n);
        }
    } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
        domi__http_connection_cut(connection);
    }
}

/* TLS may have to write, too, before a request is there. */
static void on_tls_readable(struct domi__http_connection *connection)
{
    unsigned events = EPOLLIN;

    domi__tls_push(connection->tls);
    on_readable(connection);
    if (!connection->tls || connection->state != DOMI__HTTP_READING) {
        return;
    }
    if (!connection->shaken && domi__tls_stream_is_open(connection->tls)) {
        connection->shaken = true;
        start_timer(connection, REQUEST_MS);
    }
    if (domi__tls_is_blocked(connection->tls)) {
        events |= EPOLLOUT;
    }
    domi__watch_set(loop_of(connection), &connection->watch, events);
}

static void on_ready(struct domi__watch *watch, unsigned events)
{
    struct domi__http_connection *connection =
        DOMI__CONTAINER(watch, struct domi__http_connection, watch);

    (void)events;
    if (connection->state == DOMI__HTTP_ANSWERING) {
        domi__http_answer_write(connection);
        take_rest(connection);
    } else if (connection->tls) {
        on_tls_readable(connection);
    } else {
        on_readable(connection);
    }
}

static void on_timer(struct domi__timer *timer)
{
    struct domi__http_connection *connection =
        DOMI__CONTAINER(timer, struct domi__http_connection, timer);

    if (connection->state == DOMI__HTTP_READING &&
        domi__http_parser_is_inside(connection->parser)) {
        domi__http_answer_status(connection, NULL, 408);
    } else {
        domi__http_connection_cut(connection);
    }
}

/* ---- its beginning ------------------------------------------------------- */

static void cut_longest_idle(struct domi__http_listener *listener)
{
    domi__http_connection_cut(DOMI__CONTAINER(
        listener->connections.next, struct domi__http_connection, node));
}

void domi__http_connection_open(struct domi__http_listener *listener, int fd)
{
    const struct domi__listen *listen = &listener->http.listen;
    struct domi__http_connection *connection = calloc(1, sizeof(*connection));

    if (connection) {
        connection->parser = domi__http_parser_new();
    }
    if (!connection || !connection->parser ||
        !domi__origin_enter(&listener->http.listen, fd, &connection->origin)) {
        free_parts(connection);
        close(fd);
        return;
    }
    if (listener->count == CONNECTIONS_MAX) {
        cut_longest_idle(listener);
    }
    connection->listener = listener;
    connection->file = -1;
    connection->watch.fd = fd;
    connection->watch.ready = on_ready;
    domi__list_init(&connection->node);
    domi__list_push(&listener->connections, &connection->node);
    listener->count++;
    if (listen->tls) {
        connection->tls =
            domi__tls_stream_new(listen->tls, &connection->watch, NULL, true);
        if (!connection->tls) {
            domi__http_connection_cut(connection);
            return;
        }
    }
    start_timer(connection,
                listen->tls && listen->limits ? listen->limits->handshake_ms
                                              : REQUEST_MS);
    domi__http_connection_watch(connection, EPOLLIN);
}
