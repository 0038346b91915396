/* SPDX-License-Identifier: MIT */
/* Ending a program in order, when the operator or the program wants it. */
#ifndef SUPPORT_STOP_H
#define SUPPORT_STOP_H

#include <uv.h>

/* Called once, at the first signal: close what keeps the loop going. */
typedef void (*stop_fn)(void *user);

/*
 * The first SIGINT or SIGTERM calls back. A program that has not ended 8 s
 * later, or that gets a second signal, ends by force with the status 128 and
 * the signal's number. Nothing of this keeps the loop going. A program whose
 * loop is blocked notices no signal; SIGKILL is for that.
 */
struct stop {
    uv_signal_t interrupt;
    uv_signal_t terminate;
    uv_timer_t deadline;
    stop_fn on_stop;
    void *user;
    int signal;   /* the first one; 0: none yet */
    int stopping; /* not 0: on_stop has been called */
};

/* Also makes the program ignore SIGPIPE, so that a reader of its output who
   goes away does not end it. 0 or a libuv code. */
int stop_init(struct stop *stop, uv_loop_t *loop, stop_fn on_stop, void *user);

/* Ends the program as a first signal would, save that the status is 1 if it has
   to be by force. No effect when it ends already. */
void stop_now(struct stop *stop);

/* Closes the handles, after uv_run has returned, and runs the loop until they
   are closed; also when stop_init failed. */
void stop_fini(struct stop *stop);

#endif
