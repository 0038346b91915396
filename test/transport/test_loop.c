/* SPDX-License-Identifier: MIT */
/* Tests of the share of a loop: get and put, hooks, waking, deferred calls. */
#include "fixture.h"

#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "transport/kinds.h"

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));

    assert_non_null(fixture);
    fixture_init(fixture);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    fixture_fini(*state);
    free(*state);
    return 0;
}

static void count(void *user)
{
    ++*(unsigned *)user;
}

/* ---- get and put --------------------------------------------------------- */

static void all_users_of_a_loop_share_one(void **state)
{
    struct fixture *fixture = *state;
    unsigned puts = 0;

    assert_ptr_equal(domi__loop_get(&fixture->uv), fixture->loop);
    assert_ptr_equal(domi__loop_uv(fixture->loop), &fixture->uv);
    domi__loop_put(fixture->loop, count, &puts);
    assert_int_equal(puts, 0);
    RUN_UNTIL(fixture, puts == 1);
}

static void a_put_ends_though_another_gets_the_share(void **state)
{
    uv_loop_t uv;
    struct domi__loop *loop;
    unsigned first = 0, second = 0;

    (void)state;
    assert_int_equal(uv_loop_init(&uv), 0);
    loop = domi__loop_get(&uv);
    assert_non_null(loop);
    domi__loop_put(loop, count, &first);
    assert_ptr_equal(domi__loop_get(&uv), loop);
    uv_run(&uv, UV_RUN_NOWAIT);
    assert_int_equal(first, 1);
    domi__loop_put(loop, count, &second);
    assert_int_equal(second, 0);
    uv_run(&uv, UV_RUN_DEFAULT);
    assert_int_equal(second, 1);
    assert_int_equal(uv_loop_close(&uv), 0);
}

static void a_hold_keeps_the_share(void **state)
{
    uv_loop_t uv;
    struct domi__loop *loop;
    unsigned puts = 0;

    (void)state;
    assert_int_equal(uv_loop_init(&uv), 0);
    loop = domi__loop_get(&uv);
    domi__loop_hold(loop);
    domi__loop_put(loop, count, &puts);
    for (int i = 0; i < 5; i++) {
        uv_run(&uv, UV_RUN_NOWAIT);
    }
    assert_int_equal(puts, 0);
    domi__loop_release(loop);
    uv_run(&uv, UV_RUN_DEFAULT);
    assert_int_equal(puts, 1);
    assert_int_equal(uv_loop_close(&uv), 0);
}

static void get_and_put(uv_loop_t *uv)
{
    struct domi__loop *loop = domi__loop_get(uv);
    unsigned puts = 0;

    assert_non_null(loop);
    domi__loop_put(loop, count, &puts);
    uv_run(uv, UV_RUN_DEFAULT);
    assert_int_equal(puts, 1);
}

static void a_thousand_gets_and_puts_leave_nothing(void **state)
{
    uv_loop_t uv[2];
    size_t memory = 0;
    int descriptors = 0;

    (void)state;
    assert_int_equal(uv_loop_init(&uv[0]), 0);
    assert_int_equal(uv_loop_init(&uv[1]), 0);
    for (int i = 0; i < 1000; i++) {
        get_and_put(&uv[0]);
        get_and_put(&uv[1]);
        if (i == 10) {
            memory = mallinfo2().uordblks;
            descriptors = count_descriptors();
        }
    }
    assert_int_equal(mallinfo2().uordblks, memory);
    assert_int_equal(count_descriptors(), descriptors);
    assert_int_equal(uv_loop_close(&uv[0]), 0);
    assert_int_equal(uv_loop_close(&uv[1]), 0);
}

static void two_loops_have_shares_of_their_own(void **state)
{
    struct fixture *fixture = *state;
    struct fixture other;

    fixture_init(&other);
    assert_ptr_not_equal(other.loop, fixture->loop);
    fixture_fini(&other);
}

/* A loop with a listener and a session to it, on a thread of its own. */
static void *run_a_session(void *arg)
{
    struct fixture *fixture = arg;
    struct party server, dialler;
    struct domi__listener *listener;
    struct domi__listen dial;

    party_init(&server, fixture);
    party_init(&dialler, fixture);
    listener = party_open(&server);
    dial = party_listen(&dialler, domi__listener_port(listener));
    for (unsigned i = 1; i <= 50; i++) {
        domi__tcp_dial(&dial);
        RUN_UNTIL(fixture, dialler.opened == i);
        send_numbered(dialler.session, i, 1000);
        RUN_UNTIL(fixture, server.frames == i);
        domi__session_close(dialler.session, DOMI_REASON_NONE);
        RUN_UNTIL(fixture, server.closed == i && dialler.closed == i);
    }
    listener_end(fixture, listener);
    party_fini(&server);
    party_fini(&dialler);
    return NULL;
}

static void two_loops_run_on_two_threads(void **state)
{
    struct fixture *fixture = *state;
    struct fixture other;
    pthread_t thread;

    fixture_init(&other);
    assert_int_equal(pthread_create(&thread, NULL, run_a_session, &other), 0);
    run_a_session(fixture);
    pthread_join(thread, NULL);
    fixture_fini(&other);
}

/* ---- hooks and waking ---------------------------------------------------- */

struct work {
    struct domi__loop_hook hook;
    struct domi__loop *loop;
    struct work *other; /* to be removed by the first run; or NULL */
    atomic_uint made;   /* by another thread */
    atomic_uint taken;
    unsigned runs;
    unsigned left; /* times that it says there is more */
};

#define WAKES 20000u

static bool run_work(struct domi__loop_hook *hook)
{
    struct work *work = DOMI__CONTAINER(hook, struct work, hook);
    unsigned made = atomic_load(&work->made);
    bool more = made != work->taken || work->left > 0;

    work->runs++;
    work->taken = made;
    if (made == WAKES) {
        uv_stop(domi__loop_uv(work->loop));
    }
    if (work->left > 0) {
        work->left--;
    }
    if (work->other) {
        domi__loop_hook_remove(&work->other->hook);
        work->other = NULL;
    }
    return more;
}

static void add_work(struct fixture *fixture, struct work *work)
{
    memset(work, 0, sizeof(*work));
    work->hook.run = run_work;
    work->loop = fixture->loop;
    domi__loop_hook_add(fixture->loop, &work->hook);
}

static void hooks_run_until_they_have_nothing_more(void **state)
{
    struct fixture *fixture = *state;
    struct work work;

    add_work(fixture, &work);
    work.left = 5;
    fixture_turn_once(fixture);
    assert_int_equal(work.left, 0);
    domi__loop_hook_remove(&work.hook);
    work.left = 1;
    fixture_turn_once(fixture);
    assert_int_equal(work.left, 1);
}

static void a_hook_without_end_leaves_the_loop_to_others(void **state)
{
    struct fixture *fixture = *state;
    struct work work;
    uint64_t begin = uv_hrtime();

    add_work(fixture, &work);
    work.left = UINT32_MAX;
    RUN_UNTIL(fixture, uv_hrtime() - begin > 50000000);
    assert_true(work.runs > 100);
    domi__loop_hook_remove(&work.hook);
}

static void a_hook_may_remove_any_other(void **state)
{
    struct fixture *fixture = *state;
    struct work works[3];

    for (int gone = 0; gone < 3; gone++) {
        for (int i = 0; i < 3; i++) {
            add_work(fixture, &works[i]);
        }
        works[1].other = &works[gone];
        fixture_turn_once(fixture);
        for (int i = 0; i < 3; i++) {
            works[i].runs = 0;
        }
        fixture_turn_once(fixture);
        for (int i = 0; i < 3; i++) {
            assert_int_equal(works[i].runs == 0, i == gone);
            domi__loop_hook_remove(&works[i].hook);
        }
    }
}

/* Waits now and then until all is taken, when the loop is about to sleep. */
static void *make_work(void *arg)
{
    struct work *work = arg;

    for (unsigned made = 1; made <= WAKES; made++) {
        atomic_store(&work->made, made);
        domi__waker_wake(domi__loop_waker(work->loop));
        while (made % 8 == 0 && work->taken < made) {
            sched_yield();
        }
    }
    return NULL;
}

/* No wake is lost: nothing else wakes the loop before the wait is over. */
static void work_of_another_thread_wakes_the_loop(void **state)
{
    struct fixture *fixture = *state;
    struct work work;
    pthread_t thread;

    uv_timer_start(&fixture->tick, fixture->tick.timer_cb, 20000, 0);
    add_work(fixture, &work);
    assert_int_equal(pthread_create(&thread, NULL, make_work, &work), 0);
    RUN_UNTIL(fixture, work.taken == WAKES);
    pthread_join(thread, NULL);
    domi__loop_hook_remove(&work.hook);
}

/* ---- deferred calls ------------------------------------------------------ */

struct later {
    struct domi__deferred deferred;
    struct fixture *fixture;
    unsigned runs;
    unsigned again;
};

static void run_later(struct domi__deferred *deferred)
{
    struct later *later = DOMI__CONTAINER(deferred, struct later, deferred);

    later->runs++;
    if (later->again > 0) {
        later->again--;
        domi__loop_defer(later->fixture->loop, deferred);
    }
}

/* An application's prepare handle that was started before the share was made:
   it runs behind ours, when the turn is settled. */
struct late {
    uv_loop_t uv;
    uv_prepare_t prepare;
    uv_timer_t deadline;
    struct domi__loop *loop;
    struct domi__deferred deferred;
    bool asked;
    bool ran;
    bool overdue;
    unsigned puts;
};

static void ask_late(uv_prepare_t *prepare)
{
    struct late *late = prepare->data;

    if (!late->asked) {
        late->asked = true;
        domi__loop_defer(late->loop, &late->deferred);
    }
}

static void note_late(struct domi__deferred *deferred)
{
    DOMI__CONTAINER(deferred, struct late, deferred)->ran = true;
}

static void note_overdue(uv_timer_t *timer)
{
    ((struct late *)timer->data)->overdue = true;
}

static void work_that_comes_after_ours_does_not_wait(void **state)
{
    struct late late = {.deferred.run = note_late};

    (void)state;
    assert_int_equal(uv_loop_init(&late.uv), 0);
    late.prepare.data = &late;
    uv_prepare_init(&late.uv, &late.prepare);
    uv_prepare_start(&late.prepare, ask_late);
    late.loop = domi__loop_get(&late.uv);
    assert_non_null(late.loop);
    late.deadline.data = &late;
    uv_timer_init(&late.uv, &late.deadline);
    uv_timer_start(&late.deadline, note_overdue, 5000, 0);
    while (!late.ran && !late.overdue) {
        uv_run(&late.uv, UV_RUN_ONCE);
    }
    assert_true(late.ran);
    uv_close((uv_handle_t *)&late.prepare, NULL);
    uv_close((uv_handle_t *)&late.deadline, NULL);
    domi__loop_put(late.loop, count, &late.puts);
    uv_run(&late.uv, UV_RUN_DEFAULT);
    assert_int_equal(late.puts, 1);
    assert_int_equal(uv_loop_close(&late.uv), 0);
}

static void what_is_deferred_runs_once_at_the_turns_end(void **state)
{
    struct fixture *fixture = *state;
    struct later later = {.deferred = {.run = run_later}, .fixture = fixture};

    domi__loop_defer(fixture->loop, &later.deferred);
    domi__loop_defer(fixture->loop, &later.deferred);
    assert_int_equal(later.runs, 0);
    fixture_turn_once(fixture);
    assert_int_equal(later.runs, 1);
    fixture_turn_once(fixture);
    assert_int_equal(later.runs, 1);
    later.again = 3;
    domi__loop_defer(fixture->loop, &later.deferred);
    fixture_turn_once(fixture);
    assert_int_equal(later.runs, 5);
}

int main(void)
{
#define SCENE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        SCENE(all_users_of_a_loop_share_one),
        SCENE(a_put_ends_though_another_gets_the_share),
        SCENE(a_hold_keeps_the_share),
        SCENE(a_thousand_gets_and_puts_leave_nothing),
        SCENE(two_loops_have_shares_of_their_own),
        SCENE(two_loops_run_on_two_threads),
        SCENE(hooks_run_until_they_have_nothing_more),
        SCENE(a_hook_without_end_leaves_the_loop_to_others),
        SCENE(a_hook_may_remove_any_other),
        SCENE(work_of_another_thread_wakes_the_loop),
        SCENE(work_that_comes_after_ours_does_not_wait),
        SCENE(what_is_deferred_runs_once_at_the_turns_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
