/* SPDX-License-Identifier: MIT */
/* What waits to be sent on a session: pieces of buffers, own and shared. */
#include "transport/queue.h"

#include <stdlib.h>
#include <string.h>

#include "domi/err.h"

/* Free queues that a loop keeps. */
#define QUEUES_KEPT 4096u

static struct domi__queue *queue_get(struct domi__session *session)
{
    struct domi__loop *loop = session->loop;
    struct domi__queue *queue = session->queue;

    if (queue) {
        return queue;
    }
    queue = loop->queues;
    if (queue) {
        loop->queues = queue->next;
        loop->queues_kept--;
    } else {
        queue = malloc(sizeof(*queue));
        if (!queue) {
            return NULL;
        }
    }
    queue->size = 0;
    queue->unsent = 0;
    queue->head = 0;
    queue->count = 0;
    queue->capacity = DOMI__QUEUE_INLINE;
    queue->pieces = queue->inline_pieces;
    session->queue = queue;
    return queue;
}

static void queue_put(struct domi__session *session)
{
    struct domi__loop *loop = session->loop;
    struct domi__queue *queue = session->queue;

    session->queue = NULL;
    if (queue->pieces != queue->inline_pieces) {
        free(queue->pieces);
    }
    if (loop->queues_kept == QUEUES_KEPT) {
        free(queue);
        return;
    }
    queue->next = loop->queues;
    loop->queues = queue;
    loop->queues_kept++;
}

void domi__queues_fini(struct domi__loop *loop)
{
    struct domi__queue *queue;

    while ((queue = loop->queues)) {
        loop->queues = queue->next;
        free(queue);
    }
}

static struct domi__piece *piece_at(struct domi__queue *queue, uint32_t index)
{
    return &queue->pieces[(queue->head + index) & (queue->capacity - 1)];
}

static int grow(struct domi__queue *queue)
{
    uint32_t capacity = queue->capacity * 2;
    struct domi__piece *pieces = malloc(capacity * sizeof(*pieces));

    if (!pieces) {
        return UV_ENOMEM;
    }
    for (uint32_t i = 0; i < queue->count; i++) {
        pieces[i] = *piece_at(queue, i);
    }
    if (queue->pieces != queue->inline_pieces) {
        free(queue->pieces);
    }
    queue->pieces = pieces;
    queue->capacity = capacity;
    queue->head = 0;
    return 0;
}

/* A new piece at the end, which takes over a reference of the buffer. */
static struct domi__piece *push(struct domi__queue *queue,
                                struct domi__buffer *buffer, uint32_t begin)
{
    struct domi__piece *piece;

    if (queue->count == queue->capacity && grow(queue)) {
        return NULL;
    }
    piece = piece_at(queue, queue->count++);
    piece->buffer = buffer;
    piece->begin = begin;
    piece->end = begin;
    return piece;
}

static void mark_dirty(struct domi__session *session)
{
    if (!session->blocked) {
        domi__loop_flush_soon(session);
    } else {
        domi__backlog_update(session);
    }
}

uint8_t *domi__queue_reserve(struct domi__session *session, size_t size)
{
    struct domi__queue *queue = queue_get(session);
    struct domi__piece *piece;
    uint8_t *room;

    if (!queue) {
        return NULL;
    }
    piece = queue->count ? piece_at(queue, queue->count - 1) : NULL;
    if (!piece || piece->buffer->refs > 1 ||
        piece->end != piece->buffer->used ||
        piece->buffer->capacity - piece->buffer->used < size) {
        /* A queue that grows gets larger buffers. */
        size_t want = queue->size > size ? queue->size : size;
        struct domi__buffer *buffer;

        if (want > 16000) {
            want = size > 16000 ? size : 16000;
        }
        buffer = domi__buffer_new(&session->loop->buffers, want);
        piece = buffer ? push(queue, buffer, 0) : NULL;
        if (!piece) {
            domi__buffer_unref(&session->loop->buffers, buffer);
            if (queue->count == 0) {
                queue_put(session);
            }
            return NULL;
        }
    }
    room = piece->buffer->bytes + piece->end;
    piece->buffer->used += (uint32_t)size;
    piece->end += (uint32_t)size;
    queue->size += size;
    mark_dirty(session);
    return room;
}

int domi__queue_share(struct domi__session *session,
                      struct domi__buffer *buffer, uint32_t begin, uint32_t end)
{
    struct domi__queue *queue = queue_get(session);
    struct domi__piece *piece;

    if (!queue) {
        return UV_ENOMEM;
    }
    piece = queue->count ? piece_at(queue, queue->count - 1) : NULL;
    if (!piece || piece->buffer != buffer || piece->end != begin) {
        piece = push(queue, buffer, begin);
        if (!piece) {
            return UV_ENOMEM;
        }
        domi__buffer_ref(buffer);
    }
    piece->end = end;
    queue->size += end - begin;
    mark_dirty(session);
    return 0;
}

size_t domi__ws_header(uint8_t *out, size_t size)
{
    out[0] = 0x82;
    if (size < 126) {
        out[1] = (uint8_t)size;
        return 2;
    }
    if (size < 65536) {
        out[1] = 126;
        out[2] = (uint8_t)(size >> 8);
        out[3] = (uint8_t)size;
        return 4;
    }
    out[1] = 127;
    for (int i = 0; i < 8; i++) {
        out[2 + i] = (uint8_t)((uint64_t)size >> (56 - 8 * i));
    }
    return 10;
}

/* The whole size of the frame that begins at `bytes`, as it is on the wire. */
static uint32_t frame_at(const struct domi__session *session,
                         const uint8_t *bytes)
{
    if (!session->transport->is_websocket) {
        return domi_get_u32(bytes);
    }
    if (bytes[1] < 126) {
        return 2u + bytes[1];
    }
    if (bytes[1] == 126) {
        return 4u + ((uint32_t)bytes[2] << 8 | bytes[3]);
    }
    return 10u + ((uint32_t)bytes[6] << 24 | (uint32_t)bytes[7] << 16 |
                  (uint32_t)bytes[8] << 8 | bytes[9]);
}

static void pop_piece(struct domi__session *session)
{
    struct domi__queue *queue = session->queue;

    domi__buffer_unref(&session->loop->buffers, piece_at(queue, 0)->buffer);
    queue->head = (queue->head + 1) & (queue->capacity - 1);
    queue->count--;
}

/* Takes `size` bytes away from the first piece. */
static void consume(struct domi__session *session, size_t size)
{
    struct domi__piece *piece = piece_at(session->queue, 0);

    piece->begin += (uint32_t)size;
    session->queue->size -= size;
    if (piece->begin == piece->end) {
        pop_piece(session);
    }
}

/* Follows the frames through `size` sent bytes of the first piece, to know
   where the next one begins. */
static void follow_frames(struct domi__session *session, size_t size)
{
    struct domi__queue *queue = session->queue;
    const struct domi__piece *piece = piece_at(queue, 0);
    const uint8_t *at = piece->buffer->bytes + piece->begin;

    while (size > 0) {
        uint32_t step;

        if (queue->unsent == 0) {
            queue->unsent = frame_at(session, at);
        }
        step = queue->unsent < size ? queue->unsent : (uint32_t)size;
        queue->unsent -= step;
        at += step;
        size -= step;
    }
}

static bool is_low_again(const struct domi__session *session)
{
    return session->high && domi__session_queued(session) <=
                                session->limits->send_limit / 4;
}

void domi__session_sent(struct domi__session *session, size_t size)
{
    struct domi__queue *queue = session->queue;

    while (size > 0) {
        const struct domi__piece *piece = piece_at(queue, 0);
        size_t all = piece->end - piece->begin;

        if (size >= all) {
            queue->unsent = 0;
            consume(session, all);
            size -= all;
        } else {
            follow_frames(session, size);
            consume(session, size);
            size = 0;
        }
    }
    if (queue->count == 0) {
        queue_put(session);
    }
    if (session->blocked) {
        domi__backlog_update(session);
    }
    if (is_low_again(session)) {
        /* The owner may be in the midst of sending: the flush will tell it. */
        domi__loop_flush_soon(session);
    }
}

void domi__session_tell_low(struct domi__session *session)
{
    if (is_low_again(session)) {
        session->high = false;
        if (session->owner->on_low && session->state == DOMI__SESSION_OPEN) {
            session->owner->on_low(session);
        }
    }
}

void domi__session_drop_queue(struct domi__session *session)
{
    if (session->queue) {
        while (session->queue->count > 0) {
            pop_piece(session);
        }
        queue_put(session);
    }
    domi__list_remove(&session->dirty);
}

int domi__session_pieces(struct domi__session *session, struct iovec *pieces,
                         int count, size_t *size)
{
    struct domi__queue *queue = session->queue;
    int used = 0;

    *size = 0;
    while (queue && used < count && (uint32_t)used < queue->count) {
        const struct domi__piece *piece = piece_at(queue, (uint32_t)used);

        pieces[used].iov_base = piece->buffer->bytes + piece->begin;
        pieces[used].iov_len = piece->end - piece->begin;
        *size += pieces[used].iov_len;
        used++;
    }
    return used;
}

size_t domi__session_queued(const struct domi__session *session)
{
    return session->queue ? session->queue->size : 0;
}

bool domi__session_is_high(struct domi__session *session)
{
    if (domi__session_queued(session) > session->limits->send_limit / 2) {
        session->high = true;
    }
    return session->high;
}

/*
 * Drops whole frames from the front, behind one that was begun, until `size`
 * bytes are free; none when that cannot be. Returns how many it dropped.
 */
static size_t drop_oldest(struct domi__session *session, size_t size)
{
    struct domi__queue *queue = session->queue;
    size_t limit = session->limits->send_limit;
    size_t dropped = 0;
    struct domi__piece begun = {NULL, 0, 0};
    uint32_t rest = queue->unsent;

    if (rest + size > limit) {
        return 0;
    }
    if (rest > 0) {
        if (queue->count == queue->capacity && grow(queue)) {
            return 0;
        }
        begun = *piece_at(queue, 0);
        begun.end = begun.begin + rest;
        domi__buffer_ref(begun.buffer);
        consume(session, rest);
    }
    while (queue->count > 0 && rest + queue->size + size > limit) {
        const struct domi__piece *piece = piece_at(queue, 0);

        consume(session,
                frame_at(session, piece->buffer->bytes + piece->begin));
        dropped++;
    }
    if (rest > 0) {
        queue->head = (queue->head - 1) & (queue->capacity - 1);
        queue->count++;
        *piece_at(queue, 0) = begun;
        queue->size += rest;
    } else if (queue->count == 0) {
        queue_put(session);
    }
    return dropped;
}

static void report_drop(struct domi__session *session, size_t frames)
{
    if (frames > 0 && session->owner->on_drop) {
        session->owner->on_drop(session, frames);
    }
}

static bool has_room(const struct domi__session *session, size_t size)
{
    return domi__session_queued(session) + size <= session->limits->send_limit;
}

/* The session is full: does as its policy says. As domi__queue_admit. */
static int make_room(struct domi__session *session, size_t size)
{
    switch (session->limits->send_policy) {
    case DOMI_SEND_CLOSE:
        domi__session_close(session, DOMI_REASON_QUEUE_FULL);
        return DOMI_E_QUEUE_FULL;
    case DOMI_SEND_DROP_NEWEST:
        break;
    case DOMI_SEND_DROP_OLDEST:
        if (session->queue) {
            report_drop(session, drop_oldest(session, size));
        }
        if (session->state != DOMI__SESSION_OPEN) {
            return DOMI_E_SESSION_GONE; /* the owner closed it in on_drop */
        }
        if (has_room(session, size)) {
            return 0;
        }
        break;
    }
    report_drop(session, 1);
    return DOMI_E_QUEUE_FULL;
}

int domi__queue_admit(struct domi__session *session, size_t size)
{
    if (has_room(session, size)) {
        return 0;
    }
    if (!session->blocked && !session->transport->feeds_peer) {
        session->transport->flush(session);
    }
    if (session->state == DOMI__SESSION_OPEN && !has_room(session, size)) {
        return make_room(session, size);
    }
    return session->state == DOMI__SESSION_OPEN ? 0 : DOMI_E_SESSION_GONE;
}

void domi__queue_pack(struct domi__session *session)
{
    struct domi__queue *queue = session->queue;

    for (uint32_t i = 0; queue && i < queue->count; i++) {
        struct domi__piece *piece = piece_at(queue, i);
        uint32_t size = piece->end - piece->begin;
        struct domi__buffer *own;

        if (size >= piece->buffer->capacity / 2) {
            continue;
        }
        own = domi__buffer_new(&session->loop->buffers, size);
        if (!own || own->capacity >= piece->buffer->capacity) {
            domi__buffer_unref(&session->loop->buffers, own);
            continue;
        }
        memcpy(own->bytes, piece->buffer->bytes + piece->begin, size);
        own->used = size;
        domi__buffer_unref(&session->loop->buffers, piece->buffer);
        *piece = (struct domi__piece){own, 0, size};
    }
}
