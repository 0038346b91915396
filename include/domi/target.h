/* SPDX-License-Identifier: MIT */
/* Targets: how a gateway and its users name a group in a zone. */
#ifndef DOMI_TARGET_H
#define DOMI_TARGET_H

#include <stdint.h>

#include "domi/frame.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A place that a session is attached to: a group in a zone. */
struct domi_target {
    uint64_t id;    /* of the link to the zone; not 0 */
    uint64_t group;
};

/*
 * A target as bytes: id, then group, little endian. A gateway's application
 * tells its users these, in a frame of its own; a client names the target of
 * its frames by them.
 */
#define DOMI_TARGET_SIZE 16u

static inline void domi_target_put(uint8_t bytes[DOMI_TARGET_SIZE],
                                   struct domi_target target)
{
    domi_put_u64(bytes, target.id);
    domi_put_u64(bytes + 8, target.group);
}

static inline struct domi_target
domi_target_get(const uint8_t bytes[DOMI_TARGET_SIZE])
{
    struct domi_target target;

    target.id = domi_get_u64(bytes);
    target.group = domi_get_u64(bytes + 8);
    return target;
}

#ifdef __cplusplus
}
#endif

#endif
