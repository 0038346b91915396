/* SPDX-License-Identifier: MIT */
/* A hash table from 64-bit ids to pointers, keyed against chosen ids. */
#ifndef DOMI_BASE_TABLE_H
#define DOMI_BASE_TABLE_H

#include <stddef.h>
#include <stdint.h>

/* The secret of a hash: two processes, or two tables, never share theirs. */
struct domi__hash_key {
    uint64_t a;
    uint64_t b;
};

/* Fills the key at random. 0 or a libuv code. */
int domi__hash_key_init(struct domi__hash_key *key);

/* SipHash-1-3 of one 64-bit number. */
uint64_t domi__hash(const struct domi__hash_key *key, uint64_t number);

struct domi__table_slot {
    uint64_t id;
    void *value; /* NULL: free */
};

/* Open addressing with linear probing; zeroed memory is an empty table. */
struct domi__table {
    struct domi__table_slot *slots; /* NULL while empty */
    size_t size;                    /* slots, a power of two */
    size_t count;                   /* used */
    struct domi__hash_key key;
};

/* An empty table with this key; allocates nothing. */
void domi__table_init(struct domi__table *table, struct domi__hash_key key);

/* Frees the slots, not the values. Accepts zeroed memory. */
void domi__table_fini(struct domi__table *table);

/* The value, or NULL. */
void *domi__table_get(const struct domi__table *table, uint64_t id);

/* Sets the value of an id, which replaces one that was there. `value` is not
   NULL. 0 or UV_ENOMEM. */
int domi__table_set(struct domi__table *table, uint64_t id, void *value);

/* Takes an id out and returns its value, or NULL when it was not there. */
void *domi__table_remove(struct domi__table *table, uint64_t id);

/*
 * The first used slot at or after `*position` (0 at first), or NULL at the
 * end; moves `*position` behind it. The table must not change meanwhile.
 */
const struct domi__table_slot *domi__table_next(const struct domi__table *table,
                                                size_t *position);

#endif
