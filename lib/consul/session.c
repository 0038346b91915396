/* SPDX-License-Identifier: MIT */
/* A session of Consul's: made, renewed in time, ended. */
#include "consul/session.h"

#include <stdio.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "consul/consul.h"

static struct domi__consul *
consul_of(const struct domi__consul_session *session)
{
    return session->make.consul;
}

static uint64_t now_ms(const struct domi__consul_session *session)
{
    return domi__loop_now(consul_of(session)->loop);
}

bool domi__consul_session_is_there(const struct domi__consul_session *session)
{
    return session->id[0] != '\0';
}

static void forget(struct domi__consul_session *session)
{
    session->id[0] = '\0';
    domi__timer_stop(&session->timer);
    domi__consul_ask_stop(&session->renewal);
}

static void lose(struct domi__consul_session *session, const char *why)
{
    forget(session);
    session->on_lost(session, why);
}

/* ---- renewing ------------------------------------------------------------ */

static bool is_late(const struct domi__consul_session *session)
{
    return now_ms(session) - session->good_ms >=
           consul_of(session)->settings.session_s * UINT64_C(1000);
}

void domi__consul_session_renew(struct domi__consul_session *session)
{
    if (!domi__consul_session_is_there(session)) {
        return;
    }
    if (is_late(session)) {
        lose(session, "it could not be renewed in time");
    } else if (!domi__consul_ask_is_busy(&session->renewal)) {
        session->sent_ms = now_ms(session);
        domi__consul_ask_put(&session->renewal, NULL, "/v1/session/renew/%s",
                             session->id);
    }
}

static void on_renewal(struct domi__consul_ask *ask,
                       const struct domi__consul_reply *reply)
{
    struct domi__consul_session *session =
        DOMI__CONTAINER(ask, struct domi__consul_session, renewal);

    if (is_late(session)) {
        lose(session, "it was renewed too late");
    } else if (reply->status == 404) {
        lose(session, "Consul does not know it");
    } else if (reply->status == 200) {
        session->good_ms = session->sent_ms;
    }
}

static void on_due(struct domi__timer *timer);

static void renew_later(struct domi__consul_session *session)
{
    struct domi__consul *consul = consul_of(session);

    domi__timer_start(consul->loop, &session->timer,
                      consul->settings.session_s * UINT64_C(300), on_due);
}

static void on_due(struct domi__timer *timer)
{
    struct domi__consul_session *session =
        DOMI__CONTAINER(timer, struct domi__consul_session, timer);

    renew_later(session);
    domi__consul_session_renew(session);
}

/* ---- making -------------------------------------------------------------- */

void domi__consul_session_make(struct domi__consul_session *session)
{
    cJSON *body = cJSON_CreateObject();
    char name[80];
    char ttl[16];

    snprintf(name, sizeof(name), "domi %s", session->service);
    snprintf(ttl, sizeof(ttl), "%us", consul_of(session)->settings.session_s);
    session->sent_ms = now_ms(session);
    /* Where memory was short for a field Consul refuses what is left, or makes
       a session that lives longer. */
    cJSON_AddStringToObject(body, "Name", name);
    cJSON_AddStringToObject(body, "TTL", ttl);
    cJSON_AddArrayToObject(body, "NodeChecks");
    cJSON_AddStringToObject(body, "Behavior", "release");
    domi__consul_ask_put(&session->make, body, "/v1/session/create");
}

/* The id goes into paths, so that only what is one is taken. */
static bool take_id(struct domi__consul_session *session, const cJSON *id)
{
    const char *text = cJSON_IsString(id) ? id->valuestring : "";
    size_t size = strlen(text);

    if (size == 0 || size >= sizeof(session->id) ||
        strspn(text, "0123456789abcdef-") != size) {
        return false;
    }
    memcpy(session->id, text, size + 1);
    return true;
}

static void destroy(struct domi__consul_session *session)
{
    domi__consul_ask_put(&session->make, NULL, "/v1/session/destroy/%s",
                         session->id);
    forget(session);
}

static void on_make(struct domi__consul_ask *ask,
                    const struct domi__consul_reply *reply)
{
    struct domi__consul_session *session =
        DOMI__CONTAINER(ask, struct domi__consul_session, make);
    cJSON *json = reply->status == 200 ? cJSON_Parse(reply->body) : NULL;
    bool made =
        take_id(session, cJSON_GetObjectItemCaseSensitive(json, "ID"));

    cJSON_Delete(json);
    if (session->ending) {
        if (made) {
            destroy(session);
        } else {
            session->on_ended(session);
        }
        return;
    }
    if (made) {
        session->good_ms = session->sent_ms;
        renew_later(session);
    }
    session->on_made(session, reply);
}

/* ---- the end ------------------------------------------------------------- */

static void on_discarded(struct domi__consul_ask *ask,
                         const struct domi__consul_reply *reply)
{
    (void)ask;
    (void)reply;
}

void domi__consul_session_discard(struct domi__consul_session *session)
{
    domi__consul_ask_stop(&session->make);
    if (domi__consul_session_is_there(session)) {
        domi__consul_ask_put(&session->discard, NULL, "/v1/session/destroy/%s",
                             session->id);
    }
    forget(session);
}

void domi__consul_session_end(struct domi__consul_session *session)
{
    session->ending = true;
    if (domi__consul_session_is_there(session)) {
        destroy(session);
    } else if (!domi__consul_ask_is_busy(&session->make)) {
        session->on_ended(session);
    }
    /* Else the answer ends it. */
}

void domi__consul_session_init(struct domi__consul_session *session,
                               struct domi__consul *consul,
                               const char *service)
{
    memset(session, 0, sizeof(*session));
    domi__consul_ask_init(&session->make, consul, on_make);
    domi__consul_ask_init(&session->renewal, consul, on_renewal);
    domi__consul_ask_init(&session->discard, consul, on_discarded);
    session->service = service;
}

void domi__consul_session_fini(struct domi__consul_session *session)
{
    if (session->make.consul) {
        forget(session);
        domi__consul_ask_stop(&session->make);
        domi__consul_ask_stop(&session->discard);
    }
}
