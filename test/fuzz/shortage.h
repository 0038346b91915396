/* SPDX-License-Identifier: MIT */
/* Memory that is short when a script says so. */
#ifndef TEST_FUZZ_SHORTAGE_H
#define TEST_FUZZ_SHORTAGE_H

#include <stddef.h>

/*
 * The library's allocation of this number from now on fails, once; 0: none
 * does. The linker puts these functions in the place of the C library's for all
 * that is linked statically; see meson.build.
 */
extern unsigned shortage_in;

/* As realloc, and never short. */
void *shortage_realloc(void *memory, size_t size);

#endif
