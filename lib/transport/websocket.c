/* SPDX-License-Identifier: MIT */
/*
 * Sessions over WebSocket, by libwebsockets.
 *
 * The HTTP listener finds an upgrade good and gives its descriptor to
 * libwebsockets, with an upgrade request of our own making, which answers the
 * handshake; from then on it holds the connection, writes, and keeps what the
 * socket does not take. Frames are queued with their WebSocket headers, shared
 * by all receivers, and go out as raw bytes in one write per turn.
 *
 * What clients send is read and decoded here. libwebsockets 4.1 takes frames
 * without a mask and offers nothing to notice them by, checks pongs as if they
 * were text, ends some errors without a close code, and reads about a thousand
 * bytes per wake; so its reading stays switched off, and the socket waits in
 * the loop's own epoll set as those of TCP do.
 *
 * It fails by a bad frame, the peer's close or silence; all end in
 * domi__session_close, which calls shut: a close frame if it can still be
 * sent, a moment for the peer to read it, and then the descriptor is declared
 * dead to libwebsockets, which is the one way to make it let go at once.
 */
#include "transport/websocket_inner.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <libwebsockets.h>

#include "transport/queue.h"

#define READ_SIZE 65536u
#define READS_PER_TURN 4
#define PIECES 64

/* A session's connection; session->kind points here. */
struct websocket {
    struct domi__websocket_share *share;
    struct domi__session *session;
    struct lws *wsi; /* NULL: libwebsockets has let go */
    struct domi__websocket_decoder decoder;
    struct domi__buffer *rest; /* came after the owner stopped reading */
    bool whole;       /* session->input is a message that was not taken */
    bool cut;         /* a frame was sent in part, no other may follow */
    bool ended;       /* the peer sends nothing more */
    bool closing;     /* our close frame was sent */
    uint16_t code;    /* for our close frame; 0: by the reason */
};

/* ---- libwebsockets ------------------------------------------------------- */

static void on_writable(struct websocket *websocket);
static void on_let_go(struct websocket *websocket);

int domi__websocket_event(struct lws *wsi, int reason, void *user)
{
    struct websocket **place = user;

    switch (reason) {
    case LWS_CALLBACK_ESTABLISHED: {
        /* Called inside the adoption, before that returns the wsi. */
        struct domi__websocket_share *share =
            lws_context_user(lws_get_context(wsi));

        *place = share->adopting;
        (*place)->wsi = wsi;
        return lws_rx_flow_control(wsi, 0);
    }
    case LWS_CALLBACK_SERVER_WRITEABLE:
        if (place && *place) {
            on_writable(*place);
        }
        break;
    case LWS_CALLBACK_CLOSED:
        if (place && *place) {
            on_let_go(*place);
            *place = NULL;
        }
        break;
    default:
        break;
    }
    return 0;
}

/* ---- out ----------------------------------------------------------------- */

/* The bytes to write next: a piece where it lies, or several of them copied
   together. */
static uint8_t *gather(struct domi__session *session,
                       struct domi__websocket_share *share, size_t *size)
{
    struct iovec pieces[PIECES];
    int count = domi__session_pieces(session, pieces, PIECES, size);

    if (count > 1) {
        *size = 0;
        for (int i = 0; i < count && *size < DOMI__WEBSOCKET_WRITE_SIZE; i++) {
            size_t part = pieces[i].iov_len;

            if (part > DOMI__WEBSOCKET_WRITE_SIZE - *size) {
                part = DOMI__WEBSOCKET_WRITE_SIZE - *size;
            }
            memcpy(share->scratch + *size, pieces[i].iov_base, part);
            *size += part;
        }
        return share->scratch;
    }
    if (*size > DOMI__WEBSOCKET_WRITE_SIZE) {
        *size = DOMI__WEBSOCKET_WRITE_SIZE;
    }
    return pieces[0].iov_base;
}

static void flush(struct domi__session *session)
{
    struct websocket *websocket = session->kind;

    while (session->queue && websocket->wsi && !session->blocked) {
        size_t size;
        uint8_t *bytes = gather(session, websocket->share, &size);

        /* What the socket does not take, libwebsockets copies. */
        if (lws_write(websocket->wsi, bytes, size, LWS_WRITE_RAW) < 0) {
            websocket->ended = true;
            domi__session_drop_queue(session);
            domi__session_close(session, DOMI_REASON_SOCKET);
            return;
        }
        session->blocked = lws_partial_buffered(websocket->wsi);
        domi__session_sent(session, size);
    }
    if (session->blocked) {
        domi__queue_pack(session);
    }
    websocket->cut = session->queue && session->queue->unsent > 0;
}

/* Answers a ping, unless so much waits already that nobody reads it. */
static void send_pong(struct domi__session *session)
{
    const struct websocket *websocket = session->kind;
    size_t size = websocket->decoder.control_size;
    uint8_t *room;

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

/* Adds bytes to a buffer that grows; false when memory is short. */
static bool append(struct domi__session *session, struct domi__buffer **place,
                   const uint8_t *bytes, size_t size)
{
    struct domi__buffers *pools = &session->loop->buffers;
    struct domi__buffer *buffer = *place;
    size_t used = buffer ? buffer->used : 0;

    if (!buffer || buffer->capacity - used < size) {
        size_t want = used + size > 2 * used ? used + size : 2 * used;
        struct domi__buffer *larger = domi__buffer_new(pools, want);

        if (!larger) {
            domi__session_close(session, DOMI_REASON_MEMORY);
            return false;
        }
        if (buffer) {
            memcpy(larger->bytes, buffer->bytes, used);
            domi__buffer_unref(pools, buffer);
        }
        larger->used = (uint32_t)used;
        buffer = larger;
        *place = buffer;
    }
    memcpy(buffer->bytes + used, bytes, size);
    buffer->used += (uint32_t)size;
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
            websocket->whole = append(session, &session->input, decoder->data,
                                      decoder->data_size);
        }
        return;
    }
    if (decoder->data_size > 0 &&
        !append(session, &session->input, decoder->data, decoder->data_size)) {
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

    while (size > 0 && session->state < DOMI__SESSION_CLOSING) {
        enum domi__websocket_event event;
        size_t taken;

        if (session->paused) {
            append(session, &websocket->rest, bytes, size);
            return;
        }
        event =
            domi__websocket_decode(&websocket->decoder, bytes, size, &taken);
        bytes += taken;
        size -= taken;
        take(session, event);
    }
}

/* One read. Returns whether there may be more. */
static bool read_once(struct domi__session *session)
{
    struct websocket *websocket = session->kind;
    uint8_t *buffer = domi__loop_read_buffer(session->loop);
    ssize_t n = recv(session->watch.fd, buffer, READ_SIZE, 0);

    if (n > 0) {
        domi__session_heard(session);
        consume(session, buffer, (size_t)n);
        return (size_t)n == READ_SIZE;
    }
    if (n == 0) {
        websocket->ended = true;
        domi__session_close(session, DOMI_REASON_PEER_CLOSED);
    } else if (errno != EAGAIN && errno != EINTR) {
        websocket->ended = true;
        domi__session_close(session, DOMI_REASON_SOCKET);
    }
    return false;
}

/* After our close frame only the end of the connection is of interest. */
static void read_to_end(struct domi__session *session)
{
    uint8_t *buffer = domi__loop_read_buffer(session->loop);
    ssize_t n = recv(session->watch.fd, buffer, READ_SIZE, 0);

    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
        session->transport->shut(session, false);
    }
}

static void on_ready(struct domi__watch *watch, unsigned events)
{
    struct domi__session *session =
        DOMI__CONTAINER(watch, struct domi__session, watch);

    (void)events;
    if (session->state == DOMI__SESSION_LINGERING) {
        read_to_end(session);
        return;
    }
    for (int i = 0; i < READS_PER_TURN; i++) {
        if (session->state >= DOMI__SESSION_CLOSING || session->paused ||
            !read_once(session)) {
            return;
        }
    }
}

static void watch_input(struct domi__session *session, bool wanted)
{
    if (session->watch.fd >= 0 &&
        domi__watch_set(session->loop, &session->watch,
                        wanted ? EPOLLIN : 0)) {
        domi__session_close(session, DOMI_REASON_SOCKET);
    }
}

static void pause_reading(struct domi__session *session)
{
    watch_input(session, false);
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
        watch_input(session, true);
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
        return DOMI__WEBSOCKET_GOING_AWAY;
    case DOMI_REASON_BAD_MAGIC:
    case DOMI_REASON_FRAME_EXTEND:
    case DOMI_REASON_BAD_BODY:
    case DOMI_REASON_BAD_MESSAGE:
        return DOMI__WEBSOCKET_PROTOCOL;
    case DOMI_REASON_FRAME_LENGTH:
        return DOMI__WEBSOCKET_TOO_LONG;
    case DOMI_REASON_SOCKET:
    case DOMI_REASON_GATEWAY_LOST:
    case DOMI_REASON_ZONE_LOST:
        return DOMI__WEBSOCKET_ERROR;
    case DOMI_REASON_MEMORY:
    case DOMI_REASON_TOO_MANY:
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
    case DOMI_REASON_NOT_MEMBER:
    case DOMI_REASON_NO_GROUP:
    case DOMI_REASON_COUNT:
        break;
    }
    return DOMI__WEBSOCKET_POLICY;
}

/* The sending side ends as soon as all is written. */
static void end_sending(struct websocket *websocket)
{
    if (!lws_partial_buffered(websocket->wsi)) {
        shutdown(websocket->session->watch.fd, SHUT_WR);
    }
}

/* False when the peer cannot be told any more. */
static bool send_close(struct domi__session *session)
{
    struct websocket *websocket = session->kind;
    uint16_t code =
        websocket->code ? websocket->code : code_of(session->reason);
    uint8_t frame[4] = {0x88, 2, (uint8_t)(code >> 8), (uint8_t)code};

    if (lws_write(websocket->wsi, frame, sizeof(frame), LWS_WRITE_RAW) < 0) {
        return false;
    }
    websocket->closing = true;
    end_sending(websocket);
    return domi__watch_set(session->loop, &session->watch, EPOLLIN) == 0;
}

static void gone(struct domi__session *session)
{
    struct websocket *websocket = session->kind;

    session->kind = NULL;
    domi__buffer_unref(&session->loop->buffers, websocket->rest);
    domi__websocket_release(websocket->share);
    free(websocket);
    domi__session_gone(session);
}

/* libwebsockets hears that the socket is dead: then it lets go of it at once,
   whatever it still holds for it, and closes the descriptor soon. */
static void let_go(struct domi__session *session)
{
    struct websocket *websocket = session->kind;
    struct lws_pollfd dead = {
        .fd = session->watch.fd,
        .revents = LWS_POLLHUP,
    };

    lws_service_fd(websocket->share->context, &dead);
}

static void shut(struct domi__session *session, bool linger)
{
    struct websocket *websocket = session->kind;
    bool tell = websocket->wsi && !websocket->ended && !websocket->closing &&
                !websocket->cut &&
                session->reason != DOMI_REASON_SOCKET &&
                (linger || !session->blocked);

    if (tell && send_close(session)) {
        return; /* the session's timer, or the peer's end, calls again */
    }
    if (websocket->wsi) {
        let_go(session);
    }
    gone(session);
}

/* ---- called by libwebsockets --------------------------------------------- */

static void on_writable(struct websocket *websocket)
{
    struct domi__session *session = websocket->session;

    if (lws_partial_buffered(websocket->wsi)) {
        lws_callback_on_writable(websocket->wsi);
        return;
    }
    session->blocked = false;
    if (websocket->closing) {
        end_sending(websocket);
    } else {
        flush(session);
    }
}

static void on_let_go(struct websocket *websocket)
{
    struct domi__session *session = websocket->session;

    domi__watch_remove(session->loop, &session->watch);
    session->watch.fd = -1;
    websocket->wsi = NULL;
    if (session->state < DOMI__SESSION_CLOSING) {
        domi__session_close(session, DOMI_REASON_SOCKET);
    }
}

/* ---- accept -------------------------------------------------------------- */

static const struct domi__transport websocket_transport = {
    .name = "websocket",
    .is_websocket = true,
    .flush = flush,
    .pause = pause_reading,
    .resume = resume_reading,
    .shut = shut,
};

/* Gives the descriptor to libwebsockets, which answers the handshake before
   this returns. False when that failed; then it has closed it, or will. */
static bool adopt(struct websocket *websocket, int fd, const char *key)
{
    struct domi__websocket_share *share = websocket->share;
    struct lws *wsi;
    char request[256];
    int size = snprintf(request, sizeof(request),
                        "GET / HTTP/1.1\r\n"
                        "Host: domi\r\n"
                        "Connection: Upgrade\r\n"
                        "Upgrade: websocket\r\n"
                        "Sec-WebSocket-Key: %s\r\n"
                        "Sec-WebSocket-Version: 13\r\n\r\n",
                        key);

    share->adopting = websocket;
    wsi = lws_adopt_socket_vhost_readbuf(share->vhost, fd, request,
                                         (size_t)size);
    share->adopting = NULL;
    if (wsi && !websocket->wsi) {
        lws_set_timeout(wsi, PENDING_TIMEOUT_USER_REASON_BASE,
                        LWS_TO_KILL_SYNC);
    }
    return websocket->wsi != NULL;
}

void domi__websocket_accept(const struct domi__listen *listen, uint64_t id,
                            int fd, const char *key, uint8_t *bytes,
                            size_t size)
{
    struct websocket *websocket = calloc(1, sizeof(*websocket));
    struct domi__session *session =
        websocket ? domi__session_new(&websocket_transport, listen, id) : NULL;

    if (!session) {
        free(websocket);
        close(fd);
        return;
    }
    websocket->share = domi__websocket_share(listen->loop);
    websocket->session = session;
    domi__websocket_decoder_init(&websocket->decoder,
                                 session->limits->frame_limit);
    session->kind = websocket;
    session->watch.fd = fd;
    session->watch.ready = on_ready;
    if (!adopt(websocket, fd, key)) {
        session->watch.fd = -1;
        domi__session_close(session, DOMI_REASON_SOCKET);
        return;
    }
    watch_input(session, true);
    consume(session, bytes, size);
}
