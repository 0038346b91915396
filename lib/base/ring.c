/* SPDX-License-Identifier: MIT */
/* The ring: variable-length records from one thread to one other. */
#include "base/ring.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A record's header: its size, then its kind. */
#define HEADER 8u
#define FILLER UINT32_MAX /* the kind of what is left at the ring's end */

#define LEAST_SIZE 4096u
#define MOST_SIZE (UINT32_C(1) << 31)

int domi__ring_init(struct domi__ring *ring, size_t size)
{
    assert(size >= LEAST_SIZE && size <= MOST_SIZE);
    assert((size & (size - 1)) == 0);
    memset(ring, 0, sizeof(*ring));
    ring->bytes = aligned_alloc(DOMI__RING_LINE, size);
    if (!ring->bytes) {
        return -ENOMEM;
    }
    ring->size = size;
    return 0;
}

void domi__ring_fini(struct domi__ring *ring)
{
    free(ring->bytes);
    ring->bytes = NULL;
}

size_t domi__ring_limit(const struct domi__ring *ring)
{
    /* Wherever an empty ring stands, one half or the other is in one piece:
       the end, or the beginning up to where it stands. */
    return ring->size / 2 - HEADER;
}

static inline uint32_t *header_at(const struct domi__ring *ring, size_t index)
{
    return (uint32_t *)(void *)&ring->bytes[index & (ring->size - 1)];
}

/* Bytes that a record takes in the ring. */
static inline size_t record_size(size_t size)
{
    return HEADER + ((size + 7) & ~(size_t)7);
}

/* Whether `released` has come to `index`. */
static inline bool has_come(size_t released, size_t index)
{
    return (ptrdiff_t)(released - index) >= 0;
}

/*
 * Looks whether `bytes` are free, and asks to be told if they are not. Either
 * this side sees the room that the consumer released, or the consumer sees
 * `starved`: each writes its own and then reads the other's, in the one order
 * that all sequentially consistent accesses have.
 */
static bool find_room(struct domi__ring *ring, size_t bytes)
{
    size_t needed = ring->head + bytes - ring->size;
    size_t quarter = ring->head + ring->size / 4 - ring->size;

    ring->cached_tail =
        atomic_load_explicit(&ring->released, memory_order_acquire);
    if (has_come(ring->cached_tail, needed)) {
        return true;
    }
    ring->wanted = bytes > ring->size / 4 ? needed : quarter;
    atomic_store(&ring->starved, ring->wanted + 1);
    ring->cached_tail = atomic_load(&ring->released);
    return has_come(ring->cached_tail, needed);
}

void *domi__ring_reserve(struct domi__ring *ring, size_t size)
{
    size_t to_end = ring->size - (ring->head & (ring->size - 1));
    size_t bytes = record_size(size);
    size_t filler = bytes > to_end ? to_end : 0;
    size_t in_use = ring->head - ring->cached_tail;

    assert(size <= domi__ring_limit(ring));
    if (bytes + filler > ring->size - in_use &&
        !find_room(ring, bytes + filler)) {
        return NULL;
    }
    if (filler > 0) {
        uint32_t *header = header_at(ring, ring->head);

        header[0] = (uint32_t)(filler - HEADER);
        header[1] = FILLER;
    }
    ring->reserved = bytes + filler;
    ring->record = header_at(ring, ring->head + filler);
    ring->record[0] = (uint32_t)size;
    return ring->record + 2;
}

bool domi__ring_has_room(const struct domi__ring *ring)
{
    return has_come(atomic_load_explicit(&ring->released, memory_order_acquire),
                    ring->wanted);
}

bool domi__ring_is_done(const struct domi__ring *ring)
{
    return atomic_load_explicit(&ring->released, memory_order_acquire) ==
           ring->head;
}

void domi__ring_commit(struct domi__ring *ring, uint32_t kind)
{
    assert(ring->reserved > 0 && kind != FILLER);
    ring->record[1] = kind;
    ring->head += ring->reserved;
    ring->reserved = 0;
}

bool domi__ring_publish(struct domi__ring *ring)
{
    if (ring->head ==
        atomic_load_explicit(&ring->published, memory_order_relaxed)) {
        return false;
    }
    atomic_store_explicit(&ring->published, ring->head, memory_order_release);
    return true;
}

const void *domi__ring_peek(struct domi__ring *ring, uint32_t *kind,
                            size_t *size)
{
    const uint32_t *header;

    if (ring->tail == ring->cached_head) {
        ring->cached_head =
            atomic_load_explicit(&ring->published, memory_order_acquire);
        if (ring->tail == ring->cached_head) {
            return NULL;
        }
    }
    header = header_at(ring, ring->tail);
    if (header[1] == FILLER) {
        /* Its record was committed with it. */
        ring->tail += HEADER + header[0];
        header = header_at(ring, ring->tail);
    }
    ring->taken = record_size(header[0]);
    *size = header[0];
    *kind = header[1];
    return header + 2;
}

void domi__ring_pop(struct domi__ring *ring)
{
    assert(ring->taken > 0);
    ring->tail += ring->taken;
    ring->taken = 0;
}

bool domi__ring_release(struct domi__ring *ring)
{
    size_t popped = ring->tail - atomic_load_explicit(&ring->released,
                                                      memory_order_relaxed);
    size_t starved;

    if (popped == 0 ||
        (popped < ring->size / 16 && ring->tail != ring->cached_head)) {
        return false;
    }
    atomic_store(&ring->released, ring->tail);
    starved = atomic_load(&ring->starved);
    if (starved == 0 || !has_come(ring->tail, starved - 1)) {
        return false;
    }
    /* Not when the producer has meanwhile begun to want more. */
    return atomic_compare_exchange_strong(&ring->starved, &starved, 0);
}

bool domi__ring_is_empty(struct domi__ring *ring)
{
    ring->cached_head =
        atomic_load_explicit(&ring->published, memory_order_acquire);
    return ring->tail == ring->cached_head;
}
