/* SPDX-License-Identifier: MIT */
/* Fuzz target: the frame decoder, and the table of who may send what. */

/* Input: a u16 that is the limit, then the bytes of a stream. */
#include "frame/frame.h"
#include "target.h"

#include "domi/err.h"

static const enum domi__direction directions[] = {
    DOMI__USER_TO_GATEWAY,
    DOMI__GATEWAY_TO_USER,
    DOMI__GATEWAY_TO_ZONE,
    DOMI__ZONE_TO_GATEWAY,
};

/* What was decoded is encoded as it came. */
static void check_encoding(const struct domi_frame *frame,
                           const uint8_t *bytes, size_t size)
{
    uint8_t *again = malloc(size);

    CHECK(again);
    CHECK(domi_frame_size(frame->data_size, frame->extend_size) == size);
    CHECK(domi_frame_encode(again, frame->type, frame->data, frame->data_size,
                            frame->extend, frame->extend_size) == size);
    CHECK(memcmp(again, bytes, size) == 0);
    free(again);
}

static void check_frame(const struct domi_frame *frame, const uint8_t *bytes,
                        size_t size)
{
    check_encoding(frame, bytes, size);
    for (size_t i = 0; i < sizeof(directions) / sizeof(directions[0]); i++) {
        enum domi_reason reason = domi__frame_check(frame, directions[i]);

        CHECK(reason == DOMI_REASON_NONE || reason == DOMI_REASON_BAD_BODY ||
              reason == DOMI_REASON_FORBIDDEN_TYPE);
    }
}

/* A frame that is cut is not yet whole, or is bad from its first bytes on. */
static void check_cuts(const uint8_t *bytes, size_t size, uint32_t limit,
                       ssize_t taken)
{
    size_t whole = taken > 0 ? (size_t)taken : size;
    size_t step = whole / 16 + 1;

    for (size_t cut = 0; cut < whole; cut += step) {
        struct domi_frame frame;
        ssize_t n = domi_frame_decode(bytes, cut, limit, &frame);

        CHECK(n == 0 || (n == taken && n < 0));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    uint32_t limit;
    uint8_t *stream;
    size_t at = 0;

    if (size < 2) {
        return 0;
    }
    limit = domi_get_u16(bytes);
    size -= 2;
    stream = exact_copy(bytes + 2, size);
    for (;;) {
        struct domi_frame frame;
        ssize_t taken =
            domi_frame_decode(stream + at, size - at, limit, &frame);

        check_cuts(stream + at, size - at, limit, taken);
        if (taken <= 0) {
            CHECK(taken == 0 || taken == DOMI_E_FRAME_LENGTH ||
                  taken == DOMI_E_FRAME_EXTEND);
            break;
        }
        CHECK((size_t)taken <= size - at && (size_t)taken <= limit);
        check_frame(&frame, stream + at, (size_t)taken);
        at += (size_t)taken;
    }
    free(stream);
    return 0;
}
