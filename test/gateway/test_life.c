/* SPDX-License-Identifier: MIT */
/* A gateway's life: options, start, and close in every state. */
#include "world.h"

#include <dirent.h>
#include <string.h>

#define GROUP 666

/* A gateway with a zone that never answers, or answers. */
static void life_open(struct world *world, bool answers)
{
    world_open(world);
    world_zone(world, true)->by_hand = !answers;
    world_start(world);
}

/* Waits for the close that a callback has begun. */
static void wait_and_close(struct world *world)
{
    UNTIL(&world->net, world->closed);
    world->gateway = NULL;
    world_close(world);
}

static void begin_stop(struct world *world, struct domi_session *session)
{
    (void)session;
    world_begin_stop(world);
}

/* ---- options and start --------------------------------------------------- */

static void on_nothing_closed(struct domi_gateway *gateway, void *user)
{
    (void)gateway;
    ++*(unsigned *)user;
}

static void close_and_wait(struct world *world, struct domi_gateway *gateway)
{
    unsigned closed = 0;

    domi_gateway_close(gateway, on_nothing_closed, &closed);
    UNTIL(&world->net, closed);
}

/* A start that fails may not be repeated, and leaves nothing behind. */
static void expect_start(struct world *world,
                         const struct domi_gateway_options *options, int err)
{
    struct domi_gateway *gateway = domi_gateway_new(&world->net.loop, options);

    assert_non_null(gateway);
    assert_int_equal(domi_gateway_id(gateway), -1);
    assert_int_equal(domi_gateway_start(gateway), err);
    assert_int_equal(domi_gateway_start(gateway), DOMI_E_STATE);
    close_and_wait(world, gateway);
}

static void starts_with_no_options_at_all(void **state)
{
    struct world world;

    (void)state;
    world_open(&world);
    expect_start(&world, NULL, 0);
    world_close(&world);
}

static void keeps_a_pointer_of_the_application(void **state)
{
    struct world world;
    struct domi_gateway *gateway;

    (void)state;
    world_open(&world);
    gateway = domi_gateway_new(&world.net.loop, NULL);
    assert_non_null(gateway);
    assert_null(domi_gateway_data(gateway));
    domi_gateway_set_data(gateway, &world);
    assert_ptr_equal(domi_gateway_data(gateway), &world);
    close_and_wait(&world, gateway);
    world_close(&world);
}

static void reports_a_folder_that_is_not_there(void **state)
{
    const struct domi_gateway_options options = {
        .tcp_port = DOMI_PORT_ANY,
        .http_port = DOMI_PORT_ANY,
        .web_root = "/nowhere",
    };
    struct world world;

    (void)state;
    world_open(&world);
    expect_start(&world, &options, UV_ENOENT);
    world_close(&world);
}

static void refuses_bad_options(void **state)
{
    const struct domi_gateway_options bad[] = {
        {.host = "localhost"},
        {.tcp_port = 65536},
        {.http_port = -2},
        {.frame_limit = 63},
        {.frame_limit = 2 * 1024 * 1024},
        {.send_limit = 1023},
        {.link_send_limit = 4 * 1024 * 1024 - 1},
        {.ws_path = "ws"},
        {.origins = (const char *const[]){"http://h", "example.com", NULL}},
        {.send_policy = (enum domi_send_policy)3},
        {.silence_ms = 1000, .heartbeat_ms = 1000},
        {.heartbeat_ms = 10000},
        {.id = (const int[]){1023}},
        {.id = (const int[]){-1}},
        {.version = -1},
    };
    struct world world;

    (void)state;
    world_open(&world);
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        expect_start(&world, &bad[i], DOMI_E_OPTION);
    }
    expect_start(&world, &(struct domi_gateway_options){.silence_ms = 1000}, 0);
    world_close(&world);
}

static void reports_a_port_that_is_taken(void **state)
{
    struct world world;
    struct domi_gateway_options options = {0};

    (void)state;
    life_open(&world, true);
    options.tcp_port = domi_gateway_tcp_port(world.gateway);
    expect_start(&world, &options, UV_EADDRINUSE);
    /* One listener is open already when the other fails. */
    options.http_port = options.tcp_port;
    options.tcp_port = DOMI_PORT_ANY;
    expect_start(&world, &options, UV_EADDRINUSE);
    world_close(&world);
}

static void reports_an_id_that_is_taken(void **state)
{
    struct domi_registry *registry = domi_registry_local_new();
    struct world world;
    struct domi_gateway_options options = {.registry = registry,
                                           .id = (const int[]){5}};
    struct domi_gateway *first;

    (void)state;
    world_open(&world);
    first = domi_gateway_new(&world.net.loop, &options);
    assert_int_equal(domi_gateway_start(first), 0);
    assert_int_equal(domi_gateway_id(first), 5);
    expect_start(&world, &options, UV_EADDRINUSE);
    close_and_wait(&world, first);
    expect_start(&world, &options, 0);
    domi_registry_free(registry);
    world_close(&world);
}

/* ---- close --------------------------------------------------------------- */

static void closes_before_it_starts(void **state)
{
    struct world world;
    struct domi_gateway *gateway;
    unsigned closed = 0;

    (void)state;
    world_open(&world);
    gateway = domi_gateway_new(&world.net.loop, NULL);
    domi_gateway_close(gateway, on_nothing_closed, &closed);
    assert_int_equal(closed, 0);
    assert_int_equal(domi_gateway_start(gateway), DOMI_E_STATE);
    UNTIL(&world.net, closed);
    /* Nobody need listen. */
    domi_gateway_close(domi_gateway_new(&world.net.loop, NULL), NULL, NULL);
    world_close(&world);
}

static void closes_while_handshakes_last(void **state)
{
    struct world world;
    struct peer *silent, *half;

    (void)state;
    life_open(&world, true);
    silent = peer_connect(&world.net, domi_gateway_tcp_port(world.gateway));
    half = peer_connect(&world.net, domi_gateway_tcp_port(world.gateway));
    peer_send_hex(half, "fb08");
    user_connect(&world);
    world_stop(&world);
    peer_expect_end(silent);
    peer_expect_end(half);
    world_close(&world);
}

static void closes_while_links_are_dialled(void **state)
{
    (void)state;
    for (int turns = 0; turns < 8; turns++) {
        struct world world;
        struct user user;

        life_open(&world, turns % 2);
        user = user_connect(&world);
        user_ask(&user, 0, GROUP);
        UNTIL(&world.net, world_stats(&world).frames_in == 1);
        for (int i = 0; i < turns / 2; i++) {
            net_turn(&world.net);
        }
        world_stop(&world);
        assert_int_equal(world.calls, 1);
        world_close(&world);
    }
}

static void closes_while_a_link_waits_to_be_dialled(void **state)
{
    struct world world;
    struct user user;

    (void)state;
    life_open(&world, true);
    world.zones[0]->down = true;
    user = user_connect(&world);
    user_ask(&user, 0, GROUP);
    UNTIL(&world.net, world.zones[0]->dialled == 3);
    world_stop(&world);
    assert_int_equal(world.calls_gone, 1);
    world_close(&world);
}

static void closes_with_links_that_nobody_uses(void **state)
{
    struct world world;
    struct user user;
    struct peer *link;

    (void)state;
    life_open(&world, true);
    user = user_connect(&world);
    user_join(&user, 0, GROUP);
    link = world.zones[0]->link;
    peer_close(user.peer);
    assert_int_equal(peer_next(link).type, DOMI__FRAME_USERS_GONE);
    world_stop(&world);
    peer_expect_frame(link, DOMI__FRAME_EXIT, NULL, 0, NULL, 0);
    peer_expect_end(link);
    world_close(&world);
}

static void closes_from_inside_on_connect(void **state)
{
    struct world world;
    struct peer *peer;

    (void)state;
    life_open(&world, true);
    world.on_connect = begin_stop;
    peer = peer_connect(&world.net, domi_gateway_tcp_port(world.gateway));
    peer_send_hex(peer, "fb080000");
    wait_and_close(&world);
}

static void closes_from_inside_a_handler(void **state)
{
    struct world world;
    struct user user;

    (void)state;
    life_open(&world, true);
    world.on_join = begin_stop;
    user = user_connect(&world);
    user_ask(&user, 0, GROUP);
    UNTIL(&world.net, world.closed);
    assert_int_equal(world.calls_late, 1);
    wait_and_close(&world);
}

static void closes_from_inside_on_called(void **state)
{
    struct world world;
    struct user users[3];

    (void)state;
    life_open(&world, true);
    world.on_called = begin_stop;
    for (int i = 0; i < 3; i++) {
        users[i] = user_connect(&world);
    }
    for (int i = 0; i < 3; i++) {
        user_ask(&users[i], 0, GROUP);
    }
    wait_and_close(&world);
}

/* The last session is attached, and has a call that waits. */
static void closes_from_inside_a_call_of_a_session_that_is_gone(void **state)
{
    struct world world;
    struct user user;

    (void)state;
    world_open(&world);
    world_zone(&world, true);
    world_zone(&world, true)->by_hand = true;
    world_start(&world);
    user = user_connect(&world);
    user_join(&user, 0, GROUP);
    user_ask(&user, 1, GROUP);
    UNTIL(&world.net, world.zones[1]->dialled);
    world.on_called = begin_stop;
    peer_close(user.peer);
    wait_and_close(&world);
}

static void closes_from_inside_on_disconnect(void **state)
{
    struct world world;
    struct user user;

    (void)state;
    life_open(&world, true);
    user = user_connect(&world);
    user_join(&user, 0, GROUP);
    world.on_disconnect = begin_stop;
    peer_close(user.peer);
    wait_and_close(&world);
}

static void closes_from_inside_on_detach(void **state)
{
    struct world world;
    struct user users[2];

    (void)state;
    life_open(&world, true);
    for (int i = 0; i < 2; i++) {
        users[i] = user_connect(&world);
        user_join(&users[i], 0, GROUP);
        user_join(&users[i], 0, GROUP + 1);
    }
    world.on_detach = begin_stop;
    zone_stop(world.zones[0]);
    wait_and_close(&world);
}

static unsigned open_descriptors(void)
{
    DIR *dir = opendir("/proc/self/fd");
    unsigned count = 0;

    assert_non_null(dir);
    while (readdir(dir)) {
        count++;
    }
    closedir(dir);
    return count;
}

static void opens_and_closes_two_hundred_times(void **state)
{
    struct world world;
    unsigned before;

    (void)state;
    world_open(&world);
    before = open_descriptors();
    for (int i = 0; i < 200; i++) {
        struct domi_gateway_options options = {.tcp_port = DOMI_PORT_ANY,
                                               .registry = world.registry};
        struct domi_gateway *gateway =
            domi_gateway_new(&world.net.loop, &options);
        struct peer *peer;

        assert_int_equal(domi_gateway_start(gateway), 0);
        peer = peer_connect(&world.net, domi_gateway_tcp_port(gateway));
        peer_send_hex(peer, "fb080000");
        if (i % 2) {
            UNTIL(&world.net, peer->in.size == 8);
        }
        close_and_wait(&world, gateway);
        peer_close(peer);
        /* The loop has only what it had before. */
        assert_true(uv_loop_alive(&world.net.loop));
        assert_int_equal(open_descriptors(), before);
    }
    world_close(&world);
}

static void lives_beside_another_on_one_loop(void **state)
{
    struct world world;
    struct domi_gateway *other;
    struct user user;
    struct place place;

    (void)state;
    life_open(&world, true);
    other = domi_gateway_new(&world.net.loop, &(struct domi_gateway_options){
                                                  .tcp_port = DOMI_PORT_ANY});
    assert_int_equal(domi_gateway_start(other), 0);
    user = user_connect(&world);
    place = user_join(&user, 0, GROUP);
    close_and_wait(&world, other);
    user_say(&user, &place, MESSAGE, "hello");
    zone_expect_said(world.zones[0], &user, GROUP, "hello");
    world_close(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(starts_with_no_options_at_all),
        cmocka_unit_test(keeps_a_pointer_of_the_application),
        cmocka_unit_test(reports_a_folder_that_is_not_there),
        cmocka_unit_test(refuses_bad_options),
        cmocka_unit_test(reports_a_port_that_is_taken),
        cmocka_unit_test(reports_an_id_that_is_taken),
        cmocka_unit_test(closes_before_it_starts),
        cmocka_unit_test(closes_while_handshakes_last),
        cmocka_unit_test(closes_while_links_are_dialled),
        cmocka_unit_test(closes_while_a_link_waits_to_be_dialled),
        cmocka_unit_test(closes_with_links_that_nobody_uses),
        cmocka_unit_test(closes_from_inside_on_connect),
        cmocka_unit_test(closes_from_inside_a_handler),
        cmocka_unit_test(closes_from_inside_on_called),
        cmocka_unit_test(closes_from_inside_a_call_of_a_session_that_is_gone),
        cmocka_unit_test(closes_from_inside_on_disconnect),
        cmocka_unit_test(closes_from_inside_on_detach),
        cmocka_unit_test(opens_and_closes_two_hundred_times),
        cmocka_unit_test(lives_beside_another_on_one_loop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
