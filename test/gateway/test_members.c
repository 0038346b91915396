/* SPDX-License-Identifier: MIT */
/* Members of groups: what the zone says is what each user hears, in order. */
#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GROUP 666

struct members {
    struct world world;
    struct zone *zone;
    struct user a, b;
    struct place place;
};

static void members_open(struct members *members)
{
    memset(members, 0, sizeof(*members));
    world_open(&members->world);
    members->zone = world_zone(&members->world, true);
    world_start(&members->world);
    members->a = user_connect(&members->world);
    members->b = user_connect(&members->world);
    members->place = user_join(&members->a, 0, GROUP);
    user_join(&members->b, 0, GROUP);
}

static void joined(struct members *members, uint64_t group, uint64_t user)
{
    zone_send_members(members->zone, DOMI__FRAME_JOINED, group, user, 0);
}

static void left(struct members *members, uint64_t group, uint64_t user,
                 enum domi_reason reason)
{
    zone_send_members(members->zone, DOMI__FRAME_LEFT, group, user,
                      (int)reason);
}

static void broadcasts_to_members_alone(void **state)
{
    struct members m;

    (void)state;
    members_open(&m);
    zone_broadcast(m.zone, GROUP, "nobody");
    joined(&m, GROUP, m.a.id);
    zone_broadcast(m.zone, GROUP, "a");
    joined(&m, GROUP, m.b.id);
    joined(&m, GROUP, m.b.id);
    zone_broadcast(m.zone, GROUP, "a and b");
    zone_broadcast_except(m.zone, m.a.id, GROUP, "b");
    left(&m, GROUP, m.a.id, DOMI_REASON_LEFT);
    left(&m, GROUP, m.a.id, DOMI_REASON_LEFT);
    zone_broadcast(m.zone, GROUP, "b again");
    zone_settle(m.zone);
    user_expect_text(&m.a, "a");
    user_expect_text(&m.a, "a and b");
    peer_expect_quiet(m.a.peer);
    user_expect_text(&m.b, "a and b");
    user_expect_text(&m.b, "b");
    user_expect_text(&m.b, "b again");
    peer_expect_quiet(m.b.peer);
    /* Left as a member, but attached: it may still ask to come back. */
    user_say(&m.a, &m.place, MESSAGE, "again");
    zone_expect_said(m.zone, &m.a, GROUP, "again");
    assert_int_equal(m.world.detaches, 0);
    world_close(&m.world);
}

static void takes_back_a_member_that_is_gone(void **state)
{
    struct members m;
    uint8_t users[16], group[8];

    (void)state;
    members_open(&m);
    put_ids(users, 2, (uint64_t)7, m.a.id);
    put_ids(group, 1, (uint64_t)GROUP);
    peer_send_frame(m.zone->link, DOMI__FRAME_JOINED, users, 16, group, 8);
    zone_expect_leave(m.zone, 7, GROUP);
    zone_broadcast(m.zone, GROUP, "a");
    user_expect_text(&m.a, "a");
    world_close(&m.world);
}

static void takes_back_a_member_that_has_left(void **state)
{
    struct members m;

    (void)state;
    members_open(&m);
    peer_send_frame(m.a.peer, LEAVE, m.place.extend, 16, NULL, 0);
    zone_expect_leave(m.zone, m.a.id, GROUP);
    /* The zone's word was on its way when the user left. */
    joined(&m, GROUP, m.a.id);
    zone_expect_leave(m.zone, m.a.id, GROUP);
    zone_broadcast(m.zone, GROUP, "nobody");
    zone_settle(m.zone);
    /* A user's frame on its way to what it has left is no offence. */
    user_say(&m.a, &m.place, MESSAGE, "late");
    peer_expect_quiet(m.a.peer);
    assert_int_equal(world_stats(&m.world).dropped_target, 1);
    zone_settle(m.zone);
    world_close(&m.world);
}

static void hears_nothing_of_a_group_that_it_has_left(void **state)
{
    struct members m;
    struct place other;

    (void)state;
    members_open(&m);
    other = user_join(&m.a, 0, GROUP + 1);
    peer_send_frame(m.a.peer, LEAVE, m.place.extend, 16, NULL, 0);
    zone_expect_leave(m.zone, m.a.id, GROUP);
    /* The recorded form, which names the user, was on its way. */
    zone_send_to(m.zone, GROUP, "late", 1, m.a.id);
    zone_expect_leave(m.zone, m.a.id, GROUP);
    zone_send_to(m.zone, GROUP + 1, "in time", 1, m.a.id);
    user_expect_text(&m.a, "in time");
    user_say(&m.a, &other, MESSAGE, "hello");
    zone_expect_said(m.zone, &m.a, GROUP + 1, "hello");
    world_close(&m.world);
}

static void attaches_to_another_group_of_the_zone(void **state)
{
    struct members m;
    struct place other;

    (void)state;
    members_open(&m);
    joined(&m, GROUP + 1, m.a.id);
    zone_broadcast(m.zone, GROUP + 1, "moved");
    user_expect_text(&m.a, "moved");
    put_ids(other.extend, 2, m.place.target.id, (uint64_t)GROUP + 1);
    user_say(&m.a, &other, MESSAGE, "hello");
    zone_expect_said(m.zone, &m.a, GROUP + 1, "hello");
    peer_expect_quiet(m.b.peer);
    world_close(&m.world);
}

/* A second zone, which B has never joined, tries everything. */
static void keeps_zones_from_users_of_others(void **state)
{
    struct members m;
    struct zone *other;

    (void)state;
    memset(&m, 0, sizeof(m));
    world_open(&m.world);
    m.zone = world_zone(&m.world, true);
    other = world_zone(&m.world, true);
    world_start(&m.world);
    m.a = user_connect(&m.world);
    m.b = user_connect(&m.world);
    user_join(&m.a, 0, GROUP);
    user_join(&m.a, 1, GROUP);
    user_join(&m.b, 0, GROUP);
    joined(&m, GROUP, m.b.id);
    zone_settle(m.zone);

    zone_send_members(other, DOMI__FRAME_JOINED, GROUP, m.b.id, 0);
    zone_expect_leave(other, m.b.id, GROUP);
    zone_send_members(other, DOMI__FRAME_JOINED, GROUP, m.a.id, 0);
    zone_send_to(other, GROUP, "type 9", 2, m.a.id, m.b.id);
    zone_expect_leave(other, m.b.id, GROUP);
    zone_broadcast(other, GROUP, "type 15");
    zone_broadcast_except(other, 1, GROUP, "type 16");
    zone_send_members(other, DOMI__FRAME_LEFT, GROUP, m.b.id,
                      DOMI_REASON_KICKED);
    zone_settle(other);
    user_expect_text(&m.a, "type 9");
    user_expect_text(&m.a, "type 15");
    user_expect_text(&m.a, "type 16");
    peer_expect_quiet(m.a.peer);
    peer_expect_quiet(m.b.peer);
    zone_broadcast(m.zone, GROUP, "its own");
    user_expect_text(&m.b, "its own");
    world_close(&m.world);
}

static void loses_a_zone_that_sends_what_zones_may_not(void **state)
{
    static const struct {
        const char *hex;
        enum domi_reason reason;
    } offences[] = {
        {"0800000000003300", DOMI_REASON_FORBIDDEN_TYPE},
        {"2000000010000a00"
         "0000000000000000"
         "0000000000000000"
         "9a02000000000000",
         DOMI_REASON_FORBIDDEN_TYPE},
        {"0800000000000500", DOMI_REASON_FORBIDDEN_TYPE},
        {"0800000000000900", DOMI_REASON_BAD_BODY},
        {"1200000002000900"
         "00000000000000000000",
         DOMI_REASON_BAD_BODY},
        {"120000000a000900"
         "9a02000000000000"
         "0200",
         DOMI_REASON_FORBIDDEN_INNER_TYPE},
        {"120000000a000f00"
         "9a02000000000000"
         "0200",
         DOMI_REASON_FORBIDDEN_INNER_TYPE},
        {"0700000000003300", DOMI_REASON_FRAME_LENGTH},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(offences) / sizeof(*offences); i++) {
        struct members m;

        members_open(&m);
        peer_send_hex(m.zone->link, offences[i].hex);
        user_expect_notice(&m.a, DOMI_NOTICE_ZONE_LOST, DOMI_REASON_ZONE_LOST,
                           &m.place.target);
        assert_int_equal(world_stats(&m.world).links_closed[offences[i].reason],
                         1);
        world_close(&m.world);
    }
}

#define LIST 120000u /* ids; nearly as long as a frame may be */

/* Each is taken back, and the users who are there go on. */
static void a_list_of_strangers_harms_nobody(void **state)
{
    struct members m;
    uint8_t *ids = malloc(LIST * 8);
    uint8_t group[8];

    (void)state;
    assert_non_null(ids);
    for (uint32_t i = 0; i < LIST; i++) {
        domi_put_u64(ids + (size_t)i * 8, 1000 + i);
    }
    members_open(&m);
    joined(&m, GROUP, m.a.id);
    domi_put_u64(group, GROUP);
    peer_send_frame(m.zone->link, DOMI__FRAME_JOINED, ids, LIST * 8, group, 8);
    for (uint32_t i = 0; i < LIST; i++) {
        zone_expect_leave(m.zone, 1000 + i, GROUP);
    }
    zone_broadcast(m.zone, GROUP, "still here");
    user_expect_text(&m.a, "still here");
    world_close(&m.world);
    free(ids);
}

static void tells_who_is_kicked(void **state)
{
    struct members m;

    (void)state;
    members_open(&m);
    joined(&m, GROUP, m.a.id);
    joined(&m, GROUP, m.b.id);
    left(&m, GROUP, m.a.id, DOMI_REASON_KICKED);
    zone_broadcast(m.zone, GROUP, "b");
    user_expect_text(&m.b, "b");
    user_expect_notice(&m.a, DOMI_NOTICE_LEFT, DOMI_REASON_KICKED,
                       &m.place.target);
    assert_int_equal(m.world.detaches, 1);
    assert_int_equal(m.world.detached_user, m.a.id);
    assert_int_equal(m.world.detach_reason, DOMI_REASON_KICKED);
    user_say(&m.a, &m.place, MESSAGE, "late");
    peer_expect_quiet(m.a.peer);
    assert_int_equal(world_stats(&m.world).dropped_target, 1);
    user_join(&m.a, 0, GROUP);
    user_say(&m.a, &m.place, MESSAGE, "back");
    zone_expect_said(m.zone, &m.a, GROUP, "back");
    world_close(&m.world);
}

static void tells_all_that_the_group_is_closed(void **state)
{
    struct members m;
    uint8_t extend[10];

    (void)state;
    members_open(&m);
    m.world.call_again = true;
    joined(&m, GROUP, m.a.id);
    put_ids(extend, 1, (uint64_t)GROUP);
    domi_put_u16(extend + 8, DOMI_REASON_GROUP_CLOSED);
    peer_send_frame(m.zone->link, DOMI__FRAME_GROUP_CLOSED, NULL, 0, extend,
                    10);
    user_expect_notice(&m.a, DOMI_NOTICE_LEFT, DOMI_REASON_GROUP_CLOSED,
                       &m.place.target);
    user_expect_notice(&m.b, DOMI_NOTICE_LEFT, DOMI_REASON_GROUP_CLOSED,
                       &m.place.target);
    assert_int_equal(m.world.detaches, 2);
    /* Attached anew from inside on_detach, to a group made anew. */
    for (int i = 0; i < 2; i++) {
        assert_int_equal(peer_next(m.zone->link).type, JOIN);
    }
    assert_int_equal(peer_next(m.a.peer).type, JOIN);
    joined(&m, GROUP, m.a.id);
    zone_broadcast(m.zone, GROUP, "anew");
    user_expect_text(&m.a, "anew");
    world_close(&m.world);
}

static void tells_that_the_zone_has_too_many_groups(void **state)
{
    struct members m;
    uint8_t extend[10];

    (void)state;
    members_open(&m);
    put_ids(extend, 1, (uint64_t)GROUP);
    domi_put_u16(extend + 8, DOMI_REASON_TOO_MANY);
    peer_send_frame(m.zone->link, DOMI__FRAME_GROUP_CLOSED, NULL, 0, extend,
                    10);
    user_expect_notice(&m.a, DOMI_NOTICE_LEFT, DOMI_REASON_TOO_MANY,
                       &m.place.target);
    assert_int_equal(m.world.detach_reason, DOMI_REASON_TOO_MANY);
    world_close(&m.world);
}

static void tells_the_zone_once_who_is_gone(void **state)
{
    struct members m;
    uint8_t user[8], reason[2];

    (void)state;
    members_open(&m);
    for (uint64_t group = GROUP + 1; group < GROUP + 5; group++) {
        user_join(&m.a, 0, group);
    }
    peer_close(m.a.peer);
    put_ids(user, 1, m.a.id);
    domi_put_u16(reason, DOMI_REASON_DISCONNECTED);
    peer_expect_frame(m.zone->link, DOMI__FRAME_USERS_GONE, user, 8, reason, 2);
    zone_settle(m.zone);
    world_close(&m.world);
}

static void tells_a_recorded_zone_of_each_group(void **state)
{
    struct members m;
    bool seen[5] = {false};

    (void)state;
    memset(&m, 0, sizeof(m));
    world_open(&m.world);
    m.zone = world_zone(&m.world, false);
    world_start(&m.world);
    m.a = user_connect(&m.world);
    for (uint64_t group = 0; group < 5; group++) {
        user_join(&m.a, 0, GROUP + group);
    }
    peer_close(m.a.peer);
    for (int i = 0; i < 5; i++) {
        struct domi_frame frame = peer_next(m.zone->link);
        uint64_t group;

        assert_int_equal(frame.type, DOMI__FRAME_USER_LEAVE);
        assert_int_equal(domi_get_u64(frame.extend), m.a.id);
        group = domi_get_u64(frame.extend + 8) - GROUP;
        assert_true(group < 5);
        assert_false(seen[group]);
        seen[group] = true;
    }
    zone_settle(m.zone);
    world_close(&m.world);
}

static void limits_a_sessions_targets(void **state)
{
    struct members m;
    struct domi_frame frame;

    (void)state;
    memset(&m, 0, sizeof(m));
    world_open(&m.world);
    m.world.options.targets = 2;
    m.zone = world_zone(&m.world, true);
    world_start(&m.world);
    m.a = user_connect(&m.world);
    m.place = user_join(&m.a, 0, GROUP);
    user_join(&m.a, 0, GROUP + 1);
    user_join(&m.a, 0, GROUP); /* again is no third */
    user_ask(&m.a, 0, GROUP + 2);
    frame = peer_next(m.a.peer);
    assert_int_equal(domi_get_u64(frame.data), 0);
    assert_int_equal(m.world.call_status, DOMI_E_TOO_MANY);
    /* The zone is bound by it too. */
    joined(&m, GROUP + 2, m.a.id);
    zone_expect_leave(m.zone, m.a.id, GROUP + 2);
    peer_send_frame(m.a.peer, LEAVE, m.place.extend, 16, NULL, 0);
    zone_expect_leave(m.zone, m.a.id, GROUP);
    user_join(&m.a, 0, GROUP + 2);
    world_close(&m.world);
}

/* Each user leaves many groups, joins others, and sends to the old ones. */
static void remembers_many_groups_that_were_left(void **state)
{
    enum {
        GROUPS = 40
    };
    struct members m;
    struct place places[GROUPS];

    (void)state;
    members_open(&m);
    for (uint64_t i = 0; i < GROUPS; i++) {
        places[i] = user_join(&m.a, 0, 1000 + i);
    }
    for (uint64_t i = GROUPS; i-- > 0;) {
        peer_send_frame(m.a.peer, LEAVE, places[i].extend, 16, NULL, 0);
        zone_expect_leave(m.zone, m.a.id, 1000 + i);
    }
    user_join(&m.a, 0, 2000);
    for (uint64_t i = 0; i < GROUPS; i++) {
        user_say(&m.a, &places[i], MESSAGE, "late");
    }
    peer_expect_quiet(m.a.peer);
    assert_int_equal(world_stats(&m.world).dropped_target, GROUPS);
    world_close(&m.world);
}

/* ---- against a model ----------------------------------------------------- */

enum {
    USERS = 5,
    GROUPS = 3,
    STEPS = 120,
    RUNS = 60
};

struct model {
    struct members m;
    struct user users[USERS];
    bool member[USERS][GROUPS];
    unsigned expected[USERS][STEPS]; /* the numbers of texts, in order */
    unsigned count[USERS];
};

static void expect_text(struct model *model, unsigned user, unsigned step)
{
    model->expected[user][model->count[user]++] = step;
}

static void model_step(struct model *model, unsigned step)
{
    unsigned user = (unsigned)rand() % USERS;
    unsigned group = (unsigned)rand() % GROUPS;
    uint64_t id = model->users[user].id;
    char text[16];

    snprintf(text, sizeof(text), "%u", step);
    switch (rand() % 5) {
    case 0:
        joined(&model->m, GROUP + group, id);
        model->member[user][group] = true;
        break;
    case 1:
        left(&model->m, GROUP + group, id, DOMI_REASON_LEFT);
        model->member[user][group] = false;
        break;
    case 2:
        zone_send_to(model->m.zone, GROUP + group, text, 1, id);
        expect_text(model, user, step);
        break;
    case 3:
        zone_broadcast(model->m.zone, GROUP + group, text);
        for (unsigned i = 0; i < USERS; i++) {
            if (model->member[i][group]) {
                expect_text(model, i, step);
            }
        }
        break;
    case 4:
        zone_broadcast_except(model->m.zone, id, GROUP + group, text);
        for (unsigned i = 0; i < USERS; i++) {
            if (model->member[i][group] && i != user) {
                expect_text(model, i, step);
            }
        }
        break;
    }
}

static void keeps_the_order_of_the_zone(void **state)
{
    (void)state;
    srand(1);
    for (int run = 0; run < RUNS; run++) {
        static struct model model;

        memset(&model, 0, sizeof(model));
        members_open(&model.m);
        for (unsigned i = 0; i < USERS; i++) {
            model.users[i] = user_connect(&model.m.world);
            user_join(&model.users[i], 0, GROUP);
        }
        for (unsigned step = 0; step < STEPS; step++) {
            model_step(&model, step);
            if (rand() % 8 == 0) {
                net_turn(&model.m.world.net);
            }
        }
        zone_settle(model.m.zone);
        for (unsigned i = 0; i < USERS; i++) {
            for (unsigned n = 0; n < model.count[i]; n++) {
                char text[16];

                snprintf(text, sizeof(text), "%u", model.expected[i][n]);
                user_expect_text(&model.users[i], text);
            }
            peer_expect_quiet(model.users[i].peer);
        }
        world_close(&model.m.world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(broadcasts_to_members_alone),
        cmocka_unit_test(takes_back_a_member_that_is_gone),
        cmocka_unit_test(takes_back_a_member_that_has_left),
        cmocka_unit_test(hears_nothing_of_a_group_that_it_has_left),
        cmocka_unit_test(attaches_to_another_group_of_the_zone),
        cmocka_unit_test(keeps_zones_from_users_of_others),
        cmocka_unit_test(loses_a_zone_that_sends_what_zones_may_not),
        cmocka_unit_test(a_list_of_strangers_harms_nobody),
        cmocka_unit_test(tells_who_is_kicked),
        cmocka_unit_test(tells_all_that_the_group_is_closed),
        cmocka_unit_test(tells_that_the_zone_has_too_many_groups),
        cmocka_unit_test(tells_the_zone_once_who_is_gone),
        cmocka_unit_test(tells_a_recorded_zone_of_each_group),
        cmocka_unit_test(limits_a_sessions_targets),
        cmocka_unit_test(remembers_many_groups_that_were_left),
        cmocka_unit_test(keeps_the_order_of_the_zone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
