/* SPDX-License-Identifier: MIT */
/* The directory: which zone has a group, when zones say so, and when not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cluster/directory.h"

struct two {
    struct domi__directory directory;
    struct domi__holder old;
    struct domi__holder young;
};

static void open_two(struct two *two)
{
    const struct domi__hash_key key = {1, 2};

    domi__directory_init(&two->directory, key);
    two->old =
        (struct domi__holder){.age_order = 5, .id = 9, .is_open = true};
    two->young =
        (struct domi__holder){.age_order = 6, .id = 3, .is_open = true};
    domi__holder_init(&two->old);
    domi__holder_init(&two->young);
}

static void close_two(struct two *two)
{
    domi__directory_drop(&two->directory, &two->old);
    domi__directory_drop(&two->directory, &two->young);
    assert_int_equal(two->directory.groups.count, 0);
    assert_true(domi__list_is_empty(&two->directory.passing));
    domi__directory_fini(&two->directory);
}

static void finds_what_was_announced(void **state)
{
    struct two two;

    (void)state;
    open_two(&two);
    assert_null(domi__directory_find(&two.directory, 7));
    assert_int_equal(domi__directory_add(&two.directory, &two.young, 7), 0);
    assert_int_equal(domi__directory_add(&two.directory, &two.young, 7), 0);
    assert_ptr_equal(domi__directory_find(&two.directory, 7), &two.young);
    domi__directory_remove(&two.directory, &two.old, 7);
    assert_ptr_equal(domi__directory_find(&two.directory, 7), &two.young);
    domi__directory_remove(&two.directory, &two.young, 7);
    domi__directory_remove(&two.directory, &two.young, 7);
    assert_null(domi__directory_find(&two.directory, 7));
    close_two(&two);
}

static void prefers_the_older_of_two_zones(void **state)
{
    struct two two;

    (void)state;
    open_two(&two);
    assert_int_equal(domi__directory_add(&two.directory, &two.young, 7), 0);
    assert_int_equal(domi__directory_add(&two.directory, &two.old, 7), 1);
    assert_int_equal(domi__directory_add(&two.directory, &two.old, 7), 0);
    assert_ptr_equal(domi__directory_find(&two.directory, 7), &two.old);
    two.old.age_order = 0;
    assert_ptr_equal(domi__directory_find(&two.directory, 7), &two.young);
    two.young.age_order = 0;
    two.old.id = 2;
    assert_ptr_equal(domi__directory_find(&two.directory, 7), &two.old);
    domi__directory_remove(&two.directory, &two.old, 7);
    assert_ptr_equal(domi__directory_find(&two.directory, 7), &two.young);
    close_two(&two);
}

static void prefers_a_zone_whose_link_is_open(void **state)
{
    struct two two;

    (void)state;
    open_two(&two);
    assert_int_equal(domi__directory_add(&two.directory, &two.old, 7), 0);
    two.old.is_open = false;
    assert_ptr_equal(domi__directory_find(&two.directory, 7), &two.old);
    /* The first may just be dead: that is no split. */
    assert_int_equal(domi__directory_add(&two.directory, &two.young, 7), 0);
    assert_ptr_equal(domi__directory_find(&two.directory, 7), &two.young);
    close_two(&two);
}

static void prefers_who_has_it_to_who_is_to_have_it(void **state)
{
    struct two two;

    (void)state;
    open_two(&two);
    domi__directory_expect(&two.directory, &two.old, 7, 100);
    assert_ptr_equal(domi__directory_find(&two.directory, 7), &two.old);
    assert_int_equal(domi__directory_add(&two.directory, &two.young, 7), 0);
    assert_ptr_equal(domi__directory_find(&two.directory, 7), &two.young);
    assert_int_equal(domi__directory_add(&two.directory, &two.old, 7), 1);
    assert_ptr_equal(domi__directory_find(&two.directory, 7), &two.old);
    close_two(&two);
}

static void forgets_what_was_expected_and_never_announced(void **state)
{
    const uint64_t long_after = 100 + DOMI__DIRECTORY_PASSING_MS;
    struct two two;

    (void)state;
    open_two(&two);
    domi__directory_expect(&two.directory, &two.old, 7, 100);
    domi__directory_expect(&two.directory, &two.old, 8, 100);
    domi__directory_expect(&two.directory, &two.old, 9, 100);
    assert_int_equal(domi__directory_add(&two.directory, &two.old, 8), 0);
    domi__directory_expect(&two.directory, &two.old, 7, 101);
    domi__directory_expect(&two.directory, &two.old, 8, 101);
    domi__directory_expire(&two.directory, long_after - 1);
    assert_non_null(domi__directory_find(&two.directory, 9));
    domi__directory_expire(&two.directory, long_after);
    assert_null(domi__directory_find(&two.directory, 9));
    assert_non_null(domi__directory_find(&two.directory, 7));
    domi__directory_expire(&two.directory, long_after + 1);
    assert_null(domi__directory_find(&two.directory, 7));
    domi__directory_expire(&two.directory, UINT64_MAX);
    assert_non_null(domi__directory_find(&two.directory, 8));
    close_two(&two);
}

static void remembers_a_refusal_for_a_while(void **state)
{
    struct two two;

    (void)state;
    open_two(&two);
    domi__directory_expect(&two.directory, &two.old, 7, 100);
    domi__directory_refuse(&two.directory, &two.old, 7, 100);
    domi__directory_refuse(&two.directory, &two.old, 8, 100);
    assert_null(domi__directory_find(&two.directory, 7));
    assert_true(domi__directory_is_refused(&two.directory, &two.old, 7));
    assert_true(domi__directory_is_refused(&two.directory, &two.old, 8));
    assert_false(domi__directory_is_refused(&two.directory, &two.young, 7));
    assert_false(domi__directory_is_refused(&two.directory, &two.old, 9));
    assert_int_equal(domi__directory_add(&two.directory, &two.old, 8), 0);
    assert_false(domi__directory_is_refused(&two.directory, &two.old, 8));
    domi__directory_expire(&two.directory, UINT64_MAX);
    assert_false(domi__directory_is_refused(&two.directory, &two.old, 7));
    assert_ptr_equal(domi__directory_find(&two.directory, 8), &two.old);
    close_two(&two);
}

static void takes_away_what_a_new_list_leaves_out(void **state)
{
    struct two two;

    (void)state;
    open_two(&two);
    domi__directory_begin(&two.old);
    for (uint64_t group = 0; group < 1000; group++) {
        assert_int_equal(domi__directory_add(&two.directory, &two.old, group),
                         0);
    }
    assert_int_equal(domi__directory_add(&two.directory, &two.young, 1000), 0);
    domi__directory_end(&two.directory, &two.old);
    domi__directory_begin(&two.old);
    for (uint64_t group = 0; group < 1000; group += 2) {
        assert_int_equal(domi__directory_add(&two.directory, &two.old, group),
                         0);
    }
    domi__directory_expect(&two.directory, &two.old, 2000, 100);
    assert_int_equal(two.directory.groups.count, 1002);
    domi__directory_end(&two.directory, &two.old);
    assert_int_equal(two.directory.groups.count, 502);
    assert_null(domi__directory_find(&two.directory, 1));
    assert_ptr_equal(domi__directory_find(&two.directory, 2), &two.old);
    assert_ptr_equal(domi__directory_find(&two.directory, 1000), &two.young);
    assert_ptr_equal(domi__directory_find(&two.directory, 2000), &two.old);
    close_two(&two);
}

static void drops_one_zone_and_keeps_the_other(void **state)
{
    struct two two;

    (void)state;
    open_two(&two);
    for (uint64_t group = 0; group < 100; group++) {
        assert_int_equal(domi__directory_add(&two.directory, &two.old, group),
                         0);
    }
    for (uint64_t group = 50; group < 150; group++) {
        assert_int_equal(domi__directory_add(&two.directory, &two.young, group),
                         group < 100);
    }
    domi__directory_drop(&two.directory, &two.old);
    assert_int_equal(two.directory.groups.count, 100);
    assert_null(domi__directory_find(&two.directory, 49));
    assert_ptr_equal(domi__directory_find(&two.directory, 50), &two.young);
    assert_ptr_equal(domi__directory_find(&two.directory, 149), &two.young);
    close_two(&two);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_what_was_announced),
        cmocka_unit_test(prefers_the_older_of_two_zones),
        cmocka_unit_test(prefers_a_zone_whose_link_is_open),
        cmocka_unit_test(prefers_who_has_it_to_who_is_to_have_it),
        cmocka_unit_test(forgets_what_was_expected_and_never_announced),
        cmocka_unit_test(remembers_a_refusal_for_a_while),
        cmocka_unit_test(takes_away_what_a_new_list_leaves_out),
        cmocka_unit_test(drops_one_zone_and_keeps_the_other),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
