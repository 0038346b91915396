/* SPDX-License-Identifier: MIT */
/* Choices: which zone takes a new group. */
#ifndef DOMI_CHOICE_H
#define DOMI_CHOICE_H

#include <stddef.h>
#include <stdint.h>

#include "domi/api.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A zone that may take a new group, as the gateway knows it at this moment. */
struct domi_candidate {
    int id;          /* of the node, 0 to 1022 */
    const char *host;
    int tcp_port;
    int version;     /* of the service */
    int memory;      /* percent in use, 0 to 100; -1: not known yet */
    unsigned placed; /* users whom this gateway has sent there since the zone
                        last told its memory */
    uint32_t members; /* of the zone's groups, as it last told */
    int is_full;     /* not 0: it has told more than the limit, and not yet
                        less than 5 points below it */
};

/*
 * Chooses a zone for a new group: the index of a candidate, or -1 when none is
 * fit, which tells the caller of domi_gateway_call DOMI_E_FULL. A pure function
 * of its arguments: `candidates` are sorted by host and port, and are at least
 * one. [loop]
 */
typedef int (*domi_choose_fn)(const struct domi_candidate *candidates,
                              size_t count, uint64_t group, void *user);

/*
 * The choice that is made when the application makes none: the candidate with
 * the lowest memory use of those that are not full, where each user that was
 * placed since the last reading counts a tenth of a point more; of equal ones
 * that with fewer members, then the first. One whose memory is not known comes
 * last. `user` is not looked at. [any]
 */
DOMI_API int domi_choose_lowest(const struct domi_candidate *candidates,
                                size_t count, uint64_t group, void *user);

#ifdef __cplusplus
}
#endif

#endif
