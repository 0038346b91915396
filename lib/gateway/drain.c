/* SPDX-License-Identifier: MIT */
/*
 * Draining: the way of a gateway that wants no new users to its last one.
 *
 *   begin -> no new users -> some are sent away in each step, if that is
 *         wished -> the last is gone -> on_drained
 *
 * A drain that a newer version began is called off when that version goes
 * away, and does not end unless a node of it is there to take the users.
 */
#include "gateway/inner.h"

#include "base/clock.h"

#define STEP_MS 100u
#define REOPEN_MS 1000u

/* Users who are sent away come back within this time, each at a moment of its
   own; how many go in a second is the application's to say. */
#define COME_BACK_MS 2000u

static void on_step(struct domi__timer *timer);

static void start_timer(struct domi_gateway *gateway, unsigned after_ms)
{
    domi__timer_start(gateway->loop, &gateway->drain.step, after_ms, on_step);
}

/* ---- sending users away -------------------------------------------------- */

static void send_away(struct domi_session *session)
{
    const struct domi_gateway *gateway = session->base.arg;
    struct domi__farewell farewell = {
        .notice = DOMI_NOTICE_COME_BACK,
        .text = gateway->options.come_back,
    };
    uint32_t chance = 0;

    if (domi__random(&chance, sizeof(chance)) != 0) {
        chance = (uint32_t)session->base.id;
    }
    farewell.wait_ms = chance % COME_BACK_MS;
    session->farewell = &farewell;
    domi__session_close(&session->base, DOMI_REASON_DRAINING);
    session->farewell = NULL;
}

/* Goes round the table once, beginning where it stopped. */
static struct domi_session *next_user(struct domi_gateway *gateway)
{
    size_t *position = &gateway->drain.position;
    const struct domi__table_slot *slot;

    for (int round = 0; round < 2; round++) {
        while ((slot = domi__table_next(&gateway->sessions, position))) {
            struct domi_session *session = slot->value;

            if (session->base.state == DOMI__SESSION_OPEN) {
                return session;
            }
        }
        *position = 0;
    }
    return NULL;
}

/* What is due grows with the time, to one second's share at most. */
static void send_some_away(struct domi_gateway *gateway)
{
    struct domi__gateway_drain *drain = &gateway->drain;
    uint64_t most = (uint64_t)gateway->options.drain_rate * 1000;
    uint64_t now_ms = domi__loop_now(gateway->loop);
    struct domi_session *session;

    drain->due += (now_ms - drain->stepped_ms) * gateway->options.drain_rate;
    drain->due = drain->due < most ? drain->due : most;
    drain->stepped_ms = now_ms;
    while (drain->due >= 1000 && (session = next_user(gateway))) {
        drain->due -= 1000;
        send_away(session);
    }
}

/* ---- steps --------------------------------------------------------------- */

static void end(struct domi_gateway *gateway)
{
    gateway->drain.ended = true;
    domi__log(&gateway->log, DOMI_LOG_INFO,
              "gateway %s: drained: no user is left", gateway->options.name);
    if (gateway->options.on_drained) {
        gateway->options.on_drained(gateway, gateway->options.user);
    }
}

/* The port is the one that others know: no other will do. */
static int reopen(struct domi_gateway *gateway)
{
    int port = gateway->membership.self.tcp_port;
    int err = 0;

    if (port != 0 && !gateway->tcp) {
        err = domi__gateway_listen_tcp(gateway, port);
    }
    if (err) {
        start_timer(gateway, REOPEN_MS);
    }
    return err;
}

static void on_step(struct domi__timer *timer)
{
    struct domi_gateway *gateway =
        DOMI__CONTAINER(timer, struct domi_gateway, drain.step);

    if (!gateway->drain.active) {
        reopen(gateway);
    } else if (gateway->admitted == 0) {
        end(gateway);
    } else {
        start_timer(gateway, STEP_MS);
        send_some_away(gateway);
    }
}

void domi__gateway_drain_look(struct domi_gateway *gateway)
{
    if (gateway->running && gateway->drain.active && !gateway->drain.ended &&
        gateway->admitted == 0) {
        start_timer(gateway, 0);
    }
}

/* ---- begin and call off -------------------------------------------------- */

static void set_draining(struct domi_gateway *gateway, bool draining)
{
    struct domi_registry *registry = gateway->options.registry;

    gateway->drain.active = draining;
    gateway->membership.self.draining = draining;
    if (gateway->joined && registry->kind->update) {
        registry->kind->update(registry, &gateway->membership);
    }
}

void domi__gateway_drain_begin(struct domi_gateway *gateway, bool asked)
{
    struct domi__gateway_drain *drain = &gateway->drain;

    drain->asked |= asked;
    if (drain->active) {
        return;
    }
    drain->ended = false;
    drain->due = 0;
    drain->stepped_ms = domi__loop_now(gateway->loop);
    domi__log(&gateway->log, DOMI_LOG_INFO, "gateway %s: drains: %s",
              gateway->options.name,
              asked ? "it was asked to"
                    : "a newer version of the service is in force");
    domi__gateway_close_listener(gateway, &gateway->tcp);
    domi__handshakes_close(gateway->loop, gateway, DOMI_REASON_DRAINING);
    set_draining(gateway, true);
    start_timer(gateway, 0);
}

void domi__gateway_drain_call_off(struct domi_gateway *gateway)
{
    int err;

    if (!gateway->drain.active || gateway->drain.asked) {
        return;
    }
    domi__timer_stop(&gateway->drain.step);
    domi__log(&gateway->log, DOMI_LOG_INFO,
              "gateway %s: drains no more: no newer version is in force",
              gateway->options.name);
    set_draining(gateway, false);
    err = reopen(gateway);
    if (err) {
        domi__log(&gateway->log, DOMI_LOG_ERROR,
                  "cannot listen for users on %s port %d again: %s; trying "
                  "until it can",
                  gateway->options.host, gateway->membership.self.tcp_port,
                  domi_strerror(err));
    }
}

int domi_gateway_drain(struct domi_gateway *gateway)
{
    if (!gateway->running) {
        return DOMI_E_STATE;
    }
    domi__gateway_drain_begin(gateway, true);
    return 0;
}

int domi_gateway_is_draining(const struct domi_gateway *gateway)
{
    return gateway->drain.active;
}
