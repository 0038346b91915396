/* SPDX-License-Identifier: MIT */
/* Sets of node ids, read from answers of Consul; pure functions. */
#ifndef DOMI_CONSUL_IDS_H
#define DOMI_CONSUL_IDS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/ids.h"

struct cJSON;

/* Zeroed is empty. */
struct domi__consul_ids {
    uint8_t bits[(DOMI__NODE_ID_MAX + 8) / 8];
};

/* The ids of services by what is known of them. */
struct domi__consul_services {
    struct domi__consul_ids all;
    struct domi__consul_ids living;  /* with a check that is not critical */
    struct domi__consul_ids foreign; /* not of domi, which has no key then */
    struct domi__consul_ids foreign_living;
};

/* Decimal digits, without sign, space or leading zero, as a number from 0 to
   `max`; or -1. */
int domi__consul_decimal(const char *text, int max);

/* The id that decimal text stands for as domi writes it, or -1. */
int domi__consul_id_of(const char *text);

void domi__consul_ids_add(struct domi__consul_ids *ids, int id);
bool domi__consul_ids_has(const struct domi__consul_ids *ids, int id);

/* Reads the names of keys, ["PREFIX0", ...]; others are passed over. False
   when it is no list. */
bool domi__consul_ids_read_keys(struct domi__consul_ids *ids,
                                const struct cJSON *json, const char *prefix);

/* Reads keys with their entries, and takes those that no session locks. */
bool domi__consul_ids_read_reserves(struct domi__consul_ids *ids,
                                    const struct cJSON *json,
                                    const char *prefix);

/* Reads checks of services. Those with `notes` are of domi's nodes. */
bool domi__consul_ids_read_services(struct domi__consul_services *services,
                                    const struct cJSON *json,
                                    const char *notes);

/* One of the ids 0 to DOMI__NODE_ID_MAX that are in `among` (NULL: all) and in
   neither of the others, chosen by `random`; -1 when there is none. */
int domi__consul_ids_pick(const struct domi__consul_ids *among,
                          const struct domi__consul_ids *not_these,
                          const struct domi__consul_ids *nor_these,
                          unsigned random);

#endif
