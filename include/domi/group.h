/* SPDX-License-Identifier: MIT */
/* Groups: users and state, living on one worker of a zone. */
#ifndef DOMI_GROUP_H
#define DOMI_GROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "domi/api.h"
#include "domi/frame.h"
#include "domi/reason.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * The contract of a group.
 *
 * A group belongs to one worker thread of its zone for its whole life. All
 * its callbacks run there, one at a time, and so need no lock for what belongs
 * to the group. Frames of one user reach the handlers in the order in which
 * they reached the zone's loop. What a handler asks for (send, broadcast, add,
 * remove, close) takes place in the order asked: a user added before a
 * broadcast gets it, one removed before it does not.
 *
 * Functions marked [handler] may be called in a callback of this very group,
 * or, before domi_group_open, by the thread that made the group.
 */
struct domi_group;
struct domi_zone;

/*
 * A user as zones see it: the id that its gateway gave it, and the link to
 * that gateway. Both together name a user; compare both. A plain value, to be
 * copied and kept at will; it may name a user that has gone meanwhile, which
 * is never an error.
 */
struct domi_user {
    uint64_t id;
    uint64_t gateway;
};

static inline bool domi_user_equal(struct domi_user a, struct domi_user b)
{
    return a.id == b.id && a.gateway == b.gateway;
}

/*
 * A frame that has been sent by the application's code in the gateway itself
 * (domi_session_send_zone), not by a user, has the link for its sender. What
 * such a frame says of a user can be believed as far as the gateway can.
 */
static inline bool domi_user_is_gateway(struct domi_user user)
{
    return user.id == user.gateway;
}

/* The sender of frames that come from domi_zone_post. */
static inline bool domi_user_is_zone(struct domi_user user)
{
    return user.id == 0 && user.gateway == 0;
}

/* A frame for the group. `sender` need not be a member. */
typedef void (*domi_group_handler_fn)(struct domi_group *group,
                                      struct domi_user sender,
                                      const struct domi_frame *frame,
                                      void *user);

/* `member` has joined. */
typedef void (*domi_group_join_fn)(struct domi_group *group,
                                   struct domi_user member, void *user);

/*
 * `member` is no longer in the group. `reason` is LEFT (its own wish, through
 * the gateway or through domi_group_remove), DISCONNECTED, GATEWAY_LOST,
 * KICKED or GROUP_CLOSED. `data` is what domi_group_set_member_data had set.
 */
typedef void (*domi_group_leave_fn)(struct domi_group *group,
                                    struct domi_user member,
                                    enum domi_reason reason, void *data,
                                    void *user);

/*
 * `ticks` is the number of intervals since the last call: 1, or more when the
 * worker was late; the phase is kept.
 */
typedef void (*domi_group_tick_fn)(struct domi_group *group, uint32_t ticks,
                                   void *user);

/*
 * The last callback of a group, after the leave callbacks of its members: the
 * place to free its data. The group may not be used after it. `reason` is
 * STOPPING when the zone ends, DRAINING when the zone drains and sends the
 * group's members to other zones, else GROUP_CLOSED.
 */
typedef void (*domi_group_close_fn)(struct domi_group *group,
                                    enum domi_reason reason, void *user);

/*
 * A new group with this id, any number but UINT64_MAX. It is the caller's
 * until domi_group_open, so that handlers can be set in peace. NULL when
 * memory is short. [loop]
 */
DOMI_API struct domi_group *domi_group_new(struct domi_zone *zone, uint64_t id);

/*
 * Frees a group that has not been opened, without callbacks. Accepts NULL. An
 * opened group is closed with domi_group_close. [loop]
 */
DOMI_API void domi_group_free(struct domi_group *group);

/*
 * Hands the group over to its worker, before or after the zone's start. From
 * then on only the group's own callbacks may touch it; nothing guards it
 * against other threads, who have domi_zone_post. A group that is never opened
 * must be freed before the zone's close callback. UV_EAGAIN when the
 * worker's ring is full, DOMI_E_STATE when the zone drains or is closing or its
 * start has failed, UV_ENOMEM: the group is the caller's still. When its worker
 * finds a group of this id there already, the new one is closed: on_close is
 * called with DOMI_REASON_GROUP_EXISTS. [loop]
 */
DOMI_API int domi_group_open(struct domi_group *group);

/*
 * Calls `handler` for frames of `type`; NULL takes the handler away.
 * DOMI_E_TYPE_RESERVED for types below 50; DOMI_E_TYPE_TAKEN when another
 * handler is set; UV_ENOMEM. [handler]
 */
DOMI_API int domi_group_handle(struct domi_group *group, uint16_t type,
                               domi_group_handler_fn handler, void *user);

/* Sets the callback for joining, leaving, closing; NULL for none. [handler] */
DOMI_API void domi_group_on_join(struct domi_group *group,
                                 domi_group_join_fn on_join, void *user);
DOMI_API void domi_group_on_leave(struct domi_group *group,
                                  domi_group_leave_fn on_leave, void *user);
DOMI_API void domi_group_on_close(struct domi_group *group,
                                  domi_group_close_fn on_close, void *user);

/*
 * Calls `on_tick` every `interval_us` microseconds on the group's worker, on
 * an even beat; one tick per group. An interval of 0 or a NULL callback ends
 * it. Intervals below 1000 are taken as 1000. [handler]
 */
DOMI_API void domi_group_tick(struct domi_group *group, uint64_t interval_us,
                              domi_group_tick_fn on_tick, void *user);

/* [handler] */
DOMI_API uint64_t domi_group_id(const struct domi_group *group);

/* The zone, for which only domi_zone_post and domi_zone_data may be called
   there. [handler] */
DOMI_API struct domi_zone *domi_group_zone(const struct domi_group *group);

/* A pointer of the application's, NULL at first. [handler] */
DOMI_API void domi_group_set_data(struct domi_group *group, void *data);
DOMI_API void *domi_group_data(const struct domi_group *group);

/*
 * Makes `user` a member, who gets broadcasts from now on. Harmless when it is
 * one already. 0; UV_ENOMEM; DOMI_E_SESSION_GONE when the link to its gateway
 * is gone, or when `user` is a gateway or the zone; DOMI_E_STATE in the
 * callbacks of a group that is being closed. Calls on_join for a new member
 * before it returns. [handler]
 */
DOMI_API int domi_group_add(struct domi_group *group, struct domi_user user);

/*
 * Ends the membership with this reason (LEFT or KICKED; a kicked user is told)
 * and calls on_leave before it returns. DOMI_E_NOT_MEMBER when there was
 * none, which is harmless. [handler]
 */
DOMI_API int domi_group_remove(struct domi_group *group, struct domi_user user,
                               enum domi_reason reason);

/* [handler] */
DOMI_API bool domi_group_has(const struct domi_group *group,
                             struct domi_user user);

/* The number of members. [handler] */
DOMI_API size_t domi_group_count(const struct domi_group *group);

/*
 * Copies up to `size` members to `users`, beginning with the one numbered
 * `first`, and returns how many it copied. The numbering holds until a member
 * joins or leaves. [handler]
 */
DOMI_API size_t domi_group_list(const struct domi_group *group, size_t first,
                                struct domi_user *users, size_t size);

/*
 * A pointer of the application's for a member, NULL at first, also for a user
 * that is no member. DOMI_E_NOT_MEMBER when there is none. [handler]
 */
DOMI_API int domi_group_set_member_data(struct domi_group *group,
                                        struct domi_user user, void *data);
DOMI_API void *domi_group_member_data(const struct domi_group *group,
                                      struct domi_user user);

/*
 * Sends a frame of `type` with these bytes to one user, member or not, to all
 * members, to all but one, or to those listed; the last takes time and wire
 * for each of them. Users behind a gateway that is gone are passed over. 0;
 * DOMI_E_TYPE_RESERVED for types below 50; DOMI_E_FRAME_LENGTH when the frame
 * would be longer than the zone's frame limit less 64 bytes. A handler waits
 * when the zone's loop is too busy to take more. [handler]
 */
DOMI_API int domi_group_send(struct domi_group *group, struct domi_user user,
                             uint16_t type, const void *data, uint32_t size);
DOMI_API int domi_group_broadcast(struct domi_group *group, uint16_t type,
                                  const void *data, uint32_t size);
DOMI_API int domi_group_broadcast_except(struct domi_group *group,
                                         struct domi_user user, uint16_t type,
                                         const void *data, uint32_t size);
DOMI_API int domi_group_multicast(struct domi_group *group,
                                  const struct domi_user *users, size_t count,
                                  uint16_t type, const void *data,
                                  uint32_t size);

/*
 * Closes the group when the present callback has returned: all members leave
 * at once with GROUP_CLOSED and are told, then on_leave is called for each, and
 * at last on_close. Frames that still come for its id count as for an unknown
 * group. [handler]
 */
DOMI_API void domi_group_close(struct domi_group *group);

#ifdef __cplusplus
}
#endif

#endif
