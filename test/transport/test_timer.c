/* SPDX-License-Identifier: MIT */
/* Tests of timers: never early, in order, and late by no more than a slot. */
#include "fixture.h"

#include <stdlib.h>

#include "transport/loop_inner.h"

#define MANY 10000

struct scene;

struct alarm {
    struct domi__timer timer;
    struct scene *scene;
    uint64_t started_ms;
    uint64_t after_ms;
    uint64_t fired_ms;
    unsigned fires;
};

struct scene {
    struct fixture fixture;
    struct alarm alarms[MANY];
    unsigned fires;
    uint64_t last_slot; /* of the timer that fired last */
    uv_prepare_t prepare;
    uint64_t turn_ms; /* when timers had their last chance before this one */
};

static void on_prepare(uv_prepare_t *prepare)
{
    struct scene *scene = prepare->data;

    scene->turn_ms = uv_now(prepare->loop);
}

static int set_up(void **state)
{
    struct scene *scene = calloc(1, sizeof(*scene));

    assert_non_null(scene);
    fixture_init(&scene->fixture);
    for (int i = 0; i < MANY; i++) {
        scene->alarms[i].scene = scene;
    }
    uv_prepare_init(&scene->fixture.uv, &scene->prepare);
    scene->prepare.data = scene;
    uv_prepare_start(&scene->prepare, on_prepare);
    fixture_turn_once(&scene->fixture);
    *state = scene;
    return 0;
}

static int tear_down(void **state)
{
    struct scene *scene = *state;

    uv_close((uv_handle_t *)&scene->prepare, NULL);
    fixture_fini(&scene->fixture);
    free(scene);
    return 0;
}

/* Late by a slot at most, however busy the machine: it could not have fired
   in the turn before. */
static void on_fire(struct domi__timer *timer)
{
    struct alarm *alarm = DOMI__CONTAINER(timer, struct alarm, timer);
    uint64_t slot = timer->due_ms / DOMI__WHEEL_MS;

    assert_false(domi__timer_is_running(timer));
    assert_true(slot >= alarm->scene->last_slot);
    assert_true(alarm->scene->turn_ms < timer->due_ms + DOMI__WHEEL_MS);
    alarm->scene->last_slot = slot;
    alarm->fired_ms = domi__loop_now(alarm->scene->fixture.loop);
    alarm->fires++;
    alarm->scene->fires++;
}

static void start(struct alarm *alarm, uint64_t after_ms)
{
    struct domi__loop *loop = alarm->scene->fixture.loop;

    alarm->started_ms = domi__loop_now(loop);
    alarm->after_ms = after_ms;
    domi__timer_start(loop, &alarm->timer, after_ms, on_fire);
    assert_true(domi__timer_is_running(&alarm->timer));
}

static void check_punctual(const struct alarm *alarm)
{
    uint64_t due = alarm->started_ms + alarm->after_ms;

    assert_int_equal(alarm->fires, 1);
    assert_true(alarm->fired_ms >= due);
}

static void ten_thousand_fire_in_order_and_in_time(void **state)
{
    struct scene *scene = *state;

    srand(3);
    for (int i = 0; i < MANY; i++) {
        start(&scene->alarms[i], (uint64_t)(rand() % 1000));
    }
    RUN_UNTIL(&scene->fixture, scene->fires == MANY);
    for (int i = 0; i < MANY; i++) {
        check_punctual(&scene->alarms[i]);
    }
}

static void one_that_was_stopped_does_not_fire(void **state)
{
    struct scene *scene = *state;

    domi__timer_stop(&scene->alarms[0].timer);
    assert_false(domi__timer_is_running(&scene->alarms[0].timer));
    start(&scene->alarms[0], 10);
    start(&scene->alarms[1], 100);
    domi__timer_stop(&scene->alarms[0].timer);
    domi__timer_stop(&scene->alarms[0].timer);
    RUN_UNTIL(&scene->fixture, scene->fires == 1);
    check_punctual(&scene->alarms[1]);
}

static void a_restart_replaces_the_first(void **state)
{
    struct scene *scene = *state;

    start(&scene->alarms[0], 10000);
    start(&scene->alarms[0], 100);
    RUN_UNTIL(&scene->fixture, scene->fires == 1);
    check_punctual(&scene->alarms[0]);
}

static void a_nearer_one_does_not_wait_for_a_farther(void **state)
{
    struct scene *scene = *state;

    start(&scene->alarms[0], 600);
    start(&scene->alarms[1], 1);
    RUN_UNTIL(&scene->fixture, scene->fires == 1);
    check_punctual(&scene->alarms[1]);
    RUN_UNTIL(&scene->fixture, scene->fires == 2);
    check_punctual(&scene->alarms[0]);
}

static void restart_at_once(struct domi__timer *timer)
{
    struct alarm *alarm = DOMI__CONTAINER(timer, struct alarm, timer);

    if (++alarm->fires < 10) {
        domi__timer_start(alarm->scene->fixture.loop, timer, 0,
                          restart_at_once);
    }
}

static void may_start_again_when_it_fires(void **state)
{
    struct scene *scene = *state;
    struct alarm *alarm = &scene->alarms[0];
    unsigned last = 0;

    domi__timer_start(scene->fixture.loop, &alarm->timer, 0, restart_at_once);
    fixture_wait(&scene->fixture);
    while (alarm->fires < 10) {
        fixture_turn(&scene->fixture, "ten", __FILE__, __LINE__);
        assert_true(alarm->fires <= last + 1);
        last = alarm->fires;
    }
    assert_false(domi__timer_is_running(&alarm->timer));
}

static void stop_the_next(struct domi__timer *timer)
{
    struct alarm *alarm = DOMI__CONTAINER(timer, struct alarm, timer);

    alarm->fires++;
    domi__timer_stop(&alarm[1].timer);
    start(&alarm[2], 50);
}

static void one_may_stop_and_restart_others_of_its_slot(void **state)
{
    struct scene *scene = *state;
    struct alarm *alarm = scene->alarms;

    domi__timer_start(scene->fixture.loop, &alarm->timer, 40, stop_the_next);
    start(&alarm[1], 40);
    start(&alarm[2], 40);
    RUN_UNTIL(&scene->fixture, alarm[2].fires == 1);
    check_punctual(&alarm[2]);
    assert_int_equal(alarm[1].fires, 0);
}

static void stand_still(unsigned ms)
{
    uint64_t begin = uv_hrtime();

    while (uv_hrtime() - begin < ms * 1000000ull) {
        /* As an application does that keeps the loop's thread to itself. */
    }
}

static void all_fire_after_a_stop_of_the_process(void **state)
{
    struct scene *scene = *state;

    for (int i = 0; i < 1000; i++) {
        start(&scene->alarms[i], (uint64_t)i);
    }
    stand_still(1200);
    RUN_UNTIL(&scene->fixture, scene->fires == 1000);
}

/* The wheel has not turned for longer than it reaches: pretended by setting
   its place back, as nothing turns it while no timer runs. */
static void is_punctual_after_a_long_idle_time(void **state)
{
    struct scene *scene = *state;

    for (unsigned back = 500; back < 1600; back += 73) {
        struct alarm *alarm = &scene->alarms[back];

        scene->fixture.loop->wheel.tick =
            domi__loop_now(scene->fixture.loop) / DOMI__WHEEL_MS - back;
        start(alarm, 70);
        RUN_UNTIL(&scene->fixture, alarm->fires == 1);
        check_punctual(alarm);
    }
}

/* One beyond the wheel's reach, of 16 s: it waits in the last slot. */
static void reaches_beyond_the_wheel(void **state)
{
    struct scene *scene = *state;
    struct alarm *far = &scene->alarms[0];

    start(far, 20000);
    /* Nearly all of its time passes at once. */
    far->timer.due_ms -= 19500;
    far->after_ms = 500;
    start(&scene->alarms[1], 100);
    RUN_UNTIL(&scene->fixture, scene->alarms[1].fires == 1);
    assert_int_equal(far->fires, 0);
    domi__timer_stop(&far->timer);
    start(far, 20000);
    assert_true(domi__timer_is_running(&far->timer));
    domi__timer_stop(&far->timer);
}

int main(void)
{
#define SCENE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        SCENE(ten_thousand_fire_in_order_and_in_time),
        SCENE(one_that_was_stopped_does_not_fire),
        SCENE(a_restart_replaces_the_first),
        SCENE(a_nearer_one_does_not_wait_for_a_farther),
        SCENE(may_start_again_when_it_fires),
        SCENE(one_may_stop_and_restart_others_of_its_slot),
        SCENE(all_fire_after_a_stop_of_the_process),
        SCENE(is_punctual_after_a_long_idle_time),
        SCENE(reaches_beyond_the_wheel),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
