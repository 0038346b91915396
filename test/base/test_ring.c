/* SPDX-License-Identifier: MIT */
/* Tests of base/ring.c. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/ring.h"

#define SIZE 4096u
#define LIMIT_S 20 /* a signal that takes longer is lost */

static int set_up(void **state)
{
    static struct domi__ring ring;

    *state = &ring;
    return domi__ring_init(&ring, SIZE);
}

static int tear_down(void **state)
{
    domi__ring_fini(*state);
    domi__ring_fini(*state);
    return 0;
}

/* Byte `i` of record `number`. */
static uint8_t content(uint64_t number, size_t i)
{
    return (uint8_t)(number * 31 + i * 7 + (i >> 8));
}

/* For the producer's thread, from which cmocka's asserts cannot return. */
static void must(bool holds)
{
    if (!holds) {
        abort();
    }
}

static bool try_push(struct domi__ring *ring, uint64_t number, size_t size)
{
    uint8_t *room = domi__ring_reserve(ring, size);

    if (!room) {
        return false;
    }
    must((uintptr_t)room % 8 == 0);
    must(room >= ring->bytes);
    must(room + size <= ring->bytes + ring->size);
    for (size_t i = 0; i < size; i++) {
        room[i] = content(number, i);
    }
    domi__ring_commit(ring, (uint32_t)number);
    return true;
}

static void push(struct domi__ring *ring, uint64_t number, size_t size)
{
    assert_true(try_push(ring, number, size));
    assert_true(domi__ring_publish(ring));
}

/* Takes record `number` out, or finds none. */
static bool try_pop(struct domi__ring *ring, uint64_t number, size_t *size)
{
    uint32_t kind;
    const uint8_t *bytes = domi__ring_peek(ring, &kind, size);

    if (!bytes) {
        return false;
    }
    assert_int_equal(kind, (uint32_t)number);
    for (size_t i = 0; i < *size; i++) {
        if (bytes[i] != content(number, i)) {
            fail_msg("record %llu is torn", (unsigned long long)number);
        }
    }
    domi__ring_pop(ring);
    return true;
}

static void pop(struct domi__ring *ring, uint64_t number, size_t size)
{
    size_t found;

    assert_true(try_pop(ring, number, &found));
    assert_int_equal(found, size);
}

static void shows_nothing_before_it_is_published(void **state)
{
    struct domi__ring *ring = *state;
    uint32_t kind;
    size_t size;

    assert_true(domi__ring_is_empty(ring));
    assert_false(domi__ring_publish(ring));
    assert_true(try_push(ring, 1, 10));
    assert_true(domi__ring_is_empty(ring));
    assert_null(domi__ring_peek(ring, &kind, &size));
    assert_true(domi__ring_publish(ring));
    assert_false(domi__ring_publish(ring));
    assert_false(domi__ring_is_empty(ring));
    pop(ring, 1, 10);
    assert_true(domi__ring_is_empty(ring));
}

static void shows_the_same_record_until_it_is_popped(void **state)
{
    struct domi__ring *ring = *state;
    uint32_t kind;
    size_t size;
    const void *first;

    push(ring, 1, 10);
    push(ring, 2, 0);
    first = domi__ring_peek(ring, &kind, &size);
    assert_ptr_equal(domi__ring_peek(ring, &kind, &size), first);
    pop(ring, 1, 10);
    pop(ring, 2, 0);
}

static void forgets_a_reservation_that_is_made_anew(void **state)
{
    struct domi__ring *ring = *state;

    assert_non_null(domi__ring_reserve(ring, 100));
    push(ring, 1, 20);
    pop(ring, 1, 20);
}

static void keeps_each_record_in_one_piece(void **state)
{
    struct domi__ring *ring = *state;

    /* try_push sees to it, for sizes that meet the end at every place. */
    for (uint64_t i = 0; i < 5000; i++) {
        push(ring, i, i % 701);
        pop(ring, i, i % 701);
        domi__ring_release(ring);
    }
}

static void takes_its_largest_record_wherever_it_stands(void **state)
{
    struct domi__ring *ring = *state;

    for (uint64_t i = 0; i < 2000; i++) {
        size_t limit = domi__ring_limit(ring);

        push(ring, i, limit);
        pop(ring, i, limit);
        domi__ring_release(ring);
        push(ring, i, 8 * (i % 5));
        pop(ring, i, 8 * (i % 5));
        domi__ring_release(ring);
    }
}

/* Fills the ring with records of 56 bytes, 64 each with their header. */
static void fill(struct domi__ring *ring)
{
    for (unsigned i = 0; i < SIZE / 64; i++) {
        push(ring, i, 56);
    }
    assert_false(try_push(ring, 0, 0));
}

static void tells_of_room_once_a_quarter_is_free(void **state)
{
    struct domi__ring *ring = *state;

    assert_true(domi__ring_has_room(ring));
    fill(ring);
    for (unsigned i = 0; i < SIZE / 64 / 4; i++) {
        assert_false(domi__ring_has_room(ring));
        assert_false(domi__ring_release(ring));
        pop(ring, i, 56);
    }
    assert_true(domi__ring_release(ring));
    assert_true(domi__ring_has_room(ring));
    for (unsigned i = SIZE / 64 / 4; i < SIZE / 64; i++) {
        assert_false(domi__ring_release(ring));
        pop(ring, i, 56);
    }
    assert_false(domi__ring_release(ring));
    push(ring, 0, 1000);
}

static void tells_of_room_for_a_record_larger_than_a_quarter(void **state)
{
    struct domi__ring *ring = *state;
    size_t limit = domi__ring_limit(ring);

    fill(ring);
    assert_false(try_push(ring, 0, limit));
    for (unsigned i = 0; i < SIZE / 64 / 2; i++) {
        assert_false(domi__ring_has_room(ring));
        assert_false(domi__ring_release(ring));
        pop(ring, i, 56);
    }
    assert_true(domi__ring_release(ring));
    assert_true(domi__ring_has_room(ring));
    push(ring, 0, limit);
}

static void says_nothing_when_nobody_waits(void **state)
{
    struct domi__ring *ring = *state;

    for (unsigned i = 0; i < 1000; i++) {
        push(ring, i, 500);
        pop(ring, i, 500);
        assert_false(domi__ring_release(ring));
    }
}

static size_t random_size(unsigned *seed)
{
    unsigned r = (unsigned)rand_r(seed);

    return r % 16 == 0 ? r / 16 % 2000 : r / 16 % 100;
}

static void matches_a_plain_queue_at_random(void **state)
{
    struct domi__ring *ring = *state;
    static size_t sizes[200000];
    uint64_t pushed = 0, published = 0, popped = 0;
    unsigned seed = 7;

    for (unsigned i = 0; i < 400000 && pushed < 200000; i++) {
        size_t size = random_size(&seed);

        switch (rand_r(&seed) % 4) {
        case 0:
        case 1:
            if (try_push(ring, pushed, size)) {
                sizes[pushed++] = size;
            }
            break;
        case 2:
            assert_int_equal(domi__ring_publish(ring), pushed > published);
            published = pushed;
            break;
        default:
            while (popped < published && rand_r(&seed) % 16 != 0) {
                pop(ring, popped, sizes[popped]);
                popped++;
            }
            domi__ring_release(ring);
        }
    }
    assert_true(popped > 10000);
}

/* Two threads, one ring; each waits for the other by its signals alone. */
struct pair {
    struct domi__ring ring;
    uint64_t records;
    unsigned every; /* records per publish */
    sem_t room;     /* a release that returned true */
    sem_t done;     /* by the producer, when there will be no more */
};

static void wait_for(sem_t *sem)
{
    struct timespec until;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += LIMIT_S;
    while (sem_timedwait(sem, &until)) {
        must(errno == EINTR);
    }
}

static void *produce(void *arg)
{
    struct pair *pair = arg;
    unsigned seed = 11;

    for (uint64_t i = 0; i < pair->records; i++) {
        size_t size = random_size(&seed);

        while (!try_push(&pair->ring, i, size)) {
            domi__ring_publish(&pair->ring);
            wait_for(&pair->room);
        }
        if ((i + 1) % pair->every == 0) {
            domi__ring_publish(&pair->ring);
        }
    }
    domi__ring_publish(&pair->ring);
    sem_post(&pair->done);
    return NULL;
}

static void run_pair(uint64_t records, unsigned every)
{
    static struct pair pair;
    pthread_t producer;
    unsigned seed = 11;
    size_t size;

    pair.records = records;
    pair.every = every;
    assert_int_equal(domi__ring_init(&pair.ring, SIZE), 0);
    assert_int_equal(sem_init(&pair.room, 0, 0), 0);
    assert_int_equal(sem_init(&pair.done, 0, 0), 0);
    assert_int_equal(pthread_create(&producer, NULL, produce, &pair), 0);
    for (uint64_t i = 0; i < records;) {
        if (!try_pop(&pair.ring, i, &size)) {
            sched_yield();
            continue;
        }
        assert_int_equal(size, random_size(&seed));
        if (domi__ring_release(&pair.ring)) {
            sem_post(&pair.room);
        }
        i++;
    }
    wait_for(&pair.done);
    pthread_join(producer, NULL);
    assert_true(domi__ring_is_empty(&pair.ring));
    sem_destroy(&pair.room);
    sem_destroy(&pair.done);
    domi__ring_fini(&pair.ring);
}

static void loses_nothing_between_threads_published_singly(void **state)
{
    (void)state;
    run_pair(200000, 1);
}

static void loses_nothing_between_threads_published_by_many(void **state)
{
    (void)state;
    run_pair(200000, 16);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(shows_nothing_before_it_is_published),
        TEST(shows_the_same_record_until_it_is_popped),
        TEST(forgets_a_reservation_that_is_made_anew),
        TEST(keeps_each_record_in_one_piece),
        TEST(takes_its_largest_record_wherever_it_stands),
        TEST(tells_of_room_once_a_quarter_is_free),
        TEST(tells_of_room_for_a_record_larger_than_a_quarter),
        TEST(says_nothing_when_nobody_waits),
        TEST(matches_a_plain_queue_at_random),
        cmocka_unit_test(loses_nothing_between_threads_published_singly),
        cmocka_unit_test(loses_nothing_between_threads_published_by_many),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
