/* SPDX-License-Identifier: MIT */
/* A node's service at the Consul agent: put in, kept, taken back. */
#ifndef DOMI_CONSUL_REGISTRATION_H
#define DOMI_CONSUL_REGISTRATION_H

#include <stdbool.h>

#include "consul/ask.h"
#include "cluster/cluster.h"

/* What marks a check as domi's: the holder of its id has a key. */
#define DOMI__CONSUL_CHECK_NOTES "domi"

struct domi__consul_registration {
    struct domi__consul *consul;
    const struct domi__node *self;
    struct domi__consul_ask put;
    struct domi__consul_ask look;     /* whether the check has run */
    struct domi__consul_query watch;  /* whether it is still there */
    struct domi__consul_ask withdraw; /* takes an old one back */
    struct domi__timer retry;
    struct domi__timer look_timer;
    int id;           /* under which it is put in; -1: it shall be out */
    int withdraw_id;  /* that the node had, and has no more */
    bool asks_who;    /* has it now, before it is taken back */
    bool in;          /* the agent has taken it */
    bool dirty;       /* what was sent is old already */
    bool passing;     /* since it was put in, Consul has found it healthy */
    bool ending;      /* take_back was called */
    bool waiting;     /* the log says that it could not be put in */
    bool complained;  /* the log says that the check fails */
    unsigned failures;

    /* The agent has taken it; also again, after it was lost. */
    void (*on_in)(struct domi__consul_registration *registration);
    /* The check has run and is passing; once for each on_in. */
    void (*on_passing)(struct domi__consul_registration *registration);
    /* Somebody else is registered under our id: `holder`, for people. */
    void (*on_taken)(struct domi__consul_registration *registration,
                     const char *holder);
    /* It is taken back, or could not be. */
    void (*on_out)(struct domi__consul_registration *registration);
};

/* `self` must outlive it. */
void domi__consul_registration_init(
    struct domi__consul_registration *registration, struct domi__consul *consul,
    const struct domi__node *self);

/* Puts the node in under this id, or again when it is in; tries until it
   succeeds, and keeps it in. */
void domi__consul_registration_put(
    struct domi__consul_registration *registration, int id);

/* Consul is back: asks anew, and waits no longer. */
void domi__consul_registration_again(
    struct domi__consul_registration *registration);

/* The id is no more ours: takes the registration back if it still is, and does
   not care whether that succeeds. May be put in under another id at once. */
void domi__consul_registration_withdraw(
    struct domi__consul_registration *registration);

/* The end: one try, then on_out. */
void domi__consul_registration_take_back(
    struct domi__consul_registration *registration);

/* No call will come any more. Accepts zeroed memory. */
void domi__consul_registration_fini(
    struct domi__consul_registration *registration);

#endif
