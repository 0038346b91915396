/* SPDX-License-Identifier: MIT */
/* The claim on a node id: a session, and a key that it locks. */

/*
 * Taken: a session is made, an id without a key is found, and its key is locked
 * in a transaction that fails if it exists. Kept: the session is renewed, and
 * the key is watched. Given back: the key is deleted, the session ended.
 *
 * The key holds a UUID of this tenure, and that decides whose the id is: while
 * the key says so, or Consul says nothing, the id is kept, and the key is
 * locked again when the session ended. A key without a session is its owner's
 * reserve, and taken by others only when no id is free and no service has it.
 * When it is not known whether a lock came about, the key is read.
 */
#include "consul/tenure.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <uv.h>

#include "consul/consul.h"
#include "domi/err.h"

#define AGAIN_MS 1000u       /* between tries to lock the own key again */
#define QUICK_TRIES 4u       /* of ids, before waits begin */
#define LOCK_DELAY_MS 16000u /* as Consul has it, and one second more */

static void go_on(struct domi__consul_tenure *tenure);

static struct domi__log *log_of(const struct domi__consul_tenure *tenure)
{
    return &tenure->consul->log;
}

static uint64_t now_ms(const struct domi__consul_tenure *tenure)
{
    return domi__loop_now(tenure->consul->loop);
}

static bool has_session(const struct domi__consul_tenure *tenure)
{
    return domi__consul_session_is_there(&tenure->session);
}

/* ---- what a key says ----------------------------------------------------- */

static bool is_locked(const struct domi__consul_tenure *tenure,
                      const struct domi__consul_key *key)
{
    return domi__consul_mark_is_on(&tenure->mark, key) && has_session(tenure) &&
           strcmp(key->session, tenure->session.id) == 0;
}

/* The candidate's key, as last read. */
static bool is_ours(const struct domi__consul_tenure *tenure)
{
    return domi__consul_mark_is_on(&tenure->mark, &tenure->key);
}

static void log_holder(struct domi__consul_tenure *tenure, int id,
                       const char *holder)
{
    char escaped[256];

    domi__log(log_of(tenure), DOMI_LOG_ERROR,
              "node id %d, which service \"%s\" wants, is held by \"%s\"", id,
              tenure->self->service,
              domi__log_escape(escaped, sizeof(escaped), holder,
                               strlen(holder)));
}

/* ---- steps --------------------------------------------------------------- */

static void on_again(struct domi__timer *timer)
{
    go_on(DOMI__CONTAINER(timer, struct domi__consul_tenure, again));
}

static void go_on_in(struct domi__consul_tenure *tenure, uint64_t ms)
{
    tenure->step = DOMI__CONSUL_IDLE;
    domi__timer_start(tenure->consul->loop, &tenure->again, ms, on_again);
}

/* `reply` is NULL where memory was short. */
static void try_later(struct domi__consul_tenure *tenure,
                      const struct domi__consul_reply *reply)
{
    const char *reason = reply ? reply->error : "memory is short";

    if (tenure->id < 0 && !tenure->waiting) {
        tenure->waiting = true;
        domi__log(log_of(tenure), DOMI_LOG_WARNING,
                  "service \"%s\" can get no node id yet: %s",
                  tenure->self->service,
                  *reason ? reason : "an answer is not understood");
    }
    tenure->failures++;
    go_on_in(tenure, tenure->id < 0 ? domi__consul_wait_ms(tenure->failures)
                                    : AGAIN_MS);
}

static void ask_key(struct domi__consul_tenure *tenure)
{
    tenure->step = DOMI__CONSUL_READ;
    domi__consul_ask_get(&tenure->claim, "/v1/kv/%s%d", tenure->prefix,
                         tenure->candidate);
}

static void go_on(struct domi__consul_tenure *tenure)
{
    domi__timer_stop(&tenure->again);
    if (!has_session(tenure)) {
        tenure->step = DOMI__CONSUL_MAKE;
        domi__consul_session_make(&tenure->session);
    } else if (tenure->id >= 0 || tenure->unsure) {
        ask_key(tenure);
    } else {
        tenure->step = DOMI__CONSUL_SEARCH;
        domi__consul_search_next(&tenure->search);
    }
}

/* Something is not as it should be: as soon as nothing else is under way. */
static void look_soon(struct domi__consul_tenure *tenure)
{
    if (tenure->step != DOMI__CONSUL_IDLE ||
        domi__timer_is_running(&tenure->again)) {
        tenure->doubt = true;
    } else {
        go_on(tenure);
    }
}

/* NULL when memory is short. */
static char *key_name(const struct domi__consul_tenure *tenure)
{
    char *name;

    return asprintf(&name, "%s%d", tenure->consul->settings.prefix,
                    tenure->candidate) < 0
               ? NULL
               : name;
}

static void ask_lock(struct domi__consul_tenure *tenure)
{
    char *name = key_name(tenure);
    cJSON *operations = NULL;
    char value[DOMI__CONSUL_MARK_SIZE];

    if (name) {
        domi__consul_mark_write(&tenure->mark, value);
        operations = domi__consul_key_lock(&tenure->key, name,
                                           tenure->session.id, value);
        free(name);
    }
    if (!operations) {
        try_later(tenure, NULL);
        return;
    }
    tenure->step = DOMI__CONSUL_LOCK;
    domi__consul_ask_put(&tenure->claim, operations, "/v1/txn");
}

/* ---- outcomes ------------------------------------------------------------ */

static void stand_still(struct domi__consul_tenure *tenure)
{
    tenure->step = DOMI__CONSUL_IDLE;
    tenure->candidate = -1;
    tenure->unsure = false;
    tenure->doubt = false;
    domi__timer_stop(&tenure->again);
    domi__consul_ask_stop(&tenure->claim);
    domi__consul_search_stop(&tenure->search);
    domi__consul_query_stop(&tenure->watch);
}

static void refuse(struct domi__consul_tenure *tenure, int status)
{
    stand_still(tenure);
    domi__consul_session_discard(&tenure->session);
    tenure->on_refused(tenure, status);
}

static void refuse_wanted(struct domi__consul_tenure *tenure,
                          const char *holder)
{
    log_holder(tenure, tenure->search.wanted, holder);
    refuse(tenure, UV_EADDRINUSE);
}

/* The session goes as well: it may lock the key that is another's now. */
static void lose(struct domi__consul_tenure *tenure, const char *holder)
{
    log_holder(tenure, tenure->id, holder);
    stand_still(tenure);
    domi__consul_session_discard(&tenure->session);
    tenure->id = -1;
    tenure->on_lost(tenure);
}

void domi__consul_tenure_lose(struct domi__consul_tenure *tenure,
                              const char *holder)
{
    if (tenure->id >= 0) {
        lose(tenure, holder);
    }
}

static void watch_key(struct domi__consul_tenure *tenure)
{
    char *path;

    if (asprintf(&path, "/v1/kv/%s%d", tenure->prefix, tenure->id) >= 0) {
        domi__consul_query_start(&tenure->watch, path);
    }
}

static void hold(struct domi__consul_tenure *tenure)
{
    bool doubt = tenure->doubt;

    tenure->step = DOMI__CONSUL_IDLE;
    tenure->failures = 0;
    tenure->refused = 0;
    tenure->doubt = false;
    tenure->full = false;
    if (tenure->waiting) {
        tenure->waiting = false;
        domi__log(log_of(tenure), DOMI_LOG_INFO,
                  "node id %d is held by service \"%s\"", tenure->candidate,
                  tenure->self->service);
    }
    if (!domi__consul_query_is_on(&tenure->watch)) {
        tenure->id = tenure->candidate;
        watch_key(tenure);
        tenure->on_held(tenure);
    } else if (doubt) {
        go_on(tenure);
    }
}

/* ---- replies ------------------------------------------------------------- */

static void on_session_made(struct domi__consul_session *session,
                            const struct domi__consul_reply *reply)
{
    struct domi__consul_tenure *tenure =
        DOMI__CONTAINER(session, struct domi__consul_tenure, session);

    if (has_session(tenure)) {
        go_on(tenure);
    } else {
        try_later(tenure, reply);
    }
}

/* The key keeps its value, and by that the id is ours. */
static void on_session_lost(struct domi__consul_session *session,
                            const char *why)
{
    struct domi__consul_tenure *tenure =
        DOMI__CONTAINER(session, struct domi__consul_tenure, session);

    if (tenure->id >= 0 && !tenure->waiting) {
        tenure->waiting = true;
        domi__log(log_of(tenure), DOMI_LOG_WARNING,
                  "the claim on node id %d has no session any more (%s): "
                  "it is made again",
                  tenure->id, why);
    }
    look_soon(tenure);
}

static void on_found(struct domi__consul_search *search, int id)
{
    struct domi__consul_tenure *tenure =
        DOMI__CONTAINER(search, struct domi__consul_tenure, search);

    tenure->candidate = id;
    if (id < 0) {
        if (!tenure->full) {
            tenure->full = true;
            domi__log(log_of(tenure), DOMI_LOG_ERROR,
                      "service \"%s\" gets no node id: all of 0 to %d are "
                      "taken",
                      tenure->self->service, DOMI__NODE_ID_MAX);
        }
        refuse(tenure, DOMI_E_NO_ID);
    } else if (search->reserves || search->wanted >= 0) {
        ask_key(tenure);
    } else {
        memset(&tenure->key, 0, sizeof(tenure->key));
        ask_lock(tenure);
    }
}

static void on_search_failed(struct domi__consul_search *search,
                             const struct domi__consul_reply *reply)
{
    try_later(DOMI__CONTAINER(search, struct domi__consul_tenure, search),
              reply);
}

/* The key of a wanted id, which is not ours: the operator said that it should
   be, so that a holder that has ended need not keep it in reserve. */
static void on_wanted_read(struct domi__consul_tenure *tenure)
{
    const struct domi__consul_key *key = &tenure->key;
    const struct domi__consul_services *services = &tenure->search.services;
    int id = tenure->search.wanted;

    if (!key->exists) {
        if (domi__consul_ids_has(&services->foreign_living, id)) {
            refuse_wanted(tenure, "a service that has no key");
        } else {
            ask_lock(tenure);
        }
    } else if (!key->session[0] &&
               (domi__consul_mark_is_heir(&tenure->mark, key) ||
                !domi__consul_ids_has(&services->living, id))) {
        ask_lock(tenure);
    } else {
        refuse_wanted(tenure, key->value);
    }
}

static void on_other_read(struct domi__consul_tenure *tenure)
{
    if (tenure->id >= 0) {
        lose(tenure, tenure->key.value);
    } else if (tenure->search.wanted >= 0) {
        on_wanted_read(tenure);
    } else if (!tenure->key.exists ||
               (tenure->search.reserves && !tenure->key.session[0])) {
        ask_lock(tenure);
    } else {
        go_on(tenure);
    }
}

static void on_read(struct domi__consul_tenure *tenure,
                    const struct domi__consul_reply *reply)
{
    if (!domi__consul_key_read(&tenure->key, reply)) {
        try_later(tenure, reply);
        return;
    }
    tenure->unsure = false;
    if (!has_session(tenure)) {
        tenure->unsure = is_ours(tenure);
        go_on(tenure);
    } else if (is_locked(tenure, &tenure->key)) {
        hold(tenure);
    } else if (is_ours(tenure) ||
               (tenure->id >= 0 && !tenure->key.exists)) {
        ask_lock(tenure);
    } else {
        on_other_read(tenure);
    }
}

static void on_lock_refused(struct domi__consul_tenure *tenure)
{
    unsigned waits = tenure->refused++ / QUICK_TRIES;

    /* The reason may be that the session is gone. */
    domi__consul_session_renew(&tenure->session);
    if (tenure->id >= 0) {
        go_on_in(tenure, AGAIN_MS);
    } else if (tenure->search.wanted < 0) {
        go_on_in(tenure, waits > 0 ? domi__consul_wait_ms(waits) : 0);
    } else if (tenure->refused_ms == 0 ||
               now_ms(tenure) - tenure->refused_ms < LOCK_DELAY_MS) {
        if (tenure->refused_ms == 0) {
            tenure->refused_ms = now_ms(tenure);
        }
        go_on_in(tenure, AGAIN_MS);
    } else {
        refuse_wanted(tenure, "a lock that does not end");
    }
}

static void on_lock(struct domi__consul_tenure *tenure,
                    const struct domi__consul_reply *reply)
{
    if (reply->status == 409) {
        on_lock_refused(tenure);
    } else if (reply->status != 200) {
        tenure->unsure = true;
        try_later(tenure, reply);
    } else if (!has_session(tenure)) {
        tenure->unsure = true;
        go_on(tenure);
    } else {
        hold(tenure);
    }
}

static void on_watch(struct domi__consul_query *query,
                     const struct domi__consul_reply *reply)
{
    struct domi__consul_tenure *tenure =
        DOMI__CONTAINER(query, struct domi__consul_tenure, watch);
    struct domi__consul_key key;

    if (domi__consul_key_read(&key, reply) && !is_locked(tenure, &key)) {
        look_soon(tenure);
    }
}

/* ---- the end ------------------------------------------------------------- */

static void on_session_ended(struct domi__consul_session *session)
{
    struct domi__consul_tenure *tenure =
        DOMI__CONTAINER(session, struct domi__consul_tenure, session);

    tenure->on_released(tenure);
}

static void on_key_released(struct domi__consul_release *release)
{
    struct domi__consul_tenure *tenure =
        DOMI__CONTAINER(release, struct domi__consul_tenure, release);

    domi__consul_session_end(&tenure->session);
}

static void end_key(struct domi__consul_tenure *tenure)
{
    if (tenure->candidate >= 0) {
        domi__consul_release_start(&tenure->release, tenure->candidate);
    } else {
        domi__consul_session_end(&tenure->session);
    }
}

void domi__consul_tenure_release(struct domi__consul_tenure *tenure)
{
    tenure->ending = true;
    tenure->id = -1;
    domi__timer_stop(&tenure->again);
    domi__consul_query_stop(&tenure->watch);
    domi__consul_search_stop(&tenure->search);
    /* A lock that is under way could come in later: its reply ends it. */
    if (tenure->step != DOMI__CONSUL_LOCK) {
        domi__consul_ask_stop(&tenure->claim);
        end_key(tenure);
    }
}

/* ---- life ---------------------------------------------------------------- */

static void on_claim(struct domi__consul_ask *ask,
                     const struct domi__consul_reply *reply)
{
    struct domi__consul_tenure *tenure =
        DOMI__CONTAINER(ask, struct domi__consul_tenure, claim);

    if (tenure->ending) {
        end_key(tenure);
    } else if (tenure->step == DOMI__CONSUL_READ) {
        on_read(tenure, reply);
    } else {
        on_lock(tenure, reply);
    }
}

int domi__consul_tenure_init(struct domi__consul_tenure *tenure,
                             struct domi__consul *consul,
                             const struct domi__node *self)
{
    memset(tenure, 0, sizeof(*tenure));
    tenure->consul = consul;
    tenure->self = self;
    tenure->id = -1;
    tenure->candidate = -1;
    domi__consul_ask_init(&tenure->claim, consul, on_claim);
    domi__consul_query_init(&tenure->watch, consul, false, on_watch);
    domi__consul_session_init(&tenure->session, consul, self->service);
    tenure->session.on_made = on_session_made;
    tenure->session.on_lost = on_session_lost;
    tenure->session.on_ended = on_session_ended;
    tenure->prefix = domi__consul_escape(consul->settings.prefix);
    domi__consul_search_init(&tenure->search, consul, tenure->prefix);
    tenure->search.on_found = on_found;
    tenure->search.on_failed = on_search_failed;
    domi__consul_release_init(&tenure->release, consul, &tenure->mark,
                              tenure->prefix);
    tenure->release.on_done = on_key_released;
    return tenure->prefix ? domi__consul_mark_init(&tenure->mark, self)
                          : UV_ENOMEM;
}

void domi__consul_tenure_take(struct domi__consul_tenure *tenure, int wanted)
{
    domi__consul_search_begin(&tenure->search, wanted);
    tenure->refused = 0;
    tenure->refused_ms = 0;
    go_on(tenure);
}

void domi__consul_tenure_again(struct domi__consul_tenure *tenure)
{
    domi__consul_query_again(&tenure->watch);
    domi__consul_session_renew(&tenure->session);
    if (domi__timer_is_running(&tenure->again)) {
        go_on(tenure);
    }
}

void domi__consul_tenure_fini(struct domi__consul_tenure *tenure)
{
    if (tenure->consul) {
        stand_still(tenure);
        domi__consul_release_stop(&tenure->release);
        domi__consul_session_fini(&tenure->session);
        free(tenure->prefix);
        tenure->consul = NULL;
    }
}
