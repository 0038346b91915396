/* SPDX-License-Identifier: MIT */
/* A group: its handlers, callbacks and members, as its callbacks use them. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "domi/err.h"
#include "frame/frame.h"
#include "group/state.h"

/* ---- life --------------------------------------------------------------- */

struct domi_group *domi_group_new(struct domi_zone *zone, uint64_t id)
{
    struct domi_group *group;

    assert(id != DOMI__HELLO_GROUP);
    group = calloc(1, sizeof(*group));
    if (group) {
        group->zone = zone;
        group->id = id;
    }
    return group;
}

void domi__group_release(struct domi_group *group)
{
    if (group) {
        domi__group_roster_fini(&group->roster);
        free(group->handlers);
        free(group);
    }
}

void domi_group_free(struct domi_group *group)
{
    assert(!group || !group->host);
    domi__group_release(group);
}

void domi__group_abandon(struct domi_group *group, enum domi_reason reason)
{
    group->ended = true;
    if (group->on_close) {
        group->on_close(group, reason, group->on_close_user);
    }
    domi__group_release(group);
}

/* The group's own callback runs, or it is not opened yet. */
static void check_thread(const struct domi_group *group)
{
    assert(!group->host || group->host->running == group);
    (void)group;
}

void domi_group_close(struct domi_group *group)
{
    check_thread(group);
    group->closing = true;
}

/* ---- handlers and callbacks --------------------------------------------- */

/* The first place whose type is not below this one. */
static uint16_t handler_place(const struct domi_group *group, uint16_t type)
{
    uint16_t low = 0;
    uint16_t high = group->handler_count;

    while (low < high) {
        uint16_t middle = (uint16_t)((low + high) / 2);

        if (group->handlers[middle].type < type) {
            low = (uint16_t)(middle + 1);
        } else {
            high = middle;
        }
    }
    return low;
}

const struct domi__group_handler *
domi__group_find_handler(const struct domi_group *group, uint16_t type)
{
    uint16_t at = handler_place(group, type);

    return at < group->handler_count && group->handlers[at].type == type
               ? &group->handlers[at]
               : NULL;
}

static void remove_handler(struct domi_group *group, uint16_t at)
{
    group->handler_count--;
    memmove(&group->handlers[at], &group->handlers[at + 1],
            (size_t)(group->handler_count - at) * sizeof(*group->handlers));
}

static int insert_handler(struct domi_group *group, uint16_t at,
                          struct domi__group_handler handler)
{
    /* There are fewer types than a u16 counts. */
    if (group->handler_count == group->handler_room) {
        uint32_t room = group->handler_room < 2 ? 2 : group->handler_room * 2u;
        void *grown;

        room = room < UINT16_MAX ? room : UINT16_MAX;
        grown = realloc(group->handlers, room * sizeof(*group->handlers));
        if (!grown) {
            return -ENOMEM;
        }
        group->handlers = grown;
        group->handler_room = (uint16_t)room;
    }
    memmove(&group->handlers[at + 1], &group->handlers[at],
            (size_t)(group->handler_count - at) * sizeof(*group->handlers));
    group->handlers[at] = handler;
    group->handler_count++;
    return 0;
}

int domi_group_handle(struct domi_group *group, uint16_t type,
                      domi_group_handler_fn handler, void *user)
{
    const struct domi__group_handler *found;
    uint16_t at;

    check_thread(group);
    if (type < DOMI_TYPE_FIRST) {
        return DOMI_E_TYPE_RESERVED;
    }
    at = handler_place(group, type);
    found = domi__group_find_handler(group, type);
    if (!handler) {
        if (found) {
            remove_handler(group, at);
        }
        return 0;
    }
    if (found) {
        return found->fn == handler && found->user == user ? 0
                                                           : DOMI_E_TYPE_TAKEN;
    }
    return insert_handler(
        group, at, (struct domi__group_handler){handler, user, type});
}

void domi_group_on_join(struct domi_group *group, domi_group_join_fn on_join,
                        void *user)
{
    check_thread(group);
    group->on_join = on_join;
    group->on_join_user = user;
}

void domi_group_on_leave(struct domi_group *group,
                         domi_group_leave_fn on_leave, void *user)
{
    check_thread(group);
    group->on_leave = on_leave;
    group->on_leave_user = user;
}

void domi_group_on_close(struct domi_group *group,
                         domi_group_close_fn on_close, void *user)
{
    check_thread(group);
    group->on_close = on_close;
    group->on_close_user = user;
}

void domi_group_tick(struct domi_group *group, uint64_t interval_us,
                     domi_group_tick_fn on_tick, void *user)
{
    struct domi__group_host *host = group->host;
    bool ends = interval_us == 0 || !on_tick || group->ended;

    check_thread(group);
    if (interval_us < 1000) {
        interval_us = 1000;
    }
    /* Longer than a hundred years is never. */
    if (interval_us > UINT64_MAX / 5000) {
        interval_us = UINT64_MAX / 5000;
    }
    group->on_tick = on_tick;
    group->on_tick_user = user;
    group->tick_ns = ends ? 0 : interval_us * 1000;
    if (!host) {
        return;
    }
    if (ends) {
        domi__ticks_remove(&host->ticks, group);
        return;
    }
    group->tick_due =
        host->options.calls->now(host->options.arg) + group->tick_ns;
    domi__ticks_set(&host->ticks, group);
}

/* ---- what it is --------------------------------------------------------- */

uint64_t domi_group_id(const struct domi_group *group)
{
    return group->id;
}

struct domi_zone *domi_group_zone(const struct domi_group *group)
{
    return group->zone;
}

void domi_group_set_data(struct domi_group *group, void *data)
{
    group->data = data;
}

void *domi_group_data(const struct domi_group *group)
{
    return group->data;
}

/* ---- members ------------------------------------------------------------ */

/* The membership, or 0; a group that has ended has no members any more. */
static uint32_t find_member(const struct domi_group *group,
                            struct domi_user user)
{
    uint32_t link;

    if (!group->host || group->ended) {
        return 0;
    }
    link = domi__group_link_index(group->host, user.gateway);
    if (link == DOMI__NO_LINK) {
        return 0;
    }
    return domi__members_find(&group->host->members, group->slot, link,
                              user.id);
}

int domi_group_add(struct domi_group *group, struct domi_user user)
{
    struct domi__group_host *host = group->host;
    uint32_t link;

    check_thread(group);
    if (!host || user.id == 0 || domi_user_is_gateway(user)) {
        return DOMI_E_SESSION_GONE;
    }
    if (group->ended) {
        return DOMI_E_STATE;
    }
    link = domi__group_link_index(host, user.gateway);
    if (link == DOMI__NO_LINK) {
        return DOMI_E_SESSION_GONE;
    }
    if (domi__members_find(&host->members, group->slot, link, user.id)) {
        return 0;
    }
    if (!domi__members_add(&host->members, &group->roster, group->slot, link,
                           user.id)) {
        return -ENOMEM;
    }
    host->links[link].members++;
    domi__effect_joined(group, link, user.id);
    if (group->on_join) {
        group->on_join(group, user, group->on_join_user);
    }
    return 0;
}

void domi__group_left(struct domi_group *group, const struct domi__member *was,
                      enum domi_reason reason)
{
    struct domi_user user = {was->user, group->host->links[was->link].id};

    if (group->on_leave) {
        group->on_leave(group, user, reason, was->data, group->on_leave_user);
    }
}

void domi__group_end_member(struct domi_group *group, uint32_t number,
                            enum domi_reason reason, bool told)
{
    struct domi__group_host *host = group->host;
    struct domi__member was = *domi__members_at(&host->members, number);

    domi__members_remove(&host->members, &group->roster, number);
    domi__group_link_left(host, was.link);
    if (!told) {
        domi__effect_left(group, was.link, was.user, reason);
    }
    domi__group_left(group, &was, reason);
}

int domi_group_remove(struct domi_group *group, struct domi_user user,
                      enum domi_reason reason)
{
    uint32_t number = find_member(group, user);

    check_thread(group);
    if (!number) {
        return DOMI_E_NOT_MEMBER;
    }
    domi__group_end_member(group, number, reason, false);
    return 0;
}

bool domi_group_has(const struct domi_group *group, struct domi_user user)
{
    return find_member(group, user) != 0;
}

size_t domi_group_count(const struct domi_group *group)
{
    return group->ended ? 0 : group->roster.count;
}

size_t domi_group_list(const struct domi_group *group, size_t first,
                       struct domi_user *users, size_t size)
{
    const struct domi__group_host *host = group->host;
    size_t count = domi_group_count(group);
    size_t i;

    for (i = 0; i < size && first < count; i++, first++) {
        const struct domi__member *member =
            domi__members_at(&host->members, group->roster.records[first]);

        users[i].id = member->user;
        users[i].gateway = host->links[member->link].id;
    }
    return i;
}

int domi_group_set_member_data(struct domi_group *group, struct domi_user user,
                               void *data)
{
    uint32_t number = find_member(group, user);

    if (!number) {
        return DOMI_E_NOT_MEMBER;
    }
    domi__members_at(&group->host->members, number)->data = data;
    return 0;
}

void *domi_group_member_data(const struct domi_group *group,
                             struct domi_user user)
{
    uint32_t number = find_member(group, user);

    return number ? domi__members_at(&group->host->members, number)->data
                  : NULL;
}
