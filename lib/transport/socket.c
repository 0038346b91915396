/* SPDX-License-Identifier: MIT */
/* Sockets of sessions: when to look at them, and writing to them. */
#include "transport/socket.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "transport/queue.h"

#define PIECES 64

void domi__socket_watch(struct domi__session *session)
{
    unsigned events = 0;

    if (!session->paused) {
        events |= EPOLLIN;
    }
    if (session->blocked) {
        events |= EPOLLOUT;
    }
    if (domi__watch_set(session->loop, &session->watch, events)) {
        domi__session_close(session, DOMI_REASON_SOCKET);
    }
}

static ssize_t write_pieces(int fd, struct iovec *pieces, int count)
{
    struct msghdr message = {.msg_iov = pieces, .msg_iovlen = (size_t)count};

    if (count == 1) {
        return send(fd, pieces->iov_base, pieces->iov_len, MSG_NOSIGNAL);
    }
    return sendmsg(fd, &message, MSG_NOSIGNAL);
}

static void set_blocked(struct domi__session *session, bool blocked)
{
    if (session->blocked != blocked) {
        session->blocked = blocked;
        domi__socket_watch(session);
    }
}

void domi__socket_flush(struct domi__session *session)
{
    struct iovec pieces[PIECES];

    while (session->queue) {
        size_t size;
        int count = domi__session_pieces(session, pieces, PIECES, &size);
        ssize_t n = write_pieces(session->watch.fd, pieces, count);

        if (n < 0 && errno != EAGAIN && errno != EINTR) {
            domi__session_drop_queue(session);
            domi__session_close(session, DOMI_REASON_SOCKET);
            return;
        }
        if (n > 0) {
            domi__session_sent(session, (size_t)n);
        }
        if (n < (ssize_t)size) {
            domi__queue_pack(session);
            set_blocked(session, true);
            return;
        }
    }
    set_blocked(session, false);
}

void domi__socket_read_to_end(struct domi__session *session)
{
    uint8_t *buffer = domi__loop_read_buffer(session->loop);
    ssize_t n = recv(session->watch.fd, buffer, DOMI__READ_BUFFER, 0);

    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
        session->transport->shut(session, false);
    }
}
