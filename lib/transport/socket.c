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
#include "transport/tls.h"

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
    if (events & EPOLLIN) {
        domi__tls_look(session->tls);
    }
    if (domi__watch_set(session->loop, &session->watch, events)) {
        domi__session_close(session, DOMI_REASON_SOCKET);
    }
}

static void fail(struct domi__session *session)
{
    domi__session_close(session, errno == EPROTO && session->tls
                                     ? DOMI_REASON_TLS
                                     : DOMI_REASON_SOCKET);
}

size_t domi__socket_read(struct domi__session *session, struct iovec *parts,
                         int count)
{
    ssize_t n = domi__tls_read(session->tls, session->watch.fd, parts, count);

    if (n == 0) {
        domi__session_close(session, DOMI_REASON_PEER_CLOSED);
    } else if (n < 0 && errno != EAGAIN && errno != EINTR) {
        fail(session);
    } else if (session->tls) {
        domi__session_set_blocked(
            session, domi__tls_is_blocked(session->tls), false);
    }
    return n > 0 ? (size_t)n : 0;
}

void domi__socket_flush(struct domi__session *session)
{
    struct iovec pieces[PIECES];

    while (session->queue) {
        size_t size;
        int count = domi__session_pieces(session, pieces, PIECES, &size);
        ssize_t n = domi__tls_write(session->tls, session->watch.fd, pieces,
                                    count, 0);

        if (n < 0 && errno != EAGAIN && errno != EINTR) {
            domi__session_drop_queue(session);
            fail(session);
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
    domi__session_set_blocked(session, !domi__tls_push(session->tls), true);
}

int domi__socket_unsent(int fd)
{
    int unsent = 0;

    return ioctl(fd, SIOCOUTQ, &unsent) ? 0 : unsent;
}

bool domi__socket_end(struct domi__session *session)
{
    bool ended = !session->tls || domi__tls_end(session->tls);

    domi__tls_stream_free(session->tls);
    session->tls = NULL; /* what comes now is read past as it is */
    return ended && shutdown(session->watch.fd, SHUT_WR) == 0 &&
           domi__watch_set(session->loop, &session->watch, EPOLLIN) == 0;
}

void domi__socket_close(struct domi__session *session)
{
    domi__tls_stream_free(session->tls);
    session->tls = NULL;
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

bool domi__address_is_loopback(const struct sockaddr *address)
{
    const struct in6_addr *v6;

    if (address->sa_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)address;

        return ntohl(v4->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
    }
    v6 = &((const struct sockaddr_in6 *)address)->sin6_addr;
    return address->sa_family == AF_INET6 &&
           (IN6_IS_ADDR_LOOPBACK(v6) ||
            (IN6_IS_ADDR_V4MAPPED(v6) && v6->s6_addr[12] == IN_LOOPBACKNET));
}

bool domi__socket_is_loopback(int fd)
{
    struct sockaddr_storage peer;
    socklen_t length = sizeof(peer);

    return getpeername(fd, (struct sockaddr *)&peer, &length) == 0 &&
           domi__address_is_loopback((struct sockaddr *)&peer);
}
