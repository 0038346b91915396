/* SPDX-License-Identifier: MIT */
/* Request targets: from the bytes of the request line to a path. */
#include "http/http.h"

#include <string.h>

static int digit_of(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    if (c >= 'A' && c <= 'F') {
        return c - 'A' + 10;
    }
    return -1;
}

/* The byte of "%hh", or -1. A slash must not be smuggled in as %2F. */
static int unescape(const char *at, const char *end)
{
    int high, low, byte;

    if (end - at < 3) {
        return -1;
    }
    high = digit_of(at[1]);
    low = digit_of(at[2]);
    if (high < 0 || low < 0) {
        return -1;
    }
    byte = high << 4 | low;
    return byte == '/' ? -1 : byte;
}

/* No segment may be "." or "..". */
static bool has_plain_segments(const char *path)
{
    const char *segment = path;
    size_t size;

    while (*segment) {
        segment++; /* the slash */
        size = strcspn(segment, "/");
        if ((size == 1 && segment[0] == '.') ||
            (size == 2 && segment[0] == '.' && segment[1] == '.')) {
            return false;
        }
        segment += size;
    }
    return true;
}

bool domi__http_path_decode(const char *target, size_t size, char *out)
{
    const char *query = memchr(target, '?', size);
    const char *end = query ? query : target + size;
    const char *at = target;
    char *begin = out;

    if (size == 0 || target[0] != '/') {
        return false;
    }
    while (at < end) {
        int byte = (unsigned char)*at;

        if (byte == '#' || byte <= 0x20 || byte >= 0x7f) {
            return false;
        }
        if (byte == '%') {
            byte = unescape(at, end);
            at += 2;
        }
        at++;
        if (byte < 0x20 || byte == 0x7f || byte == '\\') {
            return false;
        }
        *out++ = (char)byte;
    }
    *out = '\0';
    return has_plain_segments(begin);
}
