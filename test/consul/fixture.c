/* SPDX-License-Identifier: MIT */
/* A Consul client under test on a loop, and the replies it has got. */
#include "fixture.h"

#include <stdio.h>
#include <string.h>

#include <cjson/cJSON.h>

void caller_open(struct caller *caller, const struct domi_consul_options *how)
{
    memset(caller, 0, sizeof(*caller));
    fixture_init(&caller->fixture);
    assert_int_equal(domi__consul_settings_init(&caller->settings, how,
                                                &caller->fixture.log),
                     0);
    caller->client = domi__consul_client_new(
        caller->fixture.loop, &caller->fixture.log, &caller->settings);
    assert_non_null(caller->client);
}

void caller_open_url(struct caller *caller, const char *url)
{
    const struct domi_consul_options options = {.url = url};

    caller_open(caller, &options);
}

void caller_close(struct caller *caller)
{
    domi__consul_client_free(caller->client);
    caller->client = NULL;
    domi__consul_settings_fini(&caller->settings);
    fixture_fini(&caller->fixture);
}

static void on_reply(void *user, const struct domi__consul_reply *reply)
{
    struct question *question = user;

    question->answers++;
    question->status = reply->status;
    question->index = reply->index;
    question->has_json = reply->json != NULL;
    question->items = reply->json ? cJSON_GetArraySize(reply->json) : 0;
    question->body_size = reply->body_size;
    question->parsed = reply->parsed;
    assert_int_equal(strlen(reply->body), reply->body_size);
    snprintf(question->hash, sizeof(question->hash), "%s", reply->content_hash);
    snprintf(question->error, sizeof(question->error), "%s", reply->error);
    snprintf(question->body, sizeof(question->body), "%s", reply->body);
    if (question->then) {
        question->then(question);
    }
}

void ask(struct caller *caller, struct question *question)
{
    struct domi__consul_request *request = &question->request;

    question->caller = caller;
    request->on_reply = on_reply;
    request->user = question;
    if (!request->timeout_ms) {
        request->timeout_ms = 10000;
    }
    question->number = domi__consul_send(caller->client, request);
    assert_int_not_equal(question->number, 0);
}

static struct question wait_for(struct caller *caller,
                                const struct domi__consul_request *request)
{
    struct question question = {.request = *request};

    ask(caller, &question);
    RUN_UNTIL(&caller->fixture, question.answers);
    assert_int_equal(question.answers, 1);
    return question;
}

struct question get(struct caller *caller, const char *path)
{
    const struct domi__consul_request request = {
        .method = "GET",
        .path = path,
    };

    return wait_for(caller, &request);
}

struct question get_json(struct caller *caller, const char *path)
{
    const struct domi__consul_request request = {
        .method = "GET",
        .path = path,
        .wants_json = true,
    };

    return wait_for(caller, &request);
}

struct question put(struct caller *caller, const char *path, const char *body)
{
    const struct domi__consul_request request = {
        .method = "PUT",
        .path = path,
        .body = body,
    };

    return wait_for(caller, &request);
}
