/* SPDX-License-Identifier: MIT */
/* The contract of domi/group.h, line by line, without threads and sockets. */
#include "stage.h"

#include <stdlib.h>
#include <string.h>

#include "domi/err.h"
#include "frame/frame.h"

/* Links 0 and 1 know groups, link 2 does not. */
static int set_up(void **state)
{
    struct stage *stage = malloc(sizeof(*stage));

    assert_non_null(stage);
    stage_init(stage, 4096);
    for (uint32_t link = 0; link < 3; link++) {
        domi__group_host_link_up(stage->host, link, 1000 + link);
        if (link < 2) {
            domi__group_host_link_features(stage->host, link,
                                           DOMI__FEATURE_GROUPS);
        }
    }
    *state = stage;
    return 0;
}

static int tear_down(void **state)
{
    stage_fini(*state);
    free(*state);
    return 0;
}

static void add(struct domi_group *group, uint64_t id, uint32_t link)
{
    assert_int_equal(domi_group_add(group, user_of(id, link)), 0);
}

/* 10 and 11 behind link 0, 20 behind 1, 30 and 31 behind 2. */
static void play_fill(struct stage *stage, struct domi_group *group)
{
    (void)stage;
    add(group, 10, 0);
    add(group, 11, 0);
    add(group, 20, 1);
    add(group, 30, 2);
    add(group, 31, 2);
}

static struct stage *filled(void **state)
{
    struct stage *stage = *state;

    stage_group(stage, 666);
    stage_play(stage, 666, play_fill);
    stage_forget(stage);
    return stage;
}

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

/* ---- members ------------------------------------------------------------ */

static void adding_tells_the_gateways_that_know_groups(void **state)
{
    struct stage *stage = *state;

    stage_group(stage, 666);
    stage_play(stage, 666, play_fill);
    stage_expect(stage, "joined 666: 10 -> 0\n"
                        "on_join 10\n"
                        "joined 666: 11 -> 0\n"
                        "on_join 11\n"
                        "joined 666: 20 -> 1\n"
                        "on_join 20\n"
                        "on_join 30\n"
                        "on_join 31\n");
    stage_play(stage, 666, play_fill);
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
    stage_play(filled(state), 666, play_list);
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
    struct stage *stage = filled(state);

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
    struct stage *stage = filled(state);

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
    struct stage *stage = filled(state);
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
    struct stage *stage = filled(state);

    domi__group_host_user_leave(stage->host, 0, 10, 666);
    domi__group_host_user_leave(stage->host, 0, 10, 666);
    domi__group_host_user_leave(stage->host, 1, 11, 666);
    domi__group_host_user_leave(stage->host, 0, 10, 667);
    stage_expect(stage, "on_leave 10 reason 1\n");
}

static void a_user_that_is_gone_leaves_all_its_groups(void **state)
{
    struct stage *stage = filled(state);
    uint8_t users[16];

    stage_group(stage, 667);
    stage_play(stage, 667, play_fill);
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
    struct stage *stage = filled(state);

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
    struct stage *stage = filled(state);

    stage_play(stage, 666, play_talk);
    domi__group_host_link_down(stage->host, 2);
    stage_expect(stage, "talk 30\n"
                        "broadcast 666/54 gone -> 0 1\n"
                        "talk 31\n"
                        "broadcast 666/54 gone -> 0 1\n"
                        "done with link 2\n");
}

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
    struct stage *stage = filled(state);

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
    struct stage *stage = filled(state);

    stage_play(stage, 666, play_broadcast);
    stage_expect(stage, "broadcast 666/51 hello -> 0 1\n"
                        "users 30 31 666/51 hello -> 2\n"
                        "broadcast 666/51  -> 0 1\n"
                        "users 30 31 666/51  -> 2\n");
    stage_group(stage, 1);
    stage_play(stage, 1, play_broadcast);
    stage_expect(stage, "");
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
    struct stage *stage = filled(state);

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
    struct stage *stage = filled(state);

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
    stage_play(filled(state), 666, play_limits);
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

/* ---- closing ------------------------------------------------------------ */

static void play_close(struct stage *stage, struct domi_group *group)
{
    domi_group_close(group);
    domi_group_broadcast(group, 51, "bye", 3);
    stage_say(stage, "returned");
}

static void a_group_closes_when_the_callback_has_returned(void **state)
{
    struct stage *stage = filled(state);

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
    struct stage *stage = filled(state);

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
    struct stage *stage = filled(state);

    stage_group(stage, 667);
    stage_play(stage, 667, play_fill);
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
    stage_play(stage, 2, play_fill);
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
    struct stage *stage = filled(state);

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
                        "on_close 5 reason 22\n");
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
    struct stage *stage = filled(state);

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
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_frame_reaches_the_handler_of_its_type),
        TEST(an_unknown_group_is_asked_for),
        TEST(a_refused_group_is_freed_without_callbacks),
        TEST(a_group_that_closes_when_it_is_made_gets_no_frame),
        TEST(no_group_has_the_id_of_hello),
        TEST(a_handler_sees_who_sent_the_frame),
        TEST(handlers_can_be_set_and_taken_away),
        TEST(a_handler_may_take_itself_away),
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
        TEST(one_user_is_sent_to_whether_a_member_or_not),
        TEST(a_broadcast_is_one_frame_for_each_link),
        TEST(a_broadcast_can_leave_one_user_out),
        TEST(a_multicast_lists_the_users_of_each_link),
        TEST(reserved_types_and_long_frames_are_refused),
        TEST(a_broadcast_names_as_many_links_as_an_effect_holds),
        TEST(a_list_of_users_is_split_at_the_frame_limit),
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
        TEST(a_link_index_can_be_given_again),
    };
#undef TEST

    return cmocka_run_group_tests(tests, NULL, NULL);
}
