/* SPDX-License-Identifier: MIT */
/* The link between the floor's gateway and its zone. A publish goes to the
 * zone as one frame, and comes back as one broadcast frame that names only
 * the group; the gateway knows the members. */
#include "floor.h"
#include "address.h"

/* Appends a frame to a link's bytes and returns where its extend begins. */
static uint8_t *put_frame(struct floor *floor, struct floor_connection *link,
                          uint16_t type, const void *data, uint32_t size,
                          uint16_t extend_size)
{
    uint32_t length = WIRE_HEADER_SIZE + size + extend_size;
    uint8_t *frame = bytes_grow(&link->out, length);
    wire_put_header(frame, length, extend_size, type);
    memcpy(frame + WIRE_HEADER_SIZE, data, size);
    floor_connection_pend(floor, link);
    return frame + WIRE_HEADER_SIZE + size;
}

void floor_link_dial(struct floor *floor, const char *address)
{
    int fd = address_dial(address);
    floor->zone = floor_connection_new(floor, fd,
                                       floor_link_take_in_gateway);
    wire_put32(bytes_grow(&floor->zone->out, WIRE_MAGIC_SIZE), WIRE_MAGIC);
    floor_connection_pend(floor, floor->zone);
}

void floor_link_publish(struct floor *floor, uint64_t user,
                        struct floor_group *group, const uint8_t *data,
                        uint32_t size)
{
    uint8_t *extend = put_frame(floor, floor->zone, WIRE_MESSAGE, data, size,
                                WIRE_PUBLISH_EXTEND);
    wire_put64(extend, user);
    wire_put64(extend + 8, group->id);
}

void floor_link_announce(struct floor *floor, uint16_t type, uint64_t user,
                         struct floor_group *group)
{
    if (floor->zone != NULL) {
        uint8_t *extend = put_frame(floor, floor->zone, type, &user,
                                    sizeof(user), sizeof(group->id));
        wire_put64(extend, group->id);
    }
}

int64_t floor_link_take_in_gateway(struct floor *floor,
                                   struct floor_connection *link,
                                   uint8_t *data, size_t size)
{
    struct wire_frame frame;
    size_t used = 0;
    if (!link->is_greeted) {
        if (size < WIRE_ID_SIZE) {
            return 0;
        }
        link->is_greeted = true;
        used = WIRE_ID_SIZE;
    }
    for (;;) {
        int64_t length = wire_take(data + used, size - used, &frame);
        if (length == 0) {
            return (int64_t)used;
        }
        if (length < 0 || frame.type != WIRE_BROADCAST ||
            frame.extend_size != WIRE_BROADCAST_EXTEND) {
            return -1;
        }
        floor_group_publish(
            floor, floor_group_get(floor, wire_get64(frame.extend)),
            wire_get16(frame.extend + 8), frame.data, frame.data_size);
        used += (size_t)length;
    }
}

static bool greet(struct floor *floor, struct floor_connection *link)
{
    for (uint8_t i = 0; i < FLOOR_LINKS_MAX; i++) {
        if (floor->links[i] == NULL) {
            floor->links[i] = link;
            link->link = i;
            link->is_greeted = true;
            wire_put64(bytes_grow(&link->out, WIRE_ID_SIZE), link->id);
            floor_connection_pend(floor, link);
            return true;
        }
    }
    return false;
}

static void broadcast(struct floor *floor, struct floor_group *group,
                      const struct wire_frame *frame)
{
    uint64_t left = group->links;
    while (left != 0) {
        struct floor_connection *link = floor->links[__builtin_ctzll(left)];
        uint8_t *extend = put_frame(floor, link, WIRE_BROADCAST, frame->data,
                                    frame->data_size, WIRE_BROADCAST_EXTEND);
        wire_put64(extend, group->id);
        wire_put16(extend + 8, frame->type);
        left &= left - 1;
    }
}

/* False closes the link. */
static bool take_frame(struct floor *floor, struct floor_connection *link,
                       const struct wire_frame *frame)
{
    if (frame->extend_size < sizeof(uint64_t)) {
        return false;
    }
    struct floor_group *group = floor_group_get(
        floor, wire_get64(frame->extend + frame->extend_size - 8));
    switch (frame->type) {
    case WIRE_MEMBER_JOINED:
        group->links |= (uint64_t)1 << link->link;
        return true;
    case WIRE_MEMBER_LEFT:
        group->links &= ~((uint64_t)1 << link->link);
        return true;
    case WIRE_MESSAGE:
        broadcast(floor, group, frame);
        return true;
    default:
        return false;
    }
}

int64_t floor_link_take_in_zone(struct floor *floor,
                                struct floor_connection *link, uint8_t *data,
                                size_t size)
{
    struct wire_frame frame;
    size_t used = 0;
    if (!link->is_greeted) {
        if (size < WIRE_MAGIC_SIZE) {
            return 0;
        }
        if (wire_get32(data) != WIRE_MAGIC || !greet(floor, link)) {
            return -1;
        }
        used = WIRE_MAGIC_SIZE;
    }
    for (;;) {
        int64_t length = wire_take(data + used, size - used, &frame);
        if (length == 0) {
            return (int64_t)used;
        }
        if (length < 0 || !take_frame(floor, link, &frame)) {
            return -1;
        }
        used += (size_t)length;
    }
}

void floor_link_forget(struct floor *floor, struct floor_connection *link)
{
    if (floor->role != FLOOR_ZONE || !link->is_greeted) {
        return;
    }
    floor->links[link->link] = NULL;
    for (uint32_t i = 0; i < floor->group_capacity; i++) {
        if (floor->groups[i] != NULL) {
            floor->groups[i]->links &= ~((uint64_t)1 << link->link);
        }
    }
}
