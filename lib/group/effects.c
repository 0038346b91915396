/* SPDX-License-Identifier: MIT */
/* What groups ask for, encoded: each frame once for all links it goes to. */
#include <string.h>

#include "domi/err.h"
#include "frame/frame.h"
#include "group/state.h"

/*
 * Gateways that said they know groups keep the list of members themselves,
 * and one frame that names the group is enough for all of them. To others
 * goes a TO_USERS frame that lists the users, one for each link.
 */

/* ---- encoding ----------------------------------------------------------- */

/* A frame being written. */
struct writer {
    struct domi__group_host *host;
    uint32_t *links; /* to be filled in */
    uint8_t *data;
    uint8_t *extend; /* next byte to be written */
};

/* Begins a frame for `count` links; its data and extend are then written. */
static void begin(struct writer *writer, struct domi__group_host *host,
                  uint32_t count, uint16_t type, uint32_t data_size,
                  uint16_t extend_size)
{
    size_t size = domi_frame_size(data_size, extend_size);
    size_t links_size = (size_t)count * sizeof(uint32_t);
    struct domi__effect_frame *frame = host->options.calls->reserve(
        host->options.arg, sizeof(*frame) + links_size + size);
    uint8_t *wire;

    frame->count = count;
    frame->size = (uint32_t)size;
    writer->host = host;
    writer->links = (uint32_t *)(void *)(frame + 1);
    wire = (uint8_t *)(frame + 1) + links_size;
    domi_put_u32(wire, (uint32_t)size);
    domi_put_u16(wire + 4, extend_size);
    domi_put_u16(wire + 6, type);
    writer->data = wire + DOMI_FRAME_HEADER;
    writer->extend = writer->data + data_size;
}

static void put_u64(struct writer *writer, uint64_t value)
{
    domi_put_u64(writer->extend, value);
    writer->extend += 8;
}

static void put_u16(struct writer *writer, uint16_t value)
{
    domi_put_u16(writer->extend, value);
    writer->extend += 2;
}

static void end(struct writer *writer)
{
    writer->host->options.calls->commit(writer->host->options.arg,
                                        DOMI__EFFECT_FRAME);
}

/* The links that one effect can name beside a frame; one at least, as a frame
   has 64 bytes to spare. */
static uint32_t links_limit(const struct domi__group_host *host,
                            size_t frame_size)
{
    return (uint32_t)((host->options.record_limit - frame_size -
                       sizeof(struct domi__effect_frame)) /
                      sizeof(uint32_t));
}

/* The users that one TO_USERS frame can list beside this much data. */
static uint32_t users_limit(const struct domi__group_host *host, uint32_t size)
{
    size_t fixed = domi_frame_size(size, 10);
    size_t frame = (host->options.frame_limit - fixed) / 8;
    size_t record = (host->options.record_limit - fixed -
                     sizeof(struct domi__effect_frame) - sizeof(uint32_t)) /
                    8;
    size_t limit = frame < record ? frame : record;

    return limit < DOMI__USERS_MAX ? (uint32_t)limit : DOMI__USERS_MAX;
}

void domi__effect_note(struct domi__group_host *host,
                       enum domi__effect_kind kind,
                       struct domi__effect_note note)
{
    const struct domi__group_calls *calls = host->options.calls;

    memcpy(calls->reserve(host->options.arg, sizeof(note)), &note,
           sizeof(note));
    calls->commit(host->options.arg, kind);
}

/* ---- membership --------------------------------------------------------- */

static bool knows_groups(const struct domi__group_host *host, uint32_t link)
{
    return host->links[link].up &&
           (host->links[link].features & DOMI__FEATURE_GROUPS);
}

void domi__effect_joined(struct domi_group *group, uint32_t link,
                         uint64_t user)
{
    struct writer writer;

    if (!knows_groups(group->host, link)) {
        return;
    }
    begin(&writer, group->host, 1, DOMI__FRAME_JOINED, 8, 8);
    writer.links[0] = link;
    domi_put_u64(writer.data, user);
    put_u64(&writer, group->id);
    end(&writer);
}

void domi__effect_left(struct domi_group *group, uint32_t link, uint64_t user,
                       enum domi_reason reason)
{
    struct writer writer;

    if (!knows_groups(group->host, link)) {
        return;
    }
    begin(&writer, group->host, 1, DOMI__FRAME_LEFT, 8, 10);
    writer.links[0] = link;
    domi_put_u64(writer.data, user);
    put_u64(&writer, group->id);
    put_u16(&writer, (uint16_t)reason);
    end(&writer);
}

void domi__effect_missing(struct domi__group_host *host, uint32_t link,
                          uint64_t group, enum domi_reason reason)
{
    struct writer writer;

    if (link >= host->link_room || !knows_groups(host, link)) {
        return;
    }
    begin(&writer, host, 1, DOMI__FRAME_GROUP_CLOSED, 0, 10);
    writer.links[0] = link;
    put_u64(&writer, group);
    put_u16(&writer, (uint16_t)reason);
    end(&writer);
}

/* ---- to links that know groups ------------------------------------------ */

/* Which links a frame goes to, of those that know groups. */
struct choice {
    uint32_t except;  /* not to this one */
    uint32_t without; /* nor to those with one of these features */
};

/* The shares of a group whose links are chosen. */
static uint32_t knowing_links(const struct domi_group *group,
                              struct choice choice, uint32_t *first,
                              uint32_t *links, uint32_t limit)
{
    const struct domi__group_roster *roster = &group->roster;
    const struct domi__group_host *host = group->host;
    uint32_t count = 0;
    uint32_t i;

    for (i = *first; i < roster->share_count && count < limit; i++) {
        uint32_t link = roster->shares[i].link;

        if (link != choice.except && knows_groups(host, link) &&
            !(host->links[link].features & choice.without)) {
            if (links) {
                links[count] = link;
            }
            count++;
        }
    }
    *first = i;
    return count;
}

/* A frame that names the group, and a number, to the links that are chosen. As
   few effects as their size allows. */
static void to_knowing(struct domi_group *group, struct choice choice,
                       uint16_t frame_type, uint16_t number, const void *data,
                       uint32_t size)
{
    uint32_t limit = links_limit(group->host, domi_frame_size(size, 10));
    uint32_t first = 0;

    while (first < group->roster.share_count) {
        uint32_t begun = first;
        uint32_t count = knowing_links(group, choice, &first, NULL, limit);
        struct writer writer;

        if (count == 0) {
            return;
        }
        begin(&writer, group->host, count, frame_type, size, 10);
        knowing_links(group, choice, &begun, writer.links, limit);
        if (size > 0) {
            memcpy(writer.data, data, size);
        }
        put_u64(&writer, group->id);
        put_u16(&writer, number);
        end(&writer);
    }
}


void domi__effect_closed(struct domi_group *group, enum domi_reason reason)
{
    struct choice choice = {DOMI__NO_LINK, DOMI__FEATURE_DIRECTORY};

    to_knowing(group, choice, DOMI__FRAME_GROUP_CLOSED, (uint16_t)reason, NULL,
               0);
    domi__effect_note(group->host, DOMI__EFFECT_CLOSED,
                      (struct domi__effect_note){.group = group->id,
                                                 .reason = (uint16_t)reason});
}

/* To the one link of a member who is left out; nothing when nobody else is
   behind it. */
static void to_knowing_except(struct domi_group *group,
                              const struct domi__member *except, uint16_t type,
                              const void *data, uint32_t size)
{
    struct writer writer;

    if (domi__group_roster_behind(&group->roster, except->link) < 2) {
        return;
    }
    begin(&writer, group->host, 1, DOMI__FRAME_BROADCAST_EXCEPT, size, 18);
    writer.links[0] = except->link;
    if (size > 0) {
        memcpy(writer.data, data, size);
    }
    put_u64(&writer, except->user);
    put_u64(&writer, group->id);
    put_u16(&writer, type);
    end(&writer);
}

/* ---- to links that do not ----------------------------------------------- */

/* Begins a TO_USERS frame whose extend then gets `count` user ids. */
static void begin_to_users(struct writer *writer, struct domi_group *group,
                           uint32_t link, uint32_t count, const void *data,
                           uint32_t size)
{
    begin(writer, group->host, 1, DOMI__FRAME_TO_USERS, size,
          (uint16_t)(count * 8 + 10));
    writer->links[0] = link;
    if (size > 0) {
        memcpy(writer->data, data, size);
    }
}

static void end_to_users(struct writer *writer, const struct domi_group *group,
                         uint16_t type)
{
    put_u64(writer, group->id);
    put_u16(writer, type);
    end(writer);
}

/* Lists all members behind one link but `except`, a record or 0. Walks the
   group's members once. */
static void to_members(struct domi_group *group, uint32_t link, uint32_t left,
                       uint32_t except, uint16_t type, const void *data,
                       uint32_t size)
{
    const struct domi__members *members = &group->host->members;
    uint32_t limit = users_limit(group->host, size);
    uint32_t at = 0;

    while (left > 0) {
        uint32_t count = left < limit ? left : limit;
        struct writer writer;

        left -= count;
        begin_to_users(&writer, group, link, count, data, size);
        for (; count > 0; at++) {
            uint32_t number = group->roster.records[at];
            const struct domi__member *member =
                domi__members_at(members, number);

            if (member->link == link && number != except) {
                put_u64(&writer, member->user);
                count--;
            }
        }
        end_to_users(&writer, group, type);
    }
}

/* ---- what handlers ask for ---------------------------------------------- */

static int check(const struct domi_group *group, uint16_t type, uint32_t size)
{
    if (type < DOMI_TYPE_FIRST) {
        return DOMI_E_TYPE_RESERVED;
    }
    if (group->host && size > group->host->options.frame_limit - 64) {
        return DOMI_E_FRAME_LENGTH;
    }
    return 0;
}

int domi_group_send(struct domi_group *group, struct domi_user user,
                    uint16_t type, const void *data, uint32_t size)
{
    int status = check(group, type, size);
    uint32_t link;
    struct writer writer;

    if (status < 0 || !group->host) {
        return status;
    }
    link = domi__group_link_index(group->host, user.gateway);
    if (link == DOMI__NO_LINK || domi_user_is_gateway(user)) {
        return 0;
    }
    begin_to_users(&writer, group, link, 1, data, size);
    put_u64(&writer, user.id);
    end_to_users(&writer, group, type);
    return 0;
}

/* A broadcast to all but `except`, a record or 0. */
static void broadcast(struct domi_group *group, uint32_t except, uint16_t type,
                      const void *data, uint32_t size)
{
    struct domi__group_host *host = group->host;
    const struct domi__member *member =
        except ? domi__members_at(&host->members, except) : NULL;
    uint32_t link = member ? member->link : DOMI__NO_LINK;
    uint32_t i;

    to_knowing(group, (struct choice){link, 0}, DOMI__FRAME_BROADCAST, type,
               data, size);
    if (member && knows_groups(host, link)) {
        to_knowing_except(group, member, type, data, size);
    }
    for (i = 0; i < group->roster.share_count; i++) {
        const struct domi__share *share = &group->roster.shares[i];

        if (host->links[share->link].up && !knows_groups(host, share->link)) {
            to_members(group, share->link,
                       share->count - (share->link == link), except, type,
                       data, size);
        }
    }
}

int domi_group_broadcast(struct domi_group *group, uint16_t type,
                         const void *data, uint32_t size)
{
    int status = check(group, type, size);

    if (status == 0 && group->host && !group->ended) {
        broadcast(group, 0, type, data, size);
    }
    return status;
}

int domi_group_broadcast_except(struct domi_group *group,
                                struct domi_user user, uint16_t type,
                                const void *data, uint32_t size)
{
    int status = check(group, type, size);
    uint32_t link, except = 0;

    if (status < 0 || !group->host || group->ended) {
        return status;
    }
    link = domi__group_link_index(group->host, user.gateway);
    if (link != DOMI__NO_LINK) {
        except = domi__members_find(&group->host->members, group->slot, link,
                                    user.id);
    }
    broadcast(group, except, type, data, size);
    return 0;
}

/* Lists those of `users`, from the first on, that are behind its link. */
static void to_listed(struct domi_group *group, uint32_t link,
                      const struct domi_user *users, size_t count,
                      uint16_t type, const void *data, uint32_t size)
{
    uint32_t limit = users_limit(group->host, size);
    uint64_t gateway = users[0].gateway;
    size_t left = 0;
    size_t i, at = 0;

    for (i = 0; i < count; i++) {
        left += users[i].gateway == gateway && users[i].id != gateway;
    }
    while (left > 0) {
        uint32_t listed = left < limit ? (uint32_t)left : limit;
        struct writer writer;

        left -= listed;
        begin_to_users(&writer, group, link, listed, data, size);
        for (; listed > 0; at++) {
            if (users[at].gateway == gateway && users[at].id != gateway) {
                put_u64(&writer, users[at].id);
                listed--;
            }
        }
        end_to_users(&writer, group, type);
    }
}

/* O(users times the gateways that they are behind). */
int domi_group_multicast(struct domi_group *group,
                         const struct domi_user *users, size_t count,
                         uint16_t type, const void *data, uint32_t size)
{
    int status = check(group, type, size);
    struct domi__group_host *host = group->host;
    size_t i;

    if (status < 0 || !host) {
        return status;
    }
    host->pass++;
    for (i = 0; i < count; i++) {
        uint32_t link = domi__group_link_index(host, users[i].gateway);

        if (link != DOMI__NO_LINK && host->links[link].pass != host->pass) {
            host->links[link].pass = host->pass;
            to_listed(group, link, users + i, count - i, type, data, size);
        }
    }
    return 0;
}
