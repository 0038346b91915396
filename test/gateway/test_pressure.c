/* SPDX-License-Identifier: MIT */
/* Zones that do not read: users that send to them wait, and nothing is lost. */
#include "world.h"

#include <string.h>

#define GROUP 666

enum {
    FRAME = 16 * 1024,
    LINK_LIMIT = 512 * 1024,
    /* More than the kernel and the gateway hold for one connection. */
    FRAMES = 2000,
};

struct pressure {
    struct world world;
    struct zone *slow, *good;
    struct user a, b;
    struct place place; /* in the slow zone */
};

static void pressure_open(struct pressure *pressure)
{
    memset(pressure, 0, sizeof(*pressure));
    world_open(&pressure->world);
    pressure->world.options.frame_limit = 32 * 1024;
    pressure->world.options.link_frame_limit = 64 * 1024;
    pressure->world.options.link_send_limit = LINK_LIMIT;
    pressure->slow = world_zone(&pressure->world, true);
    pressure->good = world_zone(&pressure->world, true);
    world_start(&pressure->world);
    pressure->a = user_connect(&pressure->world);
    pressure->b = user_connect(&pressure->world);
    pressure->place = user_join(&pressure->a, 0, GROUP);
    user_join(&pressure->b, 0, GROUP);
}

static void say_number(struct user *user, const struct place *place,
                       uint32_t number)
{
    static uint8_t data[FRAME];
    uint8_t extend[18];

    memcpy(extend, place->extend, 16);
    domi_put_u16(extend + 16, MESSAGE);
    domi_put_u32(data, number);
    peer_send_frame(user->peer, DOMI__FRAME_TO_ZONE, data, FRAME, extend, 18);
}

/* Sends until the gateway takes no more of A's frames. */
static void hold(struct pressure *pressure)
{
    struct world *world = &pressure->world;
    uint64_t before;
    int quiet = 0;

    pressure->slow->link->deaf = true;
    for (uint32_t i = 0; i < FRAMES; i++) {
        say_number(&pressure->a, &pressure->place, i);
    }
    before = world_stats(world).frames_in;
    while (quiet < 100) {
        uint64_t now;

        net_turn(&world->net);
        now = world_stats(world).frames_in;
        quiet = now == before ? quiet + 1 : 0;
        before = now;
    }
    assert_true(before < FRAMES);
    assert_true(pressure->a.peer->out.size > 0);
}

static void expect_numbers(struct pressure *pressure, uint32_t from,
                           uint32_t end)
{
    for (uint32_t i = from; i < end; i++) {
        struct domi_frame frame = peer_next(pressure->slow->link);

        assert_int_equal(frame.type, MESSAGE);
        assert_int_equal(frame.data_size, FRAME);
        assert_int_equal(domi_get_u64(frame.extend), pressure->a.id);
        assert_int_equal(domi_get_u32(frame.data), i);
    }
}

static void loses_nothing_when_the_zone_reads_again(void **state)
{
    struct pressure pressure;

    (void)state;
    pressure_open(&pressure);
    hold(&pressure);
    pressure.slow->link->deaf = false;
    expect_numbers(&pressure, 0, FRAMES);
    peer_expect_quiet(pressure.a.peer);
    assert_int_equal(world_stats(&pressure.world).dropped_target, 0);
    world_close(&pressure.world);
}

static void lets_other_users_and_zones_go_on(void **state)
{
    struct pressure pressure;
    struct place place;

    (void)state;
    pressure_open(&pressure);
    hold(&pressure);
    place = user_join(&pressure.b, 1, GROUP);
    for (int i = 0; i < 100; i++) {
        user_say(&pressure.b, &place, MESSAGE, "hello");
        zone_expect_said(pressure.good, &pressure.b, GROUP, "hello");
        peer_expect_quiet(pressure.b.peer);
    }
    /* The slow zone reaches its users all the while. */
    zone_send_to(pressure.slow, GROUP, "news", 2, pressure.a.id, pressure.b.id);
    user_expect_text(&pressure.a, "news");
    user_expect_text(&pressure.b, "news");
    pressure.slow->link->deaf = false;
    expect_numbers(&pressure, 0, FRAMES);
    world_close(&pressure.world);
}

static void holds_each_user_that_sends_there(void **state)
{
    struct pressure pressure;
    struct domi_frame frame;
    uint32_t from_a = 0, from_b = 0;

    (void)state;
    pressure_open(&pressure);
    hold(&pressure);
    for (uint32_t i = 0; i < 50; i++) {
        say_number(&pressure.b, &pressure.place, i);
    }
    for (int i = 0; i < 50; i++) {
        net_turn(&pressure.world.net);
    }
    pressure.slow->link->deaf = false;
    while (from_a < FRAMES || from_b < 50) {
        bool is_a;

        frame = peer_next(pressure.slow->link);
        is_a = domi_get_u64(frame.extend) == pressure.a.id;
        assert_int_equal(domi_get_u32(frame.data), is_a ? from_a : from_b);
        from_a += is_a;
        from_b += !is_a;
    }
    world_close(&pressure.world);
}

static void delivers_what_a_held_user_sent_before_it_left(void **state)
{
    struct pressure pressure;
    struct domi_frame frame;
    uint32_t number = 0;

    (void)state;
    pressure_open(&pressure);
    hold(&pressure);
    peer_close(pressure.a.peer);
    pressure.slow->link->deaf = false;
    for (;;) {
        frame = peer_next(pressure.slow->link);
        if (frame.type == DOMI__FRAME_USERS_GONE) {
            break;
        }
        assert_int_equal(domi_get_u32(frame.data), number++);
    }
    assert_true(number > 0);
    UNTIL(&pressure.world.net, pressure.world.disconnects == 1);
    world_close(&pressure.world);
}

static void lets_held_users_go_when_the_zone_is_lost(void **state)
{
    struct pressure pressure;
    struct place place;

    (void)state;
    pressure_open(&pressure);
    hold(&pressure);
    zone_stop(pressure.slow);
    user_expect_notice(&pressure.a, DOMI_NOTICE_ZONE_LOST,
                       DOMI_REASON_ZONE_LOST, &pressure.place.target);
    peer_expect_quiet(pressure.a.peer);
    assert_true(world_stats(&pressure.world).dropped_target > 0);
    place = user_join(&pressure.a, 1, GROUP);
    user_say(&pressure.a, &place, MESSAGE, "hello");
    zone_expect_said(pressure.good, &pressure.a, GROUP, "hello");
    world_close(&pressure.world);
}

static void closes_while_users_are_held(void **state)
{
    struct pressure pressure;

    (void)state;
    pressure_open(&pressure);
    hold(&pressure);
    world_close(&pressure.world);
}

static void kicks_a_user_that_is_held(void **state)
{
    struct pressure pressure;

    (void)state;
    pressure_open(&pressure);
    hold(&pressure);
    domi_session_kick(session_of(&pressure.a), DOMI_REASON_KICKED, NULL);
    UNTIL(&pressure.world.net, pressure.world.disconnects == 1);
    pressure.slow->link->deaf = false;
    while (peer_next(pressure.slow->link).type != DOMI__FRAME_USERS_GONE) {
    }
    peer_expect_quiet(pressure.b.peer);
    world_close(&pressure.world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loses_nothing_when_the_zone_reads_again),
        cmocka_unit_test(lets_other_users_and_zones_go_on),
        cmocka_unit_test(holds_each_user_that_sends_there),
        cmocka_unit_test(delivers_what_a_held_user_sent_before_it_left),
        cmocka_unit_test(lets_held_users_go_when_the_zone_is_lost),
        cmocka_unit_test(closes_while_users_are_held),
        cmocka_unit_test(kicks_a_user_that_is_held),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
