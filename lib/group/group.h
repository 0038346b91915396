/* SPDX-License-Identifier: MIT */
/* The groups of one worker: frames and events in, effects out. */
#ifndef DOMI_GROUP_HOST_H
#define DOMI_GROUP_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "domi/group.h"
#include "domi/zone.h"

/*
 * A host keeps all groups of one worker and runs their handlers. It knows no
 * socket, no thread and no clock: it is told what happened, and what its
 * groups ask for comes out as effects, in the order asked. All of it runs on
 * the worker's thread, but for what is marked otherwise.
 */
struct domi__group_host;

/* ---- effects ------------------------------------------------------------ */

enum domi__effect_kind {
    DOMI__EFFECT_FRAME,   /* struct domi__effect_frame */
    DOMI__EFFECT_SLOW,    /* the rest: struct domi__effect_note */
    DOMI__EFFECT_DROPPED, /* a frame reached no handler: reason */
    DOMI__EFFECT_REFUSED, /* a group of this id was there already */
    DOMI__EFFECT_LINK_DONE, /* after a link's end; `group` is its index */
    DOMI__EFFECT_OPENED,  /* a group is there, before its first frame */
    DOMI__EFFECT_CLOSED,  /* it is no more, and why, as gateways are told */
    DOMI__EFFECT_EMPTIED, /* in a drain, `group` is its number: there is no
                             member now, as at its begin, or as the last left */
    DOMI__EFFECT_MOVED,   /* after a move; `group` is how many users */
};

/* One frame for some links. Behind it: `count` indices of links, u32 each,
   and then the frame's bytes. */
struct domi__effect_frame {
    uint32_t count;
    uint32_t size; /* of the frame */
};

struct domi__effect_note {
    uint64_t group;
    uint32_t ms;     /* SLOW: how long the call took */
    uint16_t type;   /* of the frame; 0: a call for another cause */
    uint16_t reason; /* DROPPED: NO_GROUP, UNKNOWN_TYPE, REFUSED, MEMORY,
                        TOO_MANY or DRAINING; CLOSED: GROUP_CLOSED or
                        DRAINING */
};

/* What a host needs; all called on its thread with `arg`. */
struct domi__group_calls {
    /* Room for an effect, aligned to 8; never NULL up to record_limit. */
    void *(*reserve)(void *arg, size_t size);
    void (*commit)(void *arg, uint32_t kind);
    /* Monotonic nanoseconds. */
    uint64_t (*now)(void *arg);
};

struct domi__group_options {
    const struct domi__group_calls *calls;
    void *arg;
    struct domi_zone *zone;      /* passed on; the host does not look inside */
    domi_zone_group_fn on_group; /* NULL: unknown groups are refused */
    void *on_group_user;
    uint32_t frame_limit;        /* bytes of a frame to a gateway */
    size_t record_limit;         /* bytes of an effect; frame_limit at least */
    uint64_t handler_limit_ns;   /* longer calls are reported as slow */
    _Atomic uint32_t *group_count; /* of all hosts that share it; NULL: this
                                      one alone */
    uint32_t group_limit; /* frames make no more than these; 0: any number */
};

/* ---- the host ----------------------------------------------------------- */

/* NULL when memory is short or there is no randomness. [loop] */
struct domi__group_host *
domi__group_host_new(const struct domi__group_options *options);

/* Frees a host without callbacks: groups that are there still are the
   caller's fault (see domi__group_host_stop). Accepts NULL. [loop] */
void domi__group_host_free(struct domi__group_host *host);

/* The index of no link: the zone itself is the sender. */
#define DOMI__NO_LINK UINT32_MAX

/* The link `id` is open and goes by this small index from now on. */
void domi__group_host_link_up(struct domi__group_host *host, uint32_t link,
                              uint64_t id);

/* The gateway behind it has said which features it knows. */
void domi__group_host_link_features(struct domi__group_host *host,
                                    uint32_t link, uint32_t features);

/*
 * The link is gone: its users leave all groups with GATEWAY_LOST. An effect
 * LINK_DONE says that nothing will name the index any more. Looks at all
 * memberships once, unless the link has none.
 */
void domi__group_host_link_down(struct domi__group_host *host, uint32_t link);

/* A frame for a group, from a user, or from the link or the zone itself. */
void domi__group_host_frame(struct domi__group_host *host, uint32_t link,
                            uint64_t user, uint64_t group, uint16_t type,
                            const uint8_t *data, uint32_t size);

/* The gateway says that the user has left this group. */
void domi__group_host_user_leave(struct domi__group_host *host, uint32_t link,
                                 uint64_t user, uint64_t group);

/* The gateway says that these users, 8 bytes each as on the wire, are gone:
   they leave all their groups. */
void domi__group_host_users_gone(struct domi__group_host *host, uint32_t link,
                                 const uint8_t *users, size_t count,
                                 enum domi_reason reason);

/* Takes over a group that domi_group_new made. */
void domi__group_host_open(struct domi__group_host *host,
                           struct domi_group *group);

/*
 * A drain of this number begins, or, with 0, the present one is over. During a
 * drain no groups are made for frames: their links are told GROUP_CLOSED with
 * DRAINING. Effects EMPTIED follow.
 */
void domi__group_host_drain(struct domi__group_host *host, uint32_t number);

/*
 * During a drain: closes groups with DRAINING, one after the other, until they
 * had `users` members together, or 256 groups are closed. An effect MOVED
 * follows in any case.
 */
void domi__group_host_move(struct domi__group_host *host, uint32_t users);

/* How many memberships there are; a glimpse. [any] */
uint32_t domi__group_host_members(const struct domi__group_host *host);

/* Runs the ticks that are due; the time of the next one, or UINT64_MAX. */
uint64_t domi__group_host_time(struct domi__group_host *host, uint64_t now_ns);

/* Closes all groups with STOPPING; none are made or opened any more. */
void domi__group_host_stop(struct domi__group_host *host);

/* What runs just now, for reports: true, and the group and the frame's type
   (or 0), or false. A glimpse that may be past already. [any] */
bool domi__group_host_running(const struct domi__group_host *host,
                              uint64_t *group, uint16_t *type);

/* Closes and frees a group that no host ever took over. [loop] */
void domi__group_abandon(struct domi_group *group, enum domi_reason reason);

#endif
