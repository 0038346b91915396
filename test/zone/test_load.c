/* SPDX-License-Identifier: MIT */
/* What a zone tells gateways of its load, and when. */
#include "peer.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "frame/frame.h"
#include "zone/state.h"

#define BLOCKING 62

struct load {
    struct fixture fixture;
    struct peer peer;
    unsigned memory;
    atomic_bool go; /* blocked handlers wait for it */
};

static unsigned memory_use(struct domi_zone *zone, void *user)
{
    (void)zone;
    return DOMI__CONTAINER(user, struct load, fixture)->memory;
}

static void on_blocking(struct domi_group *group, struct domi_user sender,
                        const struct domi_frame *frame, void *user)
{
    struct load *load = DOMI__CONTAINER(user, struct load, fixture);

    (void)group;
    (void)sender;
    (void)frame;
    while (!load->go) {
        struct timespec time = {0, 1000000};

        nanosleep(&time, NULL);
    }
}

static void on_tick(struct domi_group *group, uint32_t ticks, void *user)
{
    (void)ticks;
    on_blocking(group, (struct domi_user){0, 0}, NULL, user);
}

/* Group 9 has a tick that blocks, half a second after it was made. */
static void setup(struct fixture *fixture, struct domi_group *group)
{
    if (domi_group_id(group) == 9) {
        domi_group_tick(group, 500000, on_tick, fixture);
    }
    domi_group_handle(group, BLOCKING, on_blocking, fixture);
}

static int set_up(void **state)
{
    struct load *load = calloc(1, sizeof(*load));
    struct domi_zone_options options;

    assert_non_null(load);
    options = fixture_options(&load->fixture);
    options.memory_use = memory_use;
    options.workers = 2;
    load->fixture.setup = setup;
    load->memory = 41;
    fixture_init(&load->fixture, &options);
    assert_int_equal(domi_zone_start(load->fixture.zone), 0);
    peer_open(&load->peer, &load->fixture);
    *state = load;
    return 0;
}

static int tear_down(void **state)
{
    struct load *load = *state;

    load->go = true;
    peer_close(&load->peer);
    fixture_fini(&load->fixture);
    free(load);
    return 0;
}

/* A LOAD, which must be the next frame. */
struct told {
    unsigned memory;
    unsigned flags;
    uint32_t members;
};

static struct told next_load(struct peer *peer)
{
    struct domi_frame frame = peer_next(peer);

    assert_int_equal(frame.type, DOMI__FRAME_LOAD);
    return (struct told){
        .memory = domi_get_u16(frame.data),
        .flags = domi_get_u16(frame.data + 2),
        .members = domi_get_u32(frame.data + 4),
    };
}

/* Takes what is told until the flags are these. */
static struct told wait_flags(struct peer *peer, unsigned flags)
{
    struct told told;

    do {
        told = next_load(peer);
    } while (told.flags != flags);
    return told;
}

/* ---- when ---------------------------------------------------------------- */

static void load_comes_with_hello_and_once_a_second(void **state)
{
    struct load *load = *state;
    struct told told;
    uint64_t begin_ns, passed_ns;

    peer_hello(&load->peer, DOMI__FEATURE_LOAD);
    told = next_load(&load->peer);
    assert_int_equal(told.memory, 41);
    assert_int_equal(told.flags, 0);
    assert_int_equal(told.members, 0);
    load->memory = 42;
    assert_int_equal(next_load(&load->peer).memory, 42);
    begin_ns = uv_hrtime();
    for (int i = 0; i < 3; i++) {
        next_load(&load->peer);
    }
    passed_ns = uv_hrtime() - begin_ns;
    /* The first may have been read late, but not by much. */
    assert_in_range(passed_ns, UINT64_C(2000000000), UINT64_C(9000000000));
}

static void who_did_not_ask_is_not_told(void **state)
{
    struct load *load = *state;
    struct peer other;

    peer_open(&other, &load->fixture);
    peer_hello(&other, DOMI__FEATURE_GROUPS);
    peer_hello(&load->peer, DOMI__FEATURE_LOAD);
    next_load(&load->peer);
    next_load(&load->peer);
    peer_expect_nothing(&other);
    peer_close(&other);
}

/* ---- what ---------------------------------------------------------------- */

static void all_members_of_all_groups_count(void **state)
{
    struct load *load = *state;
    struct fixture *fixture = &load->fixture;

    peer_hello(&load->peer, DOMI__FEATURE_LOAD);
    for (uint64_t group = 0; group < 20; group++) {
        peer_join(&load->peer, USER_A, group);
        peer_join(&load->peer, USER_B, group);
    }
    fixture_wait(fixture, fixture_stats(fixture).members == 40);
    fixture_wait(fixture, fixture_stats(fixture).groups == 20);
    while (next_load(&load->peer).members != 40) {
    }
}

static void more_than_all_memory_is_all(void **state)
{
    struct load *load = *state;

    load->memory = 4000;
    peer_hello(&load->peer, DOMI__FEATURE_LOAD);
    assert_int_equal(wait_flags(&load->peer, DOMI__LOAD_BUSY).memory, 100);
    assert_int_equal(domi__zone_memory(load->fixture.zone), 100);
}

static void without_a_callback_the_systems_memory_is_told(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    struct domi_zone_options options;

    (void)state;
    assert_non_null(fixture);
    options = fixture_options(fixture);
    fixture_init(fixture, &options);
    assert_int_equal(domi_zone_start(fixture->zone), 0);
    assert_in_range(domi__zone_memory(fixture->zone), 1, 100);
    fixture_fini(fixture);
    free(fixture);
}

/* ---- busy ---------------------------------------------------------------- */

static void a_zone_short_of_memory_is_busy(void **state)
{
    struct load *load = *state;
    struct domi_zone *zone = load->fixture.zone;

    peer_hello(&load->peer, DOMI__FEATURE_LOAD);
    assert_false(domi__zone_is_busy(zone));
    load->memory = 95;
    while (next_load(&load->peer).memory != 95) {
    }
    assert_false(domi__zone_is_busy(zone));
    load->memory = 96;
    assert_int_equal(wait_flags(&load->peer, DOMI__LOAD_BUSY).memory, 96);
    assert_true(domi__zone_is_busy(zone));
    load->memory = 91;
    while (next_load(&load->peer).memory != 91) {
    }
    assert_true(domi__zone_is_busy(zone));
    load->memory = 90;
    assert_int_equal(wait_flags(&load->peer, 0).memory, 90);
    assert_false(domi__zone_is_busy(zone));
    assert_int_equal(
        fixture_logged(&load->fixture, "busy: 96 percent of the memory"), 1);
    assert_int_equal(
        fixture_logged(&load->fixture, "memory is no longer short"), 1);
}

static void a_zone_with_a_stuck_worker_is_busy_until_it_is_over(void **state)
{
    struct load *load = *state;
    struct fixture *fixture = &load->fixture;
    uint64_t begin_ns;

    peer_hello(&load->peer, DOMI__FEATURE_LOAD);
    begin_ns = uv_hrtime();
    assert_int_equal(domi_zone_post(fixture->zone, 5, BLOCKING, NULL, 0), 0);
    wait_flags(&load->peer, DOMI__LOAD_BUSY);
    assert_true(uv_hrtime() - begin_ns > UINT64_C(900000000));
    assert_true(domi__zone_is_busy(fixture->zone));
    load->go = true;
    wait_flags(&load->peer, 0);
    assert_false(domi__zone_is_busy(fixture->zone));
    assert_int_equal(fixture_logged(fixture, "a worker has been stuck"), 1);
    assert_int_equal(fixture_logged(fixture, "no worker is stuck"), 1);
}

/* Nothing that came from outside keeps the worker busy. */
static void a_stuck_tick_is_found_too(void **state)
{
    struct load *load = *state;
    struct fixture *fixture = &load->fixture;

    peer_hello(&load->peer, DOMI__FEATURE_LOAD);
    peer_join(&load->peer, USER_A, 9);
    wait_flags(&load->peer, DOMI__LOAD_BUSY);
    load->go = true;
    wait_flags(&load->peer, 0);
    assert_int_equal(fixture_logged(fixture, "a worker has been stuck"), 1);
    assert_in_range(fixture_logged(fixture, "group 9, type 0"), 1, 100);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(load_comes_with_hello_and_once_a_second),
        TEST(who_did_not_ask_is_not_told),
        TEST(all_members_of_all_groups_count),
        TEST(more_than_all_memory_is_all),
        TEST(without_a_callback_the_systems_memory_is_told),
        TEST(a_zone_short_of_memory_is_busy),
        TEST(a_zone_with_a_stuck_worker_is_busy_until_it_is_over),
        TEST(a_stuck_tick_is_found_too),
    };
#undef TEST

    return cmocka_run_group_tests(tests, NULL, NULL);
}
