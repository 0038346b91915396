/* SPDX-License-Identifier: MIT */
/* Users' sessions: from admission to the disconnect callback. */
#include "gateway/inner.h"

#include <stdlib.h>
#include <string.h>

/* So many more than there may be are let in at once, to be told so. */
#define TOLD_AT_ONCE 256u

/* ---- what transport tells ------------------------------------------------ */

static uint64_t admit(void *arg)
{
    struct domi_gateway *gateway = arg;
    unsigned limit = gateway->options.sessions;

    if (!domi__gateway_is_open(gateway)) {
        return 0;
    }
    if (limit && gateway->admitted >= (size_t)limit + TOLD_AT_ONCE) {
        gateway->stats.closed[DOMI_REASON_TOO_MANY]++;
        domi__log_peer(&gateway->log, DOMI_LOG_WARNING,
                       "a connection is refused: %u sessions are open", limit);
        return 0;
    }
    gateway->admitted++;
    return domi__ids_next(&gateway->ids);
}

static void dismiss(void *arg)
{
    struct domi_gateway *gateway = arg;

    gateway->admitted--;
    gateway->stats.closed[DOMI_REASON_MEMORY]++;
}

/* Whether there is room for one more; NONE: there is. */
static enum domi_reason is_too_many(const struct domi__session *base)
{
    const struct domi_gateway *gateway = base->arg;
    unsigned limit = gateway->options.sessions;

    if (limit && gateway->stats.sessions >= limit) {
        return DOMI_REASON_TOO_MANY;
    }
    return domi__session_is_one_too_many(base) ? DOMI_REASON_ADDRESS_SESSIONS
                                               : DOMI_REASON_NONE;
}

static enum domi_reason take_in(struct domi_session *session)
{
    struct domi_gateway *gateway = session->base.arg;
    enum domi_reason reason = is_too_many(&session->base);

    if (reason == DOMI_REASON_NONE &&
        (domi__allowance_open(session) ||
         domi__table_set(&gateway->sessions, session->base.id, session))) {
        reason = DOMI_REASON_MEMORY;
    }
    return reason;
}

static void on_open(struct domi__session *base)
{
    struct domi_session *session = (struct domi_session *)base;
    struct domi_gateway *gateway = base->arg;
    enum domi_verdict verdict = DOMI_ACCEPT;
    enum domi_reason reason;

    domi__list_init(&session->calls);
    domi__list_init(&session->held);
    reason = take_in(session);
    if (reason != DOMI_REASON_NONE) {
        domi__session_close(base, reason);
        return;
    }
    gateway->stats.sessions++;
    domi__log(&gateway->log, DOMI_LOG_DEBUG, "session %llu of %s is open",
              (unsigned long long)base->id, domi_session_address(session));
    if (gateway->options.on_connect) {
        verdict = gateway->options.on_connect(gateway, session,
                                              gateway->options.user);
    }
    switch (verdict) {
    case DOMI_ACCEPT:
        session->accepted = true;
        break;
    case DOMI_REFUSE:
        domi__session_close(base, DOMI_REASON_REFUSED);
        break;
    case DOMI_LATER:
        if (!session->accepted) {
            domi__session_pause(base);
        }
        break;
    }
}

static bool on_frame(struct domi__session *base, const struct domi_frame *frame,
                     const uint8_t *wire)
{
    (void)wire;
    return domi__gateway_from_user((struct domi_session *)base, frame);
}

static void on_beat(struct domi__session *base, size_t size)
{
    domi__allowance_spend((struct domi_session *)base, size, 0);
}

static void on_drop(struct domi__session *base, size_t frames)
{
    struct domi_gateway *gateway = base->arg;

    gateway->stats.dropped_queue += frames;
    domi__log_peer(&gateway->log, DOMI_LOG_WARNING,
                   "%zu frames for session %llu of %s are dropped: it reads "
                   "too slowly",
                   frames, (unsigned long long)base->id,
                   domi_session_address((struct domi_session *)base));
}

/* The notice that the session is closed, and why. */
static size_t say_farewell(struct domi__session *base, enum domi_reason reason,
                       uint8_t *out)
{
    static const struct domi__farewell usual = {.notice = DOMI_NOTICE_CLOSING};
    const struct domi_session *session = (const struct domi_session *)base;
    const struct domi__farewell *last =
        session->farewell ? session->farewell : &usual;
    const char *text = last->text ? last->text : "";
    uint8_t data[DOMI_NOTICE_SIZE + 200] = {0};
    size_t size = strnlen(text, sizeof(data) - DOMI_NOTICE_SIZE);

    if (reason == DOMI_REASON_EXIT) {
        return 0;
    }
    /* A text that is cut is cut between characters. */
    while (size > 0 && (text[size] & 0xc0) == 0x80) {
        size--;
    }
    domi_put_u16(data, (uint16_t)last->notice);
    domi_put_u16(data + 2, (uint16_t)reason);
    domi_put_u32(data + 4, last->wait_ms);
    memcpy(data + DOMI_NOTICE_SIZE, text, size);
    return domi_frame_encode(out, DOMI__FRAME_NOTICE, data,
                             (uint32_t)(DOMI_NOTICE_SIZE + size), NULL, 0);
}

static enum domi_log_level level_of(enum domi_reason reason)
{
    switch (reason) {
    case DOMI_REASON_EXIT:
    case DOMI_REASON_PEER_CLOSED:
    case DOMI_REASON_SOCKET:
    case DOMI_REASON_STOPPING:
    case DOMI_REASON_DRAINING:
        return DOMI_LOG_DEBUG;
    default:
        return DOMI_LOG_WARNING;
    }
}

static void on_close(struct domi__session *base, enum domi_reason reason)
{
    struct domi_session *session = (struct domi_session *)base;
    struct domi_gateway *gateway = base->arg;

    gateway->stats.closed[reason]++;
    domi__log_peer(&gateway->log, level_of(reason),
                   "session %llu of %s is closed: %s",
                   (unsigned long long)base->id, domi_session_address(session),
                   domi_reason_text(reason));
    if (domi__table_get(&gateway->sessions, base->id) == session) {
        domi__calls_session_gone(session);
        domi__attachments_drop(session);
        domi__list_remove(&session->held);
        gateway->stats.sessions--;
        if (gateway->options.on_disconnect) {
            gateway->options.on_disconnect(gateway, session, reason,
                                           gateway->options.user);
        }
        domi__table_remove(&gateway->sessions, base->id);
    }
    domi__allowance_close(session);
    free(session->address);
    session->address = NULL;
    /* Last, for with the last session the links are closed. */
    gateway->admitted--;
    domi__gateway_drain_look(gateway);
    domi__gateway_close_next(gateway);
}

const struct domi__session_owner domi__gateway_owner = {
    .size = sizeof(struct domi_session),
    .admit = admit,
    .dismiss = dismiss,
    .on_open = on_open,
    .on_frame = on_frame,
    .on_beat = on_beat,
    .on_drop = on_drop,
    .farewell = say_farewell,
    .on_close = on_close,
};

/* ---- what the application asks for --------------------------------------- */

struct domi_session *domi_gateway_find(struct domi_gateway *gateway,
                                       uint64_t id)
{
    return domi__table_get(&gateway->sessions, id);
}

static void resume(struct domi__deferred *deferred)
{
    domi__session_resume(
        &DOMI__CONTAINER(deferred, struct domi_session, resume)->base);
}

/* What the user has sent meanwhile is handed on at the end of the turn, so
   that no handler runs before this returns. */
void domi_session_accept(struct domi_session *session)
{
    if (!session->accepted && session->base.state == DOMI__SESSION_OPEN) {
        session->accepted = true;
        session->resume.run = resume;
        domi__loop_defer(session->base.loop, &session->resume);
    }
}

void domi_session_refuse(struct domi_session *session)
{
    if (!session->accepted) {
        domi__session_close(&session->base, DOMI_REASON_REFUSED);
    }
}

uint64_t domi_session_id(const struct domi_session *session)
{
    return session->base.id;
}

const char *domi_session_address(struct domi_session *session)
{
    char address[DOMI__ADDRESS_SIZE];

    if (!session->address) {
        domi__session_address(&session->base, address, sizeof(address));
        session->address = strdup(address);
    }
    return session->address ? session->address : "unknown";
}

void domi_session_set_data(struct domi_session *session, void *data)
{
    session->data = data;
}

void *domi_session_data(const struct domi_session *session)
{
    return session->data;
}

/* What applications may send: a type of theirs, and a size that the other
   side takes, with room for an extend. */
static int check(const struct domi_gateway *gateway, uint16_t type,
                 uint32_t size)
{
    if (type < DOMI_TYPE_FIRST) {
        return DOMI_E_TYPE_RESERVED;
    }
    if (size > gateway->options.link_frame_limit - 64) {
        return DOMI_E_FRAME_LENGTH;
    }
    return 0;
}

int domi_session_send(struct domi_session *session, uint16_t type,
                      const void *data, uint32_t size)
{
    struct domi_gateway *gateway = session->base.arg;
    int err = check(gateway, type, size);

    if (!err) {
        err = domi__session_send(&session->base, type, data, size, NULL, 0);
    }
    if (!err) {
        gateway->stats.frames_out++;
    }
    return err;
}

int domi_session_send_zone(struct domi_session *session,
                           const struct domi_target *target, uint16_t type,
                           const void *data, uint32_t size)
{
    struct domi__session *link =
        domi__attachment_link(domi__attachment_find(session, target));
    int err = check(session->base.arg, type, size);
    uint8_t extend[16];

    if (err) {
        return err;
    }
    if (!link) {
        return DOMI_E_NOT_ATTACHED;
    }
    domi_put_u64(extend, target->id);
    domi_put_u64(extend + 8, target->group);
    return domi__session_send(link, type, data, size, extend, sizeof(extend));
}

int domi_session_leave(struct domi_session *session,
                       const struct domi_target *target)
{
    struct domi__attachment *attachment =
        domi__attachment_find(session, target);
    struct domi__link *link;

    if (!attachment || !attachment->audience) {
        return DOMI_E_NOT_ATTACHED;
    }
    link = attachment->audience->link;
    domi__attachment_end(attachment);
    domi__user_leave(link, session->base.id, target->group);
    return 0;
}

void domi_session_kick(struct domi_session *session, enum domi_reason reason,
                       const char *text)
{
    const struct domi__farewell farewell = {
        .notice = DOMI_NOTICE_CLOSING,
        .text = text,
    };

    /* Reasons go over the wire and are counted: only those that exist. */
    if ((unsigned)reason >= DOMI_REASON_COUNT) {
        reason = DOMI_REASON_KICKED;
    }
    session->farewell = &farewell;
    domi__session_close(&session->base, reason);
    session->farewell = NULL;
}
