/* SPDX-License-Identifier: MIT */
/* Tests of base/rate.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/rate.h"

static uint32_t take_all(struct domi__rate *rate, uint64_t now_ms)
{
    uint32_t taken = 0;

    while (domi__rate_take(rate, 1, now_ms)) {
        taken++;
        assert_in_range(taken, 0, 1000000);
    }
    return taken;
}

static void holds_what_two_seconds_bring(void **state)
{
    struct domi__rate rate;

    (void)state;
    domi__rate_init(&rate, 50, 1000);
    assert_int_equal(take_all(&rate, 1000), 100);
    domi__rate_init(&rate, 50, 1000);
    assert_int_equal(take_all(&rate, 1000 + 3600 * 1000), 100);
}

static void gives_each_millisecond_its_share(void **state)
{
    struct domi__rate rate;
    uint32_t taken = 0;

    (void)state;
    domi__rate_init(&rate, 30, 0);
    take_all(&rate, 0);
    /* The one that was too much is owed, and paid with the first token. */
    for (uint64_t now = 1; now <= 10000; now++) {
        while (domi__rate_wait(&rate) == 0 && rate.level >= 1000) {
            assert_true(domi__rate_take(&rate, 1, now));
            taken++;
        }
        domi__rate_fill(&rate, now);
    }
    assert_in_range(taken, 10 * 30 - 2, 10 * 30);
}

static void is_in_nobodys_way_without_a_rate(void **state)
{
    struct domi__rate rate;

    (void)state;
    domi__rate_init(&rate, 0, 5);
    for (int i = 0; i < 1000; i++) {
        assert_true(domi__rate_take(&rate, UINT32_MAX, 5));
    }
    assert_int_equal(domi__rate_wait(&rate), 0);
}

static void says_how_long_a_debt_lasts(void **state)
{
    struct domi__rate rate;

    (void)state;
    domi__rate_init(&rate, 10, 0);
    assert_false(domi__rate_take(&rate, 35, 0));
    assert_int_equal(domi__rate_wait(&rate), 1500);
    domi__rate_fill(&rate, 1499);
    assert_int_equal(domi__rate_wait(&rate), 1);
    domi__rate_fill(&rate, 1500);
    assert_int_equal(domi__rate_wait(&rate), 0);
    assert_false(domi__rate_take(&rate, 1, 1500));
}

static void forgives_what_five_seconds_do_not_pay(void **state)
{
    struct domi__rate rate;

    (void)state;
    domi__rate_init(&rate, 10, 0);
    assert_false(domi__rate_take(&rate, 10000, 0));
    assert_int_equal(domi__rate_wait(&rate), 5000);
    domi__rate_fill(&rate, 5000);
    assert_int_equal(domi__rate_wait(&rate), 0);
}

static void the_greatest_numbers_do_no_harm(void **state)
{
    struct domi__rate rate;

    (void)state;
    domi__rate_init(&rate, UINT32_MAX, 0);
    assert_true(domi__rate_take(&rate, UINT32_MAX, UINT64_MAX));
    assert_true(domi__rate_take(&rate, UINT32_MAX, UINT64_MAX));
    assert_false(domi__rate_take(&rate, UINT32_MAX, UINT64_MAX));
    assert_int_equal(domi__rate_wait(&rate), 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(holds_what_two_seconds_bring),
        cmocka_unit_test(gives_each_millisecond_its_share),
        cmocka_unit_test(is_in_nobodys_way_without_a_rate),
        cmocka_unit_test(says_how_long_a_debt_lasts),
        cmocka_unit_test(forgives_what_five_seconds_do_not_pay),
        cmocka_unit_test(the_greatest_numbers_do_no_harm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
