/* SPDX-License-Identifier: MIT */
/* A group of the floor: members, and this turn's messages encoded once per
 * transport and sent to all of them together. */
#include "floor.h"
#include "websocket.h"

#include <err.h>
#include <stdlib.h>

static uint32_t place_of(struct floor *floor, uint64_t id)
{
    uint32_t mask = floor->group_capacity - 1;
    uint32_t place = (uint32_t)(id * 0x9e3779b97f4a7c15u >> 32) & mask;
    while (floor->groups[place] != NULL && floor->groups[place]->id != id) {
        place = (place + 1) & mask;
    }
    return place;
}

/* Keeps the table at most half full. */
static void make_room(struct floor *floor)
{
    struct floor_group **old = floor->groups;
    uint32_t count = floor->group_capacity;
    if (floor->group_count < count / 2) {
        return;
    }
    floor->group_capacity = count > 0 ? count * 2 : 64;
    floor->groups = calloc(floor->group_capacity, sizeof(*floor->groups));
    if (floor->groups == NULL) {
        err(2, "no memory for groups");
    }
    for (uint32_t i = 0; i < count; i++) {
        if (old[i] != NULL) {
            floor->groups[place_of(floor, old[i]->id)] = old[i];
        }
    }
    free(old);
}

struct floor_group *floor_group_get(struct floor *floor, uint64_t id)
{
    make_room(floor);
    uint32_t place = place_of(floor, id);
    if (floor->groups[place] == NULL) {
        struct floor_group *group = calloc(1, sizeof(*group));
        if (group == NULL) {
            err(2, "no memory for a group");
        }
        group->id = id;
        floor->groups[place] = group;
        floor->group_count++;
    }
    return floor->groups[place];
}

static uint32_t member_count(const struct floor_group *group)
{
    return group->sides[FLOOR_TCP].count +
           group->sides[FLOOR_WEBSOCKET].count;
}

/* Messages already in the batch are from before the joining: the old members
 * get them first. */
void floor_group_join(struct floor *floor, uint64_t id,
                      struct floor_connection *user)
{
    struct floor_group *group = floor_group_get(floor, id);
    struct floor_side *side = &group->sides[user->transport];
    if (user->group == group) {
        return;
    }
    floor_group_leave(floor, user);
    floor_group_flush(floor, group);
    if (member_count(group) == 0) {
        floor_link_announce(floor, WIRE_MEMBER_JOINED, user->id, group);
    }
    if (side->count == side->capacity) {
        side->capacity = side->capacity > 0 ? side->capacity * 2 : 8;
        side->members = realloc(side->members,
                                side->capacity * sizeof(*side->members));
        if (side->members == NULL) {
            err(2, "no memory for members");
        }
    }
    user->group = group;
    user->place = side->count;
    side->members[side->count++] = user;
}

void floor_group_leave(struct floor *floor, struct floor_connection *user)
{
    struct floor_group *group = user->group;
    if (group == NULL) {
        return;
    }
    struct floor_side *side = &group->sides[user->transport];
    struct floor_connection *last = side->members[--side->count];
    side->members[user->place] = last;
    last->place = user->place;
    user->group = NULL;
    if (member_count(group) == 0) {
        floor_link_announce(floor, WIRE_MEMBER_LEFT, user->id, group);
    }
}

static void encode(struct floor_side *side, enum floor_transport transport,
                   uint16_t type, const uint8_t *data, uint32_t size)
{
    uint32_t length = WIRE_HEADER_SIZE + size;
    if (transport == FLOOR_WEBSOCKET) {
        uint8_t header[WEBSOCKET_HEADER_MAX];
        size_t used = websocket_put(header, WEBSOCKET_BINARY, length, NULL);
        bytes_append(&side->batch, header, used);
    }
    uint8_t *frame = bytes_grow(&side->batch, length);
    wire_put_header(frame, length, 0, type);
    memcpy(frame + WIRE_HEADER_SIZE, data, size);
}

void floor_group_publish(struct floor *floor, struct floor_group *group,
                         uint16_t type, const uint8_t *data, uint32_t size)
{
    for (int i = 0; i < FLOOR_TRANSPORTS; i++) {
        if (group->sides[i].count > 0) {
            encode(&group->sides[i], i, type, data, size);
        }
    }
    if (!group->is_pending) {
        group->is_pending = true;
        floor_list_push(&floor->pending_groups, group);
    }
}

void floor_group_flush(struct floor *floor, struct floor_group *group)
{
    for (int i = 0; i < FLOOR_TRANSPORTS; i++) {
        struct floor_side *side = &group->sides[i];
        size_t size = bytes_size(&side->batch);
        if (size == 0) {
            continue;
        }
        for (uint32_t k = 0; k < side->count; k++) {
            floor_connection_send(floor, side->members[k],
                                  bytes_front(&side->batch), size);
        }
        bytes_clear(&side->batch);
    }
}
