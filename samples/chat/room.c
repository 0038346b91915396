/* SPDX-License-Identifier: MIT */
/*
 * A room of the chat.
 *
 * Members come by a word of the gateway, say things, and go. Those who have
 * given a name are told who else has one; the others, guests, hear only the
 * messages. All of it runs on the group's worker, so nothing is locked.
 */
#include "chat/room.h"

#include <stdlib.h>
#include <string.h>

#include "chat/events.h"
#include "domi/domi.h"
#include "support/utf8.h"

/* How long a room without members is kept, in microseconds. */
#define EMPTY_US 60000000u

/* A HERE frame is no longer than this; a long list takes several. */
#define HERE_MAX 8192u

/* A member with a name; its data in the group. */
struct person {
    size_t index; /* in the arrays of the room */
    uint8_t size;
    uint8_t name[CHAT_NAME_MAX];
};

/* The data of the group. */
struct room {
    uint32_t guests;         /* members without a name */
    size_t count;            /* with one */
    size_t room;             /* that the arrays have room for */
    struct domi_user *users; /* beside each other, for multicast */
    struct person **people;  /* in the same order */
};

static void tell_named(struct domi_group *group, uint16_t type,
                       const void *data, uint32_t size)
{
    struct room *room = domi_group_data(group);

    domi_group_multicast(group, room->users, room->count, type, data, size);
}

static void tell_guests(struct domi_group *group)
{
    struct room *room = domi_group_data(group);
    uint8_t data[4];

    domi_put_u32(data, room->guests);
    tell_named(group, CHAT_GUESTS, data, sizeof(data));
}

static void tell_user(struct domi_group *group, uint16_t type,
                      struct domi_user user)
{
    uint8_t data[8];

    domi_put_u64(data, user.id);
    tell_named(group, type, data, sizeof(data));
}

/* ---- names --------------------------------------------------------------- */

static size_t put_entry(uint8_t *out, const struct room *room, size_t index)
{
    const struct person *person = room->people[index];

    domi_put_u64(out, room->users[index].id);
    out[8] = person->size;
    memcpy(out + 9, person->name, person->size);
    return 9u + person->size;
}

/* Tells the newest of the named about everybody, itself first. */
static void tell_newcomer(struct domi_group *group)
{
    struct room *room = domi_group_data(group);
    size_t self = room->count - 1;
    uint8_t data[HERE_MAX];
    size_t size = put_entry(data, room, self);

    for (size_t i = 0; i < self; i++) {
        if (size + CHAT_ENTRY_MAX > sizeof(data)) {
            domi_group_send(group, room->users[self], CHAT_HERE, data,
                            (uint32_t)size);
            size = 0;
        }
        size += put_entry(data + size, room, i);
    }
    domi_group_send(group, room->users[self], CHAT_HERE, data, (uint32_t)size);
}

/* Makes room for one more. 0, or -1 when memory is short. */
static int grow(struct room *room)
{
    size_t size = room->room > 0 ? room->room * 2 : 8;
    struct domi_user *users;
    struct person **people;

    if (room->count < room->room) {
        return 0;
    }
    users = realloc(room->users, size * sizeof(*users));
    if (!users) {
        return -1;
    }
    room->users = users;
    people = realloc(room->people, size * sizeof(*people));
    if (!people) {
        return -1;
    }
    room->people = people;
    room->room = size;
    return 0;
}

/* A guest becomes one of the named. NULL when memory is short. */
static struct person *add_person(struct domi_group *group,
                                 struct domi_user user)
{
    struct room *room = domi_group_data(group);
    struct person *person;

    if (grow(room) != 0) {
        return NULL;
    }
    person = calloc(1, sizeof(*person));
    if (!person || domi_group_set_member_data(group, user, person) != 0) {
        free(person);
        return NULL;
    }
    person->index = room->count;
    room->users[room->count] = user;
    room->people[room->count] = person;
    room->count++;
    room->guests--;
    return person;
}

static void remove_person(struct room *room, struct person *person)
{
    size_t last = --room->count;

    room->users[person->index] = room->users[last];
    room->people[person->index] = room->people[last];
    room->people[person->index]->index = person->index;
    free(person);
}

static void set_name(struct person *person, const struct domi_frame *frame)
{
    person->size = (uint8_t)frame->data_size;
    memcpy(person->name, frame->data, frame->data_size);
}

static void welcome(struct domi_group *group, struct domi_user user,
                    const struct domi_frame *frame)
{
    struct room *room = domi_group_data(group);
    struct person *person = add_person(group, user);
    uint8_t entry[CHAT_ENTRY_MAX];
    size_t size;

    if (!person) {
        return; /* It stays a guest. */
    }
    set_name(person, frame);
    tell_newcomer(group);
    size = put_entry(entry, room, person->index);
    domi_group_multicast(group, room->users, room->count - 1, CHAT_HERE, entry,
                         (uint32_t)size);
    tell_guests(group);
}

static void rename_person(struct domi_group *group, struct person *person,
                          const struct domi_frame *frame)
{
    uint8_t entry[CHAT_ENTRY_MAX];
    size_t size;

    set_name(person, frame);
    size = put_entry(entry, domi_group_data(group), person->index);
    tell_named(group, CHAT_HERE, entry, (uint32_t)size);
}

/* ---- what users send ----------------------------------------------------- */

static void on_join_frame(struct domi_group *group, struct domi_user sender,
                          const struct domi_frame *frame, void *user)
{
    struct domi_user member = {.gateway = sender.gateway};

    (void)user;
    /* Only the gateway's own code says who comes in; a user who could would
       bring in others. */
    if (!domi_user_is_gateway(sender) || frame->data_size != 16) {
        return;
    }
    member.id = domi_get_u64(frame->data);
    domi_group_add(group, member);
}

static void on_message(struct domi_group *group, struct domi_user sender,
                       const struct domi_frame *frame, void *user)
{
    (void)user;
    if (!domi_group_has(group, sender) || frame->data_size > CHAT_TEXT_MAX) {
        return;
    }
    if (domi_group_member_data(group, sender)) {
        tell_user(group, CHAT_SPEAKER, sender);
    }
    domi_group_broadcast(group, CHAT_MESSAGE, frame->data, frame->data_size);
}

static void on_name(struct domi_group *group, struct domi_user sender,
                    const struct domi_frame *frame, void *user)
{
    struct person *person;

    (void)user;
    if (!domi_group_has(group, sender) || frame->data_size < 1 ||
        frame->data_size > CHAT_NAME_MAX ||
        !utf8_is_visible(frame->data, frame->data_size)) {
        return;
    }
    person = domi_group_member_data(group, sender);
    if (person) {
        rename_person(group, person, frame);
    } else {
        welcome(group, sender, frame);
    }
}

/* ---- the life of a room -------------------------------------------------- */

static void on_empty(struct domi_group *group, uint32_t ticks, void *user)
{
    (void)ticks;
    (void)user;
    domi_group_close(group);
}

static void on_join(struct domi_group *group, struct domi_user member,
                    void *user)
{
    struct room *room = domi_group_data(group);

    (void)member;
    (void)user;
    room->guests++;
    domi_group_tick(group, 0, NULL, NULL);
    tell_guests(group);
}

static void on_leave(struct domi_group *group, struct domi_user member,
                     enum domi_reason reason, void *data, void *user)
{
    struct room *room = domi_group_data(group);

    (void)user;
    if (data) {
        remove_person(room, data);
    } else {
        room->guests--;
    }
    /* When all leave at once there is nobody to be told. */
    if (reason == DOMI_REASON_GROUP_CLOSED) {
        return;
    }
    if (data) {
        tell_user(group, CHAT_GONE, member);
    } else {
        tell_guests(group);
    }
    if (room->guests == 0 && room->count == 0) {
        domi_group_tick(group, EMPTY_US, on_empty, NULL);
    }
}

static void on_close(struct domi_group *group, enum domi_reason reason,
                     void *user)
{
    struct room *room = domi_group_data(group);

    (void)reason;
    (void)user;
    free(room->users);
    free(room->people);
    free(room);
}

int room_open(struct domi_zone *zone, struct domi_group *group, void *user)
{
    struct room *room = calloc(1, sizeof(*room));

    (void)zone;
    (void)user;
    if (!room) {
        return -1;
    }
    if (domi_group_handle(group, CHAT_JOIN, on_join_frame, NULL) != 0 ||
        domi_group_handle(group, CHAT_MESSAGE, on_message, NULL) != 0 ||
        domi_group_handle(group, CHAT_NAME, on_name, NULL) != 0) {
        free(room);
        return -1;
    }
    domi_group_set_data(group, room);
    domi_group_on_join(group, on_join, NULL);
    domi_group_on_leave(group, on_leave, NULL);
    domi_group_on_close(group, on_close, NULL);
    /* It is empty until the first one joins, which may never happen. */
    domi_group_tick(group, EMPTY_US, on_empty, NULL);
    return 0;
}
