/* SPDX-License-Identifier: MIT */
/* A growing run of bytes, filled at the end and consumed from the front.
 * Zeroed memory is an empty one. Without memory the program ends: a benchmark
 * short of memory has nothing to say. */
#ifndef BENCH_BYTES_H
#define BENCH_BYTES_H

#include <stddef.h>
#include <stdint.h>

struct bytes {
    uint8_t *memory;
    size_t start; /* First byte not yet consumed. */
    size_t end;   /* One past the last byte filled. */
    size_t capacity;
};

static inline size_t bytes_size(const struct bytes *bytes)
{
    return bytes->end - bytes->start;
}

static inline const uint8_t *bytes_front(const struct bytes *bytes)
{
    return bytes->memory + bytes->start;
}

/* Makes `size` more bytes part of the run and returns where to write them. */
uint8_t *bytes_grow(struct bytes *bytes, size_t size);

void bytes_append(struct bytes *bytes, const void *from, size_t size);

/* Drops bytes from the front; with the last one the memory goes too. */
void bytes_consume(struct bytes *bytes, size_t size);

/* Empties the run and keeps the memory for the next filling. */
void bytes_clear(struct bytes *bytes);

void bytes_fini(struct bytes *bytes);

#endif
