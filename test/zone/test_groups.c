/* SPDX-License-Identifier: MIT */
/* How many groups a zone has: frames make no more than it may. */
#include "peer.h"

#include <string.h>

#include "frame/frame.h"

#define CLOSE 70 /* to a group: it closes */

static void on_close_frame(struct domi_group *group, struct domi_user sender,
                           const struct domi_frame *frame, void *user)
{
    (void)sender;
    (void)frame;
    (void)user;
    domi_group_close(group);
}

static void setup(struct fixture *fixture, struct domi_group *group)
{
    domi_group_handle(group, CLOSE, on_close_frame, fixture);
}

static int take_any(struct domi_zone *zone, struct domi_group *group,
                    void *user)
{
    (void)zone;
    (void)group;
    (void)user;
    return 0;
}

static void start(struct fixture *fixture, struct peer *peer, unsigned groups,
                  domi_zone_group_fn on_group)
{
    struct domi_zone_options options = fixture_options(fixture);

    fixture->setup = setup;
    options.groups = groups;
    options.workers = 4;
    if (on_group) {
        options.on_group = on_group;
    }
    fixture_init(fixture, &options);
    assert_int_equal(domi_zone_start(fixture->zone), 0);
    peer_open(peer, fixture);
    peer_hello(peer, DOMI__FEATURE_GROUPS);
}

static void who_asks_for_one_too_many_is_told(void **state)
{
    static struct fixture fixture;
    struct peer peer;

    (void)state;
    memset(&fixture, 0, sizeof(fixture));
    start(&fixture, &peer, 2, NULL);
    peer_join(&peer, USER_A, 1);
    fixture_wait(&fixture, fixture.joined == 1);
    peer_join(&peer, USER_A, 2);
    fixture_wait(&fixture, fixture.joined == 2);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(peer_next(&peer).type, DOMI__FRAME_JOINED);
    }
    peer_join(&peer, USER_A, 3);
    peer_expect_group(&peer, DOMI__FRAME_GROUP_CLOSED, 3, DOMI_REASON_TOO_MANY);
    assert_int_equal(fixture_stats(&fixture).dropped_too_many, 1);
    assert_int_equal(fixture_stats(&fixture).groups, 2);
    /* One that is there is as it was; one that goes makes room. */
    peer_send_frame(&peer, USER_A, 1, CLOSE, NULL, 0);
    peer_expect_group(&peer, DOMI__FRAME_GROUP_CLOSED, 1,
                      DOMI_REASON_GROUP_CLOSED);
    peer_join(&peer, USER_A, 3);
    assert_int_equal(peer_next(&peer).type, DOMI__FRAME_JOINED);
    peer_close(&peer);
    fixture_fini(&fixture);
}

/* Workers share one count, and none exceeds it by chance. */
static void ids_without_end_make_no_more(void **state)
{
    enum { IDS = 20000, LIMIT = 1000 };
    static struct fixture fixture;
    struct peer peer;
    unsigned refused = 0;

    (void)state;
    memset(&fixture, 0, sizeof(fixture));
    start(&fixture, &peer, LIMIT, take_any);
    for (uint64_t id = 0; id < IDS; id++) {
        peer_send_frame(&peer, USER_A, id, 99, NULL, 0);
        if (id % 1000 == 0) {
            assert_true(fixture_stats(&fixture).groups <= LIMIT);
        }
    }
    while (refused < IDS - LIMIT) {
        struct domi_frame frame = peer_next(&peer);

        assert_int_equal(frame.type, DOMI__FRAME_GROUP_CLOSED);
        assert_int_equal(domi_get_u16(frame.extend + 8), DOMI_REASON_TOO_MANY);
        refused++;
    }
    peer_expect_nothing(&peer);
    assert_int_equal(fixture_stats(&fixture).groups, LIMIT);
    assert_int_equal(fixture_stats(&fixture).dropped_too_many, IDS - LIMIT);
    peer_close(&peer);
    fixture_fini(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_asks_for_one_too_many_is_told),
        cmocka_unit_test(ids_without_end_make_no_more),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
