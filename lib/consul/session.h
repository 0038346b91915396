/* SPDX-License-Identifier: MIT */
/* A session of Consul's: made, renewed in time, ended. */
#ifndef DOMI_CONSUL_SESSION_H
#define DOMI_CONSUL_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "consul/ask.h"
#include "consul/key.h"

/*
 * It lives by its renewals alone, not by the agent's health. One that could not
 * be renewed within its time to live counts as lost, whatever a late answer
 * says, as its locks may be others' by then.
 */
struct domi__consul_session {
    struct domi__consul_ask make;    /* and the end */
    struct domi__consul_ask renewal;
    struct domi__consul_ask discard; /* of one that is of no use */
    struct domi__timer timer;
    const char *service;
    char id[DOMI__CONSUL_SESSION_SIZE]; /* "": there is none */
    uint64_t good_ms; /* when the renewal was sent that was answered last */
    uint64_t sent_ms; /* when the last one was sent */
    bool ending;

    /* The answer to make; `id` is there, or the reply says why not. */
    void (*on_made)(struct domi__consul_session *session,
                    const struct domi__consul_reply *reply);
    /* There is none any more, through no act of ours. */
    void (*on_lost)(struct domi__consul_session *session, const char *why);
    /* The answer to end. */
    void (*on_ended)(struct domi__consul_session *session);
};

/* `service` is for people who look into Consul; it must outlive this. */
void domi__consul_session_init(struct domi__consul_session *session,
                               struct domi__consul *consul,
                               const char *service);

bool domi__consul_session_is_there(const struct domi__consul_session *session);

/* One try. */
void domi__consul_session_make(struct domi__consul_session *session);

/* Asks at once whether it is still there. */
void domi__consul_session_renew(struct domi__consul_session *session);

/* Ends it, and does not care whether that succeeds: it has a time to live.
   Another may be made at once. */
void domi__consul_session_discard(struct domi__consul_session *session);

/* Ends it with one try, also one that is being made, and calls on_ended. */
void domi__consul_session_end(struct domi__consul_session *session);

/* No call will come any more. Accepts zeroed memory. */
void domi__consul_session_fini(struct domi__consul_session *session);

#endif
