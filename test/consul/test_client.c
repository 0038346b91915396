/* SPDX-License-Identifier: MIT */
/* The Consul client against a real agent. */
#include "fixture.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "agent.h"

#define SLOW_WAIT "wait=60s"
#define PROMPT_MS 1000 /* far less than any wait, far more than any end takes */

static struct agent agent; /* of all tests that do not harm it */
static struct caller caller;

static int start_agent(void **state)
{
    const struct agent_options options = {.dev = true};

    (void)state;
    agent_start(&agent, &options);
    return 0;
}

static int stop_agent(void **state)
{
    (void)state;
    agent_stop(&agent);
    return 0;
}

static int set_up(void **state)
{
    (void)state;
    caller_open_url(&caller, agent.url);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    caller_close(&caller);
    return 0;
}

static uint64_t now_ms(void)
{
    return uv_hrtime() / 1000000;
}

/* Asks to be told when a key changes that is there and has this index. */
static void block(struct question *question, const char *key, uint64_t index)
{
    static char paths[16][128];
    static unsigned used;
    char *path = paths[used++ % 16];

    snprintf(path, sizeof(paths[0]), "/v1/kv/%s?raw&" SLOW_WAIT "&index=%llu",
             key, (unsigned long long)index);
    memset(question, 0, sizeof(*question));
    question->request.method = "GET";
    question->request.path = path;
    question->request.timeout_ms = 80000;
    ask(&caller, question);
}

/* A key's index, once it has been set. */
static uint64_t set_key(const char *key, const char *value)
{
    char path[128];
    struct question read;

    snprintf(path, sizeof(path), "/v1/kv/%s", key);
    assert_int_equal(agent_put(&agent, path, value), 200);
    read = get(&caller, path);
    assert_int_equal(read.status, 200);
    assert_int_not_equal(read.index, 0);
    return read.index;
}

/* The agent has so many connections of ours that wait. */
static void wait_until_blocked(unsigned milliseconds)
{
    uint64_t until = now_ms() + milliseconds;

    RUN_UNTIL(&caller.fixture, now_ms() >= until);
}

/* ---- questions and answers ----------------------------------------------- */

static void puts_and_gets(void **state)
{
    struct question reply;
    char value[32];

    (void)state;
    reply = put(&caller, "/v1/kv/color", "red");
    assert_int_equal(reply.status, 200);
    assert_string_equal(reply.error, "");
    assert_int_equal(
        agent_get(&agent, "/v1/kv/color?raw", value, sizeof(value)), 200);
    assert_string_equal(value, "red");
    reply = get(&caller, "/v1/kv/color?raw");
    assert_int_equal(reply.status, 200);
    assert_string_equal(reply.body, "red");
    assert_false(reply.has_json);
    reply = get_json(&caller, "/v1/kv/color");
    assert_int_equal(reply.status, 200);
    assert_true(reply.has_json);
    assert_int_equal(reply.items, 1);
    assert_string_equal(reply.body, "");
    assert_int_not_equal(reply.index, 0);
}

static void puts_without_a_body(void **state)
{
    struct question reply;

    (void)state;
    reply = put(&caller, "/v1/kv/empty", NULL);
    assert_int_equal(reply.status, 200);
    reply = get(&caller, "/v1/kv/empty?raw");
    assert_int_equal(reply.status, 200);
    assert_int_equal(reply.body_size, 0);
}

static void tells_the_index_of_what_is_not_there(void **state)
{
    struct question reply;

    (void)state;
    reply = get_json(&caller, "/v1/kv/nowhere");
    assert_int_equal(reply.status, 404);
    assert_string_equal(reply.error, "");
    assert_false(reply.has_json);
    assert_int_not_equal(reply.index, 0);
}

static void tells_the_hash_of_a_service(void **state)
{
    struct question reply;
    char path[128];

    (void)state;
    assert_int_equal(agent_put(&agent, "/v1/agent/service/register",
                               "{\"ID\":\"7\",\"Name\":\"room\"}"),
                     200);
    reply = get_json(&caller, "/v1/agent/service/7");
    assert_int_equal(reply.status, 200);
    assert_int_not_equal(strlen(reply.hash), 0);
    snprintf(path, sizeof(path), "/v1/agent/service/7?hash=%s&wait=10ms",
             reply.hash);
    assert_string_equal(get(&caller, path).hash, reply.hash);
}

static void names_what_consul_refuses(void **state)
{
    struct question reply;

    (void)state;
    reply = put(&caller, "/v1/session/renew/", "");
    assert_int_equal(reply.status, 400);
    assert_non_null(strstr(reply.error, "PUT /v1/session/renew/: 400"));
    assert_int_equal(reply.index, 0);
}

static void escapes_names_for_a_path(void **state)
{
    char *name = domi__consul_escape("a/b c?\xc3\xa9%~-_.");
    struct question reply;
    char path[128];

    (void)state;
    assert_string_equal(name, "a%2Fb%20c%3F%C3%A9%25~-_.");
    snprintf(path, sizeof(path), "/v1/kv/%s", name);
    free(name);
    assert_int_equal(put(&caller, path, "odd").status, 200);
    reply = get(&caller, "/v1/kv/a/?keys");
    assert_non_null(strstr(reply.body, "a/b c?\xc3\xa9%~-_."));
}

static void reads_a_large_answer(void **state)
{
    struct question reply;
    static char value[500 * 1024];
    unsigned long size = sizeof(value) - 1;

    (void)state;
    memset(value, 'x', size);
    assert_int_equal(put(&caller, "/v1/kv/large", value).status, 200);
    reply = get(&caller, "/v1/kv/large?raw");
    assert_int_equal(reply.status, 200);
    assert_int_equal(reply.body_size, size);
}

static void asks_many_things_at_once(void **state)
{
    static struct question questions[64];
    unsigned answered = 0;

    (void)state;
    set_key("many", "1");
    for (unsigned i = 0; i < 64; i++) {
        questions[i] = (struct question){
            .request = {.method = "GET", .path = "/v1/kv/many?raw"}};
        ask(&caller, &questions[i]);
    }
    for (unsigned i = 0; i < 64; i++) {
        RUN_UNTIL(&caller.fixture, questions[i].answers);
        answered += questions[i].status == 200;
    }
    assert_int_equal(answered, 64);
}

/* ---- parse --------------------------------------------------------------- */

static void *count_items(const struct cJSON *json, char *error,
                         size_t error_size)
{
    int *count = malloc(sizeof(*count));

    (void)error;
    (void)error_size;
    assert_non_null(count);
    *count = cJSON_GetArraySize(json);
    return count;
}

static void *refuse_all(const struct cJSON *json, char *error,
                        size_t error_size)
{
    (void)json;
    snprintf(error, error_size, "this is not for us");
    return NULL;
}

static void parses_on_its_own_thread(void **state)
{
    struct question reply = {
        .request = {.method = "GET",
                    .path = "/v1/kv/parsed",
                    .parse = count_items,
                    .free_parsed = free},
    };

    (void)state;
    set_key("parsed", "1");
    ask(&caller, &reply);
    RUN_UNTIL(&caller.fixture, reply.answers);
    assert_int_equal(reply.status, 200);
    assert_false(reply.has_json);
    assert_int_equal(*(int *)reply.parsed, 1);
    free(reply.parsed);
}

static void tells_why_a_parse_could_not(void **state)
{
    struct question reply = {
        .request = {.method = "GET",
                    .path = "/v1/kv/refused",
                    .parse = refuse_all},
    };

    (void)state;
    set_key("refused", "1");
    ask(&caller, &reply);
    RUN_UNTIL(&caller.fixture, reply.answers);
    assert_int_equal(reply.status, 0);
    assert_int_equal(reply.index, 0);
    assert_string_equal(reply.error, "GET /v1/kv/refused: this is not for us");
}

/* ---- blocking queries ---------------------------------------------------- */

static void is_woken_by_a_change(void **state)
{
    struct question reply;

    (void)state;
    block(&reply, "woken", set_key("woken", "1"));
    assert_int_equal(get(&caller, "/v1/kv/woken?raw").status, 200);
    assert_int_equal(reply.answers, 0);
    assert_int_equal(agent_put(&agent, "/v1/kv/woken", "2"), 200);
    RUN_UNTIL(&caller.fixture, reply.answers);
    assert_int_equal(reply.status, 200);
    assert_string_equal(reply.body, "2");
}

static void cancels_a_query_that_waits(void **state)
{
    struct question reply;

    (void)state;
    block(&reply, "cancelled", set_key("cancelled", "1"));
    wait_until_blocked(50);
    domi__consul_cancel(caller.client, reply.number);
    domi__consul_cancel(caller.client, reply.number);
    domi__consul_cancel(caller.client, 4711);
    set_key("cancelled", "2");
    assert_int_equal(reply.answers, 0);
}

static void cancels_at_any_moment(void **state)
{
    struct question reply = {
        .request = {.method = "GET",
                    .path = "/v1/kv/moment",
                    .parse = count_items,
                    .free_parsed = free},
    };

    (void)state;
    set_key("moment", "1");
    for (unsigned i = 0; i < 200; i++) {
        uint64_t until = uv_hrtime() + i * 10000;

        ask(&caller, &reply);
        while (uv_hrtime() < until) {
        }
        domi__consul_cancel(caller.client, reply.number);
    }
    assert_int_equal(get(&caller, "/v1/kv/moment?raw").status, 200);
    assert_int_equal(reply.answers, 0);
}

static atomic_bool slow_began;
static atomic_bool slow_may_end;

static void *parse_slowly(const struct cJSON *json, char *error,
                          size_t error_size)
{
    (void)json;
    (void)error;
    (void)error_size;
    atomic_store(&slow_began, true);
    while (!atomic_load(&slow_may_end)) {
        uv_sleep(1);
    }
    return malloc(1);
}

static void cancels_without_waiting_for_a_parse(void **state)
{
    struct question reply = {
        .request = {.method = "GET",
                    .path = "/v1/kv/slow",
                    .parse = parse_slowly,
                    .free_parsed = free},
    };

    (void)state;
    set_key("slow", "1");
    ask(&caller, &reply);
    RUN_UNTIL(&caller.fixture, atomic_load(&slow_began));
    domi__consul_cancel(caller.client, reply.number);
    atomic_store(&slow_may_end, true);
    assert_int_equal(get(&caller, "/v1/kv/slow?raw").status, 200);
    assert_int_equal(reply.answers, 0);
}

static void ends_at_once_while_queries_wait(void **state)
{
    struct question replies[8];
    uint64_t index = set_key("ended", "1");
    uint64_t begin;

    (void)state;
    for (unsigned i = 0; i < 8; i++) {
        block(&replies[i], "ended", index);
    }
    wait_until_blocked(50);
    begin = now_ms();
    caller_close(&caller);
    assert_true(now_ms() - begin < PROMPT_MS);
    for (unsigned i = 0; i < 8; i++) {
        assert_int_equal(replies[i].answers, 0);
    }
    caller_open_url(&caller, agent.url);
}

static void ends_with_replies_that_nobody_took(void **state)
{
    struct question replies[8];

    (void)state;
    set_key("untaken", "1");
    for (unsigned i = 0; i < 8; i++) {
        replies[i] = (struct question){
            .request = {.method = "GET",
                        .path = "/v1/kv/untaken",
                        .parse = count_items,
                            .free_parsed = free},
        };
        ask(&caller, &replies[i]);
    }
    /* The loop does not turn: what is done stays where it is. */
    uv_sleep(100);
    caller_close(&caller);
    for (unsigned i = 0; i < 8; i++) {
        assert_int_equal(replies[i].answers, 0);
    }
    caller_open_url(&caller, agent.url);
}

static void free_client(struct question *question)
{
    domi__consul_client_free(question->caller->client);
    question->caller->client = NULL;
}

static void is_freed_by_a_reply(void **state)
{
    struct question first = {
        .request = {.method = "GET", .path = "/v1/status/leader"},
        .then = free_client,
    };
    struct question second;

    (void)state;
    block(&second, "freed", set_key("freed", "1"));
    ask(&caller, &first);
    RUN_UNTIL(&caller.fixture, first.answers);
    assert_null(caller.client);
    assert_int_equal(second.answers, 0);
    caller_close(&caller);
    caller_open_url(&caller, agent.url);
}

static void cancel_other(struct question *question)
{
    domi__consul_cancel(question->caller->client, question->number);
    domi__consul_cancel(question->caller->client, question->number + 1);
}

static void cancels_another_in_a_reply(void **state)
{
    struct question first = {
        .request = {.method = "GET", .path = "/v1/status/leader"},
        .then = cancel_other,
    };
    struct question second;
    uint64_t index;

    (void)state;
    index = set_key("other", "1");
    ask(&caller, &first);
    block(&second, "other", index);
    assert_int_equal(second.number, first.number + 1);
    RUN_UNTIL(&caller.fixture, first.answers);
    set_key("other", "2");
    assert_int_equal(second.answers, 0);
}

/* ---- an agent that is away ----------------------------------------------- */

static void tells_that_nobody_listens(void **state)
{
    struct question reply;

    (void)state;
    caller_close(&caller);
    caller_open_url(&caller, "127.0.0.1:1");
    reply = get(&caller, "/v1/status/leader");
    assert_int_equal(reply.status, 0);
    assert_ptr_equal(strstr(reply.error, "GET /v1/status/leader: "),
                     reply.error);
}

static void tells_that_the_agent_died(void **state)
{
    const struct agent_options options = {.dev = true};
    struct agent mortal;
    struct question reply = {
        .request = {.method = "GET",
                    .path = "/v1/kv/mortal?" SLOW_WAIT "&index=1000000",
                    .timeout_ms = 80000},
    };

    (void)state;
    agent_start(&mortal, &options);
    caller_close(&caller);
    caller_open_url(&caller, mortal.url);
    ask(&caller, &reply);
    wait_until_blocked(100);
    assert_int_equal(reply.answers, 0);
    agent_kill(&mortal);
    RUN_UNTIL(&caller.fixture, reply.answers);
    assert_int_equal(reply.status, 0);
    assert_int_not_equal(strlen(reply.error), 0);
    agent_restart(&mortal, false);
    assert_int_equal(get(&caller, "/v1/status/leader").status, 200);
    agent_stop(&mortal);
}

static void gives_up_on_an_agent_that_hangs(void **state)
{
    struct question reply = {
        .request = {.method = "GET",
                    .path = "/v1/status/leader",
                    .timeout_ms = 300},
    };

    (void)state;
    agent_freeze(&agent);
    ask(&caller, &reply);
    RUN_UNTIL(&caller.fixture, reply.answers);
    agent_thaw(&agent);
    assert_int_equal(reply.status, 0);
    assert_int_equal(get(&caller, "/v1/status/leader").status, 200);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(puts_and_gets),
        TEST(puts_without_a_body),
        TEST(tells_the_index_of_what_is_not_there),
        TEST(tells_the_hash_of_a_service),
        TEST(names_what_consul_refuses),
        TEST(escapes_names_for_a_path),
        TEST(reads_a_large_answer),
        TEST(asks_many_things_at_once),
        TEST(parses_on_its_own_thread),
        TEST(tells_why_a_parse_could_not),
        TEST(is_woken_by_a_change),
        TEST(cancels_a_query_that_waits),
        TEST(cancels_at_any_moment),
        TEST(cancels_without_waiting_for_a_parse),
        TEST(ends_at_once_while_queries_wait),
        TEST(ends_with_replies_that_nobody_took),
        TEST(is_freed_by_a_reply),
        TEST(cancels_another_in_a_reply),
        TEST(tells_that_nobody_listens),
        TEST(tells_that_the_agent_died),
        TEST(gives_up_on_an_agent_that_hangs),
    };

    return cmocka_run_group_tests(tests, start_agent, stop_agent);
}
