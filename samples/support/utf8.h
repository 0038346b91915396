/* SPDX-License-Identifier: MIT */
/* UTF-8 from strangers. */
#ifndef SUPPORT_UTF8_H
#define SUPPORT_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The bytes of the character that `bytes` begin with, 1 to 4; 0 when they are
   none that may be shown: not UTF-8, or a control character. */
size_t utf8_visible(const uint8_t *bytes, size_t size);

/* Whether all of it is characters that may be shown. */
bool utf8_is_visible(const uint8_t *bytes, size_t size);

/* Prints to standard output, with what may not be shown as \xNN. */
void utf8_print(const uint8_t *bytes, size_t size);

#endif
