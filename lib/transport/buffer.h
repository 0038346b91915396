/* SPDX-License-Identifier: MIT */
/* Buffers: counted bytes, from pools of three sizes that belong to a loop. */
#ifndef DOMI_TRANSPORT_BUFFER_H
#define DOMI_TRANSPORT_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DOMI__BUFFER_POOLS 3

/* Bytes are only ever added behind `used`, so those who share a buffer see
   their part unchanged. */
struct domi__buffer {
    struct domi__buffer *next; /* in a pool */
    uint32_t refs;
    uint32_t capacity;
    uint32_t used;
    uint8_t bytes[];
};

struct domi__buffers {
    struct domi__buffer *free[DOMI__BUFFER_POOLS];
    size_t kept[DOMI__BUFFER_POOLS];
};

/* Room for at least `size` bytes, with one reference; NULL when memory is
   short. */
struct domi__buffer *domi__buffer_new(struct domi__buffers *pools, size_t size);

static inline struct domi__buffer *domi__buffer_ref(struct domi__buffer *buffer)
{
    buffer->refs++;
    return buffer;
}

/* The last one gives the memory back. Accepts NULL. */
void domi__buffer_unref(struct domi__buffers *pools,
                        struct domi__buffer *buffer);

/* Adds bytes to a buffer that has no other user, or, where there is none yet,
   begins one; it grows by doubling. False when memory is short. */
bool domi__buffer_append(struct domi__buffers *pools,
                         struct domi__buffer **buffer, const uint8_t *bytes,
                         size_t size);

void domi__buffers_fini(struct domi__buffers *pools);

#endif
