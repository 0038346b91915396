/* SPDX-License-Identifier: MIT */
/* A user of the floor, by TCP or by WebSocket: greeting, heartbeat, join and
 * publish. Fragmented WebSocket messages aren't understood; the load
 * generator sends none. */
#include "floor.h"
#include "websocket.h"

enum {
    TARGET_ID = 1, /* The one zone there is; sessions have higher ids. */
    DEFAULT_GROUP = 666,
    REQUEST_MAX = 8192
};

static void answer(struct floor *floor, struct floor_connection *user,
                   uint16_t type, const uint8_t *data, uint32_t size)
{
    uint32_t length = WIRE_HEADER_SIZE + size;
    if (user->transport == FLOOR_WEBSOCKET) {
        uint8_t header[WEBSOCKET_HEADER_MAX];
        size_t used = websocket_put(header, WEBSOCKET_BINARY, length, NULL);
        bytes_append(&user->out, header, used);
    }
    wire_put_header(bytes_grow(&user->out, WIRE_HEADER_SIZE), length, 0,
                    type);
    bytes_append(&user->out, data, size);
    floor_connection_pend(floor, user);
}

static bool join(struct floor *floor, struct floor_connection *user,
                 const struct wire_frame *frame)
{
    uint8_t target[WIRE_TARGET_SIZE];
    uint64_t group = DEFAULT_GROUP;
    if (frame->data_size != 0 && frame->data_size != sizeof(group)) {
        return false;
    }
    if (frame->data_size == sizeof(group)) {
        group = wire_get64(frame->data);
    }
    floor_group_join(floor, group, user);
    wire_put64(target, TARGET_ID);
    wire_put64(target + 8, group);
    answer(floor, user, WIRE_JOIN, target, sizeof(target));
    return true;
}

static bool publish(struct floor *floor, struct floor_connection *user,
                    const struct wire_frame *frame)
{
    if (frame->extend_size != WIRE_TO_ZONE_EXTEND || user->group == NULL ||
        wire_get64(frame->extend) != TARGET_ID ||
        wire_get64(frame->extend + 8) != user->group->id ||
        wire_get16(frame->extend + 16) != WIRE_MESSAGE) {
        return false;
    }
    if (floor->role == FLOOR_GATEWAY) {
        floor_link_publish(floor, user->id, user->group, frame->data,
                           frame->data_size);
    } else {
        floor_group_publish(floor, user->group, WIRE_MESSAGE, frame->data,
                            frame->data_size);
    }
    return true;
}

/* False closes the user. */
static bool take_frame(struct floor *floor, struct floor_connection *user,
                       const struct wire_frame *frame)
{
    switch (frame->type) {
    case WIRE_HEARTBEAT:
        answer(floor, user, WIRE_HEARTBEAT, NULL, 0);
        return true;
    case WIRE_JOIN:
        return join(floor, user, frame);
    case WIRE_TO_ZONE:
        return publish(floor, user, frame);
    default:
        return false;
    }
}

int64_t floor_user_take_tcp(struct floor *floor,
                            struct floor_connection *user, uint8_t *data,
                            size_t size)
{
    struct wire_frame frame;
    size_t used = 0;
    if (!user->is_greeted) {
        if (size < WIRE_MAGIC_SIZE) {
            return 0;
        }
        if (wire_get32(data) != WIRE_MAGIC) {
            return -1;
        }
        user->is_greeted = true;
        wire_put64(bytes_grow(&user->out, WIRE_ID_SIZE), user->id);
        floor_connection_pend(floor, user);
        used = WIRE_MAGIC_SIZE;
    }
    for (;;) {
        int64_t length = wire_take(data + used, size - used, &frame);
        if (length == 0) {
            return (int64_t)used;
        }
        if (length < 0 || !take_frame(floor, user, &frame)) {
            return -1;
        }
        used += (size_t)length;
    }
}

static bool take_message(struct floor *floor, struct floor_connection *user,
                         const uint8_t *data, size_t size)
{
    struct wire_frame frame;
    if (!user->is_greeted) {
        user->is_greeted = size == WIRE_MAGIC_SIZE &&
                           wire_get32(data) == WIRE_MAGIC;
        return user->is_greeted;
    }
    return wire_take(data, size, &frame) == (int64_t)size &&
           take_frame(floor, user, &frame);
}

/* False closes the user, which is also the answer to a close frame. */
static bool take_payload(struct floor *floor, struct floor_connection *user,
                         const struct websocket_header *header,
                         const uint8_t *payload)
{
    uint8_t pong[WEBSOCKET_HEADER_MAX];
    size_t size = header->payload_size;
    switch (header->opcode) {
    case WEBSOCKET_BINARY:
        return take_message(floor, user, payload, size);
    case WEBSOCKET_PING:
        bytes_append(&user->out, pong,
                     websocket_put(pong, WEBSOCKET_PONG, size, NULL));
        bytes_append(&user->out, payload, size);
        floor_connection_pend(floor, user);
        return true;
    case WEBSOCKET_PONG:
        return true;
    default:
        return false;
    }
}

static int64_t take_websocket(struct floor *floor,
                              struct floor_connection *user, uint8_t *data,
                              size_t size)
{
    struct websocket_header header;
    size_t used = 0;
    for (;;) {
        size_t head = websocket_take(data + used, size - used, &header);
        if (head == 0) {
            return (int64_t)used;
        }
        if (!header.masked || !header.final ||
            header.payload_size > FLOOR_BUFFER_SIZE) {
            return -1;
        }
        if (size - used - head < header.payload_size) {
            return (int64_t)used;
        }
        uint8_t *payload = data + used + head;
        websocket_mask(payload, header.payload_size, header.mask);
        if (!take_payload(floor, user, &header, payload)) {
            return -1;
        }
        used += head + header.payload_size;
    }
}

/* Finds the value of Sec-WebSocket-Key in a request that ends with a zero;
 * returns its length, 0 when there is none. */
static size_t find_key(const char *request, const char **key)
{
    static const char name[] = "\r\nsec-websocket-key:";
    const char *found = strcasestr(request, name);
    if (found == NULL) {
        return 0;
    }
    found += sizeof(name) - 1;
    found += strspn(found, " \t");
    *key = found;
    return strcspn(found, " \t\r\n");
}

static void upgrade(struct floor *floor, struct floor_connection *user,
                    const char *key, size_t size)
{
    static const char head[] = "HTTP/1.1 101 Switching Protocols\r\n"
                               "Upgrade: websocket\r\n"
                               "Connection: Upgrade\r\n"
                               "Sec-WebSocket-Accept: ";
    char accept[WEBSOCKET_ACCEPT_SIZE];
    websocket_accept(key, size, accept);
    bytes_append(&user->out, head, sizeof(head) - 1);
    bytes_append(&user->out, accept, sizeof(accept));
    bytes_append(&user->out, "\r\n\r\n", 4);
    floor_connection_pend(floor, user);
    user->transport = FLOOR_WEBSOCKET;
    user->take = take_websocket;
}

int64_t floor_user_take_http(struct floor *floor,
                             struct floor_connection *user, uint8_t *data,
                             size_t size)
{
    static const char line[] = "GET /ws HTTP/1.1\r\n";
    char request[REQUEST_MAX + 1];
    const uint8_t *end = memmem(data, size, "\r\n\r\n", 4);
    const char *key;
    if (end == NULL) {
        return size > REQUEST_MAX ? -1 : 0;
    }
    size_t used = (size_t)(end - data) + 4;
    if (used > REQUEST_MAX) {
        return -1;
    }
    memcpy(request, data, used);
    request[used] = '\0';
    size_t key_size = find_key(request, &key);
    if (strncmp(request, line, sizeof(line) - 1) != 0 || key_size == 0) {
        return -1;
    }
    upgrade(floor, user, key, key_size);
    int64_t more = take_websocket(floor, user, data + used, size - used);
    return more < 0 ? -1 : (int64_t)used + more;
}
