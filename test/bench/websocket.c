/* SPDX-License-Identifier: MIT */
/* WebSocket's accept key, frame headers and mask. */
#include "websocket.h"

#include <endian.h>
#include <string.h>

enum {
    SHA1_SIZE = 20,
    SHA1_BLOCK = 64,
    KEY_MAX = 64 /* A key is 24 characters; longer ones are cut. */
};

static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

static uint32_t rotate(uint32_t value, int bits)
{
    return value << bits | value >> (32 - bits);
}

static void sha1_expand(const uint8_t block[SHA1_BLOCK], uint32_t words[80])
{
    for (int i = 0; i < 16; i++) {
        uint32_t word;
        memcpy(&word, block + 4 * i, sizeof(word));
        words[i] = be32toh(word);
    }
    for (int i = 16; i < 80; i++) {
        words[i] = rotate(words[i - 3] ^ words[i - 8] ^ words[i - 14] ^
                          words[i - 16], 1);
    }
}

static uint32_t sha1_mix(int round, uint32_t b, uint32_t c, uint32_t d)
{
    switch (round / 20) {
    case 0:
        return ((b & c) | (~b & d)) + 0x5a827999;
    case 1:
        return (b ^ c ^ d) + 0x6ed9eba1;
    case 2:
        return ((b & c) | (b & d) | (c & d)) + 0x8f1bbcdc;
    default:
        return (b ^ c ^ d) + 0xca62c1d6;
    }
}

static void sha1_block(uint32_t state[5], const uint8_t block[SHA1_BLOCK])
{
    uint32_t words[80];
    uint32_t s[5];
    sha1_expand(block, words);
    memcpy(s, state, sizeof(s));
    for (int i = 0; i < 80; i++) {
        uint32_t next = rotate(s[0], 5) + sha1_mix(i, s[1], s[2], s[3]) +
                        s[4] + words[i];
        s[4] = s[3];
        s[3] = s[2];
        s[2] = rotate(s[1], 30);
        s[1] = s[0];
        s[0] = next;
    }
    for (int i = 0; i < 5; i++) {
        state[i] += s[i];
    }
}

/* `size` is at most KEY_MAX and the GUID: two blocks with the ending. */
static void sha1(const uint8_t *data, size_t size, uint8_t digest[SHA1_SIZE])
{
    uint32_t state[5] = { 0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476,
                          0xc3d2e1f0 };
    uint8_t blocks[2 * SHA1_BLOCK] = { 0 };
    size_t count = size + 9 > SHA1_BLOCK ? 2 : 1;
    uint64_t bits = htobe64(size * 8);

    memcpy(blocks, data, size);
    blocks[size] = 0x80;
    memcpy(blocks + count * SHA1_BLOCK - 8, &bits, sizeof(bits));
    for (size_t i = 0; i < count; i++) {
        sha1_block(state, blocks + i * SHA1_BLOCK);
    }
    for (int i = 0; i < 5; i++) {
        uint32_t word = htobe32(state[i]);
        memcpy(digest + 4 * i, &word, sizeof(word));
    }
}

/* Base64 of the 20 bytes of a digest: 27 characters and one '='. */
static void base64(const uint8_t digest[SHA1_SIZE],
                   char text[WEBSOCKET_ACCEPT_SIZE])
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "abcdefghijklmnopqrstuvwxyz0123456789+/";
    uint8_t padded[SHA1_SIZE + 1] = { 0 };
    memcpy(padded, digest, SHA1_SIZE);
    for (int i = 0; i < 7; i++) {
        uint32_t three = (uint32_t)padded[3 * i] << 16 |
                         (uint32_t)padded[3 * i + 1] << 8 | padded[3 * i + 2];
        text[4 * i] = letters[three >> 18];
        text[4 * i + 1] = letters[three >> 12 & 63];
        text[4 * i + 2] = letters[three >> 6 & 63];
        text[4 * i + 3] = letters[three & 63];
    }
    text[WEBSOCKET_ACCEPT_SIZE - 1] = '=';
}

void websocket_accept(const char *key, size_t size,
                      char accept[WEBSOCKET_ACCEPT_SIZE])
{
    uint8_t text[KEY_MAX + sizeof(guid)];
    uint8_t digest[SHA1_SIZE];
    if (size > KEY_MAX) {
        size = KEY_MAX;
    }
    memcpy(text, key, size);
    memcpy(text + size, guid, sizeof(guid) - 1);
    sha1(text, size + sizeof(guid) - 1, digest);
    base64(digest, accept);
}

size_t websocket_take(const uint8_t *from, size_t size,
                      struct websocket_header *header)
{
    if (size < 2) {
        return 0;
    }
    size_t used = 2;
    uint8_t length = from[1] & 0x7f;
    header->final = from[0] & 0x80;
    header->opcode = from[0] & 0x0f;
    header->masked = from[1] & 0x80;
    used += length == 126 ? 2 : length == 127 ? 8 : 0;
    if (size < used + (header->masked ? 4 : 0)) {
        return 0;
    }
    header->payload_size = length;
    if (length == 126) {
        header->payload_size = (uint64_t)from[2] << 8 | from[3];
    } else if (length == 127) {
        uint64_t wide;
        memcpy(&wide, from + 2, sizeof(wide));
        header->payload_size = be64toh(wide);
    }
    if (header->masked) {
        memcpy(header->mask, from + used, 4);
        used += 4;
    }
    header->size = (uint8_t)used;
    return used;
}

size_t websocket_put(uint8_t *to, uint8_t opcode, uint64_t payload_size,
                     const uint8_t mask[4])
{
    size_t used = 2;
    to[0] = 0x80 | opcode;
    if (payload_size < 126) {
        to[1] = (uint8_t)payload_size;
    } else if (payload_size < 65536) {
        to[1] = 126;
        to[2] = (uint8_t)(payload_size >> 8);
        to[3] = (uint8_t)payload_size;
        used = 4;
    } else {
        uint64_t wide = htobe64(payload_size);
        to[1] = 127;
        memcpy(to + 2, &wide, sizeof(wide));
        used = 10;
    }
    if (mask != NULL) {
        to[1] |= 0x80;
        memcpy(to + used, mask, 4);
        used += 4;
    }
    return used;
}

void websocket_mask(uint8_t *data, size_t size, const uint8_t mask[4])
{
    uint32_t half;
    memcpy(&half, mask, sizeof(half));
    uint64_t whole = (uint64_t)half << 32 | half;
    size_t i = 0;
    for (; i + 8 <= size; i += 8) {
        uint64_t eight;
        memcpy(&eight, data + i, sizeof(eight));
        eight ^= whole;
        memcpy(data + i, &eight, sizeof(eight));
    }
    for (; i < size; i++) {
        data[i] ^= mask[i % 4];
    }
}
