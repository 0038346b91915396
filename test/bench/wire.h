/* SPDX-License-Identifier: MIT */
/* The wire format as the benchmark speaks it, on its own: numbers of frame
 * types and little-endian fields. It shares no code with the library, so a
 * mistake there can't hide in the tool that looks for it. */
#ifndef BENCH_WIRE_H
#define BENCH_WIRE_H

#include <stdint.h>
#include <string.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the benchmark runs on little-endian machines only"
#endif

enum {
    WIRE_MAGIC = 2299,
    WIRE_MAGIC_SIZE = 4,
    WIRE_ID_SIZE = 8,
    WIRE_HEADER_SIZE = 8,
    WIRE_TARGET_SIZE = 16,     /* Target id and group id: a join's answer. */
    WIRE_TO_ZONE_EXTEND = 18,  /* Target id, group id, inner type. */
    WIRE_PUBLISH_EXTEND = 16,  /* User id, group id. */
    WIRE_BROADCAST_EXTEND = 10 /* Group id, inner type. */
};

enum wire_type {
    WIRE_HEARTBEAT = 1,
    WIRE_TO_ZONE = 8,
    WIRE_MEMBER_JOINED = 13,
    WIRE_MEMBER_LEFT = 14,
    WIRE_BROADCAST = 15,
    WIRE_NOTICE = 40,
    WIRE_JOIN = 50,
    WIRE_MESSAGE = 51
};

/* A frame found in received bytes; data and extend point into them. */
struct wire_frame {
    uint32_t length;
    uint16_t type;
    uint16_t extend_size;
    uint32_t data_size;
    const uint8_t *data;
    const uint8_t *extend;
};

static inline uint16_t wire_get16(const uint8_t *from)
{
    uint16_t value;
    memcpy(&value, from, sizeof(value));
    return value;
}

static inline uint32_t wire_get32(const uint8_t *from)
{
    uint32_t value;
    memcpy(&value, from, sizeof(value));
    return value;
}

static inline uint64_t wire_get64(const uint8_t *from)
{
    uint64_t value;
    memcpy(&value, from, sizeof(value));
    return value;
}

static inline void wire_put16(uint8_t *to, uint16_t value)
{
    memcpy(to, &value, sizeof(value));
}

static inline void wire_put32(uint8_t *to, uint32_t value)
{
    memcpy(to, &value, sizeof(value));
}

static inline void wire_put64(uint8_t *to, uint64_t value)
{
    memcpy(to, &value, sizeof(value));
}

/* Writes the 8 bytes every frame begins with. */
static inline void wire_put_header(uint8_t *to, uint32_t length,
                                   uint16_t extend_size, uint16_t type)
{
    wire_put32(to, length);
    wire_put16(to + 4, extend_size);
    wire_put16(to + 6, type);
}

/* Takes one frame from the front of `size` bytes. Returns its length, 0 when
 * it isn't there whole, -1 when no frame can begin like this. */
static inline int64_t wire_take(const uint8_t *from, size_t size,
                                struct wire_frame *frame)
{
    if (size < WIRE_HEADER_SIZE) {
        return 0;
    }
    frame->length = wire_get32(from);
    frame->extend_size = wire_get16(from + 4);
    frame->type = wire_get16(from + 6);
    if (frame->length < WIRE_HEADER_SIZE ||
        frame->extend_size > frame->length - WIRE_HEADER_SIZE) {
        return -1;
    }
    if (size < frame->length) {
        return 0;
    }
    frame->data = from + WIRE_HEADER_SIZE;
    frame->extend = from + frame->length - frame->extend_size;
    frame->data_size = (uint32_t)(frame->extend - frame->data);
    return frame->length;
}

#endif
