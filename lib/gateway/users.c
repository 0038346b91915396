/* SPDX-License-Identifier: MIT */
/*
 * Frames from users. Nothing in them is believed: the type must be one that
 * users may send, the target one that this user is attached to, and the
 * gateway itself writes who the sender is.
 */
#include "gateway/inner.h"

#include <string.h>

/* The session has done what no user may do. */
static void refuse(struct domi_session *session, const struct domi_frame *frame,
                   enum domi_reason reason)
{
    struct domi_gateway *gateway = session->base.arg;

    domi__log_peer(&gateway->log, DOMI_LOG_WARNING,
                   "session %llu of %s sent a frame of type %u: %s",
                   (unsigned long long)session->base.id,
                   domi_session_address(session), frame->type,
                   domi_reason_text(reason));
    domi__session_close(&session->base, reason);
}

/* The same for a frame of type 8, in the words of who wrote it. */
static void refuse_inner(struct domi_session *session, uint16_t inner,
                         struct domi_target target, enum domi_reason reason)
{
    struct domi_gateway *gateway = session->base.arg;

    domi__log_peer(&gateway->log, DOMI_LOG_WARNING,
                   "session %llu of %s sent type %u to group %llu of target "
                   "%llu: %s",
                   (unsigned long long)session->base.id,
                   domi_session_address(session), inner,
                   (unsigned long long)target.group,
                   (unsigned long long)target.id, domi_reason_text(reason));
    domi__session_close(&session->base, reason);
}

/* The zone's queue is full enough: the user waits with what it sends. */
static void hold(struct domi_session *session, struct domi__route *route)
{
    domi__list_remove(&session->held);
    domi__list_push(&route->held, &session->held);
}

/* Type 8: to a group, with an inner type. `*deliveries` is how many of this
   gateway's users it may reach. */
static bool to_zone(struct domi_session *session,
                    const struct domi_frame *frame, uint32_t *deliveries)
{
    struct domi_gateway *gateway = session->base.arg;
    const struct domi_target target = domi_target_get(frame->extend);
    uint16_t inner = domi_get_u16(frame->extend + 16);
    const struct domi__attachment *attachment =
        domi__attachment_find(session, &target);
    struct domi__session *link = domi__attachment_link(attachment);
    uint8_t extend[16];

    if (inner < DOMI_TYPE_FIRST || domi__gateway_handler_find(gateway, inner)) {
        refuse_inner(session, inner, target,
                     DOMI_REASON_FORBIDDEN_INNER_TYPE);
        return true;
    }
    if (!attachment) {
        refuse_inner(session, inner, target, DOMI_REASON_NOT_ATTACHED);
        return true;
    }
    if (!link) {
        gateway->stats.dropped_target++;
        return true;
    }
    if (domi__session_is_high(link)) {
        hold(session, attachment->audience->route);
        return false;
    }
    *deliveries = attachment->audience->count;
    domi_put_u64(extend, session->base.id);
    memcpy(extend + 8, frame->extend + 8, 8);
    if (domi__session_send(link, inner, frame->data, frame->data_size, extend,
                           sizeof(extend))) {
        gateway->stats.dropped_target++; /* the link is being closed */
    }
    return true;
}

static void to_handler(struct domi_session *session,
                       const struct domi_frame *frame)
{
    struct domi_gateway *gateway = session->base.arg;
    const struct domi__gateway_handler *handler =
        domi__gateway_handler_find(gateway, frame->type);

    if (!handler) {
        refuse(session, frame, DOMI_REASON_UNKNOWN_TYPE);
        return;
    }
    handler->run(gateway, session, frame, handler->user);
}

bool domi__gateway_from_user(struct domi_session *session,
                             const struct domi_frame *frame)
{
    struct domi_gateway *gateway = session->base.arg;
    enum domi_reason reason = domi__frame_check(frame, DOMI__USER_TO_GATEWAY);
    uint32_t deliveries = 0;

    if (!session->accepted) {
        return false;
    }
    if (reason != DOMI_REASON_NONE) {
        refuse(session, frame, reason);
        return true;
    }
    if (frame->type == DOMI__FRAME_TO_ZONE) {
        if (!to_zone(session, frame, &deliveries)) {
            return false;
        }
    } else if (frame->type == DOMI__FRAME_PING) {
        domi__session_send(&session->base, DOMI__FRAME_PONG, "pong", 4, NULL,
                           0);
    } else {
        to_handler(session, frame);
    }
    gateway->stats.frames_in++;
    if (session->allowance) {
        domi__allowance_spend(session,
                              domi_frame_size(frame->data_size,
                                              frame->extend_size),
                              deliveries);
    }
    return true;
}
