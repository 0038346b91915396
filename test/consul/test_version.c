/* SPDX-License-Identifier: MIT */
/* Versions of a service: refused, raised, replaced, called off. */
#include "node.h"

#include <stdio.h>
#include <string.h>

#include "consul/version.h"
#include "domi/err.h"

static struct town town;

static int open_town(void **state)
{
    (void)state;
    town_open(&town, (struct town_options){.dev = true});
    return 0;
}

static int close_town(void **state)
{
    (void)state;
    town_close(&town);
    return 0;
}

static void set_key(const char *value)
{
    assert_int_equal(agent_put(&town.agent, "/v1/kv/roomVersion", value), 200);
}

static void init_node(struct node *node, int version)
{
    node_init(node, &town, "room");
    node->membership.self.version = version;
}

/* ---- numbers ------------------------------------------------------------- */

static int number(const char *text)
{
    return domi__consul_version_number(text, strlen(text));
}

static void reads_numbers_and_nothing_else(void **state)
{
    (void)state;
    assert_int_equal(number("0"), 0);
    assert_int_equal(number("17"), 17);
    assert_int_equal(number("2147483647"), 2147483647);
    assert_int_equal(number("2147483648"), -1);
    assert_int_equal(number("99999999999999999999"), -1);
    assert_int_equal(number(""), -1);
    assert_int_equal(number("-1"), -1);
    assert_int_equal(number("2 "), -1);
    assert_int_equal(number("v2"), -1);
    assert_int_equal(domi__consul_version_number("2\0", 2), -1);
}

/* ---- joining ------------------------------------------------------------- */

static void refuses_a_node_that_is_too_old(void **state)
{
    struct node node;

    (void)state;
    set_key("5");
    init_node(&node, 4);
    node_join(&node);
    node_joined(&node, DOMI_E_VERSION);
    assert_int_equal(NODE_ID(&node), -1);
    assert_int_equal(
        world_logged(&town.world, "version 4 of service \"room\" is too old"),
        1);
    assert_int_equal(world_logged(&town.world, "wants 5"), 1);
    node_leave(&node);
    assert_false(town_has(&town, "/v1/kv/domi/nodes/?keys"));
    assert_true(town_key_is(&town, "roomVersion", "5"));
    node_fini(&node);
}

static void takes_an_equal_version(void **state)
{
    struct node node;

    (void)state;
    set_key("5");
    init_node(&node, 5);
    node_join(&node);
    node_joined(&node, 0);
    assert_int_equal(node.outdated, 0);
    node_fini(&node);
}

static void raises_the_version_only_when_the_node_is_healthy(void **state)
{
    struct node node;

    (void)state;
    set_key("5");
    init_node(&node, 6);
    node.sick = true;
    node_join(&node);
    node_joined(&node, 0);
    RUN_UNTIL(&town.world.fixture, world_logged(&town.world, "unhealthy") > 0);
    world_rest(&town.world, 1500);
    assert_true(town_key_is(&town, "roomVersion", "5"));
    assert_int_equal(world_logged(&town.world, "unhealthy"), 1);
    node.sick = false;
    node_serves(&node);
    assert_int_equal(node.outdated, 0);
    node_fini(&node);
    assert_true(town_key_is(&town, "roomVersion", "6"));
}

static void many_versions_at_once_leave_the_highest(void **state)
{
    static struct node nodes[10];

    (void)state;
    for (int i = 0; i < 10; i++) {
        init_node(&nodes[i], i * 7 % 10 + 1);
        node_join(&nodes[i]);
    }
    RUN_UNTIL(&town.world.fixture, town_key_is(&town, "roomVersion", "10"));
    world_rest(&town.world, 1500);
    assert_true(town_key_is(&town, "roomVersion", "10"));
    for (int i = 0; i < 10; i++) {
        bool newest = nodes[i].membership.self.version == 10;

        if (nodes[i].status == 0) {
            assert_int_equal(nodes[i].membership.outdated, !newest);
        }
        node_fini(&nodes[i]);
    }
}

static void passes_over_a_key_that_is_no_version(void **state)
{
    struct node node;

    (void)state;
    set_key("next\n");
    init_node(&node, 2);
    node_join(&node);
    node_serves(&node);
    assert_int_equal(world_logged(&town.world, "\"next\\x0a\""), 1);
    set_key("99999999999");
    RUN_UNTIL(&town.world.fixture, world_logged(&town.world, "9999999999") > 0);
    world_rest(&town.world, 1200);
    assert_int_equal(node.outdated, 0);
    assert_true(town_key_is(&town, "roomVersion", "99999999999"));
    node_fini(&node);
}

/* ---- being replaced ------------------------------------------------------ */

static void is_outdated_while_a_newer_node_is_healthy(void **state)
{
    struct node old;
    struct node newer;

    (void)state;
    init_node(&old, 1);
    init_node(&newer, 2);
    node_join(&old);
    node_serves(&old);
    node_join(&newer);
    node_serves(&newer);
    RUN_UNTIL(&town.world.fixture, old.membership.outdated);
    assert_false(newer.membership.outdated);
    newer.sick = true;
    RUN_UNTIL(&town.world.fixture, !old.membership.outdated);
    newer.sick = false;
    RUN_UNTIL(&town.world.fixture, old.membership.outdated);
    /* What says nothing changes nothing. */
    set_key("rubbish");
    world_rest(&town.world, 1500);
    assert_true(old.membership.outdated);
    node_leave(&newer);
    RUN_UNTIL(&town.world.fixture, !old.membership.outdated);
    assert_int_equal(old.outdated, 4);
    node_fini(&old);
    node_fini(&newer);
}

static void a_number_alone_replaces_nobody(void **state)
{
    struct node node;

    (void)state;
    init_node(&node, 2);
    node_join(&node);
    node_serves(&node);
    set_key("3");
    RUN_UNTIL(&town.world.fixture,
              world_logged(&town.world, "has been replaced by 3") == 1);
    world_rest(&town.world, 1500);
    assert_int_equal(node.outdated, 0);
    assert_int_equal(
        agent_delete(&town.agent, "/v1/kv/roomVersion"), 200);
    world_rest(&town.world, 1500);
    assert_false(town_has(&town, "/v1/kv/roomVersion"));
    set_key("1");
    world_rest(&town.world, 1500);
    assert_true(town_key_is(&town, "roomVersion", "1"));
    assert_int_equal(node.outdated, 0);
    node_fini(&node);
}

static void makes_the_key_again_when_it_was_deleted(void **state)
{
    struct node node;

    (void)state;
    init_node(&node, 2);
    node_join(&node);
    node_serves(&node);
    world_rest(&town.world, 1500); /* its watch must be waiting */
    assert_int_equal(
        agent_delete(&town.agent, "/v1/kv/roomVersion"), 200);
    RUN_UNTIL(&town.world.fixture, town_key_is(&town, "roomVersion", "2"));
    assert_int_equal(node.outdated, 0);
    node_fini(&node);
}

#define IN_TOWN(test)                                                          \
    cmocka_unit_test_setup_teardown(test, open_town, close_town)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_numbers_and_nothing_else),
        IN_TOWN(refuses_a_node_that_is_too_old),
        IN_TOWN(takes_an_equal_version),
        IN_TOWN(raises_the_version_only_when_the_node_is_healthy),
        IN_TOWN(many_versions_at_once_leave_the_highest),
        IN_TOWN(passes_over_a_key_that_is_no_version),
        IN_TOWN(is_outdated_while_a_newer_node_is_healthy),
        IN_TOWN(a_number_alone_replaces_nobody),
        IN_TOWN(makes_the_key_again_when_it_was_deleted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
