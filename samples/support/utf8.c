/* SPDX-License-Identifier: MIT */
/* UTF-8 from strangers: what may be shown on a terminal. */
#include "support/utf8.h"

#include <stdio.h>

/* The length that a first byte stands for, and its bits of the character. */
static size_t first_byte(uint8_t byte, uint32_t *code)
{
    if (byte < 0x80) {
        *code = byte;
        return 1;
    }
    if (byte >= 0xc2 && byte < 0xe0) {
        *code = byte & 0x1f;
        return 2;
    }
    if (byte >= 0xe0 && byte < 0xf0) {
        *code = byte & 0x0f;
        return 3;
    }
    if (byte >= 0xf0 && byte < 0xf5) {
        *code = byte & 0x07;
        return 4;
    }
    return 0;
}

/* Not longer than needed, no half of a pair, within Unicode, no control. */
static bool may_be_shown(uint32_t code, size_t length)
{
    static const uint32_t least[] = {0, 0x20, 0xa0, 0x800, 0x10000};

    return code >= least[length] && code != 0x7f && code <= 0x10ffff &&
           (code < 0xd800 || code > 0xdfff);
}

size_t utf8_visible(const uint8_t *bytes, size_t size)
{
    uint32_t code;
    size_t length = size > 0 ? first_byte(bytes[0], &code) : 0;

    if (length == 0 || length > size) {
        return 0;
    }
    for (size_t i = 1; i < length; i++) {
        if ((bytes[i] & 0xc0) != 0x80) {
            return 0;
        }
        code = code << 6 | (bytes[i] & 0x3f);
    }
    return may_be_shown(code, length) ? length : 0;
}

bool utf8_is_visible(const uint8_t *bytes, size_t size)
{
    while (size > 0) {
        size_t length = utf8_visible(bytes, size);

        if (length == 0) {
            return false;
        }
        bytes += length;
        size -= length;
    }
    return true;
}

void utf8_print(const uint8_t *bytes, size_t size)
{
    while (size > 0) {
        size_t length = utf8_visible(bytes, size);

        if (length > 0) {
            fwrite(bytes, 1, length, stdout);
        } else {
            printf("\\x%02x", bytes[0]);
            length = 1;
        }
        bytes += length;
        size -= length;
    }
}
