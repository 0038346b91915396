/* SPDX-License-Identifier: MIT */
/* The arbiter: which node was named for a group that is about to be made. */
#include "zone/arbiter.h"

#include <stdbool.h>
#include <stdlib.h>

struct word {
    struct domi__list node; /* in the arbiter's order */
    uint64_t group;
    uint64_t place; /* a node id */
    uint64_t said_ms;
};

void domi__arbiter_init(struct domi__arbiter *arbiter,
                        struct domi__hash_key key, size_t limit)
{
    domi__table_init(&arbiter->words, key);
    domi__list_init(&arbiter->order);
    arbiter->limit = limit;
}

static void forget(struct domi__arbiter *arbiter, struct word *word)
{
    domi__table_remove(&arbiter->words, word->group);
    domi__list_remove(&word->node);
    free(word);
}

/* NULL when nothing was said. */
static struct word *oldest(const struct domi__arbiter *arbiter)
{
    return domi__list_is_empty(&arbiter->order)
               ? NULL
               : DOMI__CONTAINER(arbiter->order.next, struct word, node);
}

void domi__arbiter_fini(struct domi__arbiter *arbiter)
{
    struct word *word;

    while ((word = oldest(arbiter))) {
        forget(arbiter, word);
    }
    domi__table_fini(&arbiter->words);
}

static bool is_past(const struct word *word, uint64_t now_ms)
{
    return now_ms - word->said_ms >= DOMI__ARBITER_MS;
}

/* A new word, or NULL. */
static struct word *add(struct domi__arbiter *arbiter, uint64_t group)
{
    struct word *word;

    if (arbiter->words.count >= arbiter->limit) {
        forget(arbiter, oldest(arbiter));
    }
    word = malloc(sizeof(*word));
    if (!word || domi__table_set(&arbiter->words, group, word)) {
        free(word);
        return NULL;
    }
    word->group = group;
    domi__list_push(&arbiter->order, &word->node);
    return word;
}

uint64_t domi__arbiter_place(struct domi__arbiter *arbiter, uint64_t now_ms,
                             uint64_t group, uint64_t wanted, uint64_t refused)
{
    struct word *word = domi__table_get(&arbiter->words, group);

    if (word && word->place != refused && !is_past(word, now_ms)) {
        return word->place;
    }
    if (word) {
        domi__list_remove(&word->node);
        domi__list_push(&arbiter->order, &word->node);
    } else {
        word = add(arbiter, group);
    }
    if (word) {
        word->place = wanted;
        word->said_ms = now_ms;
    }
    return wanted;
}

void domi__arbiter_sweep(struct domi__arbiter *arbiter, uint64_t now_ms)
{
    struct word *word;

    while ((word = oldest(arbiter)) && is_past(word, now_ms)) {
        forget(arbiter, word);
    }
}
