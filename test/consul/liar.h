/* SPDX-License-Identifier: MIT */
/* A server that answers what no real Consul can be made to answer. */
#ifndef TEST_LIAR_H
#define TEST_LIAR_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

/* What it sends for each request: the head, then the tail as often as told. */
struct script {
    const char *head;     /* NULL: nothing */
    size_t head_size;     /* 0: the head is text */
    const char *tail;     /* text, or NULL */
    size_t tail_size;     /* 0: the tail is text */
    unsigned times;       /* that the tail is sent */
    unsigned pause_ms;    /* before each tail */
    unsigned hesitate_ms; /* before the head */
    bool hang;            /* does not close the connection at the end */
};

/* Serves connections one by one, on a thread of its own. */
struct liar {
    struct script script;
    char url[64];
    char request[4096]; /* the last one; to be read after its answer */
    int fd;
    pthread_t thread;
    atomic_bool stopping;
};

void liar_open(struct liar *liar, const struct script *script);
void liar_stop(struct liar *liar);  /* closes its connections */
void liar_close(struct liar *liar); /* and the port; after the stop */

#endif
