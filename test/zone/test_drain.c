/* SPDX-License-Identifier: MIT */
/* Draining a zone: asked for, by a newer version, called off, and paced. */
#include "peer.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../cluster/hand.h"
#include "domi/err.h"
#include "frame/frame.h"
#include "zone/state.h"

#define BLOCKING 62

struct scene {
    struct fixture fixture;
    struct hand registry;
    struct peer peer;
    unsigned drained; /* calls of on_drained */
    atomic_bool go;   /* blocked handlers wait for it */
};

static void on_drained(struct domi_zone *zone, void *user)
{
    struct scene *scene = DOMI__CONTAINER(user, struct scene, fixture);

    assert_ptr_equal(zone, scene->fixture.zone);
    scene->drained++;
}

static void on_blocking(struct domi_group *group, struct domi_user sender,
                        const struct domi_frame *frame, void *user)
{
    struct scene *scene = DOMI__CONTAINER(user, struct scene, fixture);

    (void)group;
    (void)sender;
    (void)frame;
    while (!scene->go) {
        struct timespec time = {0, 1000000};

        nanosleep(&time, NULL);
    }
}

static void setup_blocking(struct fixture *fixture, struct domi_group *group)
{
    domi_group_handle(group, BLOCKING, on_blocking, fixture);
}

static int set_up(void **state)
{
    struct scene *scene = calloc(1, sizeof(*scene));

    assert_non_null(scene);
    hand_open(&scene->registry, NULL);
    scene->registry.answers = false;
    *state = scene;
    return 0;
}

static int tear_down(void **state)
{
    free(*state);
    return 0;
}

static struct domi_zone_options scene_options(struct scene *scene)
{
    struct domi_zone_options options = fixture_options(&scene->fixture);

    options.registry = &scene->registry.base;
    options.on_drained = on_drained;
    options.workers = 2;
    return options;
}

/* A zone that has joined, and a gateway with these features. */
static void start(struct scene *scene, const struct domi_zone_options *options,
                  uint32_t features)
{
    fixture_init(&scene->fixture, options);
    assert_int_equal(domi_zone_drain(scene->fixture.zone), DOMI_E_STATE);
    assert_int_equal(domi_zone_start(scene->fixture.zone), 0);
    hand_answer(&scene->registry, 0, 12);
    peer_open(&scene->peer, &scene->fixture);
    peer_hello(&scene->peer, features);
}

static void start_plain(struct scene *scene, uint32_t features)
{
    struct domi_zone_options options = scene_options(scene);

    start(scene, &options, features);
}

static void finish(struct scene *scene)
{
    peer_close(&scene->peer);
    fixture_fini(&scene->fixture);
}

/* Users 1 and up join the group, and have joined when this returns. */
static void join_many(struct scene *scene, uint64_t group, unsigned users)
{
    struct fixture *fixture = &scene->fixture;
    uint64_t before = fixture_stats(fixture).members;

    for (unsigned i = 1; i <= users; i++) {
        peer_join(&scene->peer, i, group);
    }
    fixture_wait(fixture, fixture_stats(fixture).members == before + users);
}

static void leave(struct scene *scene, uint64_t user, uint64_t group)
{
    uint8_t data[8], extend[16], bytes[64];

    domi_put_u64(data, scene->peer.id);
    domi_put_u64(extend, user);
    domi_put_u64(extend + 8, group);
    peer_send(&scene->peer, bytes,
              domi_frame_encode(bytes, DOMI__FRAME_USER_LEAVE, data, 8,
                                extend, 16));
}

/* Turns the loop for this long. */
static void run_ms(struct scene *scene, unsigned ms)
{
    uint64_t end = uv_hrtime() + ms * UINT64_C(1000000);

    fixture_wait(&scene->fixture, uv_hrtime() > end);
}

/* ---- asked for ----------------------------------------------------------- */

static void an_empty_zone_is_drained_in_a_later_turn(void **state)
{
    struct scene *scene = *state;
    struct domi_zone *zone;

    start_plain(scene, DOMI__FEATURE_GROUPS);
    zone = scene->fixture.zone;
    assert_false(domi_zone_is_draining(zone));
    assert_int_equal(domi_zone_drain(zone), 0);
    assert_true(domi_zone_is_draining(zone));
    assert_int_equal(scene->drained, 0);
    assert_int_equal(domi_zone_drain(zone), 0);
    fixture_wait(&scene->fixture, scene->drained == 1);
    assert_int_equal(domi_zone_drain(zone), 0);
    run_ms(scene, 200);
    assert_int_equal(scene->drained, 1);
    assert_int_equal(scene->registry.updates, 1);
    assert_true(scene->registry.draining);
    finish(scene);
}

static void an_empty_zone_without_threads_is_drained_too(void **state)
{
    struct scene *scene = *state;
    struct domi_zone_options options = scene_options(scene);

    options.no_workers = 1;
    start(scene, &options, DOMI__FEATURE_GROUPS);
    assert_int_equal(domi_zone_drain(scene->fixture.zone), 0);
    assert_int_equal(scene->drained, 0);
    fixture_wait(&scene->fixture, scene->drained == 1);
    finish(scene);
}

static void a_drain_ends_with_the_last_member(void **state)
{
    struct scene *scene = *state;
    struct fixture *fixture = &scene->fixture;

    start_plain(scene, DOMI__FEATURE_DIRECTORY);
    assert_int_equal(peer_next(&scene->peer).type, DOMI__FRAME_GROUPS_END);
    join_many(scene, 1, 2);
    join_many(scene, 2, 1);
    assert_int_equal(domi_zone_drain(fixture->zone), 0);
    leave(scene, 1, 1);
    leave(scene, 1, 2);
    fixture_wait(fixture, fixture_stats(fixture).members == 1);
    run_ms(scene, 200);
    assert_int_equal(scene->drained, 0);
    /* What is there goes on, also for users who come now. */
    join_many(scene, 2, 1);
    leave(scene, 2, 1);
    leave(scene, 1, 2);
    fixture_wait(fixture, scene->drained == 1);
    assert_int_equal(fixture_stats(fixture).groups, 2);
    assert_int_equal(fixture->closed[DOMI_REASON_DRAINING], 0);
    assert_int_equal(fixture_logged(fixture, "drains: it was asked to"), 1);
    assert_int_equal(fixture_logged(fixture, "drained: no member is left"), 1);
    finish(scene);
}

/* They are no members yet, but what the worker has before the drain counts. */
static void users_on_their_way_are_waited_for(void **state)
{
    struct scene *scene = *state;
    struct fixture *fixture = &scene->fixture;
    struct domi_zone_options options = scene_options(scene);

    fixture->setup = setup_blocking;
    start(scene, &options, DOMI__FEATURE_GROUPS);
    peer_send_frame(&scene->peer, USER_A, 1, BLOCKING, "", 0);
    peer_join(&scene->peer, 1, 1);
    fixture_wait(fixture, fixture_stats(fixture).frames_in == 2);
    assert_int_equal(domi_zone_drain(fixture->zone), 0);
    run_ms(scene, 200);
    assert_int_equal(fixture_stats(fixture).members, 0);
    assert_int_equal(scene->drained, 0);
    scene->go = true;
    fixture_wait(fixture, fixture_stats(fixture).members == 1);
    run_ms(scene, 100);
    assert_int_equal(scene->drained, 0);
    leave(scene, 1, 1);
    fixture_wait(fixture, scene->drained == 1);
    finish(scene);
}

static void a_lost_gateway_may_take_the_last_members(void **state)
{
    struct scene *scene = *state;

    start_plain(scene, DOMI__FEATURE_GROUPS);
    join_many(scene, 1, 5);
    join_many(scene, 2, 5);
    assert_int_equal(domi_zone_drain(scene->fixture.zone), 0);
    peer_close(&scene->peer);
    fixture_wait(&scene->fixture, scene->drained == 1);
    fixture_fini(&scene->fixture);
}

static void no_new_groups_are_made(void **state)
{
    struct scene *scene = *state;
    struct peer *peer = &scene->peer;
    struct domi_zone *zone;
    struct domi_group *group;

    start_plain(scene, DOMI__FEATURE_GROUPS);
    zone = scene->fixture.zone;
    peer_join(peer, USER_A, 1);
    assert_int_equal(peer_next(peer).type, DOMI__FRAME_JOINED);
    assert_int_equal(domi_zone_drain(zone), 0);
    /* Once for each frame, so that each user can be told. */
    peer_send_frame(peer, USER_B, 2, 51, "x", 1);
    peer_send_frame(peer, USER_C, 2, 51, "x", 1);
    peer_expect_group(peer, DOMI__FRAME_GROUP_CLOSED, 2, DOMI_REASON_DRAINING);
    peer_expect_group(peer, DOMI__FRAME_GROUP_CLOSED, 2, DOMI_REASON_DRAINING);
    peer_send_frame(peer, USER_A, 1, 51, "x", 1);
    assert_int_equal(peer_next(peer).type, DOMI__FRAME_BROADCAST);
    assert_int_equal(fixture_stats(&scene->fixture).dropped_no_group, 2);
    assert_int_equal(fixture_stats(&scene->fixture).groups, 1);
    group = domi_group_new(zone, 3);
    assert_int_equal(domi_group_open(group), DOMI_E_STATE);
    domi_group_free(group);
    finish(scene);
}

static void gateways_are_told_at_once(void **state)
{
    struct scene *scene = *state;
    uint64_t begin_ns;
    struct domi_frame frame;

    start_plain(scene, DOMI__FEATURE_LOAD);
    /* Just after a load came, the next would be far. */
    peer_next(&scene->peer);
    peer_next(&scene->peer);
    begin_ns = uv_hrtime();
    assert_int_equal(domi_zone_drain(scene->fixture.zone), 0);
    frame = peer_next(&scene->peer);
    assert_int_equal(frame.type, DOMI__FRAME_LOAD);
    assert_int_equal(domi_get_u16(frame.data + 2), DOMI__LOAD_DRAINING);
    assert_true(uv_hrtime() - begin_ns < UINT64_C(700000000));
    finish(scene);
}

static void a_draining_zone_can_be_closed(void **state)
{
    struct scene *scene = *state;
    struct domi_zone_options options = scene_options(scene);

    options.drain_rate = 1;
    start(scene, &options, DOMI__FEATURE_GROUPS);
    join_many(scene, 1, 5);
    join_many(scene, 2, 5);
    assert_int_equal(domi_zone_drain(scene->fixture.zone), 0);
    finish(scene);
    assert_int_equal(scene->drained, 0);
    assert_int_equal(scene->fixture.closed[DOMI_REASON_STOPPING], 2);
}

/* ---- by a newer version -------------------------------------------------- */

static void a_newer_version_drains_and_may_be_called_off(void **state)
{
    struct scene *scene = *state;
    struct peer *peer = &scene->peer;
    struct fixture *fixture = &scene->fixture;

    start_plain(scene, DOMI__FEATURE_GROUPS);
    peer_join(peer, USER_A, 1);
    assert_int_equal(peer_next(peer).type, DOMI__FRAME_JOINED);
    hand_set_outdated(&scene->registry, true);
    assert_true(domi_zone_is_draining(fixture->zone));
    assert_true(scene->registry.draining);
    peer_send_frame(peer, USER_A, 2, 50, "", 0);
    peer_expect_group(peer, DOMI__FRAME_GROUP_CLOSED, 2, DOMI_REASON_DRAINING);
    hand_set_outdated(&scene->registry, false);
    assert_false(domi_zone_is_draining(fixture->zone));
    assert_false(scene->registry.draining);
    assert_int_equal(scene->registry.updates, 2);
    peer_join(peer, USER_A, 2);
    assert_int_equal(peer_next(peer).type, DOMI__FRAME_JOINED);
    assert_int_equal(fixture_logged(fixture, "drains: a newer version"), 1);
    assert_int_equal(fixture_logged(fixture, "drains no more"), 1);
    assert_int_equal(scene->drained, 0);
    finish(scene);
}

static void it_ends_only_while_there_is_a_successor(void **state)
{
    struct scene *scene = *state;
    struct fixture *fixture = &scene->fixture;

    start_plain(scene, DOMI__FEATURE_GROUPS);
    join_many(scene, 1, 1);
    hand_set_outdated(&scene->registry, true);
    run_ms(scene, 100);
    assert_int_equal(scene->drained, 0);
    /* The successor is lost just before the last member goes. */
    hand_set_outdated(&scene->registry, false);
    leave(scene, 1, 1);
    fixture_wait(fixture, fixture_stats(fixture).members == 0);
    run_ms(scene, 200);
    assert_int_equal(scene->drained, 0);
    hand_set_outdated(&scene->registry, true);
    fixture_wait(fixture, scene->drained == 1);
    run_ms(scene, 100);
    assert_int_equal(scene->drained, 1);
    finish(scene);
}

static void each_drain_ends_for_itself(void **state)
{
    struct scene *scene = *state;
    struct fixture *fixture = &scene->fixture;

    start_plain(scene, DOMI__FEATURE_GROUPS);
    hand_set_outdated(&scene->registry, true);
    fixture_wait(fixture, scene->drained == 1);
    hand_set_outdated(&scene->registry, false);
    join_many(scene, 1, 1);
    hand_set_outdated(&scene->registry, true);
    run_ms(scene, 200);
    assert_int_equal(scene->drained, 1);
    leave(scene, 1, 1);
    fixture_wait(fixture, scene->drained == 2);
    finish(scene);
}

static void what_was_asked_for_is_not_called_off(void **state)
{
    struct scene *scene = *state;
    struct fixture *fixture = &scene->fixture;

    start_plain(scene, DOMI__FEATURE_GROUPS);
    hand_set_outdated(&scene->registry, true);
    assert_int_equal(domi_zone_drain(fixture->zone), 0);
    hand_set_outdated(&scene->registry, false);
    assert_true(domi_zone_is_draining(fixture->zone));
    assert_int_equal(scene->registry.updates, 1);
    fixture_wait(fixture, scene->drained == 1);
    finish(scene);
}

static void a_drain_before_the_join_is_told_with_it(void **state)
{
    struct scene *scene = *state;
    struct domi_zone_options options = scene_options(scene);

    fixture_init(&scene->fixture, &options);
    assert_int_equal(domi_zone_start(scene->fixture.zone), 0);
    assert_int_equal(domi_zone_drain(scene->fixture.zone), 0);
    assert_int_equal(scene->registry.updates, 0);
    hand_answer(&scene->registry, 0, 12);
    assert_int_equal(scene->registry.updates, 1);
    assert_true(scene->registry.draining);
    fixture_wait(&scene->fixture, scene->drained == 1);
    fixture_fini(&scene->fixture);
}

/* ---- at a rate ----------------------------------------------------------- */

/* 20 groups of 5 users, of which about 50 users are moved in a second. */
static void users_are_moved_at_the_rate_that_is_asked_for(void **state)
{
    struct scene *scene = *state;
    struct fixture *fixture = &scene->fixture;
    struct domi_zone_options options = scene_options(scene);
    uint64_t begin_ns, most = 0;

    options.drain_rate = 50;
    start(scene, &options, DOMI__FEATURE_GROUPS);
    for (uint64_t group = 0; group < 20; group++) {
        join_many(scene, group, 5);
    }
    begin_ns = uv_hrtime();
    assert_int_equal(domi_zone_drain(fixture->zone), 0);
    while (!scene->drained) {
        uint64_t moved = 100 - fixture_stats(fixture).members;
        uint64_t ms = (uv_hrtime() - begin_ns) / 1000000;
        uint64_t allowed = 50 * ms / 1000 + 5;

        most = moved > most ? moved : most;
        assert_true(moved <= allowed);
        assert_true(ms < 10000);
        uv_run(&fixture->loop, UV_RUN_ONCE);
    }
    assert_true(most > 0);
    assert_int_equal(fixture->closed[DOMI_REASON_DRAINING], 20);
    assert_int_equal(fixture->left[DOMI_REASON_GROUP_CLOSED], 100);
    assert_int_equal(fixture_stats(fixture).groups, 0);
    assert_int_equal(scene->drained, 1);
    finish(scene);
}

/* As a whole: a large group goes at once, and then all others wait for it. */
static void a_large_group_delays_those_after_it(void **state)
{
    struct scene *scene = *state;
    struct fixture *fixture = &scene->fixture;
    struct domi_zone_options options = scene_options(scene);
    struct domi_frame frame;

    options.drain_rate = 10;
    options.workers = 1;
    start(scene, &options, DOMI__FEATURE_DIRECTORY);
    assert_int_equal(peer_next(&scene->peer).type, DOMI__FRAME_GROUPS_END);
    join_many(scene, 1, 1000);
    join_many(scene, 2, 1);
    peer_expect_group(&scene->peer, DOMI__FRAME_GROUPS, 1, 0);
    peer_expect_group(&scene->peer, DOMI__FRAME_GROUPS, 2, 0);
    assert_int_equal(domi_zone_drain(fixture->zone), 0);
    frame = peer_next(&scene->peer);
    assert_int_equal(frame.type, DOMI__FRAME_GROUP_CLOSED);
    assert_int_equal(domi_get_u64(frame.extend), 1);
    assert_int_equal(domi_get_u16(frame.extend + 8), DOMI_REASON_DRAINING);
    run_ms(scene, 500);
    assert_int_equal(fixture_stats(fixture).members, 1);
    assert_int_equal(scene->drained, 0);
    leave(scene, 1, 2);
    fixture_wait(fixture, scene->drained == 1);
    finish(scene);
}

static void what_is_called_off_moves_nobody_any_more(void **state)
{
    struct scene *scene = *state;
    struct fixture *fixture = &scene->fixture;
    struct domi_zone_options options = scene_options(scene);
    unsigned closed;

    options.drain_rate = 20;
    start(scene, &options, DOMI__FEATURE_GROUPS);
    for (uint64_t group = 0; group < 50; group++) {
        join_many(scene, group, 2);
    }
    hand_set_outdated(&scene->registry, true);
    fixture_wait(fixture, fixture->closed[DOMI_REASON_DRAINING] > 0);
    hand_set_outdated(&scene->registry, false);
    run_ms(scene, 100);
    closed = fixture->closed[DOMI_REASON_DRAINING];
    run_ms(scene, 500);
    assert_int_equal(fixture->closed[DOMI_REASON_DRAINING], closed);
    assert_in_range(closed, 1, 20);
    finish(scene);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(an_empty_zone_is_drained_in_a_later_turn),
        TEST(an_empty_zone_without_threads_is_drained_too),
        TEST(a_drain_ends_with_the_last_member),
        TEST(users_on_their_way_are_waited_for),
        TEST(a_lost_gateway_may_take_the_last_members),
        TEST(no_new_groups_are_made),
        TEST(gateways_are_told_at_once),
        TEST(a_draining_zone_can_be_closed),
        TEST(a_newer_version_drains_and_may_be_called_off),
        TEST(it_ends_only_while_there_is_a_successor),
        TEST(each_drain_ends_for_itself),
        TEST(what_was_asked_for_is_not_called_off),
        TEST(a_drain_before_the_join_is_told_with_it),
        TEST(users_are_moved_at_the_rate_that_is_asked_for),
        TEST(a_large_group_delays_those_after_it),
        TEST(what_is_called_off_moves_nobody_any_more),
    };
#undef TEST

    return cmocka_run_group_tests(tests, NULL, NULL);
}
