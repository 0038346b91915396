/* SPDX-License-Identifier: MIT */
/* A zone and its registry: joining, the told address, a lost id. */
#include "peer.h"

#include <stdlib.h>
#include <string.h>

#include "../cluster/hand.h"
#include "domi/err.h"
#include "domi/registry.h"
#include "frame/frame.h"
#include "zone/state.h"

struct node {
    struct fixture fixture;
    struct hand registry;
    unsigned joined; /* calls */
    int status;      /* of the last */
    unsigned ids;    /* calls */
    int id;          /* of the last */
};

static void on_joined(struct domi_zone *zone, int status, void *user)
{
    struct node *node = DOMI__CONTAINER(user, struct node, fixture);

    assert_ptr_equal(zone, node->fixture.zone);
    node->joined++;
    node->status = status;
}

static void on_id(struct domi_zone *zone, int id, void *user)
{
    struct node *node = DOMI__CONTAINER(user, struct node, fixture);

    assert_int_equal(domi_zone_id(zone), id);
    node->ids++;
    node->id = id;
}

static int set_up(void **state)
{
    struct node *node = calloc(1, sizeof(*node));

    assert_non_null(node);
    hand_open(&node->registry, NULL);
    node->registry.answers = false;
    *state = node;
    return 0;
}

static int tear_down(void **state)
{
    free(*state);
    return 0;
}

static struct domi_zone_options node_options(struct node *node)
{
    struct domi_zone_options options = fixture_options(&node->fixture);

    options.registry = &node->registry.base;
    options.on_joined = on_joined;
    options.on_id = on_id;
    return options;
}

/* A zone that has asked to join. */
static void start(struct node *node)
{
    struct domi_zone_options options = node_options(node);

    fixture_init(&node->fixture, &options);
    assert_int_equal(domi_zone_start(node->fixture.zone), 0);
    assert_non_null(node->registry.member);
    assert_int_equal(node->joined, 0);
    assert_int_equal(domi_zone_id(node->fixture.zone), -1);
}

/* The zone takes no link: it ends the connection without an id. */
static void expect_no_link(struct fixture *fixture)
{
    struct peer peer;

    peer_connect(&peer, fixture, domi_zone_tcp_port(fixture->zone));
    peer_send(&peer, "\xfb\x08\0\0", 4);
    peer_expect_end(&peer);
    peer_close(&peer);
}

/* ---- joining ------------------------------------------------------------- */

static void a_registry_may_take_its_time(void **state)
{
    struct node *node = *state;
    struct peer peer;

    start(node);
    expect_no_link(&node->fixture);
    hand_answer(&node->registry, 0, 12);
    assert_int_equal(node->joined, 1);
    assert_int_equal(node->status, 0);
    assert_int_equal(domi_zone_id(node->fixture.zone), 12);
    peer_open(&peer, &node->fixture);
    peer_hello(&peer, DOMI__FEATURE_GROUPS);
    peer_close(&peer);
    fixture_fini(&node->fixture);
    assert_int_equal(node->joined, 1);
}

static void a_zone_that_was_refused_can_only_be_closed(void **state)
{
    struct node *node = *state;

    start(node);
    hand_answer(&node->registry, DOMI_E_VERSION, -1);
    assert_int_equal(node->joined, 1);
    assert_int_equal(node->status, DOMI_E_VERSION);
    assert_int_equal(domi_zone_id(node->fixture.zone), -1);
    assert_int_equal(fixture_logged(&node->fixture, "a newer version"), 1);
    expect_no_link(&node->fixture);
    assert_int_equal(domi_zone_post(node->fixture.zone, 1, 50, NULL, 0),
                     DOMI_E_STATE);
    assert_int_equal(domi_zone_drain(node->fixture.zone), DOMI_E_STATE);
    fixture_fini(&node->fixture);
}

static void joining_is_told_whatever_the_registry(void **state)
{
    struct node *node = *state;
    struct domi_registry *registries[] = {domi_registry_local_new(),
                                          domi_registry_static_new()};

    for (size_t i = 0; i < 2; i++) {
        struct domi_zone_options options = node_options(node);

        options.registry = registries[i];
        fixture_init(&node->fixture, &options);
        assert_int_equal(domi_zone_start(node->fixture.zone), 0);
        assert_int_equal(node->joined, i + 1);
        assert_int_equal(node->status, 0);
        fixture_fini(&node->fixture);
        domi_registry_free(registries[i]);
    }
}

static void a_refusal_at_once_is_told_and_returned(void **state)
{
    struct node *node = *state;
    struct domi_registry *registry = domi_registry_local_new();
    struct domi_zone_options options;
    struct fixture *first = malloc(sizeof(*first));
    int id = 7;

    assert_non_null(first);
    options = fixture_options(first);
    options.registry = registry;
    options.id = &id;
    fixture_init(first, &options);
    assert_int_equal(domi_zone_start(first->zone), 0);
    options = node_options(node);
    options.registry = registry;
    options.id = &id;
    fixture_init(&node->fixture, &options);
    assert_int_equal(domi_zone_start(node->fixture.zone), UV_EADDRINUSE);
    assert_int_equal(node->joined, 1);
    assert_int_equal(node->status, UV_EADDRINUSE);
    fixture_fini(&node->fixture);
    fixture_fini(first);
    free(first);
    domi_registry_free(registry);
}

static void a_zone_may_be_closed_before_the_answer(void **state)
{
    struct node *node = *state;

    start(node);
    fixture_fini(&node->fixture);
    assert_int_equal(node->joined, 0);
}

/* ---- the told address ---------------------------------------------------- */

static void expect_told(struct node *node, const char *host,
                        const char *advertise, const char *told)
{
    struct domi_zone_options options = node_options(node);

    options.host = host;
    options.advertise = advertise;
    fixture_init(&node->fixture, &options);
    assert_int_equal(domi_zone_start(node->fixture.zone), 0);
    if (told) {
        assert_string_equal(node->registry.member->self.host, told);
    } else {
        assert_string_not_equal(node->registry.member->self.host, host);
    }
    fixture_fini(&node->fixture);
}

static void others_are_told_an_address_they_can_use(void **state)
{
    struct node *node = *state;

    expect_told(node, NULL, NULL, "127.0.0.1");
    expect_told(node, "127.0.0.1", "192.0.2.7", "192.0.2.7");
    expect_told(node, "0.0.0.0", "fd00::7", "fd00::7");
    expect_told(node, "0.0.0.0", NULL, NULL);
}

static void a_bad_address_is_named_in_the_log(void **state)
{
    static const char *const bad[] = {"", "localhost", "0.0.0.0", "::"};
    struct node *node = *state;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct domi_zone_options options = node_options(node);

        options.advertise = bad[i];
        fixture_init(&node->fixture, &options);
        assert_int_equal(domi_zone_start(node->fixture.zone), DOMI_E_OPTION);
        assert_int_equal(
            fixture_logged(&node->fixture, "option advertise is \""), 1);
        assert_null(node->registry.member);
        fixture_fini(&node->fixture);
    }
}

static void strings_of_options_are_copied(void **state)
{
    struct node *node = *state;
    struct domi_zone_options options = node_options(node);
    char advertise[] = "192.0.2.7", token[] = "secret";

    options.advertise = advertise;
    options.admin_token = token;
    fixture_init(&node->fixture, &options);
    memset(advertise, 'x', sizeof(advertise));
    memset(token, 'x', sizeof(token));
    assert_string_equal(node->fixture.zone->options.advertise, "192.0.2.7");
    assert_string_equal(node->fixture.zone->options.admin_token, "secret");
    fixture_fini(&node->fixture);
}

/* ---- a lost id ----------------------------------------------------------- */

static void without_an_id_no_link_is_taken_and_links_live_on(void **state)
{
    struct node *node = *state;
    struct peer old, new;

    start(node);
    hand_answer(&node->registry, 0, 12);
    peer_open(&old, &node->fixture);
    peer_hello(&old, DOMI__FEATURE_GROUPS);
    peer_join(&old, USER_A, GROUP);
    assert_int_equal(peer_next(&old).type, DOMI__FRAME_JOINED);
    hand_set_id(&node->registry, -1);
    assert_int_equal(node->ids, 1);
    assert_int_equal(node->id, -1);
    assert_int_equal(domi_zone_id(node->fixture.zone), -1);
    expect_no_link(&node->fixture);
    peer_send_frame(&old, USER_A, GROUP, 51, "still here", 10);
    assert_int_equal(peer_next(&old).type, DOMI__FRAME_BROADCAST);
    hand_set_id(&node->registry, 13);
    assert_int_equal(node->ids, 2);
    assert_int_equal(node->id, 13);
    peer_open(&new, &node->fixture);
    peer_hello(&new, DOMI__FEATURE_GROUPS);
    assert_int_equal(old.id >> 12 & 1023, 12);
    assert_int_equal(new.id >> 12 & 1023, 13);
    peer_send_frame(&old, USER_A, GROUP, 51, "and here", 8);
    assert_int_equal(peer_next(&old).type, DOMI__FRAME_BROADCAST);
    peer_close(&old);
    peer_close(&new);
    fixture_fini(&node->fixture);
}

/* After a burst of links the ids are ahead of the clock. */
static void an_id_that_comes_back_gives_no_session_id_twice(void **state)
{
    struct node *node = *state;
    struct peer before, after;

    start(node);
    hand_answer(&node->registry, 0, 12);
    domi__ids_next(&node->fixture.zone->ids);
    node->fixture.zone->ids.stamp += 60000;
    peer_open(&before, &node->fixture);
    hand_set_id(&node->registry, -1);
    hand_set_id(&node->registry, 12);
    peer_open(&after, &node->fixture);
    assert_true(after.id >> 22 >= before.id >> 22);
    assert_int_not_equal(after.id, before.id);
    peer_close(&before);
    peer_close(&after);
    fixture_fini(&node->fixture);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_registry_may_take_its_time),
        TEST(a_zone_that_was_refused_can_only_be_closed),
        TEST(joining_is_told_whatever_the_registry),
        TEST(a_refusal_at_once_is_told_and_returned),
        TEST(a_zone_may_be_closed_before_the_answer),
        TEST(others_are_told_an_address_they_can_use),
        TEST(a_bad_address_is_named_in_the_log),
        TEST(strings_of_options_are_copied),
        TEST(without_an_id_no_link_is_taken_and_links_live_on),
        TEST(an_id_that_comes_back_gives_no_session_id_twice),
    };
#undef TEST

    return cmocka_run_group_tests(tests, NULL, NULL);
}
