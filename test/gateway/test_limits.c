/* SPDX-License-Identifier: MIT */
/* What strangers may use: by address, in time, and of memory. */
#include "world.h"

#include <string.h>
#include <sys/socket.h>

#define GROUP 666

static uint64_t now_ms(void)
{
    return domi__clock_ns() / 1000000;
}

/* ---- addresses ----------------------------------------------------------- */

static void limits_the_sessions_of_an_address(void **state)
{
    struct world world;
    struct user users[3];
    struct user other;

    (void)state;
    world_open(&world);
    world.options.sessions_per_address = 2;
    world.options.limit_loopback = 1;
    world_start(&world);
    users[0] = user_connect_from(&world, "127.0.0.2");
    users[1] = user_connect_from(&world, "127.0.0.2");
    users[2] = user_connect_from(&world, "127.0.0.2");
    user_expect_refused(&users[2], DOMI_REASON_ADDRESS_SESSIONS);
    other = user_connect_from(&world, "127.0.0.3");
    peer_expect_quiet(other.peer);
    /* Who goes makes room. */
    peer_close(users[0].peer);
    UNTIL(&world.net, world.disconnects == 1);
    users[2] = user_connect_from(&world, "127.0.0.2");
    peer_expect_quiet(users[2].peer);
    peer_expect_quiet(users[1].peer);
    world_close(&world);
}

static void limits_the_handshakes_of_an_address(void **state)
{
    struct world world;
    struct peer *silent[3];
    struct user user;
    int port;

    (void)state;
    world_open(&world);
    world.options.handshakes_per_address = 3;
    world.options.limit_loopback = 1;
    world_start(&world);
    port = domi_gateway_tcp_port(world.gateway);
    for (int i = 0; i < 3; i++) {
        silent[i] = peer_connect_from(&world.net, "127.0.0.2", port);
        peer_send_hex(silent[i], "fb08");
    }
    peer_expect_end(peer_connect_from(&world.net, "127.0.0.2", port));
    assert_int_equal(
        world_stats(&world).closed[DOMI_REASON_ADDRESS_HANDSHAKES], 1);
    user = user_connect_from(&world, "127.0.0.3");
    peer_expect_quiet(user.peer);
    /* Who becomes a session does not count any more. */
    peer_send_hex(silent[0], "0000");
    UNTIL(&world.net, silent[0]->in.size == 8);
    user = user_connect_from(&world, "127.0.0.2");
    peer_expect_quiet(user.peer);
    world_close(&world);
}

static void half_a_request_is_half_a_handshake(void **state)
{
    const char *request = "GET /0/health HTTP/1.1\r\nHost: x\r\n";
    struct world world;
    struct peer *slow[2];
    struct peer *third;
    int port;

    (void)state;
    world_open(&world);
    world.options.handshakes_per_address = 2;
    world.options.limit_loopback = 1;
    world.options.http_port = DOMI_PORT_ANY;
    world_start(&world);
    port = domi_gateway_http_port(world.gateway);
    for (int i = 0; i < 2; i++) {
        slow[i] = peer_connect_from(&world.net, "127.0.0.2", port);
        peer_send(slow[i], request, strlen(request));
    }
    peer_expect_end(peer_connect_from(&world.net, "127.0.0.2", port));
    peer_send(slow[0], "\r\n", 2);
    UNTIL(&world.net, slow[0]->in.size > 0);
    third = peer_connect_from(&world.net, "127.0.0.2", port);
    peer_send(third, request, strlen(request));
    peer_send(third, "\r\n", 2);
    UNTIL(&world.net, third->in.size > 0);
    world_close(&world);
}

static void loopback_does_not_count_unless_asked(void **state)
{
    struct world world;
    struct user user;

    (void)state;
    world_open(&world);
    world.options.handshakes_per_address = 1;
    world.options.sessions_per_address = 1;
    world_start(&world);
    for (int i = 0; i < 20; i++) {
        user = user_connect(&world);
        peer_connect(&world.net, domi_gateway_tcp_port(world.gateway));
    }
    peer_expect_quiet(user.peer);
    assert_int_equal(world_stats(&world).sessions, 20);
    world_close(&world);
}

/* ---- all in all ---------------------------------------------------------- */

/* More than the limit and those who are told so. */
static void accepts_on_when_all_places_are_taken(void **state)
{
    enum { MORE = 300 };
    struct world world;
    struct user user, first;
    uint64_t begin;

    (void)state;
    world_open(&world);
    world.options.sessions = 1;
    world_start(&world);
    first = user_connect(&world);
    for (int i = 0; i < MORE; i++) {
        peer_connect(&world.net, domi_gateway_tcp_port(world.gateway));
    }
    /* 256 wait for their magic; the others are closed at once. */
    UNTIL(&world.net, world_stats(&world).closed[DOMI_REASON_TOO_MANY] ==
                          MORE - 256);
    begin = now_ms();
    peer_expect_quiet(first.peer);
    assert_true(now_ms() - begin < 2000);
    for (struct peer *peer = world.net.peers; peer; peer = peer->next) {
        if (peer != first.peer) {
            peer_close(peer);
        }
    }
    UNTIL(&world.net, world_stats(&world).closed[DOMI_REASON_PEER_CLOSED] ==
                          256);
    user = user_connect(&world);
    user_expect_refused(&user, DOMI_REASON_TOO_MANY);
    peer_close(first.peer);
    UNTIL(&world.net, world.disconnects == 1);
    user = user_connect(&world);
    peer_expect_quiet(user.peer);
    world_close(&world);
}

/* ---- time ---------------------------------------------------------------- */

static void cuts_a_frame_that_does_not_become_whole(void **state)
{
    static const uint8_t zeros[64];
    struct world world;
    struct user user;
    uint64_t begin;
    size_t sent = 0;

    (void)state;
    world_open(&world);
    world.options.frame_ms = 400;
    world_start(&world);
    user = user_connect(&world);
    begin = now_ms();
    peer_send_hex(user.peer, "0010000000003300");
    /* A byte every now and then, so that it is never silent. */
    UNTIL(&world.net, ({
              if (now_ms() - begin > 20 * sent && sent < sizeof(zeros)) {
                  peer_send(user.peer, zeros, 1);
                  sent++;
              }
              world.disconnects == 1;
          }));
    assert_true(now_ms() - begin >= 390);
    assert_true(sent > 3);
    user_expect_closed(&user, DOMI_REASON_FRAME_TIMEOUT);
    world_close(&world);
}

/* Whole frames that always end in the middle of another are in time. */
static void does_not_cut_who_goes_on_sending(void **state)
{
    struct world world;
    struct user user;
    uint64_t begin;

    (void)state;
    world_open(&world);
    world.options.frame_ms = 200;
    world_start(&world);
    user = user_connect(&world);
    begin = now_ms();
    peer_send_hex(user.peer, "08000000");
    while (now_ms() - begin < 700) {
        peer_send_hex(user.peer, "0000010008000000");
        net_turn(&world.net);
    }
    peer_send_hex(user.peer, "00000100");
    assert_int_equal(peer_next(user.peer).type, DOMI__FRAME_HEARTBEAT);
    assert_int_equal(world.disconnects, 0);
    world_close(&world);
}

enum { FRAME = 8192, LIMIT = 4 * 1024 * 1024 };

/* Sends until as much waits in the session's queue. */
static void pile_up(struct world *world, const struct user *user, size_t size)
{
    static const uint8_t data[FRAME];

    while (domi_gateway_find(world->gateway, user->id) &&
           world_stats(world).send_waiting < size) {
        domi_session_send(session_of(user), MESSAGE, data, FRAME);
        net_turn(&world->net);
    }
}

static void closes_who_takes_nothing(void **state)
{
    struct world world;
    struct user deaf, other;
    uint64_t begin;

    (void)state;
    world_open(&world);
    world.options.send_limit = LIMIT;
    world.options.stall_ms = 500;
    world_start(&world);
    deaf = user_connect(&world);
    other = user_connect(&world);
    deaf.peer->deaf = true;
    pile_up(&world, &deaf, 2 * FRAME);
    begin = now_ms();
    UNTIL(&world.net, world.disconnects == 1);
    assert_in_range(now_ms() - begin, 300, 5000);
    assert_int_equal(world.disconnect_reason, DOMI_REASON_STALLED);
    assert_int_equal(world_stats(&world).closed[DOMI_REASON_STALLED], 1);
    assert_int_equal(world_stats(&world).send_waiting, 0);
    peer_expect_quiet(other.peer);
    peer_close(deaf.peer);
    world_close(&world);
}

/* It takes so little that the kernel never asks for more. */
static void does_not_close_who_takes_little(void **state)
{
    static uint8_t bytes[8 * 1024];
    struct world world;
    struct user slow;
    uint64_t begin, last = 0;

    (void)state;
    world_open(&world);
    world.options.send_limit = LIMIT;
    world.options.stall_ms = 1600;
    world_start(&world);
    slow = user_connect(&world);
    slow.peer->deaf = true;
    pile_up(&world, &slow, LIMIT / 2);
    begin = now_ms();
    UNTIL(&world.net, ({
              if (now_ms() - last >= 20) {
                  last = now_ms();
                  recv(slow.peer->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
              }
              now_ms() - begin > 3600;
          }));
    assert_int_equal(world.disconnects, 0);
    UNTIL(&world.net, world.disconnects == 1);
    assert_int_equal(world.disconnect_reason, DOMI_REASON_STALLED);
    peer_close(slow.peer);
    world_close(&world);
}

/* ---- memory -------------------------------------------------------------- */

static void cuts_the_worst_when_too_much_waits(void **state)
{
    struct world world;
    struct user worst, bad, other;

    (void)state;
    world_open(&world);
    world.options.send_limit = LIMIT;
    world.options.send_total = LIMIT;
    world_start(&world);
    worst = user_connect(&world);
    bad = user_connect(&world);
    other = user_connect(&world);
    worst.peer->deaf = true;
    bad.peer->deaf = true;
    pile_up(&world, &worst, LIMIT / 4 * 3);
    pile_up(&world, &bad, LIMIT - 4 * FRAME);
    while (world.disconnects == 0) {
        static const uint8_t data[FRAME];

        domi_session_send(session_of(&bad), MESSAGE, data, FRAME);
        assert_true(world_stats(&world).send_waiting <= LIMIT);
        net_turn(&world.net);
    }
    assert_int_equal(world.disconnect_reason, DOMI_REASON_SEND_TOTAL);
    assert_null(domi_gateway_find(world.gateway, worst.id));
    assert_non_null(domi_gateway_find(world.gateway, bad.id));
    assert_in_range(world_stats(&world).send_waiting, LIMIT / 8, LIMIT / 2);
    peer_expect_quiet(other.peer);
    /* Who reads again owes nothing. */
    bad.peer->deaf = false;
    UNTIL(&world.net, world_stats(&world).send_waiting == 0);
    peer_close(worst.peer);
    world_close(&world);
}

static void limits_are_checked(void **state)
{
    struct world world;

    (void)state;
    world_open(&world);
    world.options.send_total = 1024;
    world.gateway = domi_gateway_new(&world.net.loop, &world.options);
    assert_int_equal(domi_gateway_start(world.gateway), DOMI_E_OPTION);
    world_stop(&world);
    world.closed = false;
    world.options.send_total = 0;
    world.options.byte_rate = 32 * 1024 - 1;
    world.gateway = domi_gateway_new(&world.net.loop, &world.options);
    assert_int_equal(domi_gateway_start(world.gateway), DOMI_E_OPTION);
    world_close(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(limits_the_sessions_of_an_address),
        cmocka_unit_test(limits_the_handshakes_of_an_address),
        cmocka_unit_test(half_a_request_is_half_a_handshake),
        cmocka_unit_test(loopback_does_not_count_unless_asked),
        cmocka_unit_test(accepts_on_when_all_places_are_taken),
        cmocka_unit_test(cuts_a_frame_that_does_not_become_whole),
        cmocka_unit_test(does_not_cut_who_goes_on_sending),
        cmocka_unit_test(closes_who_takes_nothing),
        cmocka_unit_test(does_not_close_who_takes_little),
        cmocka_unit_test(cuts_the_worst_when_too_much_waits),
        cmocka_unit_test(limits_are_checked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
