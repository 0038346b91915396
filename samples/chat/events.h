/* SPDX-License-Identifier: MIT */
/* The events of the chat: frame types and the limits of what they carry. */
#ifndef CHAT_EVENTS_H
#define CHAT_EVENTS_H

/*
 * number  who to whom          data
 * JOIN    user to gateway      nothing, or the group id (8)
 *         gateway to user      target id (8), group id (8); target id 0: no
 *                              room could be had, and why may follow: a code
 *                              of domi's or libuv's (4, with its sign)
 *         gateway to room      user id (8), target id (8)
 * MESSAGE user to room         a text, which may be empty
 *         room to members      the same bytes
 * NAME    user to room         the name that the user wants to be known by
 * HERE    room to the named    entries: user id (8), length (1), name. A member
 *                              that has just given its name gets everybody
 *                              named, itself first
 * GONE    room to the named    user id (8)
 * SPEAKER room to the named    user id (8), of the MESSAGE that follows
 * GUESTS  room to the named    members without a name (4), on change
 * LEAVE   user to gateway      target id (8), group id (8)
 */
enum chat_event {
    CHAT_JOIN = 50,
    CHAT_MESSAGE = 51,
    CHAT_NAME = 52,
    CHAT_HERE = 53,
    CHAT_GONE = 54,
    CHAT_SPEAKER = 55,
    CHAT_GUESTS = 56,
    CHAT_LEAVE = 57,
};

enum {
    CHAT_GROUP = 666, /* the room of those who name none */
    CHAT_TEXT_MAX = 4096,
    CHAT_NAME_MAX = 32,
    CHAT_ENTRY_MAX = 8 + 1 + CHAT_NAME_MAX,
};

#define CHAT_SERVICE "room"

#endif
