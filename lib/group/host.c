/* SPDX-License-Identifier: MIT */
/* The host: what happens to the groups of one worker, one event at a time. */
#include <stdlib.h>
#include <string.h>

#include "frame/frame.h"
#include "group/state.h"

/*
 * A frame finds its group by id and its handler by type; no group, and
 * on_group is asked for one. Whatever ends memberships (users gone, a link
 * down, a group closed) first takes the membership out and then calls
 * on_leave, so that a callback always sees a group that is whole.
 */

/* ---- life --------------------------------------------------------------- */

struct domi__group_host *
domi__group_host_new(const struct domi__group_options *options)
{
    struct domi__group_host *host = calloc(1, sizeof(*host));
    struct domi__hash_key key;

    if (!host) {
        return NULL;
    }
    if (domi__members_init(&host->members) < 0 ||
        domi__hash_key_init(&key) < 0) {
        free(host);
        return NULL;
    }
    host->options = *options;
    if (!options->group_count) {
        host->options.group_count = &host->own_count;
    }
    domi__table_init(&host->groups, key);
    domi__table_init(&host->link_ids, key);
    return host;
}

void domi__group_host_free(struct domi__group_host *host)
{
    uint32_t i;

    if (!host) {
        return;
    }
    for (i = 0; i < host->slot_count; i++) {
        domi__group_release(host->slots[i].group);
    }
    domi__members_fini(&host->members);
    domi__table_fini(&host->groups);
    domi__table_fini(&host->link_ids);
    free(host->slots);
    free(host->ticks.heap);
    free(host->links);
    free(host);
}

/* ---- callbacks ---------------------------------------------------------- */

static void begin(struct domi__group_host *host, struct domi_group *group,
                  uint16_t type)
{
    host->running = group;
    host->began_ns = host->options.calls->now(host->options.arg);
    atomic_store_explicit(&host->running_id, group->id, memory_order_relaxed);
    atomic_store_explicit(&host->running_type, type + 1u,
                          memory_order_relaxed);
}

static void finish(struct domi__group_host *host, uint64_t group)
{
    uint64_t now = host->options.calls->now(host->options.arg);
    uint32_t type = atomic_exchange_explicit(&host->running_type, 0,
                                             memory_order_relaxed);

    host->running = NULL;
    if (now - host->began_ns > host->options.handler_limit_ns) {
        domi__effect_note(host, DOMI__EFFECT_SLOW,
                          (struct domi__effect_note){
                              .group = group,
                              .ms = (uint32_t)((now - host->began_ns) /
                                               1000000u),
                              .type = (uint16_t)(type - 1u),
                          });
    }
}

bool domi__group_host_running(const struct domi__group_host *host,
                              uint64_t *group, uint16_t *type)
{
    uint32_t running =
        atomic_load_explicit(&host->running_type, memory_order_relaxed);

    *group = atomic_load_explicit(&host->running_id, memory_order_relaxed);
    *type = (uint16_t)(running - 1u);
    return running > 0;
}

/* Counts one more group. False: there are as many as the limit, which is not
   0, says. */
static bool count_group(struct domi__group_host *host, uint32_t limit)
{
    _Atomic uint32_t *count = host->options.group_count;

    if (atomic_fetch_add_explicit(count, 1, memory_order_relaxed) < limit ||
        limit == 0) {
        return true;
    }
    atomic_fetch_sub_explicit(count, 1, memory_order_relaxed);
    return false;
}

static void uncount_group(struct domi__group_host *host)
{
    atomic_fetch_sub_explicit(host->options.group_count, 1,
                              memory_order_relaxed);
}

void domi__group_shut(struct domi_group *group, enum domi_reason reason)
{
    struct domi__group_host *host = group->host;
    struct domi__group_roster *roster = &group->roster;

    group->ended = true;
    domi__ticks_remove(&host->ticks, group);
    domi__table_remove(&host->groups, group->id);
    domi__effect_closed(group, reason == DOMI_REASON_DRAINING
                                   ? DOMI_REASON_DRAINING
                                   : DOMI_REASON_GROUP_CLOSED);
    while (roster->count > 0) {
        domi__group_enter(group, 0);
        domi__group_end_member(group, roster->records[roster->count - 1],
                               DOMI_REASON_GROUP_CLOSED, true);
        domi__group_leave(group);
    }
    if (group->on_close) {
        domi__group_enter(group, 0);
        group->on_close(group, reason, group->on_close_user);
        domi__group_leave(group);
    }
    host->slots[group->slot].group = NULL;
    host->slots[group->slot].next_free = host->free_slot;
    host->free_slot = group->slot;
    uncount_group(host);
    domi__group_release(group);
}

void domi__group_enter(struct domi_group *group, uint16_t type)
{
    begin(group->host, group, type);
}

void domi__group_leave(struct domi_group *group)
{
    finish(group->host, group->id);
    if (group->closing && !group->ended) {
        domi__group_shut(group, DOMI_REASON_GROUP_CLOSED);
    }
}

/* ---- groups ------------------------------------------------------------- */

/* Room for one more group, among the slots and in the heap of ticks. */
static bool make_slot(struct domi__group_host *host)
{
    uint32_t room = host->slot_room > 0 ? host->slot_room * 2 : 16;
    void *grown;

    if (host->free_slot < host->slot_count ||
        host->slot_count < host->slot_room) {
        return true;
    }
    grown = realloc(host->ticks.heap, room * sizeof(*host->ticks.heap));
    if (!grown) {
        return false;
    }
    host->ticks.heap = grown;
    grown = realloc(host->slots, room * sizeof(*host->slots));
    if (!grown) {
        return false;
    }
    host->slots = grown;
    host->slot_room = room;
    return true;
}

static uint32_t take_slot(struct domi__group_host *host)
{
    uint32_t slot = host->free_slot;

    if (slot < host->slot_count) {
        host->free_slot = host->slots[slot].next_free;
        return slot;
    }
    slot = host->slot_count++;
    host->free_slot = host->slot_count;
    return slot;
}

/* Makes a group one of the host's. False when memory is short. */
static bool adopt(struct domi__group_host *host, struct domi_group *group)
{
    if (!make_slot(host) ||
        domi__table_set(&host->groups, group->id, group) < 0) {
        return false;
    }
    group->host = host;
    group->slot = take_slot(host);
    host->slots[group->slot].group = group;
    if (group->tick_ns > 0) {
        group->tick_due =
            host->options.calls->now(host->options.arg) + group->tick_ns;
        domi__ticks_set(&host->ticks, group);
    }
    domi__effect_note(host, DOMI__EFFECT_OPENED,
                      (struct domi__effect_note){.group = group->id});
    return true;
}

void domi__group_host_open(struct domi__group_host *host,
                           struct domi_group *group)
{
    if (host->stopped) {
        domi__group_abandon(group, DOMI_REASON_STOPPING);
        return;
    }
    if (domi__table_get(&host->groups, group->id)) {
        domi__effect_note(host, DOMI__EFFECT_REFUSED,
                          (struct domi__effect_note){.group = group->id});
        domi__group_abandon(group, DOMI_REASON_GROUP_EXISTS);
        return;
    }
    /* The application's own are its own to limit. */
    count_group(host, 0);
    if (!adopt(host, group)) {
        uncount_group(host);
        domi__group_abandon(group, DOMI_REASON_MEMORY);
        return;
    }
    if (group->closing) {
        domi__group_shut(group, DOMI_REASON_GROUP_CLOSED);
    }
}

/* Asks the application for a group. NULL and why not. */
static struct domi_group *ask_for_group(struct domi__group_host *host,
                                        uint64_t id, enum domi_reason *reason)
{
    struct domi_group *group = domi_group_new(host->options.zone, id);
    int status;

    *reason = DOMI_REASON_MEMORY;
    if (!group) {
        return NULL;
    }
    begin(host, group, 0);
    status = host->options.on_group(host->options.zone, group,
                                    host->options.on_group_user);
    finish(host, id);
    if (status != 0) {
        *reason = DOMI_REASON_REFUSED;
        domi_group_free(group);
        return NULL;
    }
    if (!adopt(host, group)) {
        domi__group_abandon(group, DOMI_REASON_MEMORY);
        return NULL;
    }
    return group;
}

/* Makes a group that is not there. NULL and why not. */
static struct domi_group *make_group(struct domi__group_host *host,
                                     uint64_t id, enum domi_reason *reason)
{
    struct domi_group *group;

    *reason = DOMI_REASON_NO_GROUP;
    if (!host->options.on_group || host->stopped || id == DOMI__HELLO_GROUP) {
        return NULL;
    }
    *reason = DOMI_REASON_DRAINING;
    if (host->drain != 0) {
        return NULL;
    }
    *reason = DOMI_REASON_TOO_MANY;
    if (!count_group(host, host->options.group_limit)) {
        return NULL;
    }
    group = ask_for_group(host, id, reason);
    if (!group) {
        uncount_group(host);
        return NULL;
    }
    if (group->closing) {
        *reason = DOMI_REASON_NO_GROUP;
        domi__group_shut(group, DOMI_REASON_GROUP_CLOSED);
        return NULL;
    }
    return group;
}

void domi__group_host_stop(struct domi__group_host *host)
{
    uint32_t i;

    host->stopped = true;
    for (i = 0; i < host->slot_count; i++) {
        if (host->slots[i].group) {
            domi__group_shut(host->slots[i].group, DOMI_REASON_STOPPING);
        }
    }
}

/* ---- frames ------------------------------------------------------------- */

static struct domi_user sender_of(const struct domi__group_host *host,
                                  uint32_t link, uint64_t user)
{
    struct domi_user sender = {user, 0};

    if (link < host->link_room) {
        sender.gateway = host->links[link].id;
    }
    return sender;
}

static void drop(struct domi__group_host *host, uint64_t group, uint16_t type,
                 enum domi_reason reason)
{
    domi__effect_note(host, DOMI__EFFECT_DROPPED,
                      (struct domi__effect_note){.group = group,
                                                 .type = type,
                                                 .reason = (uint16_t)reason});
}

void domi__group_host_frame(struct domi__group_host *host, uint32_t link,
                            uint64_t user, uint64_t group_id, uint16_t type,
                            const uint8_t *data, uint32_t size)
{
    struct domi_frame frame = {.type = type,
                               .data_size = size,
                               .data = data,
                               .extend = data + size};
    struct domi_group *group = domi__table_get(&host->groups, group_id);
    const struct domi__group_handler *handler;
    enum domi_reason reason;

    if (!group && !(group = make_group(host, group_id, &reason))) {
        drop(host, group_id, type, reason);
        if (reason == DOMI_REASON_DRAINING || reason == DOMI_REASON_TOO_MANY) {
            domi__effect_missing(host, link, group_id, reason);
        }
        return;
    }
    handler = domi__group_find_handler(group, type);
    if (!handler) {
        drop(host, group_id, type, DOMI_REASON_UNKNOWN_TYPE);
        return;
    }
    domi__group_enter(group, type);
    handler->fn(group, sender_of(host, link, user), &frame, handler->user);
    domi__group_leave(group);
}

/* ---- users and links ---------------------------------------------------- */

void domi__group_host_user_leave(struct domi__group_host *host, uint32_t link,
                                 uint64_t user, uint64_t group_id)
{
    struct domi_group *group = domi__table_get(&host->groups, group_id);
    uint32_t number;

    if (!group) {
        return;
    }
    number = domi__members_find(&host->members, group->slot, link, user);
    if (number) {
        domi__group_enter(group, 0);
        domi__group_end_member(group, number, DOMI_REASON_LEFT, true);
        domi__group_leave(group);
    }
}

/*
 * The chain is out of the hash before the first callback, and a callback
 * touches its own group only; so the records that are still to be dropped
 * cannot change meanwhile.
 */
static void user_gone(struct domi__group_host *host, uint32_t link,
                      uint64_t user, enum domi_reason reason)
{
    uint32_t number = domi__members_take(&host->members, link, user);

    while (number) {
        struct domi__member was = *domi__members_at(&host->members, number);
        struct domi_group *group = host->slots[was.group].group;

        domi__members_drop(&host->members, &group->roster, number);
        domi__group_link_left(host, link);
        domi__group_enter(group, 0);
        domi__group_left(group, &was, reason);
        domi__group_leave(group);
        number = was.next;
    }
}

void domi__group_host_users_gone(struct domi__group_host *host, uint32_t link,
                                 const uint8_t *users, size_t count,
                                 enum domi_reason reason)
{
    size_t i;

    for (i = 0; i < count; i++) {
        user_gone(host, link, domi_get_u64(users + i * 8), reason);
    }
}

static bool make_link(struct domi__group_host *host, uint32_t link)
{
    uint32_t room = link < 16 ? 16 : link * 2;
    struct domi__group_link *grown;

    if (link < host->link_room) {
        return true;
    }
    grown = realloc(host->links, room * sizeof(*grown));
    if (!grown) {
        return false;
    }
    memset(grown + host->link_room, 0,
           (room - host->link_room) * sizeof(*grown));
    host->links = grown;
    host->link_room = room;
    return true;
}

/* When memory is short the link stays down, and its users cannot be added. */
void domi__group_host_link_up(struct domi__group_host *host, uint32_t link,
                              uint64_t id)
{
    if (!make_link(host, link)) {
        return;
    }
    host->links[link] = (struct domi__group_link){.id = id};
    host->links[link].up =
        domi__table_set(&host->link_ids, id,
                        (void *)((uintptr_t)link + 1)) == 0;
}

void domi__group_host_link_features(struct domi__group_host *host,
                                    uint32_t link, uint32_t features)
{
    if (link < host->link_room) {
        host->links[link].features = features;
    }
}

/* Records that callbacks make meanwhile are never of this link, as it is down
   already; so one pass over the pool meets all. */
static void leave_link(struct domi__group_host *host, uint32_t link)
{
    const struct domi__members *members = &host->members;
    uint32_t number;

    for (number = 1;
         number <= members->used && host->links[link].members > 0; number++) {
        const struct domi__member *member = domi__members_at(members, number);

        if (member->group != DOMI__NO_GROUP && member->link == link) {
            struct domi_group *group = host->slots[member->group].group;

            domi__group_enter(group, 0);
            domi__group_end_member(group, number, DOMI_REASON_GATEWAY_LOST,
                                   true);
            domi__group_leave(group);
        }
    }
}

void domi__group_host_link_down(struct domi__group_host *host, uint32_t link)
{
    if (link < host->link_room && host->links[link].up) {
        host->links[link].up = false;
        domi__table_remove(&host->link_ids, host->links[link].id);
        leave_link(host, link);
    }
    domi__effect_note(host, DOMI__EFFECT_LINK_DONE,
                      (struct domi__effect_note){.group = link});
}

uint32_t domi__group_link_index(const struct domi__group_host *host,
                                uint64_t gateway)
{
    uintptr_t found = (uintptr_t)domi__table_get(&host->link_ids, gateway);

    return found ? (uint32_t)(found - 1) : DOMI__NO_LINK;
}

/* ---- time --------------------------------------------------------------- */

static void tick(struct domi_group *group, uint64_t now_ns)
{
    uint64_t count = (now_ns - group->tick_due) / group->tick_ns + 1;

    group->tick_due += count * group->tick_ns;
    domi__ticks_set(&group->host->ticks, group);
    domi__group_enter(group, 0);
    group->on_tick(group, count < UINT32_MAX ? (uint32_t)count : UINT32_MAX,
                   group->on_tick_user);
    domi__group_leave(group);
}

uint64_t domi__group_host_time(struct domi__group_host *host, uint64_t now_ns)
{
    struct domi__ticks *ticks = &host->ticks;

    while (ticks->count > 0 && ticks->heap[0]->tick_due <= now_ns) {
        tick(ticks->heap[0], now_ns);
    }
    return ticks->count > 0 ? ticks->heap[0]->tick_due : UINT64_MAX;
}
