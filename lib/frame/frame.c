/* SPDX-License-Identifier: MIT */
/* Bytes to frames, frames to bytes, and the table of who may send what. */
#include "frame/frame.h"

#include <string.h>

#include "domi/err.h"

size_t domi_frame_encode(uint8_t *out, uint16_t type, const void *data,
                         uint32_t data_size, const void *extend,
                         uint16_t extend_size)
{
    size_t size = domi_frame_size(data_size, extend_size);

    domi_put_u32(out, (uint32_t)size);
    domi_put_u16(out + 4, extend_size);
    domi_put_u16(out + 6, type);
    if (data_size > 0) {
        memcpy(out + DOMI_FRAME_HEADER, data, data_size);
    }
    if (extend_size > 0) {
        memcpy(out + DOMI_FRAME_HEADER + data_size, extend, extend_size);
    }
    return size;
}

ssize_t domi_frame_decode(const uint8_t *bytes, size_t size, uint32_t limit,
                          struct domi_frame *frame)
{
    uint32_t length;

    if (size < DOMI_FRAME_HEADER) {
        return 0;
    }
    length = domi_get_u32(bytes);
    if (length < DOMI_FRAME_HEADER || length > limit) {
        return DOMI_E_FRAME_LENGTH;
    }
    frame->extend_size = domi_get_u16(bytes + 4);
    frame->type = domi_get_u16(bytes + 6);
    if (frame->extend_size > length - DOMI_FRAME_HEADER) {
        return DOMI_E_FRAME_EXTEND;
    }
    if (size < length) {
        return 0;
    }
    frame->data_size = length - DOMI_FRAME_HEADER - frame->extend_size;
    frame->data = bytes + DOMI_FRAME_HEADER;
    frame->extend = frame->data + frame->data_size;
    return (ssize_t)length;
}

/* Whether `size` is `least`, or more by whole units. */
static bool fits(size_t size, size_t least, size_t unit)
{
    if (size < least) {
        return false;
    }
    return unit == 0 ? size == least : (size - least) % unit == 0;
}

enum domi_reason domi__frame_check(const struct domi_frame *frame,
                                   enum domi__direction direction)
{
    if (frame->type >= DOMI_TYPE_FIRST) {
        return direction == DOMI__ZONE_TO_GATEWAY ? DOMI_REASON_FORBIDDEN_TYPE
                                                  : DOMI_REASON_NONE;
    }
    switch (frame->type) {
#define XX(name, number, directions, data, data_unit, extend, extend_unit)     \
    case number:                                                               \
        if (!((directions) & direction)) {                                     \
            return DOMI_REASON_FORBIDDEN_TYPE;                                 \
        }                                                                      \
        return fits(frame->data_size, data, data_unit) &&                      \
                       fits(frame->extend_size, extend, extend_unit)           \
                   ? DOMI_REASON_NONE                                          \
                   : DOMI_REASON_BAD_BODY;
        DOMI__FRAME_MAP(XX)
#undef XX
    default:
        return DOMI_REASON_FORBIDDEN_TYPE;
    }
}
