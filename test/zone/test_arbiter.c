/* SPDX-License-Identifier: MIT */
/* The arbiter, told the time by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "zone/arbiter.h"

static struct domi__arbiter arbiter;

static void begin(size_t limit)
{
    domi__arbiter_init(&arbiter, (struct domi__hash_key){1, 2}, limit);
}

/* The answer at this time to one who wants node `wanted`. */
static uint64_t place(uint64_t now_ms, uint64_t group, uint64_t wanted)
{
    return domi__arbiter_place(&arbiter, now_ms, group, wanted,
                               DOMI__NO_NODE);
}

static void the_first_one_to_ask_decides(void **state)
{
    (void)state;
    begin(10);
    assert_int_equal(place(0, 666, 3), 3);
    assert_int_equal(place(0, 666, 4), 3);
    assert_int_equal(place(29999, 666, 4), 3);
    assert_int_equal(place(29999, 667, 4), 4);
    domi__arbiter_fini(&arbiter);
}

static void a_node_that_cannot_be_reached_is_replaced(void **state)
{
    (void)state;
    begin(10);
    assert_int_equal(place(0, 666, 3), 3);
    /* Who cannot reach another one does not change anything. */
    assert_int_equal(domi__arbiter_place(&arbiter, 1, 666, 5, 4), 3);
    assert_int_equal(domi__arbiter_place(&arbiter, 1, 666, 5, 3), 5);
    /* All others follow, and so does the next one who could not. */
    assert_int_equal(domi__arbiter_place(&arbiter, 2, 666, 6, 3), 5);
    assert_int_equal(place(2, 666, 3), 5);
    domi__arbiter_fini(&arbiter);
}

static void a_word_holds_for_half_a_minute(void **state)
{
    (void)state;
    begin(10);
    assert_int_equal(place(1000, 666, 3), 3);
    assert_int_equal(place(30999, 666, 4), 3);
    assert_int_equal(place(31000, 666, 4), 4);
    /* The new one begins anew. */
    domi__arbiter_sweep(&arbiter, 60999);
    assert_int_equal(place(60999, 666, 5), 4);
    domi__arbiter_fini(&arbiter);
}

static void what_is_past_is_swept_out(void **state)
{
    (void)state;
    begin(10);
    place(0, 1, 3);
    place(10, 2, 3);
    place(20, 3, 3);
    /* This one is said again, and so lasts longer. */
    assert_int_equal(domi__arbiter_place(&arbiter, 30, 1, 4, 3), 4);
    domi__arbiter_sweep(&arbiter, 30009);
    assert_int_equal(arbiter.words.count, 3);
    domi__arbiter_sweep(&arbiter, 30020);
    assert_int_equal(arbiter.words.count, 1);
    assert_int_equal(place(30020, 1, 9), 4);
    domi__arbiter_sweep(&arbiter, 30030);
    assert_int_equal(arbiter.words.count, 0);
    domi__arbiter_fini(&arbiter);
}

static void the_oldest_goes_when_there_are_too_many(void **state)
{
    (void)state;
    begin(100);
    for (uint64_t group = 0; group < 1000; group++) {
        assert_int_equal(place(group, group, 3), 3);
    }
    assert_int_equal(arbiter.words.count, 100);
    assert_int_equal(place(1000, 900, 4), 3);
    assert_int_equal(place(1000, 999, 4), 3);
    assert_int_equal(place(1000, 899, 4), 4);
    /* That one took the place of the oldest. */
    assert_int_equal(place(1000, 901, 4), 3);
    assert_int_equal(place(1000, 900, 4), 4);
    domi__arbiter_fini(&arbiter);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_one_to_ask_decides),
        cmocka_unit_test(a_node_that_cannot_be_reached_is_replaced),
        cmocka_unit_test(a_word_holds_for_half_a_minute),
        cmocka_unit_test(what_is_past_is_swept_out),
        cmocka_unit_test(the_oldest_goes_when_there_are_too_many),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
