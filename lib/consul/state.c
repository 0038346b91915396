/* SPDX-License-Identifier: MIT */
/* Whether Consul answers, as far as one can know. */

/*
 * An agent goes on talking when the cluster has no leader. What proves that
 * Consul answers is a read of the default consistency: the probe reads a key
 * that nobody has. It is sent
 *
 * - at once when any other request has failed, so that an agent that was killed
 *   is noticed within milliseconds, and one connection that broke is not;
 * - while services are watched, when nothing was answered for a second: their
 *   blocking queries are silent for a minute, and an agent that hangs breaks
 *   no connection;
 * - each second while Consul is away, and at once when anything is answered.
 *
 * A probe that is not answered makes the state stale, one that is answered
 * makes it good. A service that cannot be read, although probes are answered,
 * is stale as well.
 */
#include "consul/consul.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

#define PROBE_EVERY_MS 900 /* an end is seen within a second */
#define PROBE_LIMIT_MS 2000
#define SILENCE_MS 60000 /* between two lines about the same */
#define WAIT_FIRST_MS 400
#define WAIT_MOST_MS 5000

static uint64_t now_of(const struct domi__consul *consul)
{
    return domi__loop_now(consul->loop);
}

/* ---- what the log is told ------------------------------------------------ */

void domi__consul_complain(struct domi__consul *consul, const char *text)
{
    struct domi__consul_health *health = &consul->health;
    const unsigned size =
        sizeof(health->complaints) / sizeof(health->complaints[0]);
    uint64_t hash = domi__consul_hash(text);
    uint64_t now = now_of(consul);
    unsigned at = health->next_complaint;

    for (unsigned i = 0; i < size; i++) {
        if (health->complaints[i].hash == hash) {
            if (now - health->complaints[i].ms < SILENCE_MS) {
                return;
            }
            at = i;
        }
    }
    if (at == health->next_complaint) {
        health->next_complaint = (at + 1) % size;
    }
    health->complaints[at].hash = hash;
    health->complaints[at].ms = now;
    domi__log(&consul->log, DOMI_LOG_WARNING, "consul: %s", text);
}

/* ---- the state ----------------------------------------------------------- */

static uint64_t seconds_away(const struct domi__consul *consul)
{
    return (now_of(consul) - consul->health.good_ms) / 1000;
}

static void turn(struct domi__consul *consul, enum domi_registry_state state,
                 const char *reason)
{
    consul->health.state = state;
    if (consul->given.on_state) {
        consul->given.on_state(&consul->base, state, reason,
                               consul->given.user);
    }
}

static void tell_away(struct domi__consul *consul, const char *reason)
{
    struct domi__consul_health *health = &consul->health;

    if (health->state == DOMI_REGISTRY_OK) {
        health->told_ms = now_of(consul);
        domi__log(&consul->log, DOMI_LOG_WARNING,
                  "consul: no good answer; all goes on with what is known: %s",
                  reason);
        turn(consul, DOMI_REGISTRY_STALE, reason);
    } else if (now_of(consul) - health->told_ms >= SILENCE_MS) {
        health->told_ms = now_of(consul);
        domi__log(&consul->log, DOMI_LOG_WARNING,
                  "consul: still no good answer, the last was %" PRIu64
                  " s ago: %s", seconds_away(consul), reason);
    }
}

void domi__consul_review(struct domi__consul *consul)
{
    const char *reason = consul->health.is_silent
                             ? consul->health.reason
                             : domi__consul_services_fault(consul);

    if (reason) {
        tell_away(consul, reason);
    } else if (consul->health.state != DOMI_REGISTRY_OK) {
        domi__log(&consul->log, DOMI_LOG_INFO,
                  "consul: answers again, after %" PRIu64 " s",
                  seconds_away(consul));
        turn(consul, DOMI_REGISTRY_OK, "Consul answers again");
    }
}

static void note_answer(struct domi__consul *consul)
{
    struct domi__consul_health *health = &consul->health;

    health->answered_ms = now_of(consul);
    if (health->state == DOMI_REGISTRY_OK) {
        health->good_ms = health->answered_ms;
    }
}

static void fall_silent(struct domi__consul *consul, const char *reason)
{
    struct domi__consul_health *health = &consul->health;

    if (!health->is_silent) {
        health->is_silent = true;
        domi__consul_services_miss(consul);
    }
    snprintf(health->reason, sizeof(health->reason), "%s", reason);
    domi__consul_review(consul);
}

static void speak_again(struct domi__consul *consul)
{
    bool was_silent = consul->health.is_silent;

    consul->health.is_silent = false;
    domi__consul_review(consul);
    note_answer(consul);
    if (was_silent) {
        /* A blocking query may hang on a connection that died unheard. */
        domi__consul_services_again(consul);
        domi__consul_members_again(consul);
    }
}

/* ---- the probe ----------------------------------------------------------- */

static bool is_answer(const struct domi__consul_reply *reply)
{
    return reply->status > 0 && reply->status < 500 && reply->status != 429;
}

static void on_timer(struct domi__timer *timer);

static void wait_to_probe(struct domi__consul *consul, uint64_t ms)
{
    domi__timer_start(consul->loop, &consul->health.timer, ms, on_timer);
}

static void on_probe(void *user, const struct domi__consul_reply *reply)
{
    struct domi__consul *consul = user;

    consul->health.probe = 0;
    wait_to_probe(consul, PROBE_EVERY_MS);
    if (!is_answer(reply)) {
        fall_silent(consul, reply->error);
        return;
    }
    if (reply->error[0]) {
        domi__consul_complain(consul, reply->error);
    }
    speak_again(consul);
}

/* Reads the key that is the prefix itself, for which every node has the right,
   and which nobody writes. */
static void probe(struct domi__consul *consul)
{
    char *key = domi__consul_escape(consul->settings.prefix);
    struct domi__consul_request request = {
        .method = "GET",
        .timeout_ms = PROBE_LIMIT_MS,
        .on_reply = on_probe,
        .user = consul,
    };
    char *path;

    if (key && asprintf(&path, "/v1/kv/%s", key) >= 0) {
        request.path = path;
        consul->health.probe = domi__consul_send(consul->client, &request);
        free(path);
    }
    free(key);
    if (consul->health.probe == 0) {
        wait_to_probe(consul, PROBE_EVERY_MS);
    } else {
        domi__timer_stop(&consul->health.timer);
    }
}

/* Unless one is under way. */
static void probe_now(struct domi__consul *consul)
{
    if (consul->health.probe == 0) {
        probe(consul);
    }
}

static void on_timer(struct domi__timer *timer)
{
    struct domi__consul_health *health =
        DOMI__CONTAINER(timer, struct domi__consul_health, timer);
    struct domi__consul *consul =
        DOMI__CONTAINER(health, struct domi__consul, health);
    uint64_t quiet = now_of(consul) - health->answered_ms;

    if (!health->is_silent && (domi__list_is_empty(&consul->services) ||
                               quiet < PROBE_EVERY_MS)) {
        wait_to_probe(consul, quiet < PROBE_EVERY_MS ? PROBE_EVERY_MS - quiet
                                                     : PROBE_EVERY_MS);
        return;
    }
    probe_now(consul);
}

void domi__consul_state_start(struct domi__consul *consul)
{
    struct domi__consul_health *health = &consul->health;

    memset(health, 0, sizeof(*health));
    health->answered_ms = now_of(consul);
    health->good_ms = health->answered_ms;
    wait_to_probe(consul, PROBE_EVERY_MS);
}

void domi__consul_state_stop(struct domi__consul *consul)
{
    domi__timer_stop(&consul->health.timer);
    domi__consul_cancel(consul->client, consul->health.probe);
    consul->health.probe = 0;
    consul->health.state = DOMI_REGISTRY_OK;
}

void domi__consul_heard(struct domi__consul *consul,
                        const struct domi__consul_reply *reply)
{
    if (is_answer(reply) && reply->error[0]) {
        domi__consul_complain(consul, reply->error);
    }
    if (is_answer(reply) == consul->health.is_silent) {
        probe_now(consul);
    } else if (is_answer(reply)) {
        note_answer(consul);
    }
}

uint64_t domi__consul_wait_ms(unsigned failures)
{
    uint64_t most = WAIT_MOST_MS;
    uint32_t chance;

    if (failures <= 4) {
        most = (uint64_t)WAIT_FIRST_MS << (failures > 0 ? failures - 1 : 0);
    }
    if (domi__random(&chance, sizeof(chance))) {
        return most;
    }
    return most / 2 + chance % (most / 2 + 1);
}
