/* SPDX-License-Identifier: MIT */
/* Tests of the WebSocket decoder: whole, cut at every byte, and hostile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "transport/websocket.h"

#define LIMIT 300u

/* What a stream of frames decodes to, written down: "m" and "." around each
   message's bytes, "<" and ">" around pings, "(" and ")" around pongs, "c" and
   a code for a close, "!" and a code for an error. */
static char trace[4096];

static void note(const char *begin, const void *bytes, size_t size,
                 const char *end)
{
    size_t at = strlen(trace);

    assert_true(at + size + 16 < sizeof(trace));
    at += (size_t)sprintf(trace + at, "%s", begin);
    for (size_t i = 0; i < size; i++) {
        char c = ((const char *)bytes)[i];

        trace[at++] = c ? c : '0';
    }
    strcpy(trace + at, end);
}

static void note_code(char kind, unsigned code)
{
    sprintf(trace + strlen(trace), "%c%u", kind, code);
}

static const char *decode(const uint8_t *stream, size_t size, size_t piece)
{
    struct domi__websocket_decoder decoder;
    bool open = false;

    trace[0] = '\0';
    domi__websocket_decoder_init(&decoder, LIMIT);
    for (size_t at = 0; at < size; at += piece) {
        size_t left = size - at < piece ? size - at : piece;
        uint8_t *copy = malloc(left);
        uint8_t *bytes = copy;

        memcpy(copy, stream + at, left);
        while (left > 0) {
            size_t taken;
            enum domi__websocket_event event =
                domi__websocket_decode(&decoder, bytes, left, &taken);

            assert_true(taken <= left);
            bytes += taken;
            left -= taken;
            switch (event) {
            case DOMI__WEBSOCKET_MORE:
                assert_int_equal(left, 0);
                break;
            case DOMI__WEBSOCKET_DATA:
                note(open ? "" : "m", decoder.data, decoder.data_size,
                     decoder.last ? "." : "");
                open = !decoder.last;
                break;
            case DOMI__WEBSOCKET_PING:
                note("<", decoder.control, decoder.control_size, ">");
                break;
            case DOMI__WEBSOCKET_PONG:
                note("(", decoder.control, decoder.control_size, ")");
                break;
            case DOMI__WEBSOCKET_CLOSE:
                note_code('c', decoder.code);
                free(copy);
                return trace;
            case DOMI__WEBSOCKET_BAD:
                note_code('!', decoder.code);
                free(copy);
                return trace;
            }
        }
        free(copy);
    }
    return trace;
}

/* The same whatever the cuts, but for where a control frame falls between
   the parts of one data frame, which cannot be. */
static const char *decode_cut(const uint8_t *stream, size_t size)
{
    char whole[sizeof(trace)];

    strcpy(whole, decode(stream, size, size));
    for (size_t piece = 1; piece < size; piece++) {
        assert_string_equal(decode(stream, size, piece), whole);
    }
    return decode(stream, size, size);
}

static uint8_t stream[2048];
static size_t stream_size;

/* Adds a masked frame. `first` is its first byte. */
static void add(uint8_t first, const void *data, size_t size)
{
    static const uint8_t mask[4] = {0x37, 0xfa, 0x21, 0x3d};
    uint8_t *at = stream + stream_size;

    *at++ = first;
    if (size < 126) {
        *at++ = (uint8_t)(0x80 | size);
    } else {
        *at++ = 0x80 | 126;
        *at++ = (uint8_t)(size >> 8);
        *at++ = (uint8_t)size;
    }
    memcpy(at, mask, 4);
    at += 4;
    for (size_t i = 0; i < size; i++) {
        *at++ = ((const uint8_t *)data)[i] ^ mask[i % 4];
    }
    stream_size = (size_t)(at - stream);
}

static void add_raw(const char *bytes, size_t size)
{
    memcpy(stream + stream_size, bytes, size);
    stream_size += size;
}

static const char *result(void)
{
    const char *text = decode_cut(stream, stream_size);

    stream_size = 0;
    return text;
}

static void reads_messages_cut_anywhere(void **state)
{
    (void)state;
    add(0x82, "hello", 5);
    add(0x82, "", 0);
    add(0x81, "gr\xc3\xbc\xc3\x9f", 6);
    assert_string_equal(result(), "mhello.m.mgr\xc3\xbc\xc3\x9f.");
}

static void reads_fragments_with_control_frames_between(void **state)
{
    (void)state;
    add(0x02, "ab", 2);
    add(0x89, "p1", 2);
    add(0x00, "", 0);
    add(0x8a, "q", 1);
    add(0x00, "cd", 2);
    add(0x89, "", 0);
    add(0x80, "e", 1);
    add(0x82, "next", 4);
    assert_string_equal(result(), "mab<p1>(q)cd<>e.mnext.");
}

static void reads_lengths_of_two_bytes(void **state)
{
    char bytes[LIMIT + 1];
    char expected[LIMIT + 8];

    (void)state;
    memset(bytes, 'x', sizeof(bytes));
    add(0x82, bytes, LIMIT);
    snprintf(expected, sizeof(expected), "m%.*s.", (int)LIMIT, bytes);
    assert_string_equal(result(), expected);
    add(0x82, bytes, 126);
    snprintf(expected, sizeof(expected), "m%.*s.", 126, bytes);
    assert_string_equal(result(), expected);
}

static void takes_a_close(void **state)
{
    (void)state;
    add(0x88, "", 0);
    assert_string_equal(result(), "c1000");
    add(0x88, "\x03\xe9", 2);
    assert_string_equal(result(), "c1001");
    add(0x88, "\x13\x87gone", 6);
    assert_string_equal(result(), "c4999");
}

static void refuses_frames_without_a_mask(void **state)
{
    (void)state;
    add_raw("\x82\x02hi", 4);
    assert_string_equal(result(), "!1002");
    add_raw("\x89\x00", 2);
    assert_string_equal(result(), "!1002");
    add(0x82, "ok", 2);
    add_raw("\x88\x00", 2);
    assert_string_equal(result(), "mok.!1002");
}

static void refuses_reserved_bits_and_opcodes(void **state)
{
    (void)state;
    for (unsigned first = 0; first < 256; first++) {
        bool fine = first == 0x02 || first == 0x01 || first == 0x81 ||
                    first == 0x82 || first == 0x88 || first == 0x89 ||
                    first == 0x8a;

        add((uint8_t)first, "", 0);
        assert_int_equal(strcmp(result(), "!1002") != 0, fine);
    }
}

static void refuses_long_or_fragmented_control_frames(void **state)
{
    char bytes[126] = {0};

    (void)state;
    add(0x89, bytes, 125);
    assert_int_equal(strlen(result()), 127);
    add(0x89, bytes, 126);
    assert_string_equal(result(), "!1002");
    add(0x09, "a", 1);
    assert_string_equal(result(), "!1002");
}

static void refuses_messages_inside_messages(void **state)
{
    (void)state;
    add(0x80, "a", 1);
    assert_string_equal(result(), "!1002");
    add(0x02, "a", 1);
    add(0x82, "b", 1);
    assert_string_equal(result(), "ma!1002");
    add(0x02, "a", 1);
    add(0x80, "b", 1);
    add(0x80, "c", 1);
    assert_string_equal(result(), "mab.!1002");
}

static void refuses_lengths_that_are_not_shortest(void **state)
{
    (void)state;
    add_raw("\x82\xfe\x00\x05" "1234", 8);
    assert_string_equal(result(), "!1002");
    add_raw("\x82\xff\0\0\0\0\0\0\xff\xff" "1234", 14);
    assert_string_equal(result(), "!1002");
}

static void refuses_long_messages_before_they_come(void **state)
{
    char bytes[LIMIT] = {0};

    (void)state;
    memset(bytes, 'x', sizeof(bytes));
    add_raw("\x82\xfe\x01\x2d" "1234", 8);
    assert_string_equal(result(), "!1009");
    add_raw("\x82\xff\x80\0\0\0\0\0\0\0" "1234", 14);
    assert_string_equal(result(), "!1009");
    add_raw("\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff" "1234", 14);
    assert_string_equal(result(), "!1009");
    add(0x02, bytes, LIMIT - 1);
    add(0x00, "x", 1);
    add_raw("\x80\x81" "1234", 6);
    assert_string_equal(result() + 1 + LIMIT, "!1009");
}

static void ends_a_flood_of_empty_fragments(void **state)
{
    (void)state;
    stream_size = 0;
    add(0x02, "", 0);
    for (unsigned i = 0; i < LIMIT; i++) {
        add(0x00, "", 0);
    }
    assert_string_equal(decode(stream, stream_size, stream_size), "m!1009");
    stream_size = 0;
}

static void refuses_text_that_is_not_utf8(void **state)
{
    static const char *const bad[] = {
        "\x80",         "\xc0\x80",         "\xc1\xbf",     "\xe0\x80\x80",
        "\xed\xa0\x80", "\xf0\x80\x80\x80", "\xf4\x90\x80\x80",
        "\xf5\x80\x80\x80", "\xff",         "a\xc3",        "\xe2\x82",
        "\xc3(",        "\xfb\x08\x01",
    };
    static const char good[] = "\xed\x9f\xbf\xee\x80\x80\xf0\x90\x80\x80"
                               "\xf4\x8f\xbf\xbf\xdf\xbf";

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        const char *text;

        add(0x81, bad[i], strlen(bad[i]));
        /* What was fine before the bad byte may come or not, by the cut. */
        text = decode(stream, stream_size, stream_size);
        assert_string_equal(text + strlen(text) - 5, "!1007");
        text = decode(stream, stream_size, 1);
        assert_string_equal(text + strlen(text) - 5, "!1007");
        stream_size = 0;
    }
    add(0x81, good, sizeof(good) - 1);
    assert_int_equal(strlen(result()), sizeof(good) + 1);
    /* A character may be cut by a fragment, and by a ping in between. */
    add(0x01, "\xe2\x82", 2);
    add(0x89, "\xff", 1);
    add(0x80, "\xac", 1);
    assert_string_equal(result(), "m\xe2\x82<\xff>\xac.");
    /* Other messages may hold anything. */
    add(0x82, "\xff", 1);
    assert_string_equal(result(), "m\xff.");
}

static void refuses_close_codes_that_may_not_be_sent(void **state)
{
    static const unsigned codes[] = {0,    999,  1004, 1005, 1006,
                                     1015, 1016, 1100, 2999, 5000};

    (void)state;
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        uint8_t body[2] = {(uint8_t)(codes[i] >> 8), (uint8_t)codes[i]};

        add(0x88, body, 2);
        assert_string_equal(result(), "!1002");
    }
    add(0x88, "\x03", 1);
    assert_string_equal(result(), "!1002");
    add(0x88, "\x03\xe8\xc3", 3);
    assert_string_equal(result(), "!1007");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_messages_cut_anywhere),
        cmocka_unit_test(reads_fragments_with_control_frames_between),
        cmocka_unit_test(reads_lengths_of_two_bytes),
        cmocka_unit_test(takes_a_close),
        cmocka_unit_test(refuses_frames_without_a_mask),
        cmocka_unit_test(refuses_reserved_bits_and_opcodes),
        cmocka_unit_test(refuses_long_or_fragmented_control_frames),
        cmocka_unit_test(refuses_messages_inside_messages),
        cmocka_unit_test(refuses_lengths_that_are_not_shortest),
        cmocka_unit_test(refuses_long_messages_before_they_come),
        cmocka_unit_test(ends_a_flood_of_empty_fragments),
        cmocka_unit_test(refuses_text_that_is_not_utf8),
        cmocka_unit_test(refuses_close_codes_that_may_not_be_sent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
