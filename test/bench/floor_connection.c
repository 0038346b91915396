/* SPDX-License-Identifier: MIT */
/* A connection of the floor: accept, read, send, close. */
#include "floor.h"

#include <err.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum { READS_PER_TURN = 16 };

static void watch(struct floor *floor, struct floor_connection *connection,
                  int operation, uint32_t events)
{
    struct epoll_event event = { .events = events, .data.ptr = connection };
    if (epoll_ctl(floor->poll, operation, connection->fd, &event) != 0) {
        err(2, "epoll_ctl");
    }
}

struct floor_connection *floor_connection_new(struct floor *floor, int fd,
                                              floor_take_fn *take)
{
    struct floor_connection *connection = calloc(1, sizeof(*connection));
    if (connection == NULL) {
        err(2, "no memory for a connection");
    }
    connection->fd = fd;
    connection->id = floor->next_id++;
    connection->take = take;
    watch(floor, connection, EPOLL_CTL_ADD, EPOLLIN);
    return connection;
}

void floor_connection_accept(struct floor *floor,
                             struct floor_connection *listener)
{
    for (;;) {
        int on = 1;
        int fd = accept4(listener->fd, NULL, NULL,
                         SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0 && (errno == EINTR || errno == ECONNABORTED)) {
            continue;
        }
        if (fd < 0 && errno == EAGAIN) {
            return;
        }
        if (fd < 0) {
            err(2, "accept");
        }
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        floor_connection_new(floor, fd, listener->take);
    }
}

/* Gives one read's bytes to the taker. What it leaves waits in `in`. */
static void take(struct floor *floor, struct floor_connection *connection,
                 size_t size)
{
    int64_t used = connection->take(floor, connection, floor->buffer, size);
    if (used < 0 || (used == 0 && size == FLOOR_BUFFER_SIZE)) {
        floor_connection_close(floor, connection);
        return;
    }
    bytes_append(&connection->in, floor->buffer + used, size - (size_t)used);
}

/* True when there may be more to read. */
static bool read_once(struct floor *floor,
                      struct floor_connection *connection)
{
    size_t held = bytes_size(&connection->in);
    size_t room = FLOOR_BUFFER_SIZE - held;
    ssize_t got = recv(connection->fd, floor->buffer + held, room, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        return false;
    }
    if (got <= 0) {
        floor_connection_close(floor, connection);
        return false;
    }
    if (held > 0) {
        memcpy(floor->buffer, bytes_front(&connection->in), held);
        bytes_fini(&connection->in);
    }
    take(floor, connection, held + (size_t)got);
    return (size_t)got == room && !connection->is_closing;
}

/* A read that doesn't fill the buffer has emptied the socket, so the read
 * that would only say EAGAIN is saved; epoll tells if more has come. */
void floor_connection_read(struct floor *floor,
                           struct floor_connection *connection)
{
    for (int i = 0; i < READS_PER_TURN; i++) {
        if (!read_once(floor, connection)) {
            return;
        }
    }
}

static ssize_t send_now(struct floor_connection *connection,
                        const uint8_t *data, size_t size)
{
    size_t held = bytes_size(&connection->out);
    struct iovec parts[2] = {
        { .iov_base = connection->out.memory + connection->out.start,
          .iov_len = held },
        { .iov_base = (void *)data, .iov_len = size },
    };
    struct msghdr message = { .msg_iov = parts, .msg_iovlen = 2 };
    ssize_t sent = held > 0 ?
        sendmsg(connection->fd, &message, MSG_NOSIGNAL) :
        send(connection->fd, data, size, MSG_NOSIGNAL);
    return sent < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : sent;
}

/* Takes off what was sent and keeps the rest of both parts in `out`. */
static void keep_unsent(struct floor_connection *connection,
                        const uint8_t *data, size_t size, size_t sent)
{
    size_t held = bytes_size(&connection->out);
    size_t first = sent < held ? sent : held;
    if (first > 0) {
        bytes_consume(&connection->out, first);
    }
    sent -= first;
    bytes_append(&connection->out, data + sent, size - sent);
}

void floor_connection_send(struct floor *floor,
                           struct floor_connection *connection,
                           const uint8_t *data, size_t size)
{
    if (connection->is_closing) {
        return;
    }
    if (connection->is_waiting && size > 0) {
        bytes_append(&connection->out, data, size);
        if (bytes_size(&connection->out) > FLOOR_UNSENT_MAX) {
            floor_connection_close(floor, connection);
        }
        return;
    }
    ssize_t sent = send_now(connection, data, size);
    if (sent < 0) {
        floor_connection_close(floor, connection);
        return;
    }
    if (bytes_size(&connection->out) > 0 || (size_t)sent < size) {
        keep_unsent(connection, data, size, (size_t)sent);
    }
    bool waits = bytes_size(&connection->out) > 0;
    if (waits != connection->is_waiting) {
        connection->is_waiting = waits;
        watch(floor, connection, EPOLL_CTL_MOD,
              waits ? EPOLLIN | EPOLLOUT : EPOLLIN);
    }
}

void floor_connection_pend(struct floor *floor,
                           struct floor_connection *connection)
{
    if (!connection->is_pending) {
        connection->is_pending = true;
        floor_list_push(&floor->pending, connection);
    }
}

void floor_connection_close(struct floor *floor,
                            struct floor_connection *connection)
{
    if (!connection->is_closing) {
        connection->is_closing = true;
        floor_list_push(&floor->closing, connection);
    }
}

void floor_connection_free(struct floor *floor,
                           struct floor_connection *connection)
{
    if (connection == floor->zone) {
        errx(2, "the zone has closed the link");
    }
    floor_group_leave(floor, connection);
    floor_link_forget(floor, connection);
    close(connection->fd);
    bytes_fini(&connection->in);
    bytes_fini(&connection->out);
    free(connection);
}
