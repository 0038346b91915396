/* SPDX-License-Identifier: MIT */
/* A Consul client under test on a loop, and the replies it has got. */
#ifndef TEST_CONSUL_FIXTURE_H
#define TEST_CONSUL_FIXTURE_H

#include "../transport/fixture.h"

#include "consul/client.h"

/* One question, and what came of it. */
struct question {
    struct caller *caller;
    struct domi__consul_request request;
    uint64_t number;
    unsigned answers;
    int status;
    uint64_t index;
    char hash[64];
    char error[512];
    char body[256]; /* its beginning */
    size_t body_size;
    bool has_json;
    int items; /* of the JSON, where it is an array */
    void *parsed;
    void (*then)(struct question *question); /* in the callback; or NULL */
};

/* Who asks: a client with its settings, on the fixture's loop. */
struct caller {
    struct fixture fixture;
    struct domi__consul_settings settings;
    struct domi__consul_client *client;
};

/* A client by these options; NULL: none, only the loop. */
void caller_open(struct caller *caller, const struct domi_consul_options *how);
void caller_open_url(struct caller *caller, const char *url);
void caller_close(struct caller *caller);

/* Asks; the caller fills in the request. Limits it to ten seconds where it has
   no limit of its own. */
void ask(struct caller *caller, struct question *question);

/* GET and wait for the reply. */
struct question get(struct caller *caller, const char *path);
struct question get_json(struct caller *caller, const char *path);
struct question put(struct caller *caller, const char *path, const char *body);

#endif
