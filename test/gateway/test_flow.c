/* SPDX-License-Identifier: MIT */
/* The recorded flow byte by byte: join, message, broadcast, departed user. */
#include "world.h"

#include <stdlib.h>
#include <string.h>

#define GROUP 666

/* Frames as the original wrote them, with the ids of a run filled in. */
static size_t hex_with(uint8_t *out, const char *hex, const uint64_t *ids)
{
    size_t size = 0;

    for (const char *at = hex; *at;) {
        if (*at >= 'A' && *at <= 'D') {
            domi_put_u64(out + size, ids[*at - 'A']);
            size += 8;
            at++;
        } else {
            char digits[3] = {at[0], at[1], '\0'};

            out[size++] = (uint8_t)strtoul(digits, NULL, 16);
            at += 2;
        }
    }
    return size;
}

struct flow {
    struct world world;
    struct zone *zone;
    struct user users[3];
    uint64_t ids[4]; /* A, B, C: users; D: the link */
};

static void expect(struct flow *flow, struct peer *peer, const char *hex)
{
    uint8_t bytes[256];
    size_t size = hex_with(bytes, hex, flow->ids);

    peer_expect(peer, bytes, size);
}

static void send_hex(struct flow *flow, struct peer *peer, const char *hex)
{
    uint8_t bytes[256];
    size_t size = hex_with(bytes, hex, flow->ids);

    peer_send(peer, bytes, size);
}

static void ask(struct flow *flow, unsigned user)
{
    user_ask(&flow->users[user], 0, GROUP);
}

/* The link's first bytes, by hand, from a zone that ignores hello. */
static void open_link(struct flow *flow)
{
    UNTIL(&flow->world.net, flow->zone->link);
    expect(flow, flow->zone->link, "fb080000");
    send_hex(flow, flow->zone->link, "D");
    /* hello: version 1, features 9, node id; extend: zero, no group's id */
    flow->ids[2] = (uint64_t)domi_gateway_id(flow->world.gateway);
    expect(flow, flow->zone->link,
           "2800000010000b00"
           "0100000009000000"
           "C"
           "0000000000000000"
           "ffffffffffffffff");
}

static void flow_open(struct flow *flow)
{
    memset(flow, 0, sizeof(*flow));
    world_open(&flow->world);
    flow->zone = world_zone(&flow->world, false);
    flow->zone->by_hand = true;
    world_start(&flow->world);
    flow->ids[3] = UINT64_C(522606084096);
    for (unsigned i = 0; i < 3; i++) {
        flow->users[i] = user_connect(&flow->world);
        flow->ids[i] = flow->users[i].id;
    }
    ask(flow, 0);
    open_link(flow);
    flow->ids[2] = flow->users[2].id;
    expect(flow, flow->users[0].peer,
           "1800000000003200"
           "D9a02000000000000");
    expect(flow, flow->zone->link,
           "2800000010003200"
           "AD"
           "D9a02000000000000");
}

static void join_others(struct flow *flow)
{
    ask(flow, 1);
    expect(flow, flow->users[1].peer,
           "1800000000003200"
           "D9a02000000000000");
    expect(flow, flow->zone->link,
           "2800000010003200"
           "BD"
           "D9a02000000000000");
    ask(flow, 2);
    expect(flow, flow->users[2].peer,
           "1800000000003200"
           "D9a02000000000000");
    expect(flow, flow->zone->link,
           "2800000010003200"
           "CD"
           "D9a02000000000000");
}

static void carries_a_message_to_the_zone_and_back(void **state)
{
    struct flow flow;

    (void)state;
    flow_open(&flow);
    send_hex(&flow, flow.users[0].peer,
             "1f00000012000800"
             "68656c6c6f"
             "D9a020000000000003300");
    expect(&flow, flow.zone->link,
           "1d00000010003300"
           "68656c6c6f"
           "A9a02000000000000");
    send_hex(&flow, flow.zone->link,
             "1f00000012000900"
             "68656c6c6f"
             "A9a020000000000003300");
    expect(&flow, flow.users[0].peer,
           "0d00000000003300"
           "68656c6c6f");
    world_close(&flow.world);
}

static void carries_an_empty_message(void **state)
{
    struct flow flow;

    (void)state;
    flow_open(&flow);
    send_hex(&flow, flow.users[0].peer,
             "1a00000012000800"
             "D9a020000000000003300");
    expect(&flow, flow.zone->link,
           "1800000010003300"
           "A9a02000000000000");
    send_hex(&flow, flow.zone->link,
             "1a00000012000900"
             "A9a020000000000003300");
    expect(&flow, flow.users[0].peer, "0800000000003300");
    world_close(&flow.world);
}

static void delivers_to_three_users_over_one_link(void **state)
{
    struct flow flow;

    (void)state;
    flow_open(&flow);
    join_others(&flow);
    send_hex(&flow, flow.zone->link,
             "2f00000022000900"
             "68656c6c6f"
             "ABC9a020000000000003300");
    for (unsigned i = 0; i < 3; i++) {
        expect(&flow, flow.users[i].peer,
               "0d00000000003300"
               "68656c6c6f");
    }
    assert_int_equal(flow.zone->dialled, 1);
    world_close(&flow.world);
}

static void answers_for_a_departed_user(void **state)
{
    struct flow flow;

    (void)state;
    flow_open(&flow);
    join_others(&flow);
    send_hex(&flow, flow.users[2].peer, "0800000000000200");
    peer_expect_end(flow.users[2].peer);
    /* At once, and again when a broadcast still names the user. */
    expect(&flow, flow.zone->link,
           "2000000010000a00"
           "DC"
           "9a02000000000000");
    send_hex(&flow, flow.zone->link,
             "2f00000022000900"
             "68656c6c6f"
             "ABC9a020000000000003300");
    expect(&flow, flow.zone->link,
           "2000000010000a00"
           "DC"
           "9a02000000000000");
    expect(&flow, flow.users[0].peer,
           "0d00000000003300"
           "68656c6c6f");
    expect(&flow, flow.users[1].peer,
           "0d00000000003300"
           "68656c6c6f");
    world_close(&flow.world);
}

static void answers_a_ping_with_a_pong(void **state)
{
    struct flow flow;

    (void)state;
    flow_open(&flow);
    send_hex(&flow, flow.users[1].peer,
             "0c00000000000300"
             "70696e67");
    expect(&flow, flow.users[1].peer,
           "0c00000000000400"
           "706f6e67");
    send_hex(&flow, flow.users[1].peer, "0800000000000100");
    expect(&flow, flow.users[1].peer, "0800000000000100");
    world_close(&flow.world);
}

static void says_exit_on_the_link_when_it_closes(void **state)
{
    struct flow flow;

    (void)state;
    flow_open(&flow);
    world_stop(&flow.world);
    user_expect_notice(&flow.users[0], DOMI_NOTICE_CLOSING,
                       DOMI_REASON_STOPPING, NULL);
    peer_expect_end(flow.users[0].peer);
    expect(&flow, flow.zone->link,
           "2000000010000a00"
           "DA"
           "9a02000000000000");
    expect(&flow, flow.zone->link, "0800000000000200");
    peer_expect_end(flow.zone->link);
    world_close(&flow.world);
}

static void tells_that_there_is_no_zone(void **state)
{
    struct flow flow;
    uint8_t data[16];

    (void)state;
    flow_open(&flow);
    put_ids(data, 2, (uint64_t)GROUP, (uint64_t)3);
    peer_send_frame(flow.users[0].peer, JOIN, data, sizeof(data), NULL, 0);
    expect(&flow, flow.users[0].peer,
           "1800000000003200"
           "0000000000000000"
           "0000000000000000");
    assert_int_equal(flow.world.call_status, DOMI_E_NO_ZONE);
    world_close(&flow.world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(carries_a_message_to_the_zone_and_back),
        cmocka_unit_test(carries_an_empty_message),
        cmocka_unit_test(delivers_to_three_users_over_one_link),
        cmocka_unit_test(answers_for_a_departed_user),
        cmocka_unit_test(answers_a_ping_with_a_pong),
        cmocka_unit_test(says_exit_on_the_link_when_it_closes),
        cmocka_unit_test(tells_that_there_is_no_zone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
