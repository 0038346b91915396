/* SPDX-License-Identifier: MIT */
/*
 * The HTTP port: pages, what a node tells of itself, and the way to WebSocket.
 *
 * A connection is read until a request is whole; the request is answered, or
 * its descriptor goes to websocket.c; then the next one is read. It fails by a
 * request that is refused, which is answered and ends the connection, or by a
 * peer that is slow, which is cut.
 */
#include "transport/websocket.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

#include "domi/err.h"
#include "http/http.h"

#define CONNECTIONS_MAX 1024u /* that are no sessions */
#define REQUEST_MS 10000u     /* for a whole request, or between two */
#define PROGRESS_MS 10000u    /* for the peer to take some of an answer */
#define LINGER_MS 1000u       /* for the peer to read the last answer */
#define READ_SIZE 16384u
#define SCRATCH_SIZE 65536u   /* of a text, or of a file in one go */

struct http_listener {
    struct domi__listener base;
    struct domi__accepter accepter;
    struct domi__http_listen http;
    char *ws_path;
    int root; /* of the files; -1: none */
    struct domi__list connections; /* the longest without progress first */
    unsigned count;
    struct domi__deferred deferred;
    void (*on_closed)(void *user);
    void *user;
    char scratch[SCRATCH_SIZE];
};

struct connection {
    struct http_listener *listener;
    struct domi__watch watch;
    struct domi__list node;
    struct domi__timer timer;
    struct domi__http_parser *parser;
    enum { READING, ANSWERING, LINGERING, GONE } state;
    bool keep;        /* after this answer */
    char *out;        /* head and small body of the answer; or NULL */
    size_t out_size;
    size_t out_sent;
    int file;         /* the rest of the answer; or -1 */
    off_t file_at;
    off_t file_end;
    uint8_t *rest;    /* came while an answer was under way; or NULL */
    size_t rest_size;
    struct domi__deferred deferred;
};

static void on_timer(struct domi__timer *timer);

static struct domi__loop *loop_of(const struct connection *connection)
{
    return connection->listener->base.loop;
}

static void start_timer(struct connection *connection, unsigned after_ms)
{
    domi__timer_start(loop_of(connection), &connection->timer, after_ms,
                      on_timer);
}

/* Something went on: others are cut before this one. */
static void has_progress(struct connection *connection)
{
    domi__list_remove(&connection->node);
    domi__list_push(&connection->listener->connections, &connection->node);
}

/* ---- the end of a connection --------------------------------------------- */

static void free_connection(struct domi__deferred *deferred)
{
    struct connection *connection =
        DOMI__CONTAINER(deferred, struct connection, deferred);

    domi__http_parser_free(connection->parser);
    free(connection->rest);
    free(connection);
}

static void end_answer(struct connection *connection)
{
    free(connection->out);
    connection->out = NULL;
    if (connection->file >= 0) {
        close(connection->file);
        connection->file = -1;
    }
    connection->file_at = 0;
    connection->file_end = 0;
}

/* Ends what this listener has to do with the connection, but for its
   descriptor, which is returned. */
static int detach(struct connection *connection)
{
    int fd = connection->watch.fd;

    domi__timer_stop(&connection->timer);
    domi__watch_remove(loop_of(connection), &connection->watch);
    connection->watch.fd = -1;
    connection->state = GONE;
    end_answer(connection);
    domi__list_remove(&connection->node);
    connection->listener->count--;
    connection->deferred.run = free_connection;
    domi__loop_defer(loop_of(connection), &connection->deferred);
    return fd;
}

static void cut(struct connection *connection)
{
    if (connection->state != GONE) {
        close(detach(connection));
    }
}

static void watch_for(struct connection *connection, unsigned events)
{
    if (domi__watch_set(loop_of(connection), &connection->watch, events)) {
        cut(connection);
    }
}

/* The peer may still be sending: a close at once would reset the connection,
   and the last answer might be lost. */
static void linger(struct connection *connection)
{
    connection->state = LINGERING;
    shutdown(connection->watch.fd, SHUT_WR);
    start_timer(connection, LINGER_MS);
    watch_for(connection, EPOLLIN);
}

/* ---- answers ------------------------------------------------------------- */

/* 1: all is written; 0: the socket takes no more; -1: it failed. */
static int write_out(struct connection *connection)
{
    bool more = connection->file_at < connection->file_end;
    int flags = MSG_NOSIGNAL | (more ? MSG_MORE : 0);

    while (connection->out_sent < connection->out_size) {
        ssize_t n = send(connection->watch.fd,
                         connection->out + connection->out_sent,
                         connection->out_size - connection->out_sent, flags);

        if (n < 0) {
            return errno == EAGAIN ? 0 : -1;
        }
        connection->out_sent += (size_t)n;
        has_progress(connection);
    }
    return 1;
}

/* As above, a part at a time, so that others have their turn. (sendfile would
   copy less, but raises SIGPIPE.) */
static int write_file(struct connection *connection)
{
    char *part = connection->listener->scratch;
    off_t left = connection->file_end - connection->file_at;
    ssize_t n;

    if (left == 0) {
        return 1;
    }
    n = pread(connection->file, part,
              left < (off_t)SCRATCH_SIZE ? (size_t)left : SCRATCH_SIZE,
              connection->file_at);
    if (n <= 0) {
        return -1; /* the file has become shorter than was promised */
    }
    n = send(connection->watch.fd, part, (size_t)n, MSG_NOSIGNAL);
    if (n < 0) {
        return errno == EAGAIN ? 0 : -1;
    }
    connection->file_at += n;
    has_progress(connection);
    start_timer(connection, PROGRESS_MS);
    return connection->file_at == connection->file_end;
}

static void write_answer(struct connection *connection)
{
    int done = write_out(connection);

    if (done == 1 && connection->file >= 0) {
        done = write_file(connection);
    }
    if (done < 0) {
        cut(connection);
        return;
    }
    if (done == 0) {
        watch_for(connection, EPOLLOUT);
        return;
    }
    end_answer(connection);
    if (!connection->keep) {
        linger(connection);
        return;
    }
    connection->state = READING;
    start_timer(connection, REQUEST_MS);
    watch_for(connection, EPOLLIN);
}

static void begin_answer(struct connection *connection,
                         const struct domi__http_response *response,
                         const char *body, size_t size)
{
    char *out = malloc(DOMI__HTTP_RESPONSE_SIZE + size);

    if (!out) {
        cut(connection);
        return;
    }
    connection->out = out;
    connection->out_sent = 0;
    connection->out_size = domi__http_response_head(response, out);
    memcpy(out + connection->out_size, body, size);
    connection->out_size += size;
    connection->keep = response->keep_alive;
    connection->state = ANSWERING;
    start_timer(connection, PROGRESS_MS);
    write_answer(connection);
}

/* Answers with plain text. `request` is NULL for one that was refused. */
static void answer_text(struct connection *connection,
                        const struct domi__http_request *request, int status,
                        const char *body, size_t size)
{
    const struct domi__http_response response = {
        .status = status,
        .content_type = "text/plain; charset=utf-8",
        .length = size,
        .host = request ? request->headers[DOMI__HTTP_HOST] : NULL,
        .keep_alive = request && request->keep_alive && status != 426,
        .now = time(NULL),
    };
    bool no_body = request && request->method == DOMI__HTTP_HEAD;

    begin_answer(connection, &response, body, no_body ? 0 : size);
}

static void answer_status(struct connection *connection,
                          const struct domi__http_request *request, int status)
{
    char body[64];
    int size;

    if (status == 404) {
        size = snprintf(body, sizeof(body), "404 page not found\n");
    } else {
        size = snprintf(body, sizeof(body), "%d %s\n", status,
                        domi__http_status_text(status));
    }
    answer_text(connection, request, status, body, (size_t)size);
}

static void answer_file(struct connection *connection,
                        const struct domi__http_request *request,
                        struct domi__http_file *file)
{
    bool known = domi__http_file_is_known(
        file, request->headers[DOMI__HTTP_IF_NONE_MATCH]);
    const struct domi__http_response response = {
        .status = known ? 304 : 200,
        .content_type = known ? NULL : file->content_type,
        .length = file->size,
        .etag = file->etag,
        .host = request->headers[DOMI__HTTP_HOST],
        .keep_alive = request->keep_alive,
        .now = time(NULL),
    };

    if (known || request->method == DOMI__HTTP_HEAD) {
        close(file->fd);
    } else {
        connection->file = file->fd;
        connection->file_end = (off_t)file->size;
    }
    begin_answer(connection, &response, "", 0);
}

/* ---- requests ------------------------------------------------------------ */

static void upgrade(struct connection *connection,
                    const struct domi__http_request *request, uint8_t *bytes,
                    size_t size)
{
    const struct domi__listen *listen = &connection->listener->http.listen;
    int status = domi__http_upgrade_check(request);
    uint64_t id;

    if (status) {
        answer_status(connection, request, status);
        return;
    }
    id = listen->owner->admit(listen->arg);
    if (!id) {
        answer_status(connection, request, 503);
        return;
    }
    domi__websocket_accept(listen, id, detach(connection),
                           request->headers[DOMI__HTTP_WEBSOCKET_KEY], bytes,
                           size);
}

/* `bytes` came behind the request. */
static void handle(struct connection *connection,
                   const struct domi__http_request *request, uint8_t *bytes,
                   size_t size)
{
    struct http_listener *listener = connection->listener;
    const struct domi__http_listen *http = &listener->http;
    struct domi__http_file file;
    int status = 0;

    has_progress(connection);
    if (listener->ws_path && strcmp(request->path, listener->ws_path) == 0) {
        upgrade(connection, request, bytes, size);
        return;
    }
    if (request->method == DOMI__HTTP_POST) {
        answer_status(connection, request, 405);
        return;
    }
    if (http->answer) {
        listener->scratch[0] = '\0';
        status = http->answer(http->answer_arg, request->path,
                              listener->scratch, sizeof(listener->scratch));
    }
    if (status) {
        answer_text(connection, request, status, listener->scratch,
                    strnlen(listener->scratch, sizeof(listener->scratch)));
        return;
    }
    status = 404;
    if (listener->root >= 0) {
        status = domi__http_file_open(listener->root, request->path, &file);
    }
    if (status == 200) {
        answer_file(connection, request, &file);
    } else {
        answer_status(connection, request, status);
    }
}

/* What comes while an answer is under way has to wait for it. */
static void keep_rest(struct connection *connection, const uint8_t *bytes,
                      size_t size)
{
    connection->rest = malloc(size);
    if (!connection->rest) {
        cut(connection);
        return;
    }
    memcpy(connection->rest, bytes, size);
    connection->rest_size = size;
}

static void take(struct connection *connection, uint8_t *bytes, size_t size)
{
    struct domi__http_parser *parser = connection->parser;

    while (size > 0 && connection->state == READING) {
        bool inside = domi__http_parser_is_inside(parser);
        size_t taken;
        int status =
            domi__http_parser_feed(parser, (char *)bytes, size, &taken);

        bytes += taken;
        size -= taken;
        if (status >= 400) {
            answer_status(connection, NULL, status);
        } else if (status) {
            handle(connection, domi__http_parser_request(parser), bytes, size);
        } else if (!inside) {
            /* From its first byte on, the whole request has this long. */
            start_timer(connection, REQUEST_MS);
        }
    }
    if (size > 0 && connection->state == ANSWERING && connection->keep) {
        keep_rest(connection, bytes, size);
    }
}

static void take_rest(struct connection *connection)
{
    uint8_t *rest = connection->rest;

    if (rest && connection->state == READING) {
        connection->rest = NULL;
        take(connection, rest, connection->rest_size);
        free(rest);
    }
}

/* ---- events -------------------------------------------------------------- */

static void on_readable(struct connection *connection)
{
    uint8_t *buffer = domi__loop_read_buffer(loop_of(connection));
    ssize_t n = recv(connection->watch.fd, buffer, READ_SIZE, 0);

    if (n > 0) {
        if (connection->state == READING) {
            take(connection, buffer, (size_t)n);
        }
    } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
        cut(connection);
    }
}

static void on_ready(struct domi__watch *watch, unsigned events)
{
    struct connection *connection =
        DOMI__CONTAINER(watch, struct connection, watch);

    (void)events;
    if (connection->state == ANSWERING) {
        write_answer(connection);
        take_rest(connection);
    } else {
        on_readable(connection);
    }
}

static void on_timer(struct domi__timer *timer)
{
    struct connection *connection =
        DOMI__CONTAINER(timer, struct connection, timer);

    if (connection->state == READING &&
        domi__http_parser_is_inside(connection->parser)) {
        answer_status(connection, NULL, 408);
    } else {
        cut(connection);
    }
}

static void on_socket(struct domi__accepter *accepter, int fd)
{
    struct http_listener *listener =
        DOMI__CONTAINER(accepter, struct http_listener, accepter);
    struct connection *connection = calloc(1, sizeof(*connection));

    if (connection) {
        connection->parser = domi__http_parser_new();
    }
    if (!connection || !connection->parser) {
        free(connection);
        close(fd);
        return;
    }
    if (listener->count == CONNECTIONS_MAX) {
        cut(DOMI__CONTAINER(listener->connections.next, struct connection,
                            node));
    }
    connection->listener = listener;
    connection->file = -1;
    connection->watch.fd = fd;
    connection->watch.ready = on_ready;
    domi__list_init(&connection->node);
    domi__list_push(&listener->connections, &connection->node);
    listener->count++;
    start_timer(connection, REQUEST_MS);
    watch_for(connection, EPOLLIN);
}

/* ---- the listener -------------------------------------------------------- */

static void free_listener(struct http_listener *listener)
{
    if (listener->root >= 0) {
        close(listener->root);
    }
    free(listener->ws_path);
    free(listener);
}

static void end_close(struct domi__deferred *deferred)
{
    struct http_listener *listener =
        DOMI__CONTAINER(deferred, struct http_listener, deferred);

    if (listener->on_closed) {
        listener->on_closed(listener->user);
    }
    free_listener(listener);
}

static void close_listener(struct domi__listener *base,
                           void (*on_closed)(void *user), void *user)
{
    struct http_listener *listener = (struct http_listener *)base;

    domi__accepter_close(&listener->accepter);
    while (!domi__list_is_empty(&listener->connections)) {
        cut(DOMI__CONTAINER(listener->connections.next, struct connection,
                            node));
    }
    if (listener->ws_path) {
        domi__websocket_close(base->loop);
    }
    listener->on_closed = on_closed;
    listener->user = user;
    listener->deferred.run = end_close;
    domi__loop_defer(base->loop, &listener->deferred);
}

/* What may fail before the port is open. */
static int prepare(struct http_listener *listener)
{
    const struct domi__http_listen *http = &listener->http;

    if (http->web_root) {
        listener->root = domi__http_root_open(http->web_root);
        if (listener->root < 0) {
            return listener->root;
        }
    }
    if (http->listen.owner) {
        listener->ws_path = strdup(http->ws_path);
        return listener->ws_path ? domi__websocket_open(listener->base.loop)
                                 : UV_ENOMEM;
    }
    return 0;
}

int domi__http_listen(struct domi__listener **out,
                      const struct domi__http_listen *http)
{
    struct http_listener *listener = calloc(1, sizeof(*listener));
    int err;

    if (!listener) {
        return UV_ENOMEM;
    }
    listener->base.loop = http->listen.loop;
    listener->base.close = close_listener;
    listener->http = *http;
    listener->root = -1;
    domi__list_init(&listener->connections);
    err = prepare(listener);
    if (!err) {
        err = domi__accepter_open(&listener->accepter, &http->listen,
                                  &listener->base.port, on_socket);
        if (err && listener->ws_path) {
            domi__websocket_close(listener->base.loop);
        }
    }
    if (err) {
        free_listener(listener);
        return err;
    }
    /* The caller's strings, of no use any more. */
    listener->http.listen.host = NULL;
    listener->http.ws_path = NULL;
    listener->http.web_root = NULL;
    *out = &listener->base;
    return 0;
}
