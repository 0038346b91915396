/* SPDX-License-Identifier: MIT */
/* One request at a time, and one blocking query again and again. */
#include "consul/ask.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <uv.h>

#include "consul/consul.h"

#define WAIT_S 60u /* of a blocking query */
#define PAUSE_MS 1000u

/* Consul adds up to a sixteenth to the wait. */
#define BLOCKED_LIMIT_MS (WAIT_S * 1000u + WAIT_S * 1000u / 16u + 10000u)

/* ---- one request --------------------------------------------------------- */

void domi__consul_ask_init(struct domi__consul_ask *ask,
                           struct domi__consul *consul,
                           void (*on_reply)(
                               struct domi__consul_ask *ask,
                               const struct domi__consul_reply *reply))
{
    memset(ask, 0, sizeof(*ask));
    ask->consul = consul;
    ask->on_reply = on_reply;
}

bool domi__consul_ask_is_busy(const struct domi__consul_ask *ask)
{
    return ask->number != 0 || domi__timer_is_running(&ask->unsent);
}

static void on_reply(void *user, const struct domi__consul_reply *reply)
{
    struct domi__consul_ask *ask = user;
    struct domi__consul_reply shown = *reply;

    ask->number = 0;
    if (reply->status == 409) {
        shown.error = ""; /* another was faster: nothing to complain of */
    }
    domi__consul_heard(ask->consul, &shown);
    ask->on_reply(ask, reply);
}

static void on_unsent(struct domi__timer *timer)
{
    struct domi__consul_ask *ask =
        DOMI__CONTAINER(timer, struct domi__consul_ask, unsent);
    const struct domi__consul_reply reply = {
        .body = "", .error = "memory is too short to ask Consul"};

    ask->on_reply(ask, &reply);
}

static void fail_unsent(struct domi__consul_ask *ask)
{
    domi__timer_start(ask->consul->loop, &ask->unsent, 0, on_unsent);
}

void domi__consul_ask_send(struct domi__consul_ask *ask,
                           struct domi__consul_request *request)
{
    domi__consul_ask_stop(ask);
    request->on_reply = on_reply;
    request->user = ask;
    ask->number = domi__consul_send(ask->consul->client, request);
    if (ask->number == 0) {
        fail_unsent(ask);
    }
}

static void send_to(struct domi__consul_ask *ask,
                    struct domi__consul_request *request, const char *format,
                    va_list args)
{
    char *path;

    if (vasprintf(&path, format, args) < 0) {
        domi__consul_ask_stop(ask);
        fail_unsent(ask);
        return;
    }
    request->path = path;
    request->timeout_ms = DOMI__CONSUL_LIMIT_MS;
    domi__consul_ask_send(ask, request);
    free(path);
}

void domi__consul_ask_get(struct domi__consul_ask *ask, const char *format, ...)
{
    struct domi__consul_request request = {.method = "GET", .wants_json = true};
    va_list args;

    va_start(args, format);
    send_to(ask, &request, format, args);
    va_end(args);
}

void domi__consul_ask_put(struct domi__consul_ask *ask, struct cJSON *json,
                          const char *format, ...)
{
    char *body = json ? cJSON_PrintUnformatted(json) : NULL;
    struct domi__consul_request request = {.method = "PUT", .body = body};
    va_list args;

    if (json && !body) {
        domi__consul_ask_stop(ask);
        fail_unsent(ask);
    } else {
        va_start(args, format);
        send_to(ask, &request, format, args);
        va_end(args);
    }
    cJSON_Delete(json);
    cJSON_free(body);
}

void domi__consul_ask_stop(struct domi__consul_ask *ask)
{
    domi__timer_stop(&ask->unsent);
    if (ask->number != 0) {
        domi__consul_cancel(ask->consul->client, ask->number);
        ask->number = 0;
    }
}

/* ---- a blocking query ---------------------------------------------------- */

static void begin_anew(struct domi__consul_query *query)
{
    query->index = 0;
    query->hash[0] = '\0';
}

static void ask_next(struct domi__consul_query *query)
{
    struct domi__consul_request request = {.method = "GET",
                                           .wants_json = true,
                                           .timeout_ms = BLOCKED_LIMIT_MS};
    char mark = strchr(query->path, '?') ? '&' : '?';
    char since[96] = "";
    char *path;

    if (query->hash[0]) {
        snprintf(since, sizeof(since), "%chash=%s&wait=%us", mark, query->hash,
                 WAIT_S);
    } else if (query->index > 0) {
        snprintf(since, sizeof(since), "%cindex=%" PRIu64 "&wait=%us", mark,
                 query->index, WAIT_S);
    } else {
        request.timeout_ms = DOMI__CONSUL_LIMIT_MS;
    }
    if (asprintf(&path, "%s%s", query->path, since) < 0) {
        fail_unsent(&query->ask);
        return;
    }
    request.path = path;
    domi__consul_ask_send(&query->ask, &request);
    free(path);
}

static void on_pause_over(struct domi__timer *timer)
{
    ask_next(DOMI__CONTAINER(timer, struct domi__consul_query, timer));
}

/* Keeps what the next request is to wait for. A hash is passed on as it is, so
   that only what is one is kept. */
static void keep_place(struct domi__consul_query *query,
                       const struct domi__consul_reply *reply)
{
    const char *hash = reply->content_hash;

    if (query->by_hash) {
        begin_anew(query);
        if (reply->status == 200 &&
            hash[strspn(hash, "0123456789abcdefABCDEF")] == '\0') {
            snprintf(query->hash, sizeof(query->hash), "%s", hash);
        }
        return;
    }
    query->index = reply->index < query->index ? 0 : reply->index;
}

static void on_answer(struct domi__consul_ask *ask,
                      const struct domi__consul_reply *reply)
{
    struct domi__consul_query *query =
        DOMI__CONTAINER(ask, struct domi__consul_query, ask);
    uint64_t wait_ms;

    if (reply->status == 200 || reply->status == 404) {
        query->failures = 0;
        keep_place(query, reply);
        query->on_reply(query, reply);
        wait_ms = query->pause_ms;
    } else {
        query->failures++;
        begin_anew(query);
        query->on_reply(query, reply);
        wait_ms = domi__consul_wait_ms(query->failures);
    }
    if (query->path && !domi__consul_ask_is_busy(ask)) {
        domi__timer_start(ask->consul->loop, &query->timer, wait_ms,
                          on_pause_over);
    }
}

void domi__consul_query_init(struct domi__consul_query *query,
                             struct domi__consul *consul, bool by_hash,
                             void (*on_reply_)(
                                 struct domi__consul_query *query,
                                 const struct domi__consul_reply *reply))
{
    memset(query, 0, sizeof(*query));
    domi__consul_ask_init(&query->ask, consul, on_answer);
    query->by_hash = by_hash;
    query->on_reply = on_reply_;
}

int domi__consul_query_start(struct domi__consul_query *query, char *path)
{
    domi__consul_query_stop(query);
    if (!path) {
        return UV_ENOMEM;
    }
    query->path = path;
    query->pause_ms = PAUSE_MS;
    query->failures = 0;
    domi__consul_query_again(query);
    return 0;
}

void domi__consul_query_again(struct domi__consul_query *query)
{
    if (query->path) {
        domi__timer_stop(&query->timer);
        begin_anew(query);
        ask_next(query);
    }
}

bool domi__consul_query_is_on(const struct domi__consul_query *query)
{
    return query->path != NULL;
}

void domi__consul_query_stop(struct domi__consul_query *query)
{
    domi__timer_stop(&query->timer);
    domi__consul_ask_stop(&query->ask);
    free(query->path);
    query->path = NULL;
}
