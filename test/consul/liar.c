/* SPDX-License-Identifier: MIT */
/* A server that answers what no real Consul can be made to answer. */
#include "liar.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LOOK_MS 5 /* how soon it sees that it is to stop */

/* False when it is to stop. */
static bool wait_for(struct liar *liar, int fd, unsigned milliseconds)
{
    unsigned waited = 0;

    while (waited < milliseconds && !atomic_load(&liar->stopping)) {
        struct pollfd poll_fd = {.fd = fd, .events = POLLIN};

        if (poll(&poll_fd, fd < 0 ? 0 : 1, LOOK_MS) > 0) {
            break;
        }
        waited += LOOK_MS;
    }
    return !atomic_load(&liar->stopping);
}

static bool send_all(int fd, const char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t n = send(fd, bytes, size, MSG_NOSIGNAL);

        if (n < 0) {
            return false;
        }
        bytes += n;
        size -= (size_t)n;
    }
    return true;
}

static bool read_request(struct liar *liar, int fd)
{
    size_t size = 0;

    do {
        ssize_t n;

        if (!wait_for(liar, fd, UINT32_MAX / 2) ||
            size == sizeof(liar->request) - 1) {
            return false;
        }
        n = recv(fd, liar->request + size, sizeof(liar->request) - 1 - size, 0);
        if (n <= 0) {
            return false;
        }
        size += (size_t)n;
        liar->request[size] = '\0';
    } while (!strstr(liar->request, "\r\n\r\n"));
    return true;
}

static void act(struct liar *liar, int fd)
{
    const struct script *script = &liar->script;
    const char *head = script->head ? script->head : "";
    size_t head_size = script->head_size ? script->head_size : strlen(head);
    size_t tail_size = script->tail_size;

    if (script->tail && tail_size == 0) {
        tail_size = strlen(script->tail);
    }
    if (!wait_for(liar, -1, script->hesitate_ms) ||
        !send_all(fd, head, head_size)) {
        return;
    }
    for (unsigned i = 0; i < script->times; i++) {
        if (!wait_for(liar, -1, script->pause_ms) ||
            !send_all(fd, script->tail, tail_size)) {
            return;
        }
    }
    if (script->hang) {
        wait_for(liar, fd, UINT32_MAX / 2);
    }
}

static void *run(void *arg)
{
    struct liar *liar = arg;

    while (wait_for(liar, liar->fd, UINT32_MAX / 2)) {
        int fd = accept4(liar->fd, NULL, NULL, SOCK_CLOEXEC);

        if (fd < 0) {
            continue;
        }
        if (read_request(liar, fd)) {
            act(liar, fd);
        }
        close(fd);
    }
    return NULL;
}

void liar_open(struct liar *liar, const struct script *script)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    socklen_t size = sizeof(address);

    memset(liar, 0, sizeof(*liar));
    liar->script = *script;
    liar->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(liar->fd >= 0);
    assert_int_equal(bind(liar->fd, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(liar->fd, 16), 0);
    assert_int_equal(getsockname(liar->fd, (struct sockaddr *)&address, &size),
                     0);
    snprintf(liar->url, sizeof(liar->url), "http://127.0.0.1:%d",
             ntohs(address.sin_port));
    assert_int_equal(pthread_create(&liar->thread, NULL, run, liar), 0);
}

void liar_stop(struct liar *liar)
{
    atomic_store(&liar->stopping, true);
    pthread_join(liar->thread, NULL);
}

void liar_close(struct liar *liar)
{
    close(liar->fd);
}
