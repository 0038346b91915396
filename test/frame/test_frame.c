/* SPDX-License-Identifier: MIT */
/* Tests of frame/frame.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "frame/frame.h"
#include "golden.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define BYTES_MAX 256u
#define NO_LIMIT UINT32_MAX

static uint8_t hex_digit(char c)
{
    return (uint8_t)(c <= '9' ? c - '0' : c - 'a' + 10);
}

static size_t from_hex(uint8_t *bytes, const char *hex)
{
    size_t size = strlen(hex) / 2;

    assert_true(size <= BYTES_MAX);
    for (size_t i = 0; i < size; i++) {
        bytes[i] =
            (uint8_t)(hex_digit(hex[2 * i]) << 4 | hex_digit(hex[2 * i + 1]));
    }
    return size;
}

/* Decodes from memory that ends where the bytes do, so that the address
   sanitizer sees one byte too many. */
static ssize_t decode_exactly(const uint8_t *bytes, size_t size,
                              uint32_t limit, struct domi_frame *frame)
{
    uint8_t *copy = malloc(size + (size == 0));
    ssize_t taken;

    assert_non_null(copy);
    memcpy(copy, bytes, size);
    taken = domi_frame_decode(copy, size, limit, frame);
    frame->data = NULL;
    frame->extend = NULL;
    free(copy);
    return taken;
}

/* An assertion that names the recorded case. */
static void holds(bool fact, const char *name)
{
    if (!fact) {
        fail_msg("%s", name);
    }
}

static void decodes_every_recorded_frame(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(golden_frames); i++) {
        uint8_t bytes[BYTES_MAX], data[BYTES_MAX], extend[BYTES_MAX];
        size_t size = from_hex(bytes, golden_frames[i].hex);
        size_t data_size = from_hex(data, golden_frames[i].data);
        size_t extend_size = from_hex(extend, golden_frames[i].extend);
        struct domi_frame frame;

        holds(domi_frame_decode(bytes, size, NO_LIMIT, &frame) ==
                      (ssize_t)size &&
                  frame.type == golden_frames[i].type &&
                  frame.data_size == data_size &&
                  frame.extend_size == extend_size,
              golden_frames[i].name);
        assert_non_null(frame.data);
        assert_memory_equal(frame.data, data, data_size);
        assert_non_null(frame.extend);
        assert_memory_equal(frame.extend, extend, extend_size);
    }
}

static void encodes_every_recorded_frame(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(golden_frames); i++) {
        uint8_t bytes[BYTES_MAX], data[BYTES_MAX], extend[BYTES_MAX];
        uint8_t out[BYTES_MAX];
        size_t size = from_hex(bytes, golden_frames[i].hex);
        size_t data_size = from_hex(data, golden_frames[i].data);
        size_t extend_size = from_hex(extend, golden_frames[i].extend);

        assert_int_equal(domi_frame_size(data_size, extend_size), size);
        assert_int_equal(domi_frame_encode(out, golden_frames[i].type, data,
                                           (uint32_t)data_size, extend,
                                           (uint16_t)extend_size),
                         size);
        assert_memory_equal(out, bytes, size);
    }
}

static void allows_every_recorded_frame_in_its_direction(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(golden_frames); i++) {
        uint8_t bytes[BYTES_MAX];
        size_t size = from_hex(bytes, golden_frames[i].hex);
        struct domi_frame frame;

        assert_true(domi_frame_decode(bytes, size, NO_LIMIT, &frame) > 0);
        holds(domi__frame_check(&frame, golden_frames[i].direction) ==
                  DOMI_REASON_NONE,
              golden_frames[i].name);
    }
}

static void waits_for_a_whole_frame_at_every_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(golden_frames); i++) {
        uint8_t bytes[2 * BYTES_MAX];
        size_t size = from_hex(bytes, golden_frames[i].hex);
        struct domi_frame frame;

        memcpy(bytes + size, bytes, size);
        for (size_t cut = 0; cut <= 2 * size; cut++) {
            assert_int_equal(decode_exactly(bytes, cut, NO_LIMIT, &frame),
                             cut < size ? 0 : size);
        }
    }
}

static void knows_every_recorded_attack_from_its_header_on(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(golden_hostile); i++) {
        uint8_t bytes[BYTES_MAX];
        size_t size = from_hex(bytes, golden_hostile[i].hex);
        ssize_t decoded = golden_hostile[i].decoded;
        struct domi_frame frame;

        holds(domi_frame_decode(bytes, size, GOLDEN_LIMIT, &frame) == decoded,
              golden_hostile[i].name);
        if (decoded > 0) {
            holds(domi__frame_check(&frame, golden_hostile[i].direction) ==
                      golden_hostile[i].checked,
                  golden_hostile[i].name);
        }
        for (size_t cut = 0; cut < size; cut++) {
            assert_int_equal(decode_exactly(bytes, cut, GOLDEN_LIMIT, &frame),
                             cut >= DOMI_FRAME_HEADER && decoded < 0 ? decoded
                                                                     : 0);
        }
    }
}

static ssize_t decode_header(uint32_t length, uint16_t extend, uint32_t limit)
{
    uint8_t bytes[DOMI_FRAME_HEADER] = {0};
    struct domi_frame frame;

    domi_put_u32(bytes, length);
    domi_put_u16(bytes + 4, extend);
    return decode_exactly(bytes, sizeof(bytes), limit, &frame);
}

static void refuses_lengths_outside_the_limits(void **state)
{
    (void)state;
    for (uint32_t length = 0; length < DOMI_FRAME_HEADER; length++) {
        assert_int_equal(decode_header(length, 0, 100), DOMI_E_FRAME_LENGTH);
    }
    assert_int_equal(decode_header(8, 0, 100), 8);
    assert_int_equal(decode_header(100, 0, 100), 0);
    assert_int_equal(decode_header(101, 0, 100), DOMI_E_FRAME_LENGTH);
    assert_int_equal(decode_header(UINT32_MAX, 0, 100), DOMI_E_FRAME_LENGTH);
    assert_int_equal(decode_header(UINT32_MAX, 0, UINT32_MAX), 0);
    assert_int_equal(decode_header(8, 0, 8), 8);
    assert_int_equal(decode_header(9, 0, 8), DOMI_E_FRAME_LENGTH);
}

static void refuses_an_extend_larger_than_the_body(void **state)
{
    (void)state;
    assert_int_equal(decode_header(8, 1, 100), DOMI_E_FRAME_EXTEND);
    assert_int_equal(decode_header(20, 12, 100), 0);
    assert_int_equal(decode_header(20, 13, 100), DOMI_E_FRAME_EXTEND);
    assert_int_equal(decode_header(20, 65535, 100), DOMI_E_FRAME_EXTEND);
    assert_int_equal(decode_header(65543, 65535, 70000), 0);
    assert_int_equal(decode_header(65542, 65535, 70000), DOMI_E_FRAME_EXTEND);
}

static void takes_the_largest_extend(void **state)
{
    static uint8_t extend[DOMI_FRAME_EXTEND_MAX];
    static uint8_t out[DOMI_FRAME_HEADER + 3 + DOMI_FRAME_EXTEND_MAX];
    struct domi_frame frame;

    (void)state;
    memset(extend, 0xab, sizeof(extend));
    assert_int_equal(domi_frame_encode(out, 65535, "abc", 3, extend,
                                       DOMI_FRAME_EXTEND_MAX),
                     sizeof(out));
    assert_int_equal(domi_frame_decode(out, sizeof(out), NO_LIMIT, &frame),
                     sizeof(out));
    assert_int_equal(frame.type, 65535);
    assert_memory_equal(frame.data, "abc", 3);
    assert_int_equal(frame.extend_size, DOMI_FRAME_EXTEND_MAX);
    assert_memory_equal(frame.extend, extend, sizeof(extend));
}

static void encodes_nothing_from_null(void **state)
{
    static const uint8_t expected[8] = {8, 0, 0, 0, 0, 0, 0x34, 0x12};
    uint8_t out[8];

    (void)state;
    assert_int_equal(domi_frame_encode(out, 0x1234, NULL, 0, NULL, 0), 8);
    assert_memory_equal(out, expected, 8);
}

/* ---- who may send what: told once more, independently of the map -------- */

static bool may_come(unsigned type, enum domi__direction direction)
{
    static const uint8_t from_user[] = {1, 2, 3, 8};
    static const uint8_t to_user[] = {1, 2, 4, 40};
    static const uint8_t to_zone[] = {1, 2, 10, 11, 17, 22, 24, 25};
    static const uint8_t from_zone[] = {1,  2,  9,  12, 13, 14, 15,
                                        16, 18, 19, 20, 21, 23};

    if (type >= 50) {
        return direction != DOMI__ZONE_TO_GATEWAY;
    }
    switch (direction) {
    case DOMI__USER_TO_GATEWAY:
        return memchr(from_user, (int)type, sizeof(from_user)) != NULL;
    case DOMI__GATEWAY_TO_USER:
        return memchr(to_user, (int)type, sizeof(to_user)) != NULL;
    case DOMI__GATEWAY_TO_ZONE:
        return memchr(to_zone, (int)type, sizeof(to_zone)) != NULL;
    case DOMI__ZONE_TO_GATEWAY:
        return memchr(from_zone, (int)type, sizeof(from_zone)) != NULL;
    }
    return false;
}

static bool has_users(size_t size)
{
    return size >= 8 && size % 8 == 0;
}

static bool may_be_this_large(unsigned type, size_t data, size_t extend)
{
    switch (type) {
    case 1: /* heartbeat */
    case 2: /* exit */
        return data == 0 && extend == 0;
    case 3: /* ping */
    case 4: /* pong */
        return extend == 0;
    case 8: /* to a zone: target, group, inner type */
        return extend == 8 + 8 + 2;
    case 9: /* to users: any number of them, group, inner type */
        return extend >= 8 + 2 && (extend - 8 - 2) % 8 == 0;
    case 10: /* user leave: link; user, group */
        return data == 8 && extend == 8 + 8;
    case 11: /* hello: version, zero, features, node, what is to come */
        return data >= 2 + 2 + 4 + 8 && extend == 8 + 8;
    case 12: /* hello answer */
        return data >= 2 + 2 + 4 + 8;
    case 13: /* joined: users; group */
        return has_users(data) && extend == 8;
    case 14: /* left: users; group, reason */
        return has_users(data) && extend == 8 + 2;
    case 15: /* broadcast: group, inner type */
        return extend == 8 + 2;
    case 16: /* broadcast except: user, group, inner type */
        return extend == 8 + 8 + 2;
    case 17: /* users gone: users; reason */
        return has_users(data) && extend == 2;
    case 18: /* group closed: group, reason */
        return data == 0 && extend == 8 + 2;
    case 19: /* load: percent, flags, members */
        return data == 2 + 2 + 4 && extend == 0;
    case 20: /* groups */
        return has_users(data) && extend == 0;
    case 21: /* groups end */
        return data == 0 && extend == 0;
    case 22: /* place: group, wanted node, refused node */
        return data == 8 + 8 + 8 && extend == 0;
    case 23: /* placed: group, node */
        return data == 8 + 8 && extend == 0;
    case 24: /* prove: an HMAC-SHA-256 */
        return data == 32 && extend == 0;
    case 25: /* nodes */
        return has_users(data) && extend == 0;
    case 40: /* notice, reason, wait, target, group, a text */
        return data >= 2 + 2 + 4 + 8 + 8 && extend == 0;
    default:
        return true;
    }
}

static const enum domi__direction directions[] = {
    DOMI__USER_TO_GATEWAY,
    DOMI__GATEWAY_TO_USER,
    DOMI__GATEWAY_TO_ZONE,
    DOMI__ZONE_TO_GATEWAY,
};

static void check_one(unsigned type, enum domi__direction direction,
                      uint32_t data_size, uint16_t extend_size)
{
    static const uint8_t nothing;
    struct domi_frame frame = {
        .type = (uint16_t)type,
        .data_size = data_size,
        .extend_size = extend_size,
        .data = &nothing,
        .extend = &nothing,
    };
    enum domi_reason expected = DOMI_REASON_NONE;

    if (!may_come(type, direction)) {
        expected = DOMI_REASON_FORBIDDEN_TYPE;
    } else if (!may_be_this_large(type, data_size, extend_size)) {
        expected = DOMI_REASON_BAD_BODY;
    }
    if (domi__frame_check(&frame, direction) != expected) {
        fail_msg("type %u, direction %d, %u bytes of data, %u of extend", type,
                 direction, data_size, extend_size);
    }
}

static void allows_each_type_only_where_it_belongs(void **state)
{
    (void)state;
    for (unsigned type = 0; type <= 65535; type++) {
        for (size_t i = 0; i < COUNT(directions); i++) {
            check_one(type, directions[i], 0, 0);
            check_one(type, directions[i], 24, 10);
        }
    }
}

static void allows_each_type_only_in_its_sizes(void **state)
{
    (void)state;
    for (unsigned type = 0; type < 60; type++) {
        for (size_t i = 0; i < COUNT(directions); i++) {
            for (uint32_t data = 0; data < 70; data++) {
                for (uint16_t extend = 0; extend < 70; extend++) {
                    check_one(type, directions[i], data, extend);
                }
            }
            check_one(type, directions[i], UINT32_MAX - 8, 65535);
        }
    }
}

/* ---- random ------------------------------------------------------------ */

#define STREAM_FRAMES 500u

struct stream {
    uint8_t bytes[STREAM_FRAMES * 300];
    size_t size;
    size_t ends[STREAM_FRAMES];
    unsigned seed;
};

static size_t random_up_to(struct stream *s, size_t most)
{
    return (size_t)rand_r(&s->seed) % (most + 1);
}

static void write_random_frame(struct stream *s, size_t i)
{
    uint8_t body[256];
    size_t data_size = random_up_to(s, 128);
    size_t extend_size = random_up_to(s, 128);

    for (size_t j = 0; j < sizeof(body); j++) {
        body[j] = (uint8_t)(i + j);
    }
    s->size += domi_frame_encode(s->bytes + s->size, (uint16_t)(i * 131), body,
                                 (uint32_t)data_size, body + data_size,
                                 (uint16_t)extend_size);
    s->ends[i] = s->size;
}

static void check_random_frame(const struct domi_frame *frame, size_t i)
{
    assert_int_equal(frame->type, (uint16_t)(i * 131));
    for (size_t j = 0; j < frame->data_size; j++) {
        assert_int_equal(frame->data[j], (uint8_t)(i + j));
    }
    for (size_t j = 0; j < frame->extend_size; j++) {
        assert_int_equal(frame->extend[j],
                         (uint8_t)(i + frame->data_size + j));
    }
}

static void finds_random_frames_again_in_a_stream_cut_at_random(void **state)
{
    static struct stream s = {.seed = 3};
    size_t begin = 0, available = 0, i = 0;

    (void)state;
    for (size_t j = 0; j < STREAM_FRAMES; j++) {
        write_random_frame(&s, j);
    }
    while (i < STREAM_FRAMES) {
        struct domi_frame frame;
        ssize_t taken = domi_frame_decode(s.bytes + begin, available - begin,
                                          264, &frame);

        assert_true(taken >= 0);
        if (taken == 0) {
            assert_true(available < s.ends[i]);
            available += 1 + random_up_to(&s, 600);
            available = available < s.size ? available : s.size;
            continue;
        }
        begin += (size_t)taken;
        assert_int_equal(begin, s.ends[i]);
        check_random_frame(&frame, i++);
    }
    assert_int_equal(begin, s.size);
}

static void survives_random_bytes(void **state)
{
    static struct stream s = {.seed = 9};
    unsigned frames = 0;

    (void)state;
    for (unsigned i = 0; i < 100000; i++) {
        uint8_t bytes[32];
        size_t size = random_up_to(&s, sizeof(bytes));
        struct domi_frame frame;
        ssize_t taken;

        for (size_t j = 0; j < size; j++) {
            /* Mostly small numbers, so that headers are often plausible. */
            bytes[j] = (uint8_t)(j % 4 == 0 ? random_up_to(&s, 36) : 0);
            if (random_up_to(&s, 63) == 0) {
                bytes[j] = (uint8_t)random_up_to(&s, 255);
            }
        }
        taken = domi_frame_decode(bytes, size, 32, &frame);
        if (taken <= 0) {
            continue;
        }
        assert_true((size_t)taken <= size);
        assert_ptr_equal(frame.data, bytes + DOMI_FRAME_HEADER);
        assert_ptr_equal(frame.extend + frame.extend_size, bytes + taken);
        assert_ptr_equal(frame.data + frame.data_size, frame.extend);
        frames++;
    }
    assert_true(frames > 1000);
}

static void reads_what_it_wrote_at_any_address(void **state)
{
    uint8_t bytes[16];

    (void)state;
    for (size_t i = 0; i < 8; i++) {
        domi_put_u16(bytes + i, 0xfedc);
        assert_int_equal(domi_get_u16(bytes + i), 0xfedc);
        domi_put_u32(bytes + i, 0xfedcba98);
        assert_int_equal(domi_get_u32(bytes + i), 0xfedcba98);
        domi_put_u64(bytes + i, 0xfedcba9876543210);
        assert_int_equal(domi_get_u64(bytes + i), 0xfedcba9876543210);
        assert_int_equal(bytes[i], 0x10);
        assert_int_equal(bytes[i + 7], 0xfe);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decodes_every_recorded_frame),
        cmocka_unit_test(encodes_every_recorded_frame),
        cmocka_unit_test(allows_every_recorded_frame_in_its_direction),
        cmocka_unit_test(waits_for_a_whole_frame_at_every_cut),
        cmocka_unit_test(knows_every_recorded_attack_from_its_header_on),
        cmocka_unit_test(refuses_lengths_outside_the_limits),
        cmocka_unit_test(refuses_an_extend_larger_than_the_body),
        cmocka_unit_test(takes_the_largest_extend),
        cmocka_unit_test(encodes_nothing_from_null),
        cmocka_unit_test(allows_each_type_only_where_it_belongs),
        cmocka_unit_test(allows_each_type_only_in_its_sizes),
        cmocka_unit_test(finds_random_frames_again_in_a_stream_cut_at_random),
        cmocka_unit_test(survives_random_bytes),
        cmocka_unit_test(reads_what_it_wrote_at_any_address),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
