/* SPDX-License-Identifier: MIT */
/* Where the inputs come from that fuzzing begins with. */
#ifndef TEST_FUZZ_SEEDS_H
#define TEST_FUZZ_SEEDS_H

#include <stddef.h>
#include <stdint.h>

/* Writes FOLDER/TARGET/NAME. */
void seed_write(const char *target, const char *name, const void *bytes,
                size_t size);

/* Bytes of hex digits to `out`; returns how many. */
size_t seed_hex(uint8_t *out, const char *hex);

/* Those of the targets that take scripts. */
void seeds_write_scripts(void);

#endif
