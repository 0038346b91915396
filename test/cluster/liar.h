/* SPDX-License-Identifier: MIT */
/* A server in Consul's place, for answers that a real one cannot be made to
   give. */
#ifndef DOMI_TEST_CLUSTER_LIAR_H
#define DOMI_TEST_CLUSTER_LIAR_H

#include "../transport/fixture.h"

/*
 * It runs on the test's loop. Reads of a service's health get what `answer`
 * gives for the service: the whole response, head and all, which lives until
 * the next; or NULL, and then the request hangs. Whatever else is asked for is
 * not there.
 */
struct liar {
    const char *(*answer)(struct liar *liar, const char *service);
    void *user;
    char path[256]; /* of the request that `answer` is asked for */
    bool cuts; /* the connection, behind each answer */
    char url[64];
    uv_tcp_t listener;
    struct domi__list connections;
};

/* Listens on a free port of 127.0.0.1. */
void liar_open(struct liar *liar, struct fixture *fixture);
void liar_close(struct liar *liar);

#endif
