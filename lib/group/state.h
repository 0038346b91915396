/* SPDX-License-Identifier: MIT */
/* Inside the group room: a group, its host, and what their files share. */
#ifndef DOMI_GROUP_STATE_H
#define DOMI_GROUP_STATE_H

#include <stdatomic.h>

#include "group/group.h"
#include "group/members.h"

struct domi__group_handler {
    domi_group_handler_fn fn;
    void *user;
    uint16_t type;
};

/* A group. Memory matters: there are many. */
struct domi_group {
    uint64_t id;
    struct domi_zone *zone;
    struct domi__group_host *host; /* NULL until it is opened */
    void *data;
    struct domi__group_roster roster;
    struct domi__group_handler *handlers; /* sorted by type */
    uint16_t handler_count;
    uint16_t handler_room;
    uint32_t slot;    /* in the host */
    uint32_t tick_at; /* place in the heap of ticks, from 1 up; 0: none */
    bool closing;     /* domi_group_close was called */
    bool ended;       /* members are leaving, or have left, for good */
    domi_group_join_fn on_join;
    void *on_join_user;
    domi_group_leave_fn on_leave;
    void *on_leave_user;
    domi_group_close_fn on_close;
    void *on_close_user;
    domi_group_tick_fn on_tick;
    void *on_tick_user;
    uint64_t tick_ns; /* 0: no tick */
    uint64_t tick_due;
};

struct domi__group_link {
    uint64_t id;
    uint32_t features;
    uint32_t members; /* memberships in all groups */
    bool up;
    uint64_t pass;    /* of the multicast that has served it */
};

struct domi__group_slot {
    struct domi_group *group; /* NULL: free */
    uint32_t next_free;
};

/* A heap of the groups that tick, the one that is due first on top. */
struct domi__ticks {
    struct domi_group **heap;
    uint32_t count;
};

struct domi__group_host {
    struct domi__group_options options;
    struct domi__members members;
    struct domi__table groups; /* by id */
    _Atomic uint32_t own_count; /* of groups, where none is shared */
    struct domi__table link_ids; /* to index + 1 */
    struct domi__group_slot *slots;
    uint32_t slot_count; /* that were ever used */
    uint32_t slot_room;  /* of slots, and of the heap */
    uint32_t free_slot;  /* slot_count: none */
    struct domi__group_link *links;
    uint32_t link_room;
    uint64_t pass; /* of multicasts */
    struct domi__ticks ticks;
    bool stopped;
    uint32_t drain;   /* number of the drain under way; 0: none */
    uint32_t move_at; /* the slot that is looked at next for a move */
    uint64_t began_ns;           /* of the callback that runs */
    struct domi_group *running;  /* whose callback runs; NULL: none */
    _Atomic uint64_t running_id; /* as above, for domi__group_host_running */
    _Atomic uint32_t running_type; /* plus 1; 0: none */
};

/* ---- host.c ------------------------------------------------------------- */

/*
 * Around each callback that the host makes; `type` is of the frame, or 0.
 * `leave` reports a slow call, and closes the group when that was asked for:
 * the group may be gone then.
 */
void domi__group_enter(struct domi_group *group, uint16_t type);
void domi__group_leave(struct domi_group *group);

/* The link's index, or DOMI__NO_LINK when it is not up. */
uint32_t domi__group_link_index(const struct domi__group_host *host,
                                uint64_t gateway);

/* Closes a group whose callback does not run: everybody leaves at once; then
   the callbacks are told one by one. The group is freed. */
void domi__group_shut(struct domi_group *group, enum domi_reason reason);

/* ---- drain.c ------------------------------------------------------------ */

/* A membership behind this link has ended. */
void domi__group_link_left(struct domi__group_host *host, uint32_t link);

/* ---- group.c ------------------------------------------------------------ */

/* Ends a membership and calls on_leave. `told`: the user's gateway knows
   already. */
void domi__group_end_member(struct domi_group *group, uint32_t number,
                            enum domi_reason reason, bool told);

/* Calls on_leave for a member that has just been taken out. */
void domi__group_left(struct domi_group *group, const struct domi__member *was,
                      enum domi_reason reason);

/* The handler of a type, or NULL. */
const struct domi__group_handler *
domi__group_find_handler(const struct domi_group *group, uint16_t type);

/* Frees the memory of a group that is in no host and has no members. */
void domi__group_release(struct domi_group *group);

/* ---- ticks.c ------------------------------------------------------------ */

/* Puts a group in at its tick_due, or moves it there. */
void domi__ticks_set(struct domi__ticks *ticks, struct domi_group *group);
void domi__ticks_remove(struct domi__ticks *ticks, struct domi_group *group);

/* ---- effects.c ---------------------------------------------------------- */

void domi__effect_note(struct domi__group_host *host,
                       enum domi__effect_kind kind,
                       struct domi__effect_note note);

/* Tells the gateway of a member, where it knows groups. */
void domi__effect_joined(struct domi_group *group, uint32_t link,
                         uint64_t user);
void domi__effect_left(struct domi_group *group, uint32_t link, uint64_t user,
                       enum domi_reason reason);

/* Tells the zone, which tells the gateways that follow its groups, and the
   others that have members, that the group is no more. */
void domi__effect_closed(struct domi_group *group, enum domi_reason reason);

/* Tells one gateway, where it knows groups, that the group is not here. */
void domi__effect_missing(struct domi__group_host *host, uint32_t link,
                          uint64_t group, enum domi_reason reason);

#endif
