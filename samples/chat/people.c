/* SPDX-License-Identifier: MIT */
/* Who is in the room: a list of ids and names. */
#include "chat/people.h"

#include <stdlib.h>
#include <string.h>

#include "domi/frame.h"

static struct person *find(const struct people *people, uint64_t id)
{
    for (size_t i = 0; i < people->count; i++) {
        if (people->list[i].id == id) {
            return &people->list[i];
        }
    }
    return NULL;
}

/* The one of this id, made when there is none; NULL when memory is short. */
static struct person *find_or_add(struct people *people, uint64_t id)
{
    struct person *person = find(people, id);
    struct person *list;

    if (person) {
        return person;
    }
    list = realloc(people->list, (people->count + 1) * sizeof(*list));
    if (!list) {
        return NULL;
    }
    people->list = list;
    person = &list[people->count++];
    *person = (struct person){.id = id};
    return person;
}

void people_fini(struct people *people)
{
    free(people->list);
    *people = (struct people){0};
}

void people_here(struct people *people, const uint8_t *data, size_t size)
{
    while (size >= 9 && data[8] <= CHAT_NAME_MAX && size - 9 >= data[8]) {
        struct person *person = find_or_add(people, domi_get_u64(data));
        size_t entry = 9u + data[8];

        if (person) {
            person->size = data[8];
            memcpy(person->name, data + 9, data[8]);
        }
        data += entry;
        size -= entry;
    }
}

void people_gone(struct people *people, uint64_t id)
{
    struct person *person = find(people, id);

    if (person) {
        *person = people->list[--people->count];
    }
}

const struct person *people_find(const struct people *people, uint64_t id)
{
    return find(people, id);
}
