/* SPDX-License-Identifier: MIT */
/* Tests of base/list.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/list.h"

struct item {
    int number;
    struct domi__list node;
};

static int pop_number(struct domi__list *list)
{
    struct domi__list *node = domi__list_pop(list);

    return node ? DOMI__CONTAINER(node, struct item, node)->number : -1;
}

static void fill(struct domi__list *list, struct item *items, int count)
{
    domi__list_init(list);
    for (int i = 0; i < count; i++) {
        items[i].number = i;
        domi__list_init(&items[i].node);
        domi__list_push(list, &items[i].node);
    }
}

static void pops_in_the_order_of_pushes(void **state)
{
    struct domi__list list;
    struct item items[3];

    (void)state;
    fill(&list, items, 3);
    for (int i = 0; i < 3; i++) {
        assert_false(domi__list_is_empty(&list));
        assert_int_equal(pop_number(&list), i);
    }
    assert_true(domi__list_is_empty(&list));
    assert_int_equal(pop_number(&list), -1);
}

static void removes_from_the_middle_and_only_once(void **state)
{
    struct domi__list list;
    struct item items[3];

    (void)state;
    fill(&list, items, 3);
    domi__list_remove(&items[1].node);
    domi__list_remove(&items[1].node);
    assert_int_equal(pop_number(&list), 0);
    assert_int_equal(pop_number(&list), 2);
    assert_int_equal(pop_number(&list), -1);
}

static void moves_all_to_the_end_of_another(void **state)
{
    struct domi__list to, from;
    struct item here[2], there[2];

    (void)state;
    fill(&to, here, 2);
    fill(&from, there, 2);
    there[0].number = 2;
    there[1].number = 3;
    domi__list_move(&to, &from);
    assert_true(domi__list_is_empty(&from));
    for (int i = 0; i < 4; i++) {
        assert_int_equal(pop_number(&to), i);
    }
    domi__list_move(&to, &from);
    assert_true(domi__list_is_empty(&to));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pops_in_the_order_of_pushes),
        cmocka_unit_test(removes_from_the_middle_and_only_once),
        cmocka_unit_test(moves_all_to_the_end_of_another),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
