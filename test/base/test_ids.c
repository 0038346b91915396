/* SPDX-License-Identifier: MIT */
/* Tests of base/ids.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/ids.h"

#define EPOCH_MS UINT64_C(1704067200000)

static void init(struct domi__ids *ids, unsigned node)
{
    assert_int_equal(domi__ids_init(ids, node), 0);
}

static void holds_time_node_and_sequence(void **state)
{
    struct domi__ids ids;
    uint64_t id;

    (void)state;
    init(&ids, DOMI__NODE_ID_MAX);
    id = domi__ids_next_at(&ids, 123456789);
    assert_int_equal(id >> 22, 123456789);
    assert_int_equal(id >> 12 & 1023, DOMI__NODE_ID_MAX);
    assert_in_range(id & 4095, 0, 4000);
}

static void borrows_from_the_next_millisecond_when_one_is_used_up(void **state)
{
    struct domi__ids ids;
    uint8_t seen[4001] = {0};

    (void)state;
    init(&ids, 3);
    for (unsigned i = 0; i < 4001; i++) {
        uint64_t id = domi__ids_next_at(&ids, 1000);

        assert_int_equal(id >> 22, 1000);
        assert_in_range(id & 4095, 0, 4000);
        assert_int_equal(seen[id & 4095], 0);
        seen[id & 4095] = 1;
    }
    assert_int_equal(domi__ids_next_at(&ids, 1000) >> 22, 1001);
    assert_int_equal(domi__ids_next_at(&ids, 1000) >> 22, 1001);
    assert_int_equal(domi__ids_next_at(&ids, 1002) >> 22, 1002);
}

static void never_steps_back_with_the_clock(void **state)
{
    struct domi__ids ids;
    uint64_t first, second;

    (void)state;
    init(&ids, 0);
    first = domi__ids_next_at(&ids, 5000);
    second = domi__ids_next_at(&ids, 10);
    assert_int_equal(second >> 22, 5000);
    assert_int_not_equal(first, second);
}

static void never_gives_zero(void **state)
{
    struct domi__ids ids;

    (void)state;
    init(&ids, 0);
    for (unsigned i = 0; i < 5000; i++) {
        assert_int_not_equal(domi__ids_next_at(&ids, 0), 0);
    }
}

static void begins_its_sequence_anywhere(void **state)
{
    uint64_t first;
    unsigned same = 0;

    (void)state;
    for (unsigned i = 0; i < 20; i++) {
        struct domi__ids ids;
        uint64_t id;

        init(&ids, 0);
        id = domi__ids_next_at(&ids, 1);
        first = i == 0 ? id : first;
        same += id == first;
    }
    assert_true(same < 20);
}

static void goes_by_the_wall_clock_at_the_start(void **state)
{
    uint64_t before = domi__clock_wall_ms() - EPOCH_MS;
    struct domi__ids ids;
    uint64_t stamp, after;

    (void)state;
    init(&ids, 0);
    stamp = domi__ids_next(&ids) >> 22;
    after = domi__clock_wall_ms() - EPOCH_MS;
    /* The two clocks may round apart by one. */
    assert_in_range(stamp, before, after + 1);
}

static void moves_with_the_monotonic_clock(void **state)
{
    struct domi__ids ids;

    (void)state;
    init(&ids, 0);
    ids.start_wall_ms = EPOCH_MS + 1000;
    ids.start_ns = domi__clock_ns() - UINT64_C(60000000000);
    assert_in_range(domi__ids_next(&ids) >> 22, 61000, 71000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(holds_time_node_and_sequence),
        cmocka_unit_test(borrows_from_the_next_millisecond_when_one_is_used_up),
        cmocka_unit_test(never_steps_back_with_the_clock),
        cmocka_unit_test(never_gives_zero),
        cmocka_unit_test(begins_its_sequence_anywhere),
        cmocka_unit_test(goes_by_the_wall_clock_at_the_start),
        cmocka_unit_test(moves_with_the_monotonic_clock),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
