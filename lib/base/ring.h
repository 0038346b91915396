/* SPDX-License-Identifier: MIT */
/* The ring: variable-length records from one thread to one other. */
#ifndef DOMI_BASE_RING_H
#define DOMI_BASE_RING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DOMI__RING_LINE 64 /* bytes of a cache line */

/*
 * A byte ring. Each record is a header of 8 bytes and its bytes, rounded up
 * to 8, and never wraps: where the end is too near, a filler record is left
 * there. Each side keeps its indices and a cached copy of the other side's in
 * cache lines of its own. Records become visible to the consumer by publish,
 * their room returns to the producer by release.
 *
 * Indices count bytes from the beginning and never wrap in practice; an index
 * modulo the size is a place in the ring.
 */
struct domi__ring {
    uint8_t *bytes;
    size_t size; /* a power of two */

    /* The producer's. */
    _Alignas(DOMI__RING_LINE) size_t head; /* behind the last committed */
    size_t reserved;    /* bytes of the open reservation, filler included */
    uint32_t *record;   /* header of the open reservation */
    size_t cached_tail; /* `released` as last seen */
    size_t wanted;      /* what `released` must reach for domi__ring_has_room */

    /* Written by the producer, read by the consumer. */
    _Alignas(DOMI__RING_LINE) atomic_size_t published;
    atomic_size_t starved; /* `wanted` + 1 while the producer waits, or 0 */

    /* The consumer's. */
    _Alignas(DOMI__RING_LINE) size_t tail; /* of what peek returns next */
    size_t taken;       /* bytes of the record that peek returned last */
    size_t cached_head; /* `published` as last seen */

    /* Written by the consumer, read by the producer. */
    _Alignas(DOMI__RING_LINE) atomic_size_t released;
};

/* `size` is a power of two, from 4096 to 2^31. 0 or UV_ENOMEM. */
int domi__ring_init(struct domi__ring *ring, size_t size);

/* Accepts zeroed memory. */
void domi__ring_fini(struct domi__ring *ring);

/* The largest record that the ring takes for certain once it is empty. */
size_t domi__ring_limit(const struct domi__ring *ring);

/*
 * Producer: room for a record of `size` bytes, at most the limit, aligned to
 * 8, to be written and then committed; NULL when there is none now. Then
 * `starved` is set, and a domi__ring_release of the consumer returns true once
 * this record has room and a quarter of the ring is free.
 */
void *domi__ring_reserve(struct domi__ring *ring, size_t size);

/* Producer: whether the room that reserve last wanted in vain has come; true
   when it never wanted any. */
bool domi__ring_has_room(const struct domi__ring *ring);

/* Producer: whether the consumer has released all that was committed. */
bool domi__ring_is_done(const struct domi__ring *ring);

/* Producer: the reserved record is whole; of `kind`, any number but
   UINT32_MAX. */
void domi__ring_commit(struct domi__ring *ring, uint32_t kind);

/* Producer: shows all committed records to the consumer. False when there was
   nothing new. */
bool domi__ring_publish(struct domi__ring *ring);

/* Consumer: the next record, which stays valid until it is released; NULL
   when there is none. */
const void *domi__ring_peek(struct domi__ring *ring, uint32_t *kind,
                            size_t *size);

/* Consumer: is done with the record that peek returned last. */
void domi__ring_pop(struct domi__ring *ring);

/*
 * Consumer: gives the room of popped records back to the producer, once it is
 * a sixteenth of the ring or peek has nothing more; cheap to call often. True
 * when the producer waits to hear of room (see reserve), and that once.
 */
bool domi__ring_release(struct domi__ring *ring);

/* Consumer: whether nothing is published that was not popped. */
bool domi__ring_is_empty(struct domi__ring *ring);

#endif
