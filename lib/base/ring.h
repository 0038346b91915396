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
 */
struct domi__ring {
    uint8_t *bytes;
    size_t size; /* a power of two */

    /* The producer's. */
    _Alignas(DOMI__RING_LINE) atomic_size_t published;
    size_t head;          /* behind the last committed record */
    size_t reserved;      /* bytes of the open reservation, header included */
    size_t cached_tail;   /* as last seen */
    size_t high_water;    /* most bytes ever in use */

    /* The consumer's. */
    _Alignas(DOMI__RING_LINE) atomic_size_t released;
    size_t tail;          /* of the record that peek returns next */
    size_t cached_head;   /* as last seen */
    atomic_bool starved;  /* set by the producer that found no room */
};

/* `size` is a power of two, at least 4096. 0 or UV_ENOMEM. */
int domi__ring_init(struct domi__ring *ring, size_t size);
void domi__ring_fini(struct domi__ring *ring);

/* The largest record that the ring takes for certain once it is empty. */
size_t domi__ring_limit(const struct domi__ring *ring);

/*
 * Producer: room for a record of `size` bytes, aligned to 8, to be written
 * and then committed; NULL when there is none now. Then `starved` is set, and
 * the consumer's domi__ring_release tells it so.
 */
void *domi__ring_reserve(struct domi__ring *ring, size_t size);

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
 * Consumer: gives the room of all popped records back to the producer. True
 * when the producer had found the ring full and waits to hear of room.
 */
bool domi__ring_release(struct domi__ring *ring);

/* Consumer: whether nothing is published that was not popped. */
bool domi__ring_is_empty(struct domi__ring *ring);

#endif
