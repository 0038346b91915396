/* SPDX-License-Identifier: MIT */
/* Inside transport: what waits to be sent on a session. */
#ifndef DOMI_TRANSPORT_QUEUE_H
#define DOMI_TRANSPORT_QUEUE_H

#include "transport/loop_inner.h"

/* The longest header of a WebSocket frame that a server sends. */
#define DOMI__WS_HEADER_MAX 10u

/* Bytes of a buffer, alone or shared with other sessions. */
struct domi__piece {
    struct domi__buffer *buffer;
    uint32_t begin;
    uint32_t end;
};

#define DOMI__QUEUE_INLINE 8u

/*
 * A ring of pieces. A session has a queue only while something is pending.
 * A piece holds whole frames; of the first one a part may have been sent.
 */
struct domi__queue {
    struct domi__queue *next; /* in the loop's list of free ones */
    size_t size;              /* bytes in all pieces */
    uint32_t unsent;          /* of the frame at the head that was begun */
    uint32_t head;
    uint32_t count;
    uint32_t capacity; /* a power of two */
    struct domi__piece *pieces;
    struct domi__piece inline_pieces[DOMI__QUEUE_INLINE];
};

/* Writes the header of a binary WebSocket message of `size` bytes; returns
   its length. */
size_t domi__ws_header(uint8_t *out, size_t size);

/* Room for `size` own bytes at the end of the queue, which count as sent from
   now on; NULL when memory is short. Limits are the caller's. */
uint8_t *domi__queue_reserve(struct domi__session *session, size_t size);

/* Adds a part of a shared buffer. 0 or UV_ENOMEM. */
int domi__queue_share(struct domi__session *session,
                      struct domi__buffer *buffer, uint32_t begin,
                      uint32_t end);

/* Makes room for `size` bytes by the session's policy: 0, or
   DOMI_E_QUEUE_FULL, or DOMI_E_SESSION_GONE. */
int domi__queue_admit(struct domi__session *session, size_t size);

/* The session cannot send now: packs small parts of shared buffers, so that
   what waits costs no more memory than its bytes. */
void domi__queue_pack(struct domi__session *session);

#endif
