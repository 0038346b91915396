/* SPDX-License-Identifier: MIT */
/* What users may not do: each abuse closes its session, counted and told, and
   harms nobody else. */
#include "world.h"

#include <stdio.h>
#include <string.h>

#define GROUP 666

/* A is hostile, B and C are not; all are in the zone's group, C is in none. */
struct trust {
    struct world world;
    struct zone *zone;
    struct user a, b, c;
    struct place place;
};

static void trust_open(struct trust *trust)
{
    memset(trust, 0, sizeof(*trust));
    world_open(&trust->world);
    trust->zone = world_zone(&trust->world, true);
    world_start(&trust->world);
    trust->a = user_connect(&trust->world);
    trust->b = user_connect(&trust->world);
    trust->c = user_connect(&trust->world);
    trust->place = user_join(&trust->a, 0, GROUP);
    user_join(&trust->b, 0, GROUP);
}

/* A is refused; the zone hears that it is gone, and nothing else before; the
   others have got nothing and go on. */
static void expect_refused(struct trust *trust, enum domi_reason reason)
{
    uint8_t user[8], why[2];

    user_expect_closed(&trust->a, reason);
    domi_put_u64(user, trust->a.id);
    domi_put_u16(why, DOMI_REASON_DISCONNECTED);
    peer_expect_frame(trust->zone->link, DOMI__FRAME_USERS_GONE, user, 8, why,
                      2);
    peer_expect_quiet(trust->b.peer);
    peer_expect_quiet(trust->c.peer);
    user_say(&trust->b, &trust->place, MESSAGE, "still here");
    zone_expect_said(trust->zone, &trust->b, GROUP, "still here");
    assert_int_equal(world_stats(&trust->world).sessions, 2);
    assert_int_equal(trust->world.disconnects, 1);
    world_close(&trust->world);
}

static void refuses_types_that_users_may_not_send(void **state)
{
    (void)state;
    for (unsigned type = 0; type < DOMI_TYPE_FIRST; type++) {
        struct trust trust;
        uint8_t extend[18];

        if ((type >= 1 && type <= 3) || type == 8) {
            continue;
        }
        trust_open(&trust);
        put_ids(extend, 2, trust.b.id, (uint64_t)GROUP);
        domi_put_u16(extend + 16, MESSAGE);
        peer_send_frame(trust.a.peer, (uint16_t)type, "forged", 6, extend, 18);
        expect_refused(&trust, DOMI_REASON_FORBIDDEN_TYPE);
    }
}

/* Frames that would be whole if zones or gateways had sent them. */
static void refuses_what_only_zones_may_send(void **state)
{
    static const struct {
        uint16_t type;
        uint16_t data, extend;
    } frames[] = {
        {9, 4, 10},  {9, 4, 18},  {10, 8, 16}, {11, 16, 16}, {12, 16, 0},
        {13, 8, 8},  {14, 8, 10}, {15, 4, 10}, {16, 4, 18},  {17, 8, 2},
        {18, 0, 10}, {40, 24, 0}, {4, 4, 0},   {0, 0, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(frames) / sizeof(*frames); i++) {
        struct trust trust;
        uint8_t ids[32];

        trust_open(&trust);
        put_ids(ids, 4, trust.b.id, (uint64_t)GROUP, trust.b.id,
                (uint64_t)GROUP);
        peer_send_frame(trust.a.peer, frames[i].type, ids, frames[i].data, ids,
                        frames[i].extend);
        expect_refused(&trust, DOMI_REASON_FORBIDDEN_TYPE);
    }
}

static void refuses_another_user_as_target(void **state)
{
    struct trust trust;

    (void)state;
    trust_open(&trust);
    put_ids(trust.place.extend, 2, trust.b.id, (uint64_t)GROUP);
    user_say(&trust.a, &trust.place, MESSAGE, "direct");
    put_ids(trust.place.extend, 2, trust.place.target.id, (uint64_t)GROUP);
    expect_refused(&trust, DOMI_REASON_NOT_ATTACHED);
}

static void refuses_an_unknown_target(void **state)
{
    struct trust trust;
    uint64_t target;

    (void)state;
    trust_open(&trust);
    target = trust.place.target.id;
    put_ids(trust.place.extend, 2, target + 1, (uint64_t)GROUP);
    user_say(&trust.a, &trust.place, MESSAGE, "x");
    put_ids(trust.place.extend, 2, target, (uint64_t)GROUP);
    expect_refused(&trust, DOMI_REASON_NOT_ATTACHED);
}

static void refuses_a_group_that_the_user_is_not_in(void **state)
{
    struct trust trust;

    (void)state;
    trust_open(&trust);
    put_ids(trust.place.extend, 2, trust.place.target.id, (uint64_t)GROUP + 1);
    user_say(&trust.a, &trust.place, MESSAGE, "x");
    put_ids(trust.place.extend, 2, trust.place.target.id, (uint64_t)GROUP);
    expect_refused(&trust, DOMI_REASON_NOT_ATTACHED);
}

static void refuses_a_user_that_never_joined(void **state)
{
    struct trust trust;

    (void)state;
    trust_open(&trust);
    user_say(&trust.c, &trust.place, MESSAGE, "x");
    user_expect_closed(&trust.c, DOMI_REASON_NOT_ATTACHED);
    zone_settle(trust.zone);
    peer_expect_quiet(trust.a.peer);
    world_close(&trust.world);
}

static void refuses_inner_types_below_50(void **state)
{
    static const uint16_t inner[] = {0, 1, 2, 3, 8, 9, 10, 13, 15, 17, 40, 49};

    (void)state;
    for (size_t i = 0; i < sizeof(inner) / sizeof(*inner); i++) {
        struct trust trust;

        trust_open(&trust);
        user_say(&trust.a, &trust.place, inner[i], "12345678");
        expect_refused(&trust, DOMI_REASON_FORBIDDEN_INNER_TYPE);
    }
}

static void refuses_inner_types_that_the_gateway_handles(void **state)
{
    struct trust trust;

    (void)state;
    trust_open(&trust);
    user_say(&trust.a, &trust.place, JOIN, "0123456789abcdef");
    expect_refused(&trust, DOMI_REASON_FORBIDDEN_INNER_TYPE);
}

static void refuses_extends_of_another_size(void **state)
{
    static const uint16_t sizes[] = {0, 16, 17, 19, 26, 34};

    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
        struct trust trust;
        uint8_t extend[34];

        trust_open(&trust);
        put_ids(extend, 4, trust.place.target.id, (uint64_t)GROUP,
                trust.place.target.id, (uint64_t)GROUP);
        domi_put_u16(extend + 16, MESSAGE);
        domi_put_u16(extend + 32, MESSAGE);
        peer_send_frame(trust.a.peer, DOMI__FRAME_TO_ZONE, "abc", 3, extend,
                        sizes[i]);
        expect_refused(&trust, DOMI_REASON_BAD_BODY);
    }
}

/* The recorded attacks, sent to a gateway, with why they are refused. */
static void refuses_the_recorded_attacks(void **state)
{
    static const struct {
        const char *hex;
        enum domi_reason reason;
    } attacks[] = {
        {"1a0000001200090015cd5b07000000009a020000000000003300",
         DOMI_REASON_FORBIDDEN_TYPE},
        {"0b00000000000900616263", DOMI_REASON_FORBIDDEN_TYPE},
        {"2000000010000a009a020000000000009a020000000000009a02000000000000",
         DOMI_REASON_FORBIDDEN_TYPE},
        {"0800000000000500", DOMI_REASON_FORBIDDEN_TYPE},
        {"0800000000000000", DOMI_REASON_FORBIDDEN_TYPE},
        {"0800000000004d00", DOMI_REASON_UNKNOWN_TYPE},
        {"1c000000110008006162633131313131313131313131313131313131",
         DOMI_REASON_BAD_BODY},
        {"0800000000000800", DOMI_REASON_BAD_BODY},
        {"0800000012000800", DOMI_REASON_FRAME_EXTEND},
        {"0000000000000000", DOMI_REASON_FRAME_LENGTH},
        {"0000000000000100", DOMI_REASON_FRAME_LENGTH},
        {"0000000000003300", DOMI_REASON_FRAME_LENGTH},
        {"0700000000003300", DOMI_REASON_FRAME_LENGTH},
        {"ffffffff00003300616263", DOMI_REASON_FRAME_LENGTH},
        {"0100010000003300", DOMI_REASON_FRAME_LENGTH},
        {"090000000000010078", DOMI_REASON_BAD_BODY},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(attacks) / sizeof(*attacks); i++) {
        struct trust trust;

        trust_open(&trust);
        peer_send_hex(trust.a.peer, attacks[i].hex);
        expect_refused(&trust, attacks[i].reason);
    }
}

static void handles_nothing_behind_the_first_offence(void **state)
{
    struct trust trust;

    (void)state;
    trust_open(&trust);
    /* In one write, so that all of it is there when the first is refused. */
    trust.a.peer->deaf = true;
    peer_send_hex(trust.a.peer, "0800000000000500");
    user_say(&trust.a, &trust.place, MESSAGE, "too late");
    peer_send_hex(trust.a.peer, "0800000000000500");
    trust.a.peer->deaf = false;
    expect_refused(&trust, DOMI_REASON_FORBIDDEN_TYPE);
}

static void takes_the_types_that_users_may_send(void **state)
{
    struct trust trust;

    (void)state;
    trust_open(&trust);
    peer_send_frame(trust.a.peer, DOMI__FRAME_HEARTBEAT, NULL, 0, NULL, 0);
    peer_expect_frame(trust.a.peer, DOMI__FRAME_HEARTBEAT, NULL, 0, NULL, 0);
    peer_send_frame(trust.a.peer, DOMI__FRAME_PING, NULL, 0, NULL, 0);
    peer_expect_frame(trust.a.peer, DOMI__FRAME_PONG, "pong", 4, NULL, 0);
    user_say(&trust.a, &trust.place, MESSAGE, "hello");
    zone_expect_said(trust.zone, &trust.a, GROUP, "hello");
    peer_send_frame(trust.a.peer, DOMI__FRAME_EXIT, NULL, 0, NULL, 0);
    peer_expect_end(trust.a.peer);
    UNTIL(&trust.world.net, trust.world.disconnects == 1);
    assert_int_equal(trust.world.disconnect_reason, DOMI_REASON_EXIT);
    assert_int_equal(world_stats(&trust.world).closed[DOMI_REASON_EXIT], 1);
    world_close(&trust.world);
}

/* A type is the group's again once the gateway has no handler for it. */
static void gives_a_type_back_with_its_handler(void **state)
{
    struct trust trust;

    (void)state;
    trust_open(&trust);
    assert_int_equal(
        domi_gateway_handle(trust.world.gateway, LEAVE, NULL, NULL), 0);
    user_say(&trust.a, &trust.place, LEAVE, "inner");
    assert_int_equal(peer_next(trust.zone->link).type, LEAVE);
    peer_send_frame(trust.a.peer, LEAVE, NULL, 0, NULL, 0);
    expect_refused(&trust, DOMI_REASON_UNKNOWN_TYPE);
}

static void on_nothing(struct domi_gateway *gateway,
                       struct domi_session *session,
                       const struct domi_frame *frame, void *user)
{
    (void)gateway;
    (void)session;
    (void)frame;
    (void)user;
}

static void gives_a_type_one_handler(void **state)
{
    struct trust trust;
    struct domi_gateway *gateway;

    (void)state;
    trust_open(&trust);
    gateway = trust.world.gateway;
    assert_int_equal(domi_gateway_handle(gateway, 49, on_nothing, NULL),
                     DOMI_E_TYPE_RESERVED);
    assert_int_equal(domi_gateway_handle(gateway, JOIN, on_nothing, NULL),
                     DOMI_E_TYPE_TAKEN);
    assert_int_equal(domi_gateway_handle(gateway, 99, NULL, NULL), 0);
    for (uint16_t type = 200; type >= 100; type--) {
        assert_int_equal(domi_gateway_handle(gateway, type, on_nothing, NULL),
                         0);
    }
    for (uint16_t type = 100; type <= 200; type++) {
        assert_int_equal(domi_gateway_handle(gateway, type, on_nothing, NULL),
                         DOMI_E_TYPE_TAKEN);
    }
    world_close(&trust.world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_types_that_users_may_not_send),
        cmocka_unit_test(refuses_what_only_zones_may_send),
        cmocka_unit_test(refuses_another_user_as_target),
        cmocka_unit_test(refuses_an_unknown_target),
        cmocka_unit_test(refuses_a_group_that_the_user_is_not_in),
        cmocka_unit_test(refuses_a_user_that_never_joined),
        cmocka_unit_test(refuses_inner_types_below_50),
        cmocka_unit_test(refuses_inner_types_that_the_gateway_handles),
        cmocka_unit_test(refuses_extends_of_another_size),
        cmocka_unit_test(refuses_the_recorded_attacks),
        cmocka_unit_test(handles_nothing_behind_the_first_offence),
        cmocka_unit_test(takes_the_types_that_users_may_send),
        cmocka_unit_test(gives_a_type_back_with_its_handler),
        cmocka_unit_test(gives_a_type_one_handler),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
