/* SPDX-License-Identifier: MIT */
/* The HTTP port: a socket that listens, and the connections that came. */
#include "transport/http_inner.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>


static void on_socket(struct domi__accepter *accepter, int fd)
{
    domi__http_connection_open(
        DOMI__CONTAINER(accepter, struct domi__http_listener, accepter), fd);
}

static void free_listener(struct domi__http_listener *listener)
{
    if (listener->root >= 0) {
        close(listener->root);
    }
    free(listener->ws_path);
    free(listener);
}

static void end_close(struct domi__deferred *deferred)
{
    struct domi__http_listener *listener =
        DOMI__CONTAINER(deferred, struct domi__http_listener, deferred);

    if (listener->on_closed) {
        listener->on_closed(listener->user);
    }
    free_listener(listener);
}

static void close_listener(struct domi__listener *base,
                           void (*on_closed)(void *user), void *user)
{
    struct domi__http_listener *listener = (struct domi__http_listener *)base;

    domi__accepter_close(&listener->accepter);
    while (!domi__list_is_empty(&listener->connections)) {
        domi__http_connection_cut(
            DOMI__CONTAINER(listener->connections.next,
                            struct domi__http_connection, node));
    }
    listener->on_closed = on_closed;
    listener->user = user;
    listener->deferred.run = end_close;
    domi__loop_defer(base->loop, &listener->deferred);
}

/* What may fail before the port is open. */
static int prepare(struct domi__http_listener *listener)
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
        return listener->ws_path ? 0 : UV_ENOMEM;
    }
    return 0;
}

int domi__http_listen(struct domi__listener **out,
                      const struct domi__http_listen *http)
{
    struct domi__http_listener *listener = calloc(1, sizeof(*listener));
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
