/* SPDX-License-Identifier: MIT */
/*
 * Sessions over TCP.
 *
 * Reads go to the loop's one buffer and are decoded in place; only the
 * beginning of a frame whose end has not come is kept. Writes happen once per
 * turn, by one call with all that waits.
 */
#include "transport/queue.h"
#include "transport/socket.h"
#include "transport/tls.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "domi/err.h"
#include "frame/frame.h"

#define READS_PER_TURN 4

struct tcp_listener {
    struct domi__listener base;
    struct domi__accepter accepter;
    struct domi__listen listen;
    struct domi__deferred deferred;
    void (*on_closed)(void *user);
    void *user;
};

static void on_ready(struct domi__watch *watch, unsigned events);

/* ---- in ------------------------------------------------------------------ */

/* Keeps bytes that could not be handed on yet. */
static void keep(struct domi__session *session, const uint8_t *bytes,
                 size_t size)
{
    if (size > 0 && !domi__buffer_append(&session->loop->buffers,
                                         &session->input, bytes, size)) {
        domi__session_close(session, DOMI_REASON_MEMORY);
    }
    domi__session_set_begun(session, session->input != NULL);
}

/* Hands on what was kept, as far as it is whole. */
static void feed_kept(struct domi__session *session)
{
    struct domi__buffer *input = session->input;
    size_t taken;

    if (!input) {
        return;
    }
    taken = domi__session_feed(session, input->bytes, input->used);
    input->used -= (uint32_t)taken;
    if (taken > 0) {
        domi__session_set_begun(session, false);
    }
    if (input->used == 0) {
        session->input = NULL;
        domi__buffer_unref(&session->loop->buffers, input);
    } else if (taken > 0) {
        memmove(input->bytes, input->bytes + taken, input->used);
    }
    domi__session_set_begun(session, session->input != NULL);
}

/* How many bytes the kept beginning of a frame still lacks, as far as it is
   known, so that they are read to where they belong. */
static size_t lacking(const struct domi__session *session)
{
    const struct domi__buffer *input = session->input;
    size_t length = DOMI_FRAME_HEADER;
    size_t room = input->capacity - input->used;

    if (session->state == DOMI__SESSION_HANDSHAKE) {
        length = session->dialled ? DOMI__ID_SIZE : DOMI__MAGIC_SIZE;
    } else if (input->used >= DOMI_FRAME_HEADER) {
        length = domi_get_u32(input->bytes);
    }
    length -= input->used;
    return length < room ? length : room;
}

/* One read. Returns whether there may be more. */
static bool read_once(struct domi__session *session)
{
    uint8_t *buffer = domi__loop_read_buffer(session->loop);
    struct domi__buffer *input = session->input;
    size_t first = input ? lacking(session) : 0;
    struct iovec parts[2] = {
        {.iov_base = input ? input->bytes + input->used : buffer,
         .iov_len = first},
        {.iov_base = buffer, .iov_len = DOMI__READ_BUFFER},
    };
    struct iovec *part = first ? parts : parts + 1;
    size_t n = domi__socket_read(session, part, first ? 2 : 1);
    size_t rest = n;
    size_t taken = 0;

    if (n == 0) {
        return false;
    }
    domi__session_heard(session);
    if (input) {
        size_t kept = rest < first ? rest : first;

        input->used += (uint32_t)kept;
        rest -= kept;
        feed_kept(session);
    }
    if (!session->input) {
        taken = domi__session_feed(session, buffer, rest);
    }
    if (session->state < DOMI__SESSION_CLOSING) {
        keep(session, buffer + taken, rest - taken);
        if (taken == 0 && !session->paused) {
            feed_kept(session);
        }
    }
    return n == first + DOMI__READ_BUFFER;
}

static void on_ready(struct domi__watch *watch, unsigned events)
{
    struct domi__session *session =
        DOMI__CONTAINER(watch, struct domi__session, watch);

    if (session->state == DOMI__SESSION_LINGERING) {
        domi__socket_read_to_end(session);
        return;
    }
    if ((events & EPOLLOUT) && session->state < DOMI__SESSION_CLOSING) {
        domi__socket_flush(session);
    }
    if (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
        for (int i = 0; i < READS_PER_TURN; i++) {
            if (session->state >= DOMI__SESSION_CLOSING || session->paused ||
                !read_once(session)) {
                return;
            }
        }
    }
}

static void pause_reading(struct domi__session *session)
{
    domi__socket_watch(session);
}

static void feed_later(struct domi__deferred *deferred)
{
    struct domi__session *session =
        DOMI__CONTAINER(deferred, struct domi__session, deferred);

    feed_kept(session);
    if (session->state < DOMI__SESSION_CLOSING) {
        domi__socket_watch(session);
    }
}

/* What was kept is handed on at the turn's end: the owner that resumes may be
   in the midst of one of its frames. In the handshake it is no whole frame. */
static void resume_reading(struct domi__session *session)
{
    if (session->input && session->state == DOMI__SESSION_OPEN) {
        session->deferred.run = feed_later;
        domi__loop_defer(session->loop, &session->deferred);
    } else {
        domi__socket_watch(session);
    }
}

static void shut(struct domi__session *session, bool linger)
{
    if (linger && domi__socket_end(session)) {
        return;
    }
    domi__socket_close(session);
    domi__session_gone(session);
}

static const struct domi__transport tcp = {
    .name = "tcp",
    .flush = domi__socket_flush,
    .pause = pause_reading,
    .resume = resume_reading,
    .shut = shut,
};

/* ---- listening ----------------------------------------------------------- */

static void on_socket(struct domi__accepter *accepter, int fd)
{
    struct tcp_listener *listener =
        DOMI__CONTAINER(accepter, struct tcp_listener, accepter);
    struct domi__session *session =
        domi__session_admit(&tcp, &listener->listen, fd);

    if (!session) {
        close(fd);
        return;
    }
    session->watch.fd = fd;
    session->watch.ready = on_ready;
    if (listener->listen.tls) {
        session->tls = domi__tls_stream_new(listener->listen.tls,
                                            &session->watch, NULL, false);
        if (!session->tls) {
            domi__session_close(session, DOMI_REASON_MEMORY);
            return;
        }
    }
    domi__socket_watch(session);
}

static void end_close(struct domi__deferred *deferred)
{
    struct tcp_listener *listener =
        DOMI__CONTAINER(deferred, struct tcp_listener, deferred);

    if (listener->on_closed) {
        listener->on_closed(listener->user);
    }
    free(listener);
}

static void close_listener(struct domi__listener *base,
                           void (*on_closed)(void *user), void *user)
{
    struct tcp_listener *listener = (struct tcp_listener *)base;

    domi__accepter_close(&listener->accepter);
    listener->on_closed = on_closed;
    listener->user = user;
    listener->deferred.run = end_close;
    domi__loop_defer(base->loop, &listener->deferred);
}

int domi__tcp_listen(struct domi__listener **out,
                     const struct domi__listen *listen)
{
    struct tcp_listener *listener = calloc(1, sizeof(*listener));
    int err;

    if (!listener) {
        return UV_ENOMEM;
    }
    listener->base.loop = listen->loop;
    listener->base.close = close_listener;
    listener->listen = *listen;
    err = domi__accepter_open(&listener->accepter, listen,
                              &listener->base.port, on_socket);
    if (err) {
        free(listener);
        return err;
    }
    listener->listen.host = NULL; /* the caller's, of no use any more */
    *out = &listener->base;
    return 0;
}

int domi__listener_port(const struct domi__listener *listener)
{
    return listener->port;
}

void domi__listener_close(struct domi__listener *listener,
                          void (*on_closed)(void *user), void *user)
{
    listener->close(listener, on_closed, user);
}

/* ---- dialling ------------------------------------------------------------ */

/* The connection is there, and TLS where that is wanted. */
static void send_magic(struct domi__session *session)
{
    uint8_t magic[DOMI__MAGIC_SIZE];
    struct iovec piece = {.iov_base = magic, .iov_len = sizeof(magic)};

    domi_put_u32(magic, DOMI__MAGIC);
    if (domi__tls_write(session->tls, session->watch.fd, &piece, 1, 0) !=
        (ssize_t)sizeof(magic)) {
        domi__session_close(session, DOMI_REASON_SOCKET);
        return;
    }
    session->watch.ready = on_ready;
    session->blocked = domi__tls_is_blocked(session->tls);
    domi__socket_watch(session);
}

static void on_handshake(struct domi__watch *watch, unsigned events)
{
    struct domi__session *session =
        DOMI__CONTAINER(watch, struct domi__session, watch);
    int done;

    (void)events;
    if (session->state != DOMI__SESSION_HANDSHAKE) {
        return;
    }
    domi__tls_push(session->tls);
    done = domi__tls_stream_shake(session->tls);
    if (done < 0) {
        domi__session_close(session, DOMI_REASON_TLS);
    } else if (done) {
        send_magic(session);
    } else {
        session->blocked = domi__tls_is_blocked(session->tls);
        domi__socket_watch(session);
    }
}

static void on_connected(struct domi__watch *watch, unsigned events)
{
    struct domi__session *session =
        DOMI__CONTAINER(watch, struct domi__session, watch);
    int error = 0;
    socklen_t size = sizeof(error);

    if (session->state != DOMI__SESSION_HANDSHAKE) {
        return;
    }
    getsockopt(watch->fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error) {
        domi__session_close(session, DOMI_REASON_SOCKET);
    } else if (session->tls) {
        watch->ready = on_handshake;
        on_handshake(watch, events);
    } else {
        send_magic(session);
    }
}

/* A socket on its way to host and port, or -1. */
static int connect_socket(const char *host, int port)
{
    struct sockaddr_storage address;
    socklen_t size;
    const int on = 1;
    int fd;

    memset(&address, 0, sizeof(address));
    if (uv_ip4_addr(host, port, (struct sockaddr_in *)&address) == 0) {
        size = sizeof(struct sockaddr_in);
    } else if (uv_ip6_addr(host, port, (struct sockaddr_in6 *)&address) == 0) {
        size = sizeof(struct sockaddr_in6);
    } else {
        return -1;
    }
    fd = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
                0);
    if (fd < 0) {
        return -1;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (connect(fd, (struct sockaddr *)&address, size) &&
        errno != EINPROGRESS) {
        close(fd);
        return -1;
    }
    return fd;
}

struct domi__session *domi__tcp_dial(const struct domi__listen *dial)
{
    struct domi__session *session = domi__session_new(&tcp, dial, 0);

    if (!session) {
        return NULL;
    }
    session->dialled = true;
    session->watch.fd = connect_socket(dial->host, dial->port);
    session->watch.ready = on_connected;
    session->blocked = true;
    if (session->watch.fd < 0) {
        domi__session_close(session, DOMI_REASON_SOCKET);
        return session;
    }
    if (dial->tls) {
        session->tls = domi__tls_stream_new(dial->tls, &session->watch,
                                            dial->host, false);
        if (!session->tls) {
            domi__session_close(session, DOMI_REASON_MEMORY);
            return session;
        }
    }
    domi__socket_watch(session);
    return session;
}
