/* SPDX-License-Identifier: MIT */
/* Raw TCP on loopback: users and zones that a test plays by hand. */
#ifndef TEST_PEER_H
#define TEST_PEER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <uv.h>

#include "base/clock.h"
#include "domi/frame.h"

/* Longer than any wait of a healthy run, sanitizers included. */
#define DEADLINE_NS (UINT64_C(20) * 1000 * 1000 * 1000)

/* Turns the loop until the condition holds. */
#define UNTIL(net, condition)                                                  \
    do {                                                                       \
        uint64_t end = domi__clock_ns() + DEADLINE_NS;                         \
                                                                               \
        while (!(condition)) {                                                 \
            if (domi__clock_ns() > end) {                                      \
                fail_msg("%s did not come true", #condition);                  \
            }                                                                  \
            net_turn(net);                                                     \
        }                                                                      \
    } while (0)

/* The loop under test, and the sockets that the test plays. */
struct net {
    uv_loop_t loop;
    uv_timer_t tick; /* so that a turn ends when nothing happens */
    struct peer *peers;
    struct zone *zones;
};

struct bytes {
    uint8_t *bytes;
    size_t size;
    size_t capacity;
};

/* One connection, seen from the far end. */
struct peer {
    struct peer *next;
    struct net *net;
    struct zone *zone; /* that it leads to; NULL: a user */
    int fd;            /* -1 once closed by the test */
    bool deaf;         /* nothing is read */
    bool ended;        /* the other side has closed */
    bool shook;        /* a zone's: magic and id are exchanged */
    bool greeted;      /* a zone's: hello was answered, or passed over */
    struct bytes in;
    struct bytes out;   /* empty once all of it is sent */
    size_t sent;        /* bytes of it */
    struct bytes frame; /* that peer_next returned */
};

/* What listens where a zone would. */
struct zone {
    struct zone *next;
    struct net *net;
    int fd;
    int port;
    bool by_hand;      /* the test does even the handshake */
    bool knows_hello;  /* domi's, not the recorded form */
    uint8_t features;  /* in its answer to hello; GROUPS */
    bool down;         /* whoever comes is cut */
    uint64_t next_id;  /* for the next link */
    unsigned dialled;  /* connections that came */
    struct peer *link; /* the last one */
};

void net_open(struct net *net);

/* Closes what is left and asserts that the loop has no handle any more. */
void net_close(struct net *net);

/* One turn of the loop, then of every socket of the test. */
void net_turn(struct net *net);

struct peer *peer_connect(struct net *net, int port);
/* From this address, of 127.0.0.0/8. */
struct peer *peer_connect_from(struct net *net, const char *from, int port);

void peer_close(struct peer *peer);
void peer_send(struct peer *peer, const void *bytes, size_t size);
void peer_send_hex(struct peer *peer, const char *hex);
void peer_send_frame(struct peer *peer, uint16_t type, const void *data,
                     uint32_t data_size, const void *extend,
                     uint16_t extend_size);

/* Waits for as many bytes and asserts that they are these. */
void peer_expect(struct peer *peer, const void *bytes, size_t size);

/* Waits for the next frame; heartbeats to a zone are answered and skipped.
   It is valid until the next call. */
struct domi_frame peer_next(struct peer *peer);

/* Waits for the next frame and asserts that it is this one. */
void peer_expect_frame(struct peer *peer, uint16_t type, const void *data,
                       uint32_t data_size, const void *extend,
                       uint16_t extend_size);

/* Asserts that a user gets nothing but the answer to a heartbeat. */
void peer_expect_quiet(struct peer *peer);

/* Waits for the end of the connection and asserts that nothing came. */
void peer_expect_end(struct peer *peer);

/* A listener on a free port. */
struct zone *zone_open(struct net *net, bool knows_hello);

/* As if the zone's process had ended, and another had begun. */
void zone_stop(struct zone *zone);
void zone_restart(struct zone *zone);

/* Waits until a link is open. */
void zone_wait(struct zone *zone);

/* Ids one after the other, little endian. Returns the bytes written. */
uint16_t put_ids(uint8_t *out, unsigned count, ...);

#endif
