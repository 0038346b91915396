/* SPDX-License-Identifier: MIT */
/* Links that open late, are lost, and come back. */
#include "world.h"

#include <string.h>

#define GROUP 666

struct lost {
    struct world world;
    struct zone *zone;
    struct user a, b;
    struct place place;
};

static void lost_open(struct lost *lost)
{
    memset(lost, 0, sizeof(*lost));
    world_open(&lost->world);
    lost->zone = world_zone(&lost->world, true);
    world_start(&lost->world);
    lost->a = user_connect(&lost->world);
    lost->b = user_connect(&lost->world);
}

static void both_join(struct lost *lost)
{
    lost->place = user_join(&lost->a, 0, GROUP);
    user_join(&lost->b, 0, GROUP);
}

static void expect_zone_lost(struct lost *lost)
{
    user_expect_notice(&lost->a, DOMI_NOTICE_ZONE_LOST, DOMI_REASON_ZONE_LOST,
                       &lost->place.target);
    user_expect_notice(&lost->b, DOMI_NOTICE_ZONE_LOST, DOMI_REASON_ZONE_LOST,
                       &lost->place.target);
    assert_int_equal(lost->world.detaches, 2);
    assert_int_equal(lost->world.detached_from.id, lost->place.target.id);
    assert_int_equal(lost->world.detached_from.group, GROUP);
    assert_int_equal(lost->world.detach_reason, DOMI_REASON_ZONE_LOST);
}

static void opens_one_link_for_all_who_join_at_once(void **state)
{
    enum {
        USERS = 20
    };
    struct lost lost;
    struct user users[USERS];
    bool seen[USERS] = {false};
    uint64_t target = 0;

    (void)state;
    lost_open(&lost);
    for (unsigned i = 0; i < USERS; i++) {
        users[i] = user_connect(&lost.world);
    }
    for (unsigned i = 0; i < USERS; i++) {
        user_ask(&users[i], 0, GROUP);
    }
    for (unsigned i = 0; i < USERS; i++) {
        struct domi_frame frame = peer_next(users[i].peer);

        assert_int_equal(frame.type, JOIN);
        if (i == 0) {
            target = domi_get_u64(frame.data);
            assert_true(target != 0);
        }
        assert_int_equal(domi_get_u64(frame.data), target);
    }
    for (unsigned n = 0; n < USERS; n++) {
        struct domi_frame frame = peer_next(lost.zone->link);
        unsigned i = 0;

        while (i < USERS && domi_get_u64(frame.data) != users[i].id) {
            i++;
        }
        assert_true(i < USERS);
        assert_false(seen[i]);
        seen[i] = true;
        zone_send_to(lost.zone, GROUP, "welcome", 1, users[i].id);
        user_expect_text(&users[i], "welcome");
    }
    assert_int_equal(lost.zone->dialled, 1);
    assert_int_equal(world_stats(&lost.world).links, 1);
    world_close(&lost.world);
}

static void keeps_the_link_between_the_last_user_and_the_next(void **state)
{
    struct lost lost;

    (void)state;
    lost_open(&lost);
    for (unsigned round = 0; round < 30; round++) {
        struct user user = user_connect(&lost.world);
        struct place place = user_join(&user, 0, GROUP);

        user_say(&user, &place, MESSAGE, "hello");
        zone_expect_said(lost.zone, &user, GROUP, "hello");
        peer_close(user.peer);
        assert_int_equal(peer_next(lost.zone->link).type,
                         DOMI__FRAME_USERS_GONE);
    }
    assert_int_equal(lost.zone->dialled, 1);
    world_close(&lost.world);
}

static void tells_users_that_the_zone_is_lost(void **state)
{
    struct lost lost;
    struct domi_gateway_stats stats;

    (void)state;
    lost_open(&lost);
    both_join(&lost);
    zone_stop(lost.zone);
    expect_zone_lost(&lost);
    stats = world_stats(&lost.world);
    assert_int_equal(stats.links, 0);
    assert_int_equal(stats.links_closed[DOMI_REASON_PEER_CLOSED], 1);
    /* Frames on their way are no offence. */
    for (int i = 0; i < 3; i++) {
        user_say(&lost.a, &lost.place, MESSAGE, "late");
    }
    peer_expect_quiet(lost.a.peer);
    assert_int_equal(world_stats(&lost.world).dropped_target, 3);
    world_close(&lost.world);
}

static void attaches_anew_when_the_zone_is_back(void **state)
{
    struct lost lost;
    struct place place;

    (void)state;
    lost_open(&lost);
    both_join(&lost);
    zone_stop(lost.zone);
    expect_zone_lost(&lost);
    user_ask(&lost.a, 0, GROUP);
    UNTIL(&lost.world.net, lost.zone->dialled >= 3);
    zone_restart(lost.zone);
    place = user_answered(&lost.a, 0);
    assert_true(place.target.id != lost.place.target.id);
    user_say(&lost.a, &lost.place, MESSAGE, "to the old");
    user_say(&lost.a, &place, MESSAGE, "to the new");
    zone_expect_said(lost.zone, &lost.a, GROUP, "to the new");
    assert_int_equal(world_stats(&lost.world).dropped_target, 1);
    /* B has not asked: it is attached to nothing. */
    zone_broadcast(lost.zone, GROUP, "for members");
    zone_settle(lost.zone);
    peer_expect_quiet(lost.b.peer);
    world_close(&lost.world);
}

/* The call that on_detach makes must wait for the next link, not get the one
   that is just lost. */
static void attaches_anew_from_inside_on_detach(void **state)
{
    struct lost lost;

    (void)state;
    lost_open(&lost);
    both_join(&lost);
    lost.world.call_again = true;
    zone_stop(lost.zone);
    UNTIL(&lost.world.net, lost.world.detaches == 2);
    assert_int_equal(lost.world.calls, 2);
    zone_restart(lost.zone);
    expect_zone_lost(&lost);
    lost.world.call_again = false;
    lost.place = user_answered(&lost.a, 0);
    assert_int_equal(peer_next(lost.b.peer).type, JOIN);
    assert_int_equal(peer_next(lost.zone->link).type, JOIN);
    user_say(&lost.a, &lost.place, MESSAGE, "hello");
    zone_expect_said(lost.zone, &lost.a, GROUP, "hello");
    world_close(&lost.world);
}

/* While the first of several groups is lost the others are still known, but
   nothing can be sent to them. */
static void send_to_all(struct world *world, struct domi_session *session)
{
    (void)session;
    for (uint64_t group = GROUP; group < GROUP + 4; group++) {
        const struct domi_target target = {world->detached_from.id, group};

        assert_int_equal(
            domi_session_send_zone(session, &target, MESSAGE, "x", 1),
            DOMI_E_NOT_ATTACHED);
        domi_session_leave(session, &target);
    }
}

static void sends_nothing_to_a_zone_that_is_being_lost(void **state)
{
    struct lost lost;

    (void)state;
    lost_open(&lost);
    for (uint64_t group = GROUP; group < GROUP + 4; group++) {
        user_join(&lost.a, 0, group);
    }
    lost.world.on_detach = send_to_all;
    zone_stop(lost.zone);
    UNTIL(&lost.world.net, lost.world.detaches > 0);
    /* The application has left the others itself. */
    assert_int_equal(lost.world.detaches, 1);
    assert_int_equal(peer_next(lost.a.peer).type, DOMI_TYPE_NOTICE);
    peer_expect_quiet(lost.a.peer);
    world_close(&lost.world);
}

static void kick(struct world *world, struct domi_session *session)
{
    (void)world;
    domi_session_kick(session, DOMI_REASON_ZONE_LOST, NULL);
}

static void kicks_from_inside_on_detach(void **state)
{
    struct lost lost;

    (void)state;
    lost_open(&lost);
    both_join(&lost);
    user_join(&lost.a, 0, GROUP + 1);
    lost.world.on_detach = kick;
    zone_stop(lost.zone);
    UNTIL(&lost.world.net, lost.world.disconnects == 2);
    /* One that disconnects is not told of its second group. */
    assert_int_equal(lost.world.detaches, 2);
    world_close(&lost.world);
}

static void notices_a_silent_zone(void **state)
{
    struct lost lost;
    struct domi_frame frame;

    (void)state;
    memset(&lost, 0, sizeof(lost));
    world_open(&lost.world);
    lost.world.options.silence_ms = 300;
    lost.zone = world_zone(&lost.world, true);
    world_start(&lost.world);
    lost.a = user_connect(&lost.world);
    lost.place = user_join(&lost.a, 0, GROUP);
    /* The zone answers no heartbeat; the user beats on. */
    while (lost.world.detaches == 0) {
        peer_send_frame(lost.a.peer, DOMI__FRAME_HEARTBEAT, NULL, 0, NULL, 0);
        net_turn(&lost.world.net);
    }
    do {
        frame = peer_next(lost.a.peer);
    } while (frame.type == DOMI__FRAME_HEARTBEAT);
    assert_int_equal(frame.type, DOMI_TYPE_NOTICE);
    assert_int_equal(domi_get_u16(frame.data), DOMI_NOTICE_ZONE_LOST);
    assert_int_equal(lost.world.detach_reason, DOMI_REASON_ZONE_LOST);
    assert_int_equal(world_stats(&lost.world).links_closed[DOMI_REASON_SILENT],
                     1);
    world_close(&lost.world);
}

static void fails_a_call_when_the_link_is_not_open_in_time(void **state)
{
    struct lost lost;
    struct domi_frame frame;

    (void)state;
    memset(&lost, 0, sizeof(lost));
    world_open(&lost.world);
    lost.world.options.link_open_ms = 200;
    lost.zone = world_zone(&lost.world, true);
    lost.zone->by_hand = true; /* never answers the magic */
    world_start(&lost.world);
    lost.a = user_connect(&lost.world);
    user_ask(&lost.a, 0, GROUP);
    frame = peer_next(lost.a.peer);
    assert_int_equal(domi_get_u64(frame.data), 0);
    assert_int_equal(lost.world.call_status, DOMI_E_ZONE_LOST);
    assert_int_equal(lost.world.calls, 1);
    peer_expect_quiet(lost.a.peer);
    world_close(&lost.world);
}

static void limits_the_calls_that_wait_for_a_link(void **state)
{
    struct lost lost;

    (void)state;
    memset(&lost, 0, sizeof(lost));
    world_open(&lost.world);
    lost.world.options.targets = 3;
    lost.world.options.link_open_ms = 200;
    lost.zone = world_zone(&lost.world, true);
    lost.zone->by_hand = true; /* never answers the magic */
    world_start(&lost.world);
    lost.a = user_connect(&lost.world);
    lost.b = user_connect(&lost.world);
    for (uint64_t group = GROUP; group < GROUP + 10; group++) {
        user_ask(&lost.a, 0, group);
    }
    UNTIL(&lost.world.net, lost.world.calls_over == 7);
    /* Nobody else is limited by that, and those that fail make room. */
    user_ask(&lost.b, 0, GROUP);
    UNTIL(&lost.world.net, lost.world.calls == 4);
    for (uint64_t group = GROUP; group < GROUP + 3; group++) {
        user_ask(&lost.a, 0, group);
    }
    UNTIL(&lost.world.net, lost.world.calls == 7);
    assert_int_equal(lost.world.calls_over, 7);
    world_close(&lost.world);
}

static void tells_a_call_that_its_session_is_gone(void **state)
{
    struct lost lost;

    (void)state;
    lost_open(&lost);
    lost.zone->down = true;
    user_ask(&lost.a, 0, GROUP);
    user_ask(&lost.a, 0, GROUP + 1);
    user_ask(&lost.b, 0, GROUP);
    UNTIL(&lost.world.net, lost.zone->dialled >= 1);
    peer_close(lost.a.peer);
    UNTIL(&lost.world.net, lost.world.disconnects == 1);
    assert_int_equal(lost.world.calls_gone, 2);
    zone_restart(lost.zone);
    user_answered(&lost.b, 0);
    assert_int_equal(lost.world.calls, 3);
    world_close(&lost.world);
}

static void tells_two_zones_of_one_link_id_apart(void **state)
{
    struct lost lost;
    struct zone *other;
    struct place place;

    (void)state;
    memset(&lost, 0, sizeof(lost));
    world_open(&lost.world);
    lost.zone = world_zone(&lost.world, true);
    other = world_zone(&lost.world, true);
    other->next_id = lost.zone->next_id;
    world_start(&lost.world);
    lost.a = user_connect(&lost.world);
    lost.b = user_connect(&lost.world);
    lost.place = user_join(&lost.a, 0, GROUP);
    user_ask(&lost.b, 1, GROUP);
    /* The first id is refused, the next one is free. */
    place = user_answered(&lost.b, 1);
    assert_int_equal(other->dialled, 2);
    assert_true(place.target.id != lost.place.target.id);
    user_say(&lost.a, &lost.place, MESSAGE, "hello");
    zone_expect_said(lost.zone, &lost.a, GROUP, "hello");
    user_say(&lost.b, &place, MESSAGE, "hello");
    zone_expect_said(other, &lost.b, GROUP, "hello");
    world_close(&lost.world);
}

static void loses_one_zone_and_keeps_the_other(void **state)
{
    struct lost lost;
    struct place other;

    (void)state;
    memset(&lost, 0, sizeof(lost));
    world_open(&lost.world);
    lost.zone = world_zone(&lost.world, true);
    world_zone(&lost.world, false);
    world_start(&lost.world);
    lost.a = user_connect(&lost.world);
    lost.place = user_join(&lost.a, 0, GROUP);
    other = user_join(&lost.a, 1, GROUP);
    zone_stop(lost.zone);
    user_expect_notice(&lost.a, DOMI_NOTICE_ZONE_LOST, DOMI_REASON_ZONE_LOST,
                       &lost.place.target);
    user_say(&lost.a, &other, MESSAGE, "hello");
    zone_expect_said(lost.world.zones[1], &lost.a, GROUP, "hello");
    assert_int_equal(lost.world.detaches, 1);
    world_close(&lost.world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opens_one_link_for_all_who_join_at_once),
        cmocka_unit_test(keeps_the_link_between_the_last_user_and_the_next),
        cmocka_unit_test(tells_users_that_the_zone_is_lost),
        cmocka_unit_test(attaches_anew_when_the_zone_is_back),
        cmocka_unit_test(attaches_anew_from_inside_on_detach),
        cmocka_unit_test(sends_nothing_to_a_zone_that_is_being_lost),
        cmocka_unit_test(kicks_from_inside_on_detach),
        cmocka_unit_test(notices_a_silent_zone),
        cmocka_unit_test(fails_a_call_when_the_link_is_not_open_in_time),
        cmocka_unit_test(limits_the_calls_that_wait_for_a_link),
        cmocka_unit_test(tells_a_call_that_its_session_is_gone),
        cmocka_unit_test(tells_two_zones_of_one_link_id_apart),
        cmocka_unit_test(loses_one_zone_and_keeps_the_other),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
