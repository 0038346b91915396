/* SPDX-License-Identifier: MIT */
/* A server in Consul's place, for answers that a real one cannot be made to
   give. */
#ifndef DOMI_TEST_CLUSTER_IMPOSTOR_H
#define DOMI_TEST_CLUSTER_IMPOSTOR_H

#include "../transport/fixture.h"

/*
 * It runs on the test's loop. Reads of a service's health get what `answer`
 * gives for the service: the whole response, head and all, which lives until
 * the next; or NULL, and then the request hangs. Whatever else is asked for is
 * not there.
 */
struct impostor {
    const char *(*answer)(struct impostor *impostor, const char *service);
    void *user;
    char path[256]; /* of the request that `answer` is asked for */
    bool cuts; /* the connection, behind each answer */
    char url[64];
    uv_tcp_t listener;
    struct domi__list connections;
};

/* Listens on a free port of 127.0.0.1. */
void impostor_open(struct impostor *impostor, struct fixture *fixture);
void impostor_close(struct impostor *impostor);

#endif
