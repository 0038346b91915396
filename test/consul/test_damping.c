/* SPDX-License-Identifier: MIT */
/* What is believed of answers, and when; the clock is moved by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "consul/belief.h"

#define DAMP_MS 5000
#define SETTLE_MS 3000
#define NOW 1000000u

/* Three zones; a test changes what it is about. */
struct fixture {
    struct domi__consul_belief belief;
    struct domi__consul_entry all[3];
    struct domi__consul_entries entries;
};

static void init(struct fixture *fixture)
{
    memset(fixture, 0, sizeof(*fixture));
    fixture->belief.service = "room";
    fixture->belief.damp_ms = DAMP_MS;
    fixture->belief.settle_ms = SETTLE_MS;
    fixture->entries.entries = fixture->all;
    fixture->entries.count = 3;
    for (int i = 0; i < 3; i++) {
        struct domi__consul_entry *entry = &fixture->all[i];

        snprintf(entry->host, sizeof(entry->host), "10.0.0.%d", i + 1);
        entry->id = i;
        entry->tcp_port = 9999;
        entry->age_order = 10 + (uint64_t)i;
    }
}

static int hear(struct fixture *fixture, uint64_t now_ms)
{
    return domi__consul_belief_hear(&fixture->belief, &fixture->entries,
                                    now_ms);
}

static int hear_nothing(struct fixture *fixture, uint64_t now_ms)
{
    const struct domi__consul_entries none = {0};

    return domi__consul_belief_hear(&fixture->belief, &none, now_ms);
}

static int wait(struct fixture *fixture, uint64_t now_ms)
{
    return domi__consul_belief_wait(&fixture->belief, now_ms);
}

static struct domi__snapshot snapshot(struct fixture *fixture)
{
    return domi__consul_belief_snapshot(&fixture->belief);
}

static size_t count(struct fixture *fixture)
{
    return snapshot(fixture).count;
}

static bool is_suspect(struct fixture *fixture, size_t i)
{
    return snapshot(fixture).nodes[i].suspect;
}

static uint64_t due(struct fixture *fixture)
{
    return domi__consul_belief_due(&fixture->belief);
}

static void takes_the_first_answer_at_once(void **state)
{
    struct fixture fixture;

    (void)state;
    init(&fixture);
    fixture.all[1].draining = true;
    fixture.all[2].unhealthy = true;
    assert_false(fixture.belief.known);
    assert_int_equal(hear(&fixture, NOW), 1);
    assert_true(fixture.belief.known);
    assert_int_equal(count(&fixture), 3);
    for (size_t i = 0; i < 3; i++) {
        const struct domi__node *node = &snapshot(&fixture).nodes[i];

        assert_int_equal(node->id, i);
        assert_string_equal(node->service, "room");
        assert_string_equal(node->host, fixture.all[i].host);
        assert_int_equal(node->tcp_port, 9999);
        assert_int_equal(node->age_order, 10 + i);
        assert_int_equal(node->draining, i == 1);
        assert_int_equal(node->suspect, i == 2);
        assert_null(node->memory);
    }
    assert_true(due(&fixture) == UINT64_MAX);
    domi__consul_belief_fini(&fixture.belief);
}

static void nothing_is_believed_at_once_where_nothing_was_known(void **state)
{
    struct fixture fixture;

    (void)state;
    init(&fixture);
    assert_int_equal(hear_nothing(&fixture, NOW), 1);
    assert_true(fixture.belief.known);
    assert_int_equal(count(&fixture), 0);
    assert_int_equal(hear_nothing(&fixture, NOW + 1), 0);
    assert_int_equal(hear(&fixture, NOW + 2), 1);
    domi__consul_belief_fini(&fixture.belief);
}

static void an_equal_answer_is_no_change(void **state)
{
    struct fixture fixture;
    const struct domi__node *nodes;

    (void)state;
    init(&fixture);
    hear(&fixture, NOW);
    nodes = snapshot(&fixture).nodes;
    assert_int_equal(hear(&fixture, NOW + 1), 0);
    assert_ptr_equal(snapshot(&fixture).nodes, nodes);
    domi__consul_belief_fini(&fixture.belief);
}

static void each_field_that_differs_is_a_change(void **state)
{
    struct fixture fixture;
    uint64_t now = NOW;

    (void)state;
    init(&fixture);
    hear(&fixture, now);
#define CHANGES(change)                                                        \
    fixture.all[0].change;                                                     \
    assert_int_equal(hear(&fixture, ++now), 1);                                \
    assert_int_equal(hear(&fixture, ++now), 0)
    CHANGES(id = 7);
    CHANGES(tcp_port = 7);
    CHANGES(http_port = 7);
    CHANGES(version = 7);
    CHANGES(age_order = 7);
    CHANGES(draining = true);
    CHANGES(unhealthy = true);
    CHANGES(host[7] = '0');
#undef CHANGES
    fixture.entries.count = 2;
    assert_int_equal(hear(&fixture, ++now), 1);
    assert_int_equal(count(&fixture), 2);
    domi__consul_belief_fini(&fixture.belief);
}

static void what_was_told_before_lives_until_the_change_after_the_next(
    void **state)
{
    struct fixture fixture;
    const struct domi__node *before;

    (void)state;
    init(&fixture);
    hear(&fixture, NOW);
    before = snapshot(&fixture).nodes;
    fixture.all[0].version = 2;
    assert_int_equal(hear(&fixture, NOW + 1), 1);
    assert_int_equal(before[0].version, 0);
    assert_string_equal(before[2].host, "10.0.0.3");
    domi__consul_belief_fini(&fixture.belief);
}

static void an_empty_answer_is_believed_when_it_has_stood(void **state)
{
    struct fixture fixture;

    (void)state;
    init(&fixture);
    hear(&fixture, NOW);
    assert_int_equal(hear_nothing(&fixture, NOW + 100), 0);
    assert_int_equal(due(&fixture), NOW + 100 + DAMP_MS);
    /* Others like it do not begin it anew. */
    assert_int_equal(hear_nothing(&fixture, NOW + 2000), 0);
    assert_int_equal(wait(&fixture, NOW + 99 + DAMP_MS), 0);
    assert_int_equal(count(&fixture), 3);
    assert_int_equal(wait(&fixture, NOW + 100 + DAMP_MS), 1);
    assert_int_equal(count(&fixture), 0);
    assert_true(due(&fixture) == UINT64_MAX);
    domi__consul_belief_fini(&fixture.belief);
}

static void a_node_that_is_there_again_ends_the_doubt(void **state)
{
    struct fixture fixture;

    (void)state;
    init(&fixture);
    hear(&fixture, NOW);
    hear_nothing(&fixture, NOW);
    fixture.entries.count = 1;
    assert_int_equal(hear(&fixture, NOW + 4000), 1);
    assert_int_equal(count(&fixture), 1);
    assert_int_equal(wait(&fixture, NOW + DAMP_MS), 0);
    /* The next doubt takes its whole time. */
    assert_int_equal(hear_nothing(&fixture, NOW + 6000), 0);
    assert_int_equal(wait(&fixture, NOW + 5999 + DAMP_MS), 0);
    assert_int_equal(wait(&fixture, NOW + 6000 + DAMP_MS), 1);
    domi__consul_belief_fini(&fixture.belief);
}

static void silence_is_no_proof_that_nobody_is_there(void **state)
{
    struct fixture fixture;

    (void)state;
    init(&fixture);
    hear(&fixture, NOW);
    hear_nothing(&fixture, NOW);
    domi__consul_belief_miss(&fixture.belief);
    assert_true(due(&fixture) == UINT64_MAX);
    assert_int_equal(wait(&fixture, NOW + 3600 * 1000), 0);
    assert_int_equal(count(&fixture), 3);
    assert_int_equal(hear_nothing(&fixture, NOW + 3600 * 1000), 0);
    assert_int_equal(wait(&fixture, NOW + 3600 * 1000 + DAMP_MS), 1);
    domi__consul_belief_fini(&fixture.belief);
}

static void some_that_vanish_are_believed_at_once(void **state)
{
    struct fixture fixture;

    (void)state;
    init(&fixture);
    hear(&fixture, NOW);
    fixture.entries.count = 1;
    assert_int_equal(hear(&fixture, NOW + 1), 1);
    assert_int_equal(count(&fixture), 1);
    domi__consul_belief_fini(&fixture.belief);
}

static void an_unhealthy_node_is_suspect_until_it_has_settled(void **state)
{
    struct fixture fixture;

    (void)state;
    init(&fixture);
    hear(&fixture, NOW);
    fixture.all[1].unhealthy = true;
    assert_int_equal(hear(&fixture, NOW + 10), 1);
    assert_true(is_suspect(&fixture, 1));
    assert_true(due(&fixture) == UINT64_MAX);
    fixture.all[1].unhealthy = false;
    assert_int_equal(hear(&fixture, NOW + 20), 0);
    assert_int_equal(due(&fixture), NOW + 20 + SETTLE_MS);
    assert_int_equal(wait(&fixture, NOW + 19 + SETTLE_MS), 0);
    assert_true(is_suspect(&fixture, 1));
    assert_false(is_suspect(&fixture, 0));
    assert_int_equal(wait(&fixture, NOW + 20 + SETTLE_MS), 1);
    assert_false(is_suspect(&fixture, 1));
    assert_true(due(&fixture) == UINT64_MAX);
    domi__consul_belief_fini(&fixture.belief);
}

static void an_answer_settles_as_time_does(void **state)
{
    struct fixture fixture;

    (void)state;
    init(&fixture);
    fixture.all[0].unhealthy = true;
    hear(&fixture, NOW);
    fixture.all[0].unhealthy = false;
    hear(&fixture, NOW);
    assert_int_equal(hear(&fixture, NOW + SETTLE_MS), 1);
    assert_false(is_suspect(&fixture, 0));
    domi__consul_belief_fini(&fixture.belief);
}

static void nodes_that_flap_each_second_stay_suspect(void **state)
{
    struct fixture fixture;
    unsigned changes = 0;

    (void)state;
    init(&fixture);
    hear(&fixture, NOW);
    for (unsigned second = 1; second <= 60; second++) {
        for (int i = 0; i < 3; i++) {
            fixture.all[i].unhealthy = second % 2;
        }
        changes += (unsigned)hear(&fixture, NOW + second * 1000);
        changes += (unsigned)wait(&fixture, NOW + second * 1000 + 999);
        assert_true(is_suspect(&fixture, 0));
    }
    assert_int_equal(changes, 1);
    domi__consul_belief_fini(&fixture.belief);
}

static void one_that_comes_back_is_suspect_until_it_has_settled(void **state)
{
    struct fixture fixture;

    (void)state;
    init(&fixture);
    hear(&fixture, NOW);
    fixture.entries.count = 2;
    hear(&fixture, NOW + 1000);
    fixture.entries.count = 3;
    assert_int_equal(hear(&fixture, NOW + 2000), 1);
    assert_false(is_suspect(&fixture, 1));
    assert_true(is_suspect(&fixture, 2));
    assert_int_equal(due(&fixture), NOW + 2000 + SETTLE_MS);
    assert_int_equal(wait(&fixture, NOW + 2000 + SETTLE_MS), 1);
    assert_false(is_suspect(&fixture, 2));
    domi__consul_belief_fini(&fixture.belief);
}

/* So does one at the place of a node that is missing. */
static void a_node_that_is_new_is_trusted_at_once(void **state)
{
    struct fixture fixture;

    (void)state;
    init(&fixture);
    hear(&fixture, NOW);
    fixture.entries.count = 1;
    hear(&fixture, NOW + 1000);
    fixture.entries.count = 3;
    fixture.all[1].id = 77;
    hear(&fixture, NOW + 61000);
    assert_false(is_suspect(&fixture, 1));
    assert_false(is_suspect(&fixture, 2));
    domi__consul_belief_fini(&fixture.belief);
}

static void nodes_that_come_and_go_each_second_stay_suspect(void **state)
{
    struct fixture fixture;

    (void)state;
    init(&fixture);
    hear(&fixture, NOW);
    for (unsigned second = 1; second <= 200; second++) {
        /* In turn, so that each time others are missing. */
        fixture.entries.count = 1 + (second - 1) % 3;
        hear(&fixture, NOW + second * 1000);
        for (size_t i = 1; i < count(&fixture); i++) {
            assert_true(is_suspect(&fixture, i));
        }
        assert_in_range(fixture.belief.missing_count, 0, 2);
    }
    assert_false(is_suspect(&fixture, 0));
    domi__consul_belief_fini(&fixture.belief);
}

static void a_node_of_another_id_does_not_inherit_the_suspicion(void **state)
{
    struct fixture fixture;

    (void)state;
    init(&fixture);
    fixture.all[2].unhealthy = true;
    hear(&fixture, NOW);
    fixture.all[2].unhealthy = false;
    fixture.all[2].id = 77;
    assert_int_equal(hear(&fixture, NOW + 1), 1);
    assert_false(is_suspect(&fixture, 2));
    domi__consul_belief_fini(&fixture.belief);
}

static void remembers_each_node_while_others_come_and_go(void **state)
{
    struct fixture fixture;

    (void)state;
    init(&fixture);
    fixture.all[2].unhealthy = true;
    hear(&fixture, NOW);
    fixture.all[2].unhealthy = false;
    fixture.entries.entries = fixture.all + 1;
    fixture.entries.count = 2;
    assert_int_equal(hear(&fixture, NOW + 1), 1);
    assert_true(is_suspect(&fixture, 1));
    fixture.entries.entries = fixture.all;
    fixture.entries.count = 3;
    assert_int_equal(hear(&fixture, NOW + 2), 1);
    assert_false(is_suspect(&fixture, 1));
    assert_true(is_suspect(&fixture, 2));
    assert_int_equal(wait(&fixture, NOW + 1 + SETTLE_MS), 1);
    assert_false(is_suspect(&fixture, 2));
    domi__consul_belief_fini(&fixture.belief);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_the_first_answer_at_once),
        cmocka_unit_test(nothing_is_believed_at_once_where_nothing_was_known),
        cmocka_unit_test(an_equal_answer_is_no_change),
        cmocka_unit_test(each_field_that_differs_is_a_change),
        cmocka_unit_test(
            what_was_told_before_lives_until_the_change_after_the_next),
        cmocka_unit_test(an_empty_answer_is_believed_when_it_has_stood),
        cmocka_unit_test(a_node_that_is_there_again_ends_the_doubt),
        cmocka_unit_test(silence_is_no_proof_that_nobody_is_there),
        cmocka_unit_test(some_that_vanish_are_believed_at_once),
        cmocka_unit_test(an_unhealthy_node_is_suspect_until_it_has_settled),
        cmocka_unit_test(an_answer_settles_as_time_does),
        cmocka_unit_test(nodes_that_flap_each_second_stay_suspect),
        cmocka_unit_test(one_that_comes_back_is_suspect_until_it_has_settled),
        cmocka_unit_test(a_node_that_is_new_is_trusted_at_once),
        cmocka_unit_test(nodes_that_come_and_go_each_second_stay_suspect),
        cmocka_unit_test(a_node_of_another_id_does_not_inherit_the_suspicion),
        cmocka_unit_test(remembers_each_node_while_others_come_and_go),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
