/* SPDX-License-Identifier: MIT */
/* A script: a fuzzed byte string, read as a list of things to do. */
#include "script.h"

#include <string.h>

#include "domi/frame.h"

#define KNOWN_MAX (sizeof((struct script){0}.known) / sizeof(uint64_t))

#define LEAST_ID 4096u /* smaller numbers can be written as they are */

/* The kinds of parts of data and extend. */
enum part { NUMBER, SMALL, STRING, FILL };

bool script_is_over(const struct script *script)
{
    return script->at == script->end;
}

uint8_t script_byte(struct script *script)
{
    return script_is_over(script) ? 0 : *script->at++;
}

uint16_t script_u16(struct script *script)
{
    uint16_t low = script_byte(script);

    return (uint16_t)(low | script_byte(script) << 8);
}

uint64_t script_number(struct script *script)
{
    uint8_t lead = script_byte(script);
    uint64_t number = 0;

    if (lead < 64) {
        return script->known_count > 0
                   ? script->known[script->known_count - 1 -
                                   lead % script->known_count]
                   : 0;
    }
    if (lead < 128) {
        return lead - 64u;
    }
    if (lead == 255) {
        return UINT64_MAX;
    }
    if (lead < 192) {
        number = (uint64_t)script_byte(script) << 56;
    } else {
        for (unsigned i = 0; i < 8; i++) {
            number = number << 8 | script_byte(script);
        }
    }
    script_learn(script, number);
    return number;
}

const uint8_t *script_bytes(struct script *script, size_t *size)
{
    const uint8_t *bytes = script->at;
    size_t left = (size_t)(script->end - script->at);

    *size = *size < left ? *size : left;
    script->at += *size;
    return bytes;
}

/* The oldest gives way. */
void script_learn(struct script *script, uint64_t number)
{
    if (number < LEAST_ID || number == UINT64_MAX) {
        return;
    }
    for (unsigned i = 0; i < script->known_count; i++) {
        if (script->known[i] == number) {
            return;
        }
    }
    if (script->known_count == KNOWN_MAX) {
        memmove(script->known, script->known + 1,
                (KNOWN_MAX - 1) * sizeof(script->known[0]));
        script->known_count--;
    }
    script->known[script->known_count++] = number;
}

/* Returns the bytes of one part, of which there is room for `room`. */
static size_t write_part(struct script *script, uint8_t *out, size_t room)
{
    enum part kind = script_byte(script) % 4;
    uint8_t small[8];
    const uint8_t *bytes = small;
    size_t size = 0;

    switch (kind) {
    case NUMBER:
        domi_put_u64(small, script_number(script));
        size = sizeof(small);
        break;
    case SMALL:
        domi_put_u16(small, script_u16(script));
        size = 2;
        break;
    case STRING:
        size = script_byte(script);
        bytes = script_bytes(script, &size);
        break;
    case FILL:
        size = script_u16(script);
        size = size < room ? size : room;
        memset(out, 'z', size);
        return size;
    }
    size = size < room ? size : room;
    memcpy(out, bytes, size);
    return size;
}

static uint16_t write_parts(struct script *script, uint8_t *out)
{
    unsigned parts = script_byte(script) % 8;
    size_t size = 0;

    for (unsigned i = 0; i < parts; i++) {
        size += write_part(script, out + size, UINT16_MAX - size);
    }
    return (uint16_t)size;
}

size_t script_frame(struct script *script, uint8_t *out)
{
    uint8_t *data = out + DOMI_FRAME_HEADER;
    uint16_t type = script_byte(script);
    uint16_t data_size, extend_size;

    if (type == 255) {
        type = script_u16(script);
    }
    data_size = write_parts(script, data);
    extend_size = write_parts(script, data + data_size);
    domi_put_u32(out, (uint32_t)domi_frame_size(data_size, extend_size));
    domi_put_u16(out + 4, extend_size);
    domi_put_u16(out + 6, type);
    return domi_frame_size(data_size, extend_size);
}
