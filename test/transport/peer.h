/* SPDX-License-Identifier: MIT */
/* For tests of listeners: a loop to turn by hand, and peers on real sockets. */
#ifndef DOMI_TEST_TRANSPORT_PEER_H
#define DOMI_TEST_TRANSPORT_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uv.h>

/* Turns the loop until the condition holds, or fails after ten seconds. */
#define RUN_UNTIL(uv, condition) RUN_FOR(uv, 10u, condition)

#define RUN_FOR(uv, seconds, condition)                                        \
    do {                                                                       \
        uint64_t run_until_end =                                               \
            uv_hrtime() + (seconds) * UINT64_C(1000000000);                    \
        while (!(condition)) {                                                 \
            assert_true(uv_hrtime() < run_until_end);                          \
            turn(uv);                                                          \
        }                                                                      \
    } while (0)

/* One turn of the loop, which waits for 5 ms at most. */
void turn(uv_loop_t *uv);

/* A client's end of a connection. */
struct peer {
    int fd;
    bool ended; /* no more will come */
    bool reset; /* by a reset, not an orderly end */
    size_t size;
    uint8_t bytes[1 << 20]; /* what came */
};

struct peer *peer_open(int port);
void peer_free(struct peer *peer);

/* Sends all, turning the loop while the socket takes nothing. */
void peer_send(uv_loop_t *uv, struct peer *peer, const void *bytes,
               size_t size);
void peer_say(uv_loop_t *uv, struct peer *peer, const char *text);

/* Reads what is there. Returns whether `text` is in what came so far. */
bool peer_has(struct peer *peer, const char *text);
size_t peer_read(struct peer *peer);
bool peer_ended(struct peer *peer);

/* The descriptors this process has open. */
int open_descriptors(void);

#endif
