/* SPDX-License-Identifier: MIT */
/* Frames: the unit of the wire, between users, gateways and zones. */
#ifndef DOMI_FRAME_H
#define DOMI_FRAME_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "domi/api.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Layout, all integers little endian:
 *
 *   offset            size           field
 *   0                 4              length of the whole frame, at least 8
 *   4                 2              extend size, at most length - 8
 *   6                 2              type
 *   8                 length-8-ext.  data
 *   length - extend   extend size    extend
 */
#define DOMI_FRAME_HEADER 8u

/* The first type that applications may use; those below are domi's. */
#define DOMI_TYPE_FIRST 50u

/* The largest extend: what a u16 holds. */
#define DOMI_FRAME_EXTEND_MAX 65535u

struct domi_frame {
    uint16_t type;
    uint16_t extend_size; /* bytes */
    uint32_t data_size;   /* bytes */
    const uint8_t *data;  /* borrowed; not NULL, even when data_size is 0 */
    const uint8_t *extend; /* borrowed; as data */
};

/* The bytes that domi_frame_encode will write. [any] */
static inline size_t domi_frame_size(size_t data_size, size_t extend_size)
{
    return DOMI_FRAME_HEADER + data_size + extend_size;
}

/*
 * Writes a whole frame to `out`, which must have room for domi_frame_size()
 * bytes, and returns that number. The caller sees to it that the sum fits a
 * u32. `data` may be NULL when `data_size` is 0, `extend` likewise. [any]
 */
DOMI_API size_t domi_frame_encode(uint8_t *out, uint16_t type,
                                  const void *data, uint32_t data_size,
                                  const void *extend, uint16_t extend_size);

/*
 * Reads one frame from the beginning of `bytes`. Returns the number of bytes
 * it took, and `frame` then points into `bytes`; 0 when more bytes are needed;
 * DOMI_E_FRAME_LENGTH when the length is below 8 or above `limit` bytes;
 * DOMI_E_FRAME_EXTEND when the extend is larger than the body. A pure function
 * of its arguments: bad input is reported from the first 8 bytes on. [any]
 */
DOMI_API ssize_t domi_frame_decode(const uint8_t *bytes, size_t size,
                                   uint32_t limit, struct domi_frame *frame);

/* Little-endian integers at any address. [any] */
static inline uint16_t domi_get_u16(const uint8_t *p)
{
    return (uint16_t)(p[0] | p[1] << 8);
}

static inline uint32_t domi_get_u32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
           (uint32_t)p[3] << 24;
}

static inline uint64_t domi_get_u64(const uint8_t *p)
{
    return (uint64_t)domi_get_u32(p) | (uint64_t)domi_get_u32(p + 4) << 32;
}

static inline void domi_put_u16(uint8_t *p, uint16_t value)
{
    p[0] = (uint8_t)value;
    p[1] = (uint8_t)(value >> 8);
}

static inline void domi_put_u32(uint8_t *p, uint32_t value)
{
    domi_put_u16(p, (uint16_t)value);
    domi_put_u16(p + 2, (uint16_t)(value >> 16));
}

static inline void domi_put_u64(uint8_t *p, uint64_t value)
{
    domi_put_u32(p, (uint32_t)value);
    domi_put_u32(p + 4, (uint32_t)(value >> 32));
}

/*
 * A notice is what a gateway tells a user on its own account: a frame of type
 * 40 with 24 bytes and a text. A client that does not know it ignores it.
 *
 *   offset  size  field
 *   0       2     notice, see enum domi_notice
 *   2       2     reason, see domi/reason.h
 *   4       4     wait, milliseconds
 *   8       8     target id
 *   16      8     group id
 *   24      rest  text for people, UTF-8, may be empty
 */
#define DOMI_TYPE_NOTICE 40u
#define DOMI_NOTICE_SIZE 24u

enum domi_notice {
    DOMI_NOTICE_CLOSING = 1,   /* the session is about to be closed: reason */
    DOMI_NOTICE_ZONE_LOST = 2, /* the zone of `target` is gone; join again */
    DOMI_NOTICE_LEFT = 3,      /* no longer in `group` of `target`: reason; with
                                  DRAINING, ask for it again after `wait` */
    DOMI_NOTICE_COME_BACK = 4, /* reconnect after `wait`; text: where to */
};

#ifdef __cplusplus
}
#endif

#endif
