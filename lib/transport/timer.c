/* SPDX-License-Identifier: MIT */
/* Deadlines for many sessions on one timer of the loop. */
#include "transport/loop_inner.h"

/* Never 0, which stands for none. */
static uint64_t tick_of(uint64_t ms)
{
    return ms / DOMI__WHEEL_MS + 1;
}

/* When the time of a tick has wholly passed. */
static uint64_t end_of(uint64_t tick)
{
    return tick * DOMI__WHEEL_MS;
}

void domi__wheel_init(struct domi__loop *loop)
{
    for (unsigned i = 0; i < DOMI__WHEEL_SLOTS; i++) {
        domi__list_init(&loop->wheel.slots[i]);
    }
    loop->wheel.tick = tick_of(uv_now(loop->uv)) - 1;
    loop->wheel.armed = 0;
}

static void on_timer(uv_timer_t *handle)
{
    struct domi__loop *loop = handle->data;

    loop->wheel.armed = 0;
    domi__wheel_run(loop);
}

static void arm(struct domi__loop *loop, uint64_t tick)
{
    uint64_t now = uv_now(loop->uv);
    uint64_t at = end_of(tick);

    if (loop->closing || (loop->wheel.armed && loop->wheel.armed <= tick)) {
        return;
    }
    loop->wheel.armed = tick;
    uv_timer_start(&loop->timer, on_timer, at > now ? at - now : 0, 0);
}

/* Puts a timer into the slot of its time, or the last that the wheel has. */
static void put(struct domi__loop *loop, struct domi__timer *timer)
{
    struct domi__wheel *wheel = &loop->wheel;
    uint64_t tick = tick_of(timer->due_ms);

    if (tick <= wheel->tick) {
        tick = wheel->tick + 1;
    }
    if (tick >= wheel->tick + DOMI__WHEEL_SLOTS) {
        tick = wheel->tick + DOMI__WHEEL_SLOTS - 1;
    }
    domi__list_push(&wheel->slots[tick % DOMI__WHEEL_SLOTS], &timer->node);
    arm(loop, tick);
}

static void run_slot(struct domi__loop *loop, uint64_t tick, uint64_t now)
{
    struct domi__list due;
    struct domi__list *node;

    domi__list_init(&due);
    domi__list_move(&due, &loop->wheel.slots[tick % DOMI__WHEEL_SLOTS]);
    while ((node = domi__list_pop(&due))) {
        struct domi__timer *timer =
            DOMI__CONTAINER(node, struct domi__timer, node);

        if (timer->due_ms > now) {
            put(loop, timer);
        } else {
            timer->fire(timer);
        }
    }
}

void domi__wheel_run(struct domi__loop *loop)
{
    struct domi__wheel *wheel = &loop->wheel;
    uint64_t now = uv_now(loop->uv);
    uint64_t last = tick_of(now);

    /* A slot is run once its time has wholly passed. After a long stop of
       the process one round of the wheel meets every timer. */
    if (last > wheel->tick + DOMI__WHEEL_SLOTS) {
        wheel->tick = last - DOMI__WHEEL_SLOTS;
    }
    while (wheel->tick + 1 < last) {
        wheel->tick++;
        run_slot(loop, wheel->tick, now);
    }
    for (uint64_t tick = wheel->tick + 1;
         tick < wheel->tick + DOMI__WHEEL_SLOTS; tick++) {
        if (!domi__list_is_empty(&wheel->slots[tick % DOMI__WHEEL_SLOTS])) {
            arm(loop, tick);
            return;
        }
    }
}

void domi__timer_start(struct domi__loop *loop, struct domi__timer *timer,
                       uint64_t after_ms,
                       void (*fire)(struct domi__timer *timer))
{
    domi__timer_stop(timer);
    timer->fire = fire;
    timer->due_ms = uv_now(loop->uv) + after_ms;
    put(loop, timer);
}

void domi__timer_stop(struct domi__timer *timer)
{
    if (!timer->node.next) {
        domi__list_init(&timer->node);
    }
    domi__list_remove(&timer->node);
}

bool domi__timer_is_running(const struct domi__timer *timer)
{
    return timer->node.next && !domi__list_is_empty(&timer->node);
}
