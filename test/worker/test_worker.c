/* SPDX-License-Identifier: MIT */
/* Tests of worker/worker.c. */
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "worker/worker.h"

#define RING_SIZE 4096u
#define LIMIT_MS 20000 /* a wake that takes longer is lost */
#define NS_PER_MS UINT64_C(1000000)

/* What the handler does with a record, by its kind. */
enum kind {
    ECHO,      /* puts the same bytes out */
    SWALLOW,   /* puts nothing out */
    MULTIPLY,  /* puts the same bytes out eight times */
    GATE,      /* waits for the gate to be opened */
    SIGNALS,   /* puts out how many signals may interrupt its thread */
    CHAIN,     /* puts out more than a ring, `out` sends it records meanwhile */
    OWN_TIME,  /* asks for a call at the time that the record holds */
};

struct fixture {
    struct domi__waker waker;
    struct domi__worker *worker;

    /* The worker's. */
    uint64_t handled;
    bool inside; /* a handler runs */
    uint64_t due_ns;
    uint64_t times; /* calls of on_time that were due */
    sem_t entered;
    sem_t gate;

    /* The loop's. */
    uint64_t received;
    uint64_t bytes;
    uint64_t last; /* number in the last record received */
    bool in_order;
};

/* For the worker's thread, from which cmocka's asserts cannot return. */
static void must(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void put_out(struct fixture *f, const void *bytes, size_t size)
{
    void *room = domi__worker_out_reserve(f->worker, size);

    must(room != NULL);
    memcpy(room, bytes, size);
    domi__worker_out_commit(f->worker, ECHO);
}

static uint64_t count_open_signals(void)
{
    sigset_t blocked;
    uint64_t open = 0;

    pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    for (int i = 1; i <= 31; i++) {
        open += i != SIGKILL && i != SIGSTOP && !sigismember(&blocked, i);
    }
    return open;
}

static void on_record(void *self, uint32_t kind, const uint8_t *bytes,
                      size_t size)
{
    struct fixture *f = self;
    uint64_t number;

    must(!f->inside);
    f->inside = true;
    switch ((enum kind)kind) {
    case ECHO:
        put_out(f, bytes, size);
        break;
    case SWALLOW:
        break;
    case MULTIPLY:
        for (unsigned i = 0; i < 8; i++) {
            put_out(f, bytes, size);
        }
        break;
    case GATE:
        sem_post(&f->entered);
        sem_wait(&f->gate);
        break;
    case SIGNALS:
        number = count_open_signals();
        put_out(f, &number, sizeof(number));
        break;
    case CHAIN:
        for (number = 0; number < 1000; number++) {
            put_out(f, &number, sizeof(number));
        }
        break;
    case OWN_TIME:
        memcpy(&f->due_ns, bytes, sizeof(f->due_ns));
        break;
    }
    f->inside = false;
    f->handled++;
}

static uint64_t on_time(void *self, uint64_t now_ns)
{
    struct fixture *f = self;

    if (now_ns >= f->due_ns) {
        uint64_t number = f->times++;

        f->due_ns = UINT64_MAX;
        put_out(f, &number, sizeof(number));
    }
    return f->due_ns;
}

static const struct domi__worker_calls calls = {on_record, on_time};

/* Records hold a number that counts up, then anything. */
static void receive(void *user, uint32_t kind, const uint8_t *bytes,
                    size_t size)
{
    struct fixture *f = user;
    uint64_t number;

    assert_int_equal(kind, ECHO);
    assert_true(size >= sizeof(number));
    memcpy(&number, bytes, sizeof(number));
    f->in_order = f->in_order && number >= f->last;
    f->last = number;
    f->received++;
    f->bytes += size;
}

static struct fixture *make(void **state, bool threaded)
{
    struct fixture *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    f->due_ns = UINT64_MAX;
    f->in_order = true;
    sem_init(&f->entered, 0, 0);
    sem_init(&f->gate, 0, 0);
    assert_int_equal(domi__waker_init(&f->waker), 0);
    f->worker =
        domi__worker_new(&calls, f, RING_SIZE, &f->waker, threaded);
    assert_non_null(f->worker);
    assert_int_equal(domi__worker_start(f->worker), 0);
    *state = f;
    return f;
}

/* Sleeps as a loop does, until the worker wakes it; takes what it put out. */
static void turn(struct fixture *f, bool wants_room)
{
    struct pollfd poll_fd = {.fd = f->waker.fd, .events = POLLIN};

    domi__waker_sleep(&f->waker);
    if (!domi__worker_drain(f->worker, receive, f) &&
        !(wants_room && domi__worker_has_room(f->worker))) {
        assert_int_equal(poll(&poll_fd, 1, LIMIT_MS), 1);
        domi__waker_clear(&f->waker);
    }
    domi__waker_awake(&f->waker);
    while (domi__worker_drain(f->worker, receive, f)) {
    }
}

static void turn_until_received(struct fixture *f, uint64_t count)
{
    while (f->received < count) {
        turn(f, false);
    }
    assert_int_equal(f->received, count);
}

static void end(struct fixture *f)
{
    domi__worker_stop(f->worker);
    while (!domi__worker_has_ended(f->worker)) {
        if (!domi__worker_drain(f->worker, receive, f)) {
            struct pollfd poll_fd = {.fd = f->waker.fd, .events = POLLIN};

            domi__waker_sleep(&f->waker);
            if (domi__worker_has_ended(f->worker)) {
                break;
            }
            assert_int_equal(poll(&poll_fd, 1, LIMIT_MS), 1);
            domi__waker_awake(&f->waker);
            domi__waker_clear(&f->waker);
        }
    }
    domi__waker_awake(&f->waker);
}

static void dispose(struct fixture *f)
{
    assert_true(f->in_order);
    domi__worker_free(f->worker);
    domi__waker_fini(&f->waker);
    sem_destroy(&f->entered);
    sem_destroy(&f->gate);
    free(f);
}

static int set_up(void **state)
{
    make(state, true);
    return 0;
}

static int set_up_without_thread(void **state)
{
    make(state, false);
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    end(f);
    dispose(f);
    return 0;
}

static bool try_push(struct fixture *f, enum kind kind, uint64_t number,
                     size_t size)
{
    uint8_t *room = domi__worker_reserve(f->worker, size);

    if (!room) {
        return false;
    }
    memset(room, 0x5a, size);
    memcpy(room, &number, sizeof(number));
    domi__worker_commit(f->worker, kind);
    return true;
}

static void push(struct fixture *f, enum kind kind, uint64_t number)
{
    assert_true(try_push(f, kind, number, sizeof(number)));
    domi__worker_publish(f->worker);
}

/* Pushes `count` records as they find room, and receives `factor` times as
   many. */
static void pump(struct fixture *f, enum kind kind, uint64_t count,
                 unsigned factor)
{
    uint64_t pushed = 0;
    unsigned seed = 5;

    while (f->received < count * factor) {
        size_t size = 8 + (size_t)rand_r(&seed) % 200;

        if (pushed < count && domi__worker_has_room(f->worker) &&
            try_push(f, kind, pushed, size)) {
            pushed++;
            if (rand_r(&seed) % 8 == 0) {
                domi__worker_publish(f->worker);
            }
            continue;
        }
        domi__worker_publish(f->worker);
        turn(f, pushed < count);
    }
    assert_int_equal(f->received, count * factor);
    assert_true(f->in_order);
}

/* ---- both kinds -------------------------------------------------------- */

static void brings_records_back_in_order(void **state)
{
    struct fixture *f = *state;

    pump(f, ECHO, 50000, 1);
    assert_true(domi__worker_high_water(f->worker) > 0);
    assert_true(domi__worker_high_water(f->worker) <= RING_SIZE);
}

static void gets_over_both_rings_being_full(void **state)
{
    pump(*state, MULTIPLY, 10000, 8);
}

static void takes_its_largest_records(void **state)
{
    struct fixture *f = *state;
    size_t limit = domi__worker_limit(f->worker);

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

static void finishes_what_was_committed_before_it_stops(void **state)
{
    struct fixture *f = *state;

    for (uint64_t i = 0; i < 10; i++) {
        assert_true(try_push(f, MULTIPLY, i, 200));
    }
    assert_true(domi__worker_busy_since(f->worker) == 0);
    end(f);
    assert_int_equal(f->received, 80);
    assert_int_equal(f->handled, 10);
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
        UNTHREADED(finishes_what_was_committed_before_it_stops),
        UNTHREADED(runs_nothing_before_a_drain),
        UNTHREADED(never_runs_one_handler_within_another),
        UNTHREADED(says_when_it_wants_to_be_called),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
