/* SPDX-License-Identifier: MIT */
/* Tests of base/clock.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/clock.h"

static void never_goes_back(void **state)
{
    uint64_t last = domi__clock_ns();

    (void)state;
    for (unsigned i = 0; i < 10000; i++) {
        uint64_t now = domi__clock_ns();

        assert_true(now >= last);
        last = now;
    }
}

static void is_late_by_a_tick_at_most_when_coarse(void **state)
{
    struct timespec tick;
    uint64_t tick_ns;

    (void)state;
    assert_int_equal(clock_getres(CLOCK_MONOTONIC_COARSE, &tick), 0);
    tick_ns = (uint64_t)tick.tv_sec * 1000000000u + (uint64_t)tick.tv_nsec;
    for (unsigned i = 0; i < 1000; i++) {
        uint64_t before = domi__clock_ns();
        uint64_t coarse = domi__clock_coarse_ns();

        assert_true(coarse <= domi__clock_ns());
        /* A machine under load may miss a tick. */
        assert_true(coarse + 100 * tick_ns >= before);
    }
}

static void counts_milliseconds_since_1970(void **state)
{
    time_t before = time(NULL);
    uint64_t wall = domi__clock_wall_ms();

    (void)state;
    /* time() may go by the coarse clock and be late. */
    assert_true(wall / 1000 >= (uint64_t)before);
    assert_true(wall / 1000 <= (uint64_t)time(NULL) + 1);
}

static void fills_every_byte_at_random(void **state)
{
    uint8_t bytes[1000];
    uint8_t ones[1000] = {0};

    (void)state;
    for (unsigned i = 0; i < 20; i++) {
        memset(bytes, 0, sizeof(bytes));
        assert_int_equal(domi__random(bytes, sizeof(bytes)), 0);
        for (unsigned j = 0; j < sizeof(bytes); j++) {
            ones[j] |= bytes[j];
        }
    }
    for (unsigned j = 0; j < sizeof(ones); j++) {
        assert_int_not_equal(ones[j], 0);
    }
    assert_int_equal(domi__random(NULL, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(never_goes_back),
        cmocka_unit_test(is_late_by_a_tick_at_most_when_coarse),
        cmocka_unit_test(counts_milliseconds_since_1970),
        cmocka_unit_test(fills_every_byte_at_random),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
