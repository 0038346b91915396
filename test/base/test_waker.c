/* SPDX-License-Identifier: MIT */
/* Tests of base/waker.c. */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/waker.h"

#define LIMIT_MS 20000 /* a wake that takes longer is lost */
#define ROUNDS 20000u

static bool is_readable(const struct domi__waker *waker, int timeout_ms)
{
    struct pollfd poll_fd = {.fd = waker->fd, .events = POLLIN};

    return poll(&poll_fd, 1, timeout_ms) == 1;
}

static int set_up(void **state)
{
    static struct domi__waker waker;

    *state = &waker;
    return domi__waker_init(&waker);
}

static int tear_down(void **state)
{
    struct domi__waker *waker = *state;
    int fd = waker->fd;

    domi__waker_fini(waker);
    return fcntl(fd, F_GETFD) == -1 ? 0 : -1;
}

static void costs_nothing_while_the_sleeper_is_awake(void **state)
{
    struct domi__waker *waker = *state;

    domi__waker_wake(waker);
    assert_false(is_readable(waker, 0));
    domi__waker_sleep(waker);
    domi__waker_awake(waker);
    domi__waker_wake(waker);
    assert_false(is_readable(waker, 0));
}

static void is_readable_after_a_wake_until_cleared(void **state)
{
    struct domi__waker *waker = *state;

    domi__waker_sleep(waker);
    domi__waker_wake(waker);
    domi__waker_wake(waker);
    assert_true(is_readable(waker, 0));
    domi__waker_clear(waker);
    assert_false(is_readable(waker, 0));
    domi__waker_clear(waker);
}

struct turn_taking {
    struct domi__waker *waker;
    atomic_uint asked;
    atomic_uint answered;
};

static void *answer(void *arg)
{
    struct turn_taking *t = arg;

    for (unsigned i = 1; i <= ROUNDS; i++) {
        while (atomic_load_explicit(&t->asked, memory_order_relaxed) < i) {
        }
        atomic_store_explicit(&t->answered, i, memory_order_relaxed);
        domi__waker_wake(t->waker);
    }
    return NULL;
}

/* The stores are relaxed: it is the waker that must order them. */
static void loses_no_wake(void **state)
{
    struct turn_taking t = {.waker = *state};
    pthread_t thread;

    assert_int_equal(pthread_create(&thread, NULL, answer, &t), 0);
    for (unsigned i = 1; i <= ROUNDS; i++) {
        atomic_store_explicit(&t.asked, i, memory_order_relaxed);
        for (;;) {
            domi__waker_sleep(t.waker);
            if (atomic_load_explicit(&t.answered, memory_order_relaxed) >= i) {
                domi__waker_awake(t.waker);
                break;
            }
            assert_true(is_readable(t.waker, LIMIT_MS));
            domi__waker_awake(t.waker);
            domi__waker_clear(t.waker);
        }
    }
    pthread_join(thread, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            costs_nothing_while_the_sleeper_is_awake, set_up, tear_down),
        cmocka_unit_test_setup_teardown(is_readable_after_a_wake_until_cleared,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(loses_no_wake, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
