/* SPDX-License-Identifier: MIT */
/* What one user may do in a second: first it is read no faster, then closed. */
#include "world.h"

#include <string.h>

#define GROUP 666

static void rates_open(struct world *world)
{
    world_open(world);
    world_zone(world, true);
}

static uint64_t now_ms(void)
{
    return domi__clock_ns() / 1000000;
}

static void ping(struct user *user)
{
    peer_send_frame(user->peer, DOMI__FRAME_PING, NULL, 0, NULL, 0);
}

static void expect_pongs(struct user *user, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        peer_expect_frame(user->peer, DOMI__FRAME_PONG, "pong", 4, NULL, 0);
    }
}

static void without_rates_nobody_is_stopped(void **state)
{
    struct world world;
    struct user user;

    (void)state;
    rates_open(&world);
    world_start(&world);
    user = user_connect(&world);
    for (int i = 0; i < 5000; i++) {
        ping(&user);
    }
    expect_pongs(&user, 5000);
    assert_int_equal(world_stats(&world).rate_pauses, 0);
    world_close(&world);
}

static void reads_no_faster_than_the_frame_rate(void **state)
{
    enum { RATE = 1000, FRAMES = 3000 };
    struct world world;
    struct user user, other;
    uint64_t begin;

    (void)state;
    rates_open(&world);
    world.options.frame_rate = RATE;
    world_start(&world);
    user = user_connect(&world);
    other = user_connect(&world);
    begin = now_ms();
    for (int i = 0; i < FRAMES; i++) {
        ping(&user);
    }
    UNTIL(&world.net, world_stats(&world).rate_pauses > 0);
    /* Others are read meanwhile. */
    ping(&other);
    expect_pongs(&other, 1);
    assert_true(world_stats(&world).frames_in < FRAMES);
    expect_pongs(&user, FRAMES);
    /* The bucket holds what two seconds bring; the rest comes in one. */
    assert_true(now_ms() - begin >= 900);
    assert_int_equal(world_stats(&world).closed[DOMI_REASON_RATE], 0);
    world_close(&world);
}

static void who_goes_on_is_closed(void **state)
{
    struct world world;
    struct user user, other;
    uint64_t begin;

    (void)state;
    rates_open(&world);
    world.options.frame_rate = 100;
    world.options.excess_ms = 400;
    world_start(&world);
    user = user_connect(&world);
    other = user_connect(&world);
    for (int i = 0; i < 2000; i++) {
        ping(&user);
    }
    UNTIL(&world.net, world_stats(&world).rate_pauses > 0);
    begin = now_ms();
    UNTIL(&world.net, world.disconnects > 0);
    assert_true(now_ms() - begin >= 350);
    assert_int_equal(world.disconnect_reason, DOMI_REASON_RATE);
    assert_int_equal(world_stats(&world).closed[DOMI_REASON_RATE], 1);
    /* It was told so, behind its answers. */
    for (;;) {
        struct domi_frame frame = peer_next(user.peer);

        if (frame.type == DOMI_TYPE_NOTICE) {
            assert_int_equal(domi_get_u16(frame.data + 2), DOMI_REASON_RATE);
            break;
        }
    }
    peer_expect_quiet(other.peer);
    world_close(&world);
}

static void who_was_calm_in_between_begins_anew(void **state)
{
    struct world world;
    struct user user;

    (void)state;
    rates_open(&world);
    world.options.frame_rate = 100;
    world.options.excess_ms = 2000;
    world_start(&world);
    user = user_connect(&world);
    for (int round = 0; round < 3; round++) {
        uint64_t begin;

        for (int i = 0; i < 230; i++) {
            ping(&user);
        }
        expect_pongs(&user, 230);
        begin = now_ms();
        UNTIL(&world.net, now_ms() - begin > 1200);
    }
    assert_true(world_stats(&world).rate_pauses >= 3);
    peer_expect_quiet(user.peer);
    world_close(&world);
}

static void a_frame_costs_as_many_as_hear_it(void **state)
{
    enum { AUDIENCE = 30 };
    struct world world;
    struct user users[AUDIENCE];
    struct user alone;
    struct place place = {{0, 0}, {0}};
    struct place own;
    uint64_t begin;

    (void)state;
    rates_open(&world);
    world.options.delivery_rate = 10;
    world_start(&world);
    for (int i = 0; i < AUDIENCE; i++) {
        users[i] = user_connect(&world);
        place = user_join(&users[i], 0, GROUP);
    }
    alone = user_connect(&world);
    own = user_join(&alone, 0, GROUP + 1);
    /* One byte to a group of thirty owes the tokens of one second... */
    user_say(&users[0], &place, MESSAGE, "x");
    user_say(&users[0], &place, MESSAGE, "y");
    zone_expect_said(world.zones[0], &users[0], GROUP, "x");
    UNTIL(&world.net, world_stats(&world).rate_pauses == 1);
    begin = now_ms();
    /* ... while ten to a group of one owe nothing. */
    for (int i = 0; i < 10; i++) {
        user_say(&alone, &own, MESSAGE, "z");
        zone_expect_said(world.zones[0], &alone, GROUP + 1, "z");
    }
    assert_int_equal(world_stats(&world).rate_pauses, 1);
    zone_expect_said(world.zones[0], &users[0], GROUP, "y");
    assert_true(now_ms() - begin >= 800);
    world_close(&world);
}

static void heartbeats_are_frames(void **state)
{
    struct world world;
    struct user user;

    (void)state;
    rates_open(&world);
    world.options.frame_rate = 100;
    world_start(&world);
    user = user_connect(&world);
    for (int i = 0; i < 250; i++) {
        peer_send_frame(user.peer, DOMI__FRAME_HEARTBEAT, NULL, 0, NULL, 0);
    }
    UNTIL(&world.net, world_stats(&world).rate_pauses > 0);
    for (int i = 0; i < 250; i++) {
        peer_expect_frame(user.peer, DOMI__FRAME_HEARTBEAT, NULL, 0, NULL, 0);
    }
    world_close(&world);
}

static void bytes_count_whatever_they_carry(void **state)
{
    static const uint8_t data[1024];
    struct world world;
    struct user user;
    struct place place;
    uint8_t extend[18];

    (void)state;
    rates_open(&world);
    world.options.frame_limit = 2048;
    world.options.byte_rate = 4096;
    world_start(&world);
    user = user_connect(&world);
    place = user_join(&user, 0, GROUP);
    memcpy(extend, place.extend, 16);
    domi_put_u16(extend + 16, MESSAGE);
    for (int i = 0; i < 10; i++) {
        peer_send_frame(user.peer, DOMI__FRAME_TO_ZONE, data, sizeof(data),
                        extend, 18);
    }
    UNTIL(&world.net, world_stats(&world).rate_pauses > 0);
    /* The join counted as well, so that no eighth went through at once. */
    assert_in_range(world_stats(&world).frames_in, 8, 9);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(peer_next(world.zones[0]->link).data_size,
                         sizeof(data));
    }
    world_close(&world);
}

static void joins_count(void **state)
{
    struct world world;
    struct user user;
    uint64_t begin;

    (void)state;
    rates_open(&world);
    world.options.join_rate = 10;
    world_start(&world);
    user = user_connect(&world);
    begin = now_ms();
    for (uint64_t group = 0; group < 30; group++) {
        user_ask(&user, 0, group);
    }
    for (int i = 0; i < 30; i++) {
        user_answered(&user, 0);
    }
    assert_true(now_ms() - begin >= 800);
    assert_true(world_stats(&world).rate_pauses > 0);
    world_close(&world);
}

/* A user whose next second is owed already. */
static struct place stop(struct world *world, struct user *user)
{
    struct place place;

    rates_open(world);
    world->options.frame_rate = 100;
    world_start(world);
    *user = user_connect(world);
    place = user_join(user, 0, GROUP);
    zone_send_members(world->zones[0], DOMI__FRAME_JOINED, GROUP, user->id, -1);
    for (int i = 0; i < 400; i++) {
        ping(user);
    }
    UNTIL(&world->net, world_stats(world).rate_pauses > 0);
    return place;
}

static void who_is_stopped_still_hears(void **state)
{
    struct world world;
    struct user user;

    (void)state;
    stop(&world, &user);
    zone_broadcast(world.zones[0], GROUP, "news");
    while (peer_next(user.peer).type != MESSAGE) {
        assert_true(world_stats(&world).frames_in < 400);
    }
    world_close(&world);
}

static void may_be_closed_while_stopped(void **state)
{
    struct world world;
    struct user user;

    (void)state;
    stop(&world, &user);
    domi_session_kick(session_of(&user), DOMI_REASON_KICKED, NULL);
    UNTIL(&world.net, world.disconnects == 1);
    world_close(&world);
    stop(&world, &user);
    world_close(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_rates_nobody_is_stopped),
        cmocka_unit_test(reads_no_faster_than_the_frame_rate),
        cmocka_unit_test(who_goes_on_is_closed),
        cmocka_unit_test(who_was_calm_in_between_begins_anew),
        cmocka_unit_test(a_frame_costs_as_many_as_hear_it),
        cmocka_unit_test(heartbeats_are_frames),
        cmocka_unit_test(bytes_count_whatever_they_carry),
        cmocka_unit_test(joins_count),
        cmocka_unit_test(who_is_stopped_still_hears),
        cmocka_unit_test(may_be_closed_while_stopped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
