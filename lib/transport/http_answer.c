/* SPDX-License-Identifier: MIT */
/*
 * The answers of the HTTP port: what the node tells of itself, pages, and the
 * way to WebSocket. An answer is begun, and written as the peer takes it.
 */
#include "transport/http_inner.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "transport/socket.h"
#include "transport/websocket.h"

/* ---- writing ------------------------------------------------------------- */

void domi__http_answer_end(struct domi__http_connection *connection)
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

/* 1: all is written; 0: the socket takes no more; -1: it failed. */
static int write_out(struct domi__http_connection *connection)
{
    bool more = connection->file_at < connection->file_end;
    int flags = more ? MSG_MORE : 0;

    while (connection->out_sent < connection->out_size) {
        struct iovec rest = {
            .iov_base = connection->out + connection->out_sent,
            .iov_len = connection->out_size - connection->out_sent,
        };
        ssize_t n = domi__tls_write(connection->tls, connection->watch.fd,
                                    &rest, 1, flags);

        if (n < 0) {
            return errno == EAGAIN ? 0 : -1;
        }
        connection->out_sent += (size_t)n;
        domi__http_connection_has_progress(connection);
    }
    return 1;
}

/* As above, a part at a time, so that others have their turn. (sendfile would
   copy less, but raises SIGPIPE.) */
static int write_file(struct domi__http_connection *connection)
{
    char *part = connection->listener->scratch;
    off_t left = connection->file_end - connection->file_at;
    struct iovec piece = {.iov_base = part};
    ssize_t n;

    if (left == 0) {
        return 1;
    }
    n = pread(connection->file, part,
              left < (off_t)DOMI__HTTP_SCRATCH_SIZE ? (size_t)left
                                                    : DOMI__HTTP_SCRATCH_SIZE,
              connection->file_at);
    if (n <= 0) {
        return -1; /* the file has become shorter than was promised */
    }
    piece.iov_len = (size_t)n;
    n = domi__tls_write(connection->tls, connection->watch.fd, &piece, 1, 0);
    if (n < 0) {
        return errno == EAGAIN ? 0 : -1;
    }
    connection->file_at += n;
    domi__http_connection_has_progress(connection);
    domi__http_connection_await_progress(connection);
    return connection->file_at == connection->file_end;
}

void domi__http_answer_write(struct domi__http_connection *connection)
{
    int done = write_out(connection);

    if (done == 1 && connection->file >= 0) {
        done = write_file(connection);
    }
    if (done == 1 && !domi__tls_push(connection->tls)) {
        done = 0;
    }
    if (done < 0) {
        domi__http_connection_cut(connection);
    } else if (done == 0) {
        domi__http_connection_watch(connection, EPOLLOUT);
    } else {
        domi__http_answer_end(connection);
        domi__http_connection_next(connection);
    }
}

static void begin(struct domi__http_connection *connection,
                  const struct domi__http_response *response, const char *body,
                  size_t size)
{
    char *out = malloc(DOMI__HTTP_RESPONSE_SIZE + size);

    if (!out) {
        domi__http_connection_cut(connection);
        return;
    }
    connection->out = out;
    connection->out_sent = 0;
    connection->out_size = domi__http_response_head(response, out);
    memcpy(out + connection->out_size, body, size);
    connection->out_size += size;
    connection->keep = response->keep_alive;
    connection->state = DOMI__HTTP_ANSWERING;
    domi__http_connection_await_progress(connection);
    domi__http_answer_write(connection);
}

/* ---- text and files ------------------------------------------------------ */

/* Answers with plain text. `header` is one more line of the head, or NULL. */
static void answer_text(struct domi__http_connection *connection,
                        const struct domi__http_request *request, int status,
                        const char *header, const char *body)
{
    size_t size = strlen(body);
    const struct domi__http_response response = {
        .status = status,
        .content_type = "text/plain; charset=utf-8",
        .length = size,
        .header = header,
        .host = request ? request->headers[DOMI__HTTP_HOST] : NULL,
        .keep_alive = request && request->keep_alive && status != 426,
        .now = time(NULL),
    };
    bool no_body = request && request->method == DOMI__HTTP_HEAD;

    begin(connection, &response, body, no_body ? 0 : size);
}

/* The line that some statuses must have. */
static const char *header_of(int status)
{
    return status == 405   ? "Allow: GET, HEAD"
           : status == 503 ? "Retry-After: 5"
                           : NULL;
}

void domi__http_answer_status(struct domi__http_connection *connection,
                              const struct domi__http_request *request,
                              int status)
{
    char body[64];

    if (status == 404) {
        snprintf(body, sizeof(body), "404 page not found\n");
    } else {
        snprintf(body, sizeof(body), "%d %s\n", status,
                 domi__http_status_text(status));
    }
    answer_text(connection, request, status, header_of(status), body);
}

static void answer_file(struct domi__http_connection *connection,
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
    begin(connection, &response, "", 0);
}

/* ---- requests ------------------------------------------------------------ */

/* A page of somebody else, or who hides what page it is. */
static void tell_of_origin(const struct domi__http_connection *connection,
                           const char *origin)
{
    const struct domi__http_listen *http = &connection->listener->http;
    char address[DOMI__ADDRESS_SIZE];
    char text[128];

    if (http->foreign_origins) {
        ++*http->foreign_origins;
    }
    domi__socket_address(connection->watch.fd, address, sizeof(address));
    domi__log_peer(http->listen.log, DOMI_LOG_WARNING,
                   "%s may not open a WebSocket: its origin is %s%s", address,
                   origin ? "" : "missing",
                   origin ? domi__log_escape(text, sizeof(text), origin,
                                             strlen(origin))
                          : "");
}

static void upgrade(struct domi__http_connection *connection,
                    const struct domi__http_request *request, uint8_t *bytes,
                    size_t size)
{
    const struct domi__http_listen *http = &connection->listener->http;
    const struct domi__listen *listen = &http->listen;
    const struct domi__http_origins origins = {
        .allowed = http->origins,
        .required = http->origin_required,
    };
    int status = domi__http_upgrade_check(request, &origins);
    struct domi__tls_stream *tls = connection->tls;
    uint64_t id;

    if (status == 403) {
        tell_of_origin(connection, request->headers[DOMI__HTTP_ORIGIN]);
    }
    if (status) {
        domi__http_answer_status(connection, request, status);
        return;
    }
    id = listen->owner->admit(listen->arg);
    if (!id) {
        domi__http_answer_status(connection, request, 503);
        return;
    }
    connection->tls = NULL;
    domi__websocket_accept(listen, id, domi__http_connection_detach(connection),
                           tls, request->headers[DOMI__HTTP_WEBSOCKET_KEY],
                           bytes, size);
}

/* Asks the node. False when the path is none of its own. */
static bool ask_node(struct domi__http_connection *connection,
                     const struct domi__http_request *request)
{
    const struct domi__http_listen *http = &connection->listener->http;
    char address[DOMI__ADDRESS_SIZE];
    const struct domi__http_question question = {
        .request = request,
        .address = address,
        .is_loopback = domi__socket_is_loopback(connection->watch.fd),
    };
    struct domi__http_answer answer = {.status = 0};

    if (!http->answer) {
        return false;
    }
    domi__socket_address(connection->watch.fd, address, sizeof(address));
    http->answer(http->answer_arg, &question, &answer);
    if (answer.status == 0) {
        return false;
    }
    answer_text(connection, request, answer.status,
                answer.header[0] ? answer.header : NULL, answer.body);
    return true;
}

static void look_for_file(struct domi__http_connection *connection,
                          const struct domi__http_request *request)
{
    int root = connection->listener->root;
    struct domi__http_file file;
    int status = 404;

    if (root >= 0) {
        status = domi__http_file_open(root, request->path, &file);
    }
    if (status == 200) {
        answer_file(connection, request, &file);
    } else {
        domi__http_answer_status(connection, request, status);
    }
}

void domi__http_answer_request(struct domi__http_connection *connection,
                               const struct domi__http_request *request,
                               uint8_t *bytes, size_t size)
{
    const char *ws_path = connection->listener->ws_path;

    if (ws_path && strcmp(request->path, ws_path) == 0) {
        upgrade(connection, request, bytes, size);
    } else if (ask_node(connection, request)) {
        /* It has answered. */
    } else if (request->method == DOMI__HTTP_POST) {
        domi__http_answer_status(connection, request, 405);
    } else {
        look_for_file(connection, request);
    }
}
