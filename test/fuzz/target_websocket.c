/* SPDX-License-Identifier: MIT */
/* Fuzz target: the decoder of what WebSocket clients send. */

/* Input: a byte, how long the pieces are in which the rest comes; a u16, the
   limit of a message; then the bytes of a connection. */
#include "domi/frame.h"
#include "trace.h"
#include "transport/websocket.h"

/* A message so far. What is cut or found bad is never handed on, so that how
   much of it was seen does not count. */
struct message {
    struct trace bytes;
};

static void add_control(const struct domi__websocket_decoder *decoder,
                        int event, struct trace *trace)
{
    CHECK(decoder->control_size <= DOMI__WEBSOCKET_CONTROL_MAX);
    trace_add_number(trace, event);
    trace_add(trace, decoder->control, decoder->control_size);
}

static void add_data(const struct domi__websocket_decoder *decoder,
                     struct message *message, struct trace *trace)
{
    trace_add(&message->bytes, decoder->data, decoder->data_size);
    CHECK(message->bytes.size <= decoder->limit);
    if (decoder->last) {
        trace_add_number(trace, DOMI__WEBSOCKET_DATA);
        trace_add(trace, message->bytes.bytes, message->bytes.size);
        message->bytes.size = 0;
    }
}

static enum domi__websocket_event
take(struct domi__websocket_decoder *decoder, uint8_t *bytes, size_t size,
     size_t *taken, struct message *message, struct trace *trace)
{
    enum domi__websocket_event event =
        domi__websocket_decode(decoder, bytes, size, taken);

    CHECK(*taken <= size);
    switch (event) {
    case DOMI__WEBSOCKET_MORE:
        CHECK(*taken == size);
        break;
    case DOMI__WEBSOCKET_DATA:
        add_data(decoder, message, trace);
        break;
    case DOMI__WEBSOCKET_PING:
    case DOMI__WEBSOCKET_PONG:
        add_control(decoder, event, trace);
        break;
    case DOMI__WEBSOCKET_CLOSE:
    case DOMI__WEBSOCKET_BAD:
        trace_add_number(trace, event);
        trace_add_number(trace, decoder->code);
        break;
    }
    return event;
}

static void feed(const uint8_t *bytes, size_t size, size_t piece,
                 uint32_t limit, struct trace *trace)
{
    struct domi__websocket_decoder decoder;
    struct message message = {0};
    enum domi__websocket_event event = DOMI__WEBSOCKET_MORE;
    size_t at = 0;

    domi__websocket_decoder_init(&decoder, limit);
    while (at < size && event != DOMI__WEBSOCKET_CLOSE &&
           event != DOMI__WEBSOCKET_BAD) {
        size_t part = size - at < piece ? size - at : piece;
        uint8_t *copy = exact_copy(bytes + at, part);
        size_t taken;

        event = take(&decoder, copy, part, &taken, &message, trace);
        at += taken;
        free(copy);
    }
    free(message.bytes.bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct trace whole = {0}, cut = {0};
    uint32_t limit;

    if (size < 3) {
        return 0;
    }
    limit = domi_get_u16(bytes + 1);
    feed(bytes + 3, size - 3, size, limit, &whole);
    feed(bytes + 3, size - 3, bytes[0] % 64 + 1u, limit, &cut);
    trace_compare(&whole, &cut);
    return 0;
}
