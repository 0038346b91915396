/* SPDX-License-Identifier: MIT */
/* Inside the group room: who is a member of which group of one worker. */
#ifndef DOMI_GROUP_MEMBERS_H
#define DOMI_GROUP_MEMBERS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/table.h"

/*
 * A membership is a record of 32 bytes in a pool and is named by its number,
 * from 1 up; 0 is none. A keyed hash leads from a user to the first of its
 * records, the others follow in a chain; each group has an array of the
 * numbers of its records. So what a user has is found at once, a broadcast
 * walks an array, and adding and removing cost what the chain is long: the
 * groups of that one user. Nothing in this file calls back.
 */
struct domi__member {
    uint64_t user;
    void *data;        /* of the application */
    uint32_t link;     /* index of the link to the user's gateway */
    uint32_t group;    /* slot of the group; DOMI__NO_GROUP: a free record */
    uint32_t next;     /* of the same user, or of the free list; 0: none */
    uint32_t position; /* in the group's array */
};

#define DOMI__NO_GROUP UINT32_MAX

/* How many members of a group are behind one link. */
struct domi__share {
    uint32_t link;
    uint32_t count;
};

/* The members of one group. Zeroed is empty. */
struct domi__group_roster {
    uint32_t *records;
    uint32_t count;
    uint32_t room;
    struct domi__share *shares; /* one for each link, in no order */
    uint32_t share_count;
    uint32_t share_room;
};

/* All memberships of one worker. */
struct domi__members {
    struct domi__member **chunks;
    uint32_t chunk_count;
    uint32_t chunk_room;
    uint32_t used; /* numbers that were ever given */
    uint32_t free; /* first free record; 0: none */
    _Atomic uint32_t count; /* memberships now; others may have a look */
    uint32_t *slots; /* first record of a user; 0: free */
    uint32_t slot_size; /* a power of two; 0 at first */
    uint32_t user_count; /* slots in use */
    struct domi__hash_key key;
};

/* 0 or a libuv code. */
int domi__members_init(struct domi__members *members);

/* Frees all records; rosters are the caller's. Accepts zeroed memory. */
void domi__members_fini(struct domi__members *members);

/* How many memberships there are; on any thread. */
uint32_t domi__members_count(const struct domi__members *members);

/* The record of this number, used or free, up to members->used. It stays
   where it is until fini. */
struct domi__member *domi__members_at(const struct domi__members *members,
                                      uint32_t number);

/* The membership of a user in a group, or 0. */
uint32_t domi__members_find(const struct domi__members *members,
                            uint32_t group, uint32_t link, uint64_t user);

/* A new membership, of a user that is not in the group; 0 when memory is
   short, and nothing has changed. */
uint32_t domi__members_add(struct domi__members *members,
                           struct domi__group_roster *roster, uint32_t group,
                           uint32_t link, uint64_t user);

/* Ends a membership; its number may be given again. */
void domi__members_remove(struct domi__members *members,
                          struct domi__group_roster *roster, uint32_t number);

/*
 * Takes a user's whole chain out of the hash and returns its first record, or
 * 0. The records are in their groups still, until each has been given to
 * domi__members_drop; its `next` must be read before that.
 */
uint32_t domi__members_take(struct domi__members *members, uint32_t link,
                            uint64_t user);
void domi__members_drop(struct domi__members *members,
                        struct domi__group_roster *roster, uint32_t number);

/* The members behind this link; 0 when there are none. */
uint32_t domi__group_roster_behind(const struct domi__group_roster *roster,
                                   uint32_t link);

/* Frees the arrays. Accepts zeroed memory. */
void domi__group_roster_fini(struct domi__group_roster *roster);

#endif
