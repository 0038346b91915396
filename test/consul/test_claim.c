/* SPDX-License-Identifier: MIT */
/* Node ids: claimed, wanted, taken by others, used up, and lost. */
#include "node.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "domi/err.h"

#define CROWD 50
#define IDS 1023

static struct town town;

static int open_town(void **state)
{
    (void)state;
    town_open(&town, (struct town_options){.dev = true});
    return 0;
}

static int open_strict_town(void **state)
{
    (void)state;
    town_open(&town, (struct town_options){.dev = true,
                                           .id_policy = DOMI_ID_STOP});
    return 0;
}

static int close_town(void **state)
{
    (void)state;
    town_close(&town);
    return 0;
}

/* ---- by hand ------------------------------------------------------------- */

static void put_key(int id, const char *value)
{
    char path[64];

    snprintf(path, sizeof(path), "/v1/kv/domi/nodes/%d", id);
    assert_int_equal(agent_put(&town.agent, path, value), 200);
}

static void make_session(char out[64])
{
    char body[128];
    cJSON *json;

    assert_int_equal(agent_ask(&town.agent, "PUT", "/v1/session/create",
                               "{\"NodeChecks\":[]}", body, sizeof(body)),
                     200);
    json = cJSON_Parse(body);
    snprintf(out, 64, "%s", cJSON_GetObjectItem(json, "ID")->valuestring);
    cJSON_Delete(json);
}

/* Locks ids with one session, as many as one transaction takes at once. */
static void lock_ids(int first, int end, const char *session)
{
    char *body = malloc(64 * 256);
    size_t size = 0;

    assert_non_null(body);
    for (int id = first; id < end; id++) {
        size += (size_t)sprintf(
            body + size,
            "%c{\"KV\":{\"Verb\":\"lock\",\"Key\":\"domi/nodes/%d\","
            "\"Value\":\"b3RoZXI=\",\"Session\":\"%s\"}}",
            size == 0 ? '[' : ',', id, session);
    }
    strcpy(body + size, "]");
    assert_int_equal(agent_put(&town.agent, "/v1/txn", body), 200);
    free(body);
}

static void lock_all(void)
{
    char session[64];

    make_session(session);
    for (int id = 0; id < IDS; id += 60) {
        lock_ids(id, id + 60 < IDS ? id + 60 : IDS, session);
    }
}

/* A service on another machine, as nodes of other kinds register. */
static void register_elsewhere(int id, const char *status)
{
    char body[512];

    snprintf(body, sizeof(body),
             "{\"Node\":\"elsewhere\",\"Address\":\"127.9.9.9\","
             "\"Service\":{\"ID\":\"%d\",\"Service\":\"other\",\"Port\":1},"
             "\"Check\":{\"CheckID\":\"service:%d\",\"Name\":\"c\","
             "\"ServiceID\":\"%d\",\"Status\":\"%s\"}}",
             id, id, id, status);
    assert_int_equal(agent_put(&town.agent, "/v1/catalog/register", body), 200);
}

/* ---- claiming ------------------------------------------------------------ */

static bool all_joined(const struct node *nodes)
{
    for (int i = 0; i < CROWD; i++) {
        if (nodes[i].joined == 0) {
            return false;
        }
    }
    return true;
}

static void a_crowd_gets_distinct_ids(void **state)
{
    static struct node nodes[CROWD];
    bool taken[IDS] = {false};
    cJSON *keys;

    (void)state;
    for (int i = 0; i < CROWD; i++) {
        node_init(&nodes[i], &town, "room");
    }
    for (int i = 0; i < CROWD; i++) {
        node_join(&nodes[i]);
    }
    RUN_UNTIL(&town.world.fixture, all_joined(nodes));
    for (int i = 0; i < CROWD; i++) {
        assert_int_equal(nodes[i].status, 0);
        assert_in_range(NODE_ID(&nodes[i]), 0, IDS - 1);
        assert_false(taken[NODE_ID(&nodes[i])]);
        taken[NODE_ID(&nodes[i])] = true;
    }
    keys = town_get(&town, "/v1/kv/domi/nodes/?keys");
    assert_int_equal(cJSON_GetArraySize(keys), CROWD);
    cJSON_Delete(keys);
    for (int i = 0; i < CROWD; i++) {
        node_fini(&nodes[i]);
    }
    assert_false(town_has(&town, "/v1/kv/domi/nodes/?keys"));
}

static void gives_the_id_that_is_wanted(void **state)
{
    struct node node;

    (void)state;
    put_key(700, "somebody 127.0.0.1:1 2026"); /* who has ended */
    node_init(&node, &town, "room");
    node.membership.self.id = 700;
    node_join(&node);
    node_joined(&node, 0);
    assert_int_equal(NODE_ID(&node), 700);
    assert_string_not_equal(town_session(&town, 700), "");
    node_fini(&node);
}

static void refuses_a_wanted_id_that_is_taken(void **state)
{
    struct node one;
    struct node two;

    (void)state;
    node_init(&one, &town, "room");
    node_init(&two, &town, "gate");
    one.membership.self.id = 7;
    two.membership.self.id = 7;
    node_join(&one);
    node_joined(&one, 0);
    node_join(&two);
    node_joined(&two, UV_EADDRINUSE);
    assert_int_equal(NODE_ID(&two), 7);
    assert_int_equal(
        world_logged(&town.world, "node id 7, which service \"gate\" wants"),
        1);
    assert_int_equal(NODE_ID(&one), 7);
    assert_int_equal(one.ids, 0);
    node_leave(&two);
    assert_true(town_has_id(&town, 7));
    assert_true(node_is_registered(&one, "serve"));
    node_fini(&two);
    node_fini(&one);
}

static void refuses_a_wanted_id_of_a_node_without_a_key(void **state)
{
    struct node node;

    (void)state;
    register_elsewhere(7, "passing");
    register_elsewhere(8, "critical");
    node_init(&node, &town, "room");
    node.membership.self.id = 7;
    node_join(&node);
    node_joined(&node, UV_EADDRINUSE);
    node_leave(&node);
    node.membership.self.id = 8;
    node_join(&node);
    node_joined(&node, 0);
    node_fini(&node);
}

static void says_so_when_all_ids_are_taken(void **state)
{
    struct node node;

    (void)state;
    lock_all();
    node_init(&node, &town, "room");
    node_join(&node);
    node_joined(&node, DOMI_E_NO_ID);
    assert_int_equal(world_logged(&town.world, "0 to 1022 are taken"), 1);
    assert_int_equal(NODE_ID(&node), -1);
    node_leave(&node);
    node_fini(&node);
}

/* The owner of the one that is registered may be cut off, and serve on. */
static void takes_a_reserve_when_no_id_is_free(void **state)
{
    struct node node;

    (void)state;
    lock_all();
    put_key(100, "one that has ended");
    put_key(200, "one that is cut off");
    assert_int_equal(agent_delete(&town.agent, "/v1/kv/domi/nodes/100"), 200);
    assert_int_equal(agent_delete(&town.agent, "/v1/kv/domi/nodes/200"), 200);
    put_key(100, "one that has ended");
    put_key(200, "one that is cut off");
    register_elsewhere(200, "critical");
    node_init(&node, &town, "room");
    node_join(&node);
    node_joined(&node, 0);
    assert_int_equal(NODE_ID(&node), 100);
    node_fini(&node);
}

static void leaves_a_reserve_alone_while_ids_are_free(void **state)
{
    struct node node;

    (void)state;
    lock_all();
    assert_int_equal(agent_delete(&town.agent, "/v1/kv/domi/nodes/500"), 200);
    assert_int_equal(agent_delete(&town.agent, "/v1/kv/domi/nodes/501"), 200);
    put_key(501, "a reserve");
    node_init(&node, &town, "room");
    node_join(&node);
    node_joined(&node, 0);
    assert_int_equal(NODE_ID(&node), 500);
    node_fini(&node);
}

/* ---- losing -------------------------------------------------------------- */

static void takes_a_new_id_when_its_own_is_overwritten(void **state)
{
    struct node node;
    char old[64];
    int id;

    (void)state;
    node_init(&node, &town, "room");
    node_join(&node);
    node_serves(&node);
    id = NODE_ID(&node);
    put_key(id, "another-uuid 192.0.2.9:1 2026");
    TOWN_UNTIL(&town, 5, node.ids == 1);
    assert_int_equal(NODE_ID(&node), -1);
    TOWN_UNTIL(&town, 5, node.ids == 2);
    assert_int_not_equal(NODE_ID(&node), id);
    assert_in_range(NODE_ID(&node), 0, IDS - 1);
    assert_int_equal(world_logged(&town.world, "192.0.2.9"), 1);
    RUN_UNTIL(&town.world.fixture, node_is_registered(&node, "serve"));
    snprintf(old, sizeof(old), "/v1/agent/service/%d", id);
    RUN_UNTIL(&town.world.fixture, !town_has(&town, old));
    node_fini(&node);
    assert_true(town_has_id(&town, id));
    assert_string_equal(town_session(&town, id), "");
}

static void stops_when_its_id_is_overwritten_and_it_shall(void **state)
{
    struct node node;
    char old[64];
    int id;

    (void)state;
    node_init(&node, &town, "room");
    node_join(&node);
    node_serves(&node);
    id = NODE_ID(&node);
    put_key(id, "");
    TOWN_UNTIL(&town, 5, node.ids == 1);
    assert_int_equal(NODE_ID(&node), -1);
    snprintf(old, sizeof(old), "/v1/agent/service/%d", id);
    RUN_UNTIL(&town.world.fixture, !town_has(&town, old));
    world_rest(&town.world, 1500);
    assert_int_equal(node.ids, 1);
    node_fini(&node);
    assert_true(town_has_id(&town, id));
}

static void leaves_with_its_old_registration_right_after_a_loss(void **state)
{
    struct node node;
    char old[64];

    (void)state;
    node_init(&node, &town, "room");
    node_join(&node);
    node_serves(&node);
    snprintf(old, sizeof(old), "/v1/agent/service/%d", NODE_ID(&node));
    put_key(NODE_ID(&node), "another");
    TOWN_UNTIL(&town, 5, node.ids == 1);
    assert_true(town_has(&town, old));
    node_fini(&node);
    assert_false(town_has(&town, old));
}

static void gives_way_to_a_service_without_a_key(void **state)
{
    struct node node;

    (void)state;
    node_init(&node, &town, "room");
    node.membership.self.id = 7;
    node_join(&node);
    node_joined(&node, 0);
    register_elsewhere(7, "passing");
    TOWN_UNTIL(&town, 5, node.ids == 2);
    assert_int_not_equal(NODE_ID(&node), 7);
    node_fini(&node);
}

static void gives_way_to_who_registers_over_it(void **state)
{
    struct node node;
    int id;
    char body[128];
    char path[64];

    (void)state;
    node_init(&node, &town, "room");
    node_join(&node);
    node_serves(&node);
    id = NODE_ID(&node);
    snprintf(body, sizeof(body),
             "{\"ID\":\"%d\",\"Name\":\"room\",\"Address\":\"192.0.2.9\","
             "\"Port\":9}",
             id);
    assert_int_equal(
        agent_put(&town.agent, "/v1/agent/service/register", body), 200);
    TOWN_UNTIL(&town, 5, node.ids == 2);
    assert_int_not_equal(NODE_ID(&node), id);
    RUN_UNTIL(&town.world.fixture, node_is_registered(&node, "serve"));
    snprintf(path, sizeof(path), "/v1/agent/service/%d", id);
    assert_true(town_has(&town, path));
    node_fini(&node);
    assert_true(town_has(&town, path));
}

static void locks_its_key_again_when_the_session_ended(void **state)
{
    struct node node;
    char session[64];
    char path[128];
    int id;

    (void)state;
    node_init(&node, &town, "room");
    node_join(&node);
    node_serves(&node);
    id = NODE_ID(&node);
    snprintf(session, sizeof(session), "%s", town_session(&town, id));
    snprintf(path, sizeof(path), "/v1/session/destroy/%s", session);
    assert_int_equal(agent_put(&town.agent, path, NULL), 200);
    assert_string_equal(town_session(&town, id), "");
    /* Consul holds everybody back for 15 s. */
    TOWN_UNTIL(&town, 25, *town_session(&town, id));
    assert_string_not_equal(town_session(&town, id), session);
    assert_int_equal(NODE_ID(&node), id);
    assert_int_equal(node.ids, 0);
    assert_int_equal(world_logged(&town.world, "no session any more"), 1);
    node_fini(&node);
}

static void locks_its_key_again_when_it_was_deleted(void **state)
{
    struct node node;
    char path[64];
    int id;

    (void)state;
    node_init(&node, &town, "room");
    node_join(&node);
    node_serves(&node);
    id = NODE_ID(&node);
    snprintf(path, sizeof(path), "/v1/kv/domi/nodes/%d", id);
    assert_int_equal(agent_delete(&town.agent, path), 200);
    TOWN_UNTIL(&town, 5, *town_session(&town, id));
    assert_int_equal(node.ids, 0);
    node_fini(&node);
    assert_false(town_has_id(&town, id));
}

/* A session that was not renewed in time is not trusted, though it still is
   there: its lock goes to a new one at once. */
static void trusts_no_session_that_it_renewed_late(void **state)
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
    agent_freeze(&town.agent);
    world_rest(&town.world, 5500);
    agent_thaw(&town.agent);
    TOWN_UNTIL(&town, 8,
               *town_session(&town, id) &&
                   strcmp(town_session(&town, id), session) != 0);
    assert_int_equal(node.ids, 0);
    assert_int_equal(NODE_ID(&node), id);
    node_fini(&node);
}

#define IN_TOWN(test)                                                          \
    cmocka_unit_test_setup_teardown(test, open_town, close_town)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_TOWN(a_crowd_gets_distinct_ids),
        IN_TOWN(gives_the_id_that_is_wanted),
        IN_TOWN(refuses_a_wanted_id_that_is_taken),
        IN_TOWN(refuses_a_wanted_id_of_a_node_without_a_key),
        IN_TOWN(says_so_when_all_ids_are_taken),
        IN_TOWN(takes_a_reserve_when_no_id_is_free),
        IN_TOWN(leaves_a_reserve_alone_while_ids_are_free),
        IN_TOWN(takes_a_new_id_when_its_own_is_overwritten),
        cmocka_unit_test_setup_teardown(
            stops_when_its_id_is_overwritten_and_it_shall, open_strict_town,
            close_town),
        cmocka_unit_test_setup_teardown(
            leaves_with_its_old_registration_right_after_a_loss,
            open_strict_town, close_town),
        IN_TOWN(gives_way_to_a_service_without_a_key),
        IN_TOWN(gives_way_to_who_registers_over_it),
        IN_TOWN(locks_its_key_again_when_the_session_ended),
        IN_TOWN(locks_its_key_again_when_it_was_deleted),
        IN_TOWN(trusts_no_session_that_it_renewed_late),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
