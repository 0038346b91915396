/* SPDX-License-Identifier: MIT */
/* What comes from zones: members, and frames for them. */
#include "gateway/inner.h"

#include <stdlib.h>

#define ID_SIZE 8u

/* ---- members ------------------------------------------------------------- */

/*
 * The zone has made a user a member. A user that is gone, or was never
 * attached to this zone, is taken back there. One that the zone has moved to
 * another of its groups is attached to it.
 */
static void joined_one(struct domi_gateway *gateway, struct domi__link *link,
                       uint64_t user, uint64_t group)
{
    const struct domi_target target = {domi__link_id(link), group};
    struct domi_session *session = domi__table_get(&gateway->sessions, user);
    struct domi__attachment *attachment =
        session ? domi__attachment_find(session, &target) : NULL;

    if (session && !attachment && domi__session_uses(session, target.id) &&
        domi__attach(session, link, group, &attachment)) {
        attachment = NULL;
    }
    if (attachment && attachment->audience) {
        domi__attachment_join(attachment);
    } else {
        domi__user_leave(link, user, group);
    }
}

static void left_one(struct domi_gateway *gateway, struct domi__link *link,
                     uint64_t user, uint64_t group, enum domi_reason reason)
{
    const struct domi_target target = {domi__link_id(link), group};
    struct domi_session *session = domi__table_get(&gateway->sessions, user);
    struct domi__attachment *attachment =
        session ? domi__attachment_find(session, &target) : NULL;

    if (!attachment || !attachment->audience) {
        return;
    }
    if (reason == DOMI_REASON_KICKED) {
        domi__attachment_lose(attachment, reason);
    } else {
        domi__attachment_unjoin(attachment);
    }
}

static void on_joined(struct domi_gateway *gateway, struct domi__link *link,
                      const struct domi_frame *frame)
{
    uint64_t group = domi_get_u64(frame->extend);

    for (uint32_t at = 0; at < frame->data_size; at += ID_SIZE) {
        joined_one(gateway, link, domi_get_u64(frame->data + at), group);
    }
}

static void on_left(struct domi_gateway *gateway, struct domi__link *link,
                    const struct domi_frame *frame)
{
    uint64_t group = domi_get_u64(frame->extend);
    enum domi_reason reason = domi_get_u16(frame->extend + ID_SIZE);

    for (uint32_t at = 0; at < frame->data_size; at += ID_SIZE) {
        left_one(gateway, link, domi_get_u64(frame->data + at), group, reason);
    }
}

static void on_group_closed(struct domi__link *link,
                            const struct domi_frame *frame)
{
    struct domi__audience *audience =
        domi__audience_find(link, domi_get_u64(frame->extend));

    enum domi_reason reason = domi_get_u16(frame->extend + ID_SIZE);

    if (audience) {
        domi__audience_lose(audience, reason == DOMI_REASON_DRAINING ||
                                              reason == DOMI_REASON_TOO_MANY
                                          ? reason
                                          : DOMI_REASON_GROUP_CLOSED);
    }
}

/* ---- frames for users ---------------------------------------------------- */

/* The type that users are to see; anything below 50 is the zone's offence. */
static bool inner_type(struct domi__link *link, const uint8_t *at,
                       uint16_t *type)
{
    *type = domi_get_u16(at);
    if (*type < DOMI_TYPE_FIRST) {
        domi__session_close(domi__link_session(link),
                            DOMI_REASON_FORBIDDEN_INNER_TYPE);
        return false;
    }
    return true;
}

static void on_broadcast(struct domi_gateway *gateway, struct domi__link *link,
                         const struct domi_frame *frame, uint64_t except)
{
    const uint8_t *group = frame->extend + frame->extend_size - 10;
    struct domi__audience *audience =
        domi__audience_find(link, domi_get_u64(group));
    struct domi__fanout fanout;
    uint64_t sent = 0;
    uint16_t type;

    if (!inner_type(link, group + ID_SIZE, &type) || !audience) {
        return;
    }
    domi__fanout_init(&fanout, gateway->loop, &audience->batch, type,
                      frame->data, frame->data_size);
    for (uint32_t i = 0; i < audience->members; i++) {
        struct domi__session *session =
            &audience->attachments[i]->session->base;

        if (session->id != except) {
            sent += domi__fanout_send(&fanout, session) == 0;
        }
    }
    gateway->stats.frames_out += sent;
}

/*
 * Whether a frame that names this user may reach it. Zones may name users in
 * groups that the gateway was not told of, but no one who has left the group,
 * and no one who never came to this zone.
 */
static bool is_reachable(const struct domi_session *session,
                         const struct domi_target *target)
{
    const struct domi__attachment *attachment =
        domi__attachment_find(session, target);

    return attachment ? attachment->audience != NULL
                      : domi__session_uses(session, target->id);
}

/* Type 9, the recorded form: the frame names its users. */
static void on_to_users(struct domi_gateway *gateway, struct domi__link *link,
                        const struct domi_frame *frame)
{
    uint32_t users = (frame->extend_size - 10u) / ID_SIZE;
    const uint8_t *group = frame->extend + users * ID_SIZE;
    const struct domi_target target = {domi__link_id(link),
                                       domi_get_u64(group)};
    struct domi__fanout fanout;
    uint16_t type;

    if (!inner_type(link, group + ID_SIZE, &type)) {
        return;
    }
    domi__fanout_init(&fanout, gateway->loop, &gateway->multicast, type,
                      frame->data, frame->data_size);
    for (uint32_t i = 0; i < users; i++) {
        uint64_t user = domi_get_u64(frame->extend + i * ID_SIZE);
        struct domi_session *session =
            domi__table_get(&gateway->sessions, user);

        if (!session || !is_reachable(session, &target)) {
            domi__user_leave(link, user, target.group);
        } else if (domi__fanout_send(&fanout, &session->base) == 0) {
            gateway->stats.frames_out++;
        }
    }
}

static void on_frame(void *user, struct domi__link *link,
                     const struct domi_frame *frame)
{
    struct domi_gateway *gateway = user;

    if (domi__placement_frame(gateway->placement, link, frame)) {
        return;
    }
    switch ((enum domi__frame_type)frame->type) {
    case DOMI__FRAME_TO_USERS:
        on_to_users(gateway, link, frame);
        break;
    case DOMI__FRAME_JOINED:
        on_joined(gateway, link, frame);
        break;
    case DOMI__FRAME_LEFT:
        on_left(gateway, link, frame);
        break;
    case DOMI__FRAME_BROADCAST:
        on_broadcast(gateway, link, frame, 0);
        break;
    case DOMI__FRAME_BROADCAST_EXCEPT:
        on_broadcast(gateway, link, frame, domi_get_u64(frame->extend));
        break;
    case DOMI__FRAME_GROUP_CLOSED:
        on_group_closed(link, frame);
        break;
    case DOMI__FRAME_HEARTBEAT:
    case DOMI__FRAME_EXIT:
    case DOMI__FRAME_PING:
    case DOMI__FRAME_PONG:
    case DOMI__FRAME_TO_ZONE:
    case DOMI__FRAME_USER_LEAVE:
    case DOMI__FRAME_HELLO:
    case DOMI__FRAME_HELLO_ANSWER:
    case DOMI__FRAME_USERS_GONE:
    case DOMI__FRAME_NOTICE:
    case DOMI__FRAME_LOAD:
    case DOMI__FRAME_GROUPS:
    case DOMI__FRAME_GROUPS_END:
    case DOMI__FRAME_PLACE:
    case DOMI__FRAME_PLACED:
    case DOMI__FRAME_PROVE:
    case DOMI__FRAME_NODES:
        break; /* taken by transport, links and placement, or refused by the
                  check */
    }
}

/* ---- links that come and go ---------------------------------------------- */

static void resume_held(struct domi__route *route)
{
    struct domi__list ready;
    struct domi__list *node;

    domi__list_init(&ready);
    domi__list_move(&ready, &route->held);
    while ((node = domi__list_pop(&ready))) {
        domi__session_resume(
            &DOMI__CONTAINER(node, struct domi_session, held)->base);
    }
}

void domi__route_free(struct domi__route *route)
{
    domi__list_remove(&route->node);
    domi__table_fini(&route->audiences);
    free(route);
}

static void on_up(void *user, struct domi__link *link)
{
    struct domi_gateway *gateway = user;
    struct domi__route *route = calloc(1, sizeof(*route));

    domi__placement_link_up(gateway->placement, link);
    if (!route) {
        domi__session_close(domi__link_session(link), DOMI_REASON_MEMORY);
        return;
    }
    domi__table_init(&route->audiences, gateway->key);
    domi__list_init(&route->held);
    domi__list_init(&route->node);
    domi__list_push(&gateway->routes, &route->node);
    domi__link_set_data(link, route);
    domi__calls_link_up(gateway, link);
}

static void on_hello(void *user, struct domi__link *link)
{
    struct domi_gateway *gateway = user;

    domi__placement_link_hello(gateway->placement, link);
}

static void on_down(void *user, struct domi__link *link,
                    enum domi_reason reason)
{
    struct domi_gateway *gateway = user;
    struct domi__route *route = domi__link_data(link);
    const struct domi__table_slot *slot;
    size_t first = 0;

    gateway->stats.links_closed[reason]++;
    /* Calls that callbacks make must wait until the link is open again. */
    domi__link_set_data(link, NULL);
    domi__placement_link_down(gateway->placement, link);
    if (!route) {
        return; /* there was no memory for it */
    }
    while ((slot = domi__table_next(&route->audiences, &first))) {
        domi__audience_lose(slot->value, DOMI_REASON_ZONE_LOST);
        first = 0;
    }
    resume_held(route);
    domi__route_free(route);
}

static void on_low(void *user, struct domi__link *link)
{
    struct domi__route *route = domi__link_data(link);

    (void)user;
    if (route) {
        resume_held(route);
    }
}

/* The placement is told first, for the calls ask it anew. */
static void on_failed(void *user, struct domi__link *link,
                      enum domi_reason reason)
{
    struct domi_gateway *gateway = user;

    gateway->stats.links_closed[reason]++;
    domi__placement_link_failed(gateway->placement, link);
    domi__calls_link_failed(gateway, link);
}

static void on_gone(void *user, struct domi__link *link)
{
    struct domi_gateway *gateway = user;

    domi__placement_link_gone(gateway->placement, link);
    domi__calls_link_gone(gateway, link);
}

const struct domi__links_calls domi__gateway_links_calls = {
    .on_up = on_up,
    .on_hello = on_hello,
    .on_down = on_down,
    .on_failed = on_failed,
    .on_frame = on_frame,
    .on_low = on_low,
    .on_gone = on_gone,
};
