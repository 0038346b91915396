/* SPDX-License-Identifier: MIT */
/* Who is in a group: joining, leaving, and gateways that are lost. */
#include "stage.h"

#include "domi/err.h"

/* ---- members ------------------------------------------------------------ */

static void adding_tells_the_gateways_that_know_groups(void **state)
{
    struct stage *stage = *state;

    stage_group(stage, 666);
    stage_play(stage, 666, stage_fill);
    stage_expect(stage, "joined 666: 10 -> 0\n"
                        "on_join 10\n"
                        "joined 666: 11 -> 0\n"
                        "on_join 11\n"
                        "joined 666: 20 -> 1\n"
                        "on_join 20\n"
                        "on_join 30\n"
                        "on_join 31\n");
    stage_play(stage, 666, stage_fill);
    stage_expect(stage, "");
}

static void play_bad_add(struct stage *stage, struct domi_group *group)
{
    struct domi_user gateway = {1000, 1000};
    struct domi_user zone = {0, 0};
    struct domi_user none = {0, 1000};

    (void)stage;
    assert_int_equal(domi_group_add(group, user_of(7, 9)),
                     DOMI_E_SESSION_GONE);
    assert_int_equal(domi_group_add(group, gateway), DOMI_E_SESSION_GONE);
    assert_int_equal(domi_group_add(group, zone), DOMI_E_SESSION_GONE);
    assert_int_equal(domi_group_add(group, none), DOMI_E_SESSION_GONE);
    assert_int_equal(domi_group_count(group), 0);
}

static void only_users_behind_an_open_link_can_be_added(void **state)
{
    struct stage *stage = *state;

    stage_group(stage, 666);
    stage_play(stage, 666, play_bad_add);
    stage_expect(stage, "");
}

static void play_list(struct stage *stage, struct domi_group *group)
{
    struct domi_user users[8];

    (void)stage;
    assert_int_equal(domi_group_count(group), 5);
    assert_true(domi_group_has(group, user_of(10, 0)));
    assert_false(domi_group_has(group, user_of(10, 1)));
    assert_false(domi_group_has(group, user_of(10, 9)));
    assert_int_equal(domi_group_list(group, 0, users, 8), 5);
    assert_true(domi_user_equal(users[0], user_of(10, 0)));
    assert_true(domi_user_equal(users[4], user_of(31, 2)));
    assert_int_equal(domi_group_list(group, 3, users, 8), 2);
    assert_true(domi_user_equal(users[0], user_of(30, 2)));
    assert_int_equal(domi_group_list(group, 1, users, 2), 2);
    assert_true(domi_user_equal(users[1], user_of(20, 1)));
    assert_int_equal(domi_group_list(group, 5, users, 8), 0);
    assert_int_equal(domi_group_list(group, SIZE_MAX, users, 8), 0);
}

static void members_can_be_counted_and_listed(void **state)
{
    stage_play(stage_filled(state), 666, play_list);
}

static void play_remove(struct stage *stage, struct domi_group *group)
{
    assert_int_equal(
        domi_group_remove(group, user_of(10, 0), DOMI_REASON_KICKED), 0);
    stage_say(stage, "removed");
    assert_int_equal(
        domi_group_remove(group, user_of(10, 0), DOMI_REASON_KICKED),
        DOMI_E_NOT_MEMBER);
    domi_group_remove(group, user_of(30, 2), DOMI_REASON_LEFT);
    domi_group_broadcast(group, 51, "x", 1);
}

static void removing_calls_on_leave_and_tells_the_gateway(void **state)
{
    struct stage *stage = stage_filled(state);

    stage_play(stage, 666, play_remove);
    stage_expect(stage, "left 666 reason 4: 10 -> 0\n"
                        "on_leave 10 reason 4\n"
                        "removed\n"
                        "on_leave 30 reason 1\n"
                        "broadcast 666/51 x -> 0 1\n"
                        "users 31 666/51 x -> 2\n");
}

static void play_data(struct stage *stage, struct domi_group *group)
{
    struct domi_user member = user_of(10, 0);
    struct domi_user stranger = user_of(12, 0);
    char name[] = "anna";

    (void)stage;
    assert_null(domi_group_member_data(group, member));
    assert_int_equal(domi_group_set_member_data(group, member, name), 0);
    assert_ptr_equal(domi_group_member_data(group, member), name);
    assert_int_equal(domi_group_set_member_data(group, stranger, name),
                     DOMI_E_NOT_MEMBER);
    assert_null(domi_group_member_data(group, stranger));
    domi_group_remove(group, member, DOMI_REASON_LEFT);
    assert_null(domi_group_member_data(group, member));
    domi_group_add(group, member);
    assert_null(domi_group_member_data(group, member));
}

static void a_member_has_data_that_on_leave_gets(void **state)
{
    struct stage *stage = stage_filled(state);

    stage_play(stage, 666, play_data);
    stage_expect(stage, "left 666 reason 1: 10 -> 0\n"
                        "on_leave 10 reason 1 with anna\n"
                        "joined 666: 10 -> 0\n"
                        "on_join 10\n");
}

static void on_leave_churn(struct domi_group *group, struct domi_user member,
                           enum domi_reason reason, void *data, void *user)
{
    (void)data;
    stage_say(user, "churn %u reason %u", (unsigned)member.id, reason);
    if (reason == DOMI_REASON_DISCONNECTED) {
        domi_group_remove(group, user_of(11, 0), DOMI_REASON_KICKED);
        domi_group_add(group, member);
        domi_group_add(group, user_of(77, 1));
    }
}

static void play_churn(struct stage *stage, struct domi_group *group)
{
    domi_group_on_leave(group, on_leave_churn, stage);
}

static void callbacks_of_leaving_may_add_and_remove(void **state)
{
    struct stage *stage = stage_filled(state);
    uint8_t users[16];

    stage_play(stage, 666, play_churn);
    domi_put_u64(users, 10);
    domi_put_u64(users + 8, 11);
    domi__group_host_users_gone(stage->host, 0, users, 2,
                                DOMI_REASON_DISCONNECTED);
    stage_expect(stage, "churn 10 reason 2\n"
                        "left 666 reason 4: 11 -> 0\n"
                        "churn 11 reason 4\n"
                        "joined 666: 10 -> 0\n"
                        "on_join 10\n"
                        "joined 666: 77 -> 1\n"
                        "on_join 77\n");
}

/* ---- users and links that go -------------------------------------------- */

static void a_user_that_left_by_its_gateway_is_not_told(void **state)
{
    struct stage *stage = stage_filled(state);

    domi__group_host_user_leave(stage->host, 0, 10, 666);
    domi__group_host_user_leave(stage->host, 0, 10, 666);
    domi__group_host_user_leave(stage->host, 1, 11, 666);
    domi__group_host_user_leave(stage->host, 0, 10, 667);
    stage_expect(stage, "on_leave 10 reason 1\n");
}

static void a_user_that_is_gone_leaves_all_its_groups(void **state)
{
    struct stage *stage = stage_filled(state);
    uint8_t users[16];

    stage_group(stage, 667);
    stage_play(stage, 667, stage_fill);
    stage_forget(stage);
    domi_put_u64(users, 10);
    domi_put_u64(users + 8, 99);
    domi__group_host_users_gone(stage->host, 0, users, 2,
                                DOMI_REASON_DISCONNECTED);
    stage_expect(stage, "on_leave 10 reason 2\n"
                        "on_leave 10 reason 2\n");
    domi__group_host_users_gone(stage->host, 0, users, 2,
                                DOMI_REASON_DISCONNECTED);
    stage_expect(stage, "");
}

static void play_after_loss(struct stage *stage, struct domi_group *group)
{
    assert_int_equal(domi_group_count(group), 3);
    assert_int_equal(domi_group_add(group, user_of(10, 0)),
                     DOMI_E_SESSION_GONE);
    assert_int_equal(domi_group_send(group, user_of(10, 0), 51, "x", 1), 0);
    domi_group_broadcast(group, 51, "x", 1);
    stage_say(stage, "-");
}

static void a_lost_gateway_takes_its_users_along(void **state)
{
    struct stage *stage = stage_filled(state);

    domi__group_host_link_down(stage->host, 0);
    stage_expect(stage, "on_leave 10 reason 3\n"
                        "on_leave 11 reason 3\n"
                        "done with link 0\n");
    stage_play(stage, 666, play_after_loss);
    stage_expect(stage, "broadcast 666/51 x -> 1\n"
                        "users 31 30 666/51 x -> 2\n"
                        "-\n");
}

static void on_leave_talk(struct domi_group *group, struct domi_user member,
                          enum domi_reason reason, void *data, void *user)
{
    (void)data;
    stage_say(user, "talk %u", (unsigned)member.id);
    domi_group_broadcast(group, 54, "gone", 4);
    assert_int_equal(domi_group_add(group, member),
                     reason == DOMI_REASON_GATEWAY_LOST ? DOMI_E_SESSION_GONE
                                                        : DOMI_E_STATE);
}

static void play_talk(struct stage *stage, struct domi_group *group)
{
    domi_group_on_leave(group, on_leave_talk, stage);
}

static void nothing_is_sent_to_a_gateway_that_is_going(void **state)
{
    struct stage *stage = stage_filled(state);

    stage_play(stage, 666, play_talk);
    domi__group_host_link_down(stage->host, 2);
    stage_expect(stage, "talk 30\n"
                        "broadcast 666/54 gone -> 0 1\n"
                        "talk 31\n"
                        "broadcast 666/54 gone -> 0 1\n"
                        "done with link 2\n");
}

/* ---- reuse -------------------------------------------------------------- */

static void play_new_link(struct stage *stage, struct domi_group *group)
{
    struct domi_user user = {10, 2000};

    (void)stage;
    assert_int_equal(domi_group_add(group, user_of(10, 0)),
                     DOMI_E_SESSION_GONE);
    assert_int_equal(domi_group_add(group, user), 0);
    domi_group_broadcast(group, 51, "x", 1);
}

static void a_link_index_can_be_given_again(void **state)
{
    struct stage *stage = stage_filled(state);

    domi__group_host_link_down(stage->host, 0);
    domi__group_host_link_up(stage->host, 0, 2000);
    stage_forget(stage);
    stage_play(stage, 666, play_new_link);
    stage_expect(stage, "on_join 10\n"
                        "broadcast 666/51 x -> 1\n"
                        "users 31 30 666/51 x -> 2\n"
                        "users 10 666/51 x -> 0\n");
}

int main(void)
{
#define TEST(name)                                                             \
    cmocka_unit_test_setup_teardown(name, stage_set_up, stage_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(adding_tells_the_gateways_that_know_groups),
        TEST(only_users_behind_an_open_link_can_be_added),
        TEST(members_can_be_counted_and_listed),
        TEST(removing_calls_on_leave_and_tells_the_gateway),
        TEST(a_member_has_data_that_on_leave_gets),
        TEST(callbacks_of_leaving_may_add_and_remove),
        TEST(a_user_that_left_by_its_gateway_is_not_told),
        TEST(a_user_that_is_gone_leaves_all_its_groups),
        TEST(a_lost_gateway_takes_its_users_along),
        TEST(nothing_is_sent_to_a_gateway_that_is_going),
        TEST(a_link_index_can_be_given_again),
    };
#undef TEST

    return cmocka_run_group_tests(tests, NULL, NULL);
}
