/* SPDX-License-Identifier: MIT */
/* A growing run of bytes. */
#include "bytes.h"

#include <err.h>
#include <stdlib.h>
#include <string.h>

enum { SMALLEST = 256 };

static void make_room(struct bytes *bytes, size_t size)
{
    size_t held = bytes_size(bytes);
    if (bytes->start > 0) {
        memmove(bytes->memory, bytes_front(bytes), held);
        bytes->start = 0;
        bytes->end = held;
    }
    size_t capacity = bytes->capacity > 0 ? bytes->capacity : SMALLEST;
    while (capacity < held + size) {
        capacity *= 2;
    }
    if (capacity == bytes->capacity) {
        return;
    }
    bytes->memory = realloc(bytes->memory, capacity);
    if (bytes->memory == NULL) {
        err(2, "no memory for %zu bytes", capacity);
    }
    bytes->capacity = capacity;
}

uint8_t *bytes_grow(struct bytes *bytes, size_t size)
{
    if (bytes->capacity - bytes->end < size) {
        make_room(bytes, size);
    }
    uint8_t *place = bytes->memory + bytes->end;
    bytes->end += size;
    return place;
}

void bytes_append(struct bytes *bytes, const void *from, size_t size)
{
    if (size > 0) {
        memcpy(bytes_grow(bytes, size), from, size);
    }
}

void bytes_consume(struct bytes *bytes, size_t size)
{
    bytes->start += size;
    if (bytes->start == bytes->end) {
        bytes_fini(bytes);
    }
}

void bytes_clear(struct bytes *bytes)
{
    bytes->start = 0;
    bytes->end = 0;
}

void bytes_fini(struct bytes *bytes)
{
    free(bytes->memory);
    *bytes = (struct bytes){ 0 };
}
