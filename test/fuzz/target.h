/* SPDX-License-Identifier: MIT */
/* What a fuzz target is: a function of bytes that no bytes may break. */
#ifndef TEST_FUZZ_TARGET_H
#define TEST_FUZZ_TARGET_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Called by libFuzzer, or by replay.c where that is not to be had. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* What must hold for all inputs. */
#define CHECK(condition)                                                       \
    do {                                                                       \
        if (!(condition)) {                                                    \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);    \
            abort();                                                           \
        }                                                                      \
    } while (0)

/* A copy in memory of just this size, so that a sanitizer sees a byte read
   behind it. To be freed. */
static inline void *exact_copy(const void *bytes, size_t size)
{
    uint8_t *copy = malloc(size > 0 ? size : 1);

    CHECK(copy);
    if (size > 0) {
        memcpy(copy, bytes, size);
    }
    return copy;
}

#endif
