/* SPDX-License-Identifier: MIT */
/* A program that is asked to stop and does not: what support/stop.h is for. */
#include <stdio.h>

#include "support/stop.h"

static void on_beat(uv_timer_t *timer)
{
    (void)timer;
}

static void on_stop(void *user)
{
    (void)user;
    printf("asked\n");
    fflush(stdout);
}

int main(void)
{
    uv_loop_t *loop = uv_default_loop();
    struct stop stop;
    uv_timer_t timer;

    if (stop_init(&stop, loop, on_stop, NULL) != 0) {
        return 1;
    }
    uv_timer_init(loop, &timer);
    uv_timer_start(&timer, on_beat, 100, 100);
    printf("ready\n");
    fflush(stdout);
    return uv_run(loop, UV_RUN_DEFAULT);
}
