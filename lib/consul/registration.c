/* SPDX-License-Identifier: MIT */
/* A node's service at the Consul agent: put in, kept, taken back. */

/*
 * Put in, looked at until the HTTP check has run and is passing, and watched.
 * Lost: the watch answers 404, and it is put in again. Taken: the watch
 * answers with another's address.
 *
 * The agent says "passing" from the beginning, as it was told to, so that a
 * node is found at once; only a check with an output has run.
 */
#include "consul/registration.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "consul/consul.h"

/* How long a leave waits for the agent, which may be busy with a cluster that
   does not answer. */
#define TAKE_BACK_MS 1000u

/* ---- what is put in ------------------------------------------------------ */

static int port_of(const struct domi__node *self)
{
    return self->tcp_port > 0 ? self->tcp_port : self->http_port;
}

static bool add_number(cJSON *object, const char *name, int number)
{
    char text[16];

    snprintf(text, sizeof(text), "%d", number);
    return cJSON_AddStringToObject(object, name, text);
}

static bool add_meta(cJSON *body, const struct domi__node *self)
{
    cJSON *meta = cJSON_AddObjectToObject(body, "Meta");

    return meta && add_number(meta, "http_port", self->http_port) &&
           add_number(meta, "version", self->version) &&
           cJSON_AddStringToObject(meta, "state",
                                   self->draining ? "drain" : "serve");
}

static bool add_check(cJSON *body, const struct domi__node *self, int id,
                      unsigned check_ms)
{
    cJSON *check = cJSON_AddObjectToObject(body, "Check");
    bool is_v6 = strchr(self->host, ':') != NULL;
    char url[128];
    char interval[16];

    snprintf(url, sizeof(url), "http://%s%s%s:%d/%d/health", is_v6 ? "[" : "",
             self->host, is_v6 ? "]" : "", self->http_port, id);
    snprintf(interval, sizeof(interval), "%ums", check_ms);
    return check && cJSON_AddStringToObject(check, "HTTP", url) &&
           cJSON_AddStringToObject(check, "Interval", interval) &&
           cJSON_AddStringToObject(check, "Timeout", "1s") &&
           cJSON_AddStringToObject(check, "Status", "passing") &&
           cJSON_AddStringToObject(check, "DeregisterCriticalServiceAfter",
                                   "1m") &&
           cJSON_AddStringToObject(check, "Notes", DOMI__CONSUL_CHECK_NOTES);
}

/* NULL when memory is short. */
static cJSON *body_of(const struct domi__consul_registration *registration)
{
    const struct domi__node *self = registration->self;
    cJSON *body = cJSON_CreateObject();

    if (add_number(body, "ID", registration->id) &&
        cJSON_AddStringToObject(body, "Name", self->service) &&
        cJSON_AddStringToObject(body, "Address", self->host) &&
        cJSON_AddNumberToObject(body, "Port", port_of(self)) &&
        add_meta(body, self) &&
        add_check(body, self, registration->id,
                  registration->consul->settings.check_ms)) {
        return body;
    }
    cJSON_Delete(body);
    return NULL;
}

/* Whether the agent's answer is about a service; `*ours`: this node and no
   other. */
static bool is_service(const struct domi__consul_registration *registration,
                       const cJSON *json, bool *ours)
{
    const struct domi__node *self = registration->self;
    const cJSON *name = cJSON_GetObjectItemCaseSensitive(json, "Service");
    const cJSON *host = cJSON_GetObjectItemCaseSensitive(json, "Address");
    const cJSON *port = cJSON_GetObjectItemCaseSensitive(json, "Port");

    if (!cJSON_IsString(name) || !cJSON_IsString(host) ||
        !cJSON_IsNumber(port)) {
        return false;
    }
    *ours = strcmp(name->valuestring, self->service) == 0 &&
            strcmp(host->valuestring, self->host) == 0 &&
            port->valueint == port_of(self);
    return true;
}

/* ---- putting in ---------------------------------------------------------- */

static void put(struct domi__consul_registration *registration);

static void on_retry(struct domi__timer *timer)
{
    put(DOMI__CONTAINER(timer, struct domi__consul_registration, retry));
}

static void retry_later(struct domi__consul_registration *registration)
{
    registration->failures++;
    domi__timer_start(registration->consul->loop, &registration->retry,
                      domi__consul_wait_ms(registration->failures), on_retry);
}

static void put(struct domi__consul_registration *registration)
{
    cJSON *body = body_of(registration);

    domi__timer_stop(&registration->retry);
    registration->dirty = false;
    if (!body) {
        retry_later(registration);
        return;
    }
    domi__consul_ask_put(
        &registration->put, body,
        "/v1/agent/service/register?replace-existing-checks=true");
}

static void on_put_failed(struct domi__consul_registration *registration,
                          const struct domi__consul_reply *reply)
{
    if (!registration->waiting) {
        registration->waiting = true;
        domi__log(&registration->consul->log, DOMI_LOG_WARNING,
                  "node %d of service \"%s\" cannot be registered yet: %s",
                  registration->id, registration->self->service, reply->error);
    }
    retry_later(registration);
}

static void look_soon(struct domi__consul_registration *registration);

static void start_watch(struct domi__consul_registration *registration)
{
    char *path;

    if (!domi__consul_query_is_on(&registration->watch) &&
        asprintf(&path, "/v1/agent/service/%d", registration->id) >= 0) {
        domi__consul_query_start(&registration->watch, path);
    }
}

static void on_put_done(struct domi__consul_registration *registration)
{
    registration->failures = 0;
    if (registration->waiting) {
        registration->waiting = false;
        domi__log(&registration->consul->log, DOMI_LOG_INFO,
                  "node %d of service \"%s\" is registered", registration->id,
                  registration->self->service);
    }
    start_watch(registration);
    if (registration->in) {
        return;
    }
    registration->in = true;
    registration->passing = false;
    look_soon(registration);
    registration->on_in(registration);
}

static void take_out(struct domi__consul_registration *registration);

static void on_put(struct domi__consul_ask *ask,
                   const struct domi__consul_reply *reply)
{
    struct domi__consul_registration *registration =
        DOMI__CONTAINER(ask, struct domi__consul_registration, put);

    if (registration->ending) {
        take_out(registration);
    } else if (registration->dirty) {
        put(registration);
    } else if (reply->status == 200) {
        on_put_done(registration);
    } else {
        on_put_failed(registration, reply);
    }
}

void domi__consul_registration_put(
    struct domi__consul_registration *registration, int id)
{
    if (registration->id != id) {
        registration->id = id;
        registration->in = false;
        registration->failures = 0;
    }
    if (domi__consul_ask_is_busy(&registration->put)) {
        registration->dirty = true;
    } else {
        put(registration);
    }
}

/* ---- looking whether it passes ------------------------------------------- */

static void on_look_due(struct domi__timer *timer)
{
    struct domi__consul_registration *registration =
        DOMI__CONTAINER(timer, struct domi__consul_registration, look_timer);

    domi__consul_ask_get(&registration->look,
                         "/v1/agent/checks?filter=ServiceID%%3D%%3D%%22%d%%22",
                         registration->id);
}

/* Some times until the check has run first, then as often as it runs. */
static void look_soon(struct domi__consul_registration *registration)
{
    unsigned every_ms = registration->consul->settings.check_ms;

    domi__timer_start(registration->consul->loop, &registration->look_timer,
                      registration->complained ? every_ms : every_ms / 4,
                      on_look_due);
}

/* What the check said when it ran; NULL when it has not run yet. */
static const char *output_of(const cJSON *check)
{
    const cJSON *output = cJSON_GetObjectItemCaseSensitive(check, "Output");

    return cJSON_IsString(output) && *output->valuestring
               ? output->valuestring
               : NULL;
}

static bool passes(const cJSON *check)
{
    const cJSON *status = cJSON_GetObjectItemCaseSensitive(check, "Status");

    return cJSON_IsString(status) &&
           strcmp(status->valuestring, "passing") == 0;
}

static void complain(struct domi__consul_registration *registration,
                     const char *output)
{
    char escaped[256];

    if (!registration->complained) {
        registration->complained = true;
        domi__log(&registration->consul->log, DOMI_LOG_WARNING,
                  "Consul finds node %d of service \"%s\" unhealthy: %s",
                  registration->id, registration->self->service,
                  domi__log_escape(escaped, sizeof(escaped), output,
                                   strlen(output)));
    }
}

static void on_look(struct domi__consul_ask *ask,
                    const struct domi__consul_reply *reply)
{
    struct domi__consul_registration *registration =
        DOMI__CONTAINER(ask, struct domi__consul_registration, look);
    const cJSON *check = reply->status == 200 ? reply->json->child : NULL;
    const char *output = output_of(check);

    if (!output) {
        look_soon(registration);
        return;
    }
    if (!passes(check)) {
        complain(registration, output);
        look_soon(registration);
        return;
    }
    registration->passing = true;
    registration->complained = false;
    registration->on_passing(registration);
}

/* ---- watching whether it is there ---------------------------------------- */

static void tell_taken(struct domi__consul_registration *registration,
                       const cJSON *service)
{
    char holder[256];

    snprintf(
        holder, sizeof(holder), "%s at %s:%d",
        cJSON_GetObjectItemCaseSensitive(service, "Service")->valuestring,
        cJSON_GetObjectItemCaseSensitive(service, "Address")->valuestring,
        cJSON_GetObjectItemCaseSensitive(service, "Port")->valueint);
    registration->on_taken(registration, holder);
}

static void on_watch(struct domi__consul_query *query,
                     const struct domi__consul_reply *reply)
{
    struct domi__consul_registration *registration =
        DOMI__CONTAINER(query, struct domi__consul_registration, watch);
    bool ours;

    /* An answer that came before a new put is not about what is put. */
    if (domi__consul_ask_is_busy(&registration->put) || !registration->in) {
        return;
    }
    if (reply->status == 404) {
        domi__log(&registration->consul->log, DOMI_LOG_WARNING,
                  "Consul has lost node %d of service \"%s\": "
                  "it is registered again",
                  registration->id, registration->self->service);
        registration->in = false;
        put(registration);
    } else if (reply->status == 200 &&
               is_service(registration, reply->json, &ours) && !ours) {
        tell_taken(registration, reply->json);
    }
}

void domi__consul_registration_again(
    struct domi__consul_registration *registration)
{
    domi__consul_query_again(&registration->watch);
    if (domi__timer_is_running(&registration->retry)) {
        put(registration);
    }
}

/* ---- taking back --------------------------------------------------------- */

static void stop(struct domi__consul_registration *registration)
{
    domi__timer_stop(&registration->retry);
    domi__timer_stop(&registration->look_timer);
    domi__consul_ask_stop(&registration->look);
    domi__consul_query_stop(&registration->watch);
}

/* First the answer who is registered under the id, then to the removal. */
static void on_withdraw(struct domi__consul_ask *ask,
                        const struct domi__consul_reply *reply)
{
    struct domi__consul_registration *registration =
        DOMI__CONTAINER(ask, struct domi__consul_registration, withdraw);
    bool ours = false;

    if (registration->asks_who && reply->status == 200 && reply->json &&
        is_service(registration, reply->json, &ours) && ours) {
        registration->asks_who = false;
        domi__consul_ask_put(ask, NULL, "/v1/agent/service/deregister/%d",
                             registration->withdraw_id);
    } else if (registration->ending) {
        registration->on_out(registration);
    }
}

void domi__consul_registration_withdraw(
    struct domi__consul_registration *registration)
{
    stop(registration);
    domi__consul_ask_stop(&registration->put);
    registration->dirty = false;
    if (registration->id >= 0) {
        registration->withdraw_id = registration->id;
        registration->asks_who = true;
        domi__consul_ask_get(&registration->withdraw, "/v1/agent/service/%d",
                             registration->withdraw_id);
    }
    registration->id = -1;
    registration->in = false;
}

static void take_out(struct domi__consul_registration *registration)
{
    struct domi__consul_request request = {.method = "PUT",
                                           .timeout_ms = TAKE_BACK_MS};
    char path[64];

    snprintf(path, sizeof(path), "/v1/agent/service/deregister/%d",
             registration->id);
    request.path = path;
    registration->asks_who = false;
    domi__consul_ask_send(&registration->withdraw, &request);
}

void domi__consul_registration_take_back(
    struct domi__consul_registration *registration)
{
    stop(registration);
    registration->ending = true;
    if (registration->id >= 0) {
        /* A put that is under way could come in later: its reply goes on. */
        if (!domi__consul_ask_is_busy(&registration->put)) {
            take_out(registration);
        }
    } else if (!domi__consul_ask_is_busy(&registration->withdraw)) {
        registration->on_out(registration);
    }
}

/* ---- life ---------------------------------------------------------------- */

void domi__consul_registration_init(
    struct domi__consul_registration *registration, struct domi__consul *consul,
    const struct domi__node *self)
{
    memset(registration, 0, sizeof(*registration));
    registration->consul = consul;
    registration->self = self;
    registration->id = -1;
    domi__consul_ask_init(&registration->put, consul, on_put);
    domi__consul_ask_init(&registration->look, consul, on_look);
    domi__consul_ask_init(&registration->withdraw, consul, on_withdraw);
    domi__consul_query_init(&registration->watch, consul, true, on_watch);
}

void domi__consul_registration_fini(
    struct domi__consul_registration *registration)
{
    if (registration->consul) {
        stop(registration);
        domi__consul_ask_stop(&registration->put);
        domi__consul_ask_stop(&registration->withdraw);
    }
}
