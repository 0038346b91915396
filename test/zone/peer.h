/* SPDX-License-Identifier: MIT */
/* A zone on a loop, and gateways played by hand over real sockets. */
#ifndef TEST_ZONE_PEER_H
#define TEST_ZONE_PEER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <uv.h>

#include "domi/zone.h"

/* The recorded ids of the reference. */
#define USER_A 519598772224u
#define USER_B 522203435008u
#define USER_C 523486892032u
#define GROUP 666u

#define GROUPS_MAX 1024

/*
 * The zone of a test. Its groups do what the chat's room does: 50 adds the
 * user that the data names, 51 is broadcast as it is.
 */
struct fixture {
    uv_loop_t loop;
    uv_timer_t pulse; /* the loop turns every millisecond at least */
    struct domi_zone *zone;
    bool zone_closed;
    char log[65536]; /* all lines */

    /* Set before the start; added to each new group. */
    void (*setup)(struct fixture *fixture, struct domi_group *group);

    /* Counted on the workers. */
    atomic_uint joined;
    atomic_uint left[DOMI_REASON_COUNT];
    atomic_uint closed[DOMI_REASON_COUNT];
};

/* One end of a link. */
struct peer {
    struct fixture *fixture;
    int fd;
    uint64_t id; /* of the link */
    uint8_t *in; /* received and not yet expected */
    size_t size;
    uint8_t *last; /* the frame that was taken last */
    bool ended; /* the zone has closed the connection */
};

/* The log's lines that hold this text. */
unsigned fixture_logged(const struct fixture *fixture, const char *text);

/* The options that tests begin with: a free port, and the chat's groups. */
struct domi_zone_options fixture_options(struct fixture *fixture);

/* A started zone. */
void fixture_init(struct fixture *fixture,
                  const struct domi_zone_options *options);

/* Closes the zone, and checks that nothing is left on the loop. */
void fixture_fini(struct fixture *fixture);

/* Turns the loop until `condition` holds; fails after ten seconds. */
#define fixture_wait(fixture, condition)                                       \
    do {                                                                       \
        uint64_t deadline = uv_hrtime() + UINT64_C(10000000000);               \
                                                                               \
        while (!(condition)) {                                                 \
            assert_true(uv_hrtime() < deadline);                               \
            uv_run(&(fixture)->loop, UV_RUN_ONCE);                             \
        }                                                                      \
    } while (0)

struct domi_zone_stats fixture_stats(const struct fixture *fixture);

/* Connects to a port of the zone, and says nothing. */
void peer_connect(struct peer *peer, struct fixture *fixture, int port);

/* Connects and says the magic; the link is open when this returns. */
void peer_open(struct peer *peer, struct fixture *fixture);
void peer_close(struct peer *peer);

/* Sends bytes while the loop turns. */
void peer_send(struct peer *peer, const void *bytes, size_t size);

/* Sends recorded bytes, with this link's id in place of the recorded one. */
void peer_send_hex(struct peer *peer, const char *hex);

/* A frame for a group. */
void peer_send_frame(struct peer *peer, uint64_t user, uint64_t group,
                     uint16_t type, const void *data, uint32_t size);

/* The chat's join. */
void peer_join(struct peer *peer, uint64_t user, uint64_t group);

/* Waits for exactly these bytes. */
void peer_expect(struct peer *peer, const void *bytes, size_t size);
void peer_expect_hex(struct peer *peer, const char *hex);

/* Waits for a whole frame and returns its size; it is at peer->in. */
size_t peer_wait_frame(struct peer *peer);

/* Says hello with these features, and waits for the answer. */
void peer_hello(struct peer *peer, uint32_t features);

/* Waits for the next frame, and takes it; valid until the next call. */
struct domi_frame peer_next(struct peer *peer);

/* Waits for the next frame, which is one of the directory that names a group:
   PLACED, GROUP_CLOSED, or GROUPS with one. */
void peer_expect_group(struct peer *peer, uint16_t type, uint64_t group,
                       uint64_t number);

/* Nothing more has come: a heartbeat is answered at once. */
void peer_expect_nothing(struct peer *peer);

/* Takes the first `size` bytes away. */
void peer_drop(struct peer *peer, size_t size);

/* Waits until the zone has closed the connection, and sent nothing more. */
void peer_expect_end(struct peer *peer);

/* As above, whatever it sent before. */
void peer_expect_rest(struct peer *peer);

#endif
