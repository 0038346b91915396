/* SPDX-License-Identifier: MIT */
/* Nodes that join through Consul, and leave. */
#include "node.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "domi/err.h"

static struct town town;

static int open_town(void **state)
{
    (void)state;
    town_open(&town, (struct town_options){.dev = true});
    return 0;
}

static int close_town(void **state)
{
    (void)state;
    town_close(&town);
    return 0;
}

/* ---- join ---------------------------------------------------------------- */

static const char *text_of(const cJSON *json, const char *name)
{
    const cJSON *text = cJSON_GetObjectItem(json, name);

    assert_true(cJSON_IsString(text));
    return text->valuestring;
}

static int int_of(const cJSON *json, const char *name)
{
    const cJSON *number = cJSON_GetObjectItem(json, name);

    assert_true(cJSON_IsNumber(number));
    return number->valueint;
}

static void expect_its_service(struct node *node)
{
    char path[64];
    char number[16];
    cJSON *json;
    const cJSON *meta;

    snprintf(number, sizeof(number), "%d", NODE_ID(node));
    snprintf(path, sizeof(path), "/v1/agent/service/%s", number);
    json = town_get(&town, path);
    assert_non_null(json);
    meta = cJSON_GetObjectItem(json, "Meta");
    assert_string_equal(text_of(json, "ID"), number);
    assert_string_equal(text_of(json, "Service"), "a room/1");
    assert_string_equal(text_of(json, "Address"), "127.0.0.1");
    assert_int_equal(int_of(json, "Port"), 7777);
    snprintf(number, sizeof(number), "%d", node->membership.self.http_port);
    assert_string_equal(text_of(meta, "http_port"), number);
    assert_string_equal(text_of(meta, "version"), "3");
    assert_string_equal(text_of(meta, "state"), "serve");
    assert_int_equal(cJSON_GetArraySize(meta), 3);
    cJSON_Delete(json);
}

/* What the check asks for is told by its output alone. */
static bool is_checked(struct node *node)
{
    char url[64];
    cJSON *json = town_get(&town, "/v1/agent/checks");
    const cJSON *check = json->child;
    bool is;

    assert_int_equal(cJSON_GetArraySize(json), 1);
    assert_string_equal(text_of(check, "Status"), "passing");
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/%d/health: 200 OK",
             node->membership.self.http_port, NODE_ID(node));
    is = strstr(text_of(check, "Output"), url);
    cJSON_Delete(json);
    return is;
}

static void expect_its_key(struct node *node)
{
    char path[64];
    char value[256];
    char address[32];
    cJSON *json;

    snprintf(path, sizeof(path), "/v1/kv/domi/nodes/%d?raw", NODE_ID(node));
    assert_int_equal(agent_get(&town.agent, path, value, sizeof(value)), 200);
    assert_int_equal(strcspn(value, " "), 36);
    snprintf(address, sizeof(address), " 127.0.0.1:%d 20",
             node->membership.self.http_port);
    assert_non_null(strstr(value, address));
    snprintf(path, sizeof(path), "/v1/session/info/%s",
             town_session(&town, NODE_ID(node)));
    json = town_get(&town, path);
    assert_string_equal(text_of(cJSON_GetArrayItem(json, 0), "TTL"), "5s");
    assert_string_equal(text_of(cJSON_GetArrayItem(json, 0), "Behavior"),
                        "release");
    cJSON_Delete(json);
}

static void joins_and_is_registered_as_stated(void **state)
{
    struct node node;

    (void)state;
    node_init(&node, &town, "a room/1");
    node.membership.self.tcp_port = 7777;
    node.membership.self.version = 3;
    node_join(&node);
    assert_int_equal(node.joined, 0);
    node_joined(&node, 0);
    assert_in_range(NODE_ID(&node), 0, 1022);
    expect_its_service(&node);
    RUN_UNTIL(&town.world.fixture, is_checked(&node));
    expect_its_key(&node);
    RUN_UNTIL(&town.world.fixture,
              town_key_is(&town, "a%20room%2F1Version", "3"));
    assert_int_equal(node.ids, 0);
    assert_int_equal(node.outdated, 0);
    node_fini(&node);
}

static void tells_when_it_drains(void **state)
{
    struct domi_registry *registry = town.world.registry;
    struct node node;

    (void)state;
    node_init(&node, &town, "room");
    node_join(&node);
    node_joined(&node, 0);
    assert_true(node_is_registered(&node, "serve"));
    node.membership.self.draining = true;
    registry->kind->update(registry, &node.membership);
    RUN_UNTIL(&town.world.fixture, node_is_registered(&node, "drain"));
    node.membership.self.draining = false;
    registry->kind->update(registry, &node.membership);
    node.membership.self.draining = true;
    registry->kind->update(registry, &node.membership);
    world_rest(&town.world, 100);
    assert_true(node_is_registered(&node, "drain"));
    node_fini(&node);
}

static void refuses_a_node_that_cannot_be_checked(void **state)
{
    struct node node;

    (void)state;
    node_init(&node, &town, "room");
    node.membership.self.http_port = 0;
    node_join(&node);
    node_joined(&node, DOMI_E_OPTION);
    assert_int_equal(world_logged(&town.world, "option http_port"), 1);
    node_leave(&node);
    node_fini(&node);
}

static void joins_as_soon_as_consul_is_there(void **state)
{
    struct node node;

    (void)state;
    agent_kill(&town.agent);
    node_init(&node, &town, "room");
    node_join(&node);
    world_rest(&town.world, 1500);
    assert_int_equal(node.joined, 0);
    assert_int_equal(world_logged(&town.world, "cannot be read yet"), 1);
    agent_restart(&town.agent, false);
    node_serves(&node);
    node_fini(&node);
}

/* ---- leave --------------------------------------------------------------- */

static void leaves_and_its_id_is_free_at_once(void **state)
{
    struct node node;
    char path[64];
    int id;

    (void)state;
    node_init(&node, &town, "room");
    node_join(&node);
    node_serves(&node);
    id = NODE_ID(&node);
    node_leave(&node);
    assert_false(town_has_id(&town, id));
    snprintf(path, sizeof(path), "/v1/agent/service/%d", id);
    assert_false(town_has(&town, path));
    node.membership.self.id = id;
    node_join(&node);
    node_joined(&node, 0);
    assert_int_equal(NODE_ID(&node), id);
    assert_string_not_equal(town_session(&town, id), "");
    node_fini(&node);
}

/* What is left in Consul: keys of ids, services, sessions. */
static int count_of(const char *path)
{
    cJSON *json = town_get(&town, path);
    int count = json ? cJSON_GetArraySize(json) : 0;

    cJSON_Delete(json);
    return count;
}

static int left_over(void)
{
    return count_of("/v1/kv/domi/nodes/?keys") +
           count_of("/v1/agent/services") + count_of("/v1/session/list");
}

static void leaves_in_the_middle_of_its_join(void **state)
{
    struct node node;
    bool joined = false;

    (void)state;
    /* After each number of turns that a join takes. */
    for (unsigned turns = 0; !joined; turns++) {
        node_init(&node, &town, "room");
        node_join(&node);
        for (unsigned i = 0; i < turns; i++) {
            uv_run(&town.world.fixture.uv, UV_RUN_ONCE);
        }
        joined = node.joined > 0;
        node_leave(&node);
        assert_int_equal(node.joined, joined ? 1 : 0);
        node_fini(&node);
        RUN_UNTIL(&town.world.fixture, left_over() == 0);
    }
}

static void leaves_when_consul_hangs(void **state)
{
    struct node nodes[2];
    uint64_t begin;

    (void)state;
    node_init(&nodes[0], &town, "room");
    node_init(&nodes[1], &town, "room");
    node_join(&nodes[0]);
    node_serves(&nodes[0]);
    agent_freeze(&town.agent);
    node_join(&nodes[1]);
    world_rest(&town.world, 50);
    begin = uv_hrtime();
    node_leave(&nodes[0]);
    assert_in_range((uv_hrtime() - begin) / 1000000, 0, 2900);
    begin = uv_hrtime();
    node_leave(&nodes[1]);
    assert_in_range((uv_hrtime() - begin) / 1000000, 0, 2900);
    assert_int_equal(nodes[1].joined, 0);
    agent_thaw(&town.agent);
    node_fini(&nodes[0]);
    node_fini(&nodes[1]);
}

static void leaves_when_consul_is_gone(void **state)
{
    struct node nodes[2];
    uint64_t begin;

    (void)state;
    node_init(&nodes[0], &town, "room");
    node_init(&nodes[1], &town, "room");
    node_join(&nodes[0]);
    node_serves(&nodes[0]);
    agent_kill(&town.agent);
    node_join(&nodes[1]);
    world_rest(&town.world, 500);
    begin = uv_hrtime();
    node_leave(&nodes[0]);
    node_leave(&nodes[1]);
    assert_in_range((uv_hrtime() - begin) / 1000000, 0, 2900);
    node_fini(&nodes[0]);
    node_fini(&nodes[1]);
}

/* ---- kept in ------------------------------------------------------------- */

static void is_registered_again_when_it_was_taken_out(void **state)
{
    struct node node;
    char path[64];

    (void)state;
    node_init(&node, &town, "room");
    node_join(&node);
    node_serves(&node);
    snprintf(path, sizeof(path), "/v1/agent/service/deregister/%d",
             NODE_ID(&node));
    assert_int_equal(agent_put(&town.agent, path, NULL), 200);
    assert_false(node_is_registered(&node, "serve"));
    TOWN_UNTIL(&town, 5, node_is_registered(&node, "serve"));
    assert_int_equal(node.ids, 0);
    node_fini(&node);
}

static void is_made_whole_when_the_agent_forgot_all(void **state)
{
    struct node node;
    int id;

    (void)state;
    node_init(&node, &town, "room");
    node_join(&node);
    node_serves(&node);
    id = NODE_ID(&node);
    agent_kill(&town.agent);
    world_rest(&town.world, 500);
    agent_restart(&town.agent, false);
    assert_false(town_has_id(&town, id));
    TOWN_UNTIL(&town, 5, node_is_registered(&node, "serve") &&
                             *town_session(&town, id) &&
                             town_key_is(&town, "roomVersion", "1"));
    assert_int_equal(NODE_ID(&node), id);
    assert_int_equal(node.ids, 0);
    node_fini(&node);
}

static int open_lasting_town(void **state)
{
    (void)state;
    town_open(&town, (struct town_options){.dev = false});
    return 0;
}

static void keeps_all_when_the_agent_comes_back_with_its_data(void **state)
{
    struct node node;
    char session[64];
    int id;

    (void)state;
    node_init(&node, &town, "room");
    node_join(&node);
    node_serves(&node);
    id = NODE_ID(&node);
    snprintf(session, sizeof(session), "%s", town_session(&town, id));
    agent_kill(&town.agent);
    world_rest(&town.world, 500);
    agent_restart(&town.agent, true);
    world_rest(&town.world, 4000);
    assert_true(node_is_registered(&node, "serve"));
    assert_string_not_equal(town_session(&town, id), "");
    assert_true(town_key_is(&town, "roomVersion", "1"));
    assert_int_equal(world_logged(&town.world, "registered again"), 0);
    assert_int_equal(NODE_ID(&node), id);
    assert_int_equal(node.ids, 0);
    node_fini(&node);
}

#define IN_TOWN(test)                                                          \
    cmocka_unit_test_setup_teardown(test, open_town, close_town)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_TOWN(joins_and_is_registered_as_stated),
        IN_TOWN(tells_when_it_drains),
        IN_TOWN(refuses_a_node_that_cannot_be_checked),
        IN_TOWN(joins_as_soon_as_consul_is_there),
        IN_TOWN(leaves_and_its_id_is_free_at_once),
        IN_TOWN(leaves_in_the_middle_of_its_join),
        IN_TOWN(leaves_when_consul_hangs),
        IN_TOWN(leaves_when_consul_is_gone),
        IN_TOWN(is_registered_again_when_it_was_taken_out),
        IN_TOWN(is_made_whole_when_the_agent_forgot_all),
        cmocka_unit_test_setup_teardown(
            keeps_all_when_the_agent_comes_back_with_its_data,
            open_lasting_town, close_town),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
