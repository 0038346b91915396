/* SPDX-License-Identifier: MIT */
/* A script: a fuzzed byte string, read as a list of things to do. */
#ifndef TEST_FUZZ_SCRIPT_H
#define TEST_FUZZ_SCRIPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Every byte string is a script: what is missing at its end is read as zeros.
 *
 * Ids that a peer was told cannot be guessed, so a script names them by their
 * place in the list of all numbers that any peer has seen or made up.
 */
struct script {
    const uint8_t *at;
    const uint8_t *end;
    uint64_t known[64];
    unsigned known_count;
};

bool script_is_over(const struct script *script);
uint8_t script_byte(struct script *script);
uint16_t script_u16(struct script *script);

/*
 * A number, led by one byte: below 64 the known one of this place, counted from
 * the newest; below 128 the number less 64; below 192 a new one that follows in
 * one byte, 2^56 times as much; 255 the greatest; else 8 bytes follow.
 */
uint64_t script_number(struct script *script);

/* Up to `size` of the bytes that come, and how many. */
const uint8_t *script_bytes(struct script *script, size_t *size);

/* Remembers a number that was seen, if it looks like an id. */
void script_learn(struct script *script, uint64_t number);

/*
 * Writes a frame to `out`, of at least SCRIPT_FRAME_MAX bytes, and returns its
 * size. The script gives the type, in a byte, or three where that is 255; then
 * the data and the extend, each as a byte that counts its parts and the parts:
 * a byte modulo 4, then a number, a u16, a counted string, or a u16 that is the
 * size of as many equal bytes.
 */
#define SCRIPT_FRAME_MAX (8u + 2 * 65535u)
size_t script_frame(struct script *script, uint8_t *out);

#endif
