/* SPDX-License-Identifier: MIT */
/* Services that are watched through a real Consul agent, which is told and
   harmed behind the library's back. */
#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent.h"

#define DAMP_MS 1500
#define SETTLE_MS 400

static struct agent agent;
static struct world world;
static struct watcher room;

/* ---- the stand ----------------------------------------------------------- */

static void connect_world(const char *token)
{
    const struct domi_consul_options options = {
        .url = agent.url,
        .token = token,
        .damp_ms = DAMP_MS,
        .settle_ms = SETTLE_MS,
    };

    world_init_with(&world, options);
}

static void start(bool dev)
{
    const struct agent_options options = {.dev = dev};

    agent_start(&agent, &options);
    memset(&room, 0, sizeof(room));
    connect_world(NULL);
}

static void finish(void)
{
    watcher_close(&room);
    world_fini(&world);
    agent_stop(&agent);
}

static int stop_agent(void **state)
{
    (void)state;
    agent_stop(&agent);
    return 0;
}

static void add_node(int id, const char *meta)
{
    char body[512];

    snprintf(body, sizeof(body),
             "{\"ID\":\"%d\",\"Name\":\"room\",\"Address\":\"10.0.0.%d\","
             "\"Port\":%d,\"Meta\":{%s},"
             "\"Check\":{\"TTL\":\"600s\",\"Status\":\"passing\"}}",
             id, id + 1, 9000 + id, meta);
    assert_int_equal(agent_put(&agent, "/v1/agent/service/register", body),
                     200);
}

static void remove_node(int id)
{
    char path[128];

    snprintf(path, sizeof(path), "/v1/agent/service/deregister/%d", id);
    assert_int_equal(agent_put(&agent, path, ""), 200);
}

/* `health` is "pass", "warn" or "fail". */
static void set_health(int id, const char *health)
{
    char path[128];

    snprintf(path, sizeof(path), "/v1/agent/check/%s/service:%d", health, id);
    assert_int_equal(agent_put(&agent, path, ""), 200);
}

static void watch_room(void)
{
    watcher_open(&room, &world, "room");
    RUN_UNTIL(&world.fixture, room.watch.known);
}

/* The pause behind an answer is over: the next change is told at once. */
static void wait_for_the_pause(void)
{
    world_rest(&world, 1200);
}

static unsigned ms_since(uint64_t ns)
{
    return (unsigned)((uv_hrtime() - ns) / 1000000);
}

/* Runs until the condition holds; prints and bounds the time it took. */
#define TIME(what, limit_ms, condition)                                        \
    do {                                                                       \
        uint64_t begin = uv_hrtime();                                          \
                                                                               \
        RUN_UNTIL(&world.fixture, condition);                                  \
        print_message("    %s: %u ms\n", what, ms_since(begin));               \
        assert_in_range(ms_since(begin), 0, limit_ms);                         \
    } while (0)

/* ---- a service that lives ------------------------------------------------ */

static void sees_nodes_come_change_and_go(void **state)
{
    const struct domi__node *node;

    (void)state;
    start(true);
    watch_room();
    assert_int_equal(room.watch.snapshot.count, 0);
    wait_for_the_pause();

    add_node(0, "\"http_port\":\"8090\",\"version\":\"2\"");
    TIME("registered", 1000, watcher_is_good(&room, 0));
    node = watcher_node(&room, 0);
    assert_string_equal(node->host, "10.0.0.1");
    assert_int_equal(node->tcp_port, 9000);
    assert_int_equal(node->http_port, 8090);
    assert_int_equal(node->version, 2);
    assert_true(node->age_order > 0);

    add_node(1, "");
    TIME("registered within the pause", 2000, watcher_is_good(&room, 1));
    assert_true(watcher_node(&room, 1)->age_order >
                watcher_node(&room, 0)->age_order);
    wait_for_the_pause();

    set_health(1, "fail");
    TIME("critical", 1000, watcher_is_suspect(&room, 1));
    assert_true(watcher_is_good(&room, 0));
    wait_for_the_pause();
    set_health(1, "pass");
    TIME("healthy and settled", SETTLE_MS + 1000, watcher_is_good(&room, 1));
    wait_for_the_pause();
    set_health(1, "warn");
    TIME("warning", 1000, watcher_node(&room, 1)->draining);
    assert_false(watcher_is_suspect(&room, 1));
    set_health(1, "pass");
    TIME("healthy", 2000, watcher_is_good(&room, 1));
    add_node(1, "\"state\":\"drain\"");
    TIME("draining", 2000, watcher_node(&room, 1)->draining);
    wait_for_the_pause();

    remove_node(1);
    TIME("deregistered", 1000, !watcher_node(&room, 1));
    assert_int_equal(room.emptied, 1); /* by the very first answer */
    assert_int_equal(world.state_changes, 0);
    finish();
}

static void a_burst_of_changes_is_few_snapshots(void **state)
{
    unsigned before;

    (void)state;
    start(true);
    watch_room();
    wait_for_the_pause();
    before = room.changes;
    for (int id = 0; id < 40; id++) {
        add_node(id, "");
        fixture_turn_once(&world.fixture);
    }
    RUN_UNTIL(&world.fixture, room.watch.snapshot.count == 40);
    assert_in_range(room.changes - before, 1, 4);
    finish();
}

static void names_what_it_leaves_out_once(void **state)
{
    (void)state;
    start(true);
    add_node(3, "");
    assert_int_equal(
        agent_put(&agent, "/v1/agent/service/register",
                  "{\"ID\":\"red\",\"Name\":\"room\",\"Port\":70000}"), 200);
    watch_room();
    assert_int_equal(room.watch.snapshot.count, 1);
    for (int id = 4; id < 6; id++) {
        add_node(id, "");
        RUN_UNTIL(&world.fixture, watcher_is_good(&room, id));
    }
    assert_int_equal(world_logged(&world, "service room: id \"red\" on node"),
                     1);
    finish();
}

/* ---- watches ------------------------------------------------------------- */

static void close_both(struct watcher *watcher)
{
    watcher_close(watcher->other);
    watcher_close(watcher);
}

static void reopen(struct watcher *watcher)
{
    watcher_close(watcher);
    watcher_open(watcher->other, watcher->world, "room");
    assert_true(watcher->other->watch.known);
    assert_int_equal(watcher->other->watch.snapshot.count, 1);
}

static void a_watch_may_end_and_begin_in_what_it_is_told(void **state)
{
    struct watcher second = {0};
    struct watcher third = {0};

    (void)state;
    start(true);
    add_node(0, "");
    watcher_open(&room, &world, "room");
    watcher_open(&second, &world, "room");
    room.on_change = close_both;
    room.other = &second;
    RUN_UNTIL(&world.fixture, room.changes > 0);
    assert_int_equal(second.changes, 0);
    assert_int_equal(second.watch.snapshot.count, 0);

    /* The last one goes, another comes in the same breath. */
    room.on_change = reopen;
    room.other = &third;
    watcher_open(&room, &world, "room");
    RUN_UNTIL(&world.fixture, room.changes > 1);
    assert_int_equal(third.changes, 0);
    add_node(1, "");
    RUN_UNTIL(&world.fixture, watcher_is_good(&third, 1));
    watcher_close(&third);
    world_fini(&world);
}

static void works_again_after_all_have_gone(void **state)
{
    (void)state;
    start(true);
    add_node(0, "");
    for (unsigned round = 0; round < 20; round++) {
        watch_room();
        assert_int_equal(room.watch.snapshot.count, 1);
        watcher_close(&room);
        if (round % 2 == 0) {
            world_rest(&world, 5);
        }
    }
    world_fini(&world);
}

static void may_be_freed_before_there_was_an_answer(void **state)
{
    (void)state;
    start(true);
    watcher_open(&room, &world, "room");
    watcher_close(&room);
    world_fini(&world);
}

/* Escaped it is three times as long. */
static void asks_for_a_service_of_a_long_name(void **state)
{
    char name[400];

    (void)state;
    memset(name, '?', sizeof(name));
    name[sizeof(name) - 1] = '\0';
    start(true);
    watcher_open(&room, &world, name);
    RUN_UNTIL(&world.fixture, room.watch.known);
    finish();
}

static void escapes_the_name_of_a_service(void **state)
{
    (void)state;
    start(true);
    assert_int_equal(
        agent_put(&agent, "/v1/agent/service/register",
                  "{\"ID\":\"5\",\"Name\":\"r/\\u00f6 m?\",\"Port\":1,"
                  "\"Address\":\"10.0.0.1\",\"Check\":{\"TTL\":\"600s\","
                  "\"Status\":\"passing\"}}"), 200);
    watcher_open(&room, &world, "r/\xc3\xb6 m?");
    RUN_UNTIL(&world.fixture, watcher_is_good(&room, 5));
    finish();
}

static void a_watch_with_options_that_are_not_allowed_knows_nothing(
    void **state)
{
    const struct domi_consul_options options = {.url = "ftp://127.0.0.1"};

    (void)state;
    world_init_with(&world, options);
    memset(&room, 0, sizeof(room));
    watcher_open(&room, &world, "room");
    assert_false(room.watch.known);
    assert_int_equal(world_logged(&world, "room cannot be watched"), 1);
    watcher_close(&room);
    assert_int_equal(domi_registry_state(world.registry), DOMI_REGISTRY_OK);
    world_fini(&world);
}

static void other_registries_always_answer(void **state)
{
    struct domi_registry *local = domi_registry_local_new();

    (void)state;
    assert_int_equal(domi_registry_state(local), DOMI_REGISTRY_OK);
    domi_registry_free(local);
}

/* ---- Consul goes and comes ----------------------------------------------- */

static void goes_on_with_what_it_knew_while_the_agent_is_gone(void **state)
{
    (void)state;
    start(false);
    add_node(0, "");
    add_node(1, "");
    watch_room();
    wait_for_the_pause();
    agent_kill(&agent);
    TIME("killed, stale", 1500, world.state == DOMI_REGISTRY_STALE);
    assert_true(strlen(world.reason) > 0);
    world_rest(&world, 1500);
    assert_true(world.registry->kind->stale_s(world.registry) >= 1);
    assert_true(watcher_is_good(&room, 0));
    assert_true(watcher_is_good(&room, 1));

    agent_restart(&agent, true);
    TIME("back, good", 5000, world.state == DOMI_REGISTRY_OK);
    assert_int_equal(world.registry->kind->stale_s(world.registry), 0);
    assert_int_equal(world.state_changes, 2);
    remove_node(1);
    TIME("and watches", 5000, !watcher_node(&room, 1));
    assert_int_equal(room.emptied, 0);
    assert_int_equal(world_logged(&world, "no good answer"), 1);
    assert_int_equal(world_logged(&world, "answers again"), 1);
    finish();
}

static void damps_an_agent_that_has_forgotten_all(void **state)
{
    (void)state;
    start(true);
    add_node(0, "");
    watch_room();
    agent_kill(&agent);
    RUN_UNTIL(&world.fixture, world.state == DOMI_REGISTRY_STALE);
    agent_restart(&agent, false);
    RUN_UNTIL(&world.fixture, world.state == DOMI_REGISTRY_OK);
    world_rest(&world, DAMP_MS / 2);
    add_node(0, "");
    world_rest(&world, DAMP_MS * 2);
    assert_true(watcher_is_good(&room, 0));
    assert_int_equal(room.emptied, 0);

    /* Who never comes back is gone in the end. */
    agent_kill(&agent);
    RUN_UNTIL(&world.fixture, world.state == DOMI_REGISTRY_STALE);
    agent_restart(&agent, false);
    RUN_UNTIL(&world.fixture, world.state == DOMI_REGISTRY_OK);
    TIME("gone", DAMP_MS + 3000, room.emptied == 1);
    assert_int_equal(world_logged(&world, "service room has no node"), 1);
    finish();
}

static void notices_an_agent_that_hangs_and_never_waits_for_it(void **state)
{
    (void)state;
    start(false);
    add_node(0, "");
    watch_room();
    wait_for_the_pause();
    world_measure(&world);
    agent_freeze(&agent);
    TIME("frozen, stale", 4500, world.state == DOMI_REGISTRY_STALE);
    world_rest(&world, 3000);
    agent_thaw(&agent);
    TIME("thawed, good", 5000, world.state == DOMI_REGISTRY_OK);
    print_message("    longest gap of the loop: %u us\n",
                  (unsigned)(world.longest_gap_ns / 1000));
    assert_in_range(world.longest_gap_ns, 0, 200000000);
    assert_true(watcher_is_good(&room, 0));
    assert_int_equal(room.emptied, 0);
    add_node(1, "");
    TIME("and watches", 5000, watcher_is_good(&room, 1));
    finish();
}

static void starts_while_nobody_is_there(void **state)
{
    (void)state;
    start(false);
    agent_kill(&agent);
    watcher_open(&room, &world, "room");
    TIME("stale", 1500, world.state == DOMI_REGISTRY_STALE);
    world_rest(&world, 500);
    assert_false(room.watch.known);
    assert_int_equal(room.changes, 0);
    agent_restart(&agent, true);
    RUN_UNTIL(&world.fixture, room.watch.known);
    /* A probe of its own finds that. */
    RUN_UNTIL(&world.fixture, world.state == DOMI_REGISTRY_OK);
    finish();
}

/* ---- rights -------------------------------------------------------------- */

#define MASTER "8b2b5f44-0d1a-4d3c-9b0e-3a3b7f1c2d10"
#define UNKNOWN "8b2b5f44-0d1a-4d3c-9b0e-3a3b7f1c2d11"

static void start_with_acl(const char *token)
{
    const struct agent_options options = {
        .hcl = "acl { enabled = true default_policy = \"deny\" "
               "tokens { master = \"" MASTER "\" agent = \"" MASTER "\" } }",
        .token = MASTER,
    };

    agent_start(&agent, &options);
    memset(&room, 0, sizeof(room));
    connect_world(token);
    add_node(0, "");
}

static void says_that_the_token_may_lack_the_right(void **state)
{
    (void)state;
    start_with_acl(NULL);
    watch_room();
    assert_int_equal(room.watch.snapshot.count, 0);
    assert_int_equal(world_logged(&world, "or the token may not read it"), 1);
    finish();
}

static void a_token_that_nobody_knows_is_an_error_of_permission(void **state)
{
    (void)state;
    start_with_acl(UNKNOWN);
    watcher_open(&room, &world, "room");
    RUN_UNTIL(&world.fixture, world_logged(&world, "403") > 0);
    world_rest(&world, 2000);
    assert_false(room.watch.known);
    /* One line for the watch, one for the probe, each once. */
    assert_in_range(world_logged(&world, "403"), 1, 2);
    assert_int_equal(world.state_changes, 0);
    finish();
}

static void reads_with_a_token(void **state)
{
    (void)state;
    start_with_acl(MASTER);
    watch_room();
    assert_true(watcher_is_good(&room, 0));
    finish();
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, stop_agent)
    const struct CMUnitTest tests[] = {
        TEST(sees_nodes_come_change_and_go),
        TEST(a_burst_of_changes_is_few_snapshots),
        TEST(names_what_it_leaves_out_once),
        TEST(a_watch_may_end_and_begin_in_what_it_is_told),
        TEST(works_again_after_all_have_gone),
        TEST(may_be_freed_before_there_was_an_answer),
        TEST(escapes_the_name_of_a_service),
        TEST(asks_for_a_service_of_a_long_name),
        TEST(a_watch_with_options_that_are_not_allowed_knows_nothing),
        TEST(other_registries_always_answer),
        TEST(goes_on_with_what_it_knew_while_the_agent_is_gone),
        TEST(damps_an_agent_that_has_forgotten_all),
        TEST(notices_an_agent_that_hangs_and_never_waits_for_it),
        TEST(starts_while_nobody_is_there),
        TEST(says_that_the_token_may_lack_the_right),
        TEST(a_token_that_nobody_knows_is_an_error_of_permission),
        TEST(reads_with_a_token),
    };
#undef TEST

    return cmocka_run_group_tests(tests, NULL, NULL);
}
