/* SPDX-License-Identifier: MIT */
/* What groups send: to one, to all, to all but one, to those listed. */
#include "stage.h"

#include "domi/err.h"
#include "frame/frame.h"

/* ---- sending ------------------------------------------------------------ */

static void play_send(struct stage *stage, struct domi_group *group)
{
    (void)stage;
    assert_int_equal(domi_group_send(group, user_of(10, 0), 51, "a", 1), 0);
    assert_int_equal(domi_group_send(group, user_of(99, 2), 51, "b", 1), 0);
    assert_int_equal(domi_group_send(group, user_of(99, 9), 51, "c", 1), 0);
    assert_int_equal(domi_group_send(group, user_of(1000, 0), 51, "d", 1), 0);
    assert_int_equal(domi_group_send(group, user_of(10, 0), 51, NULL, 0), 0);
}

static void one_user_is_sent_to_whether_a_member_or_not(void **state)
{
    struct stage *stage = stage_filled(state);

    stage_play(stage, 666, play_send);
    stage_expect(stage, "users 10 666/51 a -> 0\n"
                        "users 99 666/51 b -> 2\n"
                        "users 10 666/51  -> 0\n");
}

static void play_broadcast(struct stage *stage, struct domi_group *group)
{
    (void)stage;
    assert_int_equal(domi_group_broadcast(group, 51, "hello", 5), 0);
    assert_int_equal(domi_group_broadcast(group, 51, NULL, 0), 0);
}

static void a_broadcast_is_one_frame_for_each_link(void **state)
{
    struct stage *stage = stage_filled(state);

    stage_play(stage, 666, play_broadcast);
    stage_expect(stage, "broadcast 666/51 hello -> 0 1\n"
                        "users 30 31 666/51 hello -> 2\n"
                        "broadcast 666/51  -> 0 1\n"
                        "users 30 31 666/51  -> 2\n");
    stage_group(stage, 1);
    stage_play(stage, 1, play_broadcast);
    stage_expect(stage, "");
}

/* A sanitizer's allocator needs minutes for the whole crowd. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define CROWD 5000u
#else
#define CROWD 100000u
#endif

static void play_crowd(struct stage *stage, struct domi_group *group)
{
    for (uint32_t i = 0; i < CROWD; i++) {
        assert_int_equal(domi_group_add(group, user_of(1 + i, i % 2)), 0);
        stage_forget(stage); /* a long script would be slow to write */
    }
    assert_int_equal(domi_group_broadcast(group, 51, "all", 3), 0);
}

static void a_hundred_thousand_users_cost_each_link_one_frame(void **state)
{
    struct stage *stage = *state;

    stage_group(stage, 7);
    stage_play(stage, 7, play_crowd);
    stage_expect(stage, "broadcast 7/51 all -> 0 1\n");
}

static void play_except(struct stage *stage, struct domi_group *group)
{
    domi_group_broadcast_except(group, user_of(10, 0), 51, "a", 1);
    stage_say(stage, "-");
    domi_group_broadcast_except(group, user_of(20, 1), 51, "b", 1);
    stage_say(stage, "-");
    domi_group_broadcast_except(group, user_of(31, 2), 51, "c", 1);
    stage_say(stage, "-");
    domi_group_broadcast_except(group, user_of(10, 1), 51, "d", 1);
    stage_say(stage, "-");
    domi_group_broadcast_except(group, user_of(10, 9), 51, "e", 1);
}

static void a_broadcast_can_leave_one_user_out(void **state)
{
    struct stage *stage = stage_filled(state);

    stage_play(stage, 666, play_except);
    stage_expect(stage, "broadcast 666/51 a -> 1\n"
                        "except 10 666/51 a -> 0\n"
                        "users 30 31 666/51 a -> 2\n"
                        "-\n"
                        "broadcast 666/51 b -> 0\n"
                        "users 30 31 666/51 b -> 2\n"
                        "-\n"
                        "broadcast 666/51 c -> 0 1\n"
                        "users 30 666/51 c -> 2\n"
                        "-\n"
                        "broadcast 666/51 d -> 0 1\n"
                        "users 30 31 666/51 d -> 2\n"
                        "-\n"
                        "broadcast 666/51 e -> 0 1\n"
                        "users 30 31 666/51 e -> 2\n");
}

static void play_multicast(struct stage *stage, struct domi_group *group)
{
    struct domi_user users[] = {
        user_of(30, 2),   user_of(10, 0), user_of(98, 0),
        user_of(1000, 0), user_of(31, 2), user_of(1, 9),
    };

    (void)stage;
    assert_int_equal(domi_group_multicast(group, users, 6, 51, "m", 1), 0);
    assert_int_equal(domi_group_multicast(group, users, 1, 51, "n", 1), 0);
    assert_int_equal(domi_group_multicast(group, NULL, 0, 51, "o", 1), 0);
    assert_int_equal(domi_group_multicast(group, users + 3, 1, 51, "p", 1), 0);
}

static void a_multicast_lists_the_users_of_each_link(void **state)
{
    struct stage *stage = stage_filled(state);

    stage_play(stage, 666, play_multicast);
    stage_expect(stage, "users 30 31 666/51 m -> 2\n"
                        "users 10 98 666/51 m -> 0\n"
                        "users 30 666/51 n -> 2\n");
}

static void play_limits(struct stage *stage, struct domi_group *group)
{
    static const char bytes[4096];
    struct domi_user user = user_of(30, 2);
    const uint32_t most = 4096 - 64;

    assert_int_equal(domi_group_send(group, user, 49, "", 0),
                     DOMI_E_TYPE_RESERVED);
    assert_int_equal(domi_group_broadcast(group, 0, "", 0),
                     DOMI_E_TYPE_RESERVED);
    assert_int_equal(domi_group_broadcast_except(group, user, 1, "", 0),
                     DOMI_E_TYPE_RESERVED);
    assert_int_equal(domi_group_multicast(group, &user, 1, 9, "", 0),
                     DOMI_E_TYPE_RESERVED);
    assert_int_equal(domi_group_send(group, user, 51, bytes, most + 1),
                     DOMI_E_FRAME_LENGTH);
    assert_int_equal(domi_group_broadcast(group, 51, bytes, UINT32_MAX),
                     DOMI_E_FRAME_LENGTH);
    assert_int_equal(
        domi_group_broadcast_except(group, user, 51, bytes, most + 1),
        DOMI_E_FRAME_LENGTH);
    assert_int_equal(
        domi_group_multicast(group, &user, 1, 51, bytes, most + 1),
        DOMI_E_FRAME_LENGTH);
    stage_expect(stage, "");
    assert_int_equal(domi_group_broadcast(group, 51, bytes, most), 0);
    assert_int_equal(
        domi_group_broadcast_except(group, user_of(10, 0), 51, bytes, most),
        0);
    assert_in_range(stage->largest, most, 4096);
}

static void reserved_types_and_long_frames_are_refused(void **state)
{
    stage_play(stage_filled(state), 666, play_limits);
}

static void play_many_links(struct stage *stage, struct domi_group *group)
{
    static const char bytes[4096];

    for (uint32_t link = 0; link < 30; link++) {
        domi_group_add(group, user_of(10, link));
    }
    stage_forget(stage);
    domi_group_broadcast(group, 51, bytes, 4096 - 64);
    domi_group_broadcast(group, 51, "x", 1);
}

static void a_broadcast_names_as_many_links_as_an_effect_holds(void **state)
{
    struct stage *stage = *state;

    for (uint32_t link = 2; link < 30; link++) {
        domi__group_host_link_up(stage->host, link, 1000 + link);
        domi__group_host_link_features(stage->host, link,
                                       DOMI__FEATURE_GROUPS | 1u << 31);
    }
    stage_group(stage, 666);
    stage_play(stage, 666, play_many_links);
    /* 4096 bytes less 8, the frame's 4050, and 4 for each link. */
    stage_expect(stage, "broadcast 666/51  -> 0 1 2 3 4 5 6 7 ... 9\n"
                        "broadcast 666/51  -> 9 10 11 12 13 14 15 16 ... 9\n"
                        "broadcast 666/51  -> 18 19 20 21 22 23 24 25 ... 9\n"
                        "broadcast 666/51  -> 27 28 29\n"
                        "broadcast 666/51 x -> 0 1 2 3 4 5 6 7 ... 30\n");
    assert_in_range(stage->largest, 4088, 4096);
}

static void play_many_users(struct stage *stage, struct domi_group *group)
{
    static struct domi_user users[600];

    for (uint32_t i = 0; i < 600; i++) {
        users[i] = user_of(i + 1, 2);
        domi_group_add(group, users[i]);
    }
    stage_forget(stage);
    domi_group_broadcast(group, 51, "x", 1);
    domi_group_broadcast_except(group, user_of(1, 2), 51, "y", 1);
    domi_group_multicast(group, users, 600, 51, "z", 1);
}

static void a_list_of_users_is_split_at_the_frame_limit(void **state)
{
    struct stage *stage = *state;

    stage_group(stage, 666);
    stage_play(stage, 666, play_many_users);
    /* 4096 less 8 + 1 + 10, and 12 of the effect: 508 ids of 8 bytes. */
    stage_expect(stage,
                 "users 1 2 3 4 5 6 7 8 ... 508 666/51 x -> 2\n"
                 "users 509 510 511 512 513 514 515 516 ... 92 666/51 x -> 2\n"
                 "users 2 3 4 5 6 7 8 9 ... 508 666/51 y -> 2\n"
                 "users 510 511 512 513 514 515 516 517 ... 91 666/51 y -> 2\n"
                 "users 1 2 3 4 5 6 7 8 ... 508 666/51 z -> 2\n"
                 "users 509 510 511 512 513 514 515 516 ... 92 666/51 z -> 2\n"
                 );
    assert_in_range(stage->largest, 4088, 4096);
}

int main(void)
{
#define TEST(name)                                                             \
    cmocka_unit_test_setup_teardown(name, stage_set_up, stage_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(one_user_is_sent_to_whether_a_member_or_not),
        TEST(a_broadcast_is_one_frame_for_each_link),
        TEST(a_hundred_thousand_users_cost_each_link_one_frame),
        TEST(a_broadcast_can_leave_one_user_out),
        TEST(a_multicast_lists_the_users_of_each_link),
        TEST(reserved_types_and_long_frames_are_refused),
        TEST(a_broadcast_names_as_many_links_as_an_effect_holds),
        TEST(a_list_of_users_is_split_at_the_frame_limit),
    };
#undef TEST

    return cmocka_run_group_tests(tests, NULL, NULL);
}
