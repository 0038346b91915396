/* SPDX-License-Identifier: MIT */
/* Which zones may take a group, the best first. */
#include "cluster/placement_inner.h"

#include "domi/err.h"

/* A zone that tells its load each second, and has not for so long, may hang. */
#define SILENT_MS 3000u

/* Each class is looked at only when there is nobody in those before it. */
enum class {
    FIT,      /* healthy, and takes new groups */
    BUSY,     /* not for now; while there are such, others are not bothered */
    DRAINING, /* somebody must serve */
    DOUBTFUL, /* it may be dead, but its link is open */
    UNFIT,
};

static bool is_silent(const struct domi__sight *sight)
{
    return domi__link_has(sight->link, DOMI__FEATURE_LOAD) &&
           domi__placement_now(sight->service->placement) >
               sight->told_ms + SILENT_MS;
}

static enum class class_of(const struct domi__sight *sight, uint64_t group)
{
    bool draining = domi__sight_is_draining(sight);

    if (!domi__sight_is_reachable(sight) ||
        (draining && domi__directory_is_refused(&sight->service->directory,
                                                &sight->holder, group))) {
        return UNFIT;
    }
    if (!sight->present || sight->node.suspect || sight->deaf ||
        is_silent(sight)) {
        return DOUBTFUL;
    }
    if (draining) {
        return DRAINING;
    }
    return sight->flags & DOMI__LOAD_BUSY ? BUSY : FIT;
}

static void add(struct domi__service *service, size_t at,
                struct domi__sight *sight)
{
    service->fit[at] = sight;
    service->candidates[at] = (struct domi_candidate){
        .id = sight->node.id,
        .host = sight->node.host,
        .tcp_port = sight->node.tcp_port,
        .version = sight->node.version,
        .memory = sight->memory,
        .placed = sight->placed,
        .members = sight->members,
        .is_full = sight->is_full,
    };
}

/* Gathers those of the best class that there is. */
static size_t gather(struct domi__service *service, uint64_t group,
                     enum class *best)
{
    size_t count = 0;

    *best = UNFIT;
    for (size_t i = 0; i < service->count; i++) {
        enum class class = class_of(service->sights[i], group);

        if (class < *best) {
            *best = class;
            count = 0;
        }
        if (class == *best && class != UNFIT) {
            add(service, count++, service->sights[i]);
        }
    }
    return count;
}

int domi__candidates_choose(struct domi__service *service, uint64_t group,
                            struct domi__sight **sight)
{
    const struct domi__placement_options *options =
        &service->placement->options;
    enum class class;
    size_t count = gather(service, group, &class);
    int index;

    if (class == UNFIT) {
        return DOMI_E_ZONE_LOST;
    }
    if (class == BUSY) {
        return DOMI_E_FULL;
    }
    index = options->choose(service->candidates, count, group,
                            options->choose_user);
    if (index < 0 || (size_t)index >= count) {
        return DOMI_E_FULL;
    }
    *sight = service->fit[index];
    return 0;
}

static bool may_arbitrate(const struct domi__sight *sight)
{
    return domi__sight_is_reachable(sight) && !sight->deaf &&
           domi__link_has(sight->link, DOMI__FEATURE_DIRECTORY);
}

static bool comes_first(const struct domi__sight *a,
                        const struct domi__sight *b)
{
    return a->present != b->present
               ? a->present
               : domi__holder_is_older(&a->holder, &b->holder);
}

struct domi__sight *domi__candidates_arbiter(struct domi__service *service)
{
    struct domi__sight *oldest = NULL;

    for (size_t i = 0; i < service->count; i++) {
        struct domi__sight *sight = service->sights[i];

        if (may_arbitrate(sight) &&
            (!oldest || comes_first(sight, oldest))) {
            oldest = sight;
        }
    }
    return oldest;
}
