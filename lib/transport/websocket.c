/* SPDX-License-Identifier: MIT */
/*
 * Sessions over WebSocket.
 *
 * The HTTP listener finds an upgrade good and hands its descriptor over; it is
 * answered here, and is a session from then on. Frames are queued with their
 * WebSocket headers, shared by all receivers, and written as those of TCP are;
 * what clients send is decoded by websocket_decode.c.
 *
 * It fails by a bad frame, the peer's close or silence; all end in
 * domi__session_close, which calls shut: a close frame if it can still be
 * sent, and a moment for the peer to read it.
 */
#include "transport/websocket.h"

#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "http/http.h"
#include "transport/queue.h"
#include "transport/socket.h"
#include "transport/tls.h"

#define READ_SIZE 65536u
#define READS_PER_TURN 4

/* A session's connection; session->kind points here. */
struct websocket {
    struct domi__websocket_decoder decoder;
    struct domi__buffer *rest; /* came after the owner stopped reading */
    bool whole;       /* session->input is a message that was not taken */
    bool cut;         /* a frame was sent in part, no other may follow */
    bool ended;       /* the peer sends nothing more */
    bool closing;     /* our close frame was sent */
    uint16_t code;    /* for our close frame; 0: by the reason */
};

/* ---- out ----------------------------------------------------------------- */

static void flush(struct domi__session *session)
{
    struct websocket *websocket = session->kind;

    domi__socket_flush(session);
    websocket->cut = session->queue && session->queue->unsent > 0;
}

/* Answers a ping, unless so much waits already that nobody reads it. */
static void send_pong(struct domi__session *session)
{
    const struct websocket *websocket = session->kind;
    size_t size = websocket->decoder.control_size;
    uint8_t *room;

    domi__session_beat(session, size);
    if (domi__session_queued(session) > session->limits->send_limit / 2) {
        return;
    }
    room = domi__queue_reserve(session, 2 + size);
    if (room) {
        room[0] = 0x8a;
        room[1] = (uint8_t)size;
        memcpy(room + 2, websocket->decoder.control, size);
    }
}

/* ---- in ------------------------------------------------------------------ */

/* Keeps bytes for later; false when memory is short. */
static bool keep(struct domi__session *session, struct domi__buffer **place,
                 const uint8_t *bytes, size_t size)
{
    if (!domi__buffer_append(&session->loop->buffers, place, bytes, size)) {
        domi__session_close(session, DOMI_REASON_MEMORY);
        return false;
    }
    return true;
}

/* Hands on the message that was put together in session->input. */
static void offer(struct domi__session *session)
{
    struct websocket *websocket = session->kind;
    struct domi__buffer *input = session->input;

    websocket->whole =
        !domi__session_feed_message(session, input->bytes, input->used);
    if (!websocket->whole) {
        session->input = NULL;
        domi__buffer_unref(&session->loop->buffers, input);
    }
}

static void take_data(struct domi__session *session)
{
    struct websocket *websocket = session->kind;
    const struct domi__websocket_decoder *decoder = &websocket->decoder;

    if (decoder->last && !session->input) {
        if (!domi__session_feed_message(session, decoder->data,
                                        decoder->data_size)) {
            websocket->whole = keep(session, &session->input, decoder->data,
                                      decoder->data_size);
        }
        return;
    }
    if (decoder->data_size > 0 &&
        !keep(session, &session->input, decoder->data, decoder->data_size)) {
        return;
    }
    if (decoder->last) {
        offer(session);
    }
}

static void take(struct domi__session *session,
                 enum domi__websocket_event event)
{
    struct websocket *websocket = session->kind;

    switch (event) {
    case DOMI__WEBSOCKET_MORE:
    case DOMI__WEBSOCKET_PONG:
        break;
    case DOMI__WEBSOCKET_DATA:
        take_data(session);
        break;
    case DOMI__WEBSOCKET_PING:
        send_pong(session);
        break;
    case DOMI__WEBSOCKET_CLOSE:
        websocket->code = websocket->decoder.code;
        domi__session_close(session, DOMI_REASON_PEER_CLOSED);
        break;
    case DOMI__WEBSOCKET_BAD:
        websocket->code = websocket->decoder.code;
        domi__session_close(session,
                            websocket->code == DOMI__WEBSOCKET_TOO_LONG
                                ? DOMI_REASON_FRAME_LENGTH
                                : DOMI_REASON_BAD_MESSAGE);
        break;
    }
}

static void consume(struct domi__session *session, uint8_t *bytes, size_t size)
{
    struct websocket *websocket = session->kind;
    const struct domi__websocket_decoder *decoder = &websocket->decoder;

    while (size > 0 && session->state < DOMI__SESSION_CLOSING) {
        enum domi__websocket_event event;
        size_t taken;

        if (session->paused) {
            keep(session, &websocket->rest, bytes, size);
            return;
        }
        event =
            domi__websocket_decode(&websocket->decoder, bytes, size, &taken);
        bytes += taken;
        size -= taken;
        take(session, event);
        if (decoder->head_size == 0 && !decoder->in_message) {
            domi__session_set_begun(session, false);
        }
    }
    domi__session_set_begun(session,
                            decoder->head_size > 0 || decoder->in_message);
}

/* One read. Returns whether there may be more. */
static bool read_once(struct domi__session *session)
{
    struct websocket *websocket = session->kind;
    struct iovec part = {
        .iov_base = domi__loop_read_buffer(session->loop),
        .iov_len = READ_SIZE,
    };
    size_t n = domi__socket_read(session, &part, 1);

    if (n > 0) {
        domi__session_heard(session);
        consume(session, part.iov_base, n);
    } else {
        websocket->ended = session->state >= DOMI__SESSION_CLOSING;
    }
    return n == READ_SIZE;
}

static void on_ready(struct domi__watch *watch, unsigned events)
{
    struct domi__session *session =
        DOMI__CONTAINER(watch, struct domi__session, watch);

    if (session->state == DOMI__SESSION_LINGERING) {
        domi__socket_read_to_end(session);
        return;
    }
    if ((events & EPOLLOUT) && session->state < DOMI__SESSION_CLOSING) {
        flush(session);
    }
    for (int i = 0; i < READS_PER_TURN; i++) {
        if (session->state >= DOMI__SESSION_CLOSING || session->paused ||
            !(events & ~(unsigned)EPOLLOUT) || !read_once(session)) {
            return;
        }
    }
}

static void resume_reading(struct domi__session *session)
{
    struct websocket *websocket = session->kind;
    struct domi__buffer *rest;

    if (websocket->whole) {
        offer(session);
    }
    rest = websocket->rest;
    if (rest && !session->paused) {
        websocket->rest = NULL;
        consume(session, rest->bytes, rest->used);
        domi__buffer_unref(&session->loop->buffers, rest);
    }
    if (session->state < DOMI__SESSION_CLOSING && !session->paused) {
        domi__socket_watch(session);
    }
}

/* ---- close --------------------------------------------------------------- */

static uint16_t code_of(enum domi_reason reason)
{
    switch (reason) {
    case DOMI_REASON_NONE:
    case DOMI_REASON_LEFT:
    case DOMI_REASON_DISCONNECTED:
    case DOMI_REASON_PEER_CLOSED:
    case DOMI_REASON_EXIT:
        return DOMI__WEBSOCKET_NORMAL;
    case DOMI_REASON_STOPPING:
    case DOMI_REASON_DRAINING:
        return DOMI__WEBSOCKET_GOING_AWAY;
    case DOMI_REASON_BAD_MAGIC:
    case DOMI_REASON_FRAME_EXTEND:
    case DOMI_REASON_BAD_BODY:
    case DOMI_REASON_BAD_MESSAGE:
        return DOMI__WEBSOCKET_PROTOCOL;
    case DOMI_REASON_FRAME_LENGTH:
        return DOMI__WEBSOCKET_TOO_LONG;
    case DOMI_REASON_SOCKET:
    case DOMI_REASON_TLS:
    case DOMI_REASON_GATEWAY_LOST:
    case DOMI_REASON_ZONE_LOST:
        return DOMI__WEBSOCKET_ERROR;
    case DOMI_REASON_MEMORY:
    case DOMI_REASON_TOO_MANY:
    case DOMI_REASON_ADDRESS_SESSIONS:
    case DOMI_REASON_ADDRESS_HANDSHAKES:
        return DOMI__WEBSOCKET_TRY_LATER;
    case DOMI_REASON_KICKED:
    case DOMI_REASON_GROUP_CLOSED:
    case DOMI_REASON_HANDSHAKE_TIMEOUT:
    case DOMI_REASON_SILENT:
    case DOMI_REASON_FORBIDDEN_TYPE:
    case DOMI_REASON_UNKNOWN_TYPE:
    case DOMI_REASON_FORBIDDEN_INNER_TYPE:
    case DOMI_REASON_NOT_ATTACHED:
    case DOMI_REASON_QUEUE_FULL:
    case DOMI_REASON_REFUSED:
    case DOMI_REASON_GROUP_EXISTS:
    case DOMI_REASON_NO_GROUP:
    case DOMI_REASON_STALLED:
    case DOMI_REASON_FRAME_TIMEOUT:
    case DOMI_REASON_RATE:
    case DOMI_REASON_SEND_TOTAL:
    case DOMI_REASON_NO_PROOF:
    case DOMI_REASON_BAD_PROOF:
    case DOMI_REASON_FOREIGN_USER:
    case DOMI_REASON_COUNT:
        break;
    }
    return DOMI__WEBSOCKET_POLICY;
}

/* False when the peer cannot be told any more. */
static bool send_close(struct domi__session *session)
{
    struct websocket *websocket = session->kind;
    uint16_t code =
        websocket->code ? websocket->code : code_of(session->reason);
    uint8_t frame[4] = {0x88, 2, (uint8_t)(code >> 8), (uint8_t)code};
    struct iovec piece = {.iov_base = frame, .iov_len = sizeof(frame)};

    if (domi__tls_write(session->tls, session->watch.fd, &piece, 1, 0) !=
        (ssize_t)sizeof(frame)) {
        return false;
    }
    websocket->closing = true;
    return domi__socket_end(session);
}

static void shut(struct domi__session *session, bool linger)
{
    struct websocket *websocket = session->kind;
    bool tell = !websocket->ended && !websocket->closing && !websocket->cut &&
                session->reason != DOMI_REASON_SOCKET &&
                session->reason != DOMI_REASON_TLS &&
                (linger || !session->blocked);

    if (tell && send_close(session)) {
        return; /* the session's timer, or the peer's end, calls again */
    }
    domi__socket_close(session);
    session->kind = NULL;
    domi__buffer_unref(&session->loop->buffers, websocket->rest);
    free(websocket);
    domi__session_gone(session);
}

/* ---- accept -------------------------------------------------------------- */

static const struct domi__transport websocket_transport = {
    .name = "websocket",
    .is_websocket = true,
    .flush = flush,
    .pause = domi__socket_watch,
    .resume = resume_reading,
    .shut = shut,
};

/* Frames follow at once, so that the answer has to be out; a socket whose
   peer has asked has room for its 129 bytes. */
static bool answer(struct domi__session *session, const char *key)
{
    char head[DOMI__HTTP_UPGRADE_SIZE];
    size_t size = domi__http_upgrade_head(key, head);
    struct iovec piece = {.iov_base = head, .iov_len = size};

    return domi__tls_write(session->tls, session->watch.fd, &piece, 1, 0) ==
           (ssize_t)size;
}

void domi__websocket_accept(const struct domi__listen *listen, uint64_t id,
                            int fd, struct domi__tls_stream *tls,
                            const char *key, uint8_t *bytes, size_t size)
{
    struct websocket *websocket = calloc(1, sizeof(*websocket));
    struct domi__session *session =
        websocket ? domi__session_new(&websocket_transport, listen, id) : NULL;

    if (!websocket) {
        listen->owner->dismiss(listen->arg);
    }
    if (!session) {
        free(websocket);
        domi__tls_stream_free(tls);
        close(fd);
        return;
    }
    domi__websocket_decoder_init(&websocket->decoder,
                                 session->limits->frame_limit);
    session->kind = websocket;
    session->origin = domi__origin_of(listen, fd);
    session->watch.fd = fd;
    session->watch.ready = on_ready;
    if (tls) {
        session->tls = tls;
        domi__tls_stream_move(tls, &session->watch);
    }
    if (!answer(session, key)) {
        domi__session_close(session, DOMI_REASON_SOCKET);
        return;
    }
    domi__socket_watch(session);
    consume(session, bytes, size);
}
