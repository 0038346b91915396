/* SPDX-License-Identifier: MIT */
/* The contract of domi/group.h: frames, handlers, time, and the end. */
#include "stage.h"

#include <stdlib.h>

#include "domi/err.h"

/* ---- frames ------------------------------------------------------------- */

static void a_frame_reaches_the_handler_of_its_type(void **state)
{
    struct stage *stage = *state;

    stage_group(stage, 666);
    stage_frame(stage, 0, 7, 666, 51, "hello");
    stage_frame(stage, 0, 7, 666, 51, "");
    stage_frame(stage, 0, 7, 666, 52, "nobody");
    stage_expect(stage, "on_frame 666/51 hello from 7\n"
                        "on_frame 666/51  from 7\n"
                        "dropped 666/52 reason 17\n");
}

static void an_unknown_group_is_asked_for(void **state)
{
    struct stage *stage = *state;

    stage_frame(stage, 0, 7, 5, 51, "a");
    stage_frame(stage, 0, 7, 5, 51, "b");
    stage_expect(stage, "on_group 5\n"
                        "on_frame 5/51 a from 7\n"
                        "on_frame 5/51 b from 7\n");
}

static void a_refused_group_is_freed_without_callbacks(void **state)
{
    struct stage *stage = *state;

    stage->refuse = 1;
    stage_frame(stage, 0, 7, 5, 51, "a");
    stage_expect(stage, "on_group 5\n"
                        "dropped 5/51 reason 22\n");
    stage->refuse = 0;
    stage_frame(stage, 0, 7, 5, 51, "b");
    stage_expect(stage, "on_group 5\n"
                        "on_frame 5/51 b from 7\n");
}

static void a_group_that_closes_when_it_is_made_gets_no_frame(void **state)
{
    struct stage *stage = *state;

    stage->close_new = true;
    stage_frame(stage, 0, 7, 5, 51, "a");
    stage_expect(stage, "on_group 5\n"
                        "on_close 5 reason 5\n"
                        "dropped 5/51 reason 25\n");
}

static void no_group_has_the_id_of_hello(void **state)
{
    struct stage *stage = *state;

    stage_frame(stage, 0, 7, UINT64_MAX, 51, "a");
    stage_expect(stage, "dropped 18446744073709551615/51 reason 25\n");
}

static void on_sender(struct domi_group *group, struct domi_user sender,
                      const struct domi_frame *frame, void *user)
{
    (void)group;
    (void)frame;
    stage_say(user, "%s%s from behind %u",
              domi_user_is_zone(sender) ? "zone" : "",
              domi_user_is_gateway(sender) && sender.id ? "gateway" : "",
              (unsigned)sender.gateway);
}

static void setup_sender(struct stage *stage, struct domi_group *group)
{
    domi_group_handle(group, 70, on_sender, stage);
}

static void a_handler_sees_who_sent_the_frame(void **state)
{
    struct stage *stage = *state;

    stage->setup = setup_sender;
    stage_frame(stage, 1, 7, 5, 70, "");
    stage_frame(stage, 1, 1001, 5, 70, "");
    stage_frame(stage, DOMI__NO_LINK, 0, 5, 70, "");
    stage_expect(stage, "on_group 5\n"
                        " from behind 1001\n"
                        "gateway from behind 1001\n"
                        "zone from behind 0\n");
}

/* ---- handlers ----------------------------------------------------------- */

static void handlers_can_be_set_and_taken_away(void **state)
{
    struct stage *stage = *state;
    struct domi_group *group = domi_group_new(NULL, 5);

    assert_int_equal(domi_group_handle(group, 49, on_sender, stage),
                     DOMI_E_TYPE_RESERVED);
    for (uint16_t type = 400; type >= 50; type--) {
        assert_int_equal(domi_group_handle(group, type, on_sender, stage), 0);
    }
    assert_int_equal(domi_group_handle(group, UINT16_MAX, on_sender, stage), 0);
    assert_int_equal(domi_group_handle(group, 60, on_sender, NULL),
                     DOMI_E_TYPE_TAKEN);
    assert_int_equal(domi_group_handle(group, 60, NULL, NULL), 0);
    assert_int_equal(domi_group_handle(group, 60, NULL, NULL), 0);
    domi__group_host_open(stage->host, group);
    stage_frame(stage, DOMI__NO_LINK, 0, 5, 50, "");
    stage_frame(stage, DOMI__NO_LINK, 0, 5, 60, "");
    stage_frame(stage, DOMI__NO_LINK, 0, 5, 400, "");
    stage_frame(stage, DOMI__NO_LINK, 0, 5, 401, "");
    stage_frame(stage, DOMI__NO_LINK, 0, 5, UINT16_MAX, "");
    stage_expect(stage, "zone from behind 0\n"
                        "dropped 5/60 reason 17\n"
                        "zone from behind 0\n"
                        "dropped 5/401 reason 17\n"
                        "zone from behind 0\n");
}

static void on_once(struct domi_group *group, struct domi_user sender,
                    const struct domi_frame *frame, void *user)
{
    (void)sender;
    domi_group_handle(group, frame->type, NULL, NULL);
    stage_say(user, "once");
}

static void setup_once(struct stage *stage, struct domi_group *group)
{
    domi_group_handle(group, 70, on_once, stage);
}

static void a_handler_may_take_itself_away(void **state)
{
    struct stage *stage = *state;

    stage->setup = setup_once;
    stage_frame(stage, 0, 7, 5, 70, "");
    stage_frame(stage, 0, 7, 5, 70, "");
    stage_expect(stage, "on_group 5\n"
                        "once\n"
                        "dropped 5/70 reason 17\n");
}

/* ---- closing ------------------------------------------------------------ */

static void play_close(struct stage *stage, struct domi_group *group)
{
    domi_group_close(group);
    domi_group_broadcast(group, 51, "bye", 3);
    stage_say(stage, "returned");
}

static void a_group_closes_when_the_callback_has_returned(void **state)
{
    struct stage *stage = stage_filled(state);

    stage->refuse = 1;
    stage_play(stage, 666, play_close);
    stage_expect(stage, "broadcast 666/51 bye -> 0 1\n"
                        "users 30 31 666/51 bye -> 2\n"
                        "returned\n"
                        "closed 666 reason 5 -> 0 1\n"
                        "on_leave 31 reason 5\n"
                        "on_leave 30 reason 5\n"
                        "on_leave 20 reason 5\n"
                        "on_leave 11 reason 5\n"
                        "on_leave 10 reason 5\n"
                        "on_close 666 reason 5\n");
    stage_frame(stage, 0, 10, 666, 51, "x");
    stage_expect(stage, "on_group 666\n"
                        "dropped 666/51 reason 22\n");
}

static void on_leave_late(struct domi_group *group, struct domi_user member,
                          enum domi_reason reason, void *data, void *user)
{
    (void)data;
    (void)reason;
    assert_int_equal(domi_group_count(group), 0);
    assert_false(domi_group_has(group, user_of(10, 0)));
    assert_int_equal(domi_group_add(group, member), DOMI_E_STATE);
    assert_int_equal(domi_group_remove(group, member, DOMI_REASON_LEFT),
                     DOMI_E_NOT_MEMBER);
    assert_int_equal(domi_group_broadcast(group, 51, "x", 1), 0);
    assert_int_equal(
        domi_group_broadcast_except(group, member, 51, "x", 1), 0);
    domi_group_send(group, member, 51, "bye", 3);
    domi_group_tick(group, 1000, (domi_group_tick_fn)abort, NULL);
    domi_group_close(group);
    stage_say(user, "left %u", (unsigned)member.id);
}

static void play_late_close(struct stage *stage, struct domi_group *group)
{
    domi_group_on_leave(group, on_leave_late, stage);
    domi_group_close(group);
}

static void nobody_is_a_member_while_a_group_closes(void **state)
{
    struct stage *stage = stage_filled(state);

    domi__group_host_link_down(stage->host, 2);
    domi__group_host_user_leave(stage->host, 0, 11, 666);
    stage_forget(stage);
    stage_play(stage, 666, play_late_close);
    stage_expect(stage, "closed 666 reason 5 -> 0 1\n"
                        "users 20 666/51 bye -> 1\n"
                        "left 20\n"
                        "users 10 666/51 bye -> 0\n"
                        "left 10\n"
                        "on_close 666 reason 5\n");
}

static void on_leave_close(struct domi_group *group, struct domi_user member,
                           enum domi_reason reason, void *data, void *user)
{
    (void)data;
    stage_say(user, "leave %u reason %u", (unsigned)member.id, reason);
    domi_group_close(group);
}

static void play_leave_close(struct stage *stage, struct domi_group *group)
{
    domi_group_on_leave(group, on_leave_close, stage);
}

static void a_group_may_close_while_a_gateway_is_lost(void **state)
{
    struct stage *stage = stage_filled(state);

    stage_group(stage, 667);
    stage_play(stage, 667, stage_fill);
    stage_play(stage, 666, play_leave_close);
    stage_forget(stage);
    domi__group_host_link_down(stage->host, 0);
    stage_expect(stage, "leave 10 reason 3\n"
                        "closed 666 reason 5 -> 1\n"
                        "leave 30 reason 5\n"
                        "leave 20 reason 5\n"
                        "leave 11 reason 5\n"
                        "leave 31 reason 5\n"
                        "on_close 666 reason 5\n"
                        "on_leave 10 reason 3\n"
                        "on_leave 11 reason 3\n"
                        "done with link 0\n");
}

static void the_end_of_the_zone_closes_all_groups(void **state)
{
    struct stage *stage = *state;

    stage_group(stage, 1);
    stage_group(stage, 2);
    stage_play(stage, 2, stage_fill);
    stage_forget(stage);
    domi__group_host_link_down(stage->host, 0);
    domi__group_host_link_down(stage->host, 1);
    domi__group_host_link_down(stage->host, 2);
    stage_forget(stage);
    domi__group_host_stop(stage->host);
    stage_expect(stage, "on_close 1 reason 7\n"
                        "on_close 2 reason 7\n");
    stage_frame(stage, 0, 7, 1, 51, "x");
    stage_group(stage, 3);
    stage_expect(stage, "dropped 1/51 reason 25\n"
                        "on_close 3 reason 7\n");
}

static void members_leave_when_the_zone_ends(void **state)
{
    struct stage *stage = stage_filled(state);

    domi__group_host_link_down(stage->host, 2);
    domi__group_host_link_down(stage->host, 1);
    stage_forget(stage);
    domi__group_host_stop(stage->host);
    stage_expect(stage, "closed 666 reason 5 -> 0\n"
                        "on_leave 11 reason 5\n"
                        "on_leave 10 reason 5\n"
                        "on_close 666 reason 7\n");
}

/* ---- groups that are not opened ----------------------------------------- */

static void a_second_group_of_one_id_is_closed(void **state)
{
    struct stage *stage = *state;

    stage_group(stage, 5);
    stage_group(stage, 5);
    stage_expect(stage, "refused 5\n"
                        "on_close 5 reason 24\n");
    stage_frame(stage, 0, 7, 5, 51, "x");
    stage_expect(stage, "on_frame 5/51 x from 7\n");
}

static void a_group_that_is_not_opened_has_nobody(void **state)
{
    struct domi_group *group = domi_group_new(*state, 5);
    struct domi_user user = user_of(10, 0);

    assert_int_equal(domi_group_id(group), 5);
    assert_ptr_equal(domi_group_zone(group), *state);
    assert_null(domi_group_data(group));
    domi_group_set_data(group, group);
    assert_ptr_equal(domi_group_data(group), group);
    assert_int_equal(domi_group_add(group, user), DOMI_E_SESSION_GONE);
    assert_int_equal(domi_group_remove(group, user, DOMI_REASON_LEFT),
                     DOMI_E_NOT_MEMBER);
    assert_int_equal(domi_group_send(group, user, 51, "x", 1), 0);
    assert_int_equal(domi_group_broadcast(group, 51, "x", 1), 0);
    assert_int_equal(domi_group_broadcast_except(group, user, 51, "x", 1), 0);
    assert_int_equal(domi_group_multicast(group, &user, 1, 51, "x", 1), 0);
    assert_int_equal(domi_group_count(group), 0);
    assert_int_equal(domi_group_list(group, 0, &user, 1), 0);
    domi_group_free(group);
    domi_group_free(NULL);
    stage_expect(*state, "");
}

/* ---- time --------------------------------------------------------------- */

#define MS 1000000u

static void on_tick(struct domi_group *group, uint32_t ticks, void *user)
{
    stage_say(user, "tick %u of %u", ticks, (unsigned)domi_group_id(group));
}

static void play_tick(struct stage *stage, struct domi_group *group)
{
    domi_group_tick(group, domi_group_id(group) * 1000, on_tick, stage);
}

static void play_no_tick(struct stage *stage, struct domi_group *group)
{
    domi_group_tick(group, 0, on_tick, stage);
}

static uint64_t at(struct stage *stage, uint64_t ms)
{
    uint64_t next;

    stage->now_ns = 1000 * (uint64_t)MS + ms * MS;
    next = domi__group_host_time(stage->host, stage->now_ns);
    return next == UINT64_MAX ? next : (next - 1000 * (uint64_t)MS) / MS;
}

static void ticks_keep_their_beat(void **state)
{
    struct stage *stage = *state;

    assert_int_equal(at(stage, 0), UINT64_MAX);
    stage_group(stage, 20);
    stage_play(stage, 20, play_tick);
    assert_int_equal(at(stage, 0), 20);
    assert_int_equal(at(stage, 19), 20);
    stage_expect(stage, "");
    assert_int_equal(at(stage, 20), 40);
    assert_int_equal(at(stage, 47), 60);
    assert_int_equal(at(stage, 125), 140);
    stage_expect(stage, "tick 1 of 20\n"
                        "tick 1 of 20\n"
                        "tick 4 of 20\n");
    stage_play(stage, 20, play_no_tick);
    assert_int_equal(at(stage, 1000), UINT64_MAX);
    stage_expect(stage, "");
}

static void groups_tick_in_the_order_of_their_times(void **state)
{
    struct stage *stage = *state;

    for (uint64_t id = 9; id > 1; id--) {
        stage_group(stage, id);
        stage_play(stage, id, play_tick);
    }
    assert_int_equal(at(stage, 5), 6);
    stage_expect(stage, "tick 2 of 2\n"
                        "tick 1 of 3\n"
                        "tick 1 of 4\n"
                        "tick 1 of 5\n");
    stage_play(stage, 6, play_close);
    stage_play(stage, 9, play_no_tick);
    stage_forget(stage);
    assert_int_equal(at(stage, 10), 12);
}

static void on_last_tick(struct domi_group *group, uint32_t ticks, void *user)
{
    on_tick(group, ticks, user);
    domi_group_close(group);
}

static void a_group_may_close_in_its_tick(void **state)
{
    struct stage *stage = *state;
    struct domi_group *group = domi_group_new(NULL, 5);

    stage_watch(stage, group);
    domi_group_tick(group, 1, on_last_tick, stage);
    domi__group_host_open(stage->host, group);
    assert_int_equal(at(stage, 1), UINT64_MAX);
    stage_expect(stage, "tick 1 of 5\n"
                        "on_close 5 reason 5\n");
}

static void play_slow(struct stage *stage, struct domi_group *group)
{
    uint64_t id;
    uint16_t type;

    (void)group;
    assert_true(domi__group_host_running(stage->host, &id, &type));
    assert_int_equal(id, 666);
    assert_int_equal(type, 60);
    stage->now_ns += 150 * (uint64_t)MS;
}

static void a_slow_handler_is_reported(void **state)
{
    struct stage *stage = *state;
    uint64_t id;
    uint16_t type;

    stage_group(stage, 666);
    assert_false(domi__group_host_running(stage->host, &id, &type));
    stage_play(stage, 666, play_slow);
    assert_false(domi__group_host_running(stage->host, &id, &type));
    stage_expect(stage, "slow 666/60 150 ms\n");
}

int main(void)
{
#define TEST(name)                                                             \
    cmocka_unit_test_setup_teardown(name, stage_set_up, stage_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_frame_reaches_the_handler_of_its_type),
        TEST(an_unknown_group_is_asked_for),
        TEST(a_refused_group_is_freed_without_callbacks),
        TEST(a_group_that_closes_when_it_is_made_gets_no_frame),
        TEST(no_group_has_the_id_of_hello),
        TEST(a_handler_sees_who_sent_the_frame),
        TEST(handlers_can_be_set_and_taken_away),
        TEST(a_handler_may_take_itself_away),
        TEST(a_group_closes_when_the_callback_has_returned),
        TEST(nobody_is_a_member_while_a_group_closes),
        TEST(a_group_may_close_while_a_gateway_is_lost),
        TEST(the_end_of_the_zone_closes_all_groups),
        TEST(members_leave_when_the_zone_ends),
        TEST(a_second_group_of_one_id_is_closed),
        TEST(a_group_that_is_not_opened_has_nobody),
        TEST(ticks_keep_their_beat),
        TEST(groups_tick_in_the_order_of_their_times),
        TEST(a_group_may_close_in_its_tick),
        TEST(a_slow_handler_is_reported),
    };
#undef TEST

    return cmocka_run_group_tests(tests, NULL, NULL);
}
