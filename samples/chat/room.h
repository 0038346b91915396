/* SPDX-License-Identifier: MIT */
/* A room of the chat: a group, and what its members are called. */
#ifndef CHAT_ROOM_H
#define CHAT_ROOM_H

struct domi_group;
struct domi_zone;

/*
 * For on_group of a zone: makes a room of each group that is asked for. A room
 * that has been empty for a minute is closed. [handler]
 */
int room_open(struct domi_zone *zone, struct domi_group *group, void *user);

#endif
