/* SPDX-License-Identifier: MIT */
/* A host's groups come and go, and are drained. */
#include "stage.h"

#include "domi/err.h"
#include "frame/frame.h"

static void play_fill(struct stage *stage, struct domi_group *group)
{
    stage_fill(stage, group);
}

static void play_close(struct stage *stage, struct domi_group *group)
{
    (void)stage;
    domi_group_close(group);
}

/* ---- the directory ------------------------------------------------------- */

static void the_zone_is_told_of_each_group(void **state)
{
    struct stage *stage = *state;

    stage->directory = true;
    stage_group(stage, 5);
    stage_expect(stage, "opened 5\n");
    stage_group(stage, 5);
    stage_expect(stage, "refused 5\n"
                        "on_close 5 reason 24\n");
    stage_frame(stage, 0, 10, 6, 51, "a");
    stage_expect(stage, "on_group 6\n"
                        "opened 6\n"
                        "on_frame 6/51 a from 10\n");
    stage_play(stage, 6, play_close);
    stage_expect(stage, "gone 6 reason 5\n"
                        "on_close 6 reason 5\n");
    stage->refuse = 1;
    stage_frame(stage, 0, 10, 7, 51, "a");
    stage_expect(stage, "on_group 7\n"
                        "dropped 7/51 reason 22\n");
    stage->refuse = 0;
    stage->close_new = true;
    stage_frame(stage, 0, 10, 8, 51, "a");
    stage_expect(stage, "on_group 8\n"
                        "opened 8\n"
                        "gone 8 reason 5\n"
                        "on_close 8 reason 5\n"
                        "dropped 8/51 reason 25\n");
    domi__group_host_stop(stage->host);
    stage_expect(stage, "gone 5 reason 5\n"
                        "on_close 5 reason 7\n");
}

/* Those that follow the directory are told by the zone. */
static void only_links_without_the_directory_are_told_of_an_end(void **state)
{
    struct stage *stage = *state;

    domi__group_host_link_features(
        stage->host, 1, DOMI__FEATURE_GROUPS | DOMI__FEATURE_DIRECTORY);
    stage_group(stage, 5);
    stage_play(stage, 5, play_fill);
    stage_forget(stage);
    stage_play(stage, 5, play_close);
    stage_expect(stage, "closed 5 reason 5 -> 0\n"
                        "on_leave 31 reason 5\n"
                        "on_leave 30 reason 5\n"
                        "on_leave 20 reason 5\n"
                        "on_leave 11 reason 5\n"
                        "on_leave 10 reason 5\n"
                        "on_close 5 reason 5\n");
}

/* ---- drains -------------------------------------------------------------- */

static void a_drain_makes_no_new_groups(void **state)
{
    struct stage *stage = *state;

    stage_group(stage, 5);
    domi__group_host_drain(stage->host, 1);
    stage_expect(stage, "emptied, drain 1\n");
    stage_frame(stage, 0, 10, 5, 51, "a");
    stage_expect(stage, "on_frame 5/51 a from 10\n");
    stage_frame(stage, 0, 10, 6, 51, "a");
    stage_expect(stage, "dropped 6/51 reason 28\n"
                        "closed 6 reason 28 -> 0\n");
    /* This one would not know what to do with it. */
    stage_frame(stage, 2, 30, 6, 51, "a");
    stage_expect(stage, "dropped 6/51 reason 28\n");
    stage_frame(stage, DOMI__NO_LINK, 0, 6, 51, "a");
    stage_expect(stage, "dropped 6/51 reason 28\n");
    domi__group_host_drain(stage->host, 0);
    stage_frame(stage, 0, 10, 6, 51, "a");
    stage_expect(stage, "on_group 6\n"
                        "on_frame 6/51 a from 10\n");
}

static void play_add_again(struct stage *stage, struct domi_group *group)
{
    (void)stage;
    assert_int_equal(domi_group_add(group, user_of(10, 0)), 0);
    assert_int_equal(domi_group_add(group, user_of(11, 0)), 0);
    assert_int_equal(domi_group_add(group, user_of(20, 1)), 0);
}

static void the_last_member_to_leave_empties_the_host(void **state)
{
    struct stage *stage = stage_filled(state);
    uint8_t users[16];

    assert_int_equal(domi__group_host_members(stage->host), 5);
    domi__group_host_drain(stage->host, 3);
    domi__group_host_user_leave(stage->host, 1, 20, 666);
    domi__group_host_link_down(stage->host, 2);
    stage_forget(stage);
    assert_int_equal(domi__group_host_members(stage->host), 2);
    domi_put_u64(users, 10);
    domi_put_u64(users + 8, 11);
    domi__group_host_users_gone(stage->host, 0, users, 2,
                                DOMI_REASON_DISCONNECTED);
    stage_expect(stage, "on_leave 10 reason 2\n"
                        "emptied, drain 3\n"
                        "on_leave 11 reason 2\n");
    stage_play(stage, 666, play_add_again);
    stage_forget(stage);
    domi__group_host_drain(stage->host, 0);
    domi__group_host_drain(stage->host, 4);
    stage_expect(stage, "");
    domi__group_host_link_down(stage->host, 0);
    stage_expect(stage, "on_leave 11 reason 3\n"
                        "on_leave 10 reason 3\n"
                        "done with link 0\n");
    domi__group_host_user_leave(stage->host, 1, 20, 666);
    stage_expect(stage, "emptied, drain 4\n"
                        "on_leave 20 reason 1\n");
}

/* ---- moving users -------------------------------------------------------- */

static void play_add(struct stage *stage, struct domi_group *group)
{
    (void)stage;
    for (uint64_t id = 1; id <= 3; id++) {
        assert_int_equal(domi_group_add(group, user_of(id, 2)), 0);
    }
}

static void groups_are_moved_as_a_whole(void **state)
{
    struct stage *stage = *state;

    for (uint64_t id = 1; id <= 4; id++) {
        stage_group(stage, id);
        if (id != 2) {
            stage_play(stage, id, play_add);
        }
    }
    stage_forget(stage);
    domi__group_host_move(stage->host, 100);
    stage_expect(stage, "moved 0\n");
    domi__group_host_drain(stage->host, 1);
    domi__group_host_move(stage->host, 1);
    stage_expect(stage, "on_leave 3 reason 5\n"
                        "on_leave 2 reason 5\n"
                        "on_leave 1 reason 5\n"
                        "on_close 1 reason 28\n"
                        "moved 3\n");
    domi__group_host_move(stage->host, 4);
    stage_expect(stage, "on_close 2 reason 28\n"
                        "on_leave 3 reason 5\n"
                        "on_leave 2 reason 5\n"
                        "on_leave 1 reason 5\n"
                        "on_close 3 reason 28\n"
                        "on_leave 3 reason 5\n"
                        "on_leave 2 reason 5\n"
                        "emptied, drain 1\n"
                        "on_leave 1 reason 5\n"
                        "on_close 4 reason 28\n"
                        "moved 6\n");
    domi__group_host_move(stage->host, 4);
    stage_expect(stage, "moved 0\n");
}

static void the_gateways_are_told_why(void **state)
{
    struct stage *stage = stage_filled(state);

    domi__group_host_drain(stage->host, 1);
    stage->directory = true;
    domi__group_host_move(stage->host, 1);
    stage_expect(stage, "closed 666 reason 28 -> 0 1\n"
                        "gone 666 reason 28\n"
                        "on_leave 31 reason 5\n"
                        "on_leave 30 reason 5\n"
                        "on_leave 20 reason 5\n"
                        "on_leave 11 reason 5\n"
                        "emptied, drain 1\n"
                        "on_leave 10 reason 5\n"
                        "on_close 666 reason 28\n"
                        "moved 5\n");
}

static void a_move_of_empty_groups_is_bounded(void **state)
{
    struct stage *stage = *state;

    for (uint64_t id = 0; id < 600; id++) {
        domi__group_host_open(stage->host,
                              domi_group_new((struct domi_zone *)stage, id));
    }
    domi__group_host_drain(stage->host, 1);
    domi__group_host_move(stage->host, 1);
    stage_forget(stage);
    /* 344 are left; their frames find them. */
    domi__group_host_move(stage->host, 1);
    stage_forget(stage);
    stage_frame(stage, 0, 10, 511, 51, "x");
    stage_expect(stage, "dropped 511/51 reason 28\n"
                        "closed 511 reason 28 -> 0\n");
    stage_frame(stage, 0, 10, 512, 51, "x");
    stage_expect(stage, "dropped 512/51 reason 17\n");
}

int main(void)
{
#define TEST(name)                                                             \
    cmocka_unit_test_setup_teardown(name, stage_set_up, stage_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(the_zone_is_told_of_each_group),
        TEST(only_links_without_the_directory_are_told_of_an_end),
        TEST(a_drain_makes_no_new_groups),
        TEST(the_last_member_to_leave_empties_the_host),
        TEST(groups_are_moved_as_a_whole),
        TEST(the_gateways_are_told_why),
        TEST(a_move_of_empty_groups_is_bounded),
    };
#undef TEST

    return cmocka_run_group_tests(tests, NULL, NULL);
}
