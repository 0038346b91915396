/* SPDX-License-Identifier: MIT */
/* For the tests of transport: a loop, owners that note what they see, and
   plain sockets as their peers. */
#ifndef DOMI_TEST_TRANSPORT_FIXTURE_H
#define DOMI_TEST_TRANSPORT_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <uv.h>

#include "transport/transport.h"

#define FIRST_TYPE 50 /* of the application's frames */

/* ---- a loop -------------------------------------------------------------- */

struct fixture {
    uv_loop_t uv;
    struct domi__loop *loop;
    struct domi__log log;
    uv_timer_t tick; /* so that a wait looks again, and ends */
    uint64_t deadline_ns;
    int descriptors; /* of the process before the set-up */
    unsigned lines;  /* of the log */
};

void fixture_init(struct fixture *fixture);

/* Gives the share back, runs the loop until nothing is left on it, and checks
   that no descriptor is left over. */
void fixture_fini(struct fixture *fixture);

/* Turns the loop until the condition holds; fails after ten seconds. */
#define RUN_UNTIL(fixture, condition)                                          \
    for (fixture_wait(fixture); !(condition);) {                               \
        fixture_turn(fixture, #condition, __FILE__, __LINE__);                 \
    }

void fixture_wait(struct fixture *fixture);
void fixture_turn(struct fixture *fixture, const char *condition,
                  const char *file, int line);

/* One turn, which does not wait for anything. */
void fixture_turn_once(struct fixture *fixture);

/* Open descriptors of this process. */
int count_descriptors(void);

/* ---- owners -------------------------------------------------------------- */

/* Who owns sessions, and notes what they report. */
struct party {
    struct fixture *fixture;
    struct domi__session_limits limits;
    uint64_t next_id; /* admit gives it and counts on; 0: refuses */
    bool has_farewell;
    uint64_t pauses;

    unsigned admitted;
    unsigned opened;
    unsigned frames;
    unsigned lows;
    unsigned closed;
    size_t dropped;
    enum domi_reason reason;       /* of the last close */
    struct domi__session *session; /* the one that opened last, until closed */

    uint8_t *bytes; /* the frames that came, header and all */
    size_t size;
    size_t capacity;

    /* What else to do; may be NULL. */
    void (*on_open)(struct party *party, struct domi__session *session);
    bool (*on_frame)(struct party *party, struct domi__session *session,
                     const struct domi_frame *frame); /* before it is noted */
    void (*on_low)(struct party *party, struct domi__session *session);
    void (*on_drop)(struct party *party, struct domi__session *session);
    void (*on_close)(struct party *party, struct domi__session *session);
    void *user;
};

/* Limits that are in nobody's way. */
void party_init(struct party *party, struct fixture *fixture);
void party_fini(struct party *party);

/* For domi__tcp_listen and domi__tcp_dial. */
struct domi__listen party_listen(struct party *party, int port);

struct domi__memory_port party_port(struct party *party);

/* A listener on a free port of 127.0.0.1. */
struct domi__listener *party_open(struct party *party);

/* Closes it and waits until it is closed. */
void listener_end(struct fixture *fixture, struct domi__listener *listener);

/* ---- peers --------------------------------------------------------------- */

/* A plain socket and what it has read. */
struct client {
    int fd;
    bool ended; /* the server closed, in order or not */
    uint8_t *bytes;
    size_t size;
    size_t capacity;
    size_t at; /* behind what client_frame returned last */
};

void client_open(struct client *client, int port);
void client_close(struct client *client);

/* As much as the socket takes now. Returns how much. */
size_t client_try_send(struct client *client, const void *bytes, size_t size);

/* All of it, which must go at once. */
void client_send(struct client *client, const void *bytes, size_t size);
void client_send_magic(struct client *client);

/* Reads what is there now. True: at least `size` bytes have come in all. */
bool client_has(struct client *client, size_t size);

/* Reads what is there now. True: the server has closed. */
bool client_ended(struct client *client);

/* The next whole frame that came behind the id; false when there is none. */
bool client_frame(struct client *client, struct domi_frame *frame);

/* Opens a client, sends the magic and runs until its session is open. */
void client_connect(struct client *client, struct party *party,
                    struct domi__listener *listener);

/* ---- frames -------------------------------------------------------------- */

/* Writes a frame whose data are `size` bytes that follow from `number`, which
   come first as 4 bytes. Returns the size of the frame. */
size_t numbered_frame(uint8_t *out, uint32_t number, uint32_t size);

/* The number of such a frame; fails when its data is not what was written. */
uint32_t number_of(const struct domi_frame *frame);

/* Sends a frame as numbered_frame writes it; returns what the send did. */
int send_numbered(struct domi__session *session, uint32_t number,
                  uint32_t size);

#endif
