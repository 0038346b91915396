/* SPDX-License-Identifier: MIT */
/* The pool of memberships, the hash of users, and the rosters of groups. */
#include "group/members.h"

#include <stdlib.h>
#include <string.h>

#define CHUNK 512u /* records allocated at once: 16 KiB */
#define FIRST_SLOTS 16u

int domi__members_init(struct domi__members *members)
{
    memset(members, 0, sizeof(*members));
    return domi__hash_key_init(&members->key);
}

void domi__members_fini(struct domi__members *members)
{
    uint32_t i;

    for (i = 0; i < members->chunk_count; i++) {
        free(members->chunks[i]);
    }
    free(members->chunks);
    free(members->slots);
    memset(members, 0, sizeof(*members));
}

/* Only the worker writes it, so that no locked instruction is needed. */
static void add_count(struct domi__members *members, uint32_t number)
{
    atomic_store_explicit(&members->count,
                          domi__members_count(members) + number,
                          memory_order_relaxed);
}

uint32_t domi__members_count(const struct domi__members *members)
{
    return atomic_load_explicit(&members->count, memory_order_relaxed);
}

struct domi__member *domi__members_at(const struct domi__members *members,
                                      uint32_t number)
{
    return &members->chunks[(number - 1) / CHUNK][(number - 1) % CHUNK];
}

/* ---- the pool ---------------------------------------------------------- */

/* Room for one more item in an array that doubles. False: no memory. */
static bool make_room(void **items, uint32_t *room, uint32_t count,
                      size_t item_size)
{
    uint32_t wanted = *room > 0 ? *room * 2 : 1;
    void *grown;

    if (count < *room) {
        return true;
    }
    grown = realloc(*items, wanted * item_size);
    if (!grown) {
        return false;
    }
    *items = grown;
    *room = wanted;
    return true;
}

static bool add_chunk(struct domi__members *members)
{
    struct domi__member *chunk;

    if (!make_room((void **)&members->chunks, &members->chunk_room,
                   members->chunk_count, sizeof(*members->chunks))) {
        return false;
    }
    chunk = malloc(CHUNK * sizeof(*chunk));
    if (!chunk) {
        return false;
    }
    members->chunks[members->chunk_count++] = chunk;
    return true;
}

/* The number of a record to use, or 0. */
static uint32_t take_record(struct domi__members *members)
{
    uint32_t number = members->free;

    if (number) {
        members->free = domi__members_at(members, number)->next;
        return number;
    }
    if (members->used == members->chunk_count * CHUNK && !add_chunk(members)) {
        return 0;
    }
    return ++members->used;
}

static void give_record(struct domi__members *members, uint32_t number)
{
    struct domi__member *member = domi__members_at(members, number);

    member->group = DOMI__NO_GROUP;
    member->next = members->free;
    members->free = number;
}

/* ---- the hash of users -------------------------------------------------- */

static uint32_t home(const struct domi__members *members, uint32_t link,
                     uint64_t user)
{
    /* Users of different gateways have different ids, as a rule; the odd
       factor keeps them apart where they do not. */
    uint64_t number = user ^ (uint64_t)link * 0x9e3779b97f4a7c15u;

    return (uint32_t)domi__hash(&members->key, number) &
           (members->slot_size - 1);
}

/* The slot of a user, or the free one where it belongs. The hash is never
   full. */
static uint32_t find_slot(const struct domi__members *members, uint32_t link,
                          uint64_t user)
{
    uint32_t at = home(members, link, user);

    while (members->slots[at]) {
        const struct domi__member *member =
            domi__members_at(members, members->slots[at]);

        if (member->user == user && member->link == link) {
            break;
        }
        at = (at + 1) & (members->slot_size - 1);
    }
    return at;
}

/* Takes a slot out and moves back those that had to go past it. */
static void clear_slot(struct domi__members *members, uint32_t hole)
{
    uint32_t mask = members->slot_size - 1;
    uint32_t at = hole;

    for (;;) {
        const struct domi__member *member;
        uint32_t wanted;

        at = (at + 1) & mask;
        if (!members->slots[at]) {
            break;
        }
        member = domi__members_at(members, members->slots[at]);
        wanted = home(members, member->link, member->user);
        if (((at - wanted) & mask) >= ((at - hole) & mask)) {
            members->slots[hole] = members->slots[at];
            hole = at;
        }
    }
    members->slots[hole] = 0;
    members->user_count--;
}

/* Room for one more user: at most three quarters of the slots are used. */
static bool make_slot(struct domi__members *members)
{
    uint32_t *old = members->slots;
    uint32_t old_size = members->slot_size;
    uint32_t i;

    if (members->user_count < old_size / 4 * 3) {
        return true;
    }
    members->slot_size = old_size > 0 ? old_size * 2 : FIRST_SLOTS;
    members->slots = calloc(members->slot_size, sizeof(*members->slots));
    if (!members->slots) {
        members->slots = old;
        members->slot_size = old_size;
        return false;
    }
    for (i = 0; i < old_size; i++) {
        if (old[i]) {
            const struct domi__member *member =
                domi__members_at(members, old[i]);

            members->slots[find_slot(members, member->link, member->user)] =
                old[i];
        }
    }
    free(old);
    return true;
}

/* Takes one record out of its user's chain. */
static void unchain(struct domi__members *members, uint32_t number)
{
    struct domi__member *member = domi__members_at(members, number);
    uint32_t slot = find_slot(members, member->link, member->user);
    uint32_t *place = &members->slots[slot];

    if (*place == number && !member->next) {
        clear_slot(members, slot);
        return;
    }
    while (*place != number) {
        place = &domi__members_at(members, *place)->next;
    }
    *place = member->next;
}

/* ---- rosters ------------------------------------------------------------ */

/* O(n), n is the gateways that have users in the group. */
static struct domi__share *
find_share(const struct domi__group_roster *roster, uint32_t link)
{
    uint32_t i;

    for (i = 0; i < roster->share_count; i++) {
        if (roster->shares[i].link == link) {
            return &roster->shares[i];
        }
    }
    return NULL;
}

uint32_t domi__group_roster_behind(const struct domi__group_roster *roster,
                                   uint32_t link)
{
    const struct domi__share *share = find_share(roster, link);

    return share ? share->count : 0;
}

/* The share of a link, made when there is none; NULL when memory is short. */
static struct domi__share *make_share(struct domi__group_roster *roster,
                                      uint32_t link)
{
    struct domi__share *share = find_share(roster, link);

    if (share) {
        return share;
    }
    if (!make_room((void **)&roster->shares, &roster->share_room,
                   roster->share_count, sizeof(*roster->shares))) {
        return NULL;
    }
    share = &roster->shares[roster->share_count++];
    share->link = link;
    share->count = 0;
    return share;
}

static void give_share(struct domi__group_roster *roster,
                       struct domi__share *share)
{
    if (share->count == 0) {
        *share = roster->shares[--roster->share_count];
    }
}

/* Gives half of the array back once three quarters of it are free. */
static void shrink(struct domi__group_roster *roster)
{
    uint32_t wanted = roster->room / 2;
    void *smaller;

    if (roster->count == 0) {
        domi__group_roster_fini(roster);
        return;
    }
    if (roster->room < 64 || roster->count > roster->room / 4) {
        return;
    }
    smaller = realloc(roster->records, wanted * sizeof(*roster->records));
    if (smaller) {
        roster->records = smaller;
        roster->room = wanted;
    }
}

void domi__group_roster_fini(struct domi__group_roster *roster)
{
    free(roster->records);
    free(roster->shares);
    memset(roster, 0, sizeof(*roster));
}

/* ---- memberships -------------------------------------------------------- */

uint32_t domi__members_find(const struct domi__members *members,
                            uint32_t group, uint32_t link, uint64_t user)
{
    uint32_t number;

    if (members->slot_size == 0) {
        return 0;
    }
    number = members->slots[find_slot(members, link, user)];
    while (number) {
        const struct domi__member *member = domi__members_at(members, number);

        if (member->group == group) {
            break;
        }
        number = member->next;
    }
    return number;
}

uint32_t domi__members_add(struct domi__members *members,
                           struct domi__group_roster *roster, uint32_t group,
                           uint32_t link, uint64_t user)
{
    struct domi__share *share;
    struct domi__member *member;
    uint32_t number, slot;

    if (!make_slot(members) ||
        !make_room((void **)&roster->records, &roster->room, roster->count,
                   sizeof(*roster->records)) ||
        !(share = make_share(roster, link))) {
        return 0;
    }
    number = take_record(members);
    if (!number) {
        give_share(roster, share);
        return 0;
    }
    slot = find_slot(members, link, user);
    if (!members->slots[slot]) {
        members->user_count++;
    }
    member = domi__members_at(members, number);
    member->user = user;
    member->data = NULL;
    member->link = link;
    member->group = group;
    member->next = members->slots[slot];
    member->position = roster->count;
    members->slots[slot] = number;
    roster->records[roster->count++] = number;
    share->count++;
    add_count(members, 1);
    return number;
}

void domi__members_drop(struct domi__members *members,
                        struct domi__group_roster *roster, uint32_t number)
{
    struct domi__member *member = domi__members_at(members, number);
    struct domi__share *share = find_share(roster, member->link);
    uint32_t last = roster->records[--roster->count];

    domi__members_at(members, last)->position = member->position;
    roster->records[member->position] = last;
    share->count--;
    give_share(roster, share);
    give_record(members, number);
    add_count(members, UINT32_MAX);
    shrink(roster);
}

void domi__members_remove(struct domi__members *members,
                          struct domi__group_roster *roster, uint32_t number)
{
    unchain(members, number);
    domi__members_drop(members, roster, number);
}

uint32_t domi__members_take(struct domi__members *members, uint32_t link,
                            uint64_t user)
{
    uint32_t slot, number;

    if (members->slot_size == 0) {
        return 0;
    }
    slot = find_slot(members, link, user);
    number = members->slots[slot];
    if (number) {
        clear_slot(members, slot);
    }
    return number;
}
