/* SPDX-License-Identifier: MIT */
/* Tests of base/table.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/table.h"

#define IDS 2000u

static const struct domi__hash_key key = {0x0706050403020100,
                                          0x0f0e0d0c0b0a0908};

/* Expected values come from an independent implementation, which agrees with
   the SipHash-2-4 paper's vector and with CPython's SipHash-1-3. */
static void hashes_as_siphash_1_3_does(void **state)
{
    static const struct {
        struct domi__hash_key key;
        uint64_t number, hash;
    } rows[] = {
        {{0, 0}, 0, 0xbd60acb658c79e45},
        {{0, 0}, 0x6867666564636261, 0x3f7b849c0b8e35ea},
        {{0x0706050403020100, 0x0f0e0d0c0b0a0908},
         0x0706050403020100,
         0x369095118d299a8e},
        {{0x0706050403020100, 0x0f0e0d0c0b0a0908}, 1, 0x32c5ea5ce472f19b},
        {{UINT64_MAX, 1}, UINT64_MAX, 0x826f978e9422971a},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(domi__hash(&rows[i].key, rows[i].number),
                         rows[i].hash);
    }
}

static void draws_a_new_key_each_time(void **state)
{
    struct domi__hash_key a, b;

    (void)state;
    assert_int_equal(domi__hash_key_init(&a), 0);
    assert_int_equal(domi__hash_key_init(&b), 0);
    assert_memory_not_equal(&a, &b, sizeof(a));
}

static void is_empty_when_zeroed(void **state)
{
    struct domi__table table;
    size_t position = 0;

    (void)state;
    memset(&table, 0, sizeof(table));
    assert_null(domi__table_get(&table, 7));
    assert_null(domi__table_remove(&table, 7));
    assert_null(domi__table_next(&table, &position));
    assert_int_equal(domi__table_set(&table, 7, &table), 0);
    assert_ptr_equal(domi__table_get(&table, 7), &table);
    domi__table_fini(&table);
    domi__table_fini(&table);
    assert_int_equal(table.count, 0);
}

static void replaces_a_value(void **state)
{
    struct domi__table table;
    int a, b;

    (void)state;
    domi__table_init(&table, key);
    assert_int_equal(domi__table_set(&table, 0, &a), 0);
    assert_int_equal(domi__table_set(&table, 0, &b), 0);
    assert_int_equal(table.count, 1);
    assert_ptr_equal(domi__table_remove(&table, 0), &b);
    assert_null(domi__table_get(&table, 0));
    domi__table_fini(&table);
}

/* What the table should hold: value of id i, or NULL. */
struct twin {
    struct domi__table table;
    void *values[IDS];
    size_t count;
};

static void check_all(struct twin *twin)
{
    const struct domi__table_slot *slot;
    bool seen[IDS] = {false};
    size_t position = 0;
    size_t count = 0;

    while ((slot = domi__table_next(&twin->table, &position))) {
        assert_true(slot->id < IDS);
        assert_false(seen[slot->id]);
        seen[slot->id] = true;
        assert_ptr_equal(slot->value, twin->values[slot->id]);
        count++;
    }
    assert_int_equal(count, twin->count);
    assert_int_equal(count, twin->table.count);
    for (size_t i = 0; i < IDS; i++) {
        assert_ptr_equal(domi__table_get(&twin->table, i), twin->values[i]);
    }
}

static void step(struct twin *twin, unsigned *seed, int growth)
{
    size_t id = (size_t)rand_r(seed) % IDS;

    if (rand_r(seed) % 100 < growth) {
        twin->count += twin->values[id] == NULL;
        twin->values[id] = &twin->values[(size_t)rand_r(seed) % IDS];
        assert_int_equal(domi__table_set(&twin->table, id, twin->values[id]),
                         0);
    } else {
        twin->count -= twin->values[id] != NULL;
        assert_ptr_equal(domi__table_remove(&twin->table, id),
                         twin->values[id]);
        twin->values[id] = NULL;
    }
}

static void holds_what_a_plain_array_holds(void **state)
{
    static const int growth[] = {90, 50, 10, 80, 2};
    static struct twin twin;
    unsigned seed = 1;

    (void)state;
    domi__table_init(&twin.table, key);
    for (size_t phase = 0; phase < sizeof(growth) / sizeof(growth[0]);
         phase++) {
        for (unsigned i = 0; i < 20000; i++) {
            step(&twin, &seed, growth[phase]);
            if (i % 1000 == 0) {
                check_all(&twin);
            }
        }
    }
    domi__table_fini(&twin.table);
}

static void never_fills_more_than_three_quarters(void **state)
{
    struct domi__table table;

    (void)state;
    domi__table_init(&table, key);
    for (uint64_t id = 0; id < 10000; id++) {
        assert_int_equal(domi__table_set(&table, id, &table), 0);
        assert_true(table.count * 4 <= table.size * 3);
        assert_int_equal(table.size & (table.size - 1), 0);
    }
    domi__table_fini(&table);
}

/* Ids that agree in all the bits that a table without a key would look at. */
static void chosen_ids_do_not_collide(void **state)
{
    enum { CHOSEN = 20000 };
    struct domi__hash_key random;
    struct domi__table table;
    size_t run = 0;
    size_t longest = 0;

    (void)state;
    assert_int_equal(domi__hash_key_init(&random), 0);
    domi__table_init(&table, random);
    for (uint64_t i = 1; i <= CHOSEN; i++) {
        assert_int_equal(domi__table_set(&table, i << 32, &table), 0);
    }
    for (size_t i = 0; i < table.size; i++) {
        run = table.slots[i].value ? run + 1 : 0;
        longest = run > longest ? run : longest;
    }
    /* As long as chance makes it at three quarters full, and not thousands. */
    assert_in_range(longest, 1, 1000);
    domi__table_fini(&table);
}

static void gives_memory_back_when_it_is_sparse(void **state)
{
    struct domi__table table;
    size_t most;

    (void)state;
    domi__table_init(&table, key);
    for (uint64_t id = 0; id < 10000; id++) {
        assert_int_equal(domi__table_set(&table, id, &table), 0);
    }
    most = table.size;
    for (uint64_t id = 10; id < 10000; id++) {
        assert_ptr_equal(domi__table_remove(&table, id), &table);
    }
    assert_true(table.size <= most / 64);
    for (uint64_t id = 0; id < 10; id++) {
        assert_ptr_equal(domi__table_get(&table, id), &table);
    }
    domi__table_fini(&table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hashes_as_siphash_1_3_does),
        cmocka_unit_test(draws_a_new_key_each_time),
        cmocka_unit_test(is_empty_when_zeroed),
        cmocka_unit_test(replaces_a_value),
        cmocka_unit_test(holds_what_a_plain_array_holds),
        cmocka_unit_test(never_fills_more_than_three_quarters),
        cmocka_unit_test(chosen_ids_do_not_collide),
        cmocka_unit_test(gives_memory_back_when_it_is_sparse),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
