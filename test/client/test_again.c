/* SPDX-License-Identifier: MIT */
/* When and where a client connects again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "client/again.h"

static void the_wait_doubles_up_to_thirty_times(void **state)
{
    static const unsigned longest[] = {500,  1000,  2000,  4000,
                                       8000, 15000, 15000, 15000};

    (void)state;
    for (unsigned i = 0; i < sizeof(longest) / sizeof(longest[0]); i++) {
        assert_int_equal(domi__backoff_ms(500, i, 0), longest[i]);
    }
    assert_int_equal(domi__backoff_ms(500, UINT32_MAX, 0), 15000);
}

static void jitter_takes_off_up_to_a_half(void **state)
{
    (void)state;
    assert_int_equal(domi__backoff_ms(500, 0, UINT32_MAX), 251);
    assert_int_equal(domi__backoff_ms(500, 0, UINT32_MAX / 2 + 1), 375);
    for (uint32_t i = 0; i < 1000; i++) {
        assert_in_range(domi__backoff_ms(500, 2, i * 4294967u), 1000, 2000);
    }
}

static void long_waits_do_not_overflow(void **state)
{
    (void)state;
    assert_true(domi__backoff_ms(UINT32_MAX, 9, 0) == UINT32_MAX * 30ull);
    assert_in_range(domi__backoff_ms(1, 0, UINT32_MAX), 0, 1);
}

static struct domi_frame notice(uint8_t *bytes, unsigned kind, uint32_t wait,
                                const char *text)
{
    struct domi_frame frame = {.type = DOMI_TYPE_NOTICE, .data = bytes};

    memset(bytes, 0, DOMI_NOTICE_SIZE);
    domi_put_u16(bytes, (uint16_t)kind);
    domi_put_u32(bytes + 4, wait);
    memcpy(bytes + DOMI_NOTICE_SIZE, text, strlen(text));
    frame.data_size = (uint32_t)(DOMI_NOTICE_SIZE + strlen(text));
    frame.extend = bytes + frame.data_size;
    return frame;
}

static void check_address(const char *text, const char *host, int port)
{
    uint8_t bytes[256];
    struct domi_frame frame = notice(bytes, DOMI_NOTICE_COME_BACK, 9, text);
    struct domi__come_back again;

    assert_true(domi__come_back_read(&again, &frame));
    assert_true(again.asked);
    assert_int_equal(again.wait_ms, 9);
    assert_string_equal(again.address.host, host);
    assert_int_equal(again.address.port, port);
}

static void a_notice_may_say_where_to(void **state)
{
    (void)state;
    check_address("127.0.0.1:8888", "127.0.0.1", 8888);
    check_address("[::1]:1", "::1", 1);
    check_address("0.0.0.0:65535", "0.0.0.0", 65535);
}

static void a_text_that_is_no_address_counts_as_none(void **state)
{
    static const char *const texts[] = {
        "",           "127.0.0.1",       "127.0.0.1:",      "127.0.0.1:0",
        "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1: 1",  "127.0.0.1:1x",
        "localhost:80", ":80",           "[]:80",           "[::1:80",
        "[",          "]:1",             "127.0.0.1:99999999999999999999",
        "1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        check_address(texts[i], "", 0);
    }
}

static void other_frames_ask_nothing(void **state)
{
    uint8_t bytes[256];
    struct domi__come_back again = {.wait_ms = 77};
    struct domi_frame frame = notice(bytes, DOMI_NOTICE_CLOSING, 9, "");

    (void)state;
    assert_false(domi__come_back_read(&again, &frame));
    frame = notice(bytes, DOMI_NOTICE_COME_BACK, 9, "");
    frame.data_size = DOMI_NOTICE_SIZE - 1;
    assert_false(domi__come_back_read(&again, &frame));
    frame = notice(bytes, DOMI_NOTICE_COME_BACK, 9, "");
    frame.type = 50;
    assert_false(domi__come_back_read(&again, &frame));
    assert_int_equal(again.wait_ms, 77);
}

static void addresses_are_ip_addresses(void **state)
{
    struct domi__address address = {0};

    (void)state;
    assert_true(domi__address_set(&address, "127.0.0.1", 1));
    assert_true(domi__address_set(&address, "fe80::1", 65535));
    assert_false(domi__address_set(&address, "localhost", 80));
    assert_false(domi__address_set(&address, "127.0.0.1", 0));
    assert_false(domi__address_set(&address, "127.0.0.1", 65536));
    assert_false(domi__address_set(&address, "127.0.0.1", -1));
    assert_string_equal(address.host, "fe80::1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_wait_doubles_up_to_thirty_times),
        cmocka_unit_test(jitter_takes_off_up_to_a_half),
        cmocka_unit_test(long_waits_do_not_overflow),
        cmocka_unit_test(a_notice_may_say_where_to),
        cmocka_unit_test(a_text_that_is_no_address_counts_as_none),
        cmocka_unit_test(other_frames_ask_nothing),
        cmocka_unit_test(addresses_are_ip_addresses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
