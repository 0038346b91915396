/* SPDX-License-Identifier: MIT */
/* Inside the Consul registry: what its files share. */
#ifndef DOMI_CONSUL_CONSUL_H
#define DOMI_CONSUL_CONSUL_H

#include "base/list.h"
#include "cluster/cluster.h"
#include "consul/client.h"
#include "transport/transport.h"

/*
 *   consul.c        the registry: joins, leaves, watches, its life
 *   state.c         whether Consul answers
 *   settings.c      options and environment
 *   client.c        requests and replies
 *   ask.c           one request at a time; a blocking query over and over
 *   key.c           keys in answers and in transactions
 *   member.c        one node of this process, from join to leave
 *   registration.c  its service at the agent
 *   tenure.c        the claim on a node id: session and key
 *   session.c       the session
 *   search.c        the search for a free id
 *   mark.c          what the key of an id says
 *   release.c       that key, given back
 *   ids.c           sets of node ids from answers
 *   version.c       the service's version key
 *   service.c       one service that is watched, as a snapshot
 *   entries.c       health answers into entries; a pure function
 *   belief.c        entries into snapshots, in time; pure as well
 */

/* Whether Consul answers, and what was said of that. */
struct domi__consul_health {
    enum domi_registry_state state;
    bool is_silent;         /* the last probe was not answered */
    char reason[256];       /* why it was not */
    uint64_t answered_ms;   /* the last answer; the begin, before the first */
    uint64_t good_ms;       /* the last answer while all was well */
    uint64_t told_ms;       /* the last line of the log that it is away */
    uint64_t probe;         /* under way; 0: none */
    struct domi__timer timer; /* until the next probe */
    struct {
        uint64_t hash; /* 0: unused */
        uint64_t ms;
    } complaints[32]; /* the texts that were logged last */
    unsigned next_complaint;
};

struct domi__consul {
    struct domi_registry base;
    struct domi_consul_options given; /* with strings of its own */
    struct domi__consul_settings settings;
    struct domi__log log;
    struct domi__loop *loop;            /* while there is anybody */
    struct domi__consul_client *client; /* while there is anybody */
    unsigned users;                     /* members and watches */
    struct domi__list members;          /* struct domi__consul_member */
    struct domi__list services;         /* struct domi__consul_service */
    struct domi__consul_health health;
    struct domi__deferred sweep; /* ends what nobody uses, at the turn's end */
    bool ready;                  /* the settings have been read */
};

static inline struct domi__consul *
domi__consul_of(struct domi_registry *registry)
{
    return (struct domi__consul *)registry;
}

/* FNV-1a, to know a text again; never 0. */
static inline uint64_t domi__consul_hash(const char *text)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);

    for (; *text; text++) {
        hash = (hash ^ (uint8_t)*text) * UINT64_C(0x100000001b3);
    }
    return hash ? hash : 1;
}

/* ---- consul.c ------------------------------------------------------------ */

/* The member has left and is done with; called once, after which it may be
   freed and the client may go at the end of the turn. */
void domi__consul_member_done(struct domi__consul *consul);

/* Somebody has gone: looks at the turn's end for what nobody needs any more. */
void domi__consul_sweep_soon(struct domi__consul *consul);

/* ---- state.c ------------------------------------------------------------- */

/* Begins with the first user, without a reply yet. */
void domi__consul_state_start(struct domi__consul *consul);
void domi__consul_state_stop(struct domi__consul *consul);

/* Each reply is shown here: from it the registry's state is made. A 200 or 404
   is an answer; errors of HTTP below 500 but 429 are answers too, and are
   logged at a limited rate. */
void domi__consul_heard(struct domi__consul *consul,
                        const struct domi__consul_reply *reply);

/* Makes the state anew when a service has become readable or unreadable. */
void domi__consul_review(struct domi__consul *consul);

/* Logs what is wrong, the same text once a minute at most. */
void domi__consul_complain(struct domi__consul *consul, const char *text);

/* A wait before the next try: grows from 200 ms to 5 s with `failures`, with
   chance in it. */
uint64_t domi__consul_wait_ms(unsigned failures);

/* ---- member.c ------------------------------------------------------------ */

/*
 * A node from join to leave. It refuses a version that is outdated, gets an id,
 * registers, raises the version once Consul finds the node healthy, and calls
 * on_joined as soon as it is registered. Then it keeps all that in force: the
 * registration, the id, the watch of the version. It answers by the calls of
 * the membership.
 */
struct domi__consul_member;

/* Made and begun; `membership->data` is it. NULL when memory is short. */
struct domi__consul_member *
domi__consul_member_new(struct domi__consul *consul,
                        struct domi__membership *membership);

/* self.draining has changed. */
void domi__consul_member_update(struct domi__consul_member *member);

/* Consul is back: all is asked for anew, as blocking queries may hang on
   connections that died unheard. */
void domi__consul_members_again(struct domi__consul *consul);

/* Takes everything back, within 2 s, then calls domi__consul_member_done,
   frees itself, and calls on_left, in this order. */
void domi__consul_member_leave(struct domi__consul_member *member);

/* ---- service.c ----------------------------------------------------------- */

/* A service that is watched, for all its watches. */
struct domi__consul_service;

/* Adds the watch to its service, which is made when it is the first. 0 or
   UV_ENOMEM. */
int domi__consul_service_watch(struct domi__consul *consul,
                               struct domi__registry_watch *watch);

/* Takes it out. False: it was in none. */
bool domi__consul_service_unwatch(struct domi__consul *consul,
                                  struct domi__registry_watch *watch);

/* Frees the services that nobody watches. */
void domi__consul_services_sweep(struct domi__consul *consul);

/* Why a service cannot be read although it was tried again; NULL: all can. */
const char *domi__consul_services_fault(const struct domi__consul *consul);

/* Consul is away: nothing that it said is made anything of. */
void domi__consul_services_miss(struct domi__consul *consul);

/* Consul is back: all are asked for soon. */
void domi__consul_services_again(struct domi__consul *consul);

#endif
