/* SPDX-License-Identifier: MIT */
/* Gateways that follow which groups a zone has, and ask where one is to be. */
#include "peer.h"

#include <stdlib.h>
#include <string.h>

#include "domi/err.h"
#include "frame/frame.h"
#include "zone/state.h"

#define CLOSE 63
#define FOLLOW (DOMI__FEATURE_GROUPS | DOMI__FEATURE_DIRECTORY)

/* What a gateway has been told: groups by id, up to a limit. */
#define KNOWN_MAX 30000

struct view {
    bool known[KNOWN_MAX];
    size_t count;
    size_t frames; /* of groups */
    bool ended;    /* the list has */
    unsigned odd;  /* ends of groups that were never told */
};

struct scene {
    struct fixture fixture;
    struct peer peer;
    struct view view;

    /* A gateway in the same process, which reads as slowly as it likes: no
       socket's buffers take what it leaves. */
    struct domi__session *slow;
    struct domi__session_limits slow_limits;
    unsigned budget; /* frames that it will still take */
};

static void on_close_frame(struct domi_group *group, struct domi_user sender,
                           const struct domi_frame *frame, void *user)
{
    (void)sender;
    (void)frame;
    (void)user;
    domi_group_close(group);
}

static void setup(struct fixture *fixture, struct domi_group *group)
{
    domi_group_handle(group, CLOSE, on_close_frame, fixture);
}

static int set_up(void **state)
{
    *state = calloc(1, sizeof(struct scene));
    return *state ? 0 : -1;
}

static int tear_down(void **state)
{
    free(*state);
    return 0;
}

static struct domi_zone_options scene_options(struct scene *scene)
{
    struct domi_zone_options options = fixture_options(&scene->fixture);

    options.workers = 2;
    scene->fixture.setup = setup;
    return options;
}

static void start(struct scene *scene, const struct domi_zone_options *options)
{
    fixture_init(&scene->fixture, options);
    assert_int_equal(domi_zone_start(scene->fixture.zone), 0);
    peer_open(&scene->peer, &scene->fixture);
}

static void finish(struct scene *scene)
{
    peer_close(&scene->peer);
    fixture_fini(&scene->fixture);
}

/* Groups of the application's own, before the zone's start. */
static void open_groups(struct scene *scene, uint64_t count)
{
    for (uint64_t id = 0; id < count; id++) {
        struct domi_group *group = domi_group_new(scene->fixture.zone, id);

        assert_non_null(group);
        setup(&scene->fixture, group);
        assert_int_equal(domi_group_open(group), 0);
    }
}

/* ---- a gateway's view ---------------------------------------------------- */

static void view_set(struct view *view, uint64_t group, bool known)
{
    assert_in_range(group, 0, KNOWN_MAX - 1);
    view->odd += !known && !view->known[group];
    view->count += known && !view->known[group];
    view->count -= !known && view->known[group];
    view->known[group] = known;
}

static void view_take(struct view *view, const struct domi_frame *frame)
{
    switch (frame->type) {
    case DOMI__FRAME_GROUPS:
        view->frames++;
        for (uint32_t at = 0; at < frame->data_size; at += 8) {
            view_set(view, domi_get_u64(frame->data + at), true);
        }
        break;
    case DOMI__FRAME_GROUP_CLOSED:
        view_set(view, domi_get_u64(frame->extend), false);
        break;
    case DOMI__FRAME_GROUPS_END:
        assert_false(view->ended);
        view->ended = true;
        break;
    default:
        fail_msg("a frame of type %u", frame->type);
    }
}

static void view_until_end(struct view *view, struct peer *peer)
{
    while (!view->ended) {
        struct domi_frame frame = peer_next(peer);

        view_take(view, &frame);
    }
}

/* ---- the directory ------------------------------------------------------- */

static void a_gateway_is_told_all_groups_and_each_new_one(void **state)
{
    struct scene *scene = *state;
    struct domi_zone_options options = scene_options(scene);

    start(scene, &options);
    peer_hello(&scene->peer, FOLLOW);
    assert_int_equal(peer_next(&scene->peer).type, DOMI__FRAME_GROUPS_END);
    peer_send_frame(&scene->peer, USER_A, 5, 50, "", 0);
    peer_expect_group(&scene->peer, DOMI__FRAME_GROUPS, 5, 0);
    peer_send_frame(&scene->peer, USER_A, 5, CLOSE, "", 0);
    peer_expect_group(&scene->peer, DOMI__FRAME_GROUP_CLOSED, 5,
                      DOMI_REASON_GROUP_CLOSED);
    peer_send_frame(&scene->peer, USER_A, 5, 50, "", 0);
    peer_expect_group(&scene->peer, DOMI__FRAME_GROUPS, 5, 0);
    peer_expect_nothing(&scene->peer);
    finish(scene);
}

static void the_list_comes_in_frames_of_bounded_size(void **state)
{
    struct scene *scene = *state;
    struct domi_zone_options options = scene_options(scene);

    options.frame_limit = 4096;
    fixture_init(&scene->fixture, &options);
    open_groups(scene, 20000);
    assert_int_equal(domi_zone_start(scene->fixture.zone), 0);
    fixture_wait(&scene->fixture,
                 fixture_stats(&scene->fixture).groups == 20000);
    peer_open(&scene->peer, &scene->fixture);
    peer_hello(&scene->peer, FOLLOW);
    view_until_end(&scene->view, &scene->peer);
    assert_int_equal(scene->view.count, 20000);
    assert_int_equal(scene->view.frames, 20000 / 511 + 1);
    peer_expect_nothing(&scene->peer);
    finish(scene);
}

/* ---- a slow gateway ------------------------------------------------------ */

static void slow_on_open(struct domi__session *session)
{
    uint8_t data[DOMI__HELLO_SIZE] = {DOMI__HELLO_VERSION, 0, 0, 0, FOLLOW};
    uint8_t extend[16] = {0};

    domi_put_u64(extend + 8, DOMI__HELLO_GROUP);
    domi__session_send(session, DOMI__FRAME_HELLO, data, sizeof(data), extend,
                       sizeof(extend));
}

static bool slow_on_frame(struct domi__session *session,
                          const struct domi_frame *frame, const uint8_t *wire)
{
    struct scene *scene = session->arg;

    (void)wire;
    if (scene->budget == 0) {
        return false;
    }
    scene->budget--;
    if (frame->type != DOMI__FRAME_HELLO_ANSWER) {
        view_take(&scene->view, frame);
    }
    return true;
}

static void slow_on_close(struct domi__session *session,
                          enum domi_reason reason)
{
    (void)reason;
    ((struct scene *)session->arg)->slow = NULL;
}

static const struct domi__session_owner slow_owner = {
    .size = sizeof(struct domi__session),
    .on_open = slow_on_open,
    .on_frame = slow_on_frame,
    .on_close = slow_on_close,
};

static void slow_open(struct scene *scene)
{
    struct domi_zone *zone = scene->fixture.zone;
    struct domi__listen dial = {
        .loop = zone->loop,
        .log = &zone->log,
        .owner = &slow_owner,
        .limits = &scene->slow_limits,
        .arg = scene,
    };

    memset(&scene->view, 0, sizeof(scene->view));
    scene->slow_limits = zone->limits;
    scene->budget = 0;
    scene->slow = domi__memory_dial(&dial, &zone->port);
    assert_non_null(scene->slow);
}

static void slow_close(struct scene *scene)
{
    domi__session_close(scene->slow, DOMI_REASON_EXIT);
    fixture_wait(&scene->fixture, !scene->slow);
}

/* Takes up to so many frames in this turn of the loop. */
static void slow_read(struct scene *scene, unsigned frames)
{
    assert_non_null(scene->slow);
    scene->budget = frames;
    domi__session_resume(scene->slow);
    uv_run(&scene->fixture.loop, UV_RUN_ONCE);
}

/* A zone with groups, and little room for what waits for a gateway. */
static void start_with_groups(struct scene *scene, uint64_t count,
                              size_t send_limit)
{
    struct domi_zone_options options = scene_options(scene);

    options.send_limit = send_limit;
    options.frame_limit = 1024;
    fixture_init(&scene->fixture, &options);
    open_groups(scene, count);
    assert_int_equal(domi_zone_start(scene->fixture.zone), 0);
    fixture_wait(&scene->fixture,
                 fixture_stats(&scene->fixture).groups == count);
}

static void a_long_list_goes_as_fast_as_it_is_read(void **state)
{
    struct scene *scene = *state;

    start_with_groups(scene, KNOWN_MAX, 1024);
    slow_open(scene);
    fixture_wait(&scene->fixture,
                 (slow_read(scene, 3), scene->view.ended));
    assert_int_equal(scene->view.count, KNOWN_MAX);
    assert_int_equal(scene->view.odd, 0);
    slow_close(scene);
    fixture_fini(&scene->fixture);
}

static void a_gateway_may_go_in_the_middle_of_the_list(void **state)
{
    struct scene *scene = *state;

    start_with_groups(scene, KNOWN_MAX, 1024);
    slow_open(scene);
    fixture_wait(&scene->fixture,
                 (slow_read(scene, 3), scene->view.count > 1000));
    assert_false(scene->view.ended);
    slow_close(scene);
    fixture_fini(&scene->fixture);
}

/* Some of the first thousand groups end, and others begin. */
static void churn(struct peer *writer, uint64_t *group)
{
    for (int i = 0; i < 10; i++) {
        *group = (*group + 7) % 1000;
        peer_send_frame(writer, USER_A, *group, CLOSE, "", 0);
        peer_send_frame(writer, USER_A, (*group + 500) % 1000, 50, "", 0);
    }
}

/* Two groups, 1000 and up, of different workers. */
static void find_markers(const struct domi_zone *zone, uint64_t markers[2])
{
    markers[0] = 1000;
    markers[1] = 1001;
    while (domi__zone_worker_of(zone, markers[0]) ==
           domi__zone_worker_of(zone, markers[1])) {
        markers[1]++;
    }
    assert_in_range(markers[1], 1001, GROUPS_MAX - 1);
}

/* When the marks of both workers have come, all before them has come too. */
static void compare(struct scene *scene, struct peer *writer)
{
    const struct domi_zone *zone = scene->fixture.zone;
    struct view *view = &scene->view;
    uint64_t markers[2];

    find_markers(zone, markers);
    peer_send_frame(writer, USER_A, markers[0], CLOSE, "", 0);
    peer_send_frame(writer, USER_A, markers[1], CLOSE, "", 0);
    fixture_wait(&scene->fixture,
                 (slow_read(scene, 1000), !view->known[markers[0]] &&
                                              !view->known[markers[1]]));
    for (uint64_t id = 0; id < KNOWN_MAX; id++) {
        assert_int_equal(view->known[id], domi__zone_has_group(zone, id));
    }
    peer_send_frame(writer, USER_A, markers[0], 50, "", 0);
    peer_send_frame(writer, USER_A, markers[1], 50, "", 0);
    fixture_wait(&scene->fixture, domi__zone_has_group(zone, markers[0]) &&
                                      domi__zone_has_group(zone, markers[1]));
}

/*
 * Groups open and close at all times while the list goes out in many pieces;
 * each time a gateway's view must come to be what there is.
 */
static void nothing_is_missed_while_the_list_goes_out(void **state)
{
    struct scene *scene = *state;
    struct peer writer;
    uint64_t group = 0;

    start_with_groups(scene, KNOWN_MAX, 16 * 1024);
    peer_open(&writer, &scene->fixture);
    for (int round = 0; round < 10; round++) {
        unsigned turns = 0;

        slow_open(scene);
        while (!scene->view.ended) {
            churn(&writer, &group);
            slow_read(scene, 30);
            assert_true(turns++ < 100000);
        }
        assert_true(turns > 5);
        compare(scene, &writer);
        slow_close(scene);
    }
    peer_close(&writer);
    fixture_fini(&scene->fixture);
}

/* ---- ends of groups ------------------------------------------------------ */

static void a_group_that_ends_is_told_once(void **state)
{
    struct scene *scene = *state;
    struct domi_zone_options options = scene_options(scene);
    struct peer *peer = &scene->peer;
    struct peer other;
    struct domi_frame frame;

    start(scene, &options);
    peer_open(&other, &scene->fixture);
    peer_hello(&other, DOMI__FEATURE_GROUPS);
    peer_hello(peer, FOLLOW);
    assert_int_equal(peer_next(peer).type, DOMI__FRAME_GROUPS_END);
    peer_join(peer, USER_A, 5);
    peer_join(&other, USER_B, 5);
    peer_expect_group(peer, DOMI__FRAME_GROUPS, 5, 0);
    assert_int_equal(peer_next(peer).type, DOMI__FRAME_JOINED);
    assert_int_equal(peer_next(&other).type, DOMI__FRAME_JOINED);
    /* Last words come before the end, on both kinds of links. */
    peer_send_frame(peer, USER_A, 5, 51, "last", 4);
    peer_send_frame(peer, USER_A, 5, CLOSE, "", 0);
    frame = peer_next(peer);
    assert_int_equal(frame.type, DOMI__FRAME_BROADCAST);
    peer_expect_group(peer, DOMI__FRAME_GROUP_CLOSED, 5,
                      DOMI_REASON_GROUP_CLOSED);
    peer_expect_nothing(peer);
    frame = peer_next(&other);
    assert_int_equal(frame.type, DOMI__FRAME_BROADCAST);
    peer_expect_group(&other, DOMI__FRAME_GROUP_CLOSED, 5,
                      DOMI_REASON_GROUP_CLOSED);
    peer_expect_nothing(&other);
    /* Who has no members in it hears of it by the directory alone. */
    peer_send_frame(peer, USER_A, 6, CLOSE, "", 0);
    peer_expect_group(peer, DOMI__FRAME_GROUPS, 6, 0);
    peer_expect_group(peer, DOMI__FRAME_GROUP_CLOSED, 6,
                      DOMI_REASON_GROUP_CLOSED);
    peer_expect_nothing(&other);
    peer_close(&other);
    finish(scene);
}

/* ---- places -------------------------------------------------------------- */

static void ask(struct peer *peer, uint64_t group, uint64_t wanted,
                uint64_t refused)
{
    uint8_t data[24], bytes[64];

    domi_put_u64(data, group);
    domi_put_u64(data + 8, wanted);
    domi_put_u64(data + 16, refused);
    peer_send(peer, bytes,
              domi_frame_encode(bytes, DOMI__FRAME_PLACE, data, sizeof(data),
                                NULL, 0));
}

static void gateways_that_ask_get_one_answer(void **state)
{
    struct scene *scene = *state;
    struct domi_zone_options options = scene_options(scene);
    struct peer *a = &scene->peer;
    struct peer b;
    int id = 7;

    options.id = &id;
    start(scene, &options);
    peer_open(&b, &scene->fixture);
    peer_hello(a, FOLLOW);
    peer_hello(&b, DOMI__FEATURE_DIRECTORY);
    assert_int_equal(peer_next(a).type, DOMI__FRAME_GROUPS_END);
    assert_int_equal(peer_next(&b).type, DOMI__FRAME_GROUPS_END);
    ask(a, 666, 3, DOMI__NO_NODE);
    peer_expect_group(a, DOMI__FRAME_PLACED, 666, 3);
    ask(&b, 666, 1022, DOMI__NO_NODE);
    peer_expect_group(&b, DOMI__FRAME_PLACED, 666, 3);
    ask(&b, 666, 1022, 3);
    peer_expect_group(&b, DOMI__FRAME_PLACED, 666, 1022);
    ask(a, 666, 3, DOMI__NO_NODE);
    peer_expect_group(a, DOMI__FRAME_PLACED, 666, 1022);
    /* What is here is here, whatever was said. */
    peer_send_frame(a, USER_A, 666, 50, "", 0);
    peer_expect_group(a, DOMI__FRAME_GROUPS, 666, 0);
    ask(a, 666, 3, DOMI__NO_NODE);
    peer_expect_group(a, DOMI__FRAME_PLACED, 666, 7);
    peer_close(&b);
    finish(scene);
}

static void a_draining_zone_takes_back_what_it_said_of_itself(void **state)
{
    struct scene *scene = *state;
    struct domi_zone_options options = scene_options(scene);
    struct peer *peer = &scene->peer;
    int id = 7;

    options.id = &id;
    start(scene, &options);
    peer_hello(peer, FOLLOW);
    assert_int_equal(peer_next(peer).type, DOMI__FRAME_GROUPS_END);
    ask(peer, 666, 7, DOMI__NO_NODE);
    peer_expect_group(peer, DOMI__FRAME_PLACED, 666, 7);
    ask(peer, 667, 4, DOMI__NO_NODE);
    peer_expect_group(peer, DOMI__FRAME_PLACED, 667, 4);
    assert_int_equal(domi_zone_drain(scene->fixture.zone), 0);
    ask(peer, 666, 5, DOMI__NO_NODE);
    peer_expect_group(peer, DOMI__FRAME_PLACED, 666, 5);
    ask(peer, 666, 6, DOMI__NO_NODE);
    peer_expect_group(peer, DOMI__FRAME_PLACED, 666, 5);
    ask(peer, 667, 5, DOMI__NO_NODE);
    peer_expect_group(peer, DOMI__FRAME_PLACED, 667, 4);
    finish(scene);
}

static void a_bad_question_ends_the_link(void **state)
{
    static const struct {
        uint64_t group, wanted, refused;
    } bad[] = {
        {666, 1023, DOMI__NO_NODE},
        {666, UINT64_MAX, DOMI__NO_NODE},
        {666, 3, 1023},
        {666, 3, UINT64_MAX - 1},
        {DOMI__HELLO_GROUP, 3, DOMI__NO_NODE},
    };
    struct scene *scene = *state;
    struct domi_zone_options options = scene_options(scene);

    start(scene, &options);
    /* Who has not agreed to the directory may not ask. */
    ask(&scene->peer, 666, 3, DOMI__NO_NODE);
    peer_expect_end(&scene->peer);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct peer peer;

        peer_open(&peer, &scene->fixture);
        peer_hello(&peer, FOLLOW);
        assert_int_equal(peer_next(&peer).type, DOMI__FRAME_GROUPS_END);
        ask(&peer, bad[i].group, bad[i].wanted, bad[i].refused);
        peer_expect_end(&peer);
        peer_close(&peer);
    }
    assert_int_equal(
        fixture_stats(&scene->fixture).closed[DOMI_REASON_BAD_BODY], 6);
    finish(scene);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_gateway_is_told_all_groups_and_each_new_one),
        TEST(the_list_comes_in_frames_of_bounded_size),
        TEST(a_long_list_goes_as_fast_as_it_is_read),
        TEST(a_gateway_may_go_in_the_middle_of_the_list),
        TEST(nothing_is_missed_while_the_list_goes_out),
        TEST(a_group_that_ends_is_told_once),
        TEST(gateways_that_ask_get_one_answer),
        TEST(a_draining_zone_takes_back_what_it_said_of_itself),
        TEST(a_bad_question_ends_the_link),
    };
#undef TEST

    return cmocka_run_group_tests(tests, NULL, NULL);
}
