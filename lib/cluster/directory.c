/* SPDX-License-Identifier: MIT */
/* The directory: a table of groups, and each zone's list of those it has. */
#include "cluster/directory.h"

#include <assert.h>
#include <stdlib.h>

#include <uv.h>

enum standing {
    ANNOUNCED,
    EXPECTED,
    REFUSED,
};

/* A group in a zone. A group in two zones has two; they are few. */
struct entry {
    struct domi__list of_holder;
    struct domi__list passing; /* to itself once it is announced */
    struct entry *next;        /* of the same group */
    struct domi__holder *holder;
    uint64_t group;
    uint64_t until_ms; /* unless it is announced */
    unsigned listing;
    enum standing standing;
};

void domi__directory_init(struct domi__directory *directory,
                          struct domi__hash_key key)
{
    domi__table_init(&directory->groups, key);
    domi__list_init(&directory->passing);
}

void domi__directory_fini(struct domi__directory *directory)
{
    assert(directory->groups.count == 0);
    domi__table_fini(&directory->groups);
}

void domi__holder_init(struct domi__holder *holder)
{
    domi__list_init(&holder->entries);
}

static struct entry *find(const struct domi__directory *directory,
                          const struct domi__holder *holder, uint64_t group)
{
    struct entry *entry = domi__table_get(&directory->groups, group);

    while (entry && entry->holder != holder) {
        entry = entry->next;
    }
    return entry;
}

static void remove_entry(struct domi__directory *directory, struct entry *entry)
{
    struct entry *at = domi__table_get(&directory->groups, entry->group);

    if (at != entry) {
        while (at->next != entry) {
            at = at->next;
        }
        at->next = entry->next;
    } else if (entry->next) {
        /* Cannot fail, since the group is in the table. */
        (void)domi__table_set(&directory->groups, entry->group, entry->next);
    } else {
        domi__table_remove(&directory->groups, entry->group);
    }
    entry->holder->count--;
    domi__list_remove(&entry->of_holder);
    domi__list_remove(&entry->passing);
    free(entry);
}

static struct entry *entry_new(struct domi__directory *directory,
                               struct domi__holder *holder, uint64_t group)
{
    struct entry *entry = calloc(1, sizeof(*entry));
    struct entry *first = domi__table_get(&directory->groups, group);

    if (!entry || domi__table_set(&directory->groups, group, entry)) {
        free(entry);
        return NULL;
    }
    entry->next = first;
    entry->holder = holder;
    entry->group = group;
    entry->listing = holder->listing;
    domi__list_init(&entry->passing);
    domi__list_init(&entry->of_holder);
    domi__list_push(&holder->entries, &entry->of_holder);
    holder->count++;
    return entry;
}

static bool is_elsewhere(const struct domi__directory *directory,
                         const struct entry *entry)
{
    const struct entry *at = domi__table_get(&directory->groups, entry->group);

    while (at && (at == entry || at->standing != ANNOUNCED ||
                  !at->holder->is_open)) {
        at = at->next;
    }
    return at != NULL;
}

int domi__directory_add(struct domi__directory *directory,
                        struct domi__holder *holder, uint64_t group)
{
    struct entry *entry = find(directory, holder, group);

    if (entry && entry->standing == ANNOUNCED) {
        entry->listing = holder->listing;
        return 0;
    }
    if (!entry) {
        entry = entry_new(directory, holder, group);
    }
    if (!entry) {
        return UV_ENOMEM;
    }
    entry->listing = holder->listing;
    entry->standing = ANNOUNCED;
    domi__list_remove(&entry->passing);
    return is_elsewhere(directory, entry);
}

/* All wait as long, so the list stays in order. */
static void let_pass(struct domi__directory *directory, struct entry *entry,
                     enum standing standing, uint64_t now_ms)
{
    entry->standing = standing;
    entry->until_ms = now_ms + DOMI__DIRECTORY_PASSING_MS;
    domi__list_remove(&entry->passing);
    domi__list_push(&directory->passing, &entry->passing);
}

void domi__directory_expect(struct domi__directory *directory,
                            struct domi__holder *holder, uint64_t group,
                            uint64_t now_ms)
{
    struct entry *entry = find(directory, holder, group);

    if (!entry) {
        entry = entry_new(directory, holder, group);
    } else if (entry->standing == ANNOUNCED) {
        return;
    }
    if (entry) {
        let_pass(directory, entry, EXPECTED, now_ms);
    }
}

void domi__directory_refuse(struct domi__directory *directory,
                            struct domi__holder *holder, uint64_t group,
                            uint64_t now_ms)
{
    struct entry *entry = find(directory, holder, group);

    if (!entry) {
        entry = entry_new(directory, holder, group);
    }
    if (entry) {
        let_pass(directory, entry, REFUSED, now_ms);
    }
}

bool domi__directory_is_refused(const struct domi__directory *directory,
                                const struct domi__holder *holder,
                                uint64_t group)
{
    const struct entry *entry = find(directory, holder, group);

    return entry && entry->standing == REFUSED;
}

void domi__directory_remove(struct domi__directory *directory,
                            const struct domi__holder *holder, uint64_t group)
{
    struct entry *entry = find(directory, holder, group);

    if (entry) {
        remove_entry(directory, entry);
    }
}

void domi__directory_begin(struct domi__holder *holder)
{
    holder->listing++;
}

void domi__directory_end(struct domi__directory *directory,
                         struct domi__holder *holder)
{
    struct domi__list *node = holder->entries.next;

    while (node != &holder->entries) {
        struct entry *entry = DOMI__CONTAINER(node, struct entry, of_holder);

        node = node->next;
        if (entry->standing == ANNOUNCED &&
            entry->listing != holder->listing) {
            remove_entry(directory, entry);
        }
    }
}

void domi__directory_drop(struct domi__directory *directory,
                          struct domi__holder *holder)
{
    while (!domi__list_is_empty(&holder->entries)) {
        remove_entry(directory, DOMI__CONTAINER(holder->entries.next,
                                                struct entry, of_holder));
    }
}

void domi__directory_expire(struct domi__directory *directory, uint64_t now_ms)
{
    while (!domi__list_is_empty(&directory->passing)) {
        struct entry *entry = DOMI__CONTAINER(directory->passing.next,
                                              struct entry, passing);

        if (entry->until_ms > now_ms) {
            return;
        }
        remove_entry(directory, entry);
    }
}

bool domi__holder_is_older(const struct domi__holder *a,
                           const struct domi__holder *b)
{
    /* 0 becomes the largest. */
    uint64_t order_a = a->age_order - 1;
    uint64_t order_b = b->age_order - 1;

    return order_a != order_b ? order_a < order_b : a->id < b->id;
}

static bool is_better(const struct entry *a, const struct entry *b)
{
    if (a->standing != b->standing) {
        return a->standing < b->standing;
    }
    if (a->holder->is_open != b->holder->is_open) {
        return a->holder->is_open;
    }
    return domi__holder_is_older(a->holder, b->holder);
}

struct domi__holder *
domi__directory_find(const struct domi__directory *directory, uint64_t group)
{
    const struct entry *at = domi__table_get(&directory->groups, group);
    const struct entry *best = NULL;

    for (; at; at = at->next) {
        if (at->standing != REFUSED && (!best || is_better(at, best))) {
            best = at;
        }
    }
    return best ? best->holder : NULL;
}
