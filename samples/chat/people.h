/* SPDX-License-Identifier: MIT */
/* Who is in the room, as far as a client has been told. */
#ifndef CHAT_PEOPLE_H
#define CHAT_PEOPLE_H

#include <stddef.h>
#include <stdint.h>

#include "chat/events.h"

struct person {
    uint64_t id;
    uint8_t size;
    uint8_t name[CHAT_NAME_MAX];
};

/* Zeroed is empty. Searched one by one: a sample's list is short. */
struct people {
    struct person *list;
    size_t count;
};

void people_fini(struct people *people);

/* Takes the entries of a HERE; what does not look like one is passed over. */
void people_here(struct people *people, const uint8_t *data, size_t size);

void people_gone(struct people *people, uint64_t id);

/* NULL when nobody of this id is known. */
const struct person *people_find(const struct people *people, uint64_t id);

#endif
