/* SPDX-License-Identifier: MIT */
/* A hash table from 64-bit ids to pointers, keyed against chosen ids. */
#include "base/table.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"

#define LEAST_SIZE 8u /* slots */

int domi__hash_key_init(struct domi__hash_key *key)
{
    return domi__random(key, sizeof(*key));
}

static inline uint64_t rotate(uint64_t x, unsigned bits)
{
    return x << bits | x >> (64 - bits);
}

struct siphash {
    uint64_t a, b, c, d;
};

static inline void siphash_round(struct siphash *s)
{
    s->a += s->b;
    s->b = rotate(s->b, 13) ^ s->a;
    s->a = rotate(s->a, 32);
    s->c += s->d;
    s->d = rotate(s->d, 16) ^ s->c;
    s->a += s->d;
    s->d = rotate(s->d, 21) ^ s->a;
    s->c += s->b;
    s->b = rotate(s->b, 17) ^ s->c;
    s->c = rotate(s->c, 32);
}

/* The message is the number's 8 bytes, then the block of the length. */
static inline uint64_t hash(const struct domi__hash_key *key, uint64_t number)
{
    const uint64_t length = UINT64_C(8) << 56;
    struct siphash s = {
        key->a ^ UINT64_C(0x736f6d6570736575),
        key->b ^ UINT64_C(0x646f72616e646f6d),
        key->a ^ UINT64_C(0x6c7967656e657261),
        key->b ^ UINT64_C(0x7465646279746573),
    };

    s.d ^= number;
    siphash_round(&s);
    s.a ^= number;
    s.d ^= length;
    siphash_round(&s);
    s.a ^= length;
    s.c ^= 0xff;
    siphash_round(&s);
    siphash_round(&s);
    siphash_round(&s);
    return s.a ^ s.b ^ s.c ^ s.d;
}

uint64_t domi__hash(const struct domi__hash_key *key, uint64_t number)
{
    return hash(key, number);
}

void domi__table_init(struct domi__table *table, struct domi__hash_key key)
{
    table->slots = NULL;
    table->size = 0;
    table->count = 0;
    table->key = key;
}

void domi__table_fini(struct domi__table *table)
{
    free(table->slots);
    domi__table_init(table, table->key);
}

static inline size_t home(const struct domi__table *table, uint64_t id)
{
    return hash(&table->key, id) & (table->size - 1);
}

/* The slot of this id, or the free one where it belongs; one slot in four is
   free, so the search ends. */
static inline struct domi__table_slot *find(const struct domi__table *table,
                                            uint64_t id)
{
    size_t i = home(table, id);

    while (table->slots[i].value && table->slots[i].id != id) {
        i = (i + 1) & (table->size - 1);
    }
    return &table->slots[i];
}

void *domi__table_get(const struct domi__table *table, uint64_t id)
{
    return table->count > 0 ? find(table, id)->value : NULL;
}

static int resize(struct domi__table *table, size_t size)
{
    struct domi__table old = *table;
    struct domi__table_slot *slots = calloc(size, sizeof(*slots));

    if (!slots) {
        return -ENOMEM;
    }
    table->slots = slots;
    table->size = size;
    for (size_t i = 0; i < old.size; i++) {
        if (old.slots[i].value) {
            *find(table, old.slots[i].id) = old.slots[i];
        }
    }
    free(old.slots);
    return 0;
}

int domi__table_set(struct domi__table *table, uint64_t id, void *value)
{
    struct domi__table_slot *slot;

    assert(value);
    if (table->size == 0) {
        int err = resize(table, LEAST_SIZE);

        if (err) {
            return err;
        }
    }
    slot = find(table, id);
    if (!slot->value) {
        if (table->count + 1 > table->size / 4 * 3) {
            int err = resize(table, table->size * 2);

            if (err) {
                return err;
            }
            slot = find(table, id);
        }
        slot->id = id;
        table->count++;
    }
    slot->value = value;
    return 0;
}

/* Fills the gap at `gap` with those behind it that it would cut off from their
   home, so that no tombstone is needed. */
static void close_gap(struct domi__table *table, size_t gap)
{
    size_t mask = table->size - 1;
    size_t i = gap;

    for (;;) {
        size_t distance;

        table->slots[gap].value = NULL;
        do {
            i = (i + 1) & mask;
            if (!table->slots[i].value) {
                return;
            }
            distance = (i - home(table, table->slots[i].id)) & mask;
        } while (distance < ((i - gap) & mask));
        table->slots[gap] = table->slots[i];
        gap = i;
    }
}

void *domi__table_remove(struct domi__table *table, uint64_t id)
{
    struct domi__table_slot *slot;
    void *value;

    if (table->count == 0) {
        return NULL;
    }
    slot = find(table, id);
    value = slot->value;
    if (!value) {
        return NULL;
    }
    close_gap(table, (size_t)(slot - table->slots));
    table->count--;
    if (table->size > LEAST_SIZE && table->count < table->size / 16) {
        /* Without memory for it the table just stays as it is. */
        (void)resize(table, table->size / 4 > LEAST_SIZE ? table->size / 4
                                                         : LEAST_SIZE);
    }
    return value;
}

const struct domi__table_slot *domi__table_next(const struct domi__table *table,
                                                size_t *position)
{
    while (*position < table->size) {
        const struct domi__table_slot *slot = &table->slots[(*position)++];

        if (slot->value) {
            return slot;
        }
    }
    return NULL;
}
