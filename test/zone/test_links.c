/* SPDX-License-Identifier: MIT */
/* A zone's links: the reference's recorded bytes, hello, and bad gateways. */
#include "peer.h"

#include <stdlib.h>
#include <string.h>

#include "domi/err.h"
#include "frame/frame.h"

struct chat {
    struct fixture fixture;
    struct peer peer;
};

static int set_up(void **state)
{
    struct chat *chat = malloc(sizeof(*chat));
    struct domi_zone_options options;

    assert_non_null(chat);
    options = fixture_options(&chat->fixture);
    fixture_init(&chat->fixture, &options);
    assert_int_equal(domi_zone_start(chat->fixture.zone), 0);
    peer_open(&chat->peer, &chat->fixture);
    *state = chat;
    return 0;
}

static int tear_down(void **state)
{
    struct chat *chat = *state;

    peer_close(&chat->peer);
    fixture_fini(&chat->fixture);
    free(chat);
    return 0;
}

#define JOIN_A                                                                 \
    "2800000010003200001080fa780000000000c0ad790000000000c0ad790000009a02"     \
    "000000000000"
#define JOIN_B                                                                 \
    "28000000100032000010c095790000000000c0ad790000000000c0ad790000009a02"     \
    "000000000000"
#define JOIN_C                                                                 \
    "2800000010003200001040e2790000000000c0ad790000000000c0ad790000009a02"     \
    "000000000000"
#define HELLO_FROM_A                                                           \
    "1d0000001000330068656c6c6f001080fa780000009a02000000000000"
#define HELLO_TO_A                                                             \
    "1f0000001200090068656c6c6f001080fa780000009a020000000000003300"

static void carries_the_recorded_chat(void **state)
{
    struct chat *chat = *state;
    struct peer *peer = &chat->peer;

    peer_send_hex(peer, JOIN_A);
    peer_send_hex(peer, HELLO_FROM_A);
    peer_expect_hex(peer, HELLO_TO_A);
    peer_send_hex(peer, JOIN_B);
    peer_send_hex(peer, JOIN_C);
    peer_send_hex(peer, "2900000010003300e4bda0e5a5bd2c20616c6c207468726565"
                        "0010c095790000009a02000000000000");
    peer_expect_hex(peer, "3b00000022000900e4bda0e5a5bd2c20616c6c207468726565"
                          "001080fa780000000010c09579000000001040e279000000"
                          "9a020000000000003300");
    peer_send_hex(peer, "1800000010003300001080fa780000009a02000000000000");
    peer_expect_hex(peer, "2a00000022000900001080fa780000000010c09579000000"
                          "001040e2790000009a020000000000003300");
    assert_int_equal(fixture_stats(&chat->fixture).frames_in, 6);
    assert_int_equal(fixture_stats(&chat->fixture).frames_out, 3);
}

static void a_recorded_leave_takes_the_user_out(void **state)
{
    struct chat *chat = *state;
    struct peer *peer = &chat->peer;

    peer_send_hex(peer, JOIN_A);
    peer_send_hex(peer, JOIN_B);
    peer_send_hex(peer, JOIN_C);
    peer_send_hex(peer, "2000000010000a000000c0ad79000000001040e2790000009a02"
                        "000000000000");
    /* The second time is harmless. */
    peer_send_hex(peer, "2000000010000a000000c0ad79000000001040e2790000009a02"
                        "000000000000");
    peer_send_frame(peer, USER_A, GROUP, 51, "two left", 8);
    peer_expect_hex(peer, "2a0000001a00090074776f206c656674001080fa78000000"
                          "0010c095790000009a020000000000003300");
    assert_int_equal(chat->fixture.left[DOMI_REASON_LEFT], 1);
}

/* The reference lost whoever came after a user of a higher id. */
static void users_join_in_any_order_and_twice(void **state)
{
    struct chat *chat = *state;
    struct peer *peer = &chat->peer;

    peer_send_hex(peer, JOIN_C);
    peer_send_hex(peer, JOIN_A);
    peer_send_hex(peer, JOIN_C);
    peer_send_hex(peer, JOIN_B);
    peer_send_hex(peer, JOIN_A);
    peer_send_hex(peer, HELLO_FROM_A);
    peer_expect_hex(peer, "2f0000002200090068656c6c6f"
                          "001040e279000000001080fa780000000010c09579000000"
                          "9a020000000000003300");
    assert_int_equal(chat->fixture.joined, 3);
}

static void heartbeats_are_answered_and_exit_ends_the_link(void **state)
{
    struct chat *chat = *state;

    peer_send_hex(&chat->peer, "0800000000000100");
    peer_expect_hex(&chat->peer, "0800000000000100");
    peer_send_hex(&chat->peer, "0800000000000200");
    peer_expect_end(&chat->peer);
    assert_int_equal(fixture_stats(&chat->fixture).closed[DOMI_REASON_EXIT],
                     1);
}

/* Each of these ends the link that sent it, with this reason. */
static const struct {
    const char *name;
    const char *hex;
    enum domi_reason reason;
} hostile[] = {
    {"room-port-short-frame", "10000000000033009a02000000000000",
     DOMI_REASON_BAD_BODY},
    {"room-port-kick", "2000000010000a0000000049000000000010402e00000000"
                       "9a02000000000000",
     DOMI_REASON_BAD_BODY},
    {"type-9-to-the-room", "2300000012000900789a020000000000000000c048000000"
                           "009a020000000000003300",
     DOMI_REASON_FORBIDDEN_TYPE},
    {"length-0-type-0", "0000000000000000", DOMI_REASON_FRAME_LENGTH},
    {"type-0", "0800000000000000", DOMI_REASON_FORBIDDEN_TYPE},
    {"length-0xffffffff", "ffffffff00003300616263", DOMI_REASON_FRAME_LENGTH},
    {"length-7", "0700000000003300", DOMI_REASON_FRAME_LENGTH},
    {"length-0-type-51", "0000000000003300", DOMI_REASON_FRAME_LENGTH},
    {"length-0-type-1", "0000000000000100", DOMI_REASON_FRAME_LENGTH},
    {"extend-larger-than-frame", "0800000012000800",
     DOMI_REASON_FRAME_EXTEND},
    {"type-9-without-extend", "0b00000000000900616263",
     DOMI_REASON_FORBIDDEN_TYPE},
    {"type-77-without-extend", "0800000000004d00", DOMI_REASON_BAD_BODY},
    {"type-5", "0800000000000500", DOMI_REASON_FORBIDDEN_TYPE},
    {"type-8", "1f0000001200080068656c6c6f0000c0ad790000009a02000000000000"
               "3300",
     DOMI_REASON_FORBIDDEN_TYPE},
    {"nobody-is-the-sender", "180000001000330000000000000000009a020000000000"
                             "00",
     DOMI_REASON_BAD_BODY},
    {"extend-of-24", "200000001800330000000000000000009a02000000000000"
                     "0000000000000000",
     DOMI_REASON_BAD_BODY},
};

static void a_hostile_link_is_closed_and_harms_nobody(void **state)
{
    struct chat *chat = *state;

    peer_send_hex(&chat->peer, JOIN_A);
    for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
        uint64_t before =
            fixture_stats(&chat->fixture).closed[hostile[i].reason];
        struct peer stranger;

        peer_open(&stranger, &chat->fixture);
        peer_send_hex(&stranger, hostile[i].hex);
        peer_expect_end(&stranger);
        peer_close(&stranger);
        if (fixture_stats(&chat->fixture).closed[hostile[i].reason] !=
            before + 1) {
            fail_msg("%s was closed for another reason", hostile[i].name);
        }
    }
    peer_send_hex(&chat->peer, HELLO_FROM_A);
    peer_expect_hex(&chat->peer, HELLO_TO_A);
}

/* It may speak to a group, as any gateway, but only its own users can be put
   into one or taken out of it. */
static void a_stranger_cannot_speak_for_another_link(void **state)
{
    struct chat *chat = *state;
    struct peer stranger;
    uint8_t data[16];

    peer_send_hex(&chat->peer, JOIN_A);
    fixture_wait(&chat->fixture, chat->fixture.joined == 1);
    peer_open(&stranger, &chat->fixture);
    domi_put_u64(data, USER_A);
    domi_put_u64(data + 8, chat->peer.id);
    peer_send_frame(&stranger, chat->peer.id, GROUP, 50, data, 16);
    domi_put_u64(data, stranger.id);
    peer_send_frame(&stranger, USER_A, GROUP, 10, data, 8);
    peer_send_frame(&stranger, 1, GROUP, 51, "x", 1);
    peer_expect(&chat->peer, "\x1b", 1);
    assert_int_equal(chat->fixture.joined, 1);
    assert_int_equal(chat->fixture.left[DOMI_REASON_LEFT], 0);
    peer_close(&stranger);
}

/* ---- hello --------------------------------------------------------------- */

static void say_hello(struct peer *peer, uint64_t group)
{
    uint8_t data[16] = {1};
    uint8_t extend[16] = {0};
    uint8_t frame[64];

    /* Of the features that the zone does not know, one. */
    data[4] = DOMI__FEATURE_GROUPS | 0x80;
    domi_put_u64(extend + 8, group);
    peer_send(peer, frame,
              domi_frame_encode(frame, DOMI__FRAME_HELLO, data, 16, extend,
                                16));
}

static void expect_frame(struct peer *peer, uint16_t type, const void *data,
                         uint32_t data_size, const void *extend,
                         uint16_t extend_size)
{
    uint8_t frame[256];

    peer_expect(peer, frame,
                domi_frame_encode(frame, type, data, data_size, extend,
                                  extend_size));
}

static void expect_hello_answer(struct peer *peer)
{
    uint8_t data[16] = {1, 0, 0, 0, DOMI__FEATURE_GROUPS};

    domi_put_u64(data + 8, (uint64_t)domi_zone_id(peer->fixture->zone));
    expect_frame(peer, DOMI__FRAME_HELLO_ANSWER, data, 16, NULL, 0);
}

static void a_link_that_says_hello_gets_groups(void **state)
{
    struct chat *chat = *state;
    struct peer *peer = &chat->peer;
    uint8_t user[8], group[10];

    domi_put_u64(user, USER_A);
    domi_put_u64(group, GROUP);
    domi_put_u16(group + 8, 51);
    say_hello(peer, DOMI__HELLO_GROUP);
    expect_hello_answer(peer);
    peer_join(peer, USER_A, GROUP);
    peer_send_frame(peer, USER_A, GROUP, 51, "hello", 5);
    expect_frame(peer, DOMI__FRAME_JOINED, user, 8, group, 8);
    expect_frame(peer, DOMI__FRAME_BROADCAST, "hello", 5, group, 10);
}

static void hello_must_come_first_and_name_no_group(void **state)
{
    struct chat *chat = *state;
    struct peer second;

    peer_join(&chat->peer, USER_A, GROUP);
    say_hello(&chat->peer, DOMI__HELLO_GROUP);
    peer_expect_end(&chat->peer);
    peer_open(&second, &chat->fixture);
    say_hello(&second, GROUP);
    peer_expect_end(&second);
    peer_close(&second);
    assert_int_equal(
        fixture_stats(&chat->fixture).closed[DOMI_REASON_BAD_BODY], 2);
}

static void users_that_are_gone_leave_all_groups(void **state)
{
    struct chat *chat = *state;
    struct peer *peer = &chat->peer;
    uint8_t users[16], reason[2], frame[64];

    for (uint64_t group = 0; group < 20; group++) {
        peer_join(peer, USER_A, group);
        peer_join(peer, USER_B, group);
        peer_join(peer, USER_C, group);
    }
    domi_put_u64(users, USER_A);
    domi_put_u64(users + 8, USER_C);
    domi_put_u16(reason, DOMI_REASON_DISCONNECTED);
    peer_send(peer, frame,
              domi_frame_encode(frame, DOMI__FRAME_USERS_GONE, users, 16,
                                reason, 2));
    fixture_wait(&chat->fixture,
                 chat->fixture.left[DOMI_REASON_DISCONNECTED] == 40);
}

/* ---- links that end ------------------------------------------------------ */

static void a_lost_gateway_is_told_once_for_each_user(void **state)
{
    struct chat *chat = *state;
    struct peer other;

    peer_open(&other, &chat->fixture);
    for (uint64_t i = 1; i <= 100; i++) {
        peer_join(&chat->peer, i, i % 10);
        peer_join(&other, i, i % 10);
    }
    fixture_wait(&chat->fixture, chat->fixture.joined == 200);
    peer_close(&other);
    fixture_wait(&chat->fixture,
                 chat->fixture.left[DOMI_REASON_GATEWAY_LOST] == 100);
    /* A new link may get the same index; nobody else is lost by that. */
    peer_open(&other, &chat->fixture);
    peer_join(&other, 1, 1);
    fixture_wait(&chat->fixture, chat->fixture.joined == 201);
    assert_int_equal(chat->fixture.left[DOMI_REASON_GATEWAY_LOST], 100);
    assert_int_equal(fixture_stats(&chat->fixture).links, 2);
    peer_close(&other);
}

#define MANY 8300u

/* Checks a TO_USERS frame with users from `first` on; returns the next. */
static uint64_t take_users(struct peer *peer, uint64_t first)
{
    size_t size = peer_wait_frame(peer);
    struct domi_frame frame;

    assert_int_equal(domi_frame_decode(peer->in, size, UINT32_MAX, &frame),
                     size);
    assert_int_equal(domi__frame_check(&frame, DOMI__ZONE_TO_GATEWAY),
                     DOMI_REASON_NONE);
    assert_int_equal(frame.type, DOMI__FRAME_TO_USERS);
    for (size_t i = 0; i < (frame.extend_size - 10u) / 8; i++, first++) {
        assert_int_equal(domi_get_u64(frame.extend + i * 8), first);
    }
    peer_drop(peer, size);
    return first;
}

static void a_list_of_too_many_users_is_split(void **state)
{
    struct chat *chat = *state;

    for (uint64_t i = 1; i <= MANY; i++) {
        peer_join(&chat->peer, i, GROUP);
    }
    peer_send_frame(&chat->peer, 1, GROUP, 51, "x", 1);
    assert_int_equal(take_users(&chat->peer, 1), DOMI__USERS_MAX + 1);
    assert_int_equal(take_users(&chat->peer, DOMI__USERS_MAX + 1), MANY + 1);
}

static void frames_for_nobody_are_dropped_and_counted(void **state)
{
    struct chat *chat = *state;
    struct fixture *fixture = &chat->fixture;

    peer_send_frame(&chat->peer, USER_A, GROUPS_MAX, 51, "x", 1);
    peer_send_frame(&chat->peer, USER_A, GROUP, 99, "x", 1);
    fixture_wait(fixture, fixture_stats(fixture).dropped_no_handler == 1);
    fixture_wait(fixture, fixture_stats(fixture).dropped_no_group == 1);
    assert_non_null(strstr(fixture->log, "group 1024: dropped a frame"));
    assert_non_null(strstr(fixture->log, "group 666: dropped a frame"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(carries_the_recorded_chat),
        TEST(a_recorded_leave_takes_the_user_out),
        TEST(users_join_in_any_order_and_twice),
        TEST(heartbeats_are_answered_and_exit_ends_the_link),
        TEST(a_hostile_link_is_closed_and_harms_nobody),
        TEST(a_stranger_cannot_speak_for_another_link),
        TEST(a_link_that_says_hello_gets_groups),
        TEST(hello_must_come_first_and_name_no_group),
        TEST(users_that_are_gone_leave_all_groups),
        TEST(a_lost_gateway_is_told_once_for_each_user),
        TEST(a_list_of_too_many_users_is_split),
        TEST(frames_for_nobody_are_dropped_and_counted),
    };
#undef TEST

    return cmocka_run_group_tests(tests, NULL, NULL);
}
