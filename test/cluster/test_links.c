/* SPDX-License-Identifier: MIT */
/* Links to zones: dialled, shared, lost, dialled again, given up. */
#include "links_fixture.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct domi__node node_at(int port)
{
    return (struct domi__node){
        .id = -1, .service = "room", .host = "127.0.0.1", .tcp_port = port};
}

static struct domi__link *get(struct fixture *fixture, int port)
{
    struct domi__node node = node_at(port);
    struct domi__link *link = domi__links_get(fixture->links, &node);

    assert_non_null(link);
    return link;
}

/* ---- open ---------------------------------------------------------------- */

static void dials_and_says_hello(void **state)
{
    struct fixture fixture;
    struct zone *zone;
    struct domi__link *link;
    uint8_t hello[40] = {40, 0, 0, 0, 16, 0, 11, 0, 1, 0, 0, 0, 1, 0, 0, 0, 3};

    (void)state;
    memset(hello + 32, 0xff, 8);
    open_links(&fixture);
    zone = zone_open(&fixture.net, true);
    zone->by_hand = true;
    link = get(&fixture, zone->port);
    assert_int_equal(domi__link_id(link), 0);
    UNTIL(&fixture.net, zone->link);
    peer_expect(zone->link, "\xfb\x08\0\0", 4);
    assert_int_equal(fixture.up, 0);
    /* The id may come in pieces. */
    peer_send_hex(zone->link, "0102");
    net_turn(&fixture.net);
    peer_send_hex(zone->link, "030405060708");
    peer_expect(zone->link, hello, sizeof(hello));
    assert_int_equal(fixture.up, 1);
    assert_int_equal(domi__link_id(link), UINT64_C(0x0807060504030201));
    assert_int_equal(domi__links_count(fixture.links), 1);
    close_links(&fixture);
}

static void learns_features_from_the_answer(void **state)
{
    struct fixture fixture;
    struct zone *zone;
    struct domi__link *link;

    (void)state;
    open_links(&fixture);
    zone = zone_open(&fixture.net, true);
    link = get(&fixture, zone->port);
    zone_wait(zone);
    assert_int_equal(domi__link_node_id(link), -1);
    UNTIL(&fixture.net, domi__link_has(link, DOMI__FEATURE_GROUPS));
    assert_false(domi__link_has(link, DOMI__FEATURE_GROUPS | 2));
    assert_int_equal(domi__link_node_id(link), 0);
    assert_int_equal(fixture.hellos, 1);
    assert_int_equal(fixture.frames, 0);
    peer_send_hex(zone->link, "120000000a000f00"
                              "9a02000000000000"
                              "3300");
    UNTIL(&fixture.net, fixture.frames == 1);
    assert_int_equal(fixture.type, DOMI__FRAME_BROADCAST);
    close_links(&fixture);
}

static void shares_one_link_to_each_node(void **state)
{
    struct fixture fixture;
    struct zone *one, *two;
    struct domi__link *link;

    (void)state;
    open_links(&fixture);
    one = zone_open(&fixture.net, true);
    two = zone_open(&fixture.net, true);
    link = get(&fixture, one->port);
    assert_ptr_equal(get(&fixture, one->port), link);
    assert_ptr_not_equal(get(&fixture, two->port), link);
    UNTIL(&fixture.net, fixture.up == 2);
    assert_ptr_equal(get(&fixture, one->port), link);
    domi__link_set_data(link, &fixture);
    assert_ptr_equal(domi__link_data(link), &fixture);
    assert_int_equal(one->dialled, 1);
    assert_int_equal(two->dialled, 1);
    assert_int_equal(domi__links_count(fixture.links), 2);
    close_links(&fixture);
}

static void refuses_the_id_zero(void **state)
{
    struct fixture fixture;
    struct zone *zone;

    (void)state;
    open_links(&fixture);
    zone = zone_open(&fixture.net, true);
    zone->next_id = 0;
    get(&fixture, zone->port);
    UNTIL(&fixture.net, fixture.up == 1);
    assert_int_equal(zone->dialled, 2);
    assert_int_equal(fixture.down, 0);
    close_links(&fixture);
}

/* ---- lost ---------------------------------------------------------------- */

static void opens_again_with_a_new_id(void **state)
{
    struct fixture fixture;
    struct zone *zone;
    struct domi__link *link;
    uint64_t id;

    (void)state;
    open_links(&fixture);
    zone = zone_open(&fixture.net, true);
    link = get(&fixture, zone->port);
    domi__link_set_data(link, &fixture);
    UNTIL(&fixture.net, domi__link_has(link, DOMI__FEATURE_GROUPS));
    id = domi__link_id(link);
    zone->knows_hello = false;
    peer_close(zone->link);
    UNTIL(&fixture.net, fixture.up == 2);
    assert_int_equal(fixture.down, 1);
    assert_int_equal(fixture.reason, DOMI_REASON_PEER_CLOSED);
    assert_ptr_equal(fixture.last, link);
    assert_ptr_equal(domi__link_data(link), &fixture);
    assert_int_not_equal(domi__link_id(link), id);
    /* Another zone may be there: what was agreed is void. */
    assert_false(domi__link_has(link, DOMI__FEATURE_GROUPS));
    close_links(&fixture);
}

/* Each wait is between half of its step and the whole, and a little late. */
static void expect_growing_waits(const struct fixture *fixture)
{
    uint64_t step = 100;

    for (unsigned i = 1; i < 5; i++) {
        uint64_t wait = fixture->times[i] - fixture->times[i - 1];

        assert_in_range(wait, step / 2 - 1, step + 1000);
        step *= 2;
    }
    /* The steps must show in spite of chance and a busy machine. */
    assert_true(fixture->times[4] - fixture->times[0] >= 740);
}

static int bound_port(int *fd)
{
    struct sockaddr_in address;
    socklen_t size = sizeof(address);

    *fd = socket(AF_INET, SOCK_STREAM, 0);
    uv_ip4_addr("127.0.0.1", 0, &address);
    assert_int_equal(bind(*fd, (struct sockaddr *)&address, size), 0);
    getsockname(*fd, (struct sockaddr *)&address, &size);
    return ntohs(address.sin_port);
}

static void waits_longer_after_each_failure(void **state)
{
    struct fixture fixture;
    int fd;

    (void)state;
    open_links(&fixture);
    get(&fixture, bound_port(&fd));
    UNTIL(&fixture.net, fixture.failed == 5);
    expect_growing_waits(&fixture);
    close_links(&fixture);
    close(fd);
}

static void waits_longer_for_a_zone_that_drops_links(void **state)
{
    struct fixture fixture;
    struct zone *zone;
    uint64_t lost_ms;

    (void)state;
    open_links(&fixture);
    zone = zone_open(&fixture.net, true);
    get(&fixture, zone->port);
    for (unsigned i = 1; i <= 5; i++) {
        UNTIL(&fixture.net, fixture.up == i);
        zone_wait(zone);
        peer_close(zone->link);
    }
    expect_growing_waits(&fixture);
    /* One that was steady is dialled again at once. */
    UNTIL(&fixture.net, fixture.up == 6);
    zone_wait(zone);
    forward_ms += 5000;
    lost_ms = domi__clock_ns() / 1000000;
    peer_close(zone->link);
    UNTIL(&fixture.net, fixture.up == 7);
    assert_true(domi__clock_ns() / 1000000 - lost_ms < 1000);
    close_links(&fixture);
}

static void gives_up_after_a_minute(void **state)
{
    struct fixture fixture;
    struct zone *zone;
    struct domi__node node;

    (void)state;
    open_links(&fixture);
    zone = zone_open(&fixture.net, true);
    zone->down = true;
    node = node_at(zone->port);
    get(&fixture, zone->port);
    UNTIL(&fixture.net, fixture.failed == 1);
    forward_ms += 59000;
    get(&fixture, zone->port); /* asked for: another minute */
    forward_ms += 59000;
    UNTIL(&fixture.net, fixture.failed == 2);
    assert_int_equal(fixture.gone, 0);
    fixture.ask_again = &node;
    zone_restart(zone);
    forward_ms += 61000;
    UNTIL(&fixture.net, fixture.gone == 1);
    UNTIL(&fixture.net, fixture.up == 1);
    assert_ptr_equal(fixture.last, fixture.again);
    close_links(&fixture);
}

static void tells_that_the_queue_is_low(void **state)
{
    static uint8_t data[1000];
    struct fixture fixture;
    struct zone *zone;
    struct domi__session *session;

    (void)state;
    open_links(&fixture);
    zone = zone_open(&fixture.net, true);
    get(&fixture, zone->port);
    zone_wait(zone);
    zone->link->deaf = true;
    session = domi__link_session(fixture.last);
    while (!domi__session_is_high(session)) {
        assert_int_equal(
            domi__session_send(session, 51, data, sizeof(data), NULL, 0), 0);
        if (domi__session_queued(session) > 16 * 1024) {
            net_turn(&fixture.net);
        }
    }
    assert_int_equal(fixture.low, 0);
    zone->link->deaf = false;
    UNTIL(&fixture.net, fixture.low == 1);
    assert_false(domi__session_is_high(session));
    close_links(&fixture);
}

/* ---- close --------------------------------------------------------------- */

static void closes_links_in_every_state(void **state)
{
    struct fixture fixture;
    struct zone *open, *dialled, *waiting;

    (void)state;
    open_links(&fixture);
    open = zone_open(&fixture.net, true);
    dialled = zone_open(&fixture.net, true);
    dialled->by_hand = true;
    waiting = zone_open(&fixture.net, true);
    waiting->down = true;
    get(&fixture, open->port);
    get(&fixture, dialled->port);
    get(&fixture, waiting->port);
    zone_wait(open);
    UNTIL(&fixture.net, dialled->link && fixture.failed > 0);
    stop_links(&fixture);
    peer_expect_frame(open->link, DOMI__FRAME_EXIT, NULL, 0, NULL, 0);
    peer_expect_end(open->link);
    close_links(&fixture);
}

static void closes_without_links(void **state)
{
    struct fixture fixture;

    (void)state;
    open_links(&fixture);
    close_links(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dials_and_says_hello),
        cmocka_unit_test(learns_features_from_the_answer),
        cmocka_unit_test(shares_one_link_to_each_node),
        cmocka_unit_test(refuses_the_id_zero),
        cmocka_unit_test(opens_again_with_a_new_id),
        cmocka_unit_test(waits_longer_after_each_failure),
        cmocka_unit_test(waits_longer_for_a_zone_that_drops_links),
        cmocka_unit_test(gives_up_after_a_minute),
        cmocka_unit_test(tells_that_the_queue_is_low),
        cmocka_unit_test(closes_links_in_every_state),
        cmocka_unit_test(closes_without_links),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
