/* SPDX-License-Identifier: MIT */
/* One request to Consul on its way: what the client's files share. */
#ifndef DOMI_CONSUL_TRANSFER_H
#define DOMI_CONSUL_TRANSFER_H

#include <curl/curl.h>

#include "base/list.h"
#include "consul/client.h"

/*
 *   client.c      the loop's side: asks, cancels, hands replies on
 *   thread.c      the thread, which drives all transfers at once
 *   route.c       what all requests share: the way to the agent
 *   transfer.c    one transfer: libcurl's options and calls
 *   reply.c       what came, into a reply; functions of their arguments
 */

#define DOMI__CONSUL_ERROR_SIZE 512

/* Who has it; changes under the thread's lock. */
enum domi__consul_stage {
    DOMI__CONSUL_ASKED,   /* waits for the thread */
    DOMI__CONSUL_RUNNING, /* the thread's */
    DOMI__CONSUL_DONE,    /* waits for the loop */
};

struct domi__consul_transfer {
    struct domi__list node; /* in the list of its stage */
    struct domi__list open; /* in the loop's list of those to be answered */
    uint64_t number;
    enum domi__consul_stage stage;
    bool cancelled; /* while it was the thread's, who frees it */

    struct domi__consul_request request; /* with strings of its own */
    struct domi__consul_reply reply;     /* complete once it is done */
    struct cJSON *json;

    CURL *easy;        /* while it runs */
    uint64_t heard_ms; /* when the last byte came; 0: none yet */
    uint64_t index;
    char *body;
    size_t size;
    size_t capacity;
    const char *refusal; /* why we ended it ourselves, or NULL */
    char error[DOMI__CONSUL_ERROR_SIZE];
    char curl_error[CURL_ERROR_SIZE];
};

/* What all requests have in common. Settings are borrowed. */
struct domi__consul_route {
    const struct domi__consul_settings *settings;
    char *base;                    /* of URLs; names the TLS server */
    struct curl_slist *headers;    /* of requests */
    struct curl_slist *connect_to; /* where that server is; or NULL */
};

/* ---- route.c ------------------------------------------------------------- */

/* 0 or UV_ENOMEM; then there is nothing to be ended. */
int domi__consul_route_init(struct domi__consul_route *route,
                            const struct domi__consul_settings *settings);
void domi__consul_route_fini(struct domi__consul_route *route);

/* The options of libcurl by which a request takes this way. */
void domi__consul_route_set(const struct domi__consul_route *route, CURL *easy);

/* ---- transfer.c ---------------------------------------------------------- */

/* NULL when memory is short. */
struct domi__consul_transfer *
domi__consul_transfer_new(const struct domi__consul_request *request);

/* Also what its parse made, unless somebody has taken that. */
void domi__consul_transfer_free(struct domi__consul_transfer *transfer);

/* Sets it on its way. False when memory is short. [thread] */
bool domi__consul_transfer_start(struct domi__consul_transfer *transfer,
                                 const struct domi__consul_route *route,
                                 CURLM *multi);

/* Takes it off its way, at its end or before. [thread] */
void domi__consul_transfer_end(struct domi__consul_transfer *transfer,
                               CURLM *multi);

/* Makes the reply of what came, all but request.parse's part. [thread] */
void domi__consul_transfer_finish(struct domi__consul_transfer *transfer,
                                  CURLcode result);

/* Calls request.parse. [thread] */
void domi__consul_transfer_parse(struct domi__consul_transfer *transfer);

/* The reply is that there is none, for this reason. */
void domi__consul_transfer_fail(struct domi__consul_transfer *transfer,
                                const char *why);

/* ---- reply.c ------------------------------------------------------------- */

/* The index of a header's value, by the rules of domi__consul_reply. */
uint64_t domi__consul_index(const char *text, size_t size);

/* Reads JSON that is ended by a zero behind `size` bytes. NULL, and why for
   people, when it is none, or nested deeper than the limit. */
struct cJSON *domi__consul_json(const char *text, size_t size, char *why,
                                size_t why_size);

/* "GET /v1/...: why", cut to fit. `path` may be anything. */
void domi__consul_explain(char *out, size_t size, const char *method,
                          const char *path, const char *why);

/* The same for a reply with a status that is an error. */
void domi__consul_explain_status(char *out, size_t size, const char *method,
                                 const char *path, int status, const char *body,
                                 size_t body_size);

#endif
