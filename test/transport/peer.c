/* SPDX-License-Identifier: MIT */
/* Peers on real sockets, for tests of listeners. */
#include "peer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

/* Only ends a wait. */
static void on_tick(uv_timer_t *timer)
{
    (void)timer;
}

static void on_tick_closed(uv_handle_t *handle)
{
    free(handle);
}

void turn(uv_loop_t *uv)
{
    uv_timer_t *tick = malloc(sizeof(*tick));

    assert_non_null(tick);
    uv_timer_init(uv, tick);
    uv_timer_start(tick, on_tick, 5, 5);
    uv_run(uv, UV_RUN_ONCE);
    uv_close((uv_handle_t *)tick, on_tick_closed);
    uv_run(uv, UV_RUN_NOWAIT);
}

struct peer *peer_open(int port)
{
    struct peer *peer = calloc(1, sizeof(*peer));
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };

    assert_non_null(peer);
    peer->fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(peer->fd >= 0);
    assert_int_equal(
        connect(peer->fd, (struct sockaddr *)&address, sizeof(address)), 0);
    fcntl(peer->fd, F_SETFL, O_NONBLOCK);
    return peer;
}

void peer_free(struct peer *peer)
{
    close(peer->fd);
    free(peer);
}

void peer_send(uv_loop_t *uv, struct peer *peer, const void *bytes,
               size_t size)
{
    const uint8_t *at = bytes;

    for (int i = 0; size > 0 && i < 100000; i++) {
        ssize_t n = send(peer->fd, at, size, MSG_NOSIGNAL);

        if (n > 0) {
            at += n;
            size -= (size_t)n;
        } else if (errno == EAGAIN) {
            turn(uv);
        } else {
            return; /* closed by the other side, as many tests want it */
        }
    }
    assert_int_equal(size, 0);
}

void peer_say(uv_loop_t *uv, struct peer *peer, const char *text)
{
    peer_send(uv, peer, text, strlen(text));
}

size_t peer_read(struct peer *peer)
{
    while (!peer->ended && peer->size < sizeof(peer->bytes)) {
        ssize_t n = recv(peer->fd, peer->bytes + peer->size,
                         sizeof(peer->bytes) - peer->size, 0);

        if (n > 0) {
            peer->size += (size_t)n;
        } else if (n == 0 || errno != EAGAIN) {
            peer->ended = true;
            peer->reset = n < 0;
        } else {
            break;
        }
    }
    return peer->size;
}

bool peer_has(struct peer *peer, const char *text)
{
    peer_read(peer);
    return memmem(peer->bytes, peer->size, text, strlen(text)) != NULL;
}

bool peer_ended(struct peer *peer)
{
    peer_read(peer);
    return peer->ended;
}

int open_descriptors(void)
{
    DIR *folder = opendir("/proc/self/fd");
    int count = 0;

    assert_non_null(folder);
    while (readdir(folder)) {
        count++;
    }
    closedir(folder);
    return count;
}
