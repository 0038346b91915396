/* SPDX-License-Identifier: MIT */
/* The key that says which version of a service is in force. */

/*
 * Read: an answer with a higher number refuses the node; any other lets it in.
 * Serve: the key is made with cas 0, or raised with cas of the index that was
 * read. Watch: a higher number means outdated, a lower or equal one no more.
 *
 * When a cas is refused, another node was faster, and the watch brings what it
 * wrote. When there is no answer, the next reply of the watch or the timer
 * tries again, if the key still wants it.
 */
#include "consul/version.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uv.h>

#include "consul/consul.h"
#include "consul/key.h"
#include "domi/err.h"

int domi__consul_version_number(const char *text, size_t size)
{
    long number = 0;

    if (size == 0 || size > 10) {
        return -1;
    }
    for (size_t i = 0; i < size; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return -1;
        }
        number = number * 10 + (text[i] - '0');
    }
    return number <= INT_MAX ? (int)number : -1;
}

/* ---- raising ------------------------------------------------------------- */

static bool wants_raise(const struct domi__consul_version *version)
{
    if (!version->may_raise || version->outdated) {
        return false;
    }
    /* Somebody lowered it on purpose once it had been raised. */
    return version->index == 0 ||
           (!version->raised && version->number < version->own);
}

static void raise_if_due(struct domi__consul_version *version)
{
    struct domi__consul_request request = {
        .method = "PUT", .timeout_ms = DOMI__CONSUL_LIMIT_MS};
    char body[16];
    char *path;

    if (!wants_raise(version) || domi__consul_ask_is_busy(&version->raise) ||
        domi__timer_is_running(&version->retry)) {
        return;
    }
    snprintf(body, sizeof(body), "%d", version->own);
    if (asprintf(&path, "/v1/kv/%s?cas=%" PRIu64, version->key,
                 version->index) < 0) {
        return; /* the next reply of the watch tries again */
    }
    request.path = path;
    request.body = body;
    domi__consul_ask_send(&version->raise, &request);
    free(path);
}

static void on_retry(struct domi__timer *timer)
{
    raise_if_due(DOMI__CONTAINER(timer, struct domi__consul_version, retry));
}

static void on_raised(struct domi__consul_ask *ask,
                      const struct domi__consul_reply *reply)
{
    struct domi__consul_version *version =
        DOMI__CONTAINER(ask, struct domi__consul_version, raise);

    if (reply->status != 200) {
        version->failures++;
        domi__timer_start(ask->consul->loop, &version->retry,
                          domi__consul_wait_ms(version->failures), on_retry);
        return;
    }
    version->failures = 0;
    if (strncmp(reply->body, "true", 4) == 0) {
        version->raised = true;
        domi__log(&ask->consul->log, DOMI_LOG_INFO,
                  "version %d of service \"%s\" is in force now", version->own,
                  version->service);
    }
    /* The watch brings what is in the key now; what is known here is old, so
       that it must not be raised by it once more. */
}

void domi__consul_version_raise(struct domi__consul_version *version)
{
    version->may_raise = true;
    raise_if_due(version);
}

/* ---- reading ------------------------------------------------------------- */

static void complain(struct domi__consul_version *version,
                     const struct domi__consul_key *key)
{
    char escaped[128];

    if (version->number < 0 && key->exists &&
        key->modify_index != version->complained) {
        domi__log(&version->query.ask.consul->log, DOMI_LOG_WARNING,
                  "key %sVersion is \"%s\", which is no version: must be 0 to "
                  "%d; it is passed over",
                  version->service,
                  domi__log_escape(escaped, sizeof(escaped), key->value,
                                   strlen(key->value)),
                  INT_MAX);
    }
    version->complained = key->modify_index;
}

static void tell_checked(struct domi__consul_version *version)
{
    struct domi__log *log = &version->query.ask.consul->log;

    version->checked = true;
    if (version->waiting) {
        domi__log(log, DOMI_LOG_INFO, "the version of service \"%s\" is known",
                  version->service);
    }
    if (version->number > version->own) {
        domi__log(log, DOMI_LOG_ERROR,
                  "version %d of service \"%s\" is too old to join: key "
                  "%sVersion wants %d or newer",
                  version->own, version->service, version->service,
                  version->number);
        domi__consul_version_stop(version);
        version->on_checked(version, DOMI_E_VERSION);
        return;
    }
    version->on_checked(version, 0);
}

static void tell_outdated(struct domi__consul_version *version)
{
    bool outdated = version->number < 0 ? version->outdated
                                        : version->number > version->own;

    if (outdated == version->outdated) {
        return;
    }
    version->outdated = outdated;
    domi__log(&version->query.ask.consul->log, DOMI_LOG_INFO,
              outdated ? "version %d of service \"%s\" has been replaced by %d"
                       : "version %d of service \"%s\" is in force again: "
                         "key says %d",
              version->own, version->service, version->number);
    version->on_outdated(version);
}

static void wait_for_answer(struct domi__consul_version *version,
                            const struct domi__consul_reply *reply)
{
    if (!version->checked && !version->waiting) {
        version->waiting = true;
        domi__log(&version->query.ask.consul->log, DOMI_LOG_WARNING,
                  "the version of service \"%s\" cannot be read yet: %s",
                  version->service,
                  *reply->error ? reply->error : "the answer is no key");
    }
}

static void on_reply(struct domi__consul_query *query,
                     const struct domi__consul_reply *reply)
{
    struct domi__consul_version *version =
        DOMI__CONTAINER(query, struct domi__consul_version, query);
    struct domi__consul_key key;

    if (!domi__consul_key_read(&key, reply)) {
        wait_for_answer(version, reply);
        return;
    }
    version->index = key.modify_index;
    version->number = domi__consul_version_number(key.value, key.size);
    version->raised |= version->may_raise && version->number >= version->own;
    complain(version, &key);
    if (!version->checked) {
        tell_checked(version);
        return;
    }
    tell_outdated(version);
    raise_if_due(version);
}

/* ---- life ---------------------------------------------------------------- */

int domi__consul_version_init(struct domi__consul_version *version,
                              struct domi__consul *consul, const char *service,
                              int own)
{
    char *escaped = domi__consul_escape(service);
    int size = -1;

    memset(version, 0, sizeof(*version));
    domi__consul_query_init(&version->query, consul, false, on_reply);
    domi__consul_ask_init(&version->raise, consul, on_raised);
    version->service = service;
    version->own = own;
    version->number = -1;
    if (escaped) {
        size = asprintf(&version->key, "%sVersion", escaped);
        free(escaped);
    }
    if (size < 0) {
        version->key = NULL;
        return UV_ENOMEM;
    }
    return 0;
}

int domi__consul_version_start(struct domi__consul_version *version)
{
    char *path;

    if (asprintf(&path, "/v1/kv/%s", version->key) < 0) {
        return UV_ENOMEM;
    }
    return domi__consul_query_start(&version->query, path);
}

void domi__consul_version_again(struct domi__consul_version *version)
{
    domi__consul_query_again(&version->query);
    if (domi__timer_is_running(&version->retry)) {
        domi__timer_stop(&version->retry);
        raise_if_due(version);
    }
}

void domi__consul_version_stop(struct domi__consul_version *version)
{
    domi__consul_query_stop(&version->query);
    domi__consul_ask_stop(&version->raise);
    domi__timer_stop(&version->retry);
}

void domi__consul_version_fini(struct domi__consul_version *version)
{
    if (version->key) {
        domi__consul_version_stop(version);
        free(version->key);
        version->key = NULL;
    }
}
