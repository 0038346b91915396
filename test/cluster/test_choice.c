/* SPDX-License-Identifier: MIT */
/* The choice of a zone for a new group, by tables. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "domi/choice.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct row {
    const char *why;
    struct domi_candidate candidates[3];
    int chosen;
};

static const struct row rows[] = {
    {"the lowest memory",
     {{.memory = 40}, {.memory = 20}, {.memory = 30}},
     1},
    {"of equal ones that with fewer members",
     {{.memory = 20, .members = 5},
      {.memory = 20, .members = 4},
      {.memory = 20, .members = 9}},
     1},
    {"of equal ones in all the first",
     {{.memory = 20}, {.memory = 20}, {.memory = 20}},
     0},
    {"none that is full, though it has come below the limit",
     {{.memory = 86, .is_full = 1}, {.memory = 89}, {.memory = 90}},
     1},
    {"none when all are full",
     {{.memory = 95, .is_full = 1},
      {.memory = 91, .is_full = 1},
      {.memory = 99, .is_full = 1}},
     -1},
    {"a tenth of a point for each user",
     {{.memory = 20, .placed = 9}, {.memory = 21}, {.memory = 30}},
     0},
    {"ten users are a point, then members count",
     {{.memory = 20, .placed = 10, .members = 3},
      {.memory = 21},
      {.memory = 30}},
     1},
    {"more than ten are more",
     {{.memory = 20, .placed = 11},
      {.memory = 21, .members = 3},
      {.memory = 30}},
     1},
    {"one that is not known comes last",
     {{.memory = -1}, {.memory = 90, .placed = 1000}, {.memory = -1}},
     1},
    {"of unknown ones that with fewer users",
     {{.memory = -1, .placed = 3},
      {.memory = -1, .placed = 2},
      {.memory = -1, .placed = 4}},
     1},
    {"an unknown one before a full one",
     {{.memory = 95, .is_full = 1},
      {.memory = -1},
      {.memory = 91, .is_full = 1}},
     1},
    {"more users than memory has points",
     {{.memory = 0, .placed = UINT32_MAX}, {.memory = 100}, {.memory = 99}},
     2},
};

static void chooses_by_memory_users_and_members(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        int chosen = domi_choose_lowest(rows[i].candidates, 3, 7, NULL);

        if (chosen != rows[i].chosen) {
            fail_msg("%s: chose %d", rows[i].why, chosen);
        }
    }
}

static void chooses_nobody_of_nobody(void **state)
{
    (void)state;
    assert_int_equal(domi_choose_lowest(NULL, 0, 7, NULL), -1);
}

static void does_not_look_at_the_group(void **state)
{
    const struct domi_candidate two[] = {{.memory = 3}, {.memory = 2}};

    (void)state;
    for (uint64_t group = 0; group < 1000; group++) {
        assert_int_equal(domi_choose_lowest(two, 2, group, NULL), 1);
    }
}

/* A burst between two readings. */
static void spreads_a_burst(void **state)
{
    struct domi_candidate three[] = {
        {.memory = 30}, {.memory = 35}, {.memory = 60}};

    (void)state;
    for (unsigned i = 0; i < 200; i++) {
        three[domi_choose_lowest(three, 3, i, NULL)].placed++;
    }
    assert_int_equal(three[0].placed, 125);
    assert_int_equal(three[1].placed, 75);
    assert_int_equal(three[2].placed, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chooses_by_memory_users_and_members),
        cmocka_unit_test(chooses_nobody_of_nobody),
        cmocka_unit_test(does_not_look_at_the_group),
        cmocka_unit_test(spreads_a_burst),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
