/* SPDX-License-Identifier: MIT */
/* Sessions: accepted, refused, answered later, limited, kicked, slow. */
#include "world.h"

#include <stdlib.h>
#include <string.h>

#define GROUP 666

static void sessions_open(struct world *world, enum domi_verdict verdict)
{
    world_open(world);
    world->verdict = verdict;
    world_zone(world, true);
    world_start(world);
}

/* ---- on_connect ---------------------------------------------------------- */

static void refuses_a_session(void **state)
{
    struct world world;
    struct user user;

    (void)state;
    sessions_open(&world, DOMI_REFUSE);
    user = user_connect(&world);
    user_expect_closed(&user, DOMI_REASON_REFUSED);
    assert_int_equal(world.connects, 1);
    assert_int_equal(world.disconnects, 1);
    world_close(&world);
}

static void mark(struct world *world, struct domi_session *session)
{
    (void)world;
    /* Set after the accept, in the same turn. */
    assert_non_null(domi_session_data(session));
}

static void handles_after_the_accept_what_came_before(void **state)
{
    struct world world;
    struct user user;

    (void)state;
    sessions_open(&world, DOMI_LATER);
    world.on_join = mark;
    user = user_connect(&world);
    user_ask(&user, 0, GROUP);
    user_ask(&user, 0, GROUP + 1);
    for (int i = 0; i < 20; i++) {
        net_turn(&world.net);
    }
    assert_int_equal(world_stats(&world).frames_in, 0);
    assert_int_equal(world.calls, 0);
    domi_session_accept(session_of(&user));
    domi_session_set_data(session_of(&user), &user);
    assert_int_equal(world_stats(&world).frames_in, 0);
    user_answered(&user, 0);
    user_answered(&user, 0);
    assert_int_equal(world_stats(&world).frames_in, 2);
    /* Answers that come twice, or too late. */
    domi_session_accept(session_of(&user));
    domi_session_refuse(session_of(&user));
    peer_expect_quiet(user.peer);
    world_close(&world);
}

static void refuses_later(void **state)
{
    struct world world;
    struct user user;
    struct domi_session *session;

    (void)state;
    sessions_open(&world, DOMI_LATER);
    user = user_connect(&world);
    user_ask(&user, 0, GROUP);
    session = session_of(&user);
    domi_session_refuse(session);
    domi_session_refuse(session);
    domi_session_accept(session);
    user_expect_closed(&user, DOMI_REASON_REFUSED);
    assert_int_equal(world_stats(&world).frames_in, 0);
    world_close(&world);
}

static void accepts_one_that_has_gone_meanwhile(void **state)
{
    struct world world;
    struct user user;

    (void)state;
    sessions_open(&world, DOMI_LATER);
    user = user_connect(&world);
    user_ask(&user, 0, GROUP);
    peer_close(user.peer);
    for (int i = 0; i < 20; i++) {
        net_turn(&world.net);
    }
    assert_int_equal(world.disconnects, 0);
    domi_session_accept(session_of(&user));
    UNTIL(&world.net, world.disconnects == 1);
    world_close(&world);
}

static void closes_with_an_answer_outstanding(void **state)
{
    struct world world;
    struct user user;

    (void)state;
    sessions_open(&world, DOMI_LATER);
    user = user_connect(&world);
    user_ask(&user, 0, GROUP);
    world_stop(&world);
    user_expect_notice(&user, DOMI_NOTICE_CLOSING, DOMI_REASON_STOPPING, NULL);
    world_close(&world);
}

static void accept_now(struct world *world, struct domi_session *session)
{
    (void)world;
    domi_session_accept(session);
}

static void takes_an_accept_from_inside_on_connect(void **state)
{
    struct world world;
    struct user user;

    (void)state;
    sessions_open(&world, DOMI_LATER);
    world.on_connect = accept_now;
    user = user_connect(&world);
    user_join(&user, 0, GROUP);
    world_close(&world);
}

static void limits_the_sessions(void **state)
{
    struct world world;
    struct user users[2];
    struct user third;

    (void)state;
    world_open(&world);
    world.options.sessions = 2;
    world_start(&world);
    users[0] = user_connect(&world);
    users[1] = user_connect(&world);
    third = user_connect(&world);
    user_expect_refused(&third, DOMI_REASON_TOO_MANY);
    assert_int_equal(world_stats(&world).closed[DOMI_REASON_TOO_MANY], 1);
    assert_int_equal(world.connects, 2);
    peer_expect_quiet(users[0].peer);
    peer_close(users[0].peer);
    UNTIL(&world.net, world.disconnects == 1);
    users[0] = user_connect(&world);
    peer_expect_quiet(users[0].peer);
    world_close(&world);
}

/* ---- what the application may do ----------------------------------------- */

static void expect_kick(enum domi_reason reason, enum domi_reason told,
                        const char *text, size_t size)
{
    struct world world;
    struct user user;
    struct domi_session *session;
    struct domi_frame frame;

    sessions_open(&world, DOMI_ACCEPT);
    user = user_connect(&world);
    session = session_of(&user);
    domi_session_kick(session, reason, text);
    domi_session_kick(session, DOMI_REASON_STOPPING, "too late");
    assert_int_equal(domi_session_send(session, MESSAGE, NULL, 0),
                     DOMI_E_SESSION_GONE);
    frame = peer_next(user.peer);
    assert_int_equal(frame.type, DOMI_TYPE_NOTICE);
    assert_int_equal(domi_get_u16(frame.data), DOMI_NOTICE_CLOSING);
    assert_int_equal(domi_get_u16(frame.data + 2), told);
    assert_int_equal(frame.data_size, DOMI_NOTICE_SIZE + size);
    assert_memory_equal(frame.data + DOMI_NOTICE_SIZE, text ? text : "", size);
    peer_expect_end(user.peer);
    assert_int_equal(world.disconnect_reason, told);
    assert_int_equal(world_stats(&world).closed[told], 1);
    world_close(&world);
}

static void kicks_with_a_reason_and_a_text(void **state)
{
    char text[403];

    (void)state;
    expect_kick(DOMI_REASON_KICKED, DOMI_REASON_KICKED, "be nice", 7);
    expect_kick(DOMI_REASON_NONE, DOMI_REASON_NONE, NULL, 0);
    expect_kick((enum domi_reason)1000, DOMI_REASON_KICKED, "", 0);
    expect_kick(DOMI_REASON_COUNT, DOMI_REASON_KICKED, "", 0);
    /* A long text is cut, but not within a character of three bytes. */
    for (size_t i = 0; i < 402; i += 3) {
        memcpy(text + i, "\xe2\x82\xac", 3);
    }
    text[402] = '\0';
    expect_kick(DOMI_REASON_KICKED, DOMI_REASON_KICKED, text, 198);
}

static void on_called(struct domi_gateway *gateway,
                      struct domi_session *session, int status,
                      const struct domi_target *target, void *user)
{
    (void)gateway;
    (void)session;
    (void)status;
    (void)target;
    (void)user;
    fail();
}

static void says_what_cannot_be_sent(void **state)
{
    struct world world;
    struct user user;
    struct place place;
    struct domi_session *session;
    struct domi_target wrong;
    uint32_t limit = 1024 * 1024;
    uint8_t *large = calloc(1, limit);

    (void)state;
    assert_non_null(large);
    sessions_open(&world, DOMI_ACCEPT);
    user = user_connect(&world);
    place = user_join(&user, 0, GROUP);
    session = session_of(&user);
    wrong = place.target;
    wrong.group++;
    assert_int_equal(domi_session_send(session, 49, "x", 1),
                     DOMI_E_TYPE_RESERVED);
    assert_int_equal(domi_session_send(session, MESSAGE, large, limit),
                     DOMI_E_FRAME_LENGTH);
    assert_int_equal(domi_session_send_zone(session, &place.target, 49, "x", 1),
                     DOMI_E_TYPE_RESERVED);
    assert_int_equal(
        domi_session_send_zone(session, &place.target, MESSAGE, large, limit),
        DOMI_E_FRAME_LENGTH);
    assert_int_equal(domi_session_send_zone(session, &wrong, MESSAGE, "x", 1),
                     DOMI_E_NOT_ATTACHED);
    assert_int_equal(domi_session_leave(session, &wrong), DOMI_E_NOT_ATTACHED);
    assert_int_equal(domi_gateway_call(world.gateway, session, "0", UINT64_MAX,
                                       on_called, NULL),
                     DOMI_E_OPTION);
    assert_null(domi_gateway_find(world.gateway, user.id + 1));
    assert_true(strncmp(domi_session_address(session), "127.0.0.1:", 10) == 0);
    peer_expect_quiet(user.peer);
    free(large);
    world_close(&world);
}

/* ---- slow users ---------------------------------------------------------- */

enum {
    FRAME = 8192,
    LIMIT = 1024 * 1024
};

/* The kernel takes some, then the queue fills; returns how many were sent
   before the first that was not. */
static unsigned flood(struct world *world, const struct user *user,
                      unsigned count, unsigned *sent)
{
    static uint8_t data[FRAME];
    struct domi_session *session = session_of(user);
    unsigned refused = 0;

    for (unsigned i = 0; i < count; i++) {
        int err;

        domi_put_u32(data, *sent + refused);
        err = domi_session_send(session, MESSAGE, data, FRAME);
        if (err) {
            assert_int_equal(err, DOMI_E_QUEUE_FULL);
            refused++;
            if (world->options.send_policy == DOMI_SEND_CLOSE) {
                break;
            }
        } else {
            ++*sent;
        }
        if (i % 16 == 0) {
            net_turn(&world->net);
        }
    }
    return refused;
}

static void slow_open(struct world *world, struct user *slow,
                      struct user *other, enum domi_send_policy policy)
{
    world_open(world);
    world->options.send_policy = policy;
    world->options.send_limit = LIMIT;
    world_start(world);
    *slow = user_connect(world);
    *other = user_connect(world);
    slow->peer->deaf = true;
}

static void closes_a_slow_user(void **state)
{
    struct world world;
    struct user slow, other;
    unsigned sent = 0;

    (void)state;
    slow_open(&world, &slow, &other, DOMI_SEND_CLOSE);
    assert_int_equal(flood(&world, &slow, 4000, &sent), 1);
    UNTIL(&world.net, world.disconnects == 1);
    assert_int_equal(world.disconnect_reason, DOMI_REASON_QUEUE_FULL);
    assert_int_equal(world_stats(&world).closed[DOMI_REASON_QUEUE_FULL], 1);
    assert_int_equal(world_stats(&world).frames_out, sent);
    peer_expect_quiet(other.peer);
    peer_close(slow.peer);
    world_close(&world);
}

static void drops_the_newest_frames_of_a_slow_user(void **state)
{
    struct world world;
    struct user slow, other;
    unsigned sent = 0;
    unsigned refused;
    int64_t last = -1;

    (void)state;
    slow_open(&world, &slow, &other, DOMI_SEND_DROP_NEWEST);
    refused = flood(&world, &slow, 2000, &sent);
    assert_true(refused > 0);
    assert_int_equal(world_stats(&world).dropped_queue, refused);
    peer_expect_quiet(other.peer);
    slow.peer->deaf = false;
    for (unsigned i = 0; i < sent; i++) {
        struct domi_frame frame = peer_next(slow.peer);

        assert_int_equal(frame.data_size, FRAME);
        assert_true(domi_get_u32(frame.data) > last);
        last = domi_get_u32(frame.data);
    }
    peer_expect_quiet(slow.peer);
    world_close(&world);
}

static void drops_the_oldest_frames_of_a_slow_user(void **state)
{
    struct world world;
    struct user slow, other;
    unsigned sent = 0;
    uint64_t dropped;
    int64_t last = -1;

    (void)state;
    slow_open(&world, &slow, &other, DOMI_SEND_DROP_OLDEST);
    assert_int_equal(flood(&world, &slow, 2000, &sent), 0);
    dropped = world_stats(&world).dropped_queue;
    assert_true(dropped > 0);
    peer_expect_quiet(other.peer);
    slow.peer->deaf = false;
    for (unsigned i = 0; i < 2000 - dropped; i++) {
        struct domi_frame frame = peer_next(slow.peer);

        assert_true(domi_get_u32(frame.data) > last);
        last = domi_get_u32(frame.data);
    }
    assert_int_equal(last, 1999);
    peer_expect_quiet(slow.peer);
    world_close(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_a_session),
        cmocka_unit_test(handles_after_the_accept_what_came_before),
        cmocka_unit_test(refuses_later),
        cmocka_unit_test(accepts_one_that_has_gone_meanwhile),
        cmocka_unit_test(closes_with_an_answer_outstanding),
        cmocka_unit_test(takes_an_accept_from_inside_on_connect),
        cmocka_unit_test(limits_the_sessions),
        cmocka_unit_test(kicks_with_a_reason_and_a_text),
        cmocka_unit_test(says_what_cannot_be_sent),
        cmocka_unit_test(closes_a_slow_user),
        cmocka_unit_test(drops_the_newest_frames_of_a_slow_user),
        cmocka_unit_test(drops_the_oldest_frames_of_a_slow_user),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
