/* SPDX-License-Identifier: MIT */
/* Inside transport: what loop.c shares with sessions and queues. */
#ifndef DOMI_TRANSPORT_LOOP_INNER_H
#define DOMI_TRANSPORT_LOOP_INNER_H

#include <uv.h>

#include "transport/buffer.h"
#include "transport/kinds.h"

#define DOMI__WHEEL_SLOTS 512u /* a power of two */
#define DOMI__WHEEL_MS 32u     /* of one slot */

/*
 * Timers in slots of 32 ms. One that is due further ahead than the wheel
 * reaches waits in the last slot and is put in again from there.
 */
struct domi__wheel {
    struct domi__list slots[DOMI__WHEEL_SLOTS];
    uint64_t tick;  /* the slot that was run last, counted from 1 */
    uint64_t armed; /* the tick that the uv timer waits for; 0: none */
};

struct domi__loop {
    uv_loop_t *uv;
    unsigned users; /* gets without a put */
    unsigned holds;
    bool closing;
    unsigned handles; /* of uv, still to be closed */
    struct domi__put *puts;     /* one for each user */
    struct domi__put *last_put; /* of the last user, when there is none */

    int epoll;
    uv_poll_t poll;
    uv_prepare_t prepare;
    uv_check_t check;
    uv_timer_t timer;
    struct domi__waker waker;
    struct domi__watch waker_watch;

    bool settled; /* nothing is left to do before the loop blocks */

    struct domi__list hooks;
    struct domi__list dirty;    /* sessions to flush */
    struct domi__list deferred;
    struct domi__list handshakes; /* sessions that are not open yet */
    struct domi__list batches;
    struct domi__wheel wheel;
    uint64_t listened_ms; /* when all sockets were looked at last */
    uint64_t sweep_ms;    /* when the present look at all of them began */
    size_t swept;         /* events that it has met; 0: it has not begun */
    size_t watches;       /* in the epoll set */
    bool polled;          /* in this turn */

    uint64_t checked_ms;  /* when the last poll ended */
    uint64_t prepared_ms; /* when it began */
    int wait_ms;          /* how long it was to last; -1: for ever */
    uint64_t lost_ms;     /* for which the loop stood still, in all */

    struct domi__buffers buffers;
    struct domi__queue *queues; /* free ones */
    unsigned queues_kept;
    uint8_t *read_buffer;
    struct domi__tls_share *tls; /* NULL: nobody has used TLS */
};

/* The session has something to send; the loop comes to it in this turn, be it
   that an application's own prepare handle ran behind ours. */
void domi__loop_flush_soon(struct domi__session *session);

/* The wheel, in timer.c. */
void domi__wheel_init(struct domi__loop *loop);
void domi__wheel_run(struct domi__loop *loop);

/* A queue for a session that begins to have something to send, in queue.c. */
void domi__queues_fini(struct domi__loop *loop);

/* Calls on_low when it is due; in queue.c. */
void domi__session_tell_low(struct domi__session *session);

/* Empties the batches of the turn, in fanout.c. */
void domi__batches_end(struct domi__loop *loop);

#endif
