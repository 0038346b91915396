/* SPDX-License-Identifier: MIT */
/*
 * A session, whatever carries it: handshake, frames in, frames out, close.
 *
 * It opens, hands on frames, closes: on_open, on_frame..., on_close. It fails
 * by a bad first byte, a bad frame, or silence; each ends in
 * domi__session_close with its reason, once.
 */
#include "transport/queue.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "domi/err.h"
#include "frame/frame.h"
#include "transport/socket.h"
#include "transport/tls.h"

/* How long a closed connection waits for the peer to read the last bytes. */
#define LINGER_MS 1000u

#define FAREWELL_MAX 256u

static void on_timer(struct domi__timer *timer);

struct domi__session *
domi__session_new(const struct domi__transport *transport,
                  const struct domi__listen *listen, uint64_t id)
{
    struct domi__session *session = calloc(1, listen->owner->size);

    if (!session) {
        if (id) {
            listen->owner->dismiss(listen->arg);
        }
        return NULL;
    }
    session->loop = listen->loop;
    session->transport = transport;
    session->owner = listen->owner;
    session->limits = listen->limits;
    session->log = listen->log;
    session->arg = listen->arg;
    session->id = id;
    session->watch.fd = -1;
    session->heard_ms = domi__loop_awake(session->loop);
    domi__list_init(&session->dirty);
    domi__list_init(&session->backlogged);
    domi__list_init(&session->deferred.node);
    domi__list_push(&session->loop->handshakes, &session->deferred.node);
    domi__loop_hold(session->loop);
    domi__timer_start(session->loop, &session->timer,
                      session->limits->handshake_ms, on_timer);
    return session;
}

struct domi__session *
domi__session_admit(const struct domi__transport *transport,
                    const struct domi__listen *listen, int fd)
{
    struct domi__session *session = NULL;
    struct domi__origin *origin;
    uint64_t id;

    if (!domi__origin_enter(listen, fd, &origin)) {
        return NULL;
    }
    id = listen->owner->admit(listen->arg);
    if (id) {
        session = domi__session_new(transport, listen, id);
    }
    if (session) {
        session->origin = origin;
    } else {
        domi__origin_leave(origin, false);
    }
    return session;
}

/* What is left of `ms` since then, as far as it is less than `most`. */
static uint64_t left_of(uint64_t since_ms, unsigned ms, uint64_t now_ms,
                        uint64_t most)
{
    uint64_t due = since_ms + ms;
    uint64_t left = due > now_ms ? due - now_ms : 1;

    return left < most ? left : most;
}

static void start_timer(struct domi__session *session)
{
    const struct domi__session_limits *limits = session->limits;
    uint64_t awake = domi__loop_awake(session->loop);
    uint64_t after_ms =
        left_of(session->heard_ms, limits->silence_ms, awake, UINT64_MAX);

    if (limits->heartbeat_ms > 0) {
        after_ms = left_of(session->beaten_ms, limits->heartbeat_ms,
                           domi__loop_now(session->loop), after_ms);
    }
    if (limits->frame_ms > 0) {
        /* One that has not begun may begin at once. */
        after_ms = left_of(session->begun_ms ? session->begun_ms : awake,
                           limits->frame_ms, awake, after_ms);
    }
    if (limits->stall_ms > 0 && session->blocked) {
        /* Half of it, to see whether the kernel gets rid of something. */
        after_ms = left_of(awake, (limits->stall_ms + 1) / 2, awake, after_ms);
    }
    domi__timer_start(session->loop, &session->timer, after_ms, on_timer);
}

void domi__session_opened(struct domi__session *session)
{
    session->state = DOMI__SESSION_OPEN;
    session->opened = true;
    domi__list_remove(&session->deferred.node);
    session->beaten_ms = domi__loop_now(session->loop);
    domi__session_heard(session);
    if (session->origin) {
        domi__origin_open(session->origin);
    }
    if (session->transport->in_process) {
        domi__timer_stop(&session->timer);
    } else {
        start_timer(session);
    }
    session->owner->on_open(session);
}

void domi__session_heard(struct domi__session *session)
{
    session->heard_ms = domi__loop_awake(session->loop);
}

void domi__session_set_blocked(struct domi__session *session, bool blocked,
                               bool took)
{
    bool changed = session->blocked != blocked;

    if (blocked && (changed || took)) {
        session->taken_ms = domi__loop_awake(session->loop);
    }
    if (!changed) {
        return;
    }
    session->blocked = blocked;
    session->unsent = 0;
    domi__backlog_update(session);
    domi__socket_watch(session);
    if (blocked && session->limits->stall_ms > 0 &&
        session->state == DOMI__SESSION_OPEN) {
        start_timer(session);
    }
}

/* Whether the peer has taken nothing for too long. The kernel asks for more
   only when much of what it holds has left it, so it is asked for that. */
static bool is_stalled(struct domi__session *session, uint64_t now)
{
    unsigned stall_ms = session->limits->stall_ms;
    int unsent;

    if (stall_ms == 0 || !session->blocked) {
        return false;
    }
    unsent = domi__socket_unsent(session->watch.fd);
    if (unsent < session->unsent) {
        session->taken_ms = now;
    }
    session->unsent = unsent;
    return session->taken_ms + stall_ms <= now;
}

/* Why the session has to end now; NONE: it may go on. */
static enum domi_reason look_at(struct domi__session *session, uint64_t now)
{
    const struct domi__session_limits *limits = session->limits;

    if (session->heard_ms + limits->silence_ms <= now) {
        return DOMI_REASON_SILENT;
    }
    if (limits->frame_ms > 0 && session->begun_ms > 0 &&
        session->begun_ms + limits->frame_ms <= now) {
        return DOMI_REASON_FRAME_TIMEOUT;
    }
    return is_stalled(session, now) ? DOMI_REASON_STALLED : DOMI_REASON_NONE;
}

static void on_open_timer(struct domi__session *session)
{
    const struct domi__session_limits *limits = session->limits;
    uint64_t now = domi__loop_now(session->loop);
    uint64_t awake = domi__loop_awake(session->loop);
    enum domi_reason reason;

    if (session->paused) {
        /* Nothing can be heard from a peer that is not read. */
        session->heard_ms = awake;
        session->begun_ms = session->begun_ms ? awake : 0;
    }
    reason = look_at(session, awake);
    if (reason != DOMI_REASON_NONE) {
        domi__session_close(session, reason);
        return;
    }
    if (limits->heartbeat_ms > 0 &&
        session->beaten_ms + limits->heartbeat_ms <= now) {
        session->beaten_ms = now;
        domi__session_send(session, DOMI__FRAME_HEARTBEAT, NULL, 0, NULL, 0);
    }
    if (session->state == DOMI__SESSION_OPEN) {
        start_timer(session);
    }
}

static void on_timer(struct domi__timer *timer)
{
    struct domi__session *session =
        DOMI__CONTAINER(timer, struct domi__session, timer);

    if (session->loop->listened_ms < timer->due_ms) {
        /* The loop stood still: what the peer sent may wait to be read. */
        domi__timer_start(session->loop, timer, 1, on_timer);
        return;
    }
    switch ((enum domi__session_state)session->state) {
    case DOMI__SESSION_HANDSHAKE:
        domi__session_close(session, DOMI_REASON_HANDSHAKE_TIMEOUT);
        break;
    case DOMI__SESSION_OPEN:
        on_open_timer(session);
        break;
    case DOMI__SESSION_CLOSING:
        break;
    case DOMI__SESSION_LINGERING:
        session->transport->shut(session, false);
        break;
    }
}

/* ---- in ------------------------------------------------------------------ */

void domi__session_beat(struct domi__session *session, size_t size)
{
    if (session->owner->on_beat && session->state == DOMI__SESSION_OPEN) {
        session->owner->on_beat(session, size);
    }
}

/* Hands one frame on. False when the owner does not take it now. */
static bool take(struct domi__session *session, const struct domi_frame *frame,
                 const uint8_t *wire)
{
    switch (frame->type) {
    case DOMI__FRAME_HEARTBEAT:
        if (frame->data_size > 0 || frame->extend_size > 0) {
            domi__session_close(session, DOMI_REASON_BAD_BODY);
        } else if (!session->dialled) {
            domi__session_send(session, DOMI__FRAME_HEARTBEAT, NULL, 0, NULL,
                               0);
            domi__session_beat(session, DOMI_FRAME_HEADER);
        }
        return true;
    case DOMI__FRAME_EXIT:
        domi__session_close(session, DOMI_REASON_EXIT);
        return true;
    default:
        return session->owner->on_frame(session, frame, wire);
    }
}

static enum domi_reason reason_of(ssize_t error)
{
    return error == DOMI_E_FRAME_LENGTH ? DOMI_REASON_FRAME_LENGTH
                                        : DOMI_REASON_FRAME_EXTEND;
}

/* The bytes before the first frame. Returns how many were taken. */
static size_t take_handshake(struct domi__session *session,
                             const uint8_t *bytes, size_t size)
{
    uint8_t id[DOMI__ID_SIZE];
    uint8_t *room;

    if (session->dialled) {
        if (size < DOMI__ID_SIZE) {
            return 0;
        }
        session->id = domi_get_u64(bytes);
        domi__session_opened(session);
        return DOMI__ID_SIZE;
    }
    for (size_t i = 0; i < size && i < DOMI__MAGIC_SIZE; i++) {
        if (bytes[i] != (uint8_t)(DOMI__MAGIC >> (8 * i))) {
            if (!session->tls && domi__tls_is_hello(bytes, size)) {
                domi__log_peer(session->log, DOMI_LOG_WARNING,
                               "a peer speaks TLS to a port without it");
            }
            domi__session_close(session, DOMI_REASON_BAD_MAGIC);
            return 0;
        }
    }
    if (size < DOMI__MAGIC_SIZE) {
        return 0;
    }
    domi_put_u64(id, session->id);
    room = domi__queue_reserve(session, sizeof(id));
    if (!room) {
        domi__session_close(session, DOMI_REASON_MEMORY);
        return 0;
    }
    memcpy(room, id, sizeof(id));
    /* No frame, and not to be taken for one by the queue: as the rest of one
       that was begun. */
    session->queue->unsent = sizeof(id);
    domi__session_opened(session);
    return DOMI__MAGIC_SIZE;
}

size_t domi__session_feed(struct domi__session *session, const uint8_t *bytes,
                          size_t size)
{
    size_t taken = 0;

    while (session->state < DOMI__SESSION_CLOSING && !session->paused) {
        struct domi_frame frame;
        ssize_t n;

        if (session->state == DOMI__SESSION_HANDSHAKE) {
            n = (ssize_t)take_handshake(session, bytes + taken, size - taken);
        } else {
            n = domi_frame_decode(bytes + taken, size - taken,
                                  session->limits->frame_limit, &frame);
            if (n < 0) {
                domi__session_close(session, reason_of(n));
                break;
            }
            if (n > 0 && !take(session, &frame, bytes + taken)) {
                session->held = true;
                domi__session_pause(session);
                break;
            }
        }
        if (n == 0) {
            break;
        }
        taken += (size_t)n;
    }
    return session->state < DOMI__SESSION_CLOSING ? taken : size;
}

bool domi__session_feed_message(struct domi__session *session,
                                const uint8_t *bytes, size_t size)
{
    struct domi_frame frame;
    ssize_t n;

    if (session->state >= DOMI__SESSION_CLOSING) {
        return true;
    }
    domi__session_heard(session);
    if (session->state == DOMI__SESSION_HANDSHAKE) {
        if (size == DOMI__MAGIC_SIZE && domi_get_u32(bytes) == DOMI__MAGIC) {
            domi__session_opened(session);
        } else {
            domi__session_close(session, DOMI_REASON_BAD_MAGIC);
        }
        return true;
    }
    n = domi_frame_decode(bytes, size, session->limits->frame_limit, &frame);
    if (n == DOMI_E_FRAME_EXTEND) {
        domi__session_close(session, DOMI_REASON_FRAME_EXTEND);
        return true;
    }
    /* A length that is not the message's is a lie, however large. */
    if (n <= 0 || (size_t)n != size) {
        domi__session_close(session, DOMI_REASON_BAD_MESSAGE);
        return true;
    }
    if (!take(session, &frame, bytes)) {
        session->held = true;
        domi__session_pause(session);
        return false;
    }
    return true;
}

void domi__session_pause(struct domi__session *session)
{
    if (!session->paused && session->state < DOMI__SESSION_CLOSING) {
        session->paused = true;
        session->transport->pause(session);
    }
}

void domi__session_resume(struct domi__session *session)
{
    if (session->paused && session->state < DOMI__SESSION_CLOSING) {
        session->paused = false;
        session->held = false;
        session->begun_ms = 0;
        domi__session_heard(session);
        session->transport->resume(session);
    }
}

/* ---- out ----------------------------------------------------------------- */

int domi__session_send(struct domi__session *session, uint16_t type,
                       const void *data, uint32_t data_size, const void *extend,
                       uint16_t extend_size)
{
    size_t frame = domi_frame_size(data_size, extend_size);
    uint8_t header[DOMI__WS_HEADER_MAX];
    size_t header_size = 0;
    uint8_t *room;
    int err;

    if (session->state != DOMI__SESSION_OPEN) {
        return DOMI_E_SESSION_GONE;
    }
    if (session->transport->is_websocket) {
        header_size = domi__ws_header(header, frame);
    }
    err = domi__queue_admit(session, header_size + frame);
    if (err) {
        return err;
    }
    room = domi__queue_reserve(session, header_size + frame);
    if (!room) {
        return UV_ENOMEM;
    }
    memcpy(room, header, header_size);
    domi_frame_encode(room + header_size, type, data, data_size, extend,
                      extend_size);
    return 0;
}

int domi__session_send_wire(struct domi__session *session, const uint8_t *wire,
                            size_t size)
{
    uint8_t *room;
    int err;

    if (session->state != DOMI__SESSION_OPEN) {
        return DOMI_E_SESSION_GONE;
    }
    err = domi__queue_admit(session, size);
    if (err) {
        return err;
    }
    room = domi__queue_reserve(session, size);
    if (!room) {
        return UV_ENOMEM;
    }
    memcpy(room, wire, size);
    return 0;
}

/* ---- close --------------------------------------------------------------- */

/* Whether the peer can still be told why. */
static bool peer_is_there(enum domi_reason reason)
{
    return reason != DOMI_REASON_SOCKET && reason != DOMI_REASON_TLS &&
           reason != DOMI_REASON_PEER_CLOSED && reason != DOMI_REASON_MEMORY;
}

static void end(struct domi__deferred *deferred)
{
    struct domi__session *session =
        DOMI__CONTAINER(deferred, struct domi__session, deferred);
    bool there = session->opened && peer_is_there(session->reason);
    bool sent;

    if (there && !session->blocked) {
        session->transport->flush(session);
    }
    sent = session->queue == NULL && !session->blocked;
    domi__origin_leave(session->origin, session->opened);
    session->origin = NULL;
    session->owner->on_close(session, session->reason);
    domi__session_drop_queue(session);
    session->state = DOMI__SESSION_LINGERING;
    domi__timer_start(session->loop, &session->timer, LINGER_MS, on_timer);
    session->transport->shut(session, there && sent);
}

static void say_farewell(struct domi__session *session)
{
    uint8_t frame[FAREWELL_MAX];
    uint8_t header[DOMI__WS_HEADER_MAX];
    size_t header_size = 0;
    size_t size;
    uint8_t *room;

    if (!session->owner->farewell) {
        return;
    }
    size = session->owner->farewell(session, session->reason, frame);
    if (size == 0) {
        return;
    }
    if (session->transport->is_websocket) {
        header_size = domi__ws_header(header, size);
    }
    room = domi__queue_reserve(session, header_size + size);
    if (room) {
        memcpy(room, header, header_size);
        memcpy(room + header_size, frame, size);
    }
}

void domi__session_close(struct domi__session *session, enum domi_reason reason)
{
    if (session->state >= DOMI__SESSION_CLOSING) {
        return;
    }
    session->state = DOMI__SESSION_CLOSING;
    session->reason = (uint8_t)reason;
    domi__timer_stop(&session->timer);
    domi__backlog_leave(session);
    if (session->opened && peer_is_there(reason)) {
        say_farewell(session);
    }
    session->deferred.run = end;
    domi__loop_defer(session->loop, &session->deferred);
}

void domi__handshakes_close(struct domi__loop *loop, const void *arg,
                            enum domi_reason reason)
{
    struct domi__list *node = loop->handshakes.next;

    while (node != &loop->handshakes) {
        struct domi__session *session =
            DOMI__CONTAINER(node, struct domi__session, deferred.node);

        node = node->next;
        if (session->arg == arg) {
            domi__session_close(session, reason);
        }
    }
}

static void free_session(struct domi__deferred *deferred)
{
    struct domi__session *session =
        DOMI__CONTAINER(deferred, struct domi__session, deferred);

    domi__loop_release(session->loop);
    free(session);
}

void domi__session_gone(struct domi__session *session)
{
    domi__timer_stop(&session->timer);
    domi__session_drop_queue(session);
    domi__buffer_unref(&session->loop->buffers,
                       session->input);
    session->input = NULL;
    session->deferred.run = free_session;
    domi__loop_defer(session->loop, &session->deferred);
}

void domi__session_address(const struct domi__session *session, char *out,
                           size_t size)
{
    if (session->watch.fd < 0) {
        snprintf(out, size, "memory");
    } else {
        domi__socket_address(session->watch.fd, out, size);
    }
}
