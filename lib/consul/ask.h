/* SPDX-License-Identifier: MIT */
/* One request at a time, and one blocking query again and again. */
#ifndef DOMI_CONSUL_ASK_H
#define DOMI_CONSUL_ASK_H

#include <stdbool.h>
#include <stdint.h>

#include "consul/client.h"
#include "transport/transport.h"

struct cJSON;
struct domi__consul;

/* Longest time for requests that do not block. */
#define DOMI__CONSUL_LIMIT_MS 2000u

/*
 * A request and its reply. Each reply is shown to domi__consul_heard, and a
 * request that cannot even be sent is answered as one that failed, so that who
 * asks has one way to fail.
 */
struct domi__consul_ask {
    struct domi__consul *consul;
    void (*on_reply)(struct domi__consul_ask *ask,
                     const struct domi__consul_reply *reply);
    uint64_t number;           /* 0: none is under way */
    struct domi__timer unsent; /* the reply to one that was not sent */
};

void domi__consul_ask_init(struct domi__consul_ask *ask,
                           struct domi__consul *consul,
                           void (*on_reply)(
                               struct domi__consul_ask *ask,
                               const struct domi__consul_reply *reply));

bool domi__consul_ask_is_busy(const struct domi__consul_ask *ask);

/* Sends `request`, whose on_reply and user are this struct's; gives up one that
   is under way. */
void domi__consul_ask_send(struct domi__consul_ask *ask,
                           struct domi__consul_request *request);

/* GET of a path made as printf does, for a body of JSON. */
void domi__consul_ask_get(struct domi__consul_ask *ask, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* PUT of `json`, which it frees; NULL: no body. The reply's body stays text. */
void domi__consul_ask_put(struct domi__consul_ask *ask, struct cJSON *json,
                          const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* No reply will come. */
void domi__consul_ask_stop(struct domi__consul_ask *ask);

/*
 * A blocking query that is asked anew after each reply, by the rules for its
 * index: from the beginning after any error and when the index falls, a pause
 * between two replies, and a growing one after errors.
 */
struct domi__consul_query {
    struct domi__consul_ask ask;
    struct domi__timer timer;
    char *path;       /* without index, hash and wait */
    bool by_hash;     /* of the agent's own state, which has no index */
    unsigned pause_ms; /* after each reply; 1 s, may be set in on_reply */
    uint64_t index;
    char hash[64];
    unsigned failures; /* in a row */
    /* Every reply; may stop the query. */
    void (*on_reply)(struct domi__consul_query *query,
                     const struct domi__consul_reply *reply);
};

void domi__consul_query_init(struct domi__consul_query *query,
                             struct domi__consul *consul, bool by_hash,
                             void (*on_reply)(
                                 struct domi__consul_query *query,
                                 const struct domi__consul_reply *reply));

/* Asks at once, and then on. Takes `path`, which came from malloc; NULL: memory
   is short, and UV_ENOMEM comes back. */
int domi__consul_query_start(struct domi__consul_query *query, char *path);

/* Asks at once, as if for the first time, if it was started. */
void domi__consul_query_again(struct domi__consul_query *query);

bool domi__consul_query_is_on(const struct domi__consul_query *query);

/* May be started again. */
void domi__consul_query_stop(struct domi__consul_query *query);

#endif
