/* SPDX-License-Identifier: MIT */
/* The load generator's turn: events, and heartbeats so that no session is
 * closed for its silence. */
#include "load.h"

#include <err.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <time.h>

#define SECOND UINT64_C(1000000000)
#define HEARTBEAT_ROUND (4 * SECOND)
#define HEARTBEAT_SILENCE (3 * SECOND)

enum { EVENTS_PER_TURN = 1024, COMPLAINTS_MAX = 10 };

uint64_t load_clock(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * SECOND + (uint64_t)time.tv_nsec;
}

void load_complain(struct load *load, const char *format, ...)
{
    va_list values;
    if (++load->errors > COMPLAINTS_MAX) {
        return;
    }
    va_start(values, format);
    vwarnx(format, values);
    va_end(values);
}

/* One user after the other, spread over the round, so that heartbeats don't
 * come in bursts that show in the latencies. A session lives for 10 s without
 * a sign; no user is silent for more than a round and HEARTBEAT_SILENCE. */
static void send_heartbeats(struct load *load)
{
    uint64_t now = load_clock();
    uint64_t step = HEARTBEAT_ROUND / load->options.users;
    load->now = now;
    while (load->heartbeat_at <= now) {
        struct load_user *user = &load->users[load->heartbeat_user];
        if (user->state == LOAD_READY &&
            now - user->sent_at > HEARTBEAT_SILENCE) {
            load_user_send(load, user, WIRE_HEARTBEAT, NULL, 0, NULL, 0);
        }
        load->heartbeat_user =
            (load->heartbeat_user + 1) % load->options.users;
        load->heartbeat_at += step;
    }
}

static int wait_for_events(struct load *load, struct epoll_event *events,
                           uint64_t until)
{
    uint64_t now = load_clock();
    if (until > load->heartbeat_at) {
        until = load->heartbeat_at;
    }
    uint64_t left = until > now ? until - now : 0;
    struct timespec timeout = { .tv_sec = (time_t)(left / SECOND),
                                .tv_nsec = (long)(left % SECOND) };
    int count = epoll_pwait2(load->poll, events, EVENTS_PER_TURN, &timeout,
                             NULL);
    if (count < 0 && errno != EINTR) {
        err(2, "epoll_pwait2");
    }
    return count;
}

void load_turn(struct load *load, uint64_t until)
{
    struct epoll_event events[EVENTS_PER_TURN];
    int count = wait_for_events(load, events, until);
    for (int i = 0; i < count; i++) {
        load_user_handle(load, events[i].data.ptr, events[i].events);
    }
    send_heartbeats(load);
}
