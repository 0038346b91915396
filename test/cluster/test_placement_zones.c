/* SPDX-License-Identifier: MIT */
/* Where a group is, among real zones. */
#include "placement_fixture.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "domi/err.h"
#include "domi/zone.h"

#define HELLO_GROUP_TYPE 60
#define ZONES 3

/* A zone of the library's, whose memory use the test says. */
struct real {
    struct domi_zone *zone;
    struct domi__node node; /* where askers find it */
    char host[16];
    atomic_uint memory;
    bool closed;
};

struct zones {
    struct cluster cluster;
    struct real real[ZONES];
};

static void on_hello(struct domi_group *group, struct domi_user sender,
                     const struct domi_frame *frame, void *user)
{
    (void)group;
    (void)sender;
    (void)frame;
    (void)user;
}

static int on_group(struct domi_zone *zone, struct domi_group *group,
                    void *user)
{
    (void)zone;
    (void)user;
    return domi_group_handle(group, HELLO_GROUP_TYPE, on_hello, NULL);
}

static unsigned memory_use(struct domi_zone *zone, void *user)
{
    (void)zone;
    return ((struct real *)user)->memory;
}

static void start_zone(struct zones *zones, unsigned number, unsigned memory)
{
    struct real *real = &zones->real[number];
    const struct domi_zone_options options = {
        .name = "room",
        .host = real->host,
        .tcp_port = DOMI_PORT_ANY,
        .registry = &zones->cluster.registry.base,
        .workers = 1,
        .on_group = on_group,
        .memory_use = memory_use,
        .user = real,
    };

    snprintf(real->host, sizeof(real->host), "127.0.0.%u", number + 1);
    real->memory = memory;
    real->zone = domi_zone_new(&zones->cluster.net.loop, &options);
    assert_non_null(real->zone);
    assert_int_equal(domi_zone_start(real->zone), 0);
    assert_int_equal(domi_zone_id(real->zone), 100 + number);
    real->node = (struct domi__node){.id = 100 + (int)number,
                                     .service = "room",
                                     .host = real->host,
                                     .tcp_port =
                                         domi_zone_tcp_port(real->zone)};
}

static void open_zones(struct zones *zones, unsigned first, unsigned second,
                       unsigned third)
{
    memset(zones, 0, sizeof(*zones));
    cluster_open(&zones->cluster);
    start_zone(zones, 0, first);
    start_zone(zones, 1, second);
    start_zone(zones, 2, third);
}

static void on_zone_closed(struct domi_zone *zone, void *user)
{
    (void)zone;
    ((struct real *)user)->closed = true;
}

static void begin_stop(struct real *real)
{
    domi_zone_close(real->zone, on_zone_closed, real);
    real->zone = NULL;
}

static void stop_zone(struct zones *zones, unsigned number)
{
    struct real *real = &zones->real[number];

    if (real->zone) {
        begin_stop(real);
    }
    UNTIL(&zones->cluster.net, real->closed);
}

static void close_zones(struct zones *zones)
{
    for (unsigned i = 0; i < ZONES; i++) {
        stop_zone(zones, i);
    }
    cluster_close(&zones->cluster);
}

/* The asker's link to a zone. */
static struct domi__link *link_to(struct asker *asker, const struct real *real)
{
    struct domi__link *link = domi__links_get(asker->links, &real->node);

    assert_non_null(link);
    return link;
}

/* As a gateway's application does once it is answered: the group is made by
   the first frame that it gets. */
static void greet(struct zones *zones, struct asker *asker, int id,
                  uint64_t group)
{
    struct domi__link *link = link_to(asker, &zones->real[id - 100]);
    uint8_t extend[16];

    put_ids(extend, 2, domi__link_id(link), group);
    assert_int_equal(domi__session_send(domi__link_session(link),
                                        HELLO_GROUP_TYPE, NULL, 0, extend,
                                        sizeof(extend)),
                     0);
}

static uint64_t groups_of(const struct real *real)
{
    struct domi_zone_stats stats;

    domi_zone_stats(real->zone, &stats);
    return stats.groups;
}

static size_t known_to(struct asker *asker)
{
    struct domi__placement_counts counts;

    domi__placement_count(asker->placement, &counts);
    assert_int_equal(counts.splits, 0);
    return counts.groups;
}

/* Asks, and has the group made there. */
static int make(struct zones *zones, struct asker *asker, uint64_t group)
{
    int id = asker_find(asker, group);

    greet(zones, asker, id, group);
    return id;
}

/* ---- the tests ----------------------------------------------------------- */

static void lets_gateways_that_ask_at_once_meet(void **state)
{
    struct question questions[2][200];
    struct asker *later;
    struct zones zones;
    uint64_t most = 0;

    (void)state;
    open_zones(&zones, 50, 50, 50);
    asker_open(&zones.cluster, 0);
    asker_open(&zones.cluster, 1);
    for (uint64_t group = 0; group < 200; group++) {
        for (unsigned i = 0; i < 2; i++) {
            unsigned n = (unsigned)(group + i) % 2;

            question_init(&questions[n][group], &zones.cluster.askers[n],
                          group);
            question_ask(&questions[n][group]);
        }
        /* Some together, some one after the other. */
        if (group % 20 == 19) {
            net_turn(&zones.cluster.net);
        }
    }
    for (unsigned group = 0; group < 200; group++) {
        struct question *first = &questions[0][group];
        struct question *second = &questions[1][group];

        UNTIL(&zones.cluster.net, first->answers && second->answers);
        assert_int_equal(first->status, 0);
        assert_int_equal(first->id, second->id);
        greet(&zones, second->asker, second->id, group);
        greet(&zones, first->asker, first->id, group);
    }
    UNTIL(&zones.cluster.net, groups_of(&zones.real[0]) +
                                      groups_of(&zones.real[1]) +
                                      groups_of(&zones.real[2]) ==
                                  200);
    for (unsigned i = 0; i < ZONES; i++) {
        uint64_t groups = groups_of(&zones.real[i]);

        most = groups > most ? groups : most;
    }
    assert_in_range(most, 67, 100); /* the burst is spread */

    later = asker_open(&zones.cluster, 2);
    for (unsigned group = 0; group < 200; group++) {
        assert_int_equal(asker_find(later, group), questions[0][group].id);
    }
    for (unsigned i = 0; i < ASKERS; i++) {
        assert_int_equal(known_to(&zones.cluster.askers[i]), 200);
    }
    close_zones(&zones);
}

static void chooses_the_lowest_memory_use(void **state)
{
    struct zones zones;
    struct asker *asker;

    (void)state;
    open_zones(&zones, 60, 20, 40);
    asker = asker_open(&zones.cluster, 0);
    for (uint64_t group = 0; group < 20; group++) {
        assert_int_equal(make(&zones, asker, group), 101);
    }
    /* Told within a second, and found fresh. */
    zones.real[2].memory = 5;
    for (uint64_t group = 100; asker_find(asker, group) != 102; group++) {
        assert_true(group < 200);
        cluster_wait(&zones.cluster, 500);
    }
    close_zones(&zones);
}

static void says_that_all_are_full_until_one_is_not(void **state)
{
    struct zones zones;
    struct asker *asker;
    int id;

    (void)state;
    open_zones(&zones, 91, 93, 92);
    asker = asker_open(&zones.cluster, 0);
    assert_int_equal(asker_find(asker, 7), DOMI_E_FULL);
    zones.real[1].memory = 86;
    for (unsigned i = 0; i < 5; i++) {
        cluster_wait(&zones.cluster, 1000);
        assert_int_equal(asker_find(asker, 7), DOMI_E_FULL);
    }
    zones.real[1].memory = 84;
    for (unsigned i = 0; (id = asker_find(asker, 7)) == DOMI_E_FULL; i++) {
        assert_true(i < 20);
        cluster_wait(&zones.cluster, 1000);
    }
    assert_int_equal(id, 101);
    close_zones(&zones);
}

static void keeps_a_group_over_a_link_that_flaps(void **state)
{
    struct zones zones;
    struct asker *asker;

    (void)state;
    open_zones(&zones, 50, 20, 50);
    asker = asker_open(&zones.cluster, 0);
    assert_int_equal(make(&zones, asker, 7), 101);
    UNTIL(&zones.cluster.net, groups_of(&zones.real[1]) == 1);
    zones.real[1].memory = 80;
    for (unsigned i = 1; i <= 5; i++) {
        struct domi__link *link = link_to(asker, &zones.real[1]);

        domi__session_close(domi__link_session(link), DOMI_REASON_SOCKET);
        UNTIL(&zones.cluster.net, asker->down == i);
        assert_int_equal(asker_find(asker, 7), 101);
        UNTIL(&zones.cluster.net, domi__link_id(link) != 0);
        assert_int_equal(asker_find(asker, 7), 101);
    }
    assert_int_equal(groups_of(&zones.real[0]) + groups_of(&zones.real[2]), 0);
    close_zones(&zones);
}

static void makes_the_groups_of_a_zone_that_is_gone_elsewhere(void **state)
{
    struct zones zones;
    struct asker *asker;

    (void)state;
    open_zones(&zones, 20, 50, 60);
    asker = asker_open(&zones.cluster, 0);
    assert_int_equal(make(&zones, asker, 7), 100);
    assert_int_equal(make(&zones, asker, 8), 100);
    stop_zone(&zones, 0);
    UNTIL(&zones.cluster.net, asker->down == 1 && asker->failed > 0);
    assert_int_equal(make(&zones, asker, 7), 101);
    assert_int_equal(make(&zones, asker, 8), 101);
    assert_int_equal(asker_find(asker_open(&zones.cluster, 1), 7), 101);
    close_zones(&zones);
}

/* Both gateways are in the middle of two hundred questions. */
static void goes_on_when_the_oldest_zone_is_gone(void **state)
{
    struct question questions[2][200];
    struct zones zones;

    (void)state;
    open_zones(&zones, 80, 40, 60);
    make(&zones, asker_open(&zones.cluster, 0), 1000);
    make(&zones, asker_open(&zones.cluster, 1), 1001);
    for (uint64_t group = 0; group < 200; group++) {
        for (unsigned i = 0; i < 2; i++) {
            question_init(&questions[i][group], &zones.cluster.askers[i],
                          group);
            question_ask(&questions[i][group]);
        }
        if (group == 150) {
            net_turn(&zones.cluster.net);
            begin_stop(&zones.real[0]);
        }
    }
    for (unsigned group = 0; group < 200; group++) {
        UNTIL(&zones.cluster.net, questions[0][group].answers &&
                                      questions[1][group].answers);
        assert_int_equal(questions[0][group].status, 0);
        assert_int_equal(questions[0][group].id, questions[1][group].id);
        assert_in_range(questions[0][group].id, 101, 102);
    }
    close_zones(&zones);
}

static void gives_a_draining_zone_nothing_new(void **state)
{
    struct zones zones;
    struct asker *asker;

    (void)state;
    open_zones(&zones, 20, 50, 60);
    asker = asker_open(&zones.cluster, 0);
    assert_int_equal(make(&zones, asker, 7), 100);
    assert_int_equal(asker_find(asker, 9), 100); /* placed, and never made */
    UNTIL(&zones.cluster.net, groups_of(&zones.real[0]) == 1);
    assert_int_equal(domi_zone_drain(zones.real[0].zone), 0);
    assert_int_equal(asker_find(asker, 8), 101);
    assert_int_equal(asker_find(asker, 7), 100);
    /* It refuses what it was promised; then it is placed elsewhere. */
    greet(&zones, asker, 100, 9);
    UNTIL(&zones.cluster.net, asker_find(asker, 9) == 101);
    assert_int_equal(make(&zones, asker, 9), 101);
    UNTIL(&zones.cluster.net, groups_of(&zones.real[1]) == 1);
    close_zones(&zones);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lets_gateways_that_ask_at_once_meet),
        cmocka_unit_test(chooses_the_lowest_memory_use),
        cmocka_unit_test(says_that_all_are_full_until_one_is_not),
        cmocka_unit_test(keeps_a_group_over_a_link_that_flaps),
        cmocka_unit_test(makes_the_groups_of_a_zone_that_is_gone_elsewhere),
        cmocka_unit_test(goes_on_when_the_oldest_zone_is_gone),
        cmocka_unit_test(gives_a_draining_zone_nothing_new),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
