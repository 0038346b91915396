/* SPDX-License-Identifier: MIT */
/* Where whole nodes are fuzzed: a loop, and peers that a script plays. */
#ifndef TEST_FUZZ_STAND_H
#define TEST_FUZZ_STAND_H

#include <uv.h>

#include "frame/frame.h"
#include "script.h"
#include "target.h"

/*
 * One process, one loop, no threads, and nothing from outside: the clocks and
 * the random source are the stand's own, so that a script does the same each
 * time. Sockets are real ones, but in pairs: the linker puts the stand's
 * functions in the place of those that the library listens, connects and tells
 * the time by (see meson.build). Between two turns of the loop every peer reads
 * what it was sent, and what it was sent is checked.
 */

#define PEERS_MAX 12u

/* Who the script plays. */
enum role {
    PEER_USER,    /* of a gateway, over TCP */
    PEER_GATEWAY, /* a link to a zone */
    PEER_ZONE,    /* what a gateway dialled */
    PEER_BROWSER, /* of a gateway, over HTTP */
};

struct peer {
    int fd; /* -1: none */
    enum role role;
    bool greeted;  /* the bytes before the first frame have come */
    bool deaf;     /* reads nothing */
    uint8_t *in;   /* of a frame that is not whole yet */
    size_t size;
};

struct stand {
    uv_loop_t uv;
    struct domi__loop *loop; /* the library's share, as long as it lives */
    struct script script;
    struct peer peers[PEERS_MAX];
    uint64_t now_ns;
    uint64_t chance;
    bool refuses;     /* connections to zones fail */
    bool is_stranger; /* peers' addresses are not of this machine */
    uint64_t files;   /* one bit for each descriptor that is open */
    int first_file;
};

/* The one stand of the process. */
extern struct stand stand;

void stand_open(const uint8_t *bytes, size_t size);

/* One turn of the loop, then all peers read. */
void stand_turn(void);

/* Time passes, and timers fire. */
void stand_wait(unsigned ms);

/* Turns until `*done`, for at most some minutes of the stand's time. */
void stand_until(const bool *done);

/* Closes the peers and the loop. The nodes have been closed. */
void stand_close(void);

/*
 * The acts that all targets share: an act is a byte, its number modulo
 * ACT_OWN plus the number of the target's own. Returns false for those, which
 * begin at 0.
 */
enum act {
    ACT_TURN,
    ACT_CONNECT, /* as the target's role; then as GREET when the byte is odd */
    ACT_GREET,   /* the magic; or an id, where a zone is played */
    ACT_FRAME,
    ACT_RAW,     /* a counted string */
    ACT_CLOSE,
    ACT_DEAF,    /* stops reading, or goes on */
    ACT_WAIT,    /* a byte modulo 128, times 100 ms */
    ACT_WORLD,   /* a byte: 1: connections to zones fail, 2: peers are no
                    longer of this machine, 4: a byte follows, which allocation
                    from now on fails */
    ACT_OWN,
};
bool stand_act(unsigned act, enum role role);

/* Takes the next act of a target with `own` ones: its number, as above. */
unsigned stand_next_act(unsigned own);

#endif
