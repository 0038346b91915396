/* SPDX-License-Identifier: MIT */
/* What a gateway does when its registry answers late, refuses, or gives
   another id. */
#include "../cluster/hand.h"
#include "world.h"

#include <stdio.h>
#include <string.h>

struct joining {
    struct world world;
    struct hand hand;
    unsigned joined;
    int status;
    unsigned ids;
    int id;
};

static void on_joined(struct domi_gateway *gateway, int status, void *user)
{
    struct joining *j = user;

    assert_int_equal(domi_gateway_id(gateway), status ? -1 : j->hand.id);
    j->joined++;
    j->status = status;
}

static void on_id(struct domi_gateway *gateway, int id, void *user)
{
    struct joining *j = user;

    assert_int_equal(domi_gateway_id(gateway), id);
    j->ids++;
    j->id = id;
}

static void set_up_joining(struct joining *j)
{
    memset(j, 0, sizeof(*j));
    world_open(&j->world);
    hand_open(&j->hand, j->world.registry);
    j->world.options.registry = &j->hand.base;
    j->world.options.on_joined = on_joined;
    j->world.options.on_id = on_id;
}

static unsigned node_of(const struct user *user)
{
    return (unsigned)(user->id >> 12) & 1023u;
}

/* Somebody comes and is cut without an id. */
static void expect_turned_away(struct joining *j)
{
    struct peer *peer = peer_connect(
        &j->world.net, domi_gateway_tcp_port(j->world.gateway));

    peer_send_hex(peer, "fb080000");
    peer_expect_end(peer);
}

static void is_told_once_that_it_has_joined(void **state)
{
    struct joining j;
    struct user user;

    (void)state;
    set_up_joining(&j);
    world_start(&j.world);
    assert_int_equal(j.joined, 1);
    assert_int_equal(j.status, 0);
    user = user_connect(&j.world);
    assert_int_equal(node_of(&user), 7);
    world_close(&j.world);
    assert_int_equal(j.joined, 1);
}

/* The kinds that answer at once: local and static. */
static void every_registry_tells(void **state)
{
    struct joining j;

    (void)state;
    set_up_joining(&j);
    j.hand.id = 12;
    j.world.options.id = &j.hand.id;
    j.world.options.registry = j.world.registry;
    world_start(&j.world);
    assert_int_equal(j.joined, 1);
    world_stop(&j.world);
    j.world.closed = false;
    j.world.options.registry = NULL;
    world_start(&j.world);
    assert_int_equal(j.joined, 2);
    assert_int_equal(j.status, 0);
    world_close(&j.world);
}

static void takes_no_users_until_the_registry_answers(void **state)
{
    struct joining j;
    struct user user;

    (void)state;
    set_up_joining(&j);
    j.hand.answers = false;
    world_start(&j.world);
    assert_int_equal(j.joined, 0);
    assert_int_equal(domi_gateway_id(j.world.gateway), -1);
    expect_turned_away(&j);
    hand_answer(&j.hand, 0, 7);
    assert_int_equal(j.joined, 1);
    user = user_connect(&j.world);
    assert_int_equal(node_of(&user), 7);
    world_close(&j.world);
    assert_int_equal(j.joined, 1);
}

static void is_told_why_it_was_refused(void **state)
{
    static const int codes[] = {DOMI_E_VERSION, DOMI_E_NO_ID};

    (void)state;
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        struct joining j;

        set_up_joining(&j);
        j.hand.answers = false;
        world_start(&j.world);
        hand_answer(&j.hand, codes[i], -1);
        assert_int_equal(j.joined, 1);
        assert_int_equal(j.status, codes[i]);
        assert_int_equal(domi_gateway_drain(j.world.gateway), DOMI_E_STATE);
        expect_turned_away(&j);
        world_close(&j.world);
    }
}

static void a_refusal_at_once_is_told_by_the_start_as_well(void **state)
{
    struct joining j;

    (void)state;
    set_up_joining(&j);
    j.hand.status = UV_EADDRINUSE;
    j.world.gateway = domi_gateway_new(&j.world.net.loop, &j.world.options);
    assert_non_null(j.world.gateway);
    assert_int_equal(domi_gateway_start(j.world.gateway), UV_EADDRINUSE);
    assert_int_equal(j.joined, 1);
    assert_int_equal(j.status, UV_EADDRINUSE);
    world_close(&j.world);
}

static void a_gateway_that_is_closed_first_is_not_told(void **state)
{
    struct joining j;

    (void)state;
    set_up_joining(&j);
    j.hand.answers = false;
    world_start(&j.world);
    world_close(&j.world);
    assert_int_equal(j.joined, 0);
    assert_null(j.hand.member);
}

static void close_now(struct domi_gateway *gateway, int status, void *user)
{
    on_joined(gateway, status, user);
    domi_gateway_close(gateway, NULL, NULL);
}

static void may_be_closed_when_it_has_joined(void **state)
{
    struct joining j;

    (void)state;
    set_up_joining(&j);
    j.hand.status = DOMI_E_NO_ID;
    j.world.options.on_joined = close_now;
    j.world.gateway = domi_gateway_new(&j.world.net.loop, &j.world.options);
    assert_int_equal(domi_gateway_start(j.world.gateway), DOMI_E_NO_ID);
    UNTIL(&j.world.net, !j.hand.member);
    j.world.gateway = NULL;
    world_close(&j.world);
}

static void tells_its_registry_of_a_drain_that_came_first(void **state)
{
    struct joining j;

    (void)state;
    set_up_joining(&j);
    j.hand.answers = false;
    world_start(&j.world);
    assert_int_equal(domi_gateway_drain(j.world.gateway), 0);
    assert_int_equal(j.hand.updates, 0);
    hand_answer(&j.hand, 0, 7);
    assert_true(j.hand.member->self.draining);
    assert_int_equal(j.hand.updates, 1);
    world_close(&j.world);
}

/* ---- another id ---------------------------------------------------------- */

static void without_an_id_it_keeps_its_users_and_takes_no_more(void **state)
{
    struct joining j;
    struct user user;

    (void)state;
    set_up_joining(&j);
    world_start(&j.world);
    user = user_connect(&j.world);
    hand_set_id(&j.hand, -1);
    assert_int_equal(j.ids, 1);
    assert_int_equal(j.id, -1);
    expect_turned_away(&j);
    peer_expect_quiet(user.peer);
    world_close(&j.world);
}

static void new_sessions_have_the_new_id_and_none_comes_twice(void **state)
{
    static const int ids[] = {9, 7, -1, 7, 1022};
    struct joining j;
    struct user last;

    (void)state;
    set_up_joining(&j);
    world_start(&j.world);
    last = user_connect(&j.world);
    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        struct user user;

        hand_set_id(&j.hand, ids[i]);
        assert_int_equal(j.ids, i + 1);
        if (ids[i] < 0) {
            continue;
        }
        user = user_connect(&j.world);
        assert_int_equal(node_of(&user), ids[i]);
        /* The stamps, which are the highest bits, never go back. */
        assert_true(user.id >> 22 >= last.id >> 22);
        assert_true((user.id ^ last.id) & ~(UINT64_C(1023) << 12));
        peer_expect_quiet(last.peer);
        last = user;
    }
    world_close(&j.world);
}

/* The zone hears of both ids, so that it knows the users of before. */
static void zones_are_told_each_id(void **state)
{
    struct joining j;
    struct zone *zone;
    struct user user;
    struct place place;
    uint8_t ids[24];

    (void)state;
    set_up_joining(&j);
    zone = world_zone(&j.world, true);
    zone->features = DOMI__FEATURE_GROUPS | DOMI__FEATURE_NODES;
    world_start(&j.world);
    user = user_connect(&j.world);
    place = user_join(&user, 0, 666);
    hand_set_id(&j.hand, 9);
    put_ids(ids, 2, (uint64_t)j.hand.id, (uint64_t)9);
    peer_expect_frame(zone->link, DOMI__FRAME_NODES, ids, 16, NULL, 0);
    hand_set_id(&j.hand, -1);
    hand_set_id(&j.hand, 1022);
    put_ids(ids, 3, (uint64_t)j.hand.id, (uint64_t)9, (uint64_t)1022);
    peer_expect_frame(zone->link, DOMI__FRAME_NODES, ids, 24, NULL, 0);
    /* And once more on a new link. */
    zone_stop(zone);
    user_expect_notice(&user, DOMI_NOTICE_ZONE_LOST, DOMI_REASON_ZONE_LOST,
                       &place.target);
    zone_restart(zone);
    zone_wait(zone);
    peer_expect_frame(zone->link, DOMI__FRAME_NODES, ids, 24, NULL, 0);
    world_close(&j.world);
}

/* ---- options ------------------------------------------------------------- */

static void check_told(const char *host, const char *advertise,
                       const char *told)
{
    struct joining j;

    set_up_joining(&j);
    j.world.options.host = host;
    j.world.options.advertise = advertise;
    world_start(&j.world);
    assert_string_equal(j.hand.member->self.host, told);
    assert_int_equal(j.hand.member->self.tcp_port,
                     domi_gateway_tcp_port(j.world.gateway));
    world_close(&j.world);
}

static void others_are_told_the_advertised_address(void **state)
{
    (void)state;
    check_told(NULL, NULL, "127.0.0.1");
    check_told("127.0.0.1", "192.0.2.7", "192.0.2.7");
    check_told("0.0.0.0", "2001:db8::1", "2001:db8::1");
}

static void others_are_never_told_an_address_of_all(void **state)
{
    struct joining j;

    (void)state;
    set_up_joining(&j);
    j.world.options.host = "0.0.0.0";
    world_start(&j.world);
    assert_string_not_equal(j.hand.member->self.host, "0.0.0.0");
    world_close(&j.world);
}

struct lines {
    char last[256]; /* of the errors */
};

static void keep_line(enum domi_log_level level, const char *line, void *user)
{
    struct lines *lines = user;

    if (level == DOMI_LOG_ERROR) {
        snprintf(lines->last, sizeof(lines->last), "%s", line);
    }
}

static void check_refused(struct domi_gateway_options options,
                          const char *named)
{
    struct world world;
    struct lines lines = {""};
    struct domi_gateway *gateway;

    world_open(&world);
    options.log = keep_line;
    options.user = &lines;
    gateway = domi_gateway_new(&world.net.loop, &options);
    assert_int_equal(domi_gateway_start(gateway), DOMI_E_OPTION);
    assert_non_null(strstr(lines.last, named));
    domi_gateway_close(gateway, NULL, NULL);
    world_close(&world);
}

static void options_of_the_cluster_are_checked(void **state)
{
    char text[202];

    (void)state;
    memset(text, 'x', sizeof(text));
    text[201] = '\0';
    check_refused((struct domi_gateway_options){.come_back = text},
                  "option come_back");
    check_refused((struct domi_gateway_options){.full_percent = 101},
                  "option full_percent");
    check_refused((struct domi_gateway_options){.admin_token = ""},
                  "option admin_token");
    check_refused((struct domi_gateway_options){.cluster_key = "too short"},
                  "option cluster_key");
    check_refused((struct domi_gateway_options){.cluster_key_old = text},
                  "option cluster_key_old");
    check_refused((struct domi_gateway_options){.advertise = "0.0.0.0"},
                  "option advertise");
    check_refused((struct domi_gateway_options){.advertise = "host.example"},
                  "option advertise");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_told_once_that_it_has_joined),
        cmocka_unit_test(every_registry_tells),
        cmocka_unit_test(takes_no_users_until_the_registry_answers),
        cmocka_unit_test(is_told_why_it_was_refused),
        cmocka_unit_test(a_refusal_at_once_is_told_by_the_start_as_well),
        cmocka_unit_test(a_gateway_that_is_closed_first_is_not_told),
        cmocka_unit_test(may_be_closed_when_it_has_joined),
        cmocka_unit_test(tells_its_registry_of_a_drain_that_came_first),
        cmocka_unit_test(without_an_id_it_keeps_its_users_and_takes_no_more),
        cmocka_unit_test(new_sessions_have_the_new_id_and_none_comes_twice),
        cmocka_unit_test(zones_are_told_each_id),
        cmocka_unit_test(others_are_told_the_advertised_address),
        cmocka_unit_test(others_are_never_told_an_address_of_all),
        cmocka_unit_test(options_of_the_cluster_are_checked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
