/* SPDX-License-Identifier: MIT */
/* Rendezvous hashing: even, steady, and the same for ever. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "cluster/roster.h"

enum { NODES = 16, GROUPS = 16000 };

static struct domi__node nodes[NODES];

static int set_up(void **state)
{
    (void)state;
    for (int i = 0; i < NODES; i++) {
        nodes[i] = (struct domi__node){
            .id = i, .service = "room", .host = "10.0.0.1",
            .tcp_port = 9000 + i,
        };
    }
    return 0;
}

static const struct domi__node *place(size_t count, uint64_t group)
{
    struct domi__snapshot snapshot = {nodes, count};

    return domi__rendezvous(&snapshot, group);
}

static void swap_nodes(size_t i, size_t j)
{
    struct domi__node node = nodes[i];

    nodes[i] = nodes[j];
    nodes[j] = node;
}

static void an_empty_snapshot_has_no_place(void **state)
{
    (void)state;
    assert_null(place(0, 666));
}

static void one_node_holds_every_group(void **state)
{
    (void)state;
    for (uint64_t group = 0; group < 1000; group++) {
        assert_ptr_equal(place(1, group), &nodes[0]);
    }
    assert_ptr_equal(place(1, UINT64_MAX), &nodes[0]);
}

/* Chi-square of the load of 16 nodes: 15 degrees of freedom, of which a fair
   hash exceeds 44 once in ten thousand times. */
static void check_even(uint64_t first, uint64_t step)
{
    double expected = (double)GROUPS / NODES;
    unsigned load[NODES] = {0};
    double chi = 0;

    for (uint64_t i = 0; i < GROUPS; i++) {
        load[place(NODES, first + i * step) - nodes]++;
    }
    for (int i = 0; i < NODES; i++) {
        chi += (load[i] - expected) * (load[i] - expected) / expected;
    }
    assert_true(chi < 44);
}

static void spreads_groups_evenly(void **state)
{
    (void)state;
    check_even(0, 1);
    check_even(1, UINT64_C(1) << 22);
    check_even(UINT64_C(0xffff0000), UINT64_C(0x9e3779b97f4a7c15));
}

static void spreads_evenly_over_nodes_told_apart_by_id(void **state)
{
    (void)state;
    for (int i = 0; i < NODES; i++) {
        nodes[i].host = NULL;
        nodes[i].tcp_port = 0;
    }
    check_even(0, 1);
}

static void a_node_that_leaves_moves_only_its_own_groups(void **state)
{
    unsigned moved = 0;

    (void)state;
    for (uint64_t group = 0; group < GROUPS; group++) {
        const struct domi__node *before = place(NODES, group);
        const struct domi__node *after = place(NODES - 1, group);

        if (before == &nodes[NODES - 1]) {
            moved++;
        } else {
            assert_ptr_equal(before, after);
        }
    }
    /* Its share, give or take a fifth. */
    assert_in_range(moved, GROUPS / NODES * 8 / 10, GROUPS / NODES * 12 / 10);
}

static void the_groups_of_a_lost_node_go_to_all_others(void **state)
{
    unsigned heirs[NODES] = {0};

    (void)state;
    for (uint64_t group = 0; group < GROUPS; group++) {
        if (place(NODES, group) == &nodes[NODES - 1]) {
            heirs[place(NODES - 1, group) - nodes]++;
        }
    }
    for (int i = 0; i < NODES - 1; i++) {
        assert_in_range(heirs[i], 30, 110);
    }
}

static void the_order_of_nodes_does_not_matter(void **state)
{
    int ports[1000];

    (void)state;
    for (uint64_t group = 0; group < 1000; group++) {
        ports[group] = place(NODES, group)->tcp_port;
    }
    for (unsigned i = 0; i < NODES; i++) {
        swap_nodes(i, (i * 7 + 3) % NODES);
    }
    for (uint64_t group = 0; group < 1000; group++) {
        assert_int_equal(place(NODES, group)->tcp_port, ports[group]);
    }
}

static void what_is_not_the_address_does_not_matter(void **state)
{
    int ports[1000];

    (void)state;
    for (uint64_t group = 0; group < 1000; group++) {
        ports[group] = place(NODES, group)->tcp_port;
    }
    for (int i = 0; i < NODES; i++) {
        nodes[i].id = -1;
        nodes[i].version = i;
        nodes[i].http_port = i;
    }
    for (uint64_t group = 0; group < 1000; group++) {
        assert_int_equal(place(NODES, group)->tcp_port, ports[group]);
    }
}

/* Worked out from the formula by another program. A change of these numbers
   breaks every cluster that is upgraded node by node. */
static void the_formula_is_for_ever(void **state)
{
    static const struct domi__node by_address = {
        .id = 5, .service = "room", .host = "127.0.0.1", .tcp_port = 9999};
    static const struct domi__node by_id = {.id = 5, .service = "room"};
    static const struct domi__node by_address6 = {
        .id = 5, .service = "room", .host = "::1", .tcp_port = 80};
    static const uint64_t groups[] = {0, 1, 666, 1234567890123, UINT64_MAX - 1};
    static const int ports[] = {9009, 9010, 9001, 9000, 9013};

    (void)state;
    assert_true(domi__mix(1) == UINT64_C(0x5692161d100b05e5));
    assert_true(domi__node_hash(&by_address) == UINT64_C(0x842950b719c587e8));
    assert_true(domi__node_hash(&by_id) == UINT64_C(0xbf9ab624f833d12a));
    assert_true(domi__node_hash(&by_address6) == UINT64_C(0x365b609e723e9cba));
    for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
        assert_int_equal(place(NODES, groups[i])->tcp_port, ports[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(an_empty_snapshot_has_no_place, set_up),
        cmocka_unit_test_setup(one_node_holds_every_group, set_up),
        cmocka_unit_test_setup(spreads_groups_evenly, set_up),
        cmocka_unit_test_setup(spreads_evenly_over_nodes_told_apart_by_id,
                               set_up),
        cmocka_unit_test_setup(a_node_that_leaves_moves_only_its_own_groups,
                               set_up),
        cmocka_unit_test_setup(the_groups_of_a_lost_node_go_to_all_others,
                               set_up),
        cmocka_unit_test_setup(the_order_of_nodes_does_not_matter, set_up),
        cmocka_unit_test_setup(what_is_not_the_address_does_not_matter, set_up),
        cmocka_unit_test_setup(the_formula_is_for_ever, set_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
