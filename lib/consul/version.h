/* SPDX-License-Identifier: MIT */
/* The key that says which version of a service is in force. */
#ifndef DOMI_CONSUL_VERSION_H
#define DOMI_CONSUL_VERSION_H

#include <stdbool.h>
#include <stdint.h>

#include "consul/ask.h"

/*
 * The key is named after the service and "Version", and holds a decimal number.
 * It is read until there is an answer, and then watched. Only a number that was
 * really read counts: while the key is missing, is no number, or cannot be
 * read, what was known stays in force.
 */
struct domi__consul_version {
    struct domi__consul_query query;
    struct domi__consul_ask raise;
    struct domi__timer retry;
    const char *service;
    int own;
    char *key; /* escaped, for paths */

    /* Of the key, as last read; `index` 0: it is missing. */
    uint64_t index;
    int number; /* -1: it is none */
    uint64_t complained; /* the index that the log was last told of */

    bool checked;    /* on_checked was called */
    bool may_raise;  /* the node serves */
    bool raised;     /* the key has once been seen at our version or above */
    bool outdated;   /* a higher number is in force */
    bool waiting;    /* the log says that the key could not be read */
    unsigned failures; /* of raising, in a row */

    /* Once: whether the node may join; 0 or DOMI_E_VERSION, which the log
       explains. */
    void (*on_checked)(struct domi__consul_version *version, int status);
    /* After on_checked: `outdated` has changed. */
    void (*on_outdated)(struct domi__consul_version *version);
};

/* 0 or UV_ENOMEM. The strings must outlive it. */
int domi__consul_version_init(struct domi__consul_version *version,
                              struct domi__consul *consul, const char *service,
                              int own);

/* Begins to read, and goes on until stop. 0 or UV_ENOMEM. */
int domi__consul_version_start(struct domi__consul_version *version);

/* The node serves: makes the key if it is missing, also later, and raises it
   once to the node's version. */
void domi__consul_version_raise(struct domi__consul_version *version);

/* Consul is back: asks anew, and waits no longer. */
void domi__consul_version_again(struct domi__consul_version *version);

void domi__consul_version_stop(struct domi__consul_version *version);

/* Stops it too. Accepts zeroed memory. */
void domi__consul_version_fini(struct domi__consul_version *version);

/* The number that decimal text of `size` bytes stands for, 0 to 2^31 - 1; -1
   for all else. */
int domi__consul_version_number(const char *text, size_t size);

#endif
