/* SPDX-License-Identifier: MIT */
/*
 * Links, inward: a gateway's session opens, says hello, sends frames, ends.
 * Where there is a cluster key, all but hello is for links that are trusted.
 *
 * A frame becomes a record in the ring of its group's worker; events of a link
 * go to all workers. When a ring is full the frame is not taken: the link
 * waits, unread, until there is room. What breaks the rules ends the link.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "domi/err.h"
#include "frame/frame.h"
#include "zone/state.h"

static struct domi_zone *zone_of(const struct domi__zone_link *link)
{
    return link->session.arg;
}

/* ---- slots --------------------------------------------------------------- */

static bool make_room(struct domi_zone *zone)
{
    uint32_t room = zone->slot_room > 0 ? zone->slot_room * 2 : 8;
    void *grown;

    if (zone->slot_count < zone->slot_room) {
        return true;
    }
    grown = realloc(zone->slots, room * sizeof(*zone->slots));
    if (!grown) {
        return false;
    }
    zone->slots = grown;
    grown = realloc(zone->free_slots, room * sizeof(*zone->free_slots));
    if (!grown) {
        return false;
    }
    zone->free_slots = grown;
    zone->slot_room = room;
    return true;
}

static struct domi__zone_slot *take_slot(struct domi_zone *zone)
{
    struct domi__zone_slot *slot;

    if (zone->free_count > 0) {
        return zone->free_slots[--zone->free_count];
    }
    if (!make_room(zone)) {
        return NULL;
    }
    slot = calloc(1, sizeof(*slot));
    if (slot) {
        domi__list_init(&slot->pending);
        slot->index = zone->slot_count;
        zone->slots[zone->slot_count++] = slot;
    }
    return slot;
}

static void give_slot(struct domi_zone *zone, struct domi__zone_slot *slot)
{
    zone->free_slots[zone->free_count++] = slot;
}

void domi__zone_slot_done(struct domi_zone *zone, uint32_t index)
{
    struct domi__zone_slot *slot = zone->slots[index];

    if (++slot->done == zone->worker_count) {
        give_slot(zone, slot);
    }
}

void domi__zone_slots_free(struct domi_zone *zone)
{
    for (uint32_t i = 0; i < zone->slot_count; i++) {
        free(zone->slots[i]);
    }
    free(zone->slots);
    free(zone->free_slots);
}

/* ---- events for all workers ---------------------------------------------- */

/* The same record to every worker, or to none when one has no room. */
static bool tell_all(struct domi_zone *zone, enum domi__zone_record kind,
                     const struct domi__record_link *record,
                     const uint8_t *bytes, size_t size)
{
    void *rooms[zone->worker_count];

    if (!domi__zone_reserve_all(zone, rooms, sizeof(*record) + size)) {
        return false;
    }
    for (unsigned i = 0; i < zone->worker_count; i++) {
        memcpy(rooms[i], record, sizeof(*record));
        if (size > 0) {
            memcpy((uint8_t *)rooms[i] + sizeof(*record), bytes, size);
        }
    }
    domi__zone_commit_all(zone, kind);
    return true;
}

/* Tells that a link is there, or that it is gone. */
static bool tell_slot(struct domi_zone *zone, struct domi__zone_slot *slot)
{
    const struct domi__record_link record = {.id = slot->id,
                                             .link = slot->index};

    if (!tell_all(zone,
                  slot->session ? DOMI__RECORD_LINK_UP
                                : DOMI__RECORD_LINK_DOWN,
                  &record, NULL, 0)) {
        return false;
    }
    slot->told = slot->session != NULL;
    domi__list_remove(&slot->pending);
    return true;
}

bool domi__zone_tell_links(struct domi_zone *zone)
{
    bool worked = false;

    while (!domi__list_is_empty(&zone->pending) &&
           tell_slot(zone, DOMI__CONTAINER(zone->pending.next,
                                           struct domi__zone_slot, pending))) {
        worked = true;
    }
    return worked;
}

/* ---- waiting for room ---------------------------------------------------- */

/* The frame is not taken; `worker` has no room for it, or, when NULL, one of
   all has none. */
static bool hold(struct domi__zone_link *link,
                 struct domi__zone_worker *worker)
{
    struct domi_zone *zone = zone_of(link);

    zone->stats.pauses++;
    link->waits_for = worker;
    domi__list_push(&zone->waiting, &link->waiting);
    return false;
}

static bool may_go_on(const struct domi__zone_link *link)
{
    const struct domi_zone *zone = zone_of(link);

    if (link->waits_for) {
        return domi__worker_has_room(link->waits_for->worker);
    }
    for (unsigned i = 0; i < zone->worker_count; i++) {
        if (!domi__worker_has_room(zone->workers[i].worker)) {
            return false;
        }
    }
    return link->slot->told;
}

bool domi__zone_resume_links(struct domi_zone *zone)
{
    struct domi__list links;
    struct domi__list *node;
    bool worked = false;

    domi__list_init(&links);
    domi__list_move(&links, &zone->waiting);
    while ((node = domi__list_pop(&links))) {
        struct domi__zone_link *link =
            DOMI__CONTAINER(node, struct domi__zone_link, waiting);

        if (!may_go_on(link)) {
            domi__list_push(&zone->waiting, node);
            continue;
        }
        domi__session_resume(&link->session);
        /* It may wait again already. */
        worked |= domi__list_is_empty(&link->waiting);
    }
    return worked;
}

/* ---- frames -------------------------------------------------------------- */

/* Ends a link whose gateway broke the rules. True, as nothing is held. */
static bool refuse(struct domi__zone_link *link,
                   const struct domi_frame *frame, enum domi_reason reason)
{
    char address[DOMI__ADDRESS_SIZE];

    domi__session_address(&link->session, address, sizeof(address));
    domi__log_peer(&zone_of(link)->log, DOMI_LOG_WARNING,
                   "link %" PRIx64 " from %s: frame of type %u with %" PRIu32
                   " bytes and %u of extend: %s",
                   link->session.id, address, frame->type, frame->data_size,
                   frame->extend_size, domi_reason_text(reason));
    domi__session_close(&link->session, reason);
    return true;
}

/* A frame for a group; `user` has been checked. */
static bool take_frame(struct domi__zone_link *link, uint32_t kind,
                       uint64_t user, uint64_t group, uint16_t type,
                       const uint8_t *data, uint32_t size)
{
    struct domi_zone *zone = zone_of(link);
    struct domi__zone_worker *worker = domi__zone_worker_of(zone, group);
    struct domi__record_frame *record =
        domi__worker_reserve(worker->worker, sizeof(*record) + size);

    if (!record) {
        return hold(link, worker);
    }
    record->user = user;
    record->group = group;
    record->link = link->slot->index;
    record->type = type;
    memcpy(record + 1, data, size);
    domi__worker_commit(worker->worker, kind);
    zone->fed = true;
    return true;
}

/* Extend: the sender's id, which the gateway stamped, or the link's own id for
   a frame of the gateway itself; and the group. */
static bool on_group_frame(struct domi__zone_link *link,
                           const struct domi_frame *frame)
{
    uint64_t sender;

    if (frame->extend_size != 16) {
        return refuse(link, frame, DOMI_REASON_BAD_BODY);
    }
    sender = domi_get_u64(frame->extend);
    if (sender == 0) {
        return refuse(link, frame, DOMI_REASON_BAD_BODY);
    }
    if (sender != link->session.id && !domi__zone_trusts_user(link, sender)) {
        return refuse(link, frame, DOMI_REASON_FOREIGN_USER);
    }
    if (!take_frame(link, DOMI__RECORD_FRAME, sender,
                    domi_get_u64(frame->extend + 8), frame->type, frame->data,
                    frame->data_size)) {
        return false;
    }
    zone_of(link)->stats.frames_in++;
    return true;
}

/* A gateway speaks for its own link only. The user may be one of another
   gateway: a group that named it as ours by mistake is told so. */
static bool on_user_leave(struct domi__zone_link *link,
                          const struct domi_frame *frame)
{
    if (domi_get_u64(frame->data) != link->session.id) {
        return refuse(link, frame, DOMI_REASON_BAD_BODY);
    }
    return take_frame(link, DOMI__RECORD_USER_LEAVE,
                      domi_get_u64(frame->extend),
                      domi_get_u64(frame->extend + 8), 0, frame->data, 0);
}

static bool on_users_gone(struct domi__zone_link *link,
                          const struct domi_frame *frame)
{
    uint32_t reason = domi_get_u16(frame->extend);
    struct domi__record_link record = {.link = link->slot->index};

    for (uint32_t at = 0; at < frame->data_size; at += 8) {
        if (!domi__zone_trusts_user(link, domi_get_u64(frame->data + at))) {
            return refuse(link, frame, DOMI_REASON_FOREIGN_USER);
        }
    }
    record.reason = reason == DOMI_REASON_LEFT || reason == DOMI_REASON_KICKED
                        ? reason
                        : DOMI_REASON_DISCONNECTED;
    if (!tell_all(zone_of(link), DOMI__RECORD_USERS_GONE, &record, frame->data,
                  frame->data_size)) {
        return hold(link, NULL);
    }
    return true;
}

/* Takes what the gateway can do from its hello. False when it must wait. */
static bool agree(struct domi__zone_link *link, const uint8_t *hello)
{
    const struct domi__record_link record = {
        .link = link->slot->index,
        .features = domi_get_u32(hello + 4) & DOMI__ZONE_FEATURES,
    };

    if (!tell_all(zone_of(link), DOMI__RECORD_HELLO, &record, NULL, 0)) {
        return hold(link, NULL);
    }
    link->features = record.features;
    return true;
}

static void answer_hello(struct domi__zone_link *link)
{
    uint8_t data[DOMI__HELLO_SIZE];

    domi__hello_put(data, link->features,
                    (uint64_t)zone_of(link)->membership.self.id);
    domi__session_send(&link->session, DOMI__FRAME_HELLO_ANSWER, data,
                       sizeof(data), NULL, 0);
}

static void greet(struct domi__zone_link *link)
{
    domi__zone_load_greet(link);
    domi__zone_list_begin(link);
}

static bool on_hello(struct domi__zone_link *link,
                     const struct domi_frame *frame)
{
    if (link->heard || domi_get_u64(frame->extend + 8) != DOMI__HELLO_GROUP ||
        !domi__zone_trust_hello(link, frame->data)) {
        return refuse(link, frame, DOMI_REASON_BAD_BODY);
    }
    if (!agree(link, frame->data)) {
        return false;
    }
    answer_hello(link);
    greet(link);
    return true;
}

/* The hello that was answered long ago counts from now on. */
static bool on_prove(struct domi__zone_link *link,
                     const struct domi_frame *frame)
{
    if (link->heard || !link->greeted) {
        return refuse(link, frame, DOMI_REASON_BAD_BODY);
    }
    if (!agree(link, link->talk.hello)) {
        return false;
    }
    greet(link);
    return true;
}

/* The gateway has, or had, other ids than the one in its hello. */
static bool on_nodes(struct domi__zone_link *link,
                     const struct domi_frame *frame)
{
    if (!(link->features & DOMI__FEATURE_NODES) ||
        !domi__zone_trust_nodes(link, frame->data, frame->data_size)) {
        return refuse(link, frame, DOMI_REASON_BAD_BODY);
    }
    return true;
}

static bool is_node(uint64_t id)
{
    return id <= DOMI__NODE_ID_MAX;
}

/* A gateway asks where a group that it has not found is to be. */
static bool on_place(struct domi__zone_link *link,
                     const struct domi_frame *frame)
{
    uint64_t group = domi_get_u64(frame->data);
    uint64_t wanted = domi_get_u64(frame->data + 8);
    uint64_t refused = domi_get_u64(frame->data + 16);
    uint8_t data[16];

    if (!(link->features & DOMI__FEATURE_DIRECTORY) ||
        group == DOMI__HELLO_GROUP || !is_node(wanted) ||
        (refused != DOMI__NO_NODE && !is_node(refused))) {
        return refuse(link, frame, DOMI_REASON_BAD_BODY);
    }
    domi_put_u64(data, group);
    domi_put_u64(data + 8,
                 domi__zone_place(zone_of(link), group, wanted, refused));
    domi__session_send(&link->session, DOMI__FRAME_PLACED, data, sizeof(data),
                       NULL, 0);
    return true;
}

/* ---- sessions ------------------------------------------------------------ */

static uint64_t admit(void *arg)
{
    struct domi_zone *zone = arg;

    if (!zone->joined || zone->membership.self.id < 0 || zone->closing) {
        return 0;
    }
    zone->admitted++;
    return domi__ids_next(&zone->ids);
}

static void dismiss(void *arg)
{
    struct domi_zone *zone = arg;

    zone->admitted--;
    zone->stats.closed[DOMI_REASON_MEMORY]++;
}

/* The workers may hear of it. False when memory is short, and it is closed. */
static bool serve(struct domi__zone_link *link)
{
    struct domi_zone *zone = zone_of(link);
    char address[DOMI__ADDRESS_SIZE];

    link->slot = take_slot(zone);
    if (!link->slot) {
        domi__session_close(&link->session, DOMI_REASON_MEMORY);
        return false;
    }
    zone->stats.links++;
    link->slot->session = &link->session;
    link->slot->id = link->session.id;
    link->slot->done = 0;
    domi__list_push(&zone->pending, &link->slot->pending);
    domi__zone_tell_links(zone);
    domi__session_address(&link->session, address, sizeof(address));
    domi__log_peer(&zone->log, DOMI_LOG_INFO, "link %" PRIx64 " from %s: open",
                   link->session.id, address);
    return true;
}

static void on_open(struct domi__session *session)
{
    struct domi__zone_link *link = (struct domi__zone_link *)session;
    struct domi_zone *zone = zone_of(link);

    domi__list_init(&link->waiting);
    domi__list_push(&zone->links, &link->node);
    if (zone->closing) {
        domi__session_close(session, DOMI_REASON_STOPPING);
        return;
    }
    domi__zone_trust_begin(link);
    if (link->trusted) {
        serve(link);
    }
}

static bool on_frame(struct domi__session *session,
                     const struct domi_frame *frame, const uint8_t *wire)
{
    struct domi__zone_link *link = (struct domi__zone_link *)session;
    enum domi_reason reason =
        domi__frame_check(frame, DOMI__GATEWAY_TO_ZONE);
    bool taken;

    (void)wire;
    if (reason != DOMI_REASON_NONE) {
        return refuse(link, frame, reason);
    }
    if (!link->trusted &&
        (!domi__zone_trust_frame(link, frame) || !serve(link))) {
        return true;
    }
    if (!link->slot->told) {
        return hold(link, NULL);
    }
    switch (frame->type) {
    case DOMI__FRAME_HELLO:
        taken = on_hello(link, frame);
        break;
    case DOMI__FRAME_PROVE:
        taken = on_prove(link, frame);
        break;
    case DOMI__FRAME_NODES:
        taken = on_nodes(link, frame);
        break;
    case DOMI__FRAME_PLACE:
        taken = on_place(link, frame);
        break;
    case DOMI__FRAME_USER_LEAVE:
        taken = on_user_leave(link, frame);
        break;
    case DOMI__FRAME_USERS_GONE:
        taken = on_users_gone(link, frame);
        break;
    default:
        taken = on_group_frame(link, frame);
        break;
    }
    link->heard |= taken;
    return taken;
}

/*
 * What the workers were told of the link they must be told to forget; what
 * they were not told they need not. When the zone itself ends, members leave
 * because their groups are closed, not because of their gateway.
 */
static void forget_slot(struct domi_zone *zone, struct domi__zone_slot *slot)
{
    slot->session = NULL;
    domi__list_remove(&slot->pending);
    if (zone->closing) {
        return;
    }
    if (!slot->told) {
        give_slot(zone, slot);
        return;
    }
    domi__list_push(&zone->pending, &slot->pending);
    domi__zone_tell_links(zone);
}

static void on_close(struct domi__session *session, enum domi_reason reason)
{
    struct domi__zone_link *link = (struct domi__zone_link *)session;
    struct domi_zone *zone = zone_of(link);
    char address[DOMI__ADDRESS_SIZE];

    zone->admitted--;
    zone->stats.closed[reason]++;
    domi__zone_list_free(link);
    domi__session_address(session, address, sizeof(address));
    domi__log_peer(&zone->log, DOMI_LOG_INFO,
                   "link %" PRIx64 " from %s: closed: %s", session->id,
                   address, domi_reason_text(reason));
    if (!session->opened) {
        return;
    }
    domi__timer_stop(&link->proof);
    domi__list_remove(&link->node);
    domi__list_remove(&link->waiting);
    if (link->slot) {
        zone->stats.links--;
        forget_slot(zone, link->slot);
    }
}

static void on_low(struct domi__session *session)
{
    domi__zone_list_on((struct domi__zone_link *)session);
}

const struct domi__session_owner domi__zone_link_owner = {
    .size = sizeof(struct domi__zone_link),
    .admit = admit,
    .dismiss = dismiss,
    .on_open = on_open,
    .on_frame = on_frame,
    .on_low = on_low,
    .on_close = on_close,
};
