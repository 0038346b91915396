/* SPDX-License-Identifier: MIT */
/* Tests of worker/worker.c. */
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/clock.h"
#include "fixture.h"

#define NS_PER_MS UINT64_C(1000000)

/* ---- both kinds -------------------------------------------------------- */

static void brings_records_back_in_order(void **state)
{
    pump(*state, ECHO, 50000, 1);
}

static void gets_over_both_rings_being_full(void **state)
{
    pump(*state, MULTIPLY, 10000, 8);
}

static void takes_its_largest_records(void **state)
{
    struct fixture *f = *state;
    size_t limit = domi__worker_out_limit(f->worker);

    assert_true(limit <= domi__worker_out_limit(f->worker));
    for (uint64_t i = 0; i < 200; i++) {
        while (!try_push(f, ECHO, i, limit)) {
            turn(f, true);
        }
        domi__worker_publish(f->worker);
    }
    turn_until_received(f, 200);
    assert_int_equal(f->bytes, 200 * limit);
}

static void puts_out_large_records_among_small_ones(void **state)
{
    struct fixture *f = *state;

    push(f, UNEVEN, 0);
    turn_until_received(f, 200);
}

static void finishes_what_was_committed_before_it_stops(void **state)
{
    struct fixture *f = *state;

    for (uint64_t i = 0; i < 200; i++) {
        assert_true(try_push(f, MULTIPLY, i, 8));
    }
    end(f);
    assert_int_equal(f->received, 1600);
    assert_int_equal(f->handled, 200);
    assert_true(domi__worker_has_ended(f->worker));
}

/* ---- with a thread ----------------------------------------------------- */

static void wakes_for_every_single_record(void **state)
{
    struct fixture *f = *state;

    for (uint64_t i = 0; i < 20000; i++) {
        push(f, ECHO, i);
        turn_until_received(f, i + 1);
    }
}

static void wakes_the_loop_when_there_is_room_again(void **state)
{
    struct fixture *f = *state;
    uint64_t pushed = 1;

    push(f, GATE, 0);
    while (try_push(f, SWALLOW, pushed, 100)) {
        pushed++;
    }
    assert_false(domi__worker_has_room(f->worker));
    sem_post(&f->gate);
    while (!domi__worker_has_room(f->worker)) {
        turn(f, true);
    }
    assert_true(try_push(f, ECHO, pushed, RING_SIZE / 4 - 8));
    domi__worker_publish(f->worker);
    turn_until_received(f, 1);
    assert_int_equal(f->handled, pushed + 1);
}

static void waits_for_the_loop_when_the_ring_out_is_full(void **state)
{
    struct fixture *f = *state;

    push(f, CHAIN, 0);
    /* 1000 records do not fit, so the handler is at work until we drain. */
    while (domi__worker_busy_since(f->worker) == 0) {
        sched_yield();
    }
    assert_int_equal(f->received, 0);
    turn_until_received(f, 1000);
}

static void says_since_when_a_handler_has_been_at_work(void **state)
{
    struct fixture *f = *state;
    uint64_t before = domi__clock_coarse_ns();
    uint64_t since;

    push(f, GATE, 0);
    sem_wait(&f->entered);
    since = domi__worker_busy_since(f->worker);
    assert_true(since >= before && since <= domi__clock_ns());
    assert_false(domi__worker_has_ended(f->worker));
    sem_post(&f->gate);
    push(f, ECHO, 1);
    turn_until_received(f, 1);
    while (domi__worker_busy_since(f->worker) != 0) {
        sched_yield();
    }
}

static void calls_on_time_without_any_record(void **state)
{
    struct fixture *f = *state;

    for (uint64_t i = 0; i < 20; i++) {
        uint64_t due_ns = domi__clock_ns() + 2 * NS_PER_MS;

        push(f, OWN_TIME, due_ns);
        turn_until_received(f, i + 1);
        assert_true(domi__clock_ns() >= due_ns);
        assert_int_equal(f->times, i + 1);
    }
}

static void lets_no_signal_interrupt_it(void **state)
{
    struct fixture *f = *state;
    uint64_t before = count_open_signals();

    push(f, SIGNALS, 0);
    turn_until_received(f, 1);
    assert_int_equal(f->last, 0);
    assert_true(before > 0);
    assert_int_equal(count_open_signals(), before);
}

static void has_not_ended_before_all_is_drained(void **state)
{
    struct fixture *f = *state;

    push(f, CHAIN, 0);
    domi__worker_stop(f->worker);
    for (unsigned i = 0; i < 100; i++) {
        assert_false(domi__worker_has_ended(f->worker));
        sched_yield();
    }
    end(f);
    assert_int_equal(f->received, 1000);
}

static void can_be_freed_without_a_start(void **state)
{
    struct domi__waker waker;
    struct domi__worker *worker;

    (void)state;
    assert_int_equal(domi__waker_init(&waker), 0);
    worker = domi__worker_new(&calls, NULL, RING_SIZE, &waker, true);
    assert_non_null(worker);
    assert_true(domi__worker_has_ended(worker));
    domi__worker_free(worker);
    domi__worker_free(NULL);
    domi__waker_fini(&waker);
}

/* ---- without a thread -------------------------------------------------- */

static void runs_nothing_before_a_drain(void **state)
{
    struct fixture *f = *state;

    push(f, ECHO, 0);
    assert_int_equal(f->handled, 0);
    assert_true(domi__worker_drain(f->worker, receive, f));
    assert_int_equal(f->handled, 1);
    assert_int_equal(f->received, 1);
    assert_false(domi__worker_drain(f->worker, receive, f));
}

/* Sends a record for each that it gets, and drains, which it should not. */
static void push_more(void *user, uint32_t kind, const uint8_t *bytes,
                      size_t size)
{
    struct fixture *f = user;

    receive(user, kind, bytes, size);
    if (f->received < 200) {
        push(f, SWALLOW, 0);
    }
    assert_false(domi__worker_drain(f->worker, push_more, f));
}

static void never_runs_one_handler_within_another(void **state)
{
    struct fixture *f = *state;

    push(f, CHAIN, 0);
    while (domi__worker_drain(f->worker, push_more, f)) {
    }
    /* on_record sees to it that it is not nested. */
    assert_int_equal(f->received, 1000);
    assert_int_equal(f->handled, 200);
}

static void says_when_it_wants_to_be_called(void **state)
{
    struct fixture *f = *state;
    uint64_t due_ns = domi__clock_ns() + NS_PER_MS;

    push(f, OWN_TIME, due_ns);
    while (domi__worker_drain(f->worker, receive, f)) {
    }
    if (f->received == 0) {
        assert_int_equal(domi__worker_next_time(f->worker), due_ns);
    }
    while (domi__clock_ns() < due_ns) {
        sched_yield();
    }
    domi__worker_drain(f->worker, receive, f);
    assert_int_equal(f->received, 1);
    assert_true(domi__worker_next_time(f->worker) == UINT64_MAX);
}

#define THREADED(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define UNTHREADED(name)                                                       \
    {                                                                          \
        #name "_without_a_thread", name, set_up_without_thread, tear_down,     \
            NULL                                                               \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        THREADED(brings_records_back_in_order),
        THREADED(gets_over_both_rings_being_full),
        THREADED(takes_its_largest_records),
        THREADED(puts_out_large_records_among_small_ones),
        THREADED(finishes_what_was_committed_before_it_stops),
        THREADED(wakes_for_every_single_record),
        THREADED(wakes_the_loop_when_there_is_room_again),
        THREADED(waits_for_the_loop_when_the_ring_out_is_full),
        THREADED(says_since_when_a_handler_has_been_at_work),
        THREADED(calls_on_time_without_any_record),
        THREADED(lets_no_signal_interrupt_it),
        THREADED(has_not_ended_before_all_is_drained),
        cmocka_unit_test(can_be_freed_without_a_start),
        UNTHREADED(brings_records_back_in_order),
        UNTHREADED(gets_over_both_rings_being_full),
        UNTHREADED(takes_its_largest_records),
        UNTHREADED(puts_out_large_records_among_small_ones),
        UNTHREADED(finishes_what_was_committed_before_it_stops),
        UNTHREADED(runs_nothing_before_a_drain),
        UNTHREADED(never_runs_one_handler_within_another),
        UNTHREADED(says_when_it_wants_to_be_called),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
