/* SPDX-License-Identifier: MIT */
/* What the application did before domi came: an echo server, and its check. */
#ifndef EMBED_ECHO_H
#define EMBED_ECHO_H

#include <stdbool.h>
#include <uv.h>

struct echo {
    uv_tcp_t server;
    struct sockaddr_in address;
};

/* Listens on a free port of 127.0.0.1. 0 or a libuv code. */
int echo_open(struct echo *echo, uv_loop_t *loop);
void echo_close(struct echo *echo);

/* One round trip to the server over TCP, as a user of it would. */
struct echo_check {
    uv_tcp_t tcp;
    uv_connect_t connect;
    uv_write_t write;
    char bytes[16];
    size_t size; /* read so far */
    bool right;
    void (*on_done)(struct echo_check *check, bool right);
};

/* Calls `on_done` once, in a later turn of the loop. */
void echo_check(struct echo_check *check, const struct echo *echo,
                void (*on_done)(struct echo_check *check, bool right));

#endif
