/* SPDX-License-Identifier: MIT */
/* A worker, its handlers, and a loop that sleeps until the worker wakes it. */
#include "fixture.h"

#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LIMIT_MS 20000 /* a wake that takes longer is lost */

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

static void put_out_unevenly(struct fixture *f)
{
    uint8_t bytes[RING_SIZE] = {0};
    size_t limit = domi__worker_out_limit(f->worker);

    for (uint64_t number = 0; number < 100; number++) {
        memcpy(bytes, &number, sizeof(number));
        put_out(f, bytes, 8 * (1 + number * 13 % 110));
        put_out(f, bytes, limit - 8 * (number * 7 % 60));
    }
}

uint64_t count_open_signals(void)
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
    f->handled++; /* now, since what is put out may be seen at once */
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
    case UNEVEN:
        put_out_unevenly(f);
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

const struct domi__worker_calls calls = {on_record, on_time};

void receive(void *user, uint32_t kind, const uint8_t *bytes,
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

void turn(struct fixture *f, bool wants_room)
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

void turn_until_received(struct fixture *f, uint64_t count)
{
    while (f->received < count) {
        turn(f, false);
    }
    assert_int_equal(f->received, count);
}

void end(struct fixture *f)
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

int set_up(void **state)
{
    make(state, true);
    return 0;
}

int set_up_without_thread(void **state)
{
    make(state, false);
    return 0;
}

int tear_down(void **state)
{
    struct fixture *f = *state;

    end(f);
    dispose(f);
    return 0;
}

bool try_push(struct fixture *f, enum kind kind, uint64_t number,
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

void push(struct fixture *f, enum kind kind, uint64_t number)
{
    assert_true(try_push(f, kind, number, sizeof(number)));
    domi__worker_publish(f->worker);
}

void pump(struct fixture *f, enum kind kind, uint64_t count,
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
