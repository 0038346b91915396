/* SPDX-License-Identifier: MIT */
/* Where a group is: found by what zones tell, or placed. */
#include "placement_fixture.h"

#include <string.h>

#include "domi/err.h"

/* Opens so many zones that the registry tells of. */
static void open_zones(struct cluster *cluster, unsigned count)
{
    cluster_open(cluster);
    for (unsigned i = 0; i < count; i++) {
        played_open(cluster, i);
    }
    cluster_tell(cluster);
}

static struct domi__placement_counts count(struct asker *asker)
{
    struct domi__placement_counts counts;

    domi__placement_count(asker->placement, &counts);
    return counts;
}

static void load(struct played *zone, int memory, uint16_t flags)
{
    zone->memory = memory;
    zone->flags = flags;
    played_tell_load(zone);
    cluster_settle(zone->cluster);
}

/* ---- finding ------------------------------------------------------------- */

static void finds_a_group_that_a_zone_has(void **state)
{
    struct cluster cluster;

    (void)state;
    open_zones(&cluster, 3);
    cluster.zones[1].memory = 99;
    played_add_group(&cluster.zones[1], 7);
    assert_int_equal(asker_find(asker_open(&cluster, 0), 7), 101);
    assert_int_equal(cluster.zones[0].places, 0);
    cluster_close(&cluster);
}

static void finds_at_once_a_group_that_was_announced(void **state)
{
    struct cluster cluster;
    struct question question;
    struct asker *asker;

    (void)state;
    open_zones(&cluster, 3);
    asker = asker_open(&cluster, 0);
    assert_int_equal(asker_find(asker, 1), 100);
    played_add_group(&cluster.zones[2], 7);
    cluster_settle(&cluster);
    question_init(&question, asker, 7);
    question_ask(&question);
    assert_int_equal(question.answers, 1);
    assert_int_equal(question.id, 102);
    assert_int_equal(question.port, cluster.zones[2].node.tcp_port);
    cluster_close(&cluster);
}

/* It would fill the gateway's memory. */
static void cuts_a_zone_that_tells_of_too_many_groups(void **state)
{
    struct cluster cluster;
    struct asker *asker;

    (void)state;
    open_zones(&cluster, 1);
    asker = asker_open(&cluster, 0);
    asker_find(asker, 1);
    while (cluster.zones[0].group_count < GROUPS_MAX - 1) {
        played_add_group(&cluster.zones[0],
                         10 + cluster.zones[0].group_count);
    }
    cluster_settle(&cluster);
    assert_int_equal(asker->down, 0);
    played_add_group(&cluster.zones[0], 9);
    UNTIL(&cluster.net, asker->down == 1);
    assert_int_equal(asker->reason, DOMI_REASON_TOO_MANY);
    cluster.heard = cluster.sent; /* what was on its way is lost */
    cluster_close(&cluster);
}

static void finds_no_group_that_was_closed(void **state)
{
    struct cluster cluster;
    struct asker *asker;

    (void)state;
    open_zones(&cluster, 2);
    played_add_group(&cluster.zones[1], 7);
    asker = asker_open(&cluster, 0);
    assert_int_equal(asker_find(asker, 7), 101);
    played_close_group(&cluster.zones[1], 7, DOMI_REASON_GROUP_CLOSED);
    cluster_settle(&cluster);
    load(&cluster.zones[0], 10, 0);
    assert_int_equal(asker_find(asker, 7), 100);
    cluster_close(&cluster);
}

/* The first question comes when nothing is known yet. */
static void waits_for_what_all_zones_have(void **state)
{
    struct cluster cluster;
    struct question question;
    struct asker *asker;

    (void)state;
    open_zones(&cluster, 3);
    cluster.zones[2].holds_list = true;
    cluster.zones[2].memory = 99;
    asker = asker_open(&cluster, 0);
    question_init(&question, asker, 7);
    question_ask(&question);
    UNTIL(&cluster.net, asker->up == 3);
    cluster_settle(&cluster);
    assert_int_equal(question.answers, 0);
    played_add_group(&cluster.zones[2], 7);
    cluster_settle(&cluster);
    assert_int_equal(question.id, 102);
    question_init(&question, asker, 8);
    question_ask(&question);
    assert_int_equal(question.answers, 0);
    assert_int_equal(cluster.zones[0].places, 0);
    played_end_list(&cluster.zones[2]);
    UNTIL(&cluster.net, question.answers);
    assert_int_equal(question.id, 100);
    cluster_close(&cluster);
}

static void goes_on_without_a_list_that_does_not_end(void **state)
{
    struct cluster cluster;
    struct question question;
    struct asker *asker;

    (void)state;
    open_zones(&cluster, 2);
    cluster.zones[1].holds_list = true;
    asker = asker_open(&cluster, 0);
    question_init(&question, asker, 7);
    question_ask(&question);
    UNTIL(&cluster.net, asker->up == 2 && cluster.sent == 5);
    cluster_settle(&cluster);
    assert_int_equal(question.answers, 0);
    cluster_wait(&cluster, 3000);
    UNTIL(&cluster.net, question.answers);
    assert_int_equal(question.id, 100);
    cluster_close(&cluster);
}

static void goes_on_without_a_zone_that_cannot_be_reached(void **state)
{
    struct cluster cluster;
    struct asker *asker;

    (void)state;
    open_zones(&cluster, 3);
    played_kill(&cluster.zones[0]);
    asker = asker_open(&cluster, 0);
    assert_int_equal(asker_find(asker, 7), 101);
    assert_int_equal(cluster.zones[1].places, 1);
    assert_int_equal(count(asker).nodes, 3);
    cluster_close(&cluster);
}

static void places_in_zones_that_do_not_know_hello(void **state)
{
    struct cluster cluster;
    struct question question;
    struct asker *asker;

    (void)state;
    open_zones(&cluster, 2);
    cluster.zones[0].features = 0;
    cluster.zones[1].features = 0;
    asker = asker_open(&cluster, 0);
    question_init(&question, asker, 7);
    question_ask(&question);
    UNTIL(&cluster.net, asker->up == 2);
    cluster_wait(&cluster, 1000);
    assert_int_equal(question.id, 100);
    for (unsigned i = 0; i < 30; i++) {
        assert_int_equal(asker_find(asker, 7), 100);
        cluster_wait(&cluster, 1000);
    }
    assert_int_equal(asker_find(asker, 8), 101);
    assert_int_equal(cluster.zones[0].places + cluster.zones[1].places, 0);
    cluster_close(&cluster);
}

static void finds_nothing_where_there_is_no_zone(void **state)
{
    struct cluster cluster;
    struct question question;
    struct asker *asker;

    (void)state;
    cluster_open(&cluster);
    asker = asker_open(&cluster, 0);
    question_init(&question, asker, 7);
    question_ask(&question);
    assert_int_equal(question.answers, 0); /* the registry may yet tell */
    cluster_wait(&cluster, 3000);
    assert_int_equal(question.status, DOMI_E_NO_ZONE);
    cluster_tell(&cluster);
    question_init(&question, asker, 7);
    question_ask(&question);
    assert_int_equal(question.status, DOMI_E_NO_ZONE);
    cluster_close(&cluster);
}

static void waits_for_what_the_registry_tells(void **state)
{
    struct cluster cluster;
    struct question question;

    (void)state;
    cluster_open(&cluster);
    question_init(&question, asker_open(&cluster, 0), 7);
    question_ask(&question);
    played_open(&cluster, 0);
    cluster_tell(&cluster);
    UNTIL(&cluster.net, question.answers);
    assert_int_equal(question.id, 100);
    cluster_close(&cluster);
}

static void waits_a_while_for_a_zone_that_starts_anew(void **state)
{
    struct cluster cluster;
    struct question question;
    struct asker *asker;

    (void)state;
    open_zones(&cluster, 1);
    played_kill(&cluster.zones[0]);
    asker = asker_open(&cluster, 0);
    question_init(&question, asker, 7);
    question_ask(&question);
    UNTIL(&cluster.net, asker->failed > 0);
    assert_int_equal(question.answers, 0);
    played_restart(&cluster.zones[0]);
    UNTIL(&cluster.net, question.answers);
    assert_int_equal(question.id, 100);
    played_kill(&cluster.zones[0]);
    question_init(&question, asker, 8);
    UNTIL(&cluster.net, asker->failed > 1);
    question_ask(&question);
    cluster_wait(&cluster, 3000);
    UNTIL(&cluster.net, question.answers);
    assert_int_equal(question.status, DOMI_E_ZONE_LOST);
    cluster_close(&cluster);
}

/* ---- agreeing ------------------------------------------------------------ */

/* Two gateways that know nothing of each other, in both orders. */
static void sends_all_who_ask_at_once_to_one_zone(void **state)
{
    struct question questions[2][200];
    struct cluster cluster;
    unsigned used[3] = {0};

    (void)state;
    open_zones(&cluster, 3);
    asker_find(asker_open(&cluster, 0), 1000);
    asker_find(asker_open(&cluster, 1), 1000);
    /* They would choose otherwise, each for itself. */
    for (unsigned i = 0; i < 31; i++) {
        asker_find(&cluster.askers[1], 2000 + i);
    }
    for (uint64_t group = 0; group < 200; group++) {
        for (unsigned i = 0; i < 2; i++) {
            unsigned asker = (unsigned)(group + i) % 2;

            question_init(&questions[asker][group], &cluster.askers[asker],
                          group);
            question_ask(&questions[asker][group]);
        }
    }
    for (unsigned group = 0; group < 200; group++) {
        UNTIL(&cluster.net, questions[0][group].answers &&
                                questions[1][group].answers);
        assert_int_equal(questions[0][group].id, questions[1][group].id);
        used[questions[0][group].id - 100]++;
    }
    assert_true(used[0] > 20 && used[1] > 20 && used[2] > 20);
    assert_int_equal(count(&cluster.askers[0]).splits, 0);
    cluster_close(&cluster);
}

static void asks_once_for_all_who_ask_for_one_group(void **state)
{
    struct question questions[50];
    struct cluster cluster;
    struct asker *asker;

    (void)state;
    open_zones(&cluster, 2);
    asker = asker_open(&cluster, 0);
    for (unsigned i = 0; i < 50; i++) {
        question_init(&questions[i], asker, 7);
        question_ask(&questions[i]);
    }
    for (unsigned i = 0; i < 50; i++) {
        UNTIL(&cluster.net, questions[i].answers);
        assert_int_equal(questions[i].id, 100);
        assert_int_equal(questions[i].answers, 1);
    }
    assert_int_equal(cluster.zones[0].places, 1);
    cluster_close(&cluster);
}

/* Until the zone announces it, or has had the time to. */
static void remembers_for_a_while_what_was_placed(void **state)
{
    struct cluster cluster;
    struct asker *asker;

    (void)state;
    open_zones(&cluster, 2);
    asker = asker_open(&cluster, 0);
    assert_int_equal(asker_find(asker, 7), 100);
    cluster.zones[0].placed_count = 0;
    load(&cluster.zones[0], 60, 0);
    assert_int_equal(asker_find(asker, 7), 100);
    assert_int_equal(count(asker).groups, 1);
    cluster_wait(&cluster, 11000);
    cluster_wait(&cluster, 1000);
    assert_int_equal(count(asker).groups, 0);
    load(&cluster.zones[0], 60, 0);
    load(&cluster.zones[1], 50, 0);
    assert_int_equal(asker_find(asker, 7), 101);
    cluster_close(&cluster);
}

static void goes_where_the_oldest_zone_says(void **state)
{
    struct cluster cluster;

    (void)state;
    open_zones(&cluster, 3);
    cluster.zones[2].node.age_order = 1;
    cluster_tell(&cluster);
    cluster.zones[2].placed[0][0] = 7;
    cluster.zones[2].placed[0][1] = 101;
    cluster.zones[2].placed_count = 1;
    assert_int_equal(asker_find(asker_open(&cluster, 0), 7), 101);
    assert_int_equal(cluster.zones[2].places, 1);
    assert_true(cluster.zones[2].refused == UINT64_MAX);
    cluster_close(&cluster);
}

static void asks_the_next_oldest_when_one_does_not_answer(void **state)
{
    struct cluster cluster;
    struct question question;
    struct asker *asker;

    (void)state;
    open_zones(&cluster, 3);
    cluster.zones[0].is_deaf = true;
    asker = asker_open(&cluster, 0);
    question_init(&question, asker, 7);
    question_ask(&question);
    UNTIL(&cluster.net, cluster.zones[0].places == 1);
    assert_int_equal(question.answers, 0);
    cluster_wait(&cluster, 1000);
    UNTIL(&cluster.net, question.answers);
    assert_int_equal(question.id, 101);
    assert_int_equal(cluster.zones[1].places, 1);
    /* It is not asked again before it is heard again. */
    assert_int_equal(asker_find(asker, 8), 102);
    assert_int_equal(cluster.zones[0].places, 1);
    cluster.zones[0].is_deaf = false;
    load(&cluster.zones[0], 10, 0);
    assert_int_equal(asker_find(asker, 9), 100);
    assert_int_equal(cluster.zones[0].places, 2);
    cluster_close(&cluster);
}

static void asks_the_next_oldest_when_one_is_killed(void **state)
{
    struct cluster cluster;
    struct question question;

    (void)state;
    open_zones(&cluster, 3);
    cluster.zones[0].is_deaf = true;
    question_init(&question, asker_open(&cluster, 0), 7);
    question_ask(&question);
    UNTIL(&cluster.net, cluster.zones[0].places == 1);
    played_kill(&cluster.zones[0]);
    UNTIL(&cluster.net, question.answers);
    assert_int_equal(question.id, 101);
    assert_int_equal(cluster.zones[1].places, 1);
    cluster_close(&cluster);
}

static void asks_again_when_the_named_zone_cannot_be_reached(void **state)
{
    struct cluster cluster;

    (void)state;
    open_zones(&cluster, 3);
    played_kill(&cluster.zones[2]);
    cluster.zones[0].placed[0][0] = 7;
    cluster.zones[0].placed[0][1] = 102;
    cluster.zones[0].placed_count = 1;
    assert_int_equal(asker_find(asker_open(&cluster, 0), 7), 100);
    assert_int_equal(cluster.zones[0].places, 2);
    assert_int_equal(cluster.zones[0].refused, 102);
    cluster_close(&cluster);
}

/* Another gateway may have heard of a new zone first. */
static void awaits_a_zone_that_is_named_before_it_is_known(void **state)
{
    struct cluster cluster;
    struct question question;
    struct asker *asker;

    (void)state;
    open_zones(&cluster, 2);
    cluster.zones[0].placed[0][0] = 7;
    cluster.zones[0].placed[0][1] = 102;
    cluster.zones[0].placed[1][0] = 8;
    cluster.zones[0].placed[1][1] = 103;
    cluster.zones[0].placed_count = 2;
    asker = asker_open(&cluster, 0);
    question_init(&question, asker, 7);
    question_ask(&question);
    UNTIL(&cluster.net, cluster.zones[0].places == 1);
    cluster_settle(&cluster);
    assert_int_equal(question.answers, 0);
    played_open(&cluster, 2);
    cluster_tell(&cluster);
    UNTIL(&cluster.net, question.answers);
    assert_int_equal(question.id, 102);
    assert_int_equal(cluster.zones[0].places, 1);

    question_init(&question, asker, 8);
    question_ask(&question);
    UNTIL(&cluster.net, cluster.zones[0].places == 2);
    cluster_settle(&cluster);
    load(&cluster.zones[0], 10, 0);
    cluster_wait(&cluster, 2000);
    UNTIL(&cluster.net, question.answers);
    assert_int_equal(question.id, 100);
    assert_int_equal(cluster.zones[0].refused, 103);
    cluster_close(&cluster);
}

/* To refuse it would overturn a word that another gateway has acted upon. */
static void awaits_a_zone_that_is_named_before_it_has_listed_its_groups(
    void **state)
{
    struct cluster cluster;
    struct question question;
    struct asker *asker;

    (void)state;
    open_zones(&cluster, 2);
    asker = asker_open(&cluster, 0);
    assert_int_equal(asker_find(asker, 6), 100);
    cluster.zones[0].placed[1][0] = 7;
    cluster.zones[0].placed[1][1] = 102;
    cluster.zones[0].placed_count = 2;
    question_init(&question, asker, 7);
    question_ask(&question);
    played_open(&cluster, 2)->holds_list = true;
    cluster_tell(&cluster);
    UNTIL(&cluster.net, cluster.zones[0].places == 2 && asker->up == 3);
    cluster_settle(&cluster);
    assert_int_equal(question.answers, 0);
    played_end_list(&cluster.zones[2]);
    UNTIL(&cluster.net, question.answers);
    assert_int_equal(question.id, 102);
    assert_int_equal(cluster.zones[0].places, 2);
    cluster_close(&cluster);
}

/* As after a partition. */
static void sends_new_users_to_the_older_of_two_zones(void **state)
{
    struct cluster cluster;
    struct asker *asker;

    (void)state;
    open_zones(&cluster, 3);
    played_add_group(&cluster.zones[2], 7);
    asker = asker_open(&cluster, 0);
    assert_int_equal(asker_find(asker, 7), 102);
    played_add_group(&cluster.zones[1], 7);
    cluster_settle(&cluster);
    assert_int_equal(asker_find(asker, 7), 101);
    assert_int_equal(count(asker).splits, 1);
    assert_int_equal(count(asker).groups, 1);
    assert_int_equal(cluster.split_lines, 1);
    played_close_group(&cluster.zones[1], 7, DOMI_REASON_GROUP_CLOSED);
    cluster_settle(&cluster);
    assert_int_equal(asker_find(asker, 7), 102);
    cluster_close(&cluster);
}

/* ---- zones that come and go ---------------------------------------------- */

static void keeps_groups_over_a_link_that_flaps(void **state)
{
    struct cluster cluster;
    struct question question;
    struct asker *asker;

    (void)state;
    open_zones(&cluster, 2);
    played_add_group(&cluster.zones[1], 7);
    played_add_group(&cluster.zones[1], 8);
    asker = asker_open(&cluster, 0);
    assert_int_equal(asker_find(asker, 7), 101);
    for (unsigned i = 1; i <= 3; i++) {
        cluster.zones[1].holds_list = true;
        played_flap(&cluster.zones[1]);
        UNTIL(&cluster.net, asker->down == i);
        question_init(&question, asker, 7);
        question_ask(&question);
        assert_int_equal(question.id, 101);
        UNTIL(&cluster.net, asker->up == 2 + i);
        question_init(&question, asker, 8);
        question_ask(&question);
        assert_int_equal(question.id, 101);
        played_end_list(&cluster.zones[1]);
        cluster_settle(&cluster);
    }
    assert_int_equal(asker_find(asker, 8), 101);
    assert_int_equal(count(asker).splits, 0);
    cluster_close(&cluster);
}

static void forgets_groups_that_closed_while_the_link_was_lost(void **state)
{
    struct cluster cluster;
    struct asker *asker;

    (void)state;
    open_zones(&cluster, 2);
    played_add_group(&cluster.zones[1], 7);
    played_add_group(&cluster.zones[1], 8);
    asker = asker_open(&cluster, 0);
    assert_int_equal(asker_find(asker, 7), 101);
    played_flap(&cluster.zones[1]);
    UNTIL(&cluster.net, asker->down == 1);
    cluster.zones[1].groups[0] = cluster.zones[1].groups[1];
    cluster.zones[1].group_count = 1;
    UNTIL(&cluster.net, asker->up == 3);
    UNTIL(&cluster.net, count(asker).groups == 1);
    assert_int_equal(asker_find(asker, 8), 101);
    assert_int_equal(asker_find(asker, 7), 100);
    cluster_close(&cluster);
}

/* Its list is so late that nobody waited for its end. */
static void forgets_what_a_late_list_leaves_out(void **state)
{
    struct cluster cluster;
    struct asker *asker;

    (void)state;
    open_zones(&cluster, 2);
    played_add_group(&cluster.zones[1], 7);
    asker = asker_open(&cluster, 0);
    assert_int_equal(asker_find(asker, 7), 101);
    cluster.zones[1].holds_list = true;
    cluster.zones[1].group_count = 0;
    played_flap(&cluster.zones[1]);
    UNTIL(&cluster.net, asker->up == 3);
    cluster_settle(&cluster);
    cluster_wait(&cluster, 3000);
    assert_int_equal(count(asker).groups, 1);
    played_end_list(&cluster.zones[1]);
    UNTIL(&cluster.net, count(asker).groups == 0);
    cluster_close(&cluster);
}

static void makes_groups_of_a_killed_zone_elsewhere(void **state)
{
    struct cluster cluster;
    struct asker *asker;

    (void)state;
    open_zones(&cluster, 2);
    played_add_group(&cluster.zones[0], 7);
    asker = asker_open(&cluster, 0);
    assert_int_equal(asker_find(asker, 7), 100);
    played_kill(&cluster.zones[0]);
    UNTIL(&cluster.net, asker->failed > 0);
    assert_int_equal(asker_find(asker, 7), 101);
    assert_int_equal(cluster.zones[1].places, 1);
    cluster_close(&cluster);
}

/* Tells of the first zone and of one that the test plays by hand, which hangs
   from its second link on: the kernel takes the connection, nobody answers. */
static struct zone *open_hanging(struct cluster *cluster)
{
    struct zone *hanging = zone_open(&cluster->net, true);
    struct domi__node nodes[2] = {cluster->zones[0].node,
                                  cluster->zones[0].node};
    unsigned place = hanging->port > nodes[0].tcp_port;

    hanging->by_hand = true;
    nodes[place].tcp_port = hanging->port;
    nodes[place].id = 200;
    cluster_tell_nodes(cluster, nodes, 2);
    return hanging;
}

static void goes_on_without_a_zone_that_hangs(void **state)
{
    struct cluster cluster;
    struct question question;
    struct zone *hanging;
    struct asker *asker;

    (void)state;
    open_zones(&cluster, 1);
    hanging = open_hanging(&cluster);
    asker = asker_open(&cluster, 0);
    question_init(&question, asker, 7);
    question_ask(&question);
    UNTIL(&cluster.net, asker->up == 1 && hanging->dialled == 1);
    cluster_settle(&cluster);
    assert_int_equal(question.answers, 0);
    cluster_wait(&cluster, 3000);
    UNTIL(&cluster.net, question.answers);
    assert_int_equal(question.id, 100);
    cluster_close(&cluster);
}

static void greet_and_list(struct cluster *cluster, struct zone *zone,
                           uint64_t group)
{
    uint8_t answer[DOMI__HELLO_SIZE] = {0};
    uint8_t data[8];
    struct domi_frame hello;

    UNTIL(zone->net, zone->link);
    peer_expect(zone->link, "\xfb\x08\0\0", 4);
    domi_put_u64(data, 77);
    peer_send(zone->link, data, sizeof(data));
    hello = peer_next(zone->link);
    assert_int_equal(hello.type, DOMI__FRAME_HELLO);
    memcpy(answer, hello.data, 8);
    domi_put_u64(answer + 8, 200);
    peer_send_frame(zone->link, DOMI__FRAME_HELLO_ANSWER, answer,
                    sizeof(answer), NULL, 0);
    domi_put_u64(data, group);
    peer_send_frame(zone->link, DOMI__FRAME_GROUPS, data, sizeof(data), NULL,
                    0);
    peer_send_frame(zone->link, DOMI__FRAME_GROUPS_END, NULL, 0, NULL, 0);
    cluster->sent += 3;
}

static void makes_groups_of_a_zone_that_hangs_elsewhere(void **state)
{
    struct cluster cluster;
    struct question question;
    struct zone *hanging;
    struct asker *asker;

    (void)state;
    open_zones(&cluster, 1);
    hanging = open_hanging(&cluster);
    asker = asker_open(&cluster, 0);
    question_init(&question, asker, 7);
    question_ask(&question);
    greet_and_list(&cluster, hanging, 7);
    UNTIL(&cluster.net, question.answers);
    assert_int_equal(question.id, 200);
    peer_close(hanging->link);
    UNTIL(&cluster.net, asker->down == 1 && hanging->dialled == 2);
    question_init(&question, asker, 7);
    question_ask(&question);
    assert_int_equal(question.id, 200);
    cluster_wait(&cluster, 3000);
    assert_int_equal(count(asker).groups, 0);
    assert_int_equal(asker_find(asker, 7), 100);
    cluster_close(&cluster);
}

static void forgets_groups_of_another_process_at_the_same_address(void **state)
{
    struct cluster cluster;
    struct asker *asker;

    (void)state;
    open_zones(&cluster, 2);
    played_add_group(&cluster.zones[1], 7);
    asker = asker_open(&cluster, 0);
    assert_int_equal(asker_find(asker, 7), 101);
    cluster.zones[1].node.id = 300;
    cluster.zones[1].group_count = 0;
    cluster.zones[1].holds_list = true;
    played_flap(&cluster.zones[1]);
    UNTIL(&cluster.net, asker->up == 3 && count(asker).groups == 0);
    cluster_close(&cluster);
}

/* The registry decides only who gets what is new. */
static void keeps_groups_of_a_zone_that_the_registry_lost(void **state)
{
    struct cluster cluster;
    struct asker *asker;

    (void)state;
    open_zones(&cluster, 2);
    played_add_group(&cluster.zones[1], 7);
    asker = asker_open(&cluster, 0);
    assert_int_equal(asker_find(asker, 7), 101);
    load(&cluster.zones[1], 1, 0);
    cluster_tell_nodes(&cluster, &cluster.zones[0].node, 1);
    assert_int_equal(count(asker).nodes, 1);
    assert_int_equal(asker_find(asker, 7), 101);
    assert_int_equal(asker_find(asker, 8), 100);
    cluster_tell_nodes(&cluster, NULL, 0);
    assert_int_equal(asker_find(asker, 7), 101);
    cluster_tell(&cluster);
    load(&cluster.zones[1], 1, 0);
    assert_int_equal(asker_find(asker, 9), 101);
    assert_int_equal(asker->up, 2);
    cluster_close(&cluster);
}

/* The registry tells of the killed process for a minute. */
static void sees_one_zone_in_two_entries_for_one_address(void **state)
{
    struct domi__node nodes[3];
    struct cluster cluster;
    struct asker *asker;

    (void)state;
    open_zones(&cluster, 1);
    nodes[0] = nodes[1] = nodes[2] = cluster.zones[0].node;
    nodes[0].id = 1;
    nodes[0].suspect = true;
    nodes[0].age_order = 900;
    nodes[2].id = 2;
    nodes[2].age_order = 3;
    cluster_tell_nodes(&cluster, nodes, 3);
    asker = asker_open(&cluster, 0);
    assert_int_equal(asker_find(asker, 7), 100);
    assert_int_equal(count(asker).nodes, 1);
    assert_int_equal(asker->up, 1);
    cluster_close(&cluster);
}

/* ---- who gets new groups ------------------------------------------------- */

static void spreads_a_burst_of_new_groups(void **state)
{
    struct question questions[200];
    struct cluster cluster;
    struct asker *asker;
    unsigned used[3] = {0};

    (void)state;
    open_zones(&cluster, 3);
    asker = asker_open(&cluster, 0);
    for (unsigned i = 0; i < 200; i++) {
        question_init(&questions[i], asker, i);
        question_ask(&questions[i]);
    }
    for (unsigned i = 0; i < 200; i++) {
        UNTIL(&cluster.net, questions[i].answers);
        used[questions[i].id - 100]++;
    }
    assert_in_range(used[0], 66, 67);
    assert_in_range(used[1], 66, 67);
    assert_in_range(used[2], 66, 67);
    cluster_close(&cluster);
}

static void refuses_new_groups_while_all_zones_are_full(void **state)
{
    struct cluster cluster;
    struct asker *asker;

    (void)state;
    open_zones(&cluster, 2);
    cluster.zones[0].memory = 91;
    cluster.zones[1].memory = 95;
    played_add_group(&cluster.zones[1], 7);
    asker = asker_open(&cluster, 0);
    assert_int_equal(asker_find(asker, 8), DOMI_E_FULL);
    assert_int_equal(asker_find(asker, 7), 101);
    load(&cluster.zones[0], 90, 0);
    assert_int_equal(asker_find(asker, 8), DOMI_E_FULL);
    load(&cluster.zones[0], 85, 0);
    assert_int_equal(asker_find(asker, 8), DOMI_E_FULL);
    load(&cluster.zones[0], 84, 0);
    assert_int_equal(asker_find(asker, 8), 100);
    load(&cluster.zones[0], 90, 0);
    assert_int_equal(asker_find(asker, 9), 100);
    load(&cluster.zones[0], 101, 0);
    assert_int_equal(asker_find(asker, 10), DOMI_E_FULL);
    cluster_close(&cluster);
}

static void gives_busy_zones_nothing_new(void **state)
{
    struct cluster cluster;
    struct asker *asker;

    (void)state;
    open_zones(&cluster, 2);
    cluster.zones[0].flags = DOMI__LOAD_BUSY;
    played_add_group(&cluster.zones[0], 7);
    asker = asker_open(&cluster, 0);
    assert_int_equal(asker_find(asker, 7), 100);
    assert_int_equal(asker_find(asker, 8), 101);
    load(&cluster.zones[1], 50, DOMI__LOAD_BUSY);
    assert_int_equal(asker_find(asker, 9), DOMI_E_FULL);
    load(&cluster.zones[0], 50, 0);
    assert_int_equal(asker_find(asker, 9), 100);
    cluster_close(&cluster);
}

static void gives_draining_zones_nothing_new(void **state)
{
    struct cluster cluster;
    struct asker *asker;

    (void)state;
    open_zones(&cluster, 3);
    played_add_group(&cluster.zones[0], 7);
    asker = asker_open(&cluster, 0);
    load(&cluster.zones[1], 90, 0);
    load(&cluster.zones[2], 70, 0);
    assert_int_equal(asker_find(asker, 6), 100);
    load(&cluster.zones[0], 1, DOMI__LOAD_DRAINING); /* its own word */
    cluster.zones[2].node.draining = true;           /* the registry's */
    cluster_tell(&cluster);
    assert_int_equal(asker_find(asker, 8), 101);
    assert_int_equal(asker_find(asker, 7), 100);
    /* The draining zone goes on as the oldest. */
    assert_int_equal(cluster.zones[0].places, 2);
    cluster_close(&cluster);
}

static void gives_draining_zones_what_nobody_else_can_take(void **state)
{
    struct cluster cluster;
    struct asker *asker;

    (void)state;
    open_zones(&cluster, 2);
    cluster.zones[0].node.draining = true;
    cluster.zones[1].node.suspect = true;
    cluster_tell(&cluster);
    asker = asker_open(&cluster, 0);
    assert_int_equal(asker_find(asker, 7), 100);
    /* It will not have it; then a doubtful one must do. */
    played_close_group(&cluster.zones[0], 7, DOMI_REASON_DRAINING);
    cluster_settle(&cluster);
    assert_int_equal(asker_find(asker, 7), 101);
    assert_int_equal(cluster.zones[0].refused, 100);
    cluster_close(&cluster);
}

static void gives_suspect_zones_nothing_new(void **state)
{
    struct cluster cluster;
    struct asker *asker;

    (void)state;
    open_zones(&cluster, 2);
    cluster.zones[0].node.suspect = true;
    played_add_group(&cluster.zones[0], 7);
    cluster_tell(&cluster);
    asker = asker_open(&cluster, 0);
    assert_int_equal(asker_find(asker, 8), 101);
    UNTIL(&cluster.net, asker->up == 2);
    assert_int_equal(asker_find(asker, 7), 100);
    cluster.zones[1].node.suspect = true;
    cluster_tell(&cluster);
    load(&cluster.zones[0], 10, 0);
    assert_int_equal(asker_find(asker, 9), 100);
    cluster_close(&cluster);
}

static void gives_zones_that_fell_silent_nothing_new(void **state)
{
    struct cluster cluster;
    struct asker *asker;

    (void)state;
    open_zones(&cluster, 2);
    asker = asker_open(&cluster, 0);
    assert_int_equal(asker_find(asker, 7), 100);
    cluster_wait(&cluster, 3500);
    load(&cluster.zones[1], 80, 0);
    assert_int_equal(asker_find(asker, 8), 101);
    load(&cluster.zones[0], 50, 0);
    assert_int_equal(asker_find(asker, 9), 100);
    cluster_close(&cluster);
}

static int choose_second(const struct domi_candidate *candidates, size_t count,
                         uint64_t group, void *user)
{
    const struct cluster *cluster = user;

    assert_int_equal(count, 3);
    for (size_t i = 0; i < count; i++) {
        const struct played *zone = &cluster->zones[candidates[i].id - 100];

        assert_int_equal(candidates[i].id, 100 + i);
        assert_string_equal(candidates[i].host, zone->host);
        assert_int_equal(candidates[i].tcp_port, zone->node.tcp_port);
        assert_int_equal(candidates[i].memory, zone->memory);
        assert_int_equal(candidates[i].members, zone->members);
        assert_int_equal(candidates[i].version, 1);
    }
    return group == 8 ? -1 : 1;
}

static void lets_the_application_choose(void **state)
{
    struct cluster cluster;
    struct asker *asker;

    (void)state;
    open_zones(&cluster, 3);
    cluster.choose = choose_second;
    cluster.zones[1].members = 5;
    asker = asker_open(&cluster, 0);
    assert_int_equal(asker_find(asker, 7), 101);
    assert_int_equal(asker_find(asker, 8), DOMI_E_FULL);
    cluster_close(&cluster);
}

/* ---- askers who change their minds --------------------------------------- */

static void forgets_a_question_at_any_point(void **state)
{
    struct question questions[3];
    struct cluster cluster;
    struct asker *asker;

    (void)state;
    open_zones(&cluster, 2);
    cluster.zones[0].is_deaf = true;
    asker = asker_open(&cluster, 0);
    /* While nothing is known: one of two, then both. */
    question_init(&questions[0], asker, 7);
    question_init(&questions[1], asker, 7);
    question_init(&questions[2], asker, 8);
    question_ask(&questions[0]);
    question_ask(&questions[1]);
    domi__placement_cancel(asker->placement, &questions[0].place);
    domi__placement_cancel(asker->placement, &questions[1].place);
    question_ask(&questions[2]);
    /* While the oldest is asked. */
    UNTIL(&cluster.net, cluster.zones[0].places == 1);
    domi__placement_cancel(asker->placement, &questions[2].place);
    cluster.zones[0].is_deaf = false;
    assert_int_equal(asker_find(asker, 9), 100);
    assert_int_equal(questions[0].answers, 0);
    assert_int_equal(questions[1].answers, 0);
    assert_int_equal(questions[2].answers, 0);
    cluster_close(&cluster);
}

static void may_be_asked_again_from_inside_an_answer(void **state)
{
    struct question questions[4];
    struct cluster cluster;
    struct asker *asker;

    (void)state;
    open_zones(&cluster, 2);
    asker = asker_open(&cluster, 0);
    question_init(&questions[0], asker, 7);
    question_init(&questions[1], asker, 7);
    question_init(&questions[2], asker, 7);
    question_init(&questions[3], asker, 8);
    questions[0].again = &questions[3];
    questions[0].cancels = &questions[1];
    question_ask(&questions[0]);
    question_ask(&questions[1]);
    question_ask(&questions[2]);
    UNTIL(&cluster.net, questions[2].answers && questions[3].answers);
    assert_int_equal(questions[0].answers, 1);
    assert_int_equal(questions[1].answers, 0);
    assert_int_equal(questions[2].answers, 1);
    assert_int_equal(questions[3].answers, 1);
    cluster_close(&cluster);
}

/* A service whose name nobody has is not watched for ever. */
static void ends_the_watch_of_a_service_that_nobody_has(void **state)
{
    struct cluster cluster;
    struct question question;
    struct asker *asker;

    (void)state;
    cluster_open(&cluster);
    asker = asker_open(&cluster, 0);
    cluster_tell(&cluster);
    question_init(&question, asker, 7);
    question_ask(&question);
    assert_int_equal(question.status, DOMI_E_NO_ZONE);
    assert_false(domi__list_is_empty(&cluster.registry.watches));
    cluster_wait(&cluster, 61000);
    UNTIL(&cluster.net, domi__list_is_empty(&cluster.registry.watches));
    question_ask(&question);
    assert_int_equal(question.answers, 2);
    cluster_close(&cluster);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_a_group_that_a_zone_has),
        cmocka_unit_test(finds_at_once_a_group_that_was_announced),
        cmocka_unit_test(cuts_a_zone_that_tells_of_too_many_groups),
        cmocka_unit_test(finds_no_group_that_was_closed),
        cmocka_unit_test(waits_for_what_all_zones_have),
        cmocka_unit_test(goes_on_without_a_list_that_does_not_end),
        cmocka_unit_test(goes_on_without_a_zone_that_cannot_be_reached),
        cmocka_unit_test(places_in_zones_that_do_not_know_hello),
        cmocka_unit_test(finds_nothing_where_there_is_no_zone),
        cmocka_unit_test(waits_for_what_the_registry_tells),
        cmocka_unit_test(waits_a_while_for_a_zone_that_starts_anew),
        cmocka_unit_test(sends_all_who_ask_at_once_to_one_zone),
        cmocka_unit_test(asks_once_for_all_who_ask_for_one_group),
        cmocka_unit_test(remembers_for_a_while_what_was_placed),
        cmocka_unit_test(goes_where_the_oldest_zone_says),
        cmocka_unit_test(asks_the_next_oldest_when_one_does_not_answer),
        cmocka_unit_test(asks_the_next_oldest_when_one_is_killed),
        cmocka_unit_test(asks_again_when_the_named_zone_cannot_be_reached),
        cmocka_unit_test(awaits_a_zone_that_is_named_before_it_is_known),
        cmocka_unit_test(
            awaits_a_zone_that_is_named_before_it_has_listed_its_groups),
        cmocka_unit_test(sends_new_users_to_the_older_of_two_zones),
        cmocka_unit_test(keeps_groups_over_a_link_that_flaps),
        cmocka_unit_test(forgets_groups_that_closed_while_the_link_was_lost),
        cmocka_unit_test(forgets_what_a_late_list_leaves_out),
        cmocka_unit_test(makes_groups_of_a_killed_zone_elsewhere),
        cmocka_unit_test(goes_on_without_a_zone_that_hangs),
        cmocka_unit_test(makes_groups_of_a_zone_that_hangs_elsewhere),
        cmocka_unit_test(forgets_groups_of_another_process_at_the_same_address),
        cmocka_unit_test(keeps_groups_of_a_zone_that_the_registry_lost),
        cmocka_unit_test(sees_one_zone_in_two_entries_for_one_address),
        cmocka_unit_test(spreads_a_burst_of_new_groups),
        cmocka_unit_test(refuses_new_groups_while_all_zones_are_full),
        cmocka_unit_test(gives_busy_zones_nothing_new),
        cmocka_unit_test(gives_draining_zones_nothing_new),
        cmocka_unit_test(gives_draining_zones_what_nobody_else_can_take),
        cmocka_unit_test(gives_suspect_zones_nothing_new),
        cmocka_unit_test(gives_zones_that_fell_silent_nothing_new),
        cmocka_unit_test(lets_the_application_choose),
        cmocka_unit_test(forgets_a_question_at_any_point),
        cmocka_unit_test(may_be_asked_again_from_inside_an_answer),
        cmocka_unit_test(ends_the_watch_of_a_service_that_nobody_has),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
