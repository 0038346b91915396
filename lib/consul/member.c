/* SPDX-License-Identifier: MIT */
/* A node of this process in Consul, from join to leave. */

/*
 * Join: the version is read, an id is taken, the service is registered, and
 * on_joined tells. Once Consul has found the node healthy, the version is
 * raised. Leave: the service is taken back, then the id.
 *
 * A version that is too old and an id that cannot be had refuse the node, and
 * what it had got is given back. An id that is lost later is replaced, or not,
 * as the options say; the service then moves to the new one.
 */
#include "consul/consul.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <uv.h>

#include "consul/registration.h"
#include "consul/tenure.h"
#include "consul/version.h"
#include "domi/err.h"

#define LEAVE_MS 2000u
#define FULL_MS 5000u /* until ids are looked for again when all are taken */

/* While the node is outdated each change of its service is told; the more nodes
   an answer has, the longer is the pause until the next. */
#define PAUSE_MS 1000u
#define PAUSE_NODE_MS 20u

struct domi__consul_member {
    struct domi__list node; /* in the registry's list */
    struct domi__consul *consul;
    struct domi__membership *membership;
    int wanted; /* the id that the options give; -1: any */
    struct domi__consul_version version;
    struct domi__consul_tenure tenure;
    struct domi__consul_registration registration;
    struct domi__consul_ask rivals;  /* who else is registered under our id */
    struct domi__consul_query newer; /* healthy nodes of other versions */
    struct domi__timer timer; /* a refusal at once, a new id, the leave's end */
    struct domi__deferred end;
    bool joined;
    bool ending;  /* refused, or leaving: all is given back */
    bool given;   /* all is given back */
    bool leaving;
};

static struct domi__node *self_of(struct domi__consul_member *member)
{
    return &member->membership->self;
}

/* ---- the end ------------------------------------------------------------- */

static void stop_all(struct domi__consul_member *member)
{
    domi__timer_stop(&member->timer);
    domi__consul_ask_stop(&member->rivals);
    domi__consul_query_stop(&member->newer);
    domi__consul_version_fini(&member->version);
    domi__consul_registration_fini(&member->registration);
    domi__consul_tenure_fini(&member->tenure);
}

static void free_member(struct domi__consul_member *member)
{
    stop_all(member);
    domi__list_remove(&member->node);
    free(member);
}

static void on_end(struct domi__deferred *deferred)
{
    struct domi__consul_member *member =
        DOMI__CONTAINER(deferred, struct domi__consul_member, end);
    struct domi__membership *membership = member->membership;
    struct domi__consul *consul = member->consul;

    membership->data = NULL;
    free_member(member);
    domi__consul_member_done(consul);
    membership->on_left(membership);
}

/* Not within the call of a part that is about to go. */
static void end(struct domi__consul_member *member)
{
    domi__timer_stop(&member->timer);
    domi__loop_defer(member->consul->loop, &member->end);
}

static void on_released(struct domi__consul_tenure *tenure)
{
    struct domi__consul_member *member =
        DOMI__CONTAINER(tenure, struct domi__consul_member, tenure);

    member->given = true;
    if (member->leaving) {
        end(member);
    }
}

/* The id must not be free before the agent has forgotten who had it, or its
   next owner could be taken out in our place. */
static void on_out(struct domi__consul_registration *registration)
{
    struct domi__consul_member *member = DOMI__CONTAINER(
        registration, struct domi__consul_member, registration);

    domi__consul_tenure_release(&member->tenure);
}

static void give_back(struct domi__consul_member *member)
{
    member->ending = true;
    domi__timer_stop(&member->timer);
    domi__consul_ask_stop(&member->rivals);
    domi__consul_query_stop(&member->newer);
    domi__consul_version_stop(&member->version);
    domi__consul_registration_take_back(&member->registration);
}

static void refuse(struct domi__consul_member *member, int status)
{
    give_back(member);
    self_of(member)->id = member->wanted;
    member->membership->on_joined(member->membership, status);
}

static void on_leave_limit(struct domi__timer *timer)
{
    end(DOMI__CONTAINER(timer, struct domi__consul_member, timer));
}

void domi__consul_member_leave(struct domi__consul_member *member)
{
    if (member->leaving) {
        return;
    }
    member->leaving = true;
    if (!member->ending) {
        give_back(member);
    }
    if (member->given) {
        end(member);
    } else {
        domi__timer_start(member->consul->loop, &member->timer, LEAVE_MS,
                          on_leave_limit);
    }
}

/* ---- the version --------------------------------------------------------- */

static void on_checked(struct domi__consul_version *version, int status)
{
    struct domi__consul_member *member =
        DOMI__CONTAINER(version, struct domi__consul_member, version);

    if (status != 0) {
        refuse(member, status);
    } else {
        domi__consul_tenure_take(&member->tenure, member->wanted);
    }
}

/* As long as no node of a newer version is healthy there is none to take the
   users: one that came may have crashed, or been taken away again. */
static void set_outdated(struct domi__consul_member *member, bool outdated)
{
    struct domi__membership *membership = member->membership;

    if (membership->outdated == outdated) {
        return;
    }
    membership->outdated = outdated;
    if (membership->on_outdated) {
        membership->on_outdated(membership);
    }
}

static int version_of(const cJSON *entry)
{
    const cJSON *service = cJSON_GetObjectItemCaseSensitive(entry, "Service");
    const cJSON *meta = cJSON_GetObjectItemCaseSensitive(service, "Meta");
    const cJSON *text = cJSON_GetObjectItemCaseSensitive(meta, "version");

    return cJSON_IsString(text)
               ? domi__consul_version_number(text->valuestring,
                                             strlen(text->valuestring))
               : -1;
}

static void on_newer(struct domi__consul_query *query,
                     const struct domi__consul_reply *reply)
{
    struct domi__consul_member *member =
        DOMI__CONTAINER(query, struct domi__consul_member, newer);
    const cJSON *entry;
    bool found = false;
    unsigned count = 0;

    if (reply->status != 200 || !cJSON_IsArray(reply->json)) {
        return;
    }
    cJSON_ArrayForEach(entry, reply->json)
    {
        found |= version_of(entry) > self_of(member)->version;
        count++;
    }
    query->pause_ms = PAUSE_MS + count * PAUSE_NODE_MS;
    set_outdated(member, found);
}

/* Nodes of our own version need not be listed. */
static void watch_newer(struct domi__consul_member *member)
{
    const struct domi__node *self = self_of(member);
    char *name = domi__consul_escape(self->service);
    char *path = NULL;

    if (name && asprintf(&path,
                         "/v1/health/service/%s?passing=1"
                         "&filter=Service.Meta.version%%21%%3D%%22%d%%22",
                         name, self->version) < 0) {
        path = NULL;
    }
    free(name);
    domi__consul_query_start(&member->newer, path);
}

static void on_outdated(struct domi__consul_version *version)
{
    struct domi__consul_member *member =
        DOMI__CONTAINER(version, struct domi__consul_member, version);

    if (!member->joined) {
        refuse(member, DOMI_E_VERSION);
    } else if (version->outdated) {
        watch_newer(member);
    } else {
        domi__consul_query_stop(&member->newer);
        set_outdated(member, false);
    }
}

/* ---- the id -------------------------------------------------------------- */

static void tell_id(struct domi__consul_member *member)
{
    if (member->joined && member->membership->on_id) {
        member->membership->on_id(member->membership);
    }
}

static void on_held(struct domi__consul_tenure *tenure)
{
    struct domi__consul_member *member =
        DOMI__CONTAINER(tenure, struct domi__consul_member, tenure);

    self_of(member)->id = tenure->id;
    domi__consul_registration_put(&member->registration, tenure->id);
    tell_id(member);
}

static void on_take_due(struct domi__timer *timer)
{
    struct domi__consul_member *member =
        DOMI__CONTAINER(timer, struct domi__consul_member, timer);

    domi__consul_tenure_take(&member->tenure, -1);
}

static void on_lost(struct domi__consul_tenure *tenure)
{
    struct domi__consul_member *member =
        DOMI__CONTAINER(tenure, struct domi__consul_member, tenure);

    domi__consul_ask_stop(&member->rivals);
    domi__consul_registration_withdraw(&member->registration);
    self_of(member)->id = -1;
    if (!member->joined && member->wanted >= 0) {
        refuse(member, UV_EADDRINUSE);
        return;
    }
    tell_id(member);
    if (!member->ending && (!member->joined ||
                            member->consul->settings.id_policy ==
                                DOMI_ID_REPLACE)) {
        domi__consul_tenure_take(tenure, -1);
    }
}

static void on_refused(struct domi__consul_tenure *tenure, int status)
{
    struct domi__consul_member *member =
        DOMI__CONTAINER(tenure, struct domi__consul_member, tenure);

    if (!member->joined) {
        refuse(member, status);
    } else {
        domi__timer_start(member->consul->loop, &member->timer, FULL_MS,
                          on_take_due);
    }
}

/* ---- the registration ---------------------------------------------------- */

static void on_in(struct domi__consul_registration *registration)
{
    struct domi__consul_member *member = DOMI__CONTAINER(
        registration, struct domi__consul_member, registration);

    if (!member->joined) {
        member->joined = true;
        member->membership->on_joined(member->membership, 0);
    }
}

static void on_taken(struct domi__consul_registration *registration,
                     const char *holder)
{
    struct domi__consul_member *member = DOMI__CONTAINER(
        registration, struct domi__consul_member, registration);

    domi__consul_tenure_lose(&member->tenure, holder);
}

/* A node of another kind knows nothing of keys, and may have looked for a free
   id at the same moment as we; it will not give way. */
static void on_rivals(struct domi__consul_ask *ask,
                      const struct domi__consul_reply *reply)
{
    struct domi__consul_member *member =
        DOMI__CONTAINER(ask, struct domi__consul_member, rivals);
    struct domi__consul_services services;
    int id = member->tenure.id;

    if (id >= 0 && reply->status == 200 &&
        domi__consul_ids_read_services(&services, reply->json,
                                       DOMI__CONSUL_CHECK_NOTES) &&
        domi__consul_ids_has(&services.foreign_living, id)) {
        domi__consul_tenure_lose(&member->tenure, "a service without a key");
    }
}

static void on_passing(struct domi__consul_registration *registration)
{
    struct domi__consul_member *member = DOMI__CONTAINER(
        registration, struct domi__consul_member, registration);

    domi__consul_version_raise(&member->version);
    domi__consul_ask_get(&member->rivals,
                         "/v1/health/state/any?filter=ServiceID"
                         "%%3D%%3D%%22%d%%22",
                         registration->id);
}

void domi__consul_member_update(struct domi__consul_member *member)
{
    if (!member->ending && member->registration.id >= 0) {
        domi__consul_registration_put(&member->registration,
                                      member->registration.id);
    }
}

void domi__consul_members_again(struct domi__consul *consul)
{
    struct domi__list *node;

    for (node = consul->members.next; node != &consul->members;
         node = node->next) {
        struct domi__consul_member *member =
            DOMI__CONTAINER(node, struct domi__consul_member, node);

        if (!member->ending) {
            domi__consul_version_again(&member->version);
            domi__consul_tenure_again(&member->tenure);
            domi__consul_registration_again(&member->registration);
            domi__consul_query_again(&member->newer);
        }
    }
}

/* ---- life ---------------------------------------------------------------- */

static void refuse_port(struct domi__timer *timer)
{
    struct domi__consul_member *member =
        DOMI__CONTAINER(timer, struct domi__consul_member, timer);

    domi__log(&member->consul->log, DOMI_LOG_ERROR,
              "option http_port is %d: must not be none where nodes meet "
              "through Consul, which checks them there",
              self_of(member)->http_port);
    refuse(member, DOMI_E_OPTION);
}

static void set_calls(struct domi__consul_member *member)
{
    member->version.on_checked = on_checked;
    member->version.on_outdated = on_outdated;
    member->tenure.on_held = on_held;
    member->tenure.on_lost = on_lost;
    member->tenure.on_refused = on_refused;
    member->tenure.on_released = on_released;
    member->registration.on_in = on_in;
    member->registration.on_passing = on_passing;
    member->registration.on_taken = on_taken;
    member->registration.on_out = on_out;
}

static int begin(struct domi__consul_member *member)
{
    struct domi__node *self = self_of(member);
    int err;

    domi__consul_ask_init(&member->rivals, member->consul, on_rivals);
    domi__consul_query_init(&member->newer, member->consul, false, on_newer);
    domi__consul_registration_init(&member->registration, member->consul, self);
    err = domi__consul_version_init(&member->version, member->consul,
                                    self->service, self->version);
    if (err == 0) {
        err = domi__consul_tenure_init(&member->tenure, member->consul, self);
    }
    if (err != 0) {
        return err;
    }
    set_calls(member);
    if (self->http_port <= 0) {
        domi__timer_start(member->consul->loop, &member->timer, 0, refuse_port);
        return 0;
    }
    return domi__consul_version_start(&member->version);
}

struct domi__consul_member *
domi__consul_member_new(struct domi__consul *consul,
                        struct domi__membership *membership)
{
    struct domi__consul_member *member = calloc(1, sizeof(*member));

    if (!member) {
        return NULL;
    }
    domi__list_init(&member->node);
    member->consul = consul;
    member->membership = membership;
    member->wanted = membership->self.id >= 0 ? membership->self.id : -1;
    member->end.run = on_end;
    if (begin(member) != 0) {
        free_member(member);
        return NULL;
    }
    domi__list_push(&consul->members, &member->node);
    membership->data = member;
    membership->outdated = false;
    return member;
}
