/* SPDX-License-Identifier: MIT */
/*
 * What one user may do in a second.
 *
 *   a frame is taken, and paid for -> overdrawn: reading stops until the debt
 *   is paid -> overdrawn again and again, for too long: closed
 *
 * A frame is paid for when it has been taken, since none is ever given back.
 * Without rates there is no allowance, and nothing to look at.
 */
#include "gateway/inner.h"

#include <stdlib.h>

#include "base/rate.h"

/* Who has been quiet for so long after a stop begins anew. */
#define CALM_MS 1000u

struct domi__allowance {
    struct domi_session *session;
    struct domi__rate frames;
    struct domi__rate bytes;
    struct domi__rate deliveries;
    struct domi__rate joins;
    struct domi__timer timer; /* while reading is stopped */
    uint64_t excess_ms;       /* when the first of these stops began */
    uint64_t resumed_ms;      /* when the last one ended */
    bool stopped_before;
};

static uint64_t now_of(const struct domi_session *session)
{
    return domi__loop_now(session->base.loop);
}

int domi__allowance_open(struct domi_session *session)
{
    const struct domi_gateway *gateway = session->base.arg;
    const struct domi_gateway_options *options = &gateway->options;
    struct domi__allowance *allowance;
    uint64_t now_ms = now_of(session);

    if (!options->frame_rate && !options->byte_rate &&
        !options->delivery_rate && !options->join_rate) {
        return 0;
    }
    allowance = calloc(1, sizeof(*allowance));
    if (!allowance) {
        return UV_ENOMEM;
    }
    allowance->session = session;
    domi__rate_init(&allowance->frames, options->frame_rate, now_ms);
    domi__rate_init(&allowance->bytes, options->byte_rate, now_ms);
    domi__rate_init(&allowance->deliveries, options->delivery_rate, now_ms);
    domi__rate_init(&allowance->joins, options->join_rate, now_ms);
    session->allowance = allowance;
    return 0;
}

void domi__allowance_close(struct domi_session *session)
{
    if (session->allowance) {
        domi__timer_stop(&session->allowance->timer);
        free(session->allowance);
        session->allowance = NULL;
    }
}

static void on_paid(struct domi__timer *timer)
{
    struct domi__allowance *allowance =
        DOMI__CONTAINER(timer, struct domi__allowance, timer);

    allowance->resumed_ms = now_of(allowance->session);
    domi__session_resume(&allowance->session->base);
}

static unsigned longest(unsigned a, unsigned b)
{
    return a > b ? a : b;
}

/* Until nothing is owed any more. */
static unsigned wait_of(struct domi__allowance *allowance)
{
    return longest(longest(domi__rate_wait(&allowance->frames),
                           domi__rate_wait(&allowance->bytes)),
                   longest(domi__rate_wait(&allowance->deliveries),
                           domi__rate_wait(&allowance->joins)));
}

/* The user has sent too much again before it was calm, for too long. */
static bool is_sustained(struct domi__allowance *allowance)
{
    struct domi_session *session = allowance->session;
    struct domi_gateway *gateway = session->base.arg;
    uint64_t now_ms = now_of(session);

    if (!allowance->stopped_before ||
        now_ms - allowance->resumed_ms > CALM_MS) {
        allowance->stopped_before = true;
        allowance->excess_ms = now_ms;
        domi__log_peer(&gateway->log, DOMI_LOG_INFO,
                       "session %llu of %s sends more than it may: it is read "
                       "no faster",
                       (unsigned long long)session->base.id,
                       domi_session_address(session));
    }
    return now_ms - allowance->excess_ms >= gateway->options.excess_ms;
}

static void overdraw(struct domi__allowance *allowance)
{
    struct domi_session *session = allowance->session;
    struct domi_gateway *gateway = session->base.arg;

    if (session->base.state != DOMI__SESSION_OPEN ||
        domi__timer_is_running(&allowance->timer)) {
        return;
    }
    if (is_sustained(allowance)) {
        domi__session_close(&session->base, DOMI_REASON_RATE);
        return;
    }
    gateway->stats.rate_pauses++;
    domi__session_pause(&session->base);
    domi__timer_start(session->base.loop, &allowance->timer,
                      wait_of(allowance), on_paid);
}

void domi__allowance_spend(struct domi_session *session, size_t size,
                           uint32_t deliveries)
{
    struct domi__allowance *allowance = session->allowance;
    uint64_t now_ms;
    bool paid;

    if (!allowance) {
        return;
    }
    now_ms = now_of(session);
    paid = domi__rate_take(&allowance->frames, 1, now_ms);
    paid &= domi__rate_take(&allowance->bytes, (uint32_t)size, now_ms);
    paid &= domi__rate_take(&allowance->deliveries, deliveries, now_ms);
    if (!paid) {
        overdraw(allowance);
    }
}

void domi__allowance_join(struct domi_session *session)
{
    struct domi__allowance *allowance = session->allowance;

    if (allowance &&
        !domi__rate_take(&allowance->joins, 1, now_of(session))) {
        overdraw(allowance);
    }
}
