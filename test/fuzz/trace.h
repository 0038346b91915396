/* SPDX-License-Identifier: MIT */
/* A growing account of what a decoder said, to be compared with another. */
#ifndef TEST_FUZZ_TRACE_H
#define TEST_FUZZ_TRACE_H

#include "target.h"

struct trace {
    uint8_t *bytes;
    size_t size;
    size_t capacity;
};

static inline void trace_add(struct trace *trace, const void *bytes,
                             size_t size)
{
    if (trace->capacity - trace->size < size) {
        trace->capacity = 2 * (trace->size + size);
        trace->bytes = realloc(trace->bytes, trace->capacity);
        CHECK(trace->bytes);
    }
    if (size > 0) {
        memcpy(trace->bytes + trace->size, bytes, size);
        trace->size += size;
    }
}

static inline void trace_add_number(struct trace *trace, int number)
{
    trace_add(trace, &number, sizeof(number));
}

/* Ended by its zero; what is not there differs from what is empty. */
static inline void trace_add_text(struct trace *trace, const char *text)
{
    trace_add_number(trace, text != NULL);
    if (text) {
        trace_add(trace, text, strlen(text) + 1);
    }
}

/* Checks that both say the same, and frees them. */
static inline void trace_compare(struct trace *one, struct trace *other)
{
    CHECK(one->size == other->size);
    CHECK(one->size == 0 || memcmp(one->bytes, other->bytes, one->size) == 0);
    free(one->bytes);
    free(other->bytes);
}

#endif
