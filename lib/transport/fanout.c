/* SPDX-License-Identifier: MIT */
/* One frame for many sessions: encoded once for each kind, and shared. */
#include "transport/queue.h"

#include <string.h>

#include "domi/err.h"

void domi__batch_init(struct domi__batch *batch)
{
    batch->plain = NULL;
    batch->websocket = NULL;
    domi__list_init(&batch->node);
}

static void batch_end(struct domi__loop *loop, struct domi__batch *batch)
{
    domi__buffer_unref(&loop->buffers, batch->plain);
    domi__buffer_unref(&loop->buffers, batch->websocket);
    batch->plain = NULL;
    batch->websocket = NULL;
}

void domi__batches_end(struct domi__loop *loop)
{
    struct domi__list *node;

    while ((node = domi__list_pop(&loop->batches))) {
        batch_end(loop, DOMI__CONTAINER(node, struct domi__batch, node));
    }
}

void domi__batch_fini(struct domi__loop *loop, struct domi__batch *batch)
{
    if (batch->node.next) {
        batch_end(loop, batch);
        domi__list_remove(&batch->node);
    }
}

void domi__fanout_init(struct domi__fanout *fanout, struct domi__loop *loop,
                       struct domi__batch *batch, uint16_t type,
                       const void *data, uint32_t size)
{
    if (!batch->node.next) {
        domi__batch_init(batch);
    }
    *fanout = (struct domi__fanout){
        .loop = loop,
        .batch = batch,
        .type = type,
        .size = size,
        .data = data,
    };
}

/* Room for `size` bytes in a batch's buffer; a full one is left to those who
   share it. */
static struct domi__buffer *room_in(struct domi__loop *loop,
                                    struct domi__buffer **slot, size_t size)
{
    struct domi__buffer *buffer = *slot;
    size_t want;

    if (buffer && buffer->capacity - buffer->used >= size) {
        return buffer;
    }
    want = buffer ? 16000 : 4000;
    buffer = domi__buffer_new(&loop->buffers, size > want ? size : want);
    if (buffer) {
        domi__buffer_unref(&loop->buffers, *slot);
        *slot = buffer;
    }
    return buffer;
}

/* Encodes the frame at the end of the batch for one kind of session. */
static int encode(struct domi__fanout *fanout, bool websocket)
{
    struct domi__batch *batch = fanout->batch;
    size_t size = domi_frame_size(fanout->size, 0);
    struct domi__buffer *buffer =
        room_in(fanout->loop, websocket ? &batch->websocket : &batch->plain,
                size + DOMI__WS_HEADER_MAX);
    uint32_t begin;

    if (!buffer) {
        return UV_ENOMEM;
    }
    if (domi__list_is_empty(&batch->node)) {
        domi__list_push(&fanout->loop->batches, &batch->node);
    }
    begin = buffer->used;
    if (websocket) {
        buffer->used +=
            (uint32_t)domi__ws_header(buffer->bytes + buffer->used, size);
    }
    buffer->used += (uint32_t)domi_frame_encode(buffer->bytes + buffer->used,
                                                fanout->type, fanout->data,
                                                fanout->size, NULL, 0);
    if (websocket) {
        fanout->websocket = buffer;
        fanout->websocket_begin = begin;
        fanout->websocket_end = buffer->used;
    } else {
        fanout->plain = buffer;
        fanout->plain_begin = begin;
        fanout->plain_end = buffer->used;
    }
    return 0;
}

int domi__fanout_send(struct domi__fanout *fanout,
                      struct domi__session *session)
{
    bool websocket = session->transport->is_websocket;
    uint32_t begin, end;
    struct domi__buffer *buffer;
    int err;

    if (session->state != DOMI__SESSION_OPEN) {
        return DOMI_E_SESSION_GONE;
    }
    if (!(websocket ? fanout->websocket : fanout->plain)) {
        err = encode(fanout, websocket);
        if (err) {
            return err;
        }
    }
    buffer = websocket ? fanout->websocket : fanout->plain;
    begin = websocket ? fanout->websocket_begin : fanout->plain_begin;
    end = websocket ? fanout->websocket_end : fanout->plain_end;
    err = domi__queue_admit(session, end - begin);
    if (err) {
        return err;
    }
    if (session->blocked && end - begin < buffer->capacity / 2) {
        /* A session that waits keeps copies, not whole buffers. */
        uint8_t *room = domi__queue_reserve(session, end - begin);

        if (!room) {
            return UV_ENOMEM;
        }
        memcpy(room, buffer->bytes + begin, end - begin);
        return 0;
    }
    return domi__queue_share(session, buffer, begin, end);
}
