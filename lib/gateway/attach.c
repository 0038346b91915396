/* SPDX-License-Identifier: MIT */
/* Who is attached to which group: sessions, links, and what joins them. */
#include "gateway/inner.h"

#include <stdlib.h>

/* The most that users wait who are sent from one zone to another. */
#define MOVE_MS 5000u

/* ---- audiences ----------------------------------------------------------- */

struct domi__audience *domi__audience_find(struct domi__link *link,
                                           uint64_t group)
{
    struct domi__route *route = domi__link_data(link);

    return domi__table_get(&route->audiences, group);
}

static struct domi__audience *audience_get(struct domi__link *link,
                                           uint64_t group)
{
    struct domi__route *route = domi__link_data(link);
    struct domi__audience *audience = domi__audience_find(link, group);

    if (audience) {
        return audience;
    }
    audience = calloc(1, sizeof(*audience));
    if (!audience) {
        return NULL;
    }
    audience->link = link;
    audience->route = route;
    audience->group = group;
    domi__batch_init(&audience->batch);
    if (domi__table_set(&route->audiences, group, audience)) {
        free(audience);
        return NULL;
    }
    return audience;
}

static void audience_free(struct domi__loop *loop,
                          struct domi__audience *audience)
{
    domi__table_remove(&audience->route->audiences, audience->group);
    domi__batch_fini(loop, &audience->batch);
    free(audience->attachments);
    free(audience);
}

static void place(struct domi__audience *audience,
                  struct domi__attachment *attachment, uint32_t position)
{
    audience->attachments[position] = attachment;
    attachment->position = position;
}

static void swap(struct domi__audience *audience, uint32_t a, uint32_t b)
{
    struct domi__attachment *first = audience->attachments[a];
    struct domi__attachment *second = audience->attachments[b];

    place(audience, first, b);
    place(audience, second, a);
}

static int audience_add(struct domi__audience *audience,
                        struct domi__attachment *attachment)
{
    if (audience->count == audience->capacity) {
        uint32_t capacity = audience->capacity ? audience->capacity * 2 : 4;
        struct domi__attachment **attachments =
            realloc(audience->attachments, capacity * sizeof(*attachments));

        if (!attachments) {
            return UV_ENOMEM;
        }
        audience->attachments = attachments;
        audience->capacity = capacity;
    }
    attachment->audience = audience;
    place(audience, attachment, audience->count++);
    return 0;
}

/* ---- attachments --------------------------------------------------------- */

struct domi__attachment *
domi__attachment_find(const struct domi_session *session,
                      const struct domi_target *target)
{
    struct domi__attachment *at;

    for (at = session->attachments; at; at = at->next) {
        if (at->target.id == target->id && at->target.group == target->group) {
            return at;
        }
    }
    return NULL;
}

bool domi__session_uses(const struct domi_session *session, uint64_t link)
{
    const struct domi__attachment *at;

    for (at = session->attachments; at; at = at->next) {
        if (at->audience && at->target.id == link) {
            return true;
        }
    }
    return false;
}

struct domi__session *
domi__attachment_link(const struct domi__attachment *attachment)
{
    return attachment && attachment->audience
               ? domi__link_session(attachment->audience->link)
               : NULL;
}

/* Forgets attachments that ended long ago, and those that ended first when
   there are more of them than may be alive. Returns how many are alive. */
static unsigned prune(struct domi_session *session)
{
    const struct domi_gateway *gateway = session->base.arg;
    uint64_t now = domi__loop_now(gateway->loop);
    struct domi__attachment **at = &session->attachments;
    unsigned alive = 0;
    unsigned ended = 0;

    while (*at) {
        struct domi__attachment *attachment = *at;

        if (attachment->audience) {
            alive++;
        } else if (++ended > gateway->options.targets ||
                   now - attachment->ended_ms > DOMI__ENDED_MS) {
            *at = attachment->next;
            free(attachment);
            continue;
        }
        at = &attachment->next;
    }
    return alive;
}

/* One that has ended so far, first in the session's list. */
static struct domi__attachment *attachment_new(struct domi_session *session,
                                               const struct domi_target *target)
{
    struct domi__attachment *attachment = calloc(1, sizeof(*attachment));

    if (attachment) {
        attachment->session = session;
        attachment->target = *target;
        attachment->next = session->attachments;
        session->attachments = attachment;
    }
    return attachment;
}

int domi__attach(struct domi_session *session, struct domi__link *link,
                 uint64_t group, struct domi__attachment **attachment)
{
    const struct domi_gateway *gateway = session->base.arg;
    const struct domi_target target = {domi__link_id(link), group};
    struct domi__attachment *found = domi__attachment_find(session, &target);
    struct domi__audience *audience;

    *attachment = found;
    if (found && found->audience) {
        return 0;
    }
    if (prune(session) >= gateway->options.targets) {
        return DOMI_E_TOO_MANY;
    }
    /* The pruning may have taken what was found. */
    found = domi__attachment_find(session, &target);
    if (!found) {
        found = attachment_new(session, &target);
    }
    audience = found ? audience_get(link, group) : NULL;
    if (!audience) {
        return UV_ENOMEM; /* what was made is pruned as one that has ended */
    }
    if (audience_add(audience, found)) {
        if (audience->count == 0) {
            audience_free(gateway->loop, audience);
        }
        return UV_ENOMEM;
    }
    *attachment = found;
    return 0;
}

void domi__attachment_join(struct domi__attachment *attachment)
{
    struct domi__audience *audience = attachment->audience;

    if (attachment->position >= audience->members) {
        swap(audience, attachment->position, audience->members);
        audience->members++;
    }
}

void domi__attachment_unjoin(struct domi__attachment *attachment)
{
    struct domi__audience *audience = attachment->audience;

    if (attachment->position < audience->members) {
        audience->members--;
        swap(audience, attachment->position, audience->members);
    }
}

/* Marks it as ended, and puts it first in its session's list. */
static void set_ended(struct domi__attachment *attachment)
{
    struct domi_session *session = attachment->session;
    struct domi__attachment **at = &session->attachments;

    while (*at != attachment) {
        at = &(*at)->next;
    }
    *at = attachment->next;
    attachment->next = session->attachments;
    session->attachments = attachment;
    attachment->audience = NULL;
    attachment->ended_ms = domi__loop_now(session->base.loop);
}

void domi__attachment_end(struct domi__attachment *attachment)
{
    struct domi__audience *audience = attachment->audience;

    domi__attachment_unjoin(attachment);
    swap(audience, attachment->position, audience->count - 1);
    audience->count--;
    set_ended(attachment);
    if (audience->count == 0) {
        audience_free(attachment->session->base.loop, audience);
    }
}

static void send_notice(struct domi_session *session, enum domi_notice notice,
                        enum domi_reason reason, uint32_t wait_ms,
                        const struct domi_target *target)
{
    uint8_t data[DOMI_NOTICE_SIZE] = {0};

    domi_put_u16(data, (uint16_t)notice);
    domi_put_u16(data + 2, (uint16_t)reason);
    domi_put_u32(data + 4, wait_ms);
    domi_put_u64(data + 8, target->id);
    domi_put_u64(data + 16, target->group);
    domi__session_send(&session->base, DOMI__FRAME_NOTICE, data, sizeof(data),
                       NULL, 0);
}

/* The session is not attached to `target` any more: tells the user and the
   application. */
static void tell_lost(struct domi_session *session,
                      const struct domi_target *target, enum domi_reason reason,
                      uint32_t wait_ms)
{
    struct domi_gateway *gateway = session->base.arg;

    send_notice(session,
                reason == DOMI_REASON_ZONE_LOST ? DOMI_NOTICE_ZONE_LOST
                                                : DOMI_NOTICE_LEFT,
                reason, wait_ms, target);
    if (gateway->options.on_detach &&
        session->base.state == DOMI__SESSION_OPEN) {
        gateway->options.on_detach(gateway, session, target, reason,
                                   gateway->options.user);
    }
}

void domi__attachment_lose(struct domi__attachment *attachment,
                           enum domi_reason reason)
{
    struct domi_session *session = attachment->session;
    const struct domi_target target = attachment->target;

    domi__attachment_end(attachment);
    tell_lost(session, &target, reason, 0);
}

/* The wait of one of `count` users whose zone drains: a millisecond for each
   of them, so that they do not all ask for the next zone at once. */
static uint32_t spread_ms(uint32_t count, uint32_t i)
{
    uint64_t all = count < MOVE_MS ? count : MOVE_MS;

    return (uint32_t)(all * i / count);
}

void domi__audience_lose(struct domi__audience *audience,
                         enum domi_reason reason)
{
    struct domi__attachment **attachments = audience->attachments;
    struct domi_session **sessions = (struct domi_session **)attachments;
    const struct domi_target target = attachments[0]->target;
    struct domi_gateway *gateway = attachments[0]->session->base.arg;
    uint32_t count = audience->count;

    /* All have ended before the first is told, since a callback may attach
       anew to the same group. */
    for (uint32_t i = 0; i < count; i++) {
        struct domi__attachment *attachment = attachments[i];

        set_ended(attachment);
        sessions[i] = attachment->session;
    }
    audience->attachments = NULL;
    audience_free(gateway->loop, audience);
    for (uint32_t i = 0; i < count; i++) {
        tell_lost(sessions[i], &target, reason,
                  reason == DOMI_REASON_DRAINING ? spread_ms(count, i) : 0);
    }
    free(sessions);
}

/* Tells the zone of this link that the user is gone from all its groups. */
static void tell_gone(struct domi__link *link, uint64_t user_id)
{
    struct domi__session *session = domi__link_session(link);
    uint8_t user[8], reason[2];

    if (session) {
        domi_put_u64(user, user_id);
        domi_put_u16(reason, DOMI_REASON_DISCONNECTED);
        domi__session_send(session, DOMI__FRAME_USERS_GONE, user, sizeof(user),
                           reason, sizeof(reason));
    }
}

void domi__user_leave(struct domi__link *link, uint64_t user, uint64_t group)
{
    uint8_t data[8], extend[16];
    struct domi__session *session = domi__link_session(link);

    if (session) {
        domi_put_u64(data, domi__link_id(link));
        domi_put_u64(extend, user);
        domi_put_u64(extend + 8, group);
        domi__session_send(session, DOMI__FRAME_USER_LEAVE, data, sizeof(data),
                           extend, sizeof(extend));
    }
}

void domi__attachments_drop(struct domi_session *session)
{
    struct domi__attachment *attachment;

    while ((attachment = session->attachments)) {
        struct domi__audience *audience = attachment->audience;

        if (audience) {
            struct domi__link *link = audience->link;

            domi__attachment_end(attachment);
            if (!domi__link_has(link, DOMI__FEATURE_GROUPS)) {
                domi__user_leave(link, session->base.id,
                                 attachment->target.group);
            } else if (!domi__session_uses(session, attachment->target.id)) {
                tell_gone(link, session->base.id);
            }
        }
        /* One that has just ended is the first again. */
        session->attachments = attachment->next;
        free(attachment);
    }
}
