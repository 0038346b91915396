/* SPDX-License-Identifier: MIT */
/* Whose pages may open a WebSocket, as a gateway's options say. */
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* Asks for a WebSocket from a page of `origin`, NULL for a program that is
   none, and asserts the status. */
static void expect(struct world *world, const char *origin, const char *status)
{
    struct peer *peer =
        peer_connect(&world->net, domi_gateway_http_port(world->gateway));
    char line[256] = "";
    char request[512];

    if (origin) {
        snprintf(line, sizeof(line), "Origin: %s\r\n", origin);
    }
    snprintf(request, sizeof(request),
             "GET /ws HTTP/1.1\r\nHost: h:8080\r\n"
             "Connection: Upgrade\r\nUpgrade: websocket\r\n"
             "Sec-WebSocket-Version: 13\r\n"
             "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n%s\r\n",
             line);
    peer_send(peer, request, strlen(request));
    UNTIL(&world->net, peer->in.size > 12);
    assert_memory_equal(peer->in.bytes + 9, status, 3);
    peer->in.size = 0;
    peer_close(peer);
}

static void open_with(struct world *world, const char *const *origins,
                      int required)
{
    world_open(world);
    world->options.tcp_port = 0;
    world->options.http_port = DOMI_PORT_ANY;
    world->options.origins = origins;
    world->options.origin_required = required;
    world_start(world);
    world->options.origins = NULL;
}

static void only_pages_of_the_same_host_unless_told_otherwise(void **state)
{
    struct world world;

    (void)state;
    open_with(&world, NULL, 0);
    expect(&world, NULL, "101");
    expect(&world, "http://h:8080", "101");
    expect(&world, "https://h:8080", "101");
    expect(&world, "http://h", "403");
    expect(&world, "https://evil.example", "403");
    expect(&world, "null", "403");
    assert_int_equal(world_stats(&world).foreign_origins, 3);
    world_close(&world);
}

static void only_pages_of_the_list_which_is_copied(void **state)
{
    char one[] = "https://one.example";
    char two[] = "http://two.example:81";
    const char *list[] = {one, two, NULL};
    struct world world;

    (void)state;
    open_with(&world, list, 0);
    memset(one, 'x', sizeof(one) - 1);
    list[1] = NULL;
    expect(&world, "https://one.example", "101");
    expect(&world, "http://TWO.example:81", "101");
    expect(&world, "http://h:8080", "403");
    expect(&world, "http://one.example", "403");
    expect(&world, NULL, "101");
    assert_int_equal(world_stats(&world).foreign_origins, 2);
    world_close(&world);
}

static void nobody_without_an_origin_where_one_is_required(void **state)
{
    struct world world;

    (void)state;
    open_with(&world, NULL, 1);
    expect(&world, NULL, "403");
    expect(&world, "http://h:8080", "101");
    assert_int_equal(world_stats(&world).foreign_origins, 1);
    world_close(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_pages_of_the_same_host_unless_told_otherwise),
        cmocka_unit_test(only_pages_of_the_list_which_is_copied),
        cmocka_unit_test(nobody_without_an_origin_where_one_is_required),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
