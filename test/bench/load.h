/* SPDX-License-Identifier: MIT */
/* The load generator: many users in one thread, who join groups, publish and
 * check what they receive. */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include "bytes.h"
#include "check.h"
#include "histogram.h"
#include "usage.h"
#include "wire.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    LOAD_BUFFER_SIZE = 1 << 18,
    LOAD_PAYLOAD_MAX = 1 << 15,
    LOAD_FIRST_GROUP = 1000 /* The id of group 0. */
};

enum load_mode { LOAD_CLOSED, LOAD_RATE, LOAD_IDLE };

enum load_state {
    LOAD_NEW,
    LOAD_CONNECTING,
    LOAD_UPGRADING, /* WebSocket: waits for the answer to the request. */
    LOAD_GREETING,  /* TCP: waits for the session id. */
    LOAD_JOINING,   /* Waits for the answer to the join. */
    LOAD_READY,
    LOAD_GONE
};

struct load_options {
    struct sockaddr_in address;
    bool is_websocket;
    bool is_tls;
    bool joins; /* False: users only shake hands. */
    enum load_mode mode;
    uint32_t users;
    uint32_t groups;
    uint32_t payload;
    uint32_t in_flight;
    double deliveries_per_second;
    double seconds;
    double warmup;
    uint32_t users_per_address;
    struct usage usage;
};

struct load_user {
    int fd;
    uint8_t state;
    bool is_waiting; /* A send was short: EPOLLOUT is armed. */
    uint32_t index;
    uint64_t sent_at; /* When it last sent anything. */
    uint8_t target[WIRE_TARGET_SIZE]; /* The answer to its join. */
    struct bytes in;
    struct bytes out;
    struct ssl_st *tls; /* NULL: the socket is used as it is. */
};

/* A publish of the closed loop that not all members have received yet. */
struct load_flight {
    uint32_t publisher;
    uint32_t sequence;
    uint32_t missing;
};

struct load {
    struct load_options options;
    int poll;
    uint8_t *buffer;   /* Every read goes here. */
    uint8_t *scratch;  /* Frames are put together here. */
    uint64_t tag;      /* Tells this run's messages from any other. */
    uint64_t random;   /* For masks. */
    uint64_t now;      /* When the current bytes were read. */
    struct ssl_ctx_st *tls; /* NULL: nobody has used it yet. */
    struct load_user *users;
    uint32_t ready_count;

    uint64_t heartbeat_at;
    uint32_t heartbeat_user;

    uint32_t *published; /* Per user: messages so far. */
    uint32_t next_publisher;
    struct load_flight *flights;
    uint32_t *free_flights;
    uint32_t free_count;
    uint32_t probe_round;
    uint32_t probes_missing;
    uint8_t *probed; /* Per user: has received a probe of this round. */

    struct check check;
    struct histogram latency;
    uint64_t window_from; /* Latency is of messages sent in the window. */
    uint64_t window_to;
    uint64_t due;       /* Deliveries that the publishes so far make. */
    uint64_t delivered; /* Those that came, each counted once. */
    uint64_t damaged;   /* Messages whose content isn't ours. */
    uint64_t errors;    /* Users lost, notices, anything else unasked. */
};

/* load_options.c */
struct load_options load_options_parse(int argc, char **argv);

/* load_user.c */
void load_user_connect(struct load *load, struct load_user *user);
void load_user_handle(struct load *load, struct load_user *user,
                      uint32_t events);
void load_user_send(struct load *load, struct load_user *user, uint16_t type,
                    const void *data, uint32_t size, const void *extend,
                    uint16_t extend_size);

/* load_tls.c: over a connected socket; `errno` is as for recv and send. */
bool load_tls_open(struct load *load, struct load_user *user);
void load_tls_close(struct load_user *user);
ssize_t load_tls_send(struct load_user *user, const void *data, size_t size);
ssize_t load_tls_receive(struct load_user *user, uint8_t *data, size_t room);

/* load_traffic.c */
void load_traffic_init(struct load *load);
void load_traffic_fini(struct load *load);
/* Publishes one message from the next user in turn. `at` is the time it counts
 * from; `flight` is its place among those in flight, or LOAD_NO_FLIGHT. */
void load_traffic_publish(struct load *load, uint32_t flight, uint64_t at);
/* Closed loop: publishes until as many as allowed are in flight. */
void load_traffic_refill(struct load *load);
void load_traffic_probe(struct load *load);
void load_traffic_take(struct load *load, struct load_user *user,
                       const struct wire_frame *frame);

#define LOAD_NO_FLIGHT UINT32_MAX

/* load_loop.c */
uint64_t load_clock(void);
/* Waits for events, but not beyond `until`, handles them, and sends the
 * heartbeats that are due. */
void load_turn(struct load *load, uint64_t until);
/* Counts an error and says what it is, unless there have been many. */
void load_complain(struct load *load, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
