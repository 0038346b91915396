/* SPDX-License-Identifier: MIT */
/* A host in a drain: when it has no members, and the moving of its groups. */
#include "group/state.h"

/* Groups that one move closes at most, so that many without members do not
   hold up the worker. */
#define MOVE_GROUPS 256u

uint32_t domi__group_host_members(const struct domi__group_host *host)
{
    return domi__members_count(&host->members);
}

static void tell_emptied(struct domi__group_host *host)
{
    if (host->drain != 0 && domi__group_host_members(host) == 0) {
        domi__effect_note(host, DOMI__EFFECT_EMPTIED,
                          (struct domi__effect_note){.group = host->drain});
    }
}

void domi__group_link_left(struct domi__group_host *host, uint32_t link)
{
    host->links[link].members--;
    tell_emptied(host);
}

void domi__group_host_drain(struct domi__group_host *host, uint32_t number)
{
    host->drain = number;
    tell_emptied(host);
}

/* The next group that is there, or NULL. O(slots) in all, as each call goes on
   where the last one stopped. */
static struct domi_group *next_group(struct domi__group_host *host)
{
    uint32_t i;

    for (i = 0; i < host->slot_count; i++) {
        uint32_t at = host->move_at % host->slot_count;

        host->move_at = at + 1;
        if (host->slots[at].group) {
            return host->slots[at].group;
        }
    }
    return NULL;
}

void domi__group_host_move(struct domi__group_host *host, uint32_t users)
{
    struct domi_group *group;
    uint64_t moved = 0;

    for (uint32_t i = 0; host->drain != 0 && i < MOVE_GROUPS && moved < users &&
                         (group = next_group(host));
         i++) {
        moved += group->roster.count;
        domi__group_shut(group, DOMI_REASON_DRAINING);
    }
    domi__effect_note(host, DOMI__EFFECT_MOVED,
                      (struct domi__effect_note){.group = moved});
}
