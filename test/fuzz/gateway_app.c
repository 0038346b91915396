/* SPDX-License-Identifier: MIT */
/* A gateway with an application that does whatever its users ask for. */
#include "gateway_app.h"

#include "domi/err.h"

struct gateway_app gateway_app;

static enum domi_verdict on_connect(struct domi_gateway *gateway,
                                    struct domi_session *session, void *user)
{
    (void)user;
    CHECK(domi_gateway_find(gateway, domi_session_id(session)) == session);
    gateway_app.connects++;
    return gateway_app.verdict;
}

static void on_disconnect(struct domi_gateway *gateway,
                          struct domi_session *session, enum domi_reason reason,
                          void *user)
{
    (void)user;
    CHECK(reason > DOMI_REASON_NONE && reason < DOMI_REASON_COUNT);
    CHECK(domi_gateway_find(gateway, domi_session_id(session)) == session);
    gateway_app.disconnects++;
}

static void on_called(struct domi_gateway *gateway,
                      struct domi_session *session, int status,
                      const struct domi_target *target, void *user);

static void call(struct domi_gateway *gateway, struct domi_session *session,
                 uint64_t group, unsigned service)
{
    static const char *const services[] = {"room", "hall", "none"};

    if (domi_gateway_call(gateway, session, services[service % 3], group,
                          on_called, NULL) == 0) {
        gateway_app.calls++;
    }
}

/* Asks again for what was lost, as a client would. */
static void on_detach(struct domi_gateway *gateway,
                      struct domi_session *session,
                      const struct domi_target *target, enum domi_reason reason,
                      void *user)
{
    (void)user;
    CHECK(reason > DOMI_REASON_NONE && reason < DOMI_REASON_COUNT);
    if (target->group & 1) {
        call(gateway, session, target->group, 0);
    }
}

static void on_called(struct domi_gateway *gateway,
                      struct domi_session *session, int status,
                      const struct domi_target *target, void *user)
{
    uint8_t ids[24] = {0};

    (void)gateway;
    (void)user;
    gateway_app.answers++;
    CHECK((status == 0) == (target != NULL));
    CHECK((status == DOMI_E_SESSION_GONE) == (session == NULL));
    if (!session) {
        return;
    }
    if (target) {
        domi_target_put(ids, *target);
    }
    domi_session_send(session, ASK_JOIN, ids, DOMI_TARGET_SIZE);
    if (target) {
        domi_put_u64(ids, domi_session_id(session));
        domi_session_send_zone(session, target, ASK_JOIN, ids, 8);
    }
}

/* ---- what users ask for -------------------------------------------------- */

/* The first bytes as an id; zeros stand for what is missing. */
static uint64_t id_at(const struct domi_frame *frame, uint32_t at)
{
    uint8_t bytes[8] = {0};

    if (frame->data_size > at) {
        uint32_t size = frame->data_size - at;

        memcpy(bytes, frame->data + at, size < 8 ? size : 8);
    }
    return domi_get_u64(bytes);
}

static void on_join(struct domi_gateway *gateway, struct domi_session *session,
                    const struct domi_frame *frame, void *user)
{
    (void)user;
    call(gateway, session, id_at(frame, 0), (unsigned)id_at(frame, 8));
}

static void on_leave(struct domi_gateway *gateway, struct domi_session *session,
                     const struct domi_frame *frame, void *user)
{
    const struct domi_target target = {id_at(frame, 0), id_at(frame, 8)};

    (void)gateway;
    (void)user;
    domi_session_leave(session, &target);
}

static void on_kick(struct domi_gateway *gateway, struct domi_session *session,
                    const struct domi_frame *frame, void *user)
{
    enum domi_reason reason = id_at(frame, 0) % DOMI_REASON_COUNT;
    char text[512];
    size_t size = frame->data_size < sizeof(text) ? frame->data_size
                                                  : sizeof(text) - 1;

    (void)gateway;
    (void)user;
    memcpy(text, frame->data, size);
    text[size] = '\0';
    domi_session_kick(session, reason ? reason : DOMI_REASON_KICKED, text);
}

static void on_echo(struct domi_gateway *gateway, struct domi_session *session,
                    const struct domi_frame *frame, void *user)
{
    unsigned times = (uint8_t)id_at(frame, 0);

    (void)gateway;
    (void)user;
    for (unsigned i = 0; i < times; i++) {
        domi_session_send(session, ASK_ECHO, frame->data, frame->data_size);
    }
}

static void on_zone(struct domi_gateway *gateway, struct domi_session *session,
                    const struct domi_frame *frame, void *user)
{
    const struct domi_target target = {id_at(frame, 0), id_at(frame, 8)};

    (void)gateway;
    (void)user;
    if (frame->data_size >= DOMI_TARGET_SIZE) {
        domi_session_send_zone(session, &target, ASK_ZONE,
                               frame->data + DOMI_TARGET_SIZE,
                               frame->data_size - DOMI_TARGET_SIZE);
    }
}

static void on_later(struct domi_gateway *gateway, struct domi_session *session,
                     const struct domi_frame *frame, void *user)
{
    (void)gateway;
    (void)session;
    (void)frame;
    (void)user;
    gateway_app.verdict = DOMI_LATER;
}

/* ---- its life ------------------------------------------------------------ */

void gateway_app_open(struct domi_gateway_options *options)
{
    struct domi_gateway *gateway;

    memset(&gateway_app, 0, sizeof(gateway_app));
    options->on_connect = on_connect;
    options->on_disconnect = on_disconnect;
    options->on_detach = on_detach;
    gateway = domi_gateway_new(&stand.uv, options);
    CHECK(gateway);
    CHECK(domi_gateway_handle(gateway, ASK_JOIN, on_join, NULL) == 0);
    CHECK(domi_gateway_handle(gateway, ASK_LEAVE, on_leave, NULL) == 0);
    CHECK(domi_gateway_handle(gateway, ASK_KICK, on_kick, NULL) == 0);
    CHECK(domi_gateway_handle(gateway, ASK_ECHO, on_echo, NULL) == 0);
    CHECK(domi_gateway_handle(gateway, ASK_ZONE, on_zone, NULL) == 0);
    CHECK(domi_gateway_handle(gateway, ASK_LATER, on_later, NULL) == 0);
    CHECK(domi_gateway_start(gateway) == 0);
    gateway_app.gateway = gateway;
}

/* A session may be accepted or refused at any time; it has an effect once. */
static void answer(uint64_t number, bool refuses)
{
    struct domi_session *session =
        domi_gateway_find(gateway_app.gateway, number);

    if (!session) {
        return;
    }
    if (refuses) {
        domi_session_refuse(session);
    } else {
        domi_session_accept(session);
    }
}

void gateway_app_act(unsigned act)
{
    uint64_t number;

    switch (act) {
    case GATEWAY_ACT_ANSWER:
        number = script_number(&stand.script);
        answer(number, script_byte(&stand.script) & 1);
        break;
    case GATEWAY_ACT_DRAIN:
        domi_gateway_drain(gateway_app.gateway);
        break;
    case GATEWAY_ACT_VERDICT:
        gateway_app.verdict = script_byte(&stand.script) % 3;
        break;
    default:
        break;
    }
}

static void on_close(struct domi_gateway *gateway, void *user)
{
    (void)user;
    CHECK(gateway == gateway_app.gateway);
    CHECK(!gateway_app.closed);
    gateway_app.closed = true;
}

void gateway_app_close(void)
{
    domi_gateway_close(gateway_app.gateway, on_close, NULL);
    stand_until(&gateway_app.closed);
    CHECK(gateway_app.connects == gateway_app.disconnects);
    CHECK(gateway_app.calls == gateway_app.answers);
}
