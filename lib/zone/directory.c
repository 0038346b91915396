/* SPDX-License-Identifier: MIT */
/*
 * The directory: which groups the zone has, and who is told.
 *
 *   the workers' OPENED and CLOSED -> the table -> links that follow it
 *
 * A link that asks for it is told all groups, and from then on each that opens
 * or closes. The list goes out in pieces, as fast as the gateway reads; what
 * opens and closes meanwhile is told at once, and a piece holds only groups
 * that are there at that moment. So what a gateway has heard last of a group
 * is always so, and none can be missed in between.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <uv.h>

#include "frame/frame.h"
#include "zone/state.h"

#define PIECE 1024u /* group ids in one frame, at most */

/* ---- telling ------------------------------------------------------------- */

/* A link that missed something would never hear of it again. False when the
   link is lost. */
static bool tell(struct domi__zone_link *link, uint16_t type, const void *data,
                 uint32_t size, const void *extend, uint16_t extend_size)
{
    int err = domi__session_send(&link->session, type, data, size, extend,
                                 extend_size);

    if (err == UV_ENOMEM) {
        domi__session_close(&link->session, DOMI_REASON_MEMORY);
    }
    return err == 0;
}

static bool follows(const struct domi__zone_link *link)
{
    return link->features & DOMI__FEATURE_DIRECTORY;
}

static void tell_all(struct domi_zone *zone, uint16_t type, const void *data,
                     uint32_t size, const void *extend, uint16_t extend_size)
{
    struct domi__list *node;

    for (node = zone->links.next; node != &zone->links; node = node->next) {
        struct domi__zone_link *link =
            DOMI__CONTAINER(node, struct domi__zone_link, node);

        if (follows(link)) {
            tell(link, type, data, size, extend, extend_size);
        }
    }
}

/* ---- groups that come and go --------------------------------------------- */

bool domi__zone_has_group(const struct domi_zone *zone, uint64_t group)
{
    return domi__table_get(&zone->groups, group) != NULL;
}

void domi__zone_group_opened(struct domi_zone *zone, uint64_t group)
{
    uint8_t data[8];

    if (domi__table_set(&zone->groups, group,
                        domi__zone_worker_of(zone, group))) {
        domi__log_peer(&zone->log, DOMI_LOG_ERROR,
                       "group %" PRIu64
                       ": no gateway will find it: out of memory",
                       group);
        return;
    }
    domi_put_u64(data, group);
    tell_all(zone, DOMI__FRAME_GROUPS, data, sizeof(data), NULL, 0);
}

void domi__zone_group_closed(struct domi_zone *zone, uint64_t group,
                             uint16_t reason)
{
    uint8_t extend[10];

    domi__table_remove(&zone->groups, group);
    domi_put_u64(extend, group);
    domi_put_u16(extend + 8, reason);
    tell_all(zone, DOMI__FRAME_GROUP_CLOSED, NULL, 0, extend, sizeof(extend));
}

/* ---- the list ------------------------------------------------------------ */

/* Ids in one frame: within the frame limit, and so few that a queue that is
   not half full takes them. */
static size_t piece_size(const struct domi_zone *zone)
{
    size_t bytes = zone->options.send_limit / 4;

    if (bytes > zone->options.frame_limit) {
        bytes = zone->options.frame_limit;
    }
    bytes = (bytes - DOMI_FRAME_HEADER) / 8;
    return bytes < PIECE ? bytes : PIECE;
}

/* The next ids of the list that are still there. */
static bool tell_piece(struct domi__zone_link *link)
{
    const struct domi_zone *zone = link->session.arg;
    size_t limit = piece_size(zone);
    uint8_t data[PIECE * 8];
    uint32_t size = 0;

    while (link->listed < link->list_size && size < limit * 8) {
        uint64_t group = link->list[link->listed++];

        if (domi__zone_has_group(zone, group)) {
            domi_put_u64(data + size, group);
            size += 8;
        }
    }
    return size == 0 ||
           tell(link, DOMI__FRAME_GROUPS, data, size, NULL, 0);
}

void domi__zone_list_on(struct domi__zone_link *link)
{
    if (!link->list) {
        return;
    }
    while (link->listed < link->list_size) {
        if (domi__session_is_high(&link->session) || !tell_piece(link)) {
            return;
        }
    }
    domi__zone_list_free(link);
    tell(link, DOMI__FRAME_GROUPS_END, NULL, 0, NULL, 0);
}

void domi__zone_list_begin(struct domi__zone_link *link)
{
    const struct domi_zone *zone = link->session.arg;
    const struct domi__table_slot *slot;
    size_t position = 0;

    if (!follows(link)) {
        return;
    }
    link->list = malloc((zone->groups.count + 1) * sizeof(*link->list));
    if (!link->list) {
        domi__session_close(&link->session, DOMI_REASON_MEMORY);
        return;
    }
    while ((slot = domi__table_next(&zone->groups, &position))) {
        link->list[link->list_size++] = slot->id;
    }
    domi__zone_list_on(link);
}

void domi__zone_list_free(struct domi__zone_link *link)
{
    free(link->list);
    link->list = NULL;
}

/* ---- groups that are about to come --------------------------------------- */

/* Who drains takes no new group; what was said before is not so any more. */
uint64_t domi__zone_place(struct domi_zone *zone, uint64_t group,
                          uint64_t wanted, uint64_t refused)
{
    uint64_t self = (uint64_t)(int64_t)zone->membership.self.id;

    if (domi__zone_has_group(zone, group)) {
        return self;
    }
    if (refused == DOMI__NO_NODE && zone->membership.self.draining) {
        refused = self;
    }
    return domi__arbiter_place(&zone->arbiter, domi__loop_now(zone->loop),
                               group, wanted, refused);
}
