/* SPDX-License-Identifier: MIT */
/* Sockets: when to look at them, writing to them, who is at the other end. */
#include "transport/socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/sockios.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

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
            domi__session_set_blocked(session, true, n > 0);
            return;
        }
    }
    domi__session_set_blocked(session, false, true);
}

int domi__socket_unsent(int fd)
{
    int unsent = 0;

    return ioctl(fd, SIOCOUTQ, &unsent) ? 0 : unsent;
}

void domi__socket_close(struct domi__session *session)
{
    if (session->watch.fd >= 0) {
        domi__watch_remove(session->loop, &session->watch);
        close(session->watch.fd);
        session->watch.fd = -1;
    }
}

void domi__socket_read_to_end(struct domi__session *session)
{
    uint8_t *buffer = domi__loop_read_buffer(session->loop);
    ssize_t n = recv(session->watch.fd, buffer, DOMI__READ_BUFFER, 0);

    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
        session->transport->shut(session, false);
    }
}

/* ---- the peer ------------------------------------------------------------ */

void domi__socket_address(int fd, char *out, size_t size)
{
    struct sockaddr_storage peer;
    socklen_t length = sizeof(peer);
    char ip[INET6_ADDRSTRLEN];

    if (getpeername(fd, (struct sockaddr *)&peer, &length)) {
        snprintf(out, size, "unknown");
        return;
    }
    if (peer.ss_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)&peer;

        inet_ntop(AF_INET, &v4->sin_addr, ip, sizeof(ip));
        snprintf(out, size, "%s:%u", ip, ntohs(v4->sin_port));
    } else {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&peer;

        inet_ntop(AF_INET6, &v6->sin6_addr, ip, sizeof(ip));
        snprintf(out, size, "[%s]:%u", ip, ntohs(v6->sin6_port));
    }
}

/* 127.0.0.0/8, ::1, and the first as a socket for both kinds shows it. */
bool domi__socket_is_loopback(int fd)
{
    struct sockaddr_storage peer;
    socklen_t length = sizeof(peer);
    const struct in6_addr *v6;

    if (getpeername(fd, (struct sockaddr *)&peer, &length)) {
        return false;
    }
    if (peer.ss_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)&peer;

        return ntohl(v4->sin_addr.s_addr) >> 24 == 127;
    }
    v6 = &((const struct sockaddr_in6 *)&peer)->sin6_addr;
    return peer.ss_family == AF_INET6 &&
           (IN6_IS_ADDR_LOOPBACK(v6) ||
            (IN6_IS_ADDR_V4MAPPED(v6) && v6->s6_addr[12] == 127));
}
