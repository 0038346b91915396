/* SPDX-License-Identifier: MIT */
/* Ending a program in order: signals, and a deadline. */
#include "support/stop.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#define DEADLINE_MS 8000

static void __attribute__((noreturn)) end_by_force(const char *why, int status)
{
    fprintf(stderr, "ended by force: %s\n", why);
    _exit(status);
}

static void on_deadline(uv_timer_t *timer)
{
    struct stop *stop = timer->data;

    end_by_force("it took more than 8 s to close",
                 stop->signal ? 128 + stop->signal : 1);
}

static void on_signal(uv_signal_t *handle, int signal)
{
    struct stop *stop = handle->data;

    if (stop->signal) {
        end_by_force("a second signal", 128 + signal);
    }
    stop->signal = signal;
    stop_now(stop);
}

static int watch(struct stop *stop, uv_loop_t *loop, uv_signal_t *handle,
                 int signal)
{
    int err = uv_signal_init(loop, handle);

    if (err) {
        return err;
    }
    handle->data = stop;
    uv_unref((uv_handle_t *)handle);
    return uv_signal_start(handle, on_signal, signal);
}

int stop_init(struct stop *stop, uv_loop_t *loop, stop_fn on_stop, void *user)
{
    int err;

    signal(SIGPIPE, SIG_IGN);
    *stop = (struct stop){.on_stop = on_stop, .user = user};
    uv_timer_init(loop, &stop->deadline);
    stop->deadline.data = stop;
    uv_unref((uv_handle_t *)&stop->deadline);
    err = watch(stop, loop, &stop->interrupt, SIGINT);
    return err ? err : watch(stop, loop, &stop->terminate, SIGTERM);
}

void stop_now(struct stop *stop)
{
    if (!stop->stopping) {
        stop->stopping = 1;
        uv_timer_start(&stop->deadline, on_deadline, DEADLINE_MS, 0);
        stop->on_stop(stop->user);
    }
}

/* A handle without data was never made. */
static void close_handle(void *handle)
{
    if (uv_handle_get_data(handle)) {
        uv_close(handle, NULL);
    }
}

void stop_fini(struct stop *stop)
{
    uv_loop_t *loop = stop->deadline.loop;

    close_handle(&stop->interrupt);
    close_handle(&stop->terminate);
    close_handle(&stop->deadline);
    uv_run(loop, UV_RUN_DEFAULT);
}
