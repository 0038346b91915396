/* SPDX-License-Identifier: MIT */
/* Nodes that join through Consul, with the HTTP port where they are checked. */
#include "node.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/cluster.h"
#include "http/http.h"

#define ANSWER_SIZE (1024 * 1024)

/* ---- the town ------------------------------------------------------------ */

void town_open(struct town *town, struct town_options options)
{
    const struct agent_options agent = {.dev = options.dev};

    town->nodes = 0;
    agent_start(&town->agent, &agent);
    world_init_with(&town->world,
                    (struct domi_consul_options){
                        .url = town->agent.url,
                        .session_s = options.session_s ? options.session_s : 5,
                        .id_policy = options.id_policy,
                    });
}

void town_close(struct town *town)
{
    if (town->nodes == 0) {
        world_fini(&town->world);
    }
    agent_stop(&town->agent);
}

void town_wait(struct town *town, unsigned seconds)
{
    town->world.fixture.deadline_ns =
        uv_hrtime() + seconds * UINT64_C(1000000000);
}

cJSON *town_get(struct town *town, const char *path)
{
    char *text = malloc(ANSWER_SIZE);
    cJSON *json = NULL;

    assert_non_null(text);
    if (agent_get(&town->agent, path, text, ANSWER_SIZE) == 200) {
        json = cJSON_Parse(text);
        assert_non_null(json);
    }
    free(text);
    return json;
}

bool town_has(struct town *town, const char *path)
{
    return agent_get(&town->agent, path, NULL, 0) == 200;
}

bool town_key_is(struct town *town, const char *key, const char *value)
{
    char path[128];
    char text[256];

    snprintf(path, sizeof(path), "/v1/kv/%s?raw", key);
    return agent_get(&town->agent, path, text, sizeof(text)) == 200 &&
           strcmp(text, value) == 0;
}

static void id_path(char out[64], int id)
{
    snprintf(out, 64, "/v1/kv/domi/nodes/%d", id);
}

bool town_has_id(struct town *town, int id)
{
    char path[64];

    id_path(path, id);
    return town_has(town, path);
}

const char *town_session(struct town *town, int id)
{
    static char text[64];
    char path[64];
    cJSON *json;
    const cJSON *session;

    id_path(path, id);
    json = town_get(town, path);
    session = cJSON_GetObjectItem(cJSON_GetArrayItem(json, 0), "Session");
    snprintf(text, sizeof(text), "%s",
             cJSON_IsString(session) ? session->valuestring : "");
    cJSON_Delete(json);
    return text;
}

/* ---- a node -------------------------------------------------------------- */

static struct node *node_of(struct domi__membership *membership)
{
    return DOMI__CONTAINER(membership, struct node, membership);
}

static void on_joined(struct domi__membership *membership, int status)
{
    struct node *node = node_of(membership);

    node->joined++;
    node->status = status;
}

static void on_left(struct domi__membership *membership)
{
    node_of(membership)->left++;
    node_of(membership)->town->nodes--;
}

static void on_id(struct domi__membership *membership)
{
    node_of(membership)->ids++;
}

static void on_outdated(struct domi__membership *membership)
{
    node_of(membership)->outdated++;
}

/* What a node answers where Consul checks it. */
static void answer(void *arg, const struct domi__http_question *question,
                   struct domi__http_answer *out)
{
    const struct node *node = arg;
    char path[32];

    snprintf(path, sizeof(path), "/%d/health", NODE_ID(node));
    if (strcmp(question->request->path, path) == 0) {
        out->status = node->sick ? 503 : 200;
        snprintf(out->body, sizeof(out->body), "so it is\n");
    }
}

void node_init(struct node *node, struct town *town, const char *service)
{
    struct fixture *fixture = &town->world.fixture;
    const struct domi__http_listen listen = {
        .listen = {.loop = fixture->loop,
                   .log = &fixture->log,
                   .host = "127.0.0.1"},
        .answer = answer,
        .answer_arg = node,
    };

    memset(node, 0, sizeof(*node));
    node->town = town;
    assert_int_equal(domi__http_listen(&node->listener, &listen), 0);
    node->membership = (struct domi__membership){
        .loop = fixture->loop,
        .self = {.id = -1,
                 .service = service,
                 .host = "127.0.0.1",
                 .http_port = domi__listener_port(node->listener),
                 .version = 1},
        .on_joined = on_joined,
        .on_left = on_left,
        .on_id = on_id,
        .on_outdated = on_outdated,
    };
    node->left = 1;
}

void node_join(struct node *node)
{
    struct domi_registry *registry = node->town->world.registry;

    node->left = 0;
    node->joined = 0;
    node->town->nodes++;
    registry->kind->join(registry, &node->membership);
}

void node_joined(struct node *node, int status)
{
    RUN_UNTIL(&node->town->world.fixture, node->joined > 0);
    assert_int_equal(node->joined, 1);
    assert_int_equal(node->status, status);
}

void node_serves(struct node *node)
{
    char key[64];
    char value[16];

    node_joined(node, 0);
    snprintf(key, sizeof(key), "%sVersion", node->membership.self.service);
    snprintf(value, sizeof(value), "%d", node->membership.self.version);
    RUN_UNTIL(&node->town->world.fixture, town_key_is(node->town, key, value));
}

void node_leave(struct node *node)
{
    struct domi_registry *registry = node->town->world.registry;

    registry->kind->leave(registry, &node->membership);
    RUN_UNTIL(&node->town->world.fixture, node->left > 0);
    assert_int_equal(node->left, 1);
}

static void on_closed(void *user)
{
    *(bool *)user = true;
}

void node_fini(struct node *node)
{
    bool closed = false;

    if (node->left == 0) {
        node_leave(node);
    }
    domi__listener_close(node->listener, on_closed, &closed);
    RUN_UNTIL(&node->town->world.fixture, closed);
}

bool node_is_registered(struct node *node, const char *state)
{
    char path[64];
    cJSON *json;
    const cJSON *meta;
    bool is;

    snprintf(path, sizeof(path), "/v1/agent/service/%d", NODE_ID(node));
    json = town_get(node->town, path);
    meta = cJSON_GetObjectItem(json, "Meta");
    is = json &&
         strcmp(cJSON_GetObjectItem(meta, "state")->valuestring, state) == 0 &&
         cJSON_GetObjectItem(json, "Port")->valueint ==
             node->membership.self.http_port;
    cJSON_Delete(json);
    return is;
}
