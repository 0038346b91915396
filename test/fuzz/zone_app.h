/* SPDX-License-Identifier: MIT */
/* A zone with groups that do whatever frames ask for. */
#ifndef TEST_FUZZ_ZONE_APP_H
#define TEST_FUZZ_ZONE_APP_H

#include "domi/zone.h"

#include "stand.h"

/* What groups are asked for. Where a user is meant it is the id at the
   beginning of the data, behind the link that the frame came over. */
enum zone_ask {
    GROUP_ADD = 50,
    GROUP_SAY = 51,       /* broadcasts the data */
    GROUP_LIST = 52,      /* multicasts the data to all members listed */
    GROUP_OTHERS = 53,    /* broadcasts the data to all but the user */
    GROUP_KICK = 54,
    GROUP_SEND = 55,      /* sends the user the data */
    GROUP_CLOSE = 56,
    GROUP_TICK = 62,      /* ticks, or ceases to */
    GROUP_POST = 63,      /* posts the data to the group of the id */
    GROUP_FLOOD = 64,     /* as SAY, as often as the first byte says */
};

struct zone_app {
    struct domi_zone *zone;
    unsigned opened;
    unsigned ended;
    unsigned joins;
    unsigned leaves;
    bool closed;
};

extern struct zone_app zone_app;

/* Makes and starts the zone. `options` lacks only the callbacks. */
void zone_app_open(struct domi_zone_options *options);

/* The zone's own acts. */
enum {
    ZONE_ACT_DRAIN,
    ZONE_ACT_POST, /* a number, the group; a byte, the type; a string */
    ZONE_ACTS,
};
void zone_app_act(unsigned act);

/* Closes it, and checks that all that began has ended. */
void zone_app_close(void);

#endif
