/* SPDX-License-Identifier: MIT */
/* Inside transport: WebSocket, as the HTTP listener sees it. */
#ifndef DOMI_TRANSPORT_WEBSOCKET_H
#define DOMI_TRANSPORT_WEBSOCKET_H

#include "transport/kinds.h"

/* ---- connections --------------------------------------------------------- */

/*
 * Takes over the descriptor, with its TLS if it has any, of an upgrade request
 * that was found good, in any case, and answers it. `key` is its
 * Sec-WebSocket-Key; `bytes` came behind the request and may be written to.
 * `id` was given by the owner's admit.
 */
void domi__websocket_accept(const struct domi__listen *listen, uint64_t id,
                            int fd, struct domi__tls_stream *tls,
                            const char *key, uint8_t *bytes, size_t size);

/* ---- what clients send: a pure decoder ----------------------------------- */

/* Close codes of RFC 6455 that domi sends. */
enum domi__websocket_code {
    DOMI__WEBSOCKET_NORMAL = 1000,
    DOMI__WEBSOCKET_GOING_AWAY = 1001,
    DOMI__WEBSOCKET_PROTOCOL = 1002,
    DOMI__WEBSOCKET_BAD_TEXT = 1007,
    DOMI__WEBSOCKET_POLICY = 1008,
    DOMI__WEBSOCKET_TOO_LONG = 1009,
    DOMI__WEBSOCKET_ERROR = 1011,
    DOMI__WEBSOCKET_TRY_LATER = 1013,
};

enum domi__websocket_event {
    DOMI__WEBSOCKET_MORE,  /* all bytes were taken, nothing is whole */
    DOMI__WEBSOCKET_DATA,  /* a part of a message, perhaps all of it */
    DOMI__WEBSOCKET_PING,
    DOMI__WEBSOCKET_PONG,
    DOMI__WEBSOCKET_CLOSE,
    DOMI__WEBSOCKET_BAD,   /* to be closed with decoder->code */
};

#define DOMI__WEBSOCKET_CONTROL_MAX 125u

struct domi__websocket_decoder {
    uint32_t limit;      /* bytes of one message over all its fragments */
    uint8_t head[14];    /* of the present frame */
    uint8_t head_size;   /* bytes of it so far */
    bool in_payload;
    bool in_message;     /* a fragment came that was not the last */
    bool text;           /* so is the message */
    uint8_t mask_at;     /* which byte of the mask comes next */
    uint8_t utf8_left;   /* continuation bytes of a character to come */
    uint8_t utf8_low;    /* least and greatest of the next one */
    uint8_t utf8_high;
    uint64_t left;       /* payload bytes of the present frame to come */
    uint64_t message;    /* bytes of the message so far */
    uint16_t code;       /* of BAD, and of CLOSE for the answer */

    /* DATA: borrowed from the bytes given. */
    const uint8_t *data;
    size_t data_size;
    bool last;

    /* PING, PONG, CLOSE. */
    uint8_t control[DOMI__WEBSOCKET_CONTROL_MAX];
    uint8_t control_size;
};

/* `limit` is in bytes of one message. */
void domi__websocket_decoder_init(struct domi__websocket_decoder *decoder,
                                  uint32_t limit);

/*
 * Takes bytes, cut anywhere, up to the first event, and sets `*taken`. The
 * payload is unmasked in place. Refused are: frames without a mask, reserved
 * bits and opcodes, control frames that are fragmented or long, a length that
 * is not in its shortest form or above the limit, messages inside messages,
 * text that is not UTF-8, close codes that may not be sent. An empty fragment
 * counts as one byte, so that a message is not for ever.
 */
enum domi__websocket_event
domi__websocket_decode(struct domi__websocket_decoder *decoder, uint8_t *bytes,
                       size_t size, size_t *taken);

#endif
