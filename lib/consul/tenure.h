/* SPDX-License-Identifier: MIT */
/* The claim on a node id: a session, and a key that it locks. */
#ifndef DOMI_CONSUL_TENURE_H
#define DOMI_CONSUL_TENURE_H

#include <stdbool.h>
#include <stdint.h>

#include "consul/ask.h"
#include "consul/key.h"
#include "consul/mark.h"
#include "consul/release.h"
#include "consul/search.h"
#include "consul/session.h"
#include "cluster/cluster.h"

/* What the claim waits for. */
enum domi__consul_step {
    DOMI__CONSUL_IDLE,
    DOMI__CONSUL_MAKE,   /* a session */
    DOMI__CONSUL_SEARCH, /* a candidate */
    DOMI__CONSUL_READ,   /* its key */
    DOMI__CONSUL_LOCK,   /* it for us */
};

struct domi__consul_tenure {
    struct domi__consul *consul;
    const struct domi__node *self;
    char *prefix;  /* of keys, escaped */
    struct domi__consul_mark mark;
    int id;        /* that is held; -1: none */
    int candidate; /* that is read and locked now; -1: none */
    enum domi__consul_step step;
    struct domi__consul_session session;
    struct domi__consul_search search;
    struct domi__consul_release release; /* at the end */
    struct domi__consul_ask claim;
    struct domi__consul_query watch; /* the own key */
    struct domi__consul_key key;     /* the candidate's, as last read */
    struct domi__timer again;        /* the next step is due */
    unsigned failures;               /* in a row */
    unsigned refused;                /* locks in a row */
    uint64_t refused_ms; /* when a wanted id was refused first; 0: it was not */
    bool unsure;  /* the outcome of a lock is not known: read the candidate */
    bool doubt;   /* look at the key again when the step is over */
    bool waiting; /* the log says that there is no id, or no session */
    bool full;    /* the log says that all ids are taken */
    bool ending;

    /* `id` is held now: the first, or another after it was lost. */
    void (*on_held)(struct domi__consul_tenure *tenure);
    /* Another holds it: `id` is -1. */
    void (*on_lost)(struct domi__consul_tenure *tenure);
    /* There is none: DOMI_E_NO_ID, or UV_EADDRINUSE for a wanted one. */
    void (*on_refused)(struct domi__consul_tenure *tenure, int status);
    /* All is given back, or could not be. */
    void (*on_released)(struct domi__consul_tenure *tenure);
};

/* 0, UV_ENOMEM, or a code of the random source. `self` must outlive it. */
int domi__consul_tenure_init(struct domi__consul_tenure *tenure,
                             struct domi__consul *consul,
                             const struct domi__node *self);

/* Takes an id, this one or any (-1), and holds it. */
void domi__consul_tenure_take(struct domi__consul_tenure *tenure, int wanted);

/* The id that is held turned out to be another's: as if the key said so. */
void domi__consul_tenure_lose(struct domi__consul_tenure *tenure,
                              const char *holder);

/* Consul is back: asks anew, and waits no longer. */
void domi__consul_tenure_again(struct domi__consul_tenure *tenure);

/* Gives all back, one try for each, then on_released. */
void domi__consul_tenure_release(struct domi__consul_tenure *tenure);

/* No call will come any more. Accepts zeroed memory. */
void domi__consul_tenure_fini(struct domi__consul_tenure *tenure);

#endif
