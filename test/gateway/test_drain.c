/* SPDX-License-Identifier: MIT */
/* Draining: who may come, who is sent away, and when it is over. */
#include "../cluster/hand.h"
#include "world.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define GROUP 666
#define ID "7"

struct drain {
    struct world world;
    struct hand hand;
    int tcp_port;
    unsigned drained;
};

static void on_drained(struct domi_gateway *gateway, void *user)
{
    struct world *world = user;
    struct drain *d = (struct drain *)world;

    assert_ptr_equal(gateway, world->gateway);
    assert_true(domi_gateway_is_draining(gateway));
    assert_int_equal(world->connects, world->disconnects);
    d->drained++;
}

static void set_up_drain(struct drain *d)
{
    memset(d, 0, sizeof(*d));
    world_open(&d->world);
    hand_open(&d->hand, d->world.registry);
    d->world.options.registry = &d->hand.base;
    d->world.options.http_port = DOMI_PORT_ANY;
    d->world.options.on_drained = on_drained;
    world_zone(&d->world, true);
}

static void start(struct drain *d)
{
    world_start(&d->world);
    d->tcp_port = domi_gateway_tcp_port(d->world.gateway);
    assert_false(domi_gateway_is_draining(d->world.gateway));
}

static void drain_open(struct drain *d)
{
    set_up_drain(d);
    start(d);
}

static void begin(struct drain *d)
{
    assert_int_equal(domi_gateway_drain(d->world.gateway), 0);
}

/* Turns the loop some times more, so that what is wrong may happen. */
static void turn_on(struct drain *d, unsigned ms)
{
    uint64_t enough_ns = domi__clock_ns() + ms * UINT64_C(1000000);

    UNTIL(&d->world.net, domi__clock_ns() > enough_ns);
}

static int try_port(int port)
{
    struct sockaddr_in address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int err;

    uv_ip4_addr("127.0.0.1", port, &address);
    err = connect(fd, (struct sockaddr *)&address, sizeof(address)) ? -errno
                                                                    : 0;
    close(fd);
    return err;
}

/* One request to the HTTP port; asserts that the answer has this text. */
static void expect_http(struct drain *d, const char *request, const char *text)
{
    struct peer *peer = peer_connect(
        &d->world.net, domi_gateway_http_port(d->world.gateway));

    peer_send(peer, request, strlen(request));
    UNTIL(&d->world.net, peer->ended);
    if (!memmem(peer->in.bytes, peer->in.size, text, strlen(text))) {
        fail_msg("%s is not in %.*s", text, (int)peer->in.size,
                 (char *)peer->in.bytes);
    }
    peer->in.size = 0;
}

static const char upgrade[] = "GET /ws HTTP/1.1\r\nHost: h\r\n"
                              "Connection: Upgrade\r\nUpgrade: websocket\r\n"
                              "Sec-WebSocket-Version: 13\r\n"
                              "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
                              "Connection: close\r\n\r\n";

/* ---- who may come -------------------------------------------------------- */

static void takes_no_new_users_and_keeps_those_it_has(void **state)
{
    struct drain d;
    struct user user;
    struct place place;

    (void)state;
    drain_open(&d);
    user = user_connect(&d.world);
    begin(&d);
    begin(&d);
    assert_true(domi_gateway_is_draining(d.world.gateway));
    assert_int_equal(domi_gateway_tcp_port(d.world.gateway), 0);
    UNTIL(&d.world.net, try_port(d.tcp_port) == -ECONNREFUSED);
    expect_http(&d, upgrade, "HTTP/1.1 503 Service Unavailable\r\n");
    expect_http(&d, upgrade, "\r\nRetry-After: 5\r\n");

    place = user_join(&user, 0, GROUP);
    user_say(&user, &place, MESSAGE, "as ever");
    zone_expect_said(d.world.zones[0], &user, GROUP, "as ever");
    turn_on(&d, 300);
    peer_expect_quiet(user.peer);
    assert_int_equal(d.drained, 0);

    peer_close(user.peer);
    UNTIL(&d.world.net, d.drained);
    turn_on(&d, 300);
    assert_int_equal(d.drained, 1);
    begin(&d);
    turn_on(&d, 300);
    assert_int_equal(d.drained, 1);
    world_close(&d.world);
}

static void tells_the_registry_and_who_asks(void **state)
{
    struct drain d;
    struct user user;

    (void)state;
    drain_open(&d);
    user = user_connect(&d.world);
    assert_false(d.hand.member->self.draining);
    begin(&d);
    begin(&d);
    assert_true(d.hand.member->self.draining);
    assert_int_equal(d.hand.updates, 1);
    d.hand.stale_s = 3;
    expect_http(&d, "GET /" ID "/weight HTTP/1.0\r\n\r\n", "\r\n\r\n101\n");
    expect_http(&d, "GET /" ID "/weight HTTP/1.0\r\n\r\n",
                "\r\nDomi-Registry: stale; seconds=3\r\n");
    expect_http(&d, "GET /" ID "/health HTTP/1.0\r\n\r\n", " 200 OK\r\n");
    peer_expect_quiet(user.peer);
    world_close(&d.world);
}

static void an_empty_gateway_is_drained_at_once_but_not_inside(void **state)
{
    struct drain d;

    (void)state;
    drain_open(&d);
    begin(&d);
    assert_int_equal(d.drained, 0);
    UNTIL(&d.world.net, d.drained);
    world_close(&d.world);
    assert_int_equal(d.drained, 1);
}

static void only_a_gateway_that_runs_drains(void **state)
{
    struct domi_gateway *gateway;
    struct drain d;

    (void)state;
    drain_open(&d);
    world_begin_stop(&d.world);
    assert_int_equal(domi_gateway_drain(d.world.gateway), DOMI_E_STATE);
    UNTIL(&d.world.net, d.world.closed);
    d.world.gateway = NULL;
    gateway = domi_gateway_new(&d.world.net.loop, NULL);
    assert_int_equal(domi_gateway_drain(gateway), DOMI_E_STATE);
    domi_gateway_close(gateway, NULL, NULL);
    world_close(&d.world);
    assert_int_equal(d.drained, 0);
}

static void cuts_who_has_not_shaken_hands(void **state)
{
    struct drain d;
    struct peer *peer;

    (void)state;
    drain_open(&d);
    peer = peer_connect(&d.world.net, d.tcp_port);
    peer_send_hex(peer, "fb");
    turn_on(&d, 50);
    begin(&d);
    peer_expect_end(peer);
    UNTIL(&d.world.net, d.drained);
    world_close(&d.world);
}

/* ---- who is sent away ---------------------------------------------------- */

/* Waits for the notice and the end; returns the wait. */
static uint32_t expect_sent_away(struct user *user, const char *text)
{
    struct domi_frame frame = peer_next(user->peer);
    uint32_t wait_ms;

    assert_int_equal(frame.type, DOMI_TYPE_NOTICE);
    assert_int_equal(frame.data_size, DOMI_NOTICE_SIZE + strlen(text));
    assert_int_equal(domi_get_u16(frame.data), DOMI_NOTICE_COME_BACK);
    assert_int_equal(domi_get_u16(frame.data + 2), DOMI_REASON_DRAINING);
    wait_ms = domi_get_u32(frame.data + 4);
    assert_in_range(wait_ms, 0, 1999);
    assert_memory_equal(frame.data + DOMI_NOTICE_SIZE, text, strlen(text));
    peer_expect_end(user->peer);
    return wait_ms;
}

#define CROWD 12u

static void sends_users_away_at_a_rate(void **state)
{
    struct drain d;
    struct user users[CROWD];
    uint32_t first = 0;
    bool differ = false;
    uint64_t begin_ns;

    (void)state;
    set_up_drain(&d);
    d.world.options.drain_rate = 20;
    d.world.options.come_back = "192.0.2.7:8888";
    start(&d);
    for (unsigned i = 0; i < CROWD; i++) {
        users[i] = user_connect(&d.world);
    }
    begin_ns = domi__clock_ns();
    begin(&d);
    /* The share of one second is the most that may go in one step. */
    UNTIL(&d.world.net, d.world.disconnects >= 2);
    assert_true(d.world.disconnects < CROWD);
    UNTIL(&d.world.net, d.drained);
    assert_true(domi__clock_ns() - begin_ns >=
                (CROWD - 1) * UINT64_C(1000000000) / 20);
    for (unsigned i = 0; i < CROWD; i++) {
        uint32_t wait_ms = expect_sent_away(&users[i], "192.0.2.7:8888");

        first = i == 0 ? wait_ms : first;
        differ |= wait_ms != first;
    }
    assert_true(differ);
    assert_int_equal(world_stats(&d.world).closed[DOMI_REASON_DRAINING], CROWD);
    assert_int_equal(d.world.disconnect_reason, DOMI_REASON_DRAINING);
    world_close(&d.world);
    assert_int_equal(d.drained, 1);
}

static void without_an_address_users_come_back_to_where_they_were(void **state)
{
    struct drain d;
    struct user user;

    (void)state;
    set_up_drain(&d);
    d.world.options.drain_rate = 1000;
    start(&d);
    user = user_connect(&d.world);
    begin(&d);
    expect_sent_away(&user, "");
    UNTIL(&d.world.net, d.drained);
    world_close(&d.world);
}

static void what_was_queued_comes_before_the_notice(void **state)
{
    struct drain d;
    struct user user;

    (void)state;
    set_up_drain(&d);
    d.world.options.drain_rate = 1000;
    start(&d);
    user = user_connect(&d.world);
    begin(&d);
    assert_int_equal(domi_session_send(session_of(&user), MESSAGE, "last", 4),
                     0);
    user_expect_text(&user, "last");
    expect_sent_away(&user, "");
    world_close(&d.world);
}

static void users_may_go_by_themselves_meanwhile(void **state)
{
    struct drain d;
    struct user users[4];

    (void)state;
    set_up_drain(&d);
    d.world.options.drain_rate = 10;
    start(&d);
    for (unsigned i = 0; i < 4; i++) {
        users[i] = user_connect(&d.world);
    }
    begin(&d);
    peer_close(users[0].peer);
    domi_session_kick(session_of(&users[1]), DOMI_REASON_KICKED, NULL);
    user_expect_notice(&users[1], DOMI_NOTICE_CLOSING, DOMI_REASON_KICKED,
                       NULL);
    UNTIL(&d.world.net, d.drained);
    assert_int_equal(world_stats(&d.world).closed[DOMI_REASON_DRAINING], 2);
    world_close(&d.world);
    assert_int_equal(d.drained, 1);
}

/* The reason alone makes no notice to come back. */
static void a_kick_is_no_hint(void **state)
{
    struct drain d;
    struct user user;

    (void)state;
    drain_open(&d);
    user = user_connect(&d.world);
    begin(&d);
    domi_session_kick(session_of(&user), DOMI_REASON_DRAINING, NULL);
    user_expect_notice(&user, DOMI_NOTICE_CLOSING, DOMI_REASON_DRAINING, NULL);
    UNTIL(&d.world.net, d.drained);
    world_close(&d.world);
}

static void a_close_ends_a_drain(void **state)
{
    struct drain d;
    struct user user;

    (void)state;
    set_up_drain(&d);
    d.world.options.drain_rate = 1;
    start(&d);
    user = user_connect(&d.world);
    begin(&d);
    world_stop(&d.world);
    user_expect_notice(&user, DOMI_NOTICE_CLOSING, DOMI_REASON_STOPPING, NULL);
    world_close(&d.world);
    assert_int_equal(d.drained, 0);
}

static void close_when_drained(struct domi_gateway *gateway, void *user)
{
    on_drained(gateway, user);
    world_begin_stop(user);
}

static void may_be_closed_when_it_is_drained(void **state)
{
    struct drain d;
    struct user user;

    (void)state;
    set_up_drain(&d);
    d.world.options.drain_rate = 1000;
    d.world.options.on_drained = close_when_drained;
    start(&d);
    user = user_connect(&d.world);
    begin(&d);
    expect_sent_away(&user, "");
    UNTIL(&d.world.net, d.world.closed);
    d.world.gateway = NULL;
    world_close(&d.world);
    assert_int_equal(d.drained, 1);
}

/* ---- over HTTP ----------------------------------------------------------- */

#define EXIT_REQUEST "POST /" ID "/exit HTTP/1.0\r\nHost: 127.0.0.1\r\n"

static void drains_when_it_is_posted_exit(void **state)
{
    struct drain d;
    struct user user;

    (void)state;
    drain_open(&d);
    user = user_connect(&d.world);
    expect_http(&d, "GET /" ID "/exit HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n",
                "\r\nAllow: POST\r\n");
    expect_http(&d, EXIT_REQUEST "Origin: http://evil.example\r\n\r\n",
                " 403 Forbidden\r\n");
    assert_false(domi_gateway_is_draining(d.world.gateway));
    expect_http(&d, EXIT_REQUEST "\r\n", "\r\n\r\ndraining\n");
    assert_true(domi_gateway_is_draining(d.world.gateway));
    expect_http(&d, EXIT_REQUEST "\r\n", " 200 OK\r\n");
    peer_close(user.peer);
    UNTIL(&d.world.net, d.drained);
    expect_http(&d, EXIT_REQUEST "\r\n", " 200 OK\r\n");
    turn_on(&d, 200);
    assert_int_equal(d.drained, 1);
    world_close(&d.world);
}

static void asks_for_the_token_where_there_is_one(void **state)
{
    struct drain d;

    (void)state;
    set_up_drain(&d);
    d.world.options.admin_token = "secret";
    start(&d);
    expect_http(&d, EXIT_REQUEST "\r\n", " 401 Unauthorized\r\n");
    expect_http(&d, EXIT_REQUEST "X-Domi-Token: guess\r\n\r\n",
                "\r\nWWW-Authenticate: Bearer\r\n");
    assert_false(domi_gateway_is_draining(d.world.gateway));
    expect_http(&d, EXIT_REQUEST "Authorization: Bearer secret\r\n\r\n",
                "\r\n\r\ndraining\n");
    UNTIL(&d.world.net, d.drained);
    world_close(&d.world);
}

/* ---- a newer version ----------------------------------------------------- */

static void is_called_off_when_the_newer_version_goes_away(void **state)
{
    struct drain d;
    struct user user, late;

    (void)state;
    drain_open(&d);
    user = user_connect(&d.world);
    hand_set_outdated(&d.hand, true);
    assert_true(domi_gateway_is_draining(d.world.gateway));
    UNTIL(&d.world.net, try_port(d.tcp_port) == -ECONNREFUSED);
    hand_set_outdated(&d.hand, false);
    assert_false(domi_gateway_is_draining(d.world.gateway));
    assert_false(d.hand.member->self.draining);
    assert_int_equal(d.hand.updates, 2);
    assert_int_equal(domi_gateway_tcp_port(d.world.gateway), d.tcp_port);
    late = user_connect(&d.world);
    peer_expect_quiet(late.peer);
    peer_expect_quiet(user.peer);
    peer_close(user.peer);
    peer_close(late.peer);
    UNTIL(&d.world.net, d.world.disconnects == 2);
    turn_on(&d, 200);
    assert_int_equal(d.drained, 0);
    world_close(&d.world);
}

static void opens_its_port_when_that_is_free_again(void **state)
{
    struct drain d;
    struct sockaddr_in address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int on = 1;
    struct user user;

    (void)state;
    drain_open(&d);
    hand_set_outdated(&d.hand, true);
    UNTIL(&d.world.net, try_port(d.tcp_port) == -ECONNREFUSED);
    uv_ip4_addr("127.0.0.1", d.tcp_port, &address);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)),
                     0);
    assert_int_equal(listen(fd, 1), 0);
    hand_set_outdated(&d.hand, false);
    assert_int_equal(domi_gateway_tcp_port(d.world.gateway), 0);
    close(fd);
    UNTIL(&d.world.net, domi_gateway_tcp_port(d.world.gateway) == d.tcp_port);
    user = user_connect(&d.world);
    peer_expect_quiet(user.peer);
    world_close(&d.world);
}

static void each_newer_version_drains_anew(void **state)
{
    struct drain d;

    (void)state;
    drain_open(&d);
    hand_set_outdated(&d.hand, true);
    UNTIL(&d.world.net, d.drained);
    /* The application has not closed it, and the new version is gone. */
    hand_set_outdated(&d.hand, false);
    assert_int_equal(domi_gateway_tcp_port(d.world.gateway), d.tcp_port);
    hand_set_outdated(&d.hand, true);
    UNTIL(&d.world.net, d.drained == 2);
    world_close(&d.world);
}

static void who_asks_for_a_drain_waits_for_no_other_version(void **state)
{
    struct drain d;
    struct user user;

    (void)state;
    drain_open(&d);
    user = user_connect(&d.world);
    hand_set_outdated(&d.hand, true);
    begin(&d);
    hand_set_outdated(&d.hand, false);
    assert_true(domi_gateway_is_draining(d.world.gateway));
    assert_int_equal(d.hand.updates, 1);
    peer_close(user.peer);
    UNTIL(&d.world.net, d.drained);
    world_close(&d.world);
    assert_int_equal(d.drained, 1);
}

static void a_drain_may_be_asked_for_when_the_last_user_is_gone(void **state)
{
    struct drain d;

    (void)state;
    drain_open(&d);
    hand_set_outdated(&d.hand, true);
    turn_on(&d, 200);
    begin(&d);
    UNTIL(&d.world.net, d.drained);
    world_close(&d.world);
}

/* ---- zones that drain ---------------------------------------------------- */

static void users_of_a_zone_that_drains_wait_each_its_own_time(void **state)
{
    struct drain d;
    struct user users[3];
    struct place place;
    uint8_t extend[10];
    unsigned waits = 0;

    (void)state;
    drain_open(&d);
    for (unsigned i = 0; i < 3; i++) {
        users[i] = user_connect(&d.world);
        place = user_join(&users[i], 0, GROUP);
    }
    domi_put_u64(extend, GROUP);
    domi_put_u16(extend + 8, DOMI_REASON_DRAINING);
    peer_send_frame(d.world.zones[0]->link, DOMI__FRAME_GROUP_CLOSED, NULL, 0,
                    extend, sizeof(extend));
    for (unsigned i = 0; i < 3; i++) {
        struct domi_frame frame = peer_next(users[i].peer);

        assert_int_equal(frame.type, DOMI_TYPE_NOTICE);
        assert_int_equal(domi_get_u16(frame.data), DOMI_NOTICE_LEFT);
        assert_int_equal(domi_get_u16(frame.data + 2), DOMI_REASON_DRAINING);
        assert_in_range(domi_get_u32(frame.data + 4), 0, 2);
        waits |= 1u << domi_get_u32(frame.data + 4);
        assert_int_equal(domi_get_u64(frame.data + 8), place.target.id);
        assert_int_equal(domi_get_u64(frame.data + 16), GROUP);
    }
    assert_int_equal(waits, 7);
    assert_int_equal(d.world.detaches, 3);
    assert_int_equal(d.world.detach_reason, DOMI_REASON_DRAINING);
    world_close(&d.world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_no_new_users_and_keeps_those_it_has),
        cmocka_unit_test(tells_the_registry_and_who_asks),
        cmocka_unit_test(an_empty_gateway_is_drained_at_once_but_not_inside),
        cmocka_unit_test(only_a_gateway_that_runs_drains),
        cmocka_unit_test(cuts_who_has_not_shaken_hands),
        cmocka_unit_test(sends_users_away_at_a_rate),
        cmocka_unit_test(without_an_address_users_come_back_to_where_they_were),
        cmocka_unit_test(what_was_queued_comes_before_the_notice),
        cmocka_unit_test(users_may_go_by_themselves_meanwhile),
        cmocka_unit_test(a_kick_is_no_hint),
        cmocka_unit_test(a_close_ends_a_drain),
        cmocka_unit_test(may_be_closed_when_it_is_drained),
        cmocka_unit_test(drains_when_it_is_posted_exit),
        cmocka_unit_test(asks_for_the_token_where_there_is_one),
        cmocka_unit_test(is_called_off_when_the_newer_version_goes_away),
        cmocka_unit_test(opens_its_port_when_that_is_free_again),
        cmocka_unit_test(each_newer_version_drains_anew),
        cmocka_unit_test(who_asks_for_a_drain_waits_for_no_other_version),
        cmocka_unit_test(a_drain_may_be_asked_for_when_the_last_user_is_gone),
        cmocka_unit_test(users_of_a_zone_that_drains_wait_each_its_own_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
