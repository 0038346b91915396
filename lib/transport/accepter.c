/* SPDX-License-Identifier: MIT */
/*
 * A listening socket: accepts until there are no more.
 *
 * The last descriptors that the process may have are kept for others: for
 * links, for the registry, for files. Who comes when no more than these are
 * left is closed at once. When even they, or memory, are used up it stops
 * asking, says so once, and tries again ten times a second; connections wait
 * in the kernel meanwhile.
 */
#include "transport/kinds.h"

#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include "domi/err.h"

#define BACKLOG 4096
#define RETRY_MS 100u
#define ACCEPTS_PER_TURN 256 /* so that sessions have their turn too */
#define RESERVE 32           /* descriptors; a process with few keeps fewer */

static void on_retry(struct domi__timer *timer);

static void pause_accepting(struct domi__accepter *accepter, int error)
{
    if (!accepter->paused) {
        accepter->paused = true;
        if (accepter->pauses) {
            ++*accepter->pauses;
        }
        domi__log(accepter->log, DOMI_LOG_ERROR,
                  "accepting is paused: %s; new connections wait",
                  domi_strerror(uv_translate_sys_error(error)));
    }
    domi__watch_set(accepter->loop, &accepter->watch, 0);
    domi__timer_start(accepter->loop, &accepter->retry, RETRY_MS, on_retry);
}

static void resume_accepting(struct domi__accepter *accepter)
{
    if (accepter->paused) {
        accepter->paused = false;
        domi__log(accepter->log, DOMI_LOG_INFO, "accepting goes on");
    }
}

static bool is_shortage(int error)
{
    return error == EMFILE || error == ENFILE || error == ENOBUFS ||
           error == ENOMEM;
}

/* The first descriptor of the reserve. Numbers below one that is new are all
   in use, so that none need be counted. */
static int reserve_of_process(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur > INT_MAX) {
        return INT_MAX;
    }
    return (int)limit.rlim_cur -
           (limit.rlim_cur >= 4 * RESERVE ? RESERVE
                                          : (int)limit.rlim_cur / 4);
}

static void close_surplus(struct domi__accepter *accepter, int fd)
{
    close(fd);
    if (accepter->surplus) {
        ++*accepter->surplus;
    }
    domi__log_peer(accepter->log, DOMI_LOG_WARNING,
                   "a connection is refused: descriptors are short");
}

static void on_ready(struct domi__watch *watch, unsigned events)
{
    struct domi__accepter *accepter =
        DOMI__CONTAINER(watch, struct domi__accepter, watch);
    const int reserve = reserve_of_process();
    const int on = 1;

    (void)events;
    for (int i = 0; i < ACCEPTS_PER_TURN && watch->fd >= 0; i++) {
        int fd = accept4(watch->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd < 0) {
            if (is_shortage(errno)) {
                pause_accepting(accepter, errno);
                return;
            }
            if (errno == EAGAIN) {
                return;
            }
            continue; /* a connection that failed before it was accepted */
        }
        if (fd >= reserve) {
            close_surplus(accepter, fd);
            continue;
        }
        resume_accepting(accepter);
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        accepter->on_socket(accepter, fd);
    }
}

static void on_retry(struct domi__timer *timer)
{
    struct domi__accepter *accepter =
        DOMI__CONTAINER(timer, struct domi__accepter, retry);
    int err = domi__watch_set(accepter->loop, &accepter->watch, EPOLLIN);

    if (err) {
        domi__timer_start(accepter->loop, timer, RETRY_MS, on_retry);
    } else {
        on_ready(&accepter->watch, EPOLLIN);
    }
}

static int parse_address(const char *host, int port,
                         struct sockaddr_storage *address, socklen_t *size)
{
    *size = sizeof(struct sockaddr_in);
    if (uv_ip4_addr(host, port, (struct sockaddr_in *)address) == 0) {
        return 0;
    }
    *size = sizeof(struct sockaddr_in6);
    return uv_ip6_addr(host, port, (struct sockaddr_in6 *)address);
}

static int bind_and_listen(int fd, const struct domi__listen *listen_on,
                           int *port)
{
    struct sockaddr_storage address;
    socklen_t size;
    const int on = 1;
    int err;

    memset(&address, 0, sizeof(address));
    err = parse_address(listen_on->host, listen_on->port, &address, &size);
    if (err) {
        return err;
    }
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(fd, (struct sockaddr *)&address, size) || listen(fd, BACKLOG)) {
        return uv_translate_sys_error(errno);
    }
    size = sizeof(address);
    getsockname(fd, (struct sockaddr *)&address, &size);
    *port = ntohs(((struct sockaddr_in *)&address)->sin_port);
    return 0;
}

int domi__accepter_open(struct domi__accepter *accepter,
                        const struct domi__listen *listen_on, int *port,
                        void (*on_socket)(struct domi__accepter *accepter,
                                          int fd))
{
    int family = strchr(listen_on->host, ':') ? AF_INET6 : AF_INET;
    int fd =
        socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int err;

    if (fd < 0) {
        return uv_translate_sys_error(errno);
    }
    *accepter = (struct domi__accepter){
        .watch = {.fd = fd, .ready = on_ready},
        .loop = listen_on->loop,
        .log = listen_on->log,
        .pauses = listen_on->pauses,
        .surplus = listen_on->surplus,
        .on_socket = on_socket,
    };
    err = bind_and_listen(fd, listen_on, port);
    if (!err) {
        err = domi__watch_set(accepter->loop, &accepter->watch, EPOLLIN);
    }
    if (err) {
        close(fd);
        accepter->watch.fd = -1;
    }
    return err;
}

void domi__accepter_close(struct domi__accepter *accepter)
{
    if (accepter->watch.fd >= 0) {
        domi__timer_stop(&accepter->retry);
        domi__watch_remove(accepter->loop, &accepter->watch);
        close(accepter->watch.fd);
        accepter->watch.fd = -1;
    }
}
