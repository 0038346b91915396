/* SPDX-License-Identifier: MIT */
/* Requests to a Consul agent, on a thread of their own. */
#ifndef DOMI_CONSUL_CLIENT_H
#define DOMI_CONSUL_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/log.h"
#include "consul/settings.h"

struct cJSON;
struct domi__loop;

/*
 * The client's thread does all that may wait: names, connections, TLS, reading,
 * and parsing. The loop hands it requests and gets replies.
 */
struct domi__consul_client;

/* A reply, or why there is none. Borrowed until on_reply returns. */
struct domi__consul_reply {
    int status;      /* of HTTP; 0: there was no reply, see `error` */
    uint64_t index;  /* X-Consul-Index of a 200 or 404, as the rules for
                        blocking queries want it: 0 when it was missing, 0, no
                        number or above 2^63 */
    char content_hash[64]; /* X-Consul-ContentHash, "" when there was none */
    const struct cJSON *json; /* a 200's body where the request asked for it */
    const char *body;         /* else, ended by a zero; never NULL */
    size_t body_size;
    /* Why it failed, for people, naming the path: "GET /v1/...: 403 Permission
       denied (needs session write)". "" for 200 and 404. */
    const char *error;
    void *parsed; /* what the request's `parse` made; the asker's now */
};

/* What to ask. All of it is copied. */
struct domi__consul_request {
    const char *method; /* "GET", "PUT" */
    const char *path;   /* from "/v1/" on, with its query, escaped */
    const char *body;   /* NULL: none */
    bool wants_json;    /* a 200 whose body is not JSON becomes an error;
                           a `parse` says the same */
    /* Longest time until the reply is whole; a blocking query's is its wait,
       a sixteenth more, and 10 s. */
    unsigned timeout_ms;
    /* Turns a 200's JSON into what the asker wants, on the client's thread;
       writes `error` for people when it cannot, and then status becomes 0. The
       JSON goes when it returns: reply.json is NULL. It knows nothing but what
       it is given, as who asked may be gone by then. May be NULL. [thread] */
    void *(*parse)(const struct cJSON *json, char *error, size_t error_size);
    void (*free_parsed)(void *parsed); /* for replies that nobody takes; on
                                          either thread */
    /* On the loop. */
    void (*on_reply)(void *user, const struct domi__consul_reply *reply);
    void *user;
};

/* The settings must outlive it. NULL when memory or threads are short. */
struct domi__consul_client *
domi__consul_client_new(struct domi__loop *loop, struct domi__log *log,
                        const struct domi__consul_settings *settings);

/* Gives up all requests, without replies, ends the thread and frees all. Does
   not wait for the network, only for a parse that is under way. A reply's
   callback may call it. Accepts NULL. */
void domi__consul_client_free(struct domi__consul_client *client);

/* Asks. A number to cancel it by, never 0; or 0 when memory is short. */
uint64_t domi__consul_send(struct domi__consul_client *client,
                           const struct domi__consul_request *request);

/* No reply will come. Waits for nothing. A number that is over is harmless. */
void domi__consul_cancel(struct domi__consul_client *client, uint64_t number);

/* Limits on what an agent may send: larger bodies, deeper nesting and longer
   silence inside a body are errors. */
#define DOMI__CONSUL_BODY_LIMIT (64u * 1024u * 1024u)
#define DOMI__CONSUL_DEPTH_LIMIT 64u
#define DOMI__CONSUL_SILENCE_S 5u

/* Escapes text for a path or a query; the caller frees it. NULL when memory
   is short. [any] */
char *domi__consul_escape(const char *text);

#endif
