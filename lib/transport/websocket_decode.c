/* SPDX-License-Identifier: MIT */
/* The decoder of WebSocket frames from clients, RFC 6455; bytes in, parts of
   messages out. */
#include "transport/websocket.h"

#include <string.h>

enum opcode {
    CONTINUATION = 0,
    TEXT = 1,
    BINARY = 2,
    CLOSE = 8,
    PING = 9,
    PONG = 10,
};

void domi__websocket_decoder_init(struct domi__websocket_decoder *decoder,
                                  uint32_t limit)
{
    memset(decoder, 0, sizeof(*decoder));
    decoder->limit = limit;
}

static enum domi__websocket_event bad(struct domi__websocket_decoder *decoder,
                                      uint16_t code)
{
    decoder->code = code;
    return DOMI__WEBSOCKET_BAD;
}

static uint8_t opcode_of(const struct domi__websocket_decoder *decoder)
{
    return decoder->head[0] & 0x0f;
}

static bool is_final(const struct domi__websocket_decoder *decoder)
{
    return decoder->head[0] & 0x80;
}

static bool is_control(const struct domi__websocket_decoder *decoder)
{
    return decoder->head[0] & 0x08;
}

/* ---- text ---------------------------------------------------------------- */

/* The byte that begins a character. */
static bool begin_character(struct domi__websocket_decoder *decoder,
                            uint8_t byte)
{
    decoder->utf8_low = 0x80;
    decoder->utf8_high = 0xbf;
    if (byte < 0x80) {
        return true;
    }
    if (byte >= 0xc2 && byte <= 0xdf) {
        decoder->utf8_left = 1;
    } else if (byte >= 0xe0 && byte <= 0xef) {
        decoder->utf8_left = 2;
        decoder->utf8_low = byte == 0xe0 ? 0xa0 : 0x80;  /* no longer forms */
        decoder->utf8_high = byte == 0xed ? 0x9f : 0xbf; /* no surrogates */
    } else if (byte >= 0xf0 && byte <= 0xf4) {
        decoder->utf8_left = 3;
        decoder->utf8_low = byte == 0xf0 ? 0x90 : 0x80;
        decoder->utf8_high = byte == 0xf4 ? 0x8f : 0xbf; /* to U+10FFFF */
    } else {
        return false;
    }
    return true;
}

static bool check_text(struct domi__websocket_decoder *decoder,
                       const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (decoder->utf8_left == 0) {
            if (!begin_character(decoder, bytes[i])) {
                return false;
            }
        } else {
            if (bytes[i] < decoder->utf8_low || bytes[i] > decoder->utf8_high) {
                return false;
            }
            decoder->utf8_left--;
            decoder->utf8_low = 0x80;
            decoder->utf8_high = 0xbf;
        }
    }
    return true;
}

/* ---- heads --------------------------------------------------------------- */

/* Bytes of the head, as far as it tells itself. */
static unsigned head_length(const struct domi__websocket_decoder *decoder)
{
    unsigned length = decoder->head_size < 2 ? 0 : decoder->head[1] & 0x7f;

    if (decoder->head_size < 2) {
        return 2;
    }
    return length == 127 ? 14 : length == 126 ? 8 : 6;
}

/* Looks at the first two bytes; 0 or a close code. */
static uint16_t check_start(const struct domi__websocket_decoder *decoder)
{
    uint8_t opcode = opcode_of(decoder);

    if ((decoder->head[0] & 0x70) || !(decoder->head[1] & 0x80)) {
        return DOMI__WEBSOCKET_PROTOCOL;
    }
    if (is_control(decoder)) {
        if (opcode > PONG || !is_final(decoder) ||
            (decoder->head[1] & 0x7f) > DOMI__WEBSOCKET_CONTROL_MAX) {
            return DOMI__WEBSOCKET_PROTOCOL;
        }
        return 0;
    }
    if (opcode > BINARY || decoder->in_message != (opcode == CONTINUATION)) {
        return DOMI__WEBSOCKET_PROTOCOL;
    }
    return 0;
}

static uint64_t length_of(const struct domi__websocket_decoder *decoder)
{
    unsigned digits = head_length(decoder) - 6;
    uint64_t length = 0;

    if (digits == 0) {
        return decoder->head[1] & 0x7f;
    }
    for (unsigned i = 0; i < digits; i++) {
        length = length << 8 | decoder->head[2 + i];
    }
    return length;
}

/* The head is whole; 0 or a close code. */
static uint16_t begin_payload(struct domi__websocket_decoder *decoder)
{
    uint64_t length = length_of(decoder);
    unsigned digits = head_length(decoder) - 6;

    if ((digits == 2 && length < 126) || (digits == 8 && length < 65536)) {
        return DOMI__WEBSOCKET_PROTOCOL;
    }
    decoder->left = length;
    decoder->mask_at = 0;
    decoder->in_payload = true;
    if (is_control(decoder)) {
        decoder->control_size = 0;
        return 0;
    }
    if (opcode_of(decoder) != CONTINUATION) {
        decoder->message = 0;
        decoder->text = opcode_of(decoder) == TEXT;
        decoder->utf8_left = 0;
    }
    if (length == 0 && !is_final(decoder)) {
        decoder->message++;
    }
    if (length > decoder->limit || decoder->message + length > decoder->limit) {
        return DOMI__WEBSOCKET_TOO_LONG;
    }
    decoder->message += length;
    decoder->in_message = !is_final(decoder);
    return 0;
}

/* Takes bytes of the head; 0 or a close code. */
static uint16_t take_head(struct domi__websocket_decoder *decoder,
                          const uint8_t *bytes, size_t size, size_t *taken)
{
    while (decoder->head_size < head_length(decoder)) {
        if (*taken == size) {
            return 0;
        }
        decoder->head[decoder->head_size++] = bytes[(*taken)++];
        if (decoder->head_size == 2) {
            uint16_t code = check_start(decoder);

            if (code) {
                return code;
            }
        }
    }
    return begin_payload(decoder);
}

/* ---- payload ------------------------------------------------------------- */

static void unmask(struct domi__websocket_decoder *decoder, uint8_t *bytes,
                   size_t size)
{
    const uint8_t *mask = decoder->head + head_length(decoder) - 4;
    uint8_t turned[8];
    uint64_t mask_word, word;
    size_t i;

    for (i = 0; i < sizeof(turned); i++) {
        turned[i] = mask[(decoder->mask_at + i) & 3];
    }
    memcpy(&mask_word, turned, sizeof(mask_word));
    for (i = 0; size - i >= sizeof(word); i += sizeof(word)) {
        memcpy(&word, bytes + i, sizeof(word));
        word ^= mask_word;
        memcpy(bytes + i, &word, sizeof(word));
    }
    for (; i < size; i++) {
        bytes[i] ^= turned[i & 7];
    }
    decoder->mask_at = (uint8_t)((decoder->mask_at + size) & 3);
}

static void end_frame(struct domi__websocket_decoder *decoder)
{
    decoder->in_payload = false;
    decoder->head_size = 0;
}

static bool is_close_code(unsigned code)
{
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
           (code >= 3000 && code <= 4999);
}

static enum domi__websocket_event
check_close(struct domi__websocket_decoder *decoder)
{
    struct domi__websocket_decoder text;
    unsigned code = DOMI__WEBSOCKET_NORMAL;

    if (decoder->control_size == 1) {
        return bad(decoder, DOMI__WEBSOCKET_PROTOCOL);
    }
    if (decoder->control_size >= 2) {
        code = (unsigned)decoder->control[0] << 8 | decoder->control[1];
        if (!is_close_code(code)) {
            return bad(decoder, DOMI__WEBSOCKET_PROTOCOL);
        }
        text.utf8_left = 0;
        if (!check_text(&text, decoder->control + 2,
                        decoder->control_size - 2u) ||
            text.utf8_left > 0) {
            return bad(decoder, DOMI__WEBSOCKET_BAD_TEXT);
        }
    }
    decoder->code = (uint16_t)code;
    return DOMI__WEBSOCKET_CLOSE;
}

static enum domi__websocket_event
take_control(struct domi__websocket_decoder *decoder, const uint8_t *bytes,
             size_t size)
{
    memcpy(decoder->control + decoder->control_size, bytes, size);
    decoder->control_size += (uint8_t)size;
    if (decoder->left > 0) {
        return DOMI__WEBSOCKET_MORE;
    }
    end_frame(decoder);
    switch (opcode_of(decoder)) {
    case CLOSE:
        return check_close(decoder);
    case PING:
        return DOMI__WEBSOCKET_PING;
    default:
        return DOMI__WEBSOCKET_PONG;
    }
}

static enum domi__websocket_event
take_data(struct domi__websocket_decoder *decoder, const uint8_t *bytes,
          size_t size)
{
    bool last = decoder->left == 0 && is_final(decoder);

    if (decoder->text && (!check_text(decoder, bytes, size) ||
                          (last && decoder->utf8_left > 0))) {
        return bad(decoder, DOMI__WEBSOCKET_BAD_TEXT);
    }
    decoder->data = bytes;
    decoder->data_size = size;
    decoder->last = last;
    if (decoder->left == 0) {
        end_frame(decoder);
    }
    return DOMI__WEBSOCKET_DATA;
}

enum domi__websocket_event
domi__websocket_decode(struct domi__websocket_decoder *decoder, uint8_t *bytes,
                       size_t size, size_t *taken)
{
    size_t part;

    *taken = 0;
    if (!decoder->in_payload) {
        uint16_t code = take_head(decoder, bytes, size, taken);

        if (code) {
            return bad(decoder, code);
        }
        if (!decoder->in_payload) {
            return DOMI__WEBSOCKET_MORE;
        }
    }
    part = size - *taken;
    if (part > decoder->left) {
        part = (size_t)decoder->left;
    }
    if (part == 0 && decoder->left > 0) {
        return DOMI__WEBSOCKET_MORE;
    }
    bytes += *taken;
    unmask(decoder, bytes, part);
    decoder->left -= part;
    *taken += part;
    return is_control(decoder) ? take_control(decoder, bytes, part)
                               : take_data(decoder, bytes, part);
}
