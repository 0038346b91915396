/* SPDX-License-Identifier: MIT */
/* bench-load: the load generator. It connects its users, lets them join,
 * proves with a probe that every group works, publishes, waits until all has
 * arrived, and prints one line of JSON. It ends with status 1 if anything was
 * lost, repeated, out of order or damaged, 2 if it couldn't measure. */
#include "load.h"
#include "address.h"
#include "websocket.h"

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/random.h>

#define SECOND UINT64_C(1000000000)
#define MILLISECOND UINT64_C(1000000)

enum { CONNECTS_AT_A_TIME = 64, SPARE_FILES = 64, PROBE_ROUNDS_MAX = 10 };

static const uint64_t connect_patience = 20 * SECOND;
static const uint64_t drain_patience = 10 * SECOND;
static const uint64_t settle_patience = 5 * SECOND;

/* What is read at both ends of the measured window. */
struct edge {
    uint64_t time;
    uint64_t cpu;
    uint64_t own_cpu;
    uint64_t delivered;
};

static struct edge take_edge(struct load *load)
{
    struct timespec own;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &own);
    return (struct edge){
        .time = load_clock(),
        .cpu = usage_get_cpu(&load->options.usage),
        .own_cpu = (uint64_t)own.tv_sec * SECOND + (uint64_t)own.tv_nsec,
        .delivered = load->delivered,
    };
}

static void init(struct load *load)
{
    uint32_t users = load->options.users;
    size_t scratch = WEBSOCKET_HEADER_MAX + WIRE_HEADER_SIZE +
                     LOAD_PAYLOAD_MAX + WIRE_TO_ZONE_EXTEND;
    address_allow_files(users + SPARE_FILES);
    load->poll = epoll_create1(EPOLL_CLOEXEC);
    load->buffer = malloc(LOAD_BUFFER_SIZE);
    load->scratch = malloc(scratch);
    load->users = calloc(users, sizeof(*load->users));
    if (load->poll < 0 || load->buffer == NULL || load->scratch == NULL ||
        load->users == NULL ||
        getrandom(&load->tag, sizeof(load->tag), 0) != sizeof(load->tag)) {
        err(2, "can't start");
    }
    for (uint32_t i = 0; i < users; i++) {
        load->users[i].index = i;
    }
    load->random = load->tag | 1;
    load->heartbeat_at = load_clock();
    load_traffic_init(load);
    /* The usual slack of 50 us would show in the latencies. */
    prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
}

static void fini(struct load *load)
{
    load_traffic_fini(load);
    free(load->users);
    free(load->scratch);
    free(load->buffer);
}

/* Connects users until the first `count` are ready. */
static void connect_users(struct load *load, uint32_t count)
{
    uint64_t deadline = load_clock() + connect_patience;
    uint32_t next = load->ready_count;
    while (load->ready_count < count) {
        while (next < count &&
               next - load->ready_count < CONNECTS_AT_A_TIME) {
            load_user_connect(load, &load->users[next++]);
        }
        load_turn(load, deadline);
        if (load->errors > 0) {
            errx(2, "not all users could join");
        }
        if (load_clock() >= deadline) {
            errx(2, "only %u of %u users could join in time",
                 load->ready_count, count);
        }
    }
}

/* Publishing begins when every member of every group has been reached. */
static void probe_groups(struct load *load)
{
    while (load->probe_round < PROBE_ROUNDS_MAX) {
        uint64_t deadline = load_clock() + SECOND;
        load_traffic_probe(load);
        while (load_clock() < deadline) {
            load_turn(load, deadline);
            if (load->errors > 0) {
                errx(2, "a user was lost before the start");
            }
            if (load->probes_missing == 0) {
                return;
            }
        }
    }
    errx(2, "probes don't reach %u of %u users", load->probes_missing,
         load->options.users);
}

/* Publishes what is due by now; returns when the next one is. The schedule is
 * absolute, and latency counts from it: a server that stalls can't make the
 * generator ask less of it. */
static uint64_t publish_due(struct load *load, uint64_t start,
                            uint64_t *count)
{
    double step = (double)SECOND * load->check.members /
                  load->options.deliveries_per_second;
    uint64_t now = load_clock();
    uint64_t at = start + (uint64_t)((double)*count * step);
    while (at <= now && at < load->window_to) {
        load_traffic_publish(load, LOAD_NO_FLIGHT, at);
        ++*count;
        at = start + (uint64_t)((double)*count * step);
    }
    return at;
}

static void publish_until(struct load *load, uint64_t start, uint64_t end,
                          uint64_t *count)
{
    uint64_t next = end;
    while (load_clock() < end) {
        if (load->options.mode == LOAD_CLOSED) {
            load_traffic_refill(load);
        } else {
            next = publish_due(load, start, count);
        }
        load_turn(load, next < end ? next : end);
    }
}

/* Waits for what is still due, and then a moment for what must not come. */
static void drain(struct load *load)
{
    uint64_t deadline = load_clock() + drain_patience;
    while (load->delivered < load->due && load_clock() < deadline) {
        load_turn(load, deadline);
    }
    deadline = load_clock() + 100 * MILLISECOND;
    while (load_clock() < deadline) {
        load_turn(load, deadline);
    }
    check_finish(&load->check, load->published);
}

static double microseconds(struct load *load, double share)
{
    return (double)histogram_get(&load->latency, share) / 1000;
}

static bool print_traffic(struct load *load, const struct edge *from,
                          const struct edge *to)
{
    const struct check *check = &load->check;
    double deliveries = (double)(to->delivered - from->delivered);
    double nanoseconds = (double)(to->time - from->time);
    printf("{\"mode\": \"%s\", \"transport\": \"%s\", \"users\": %u, "
           "\"groups\": %u, \"payload\": %u, \"deliveries\": %.0f, "
           "\"seconds\": %.3f, \"deliveries_per_second\": %.0f, ",
           load->options.mode == LOAD_CLOSED ? "closed" : "rate",
           load->options.is_websocket ? "ws" : "tcp", load->options.users,
           load->options.groups, load->options.payload, deliveries,
           nanoseconds / SECOND, deliveries / nanoseconds * SECOND);
    printf("\"cpu_us_per_delivery\": %.4f, \"generator_busy\": %.3f, "
           "\"p50_us\": %.1f, \"p99_us\": %.1f, \"p999_us\": %.1f, ",
           deliveries > 0 ?
               (double)(to->cpu - from->cpu) / deliveries / 1000 : 0.0,
           (double)(to->own_cpu - from->own_cpu) / nanoseconds,
           microseconds(load, 0.5), microseconds(load, 0.99),
           microseconds(load, 0.999));
    printf("\"lost\": %llu, \"repeated\": %llu, \"disordered\": %llu, "
           "\"damaged\": %llu, \"probe_rounds\": %u, \"errors\": %llu}\n",
           (unsigned long long)check->lost,
           (unsigned long long)check->repeated,
           (unsigned long long)check->disordered,
           (unsigned long long)load->damaged, load->probe_round,
           (unsigned long long)load->errors);
    return deliveries > 0 && check->lost == 0 && check->repeated == 0 &&
           check->disordered == 0 && load->damaged == 0 && load->errors == 0;
}

static bool run_traffic(struct load *load)
{
    const struct load_options *options = &load->options;
    uint64_t count = 0;
    connect_users(load, options->users);
    probe_groups(load);
    uint64_t start = load_clock();
    load->window_from = start + (uint64_t)(options->warmup * SECOND);
    load->window_to = load->window_from +
                      (uint64_t)(options->seconds * SECOND);
    publish_until(load, start, load->window_from, &count);
    struct edge from = take_edge(load);
    publish_until(load, start, load->window_to, &count);
    struct edge to = take_edge(load);
    drain(load);
    return print_traffic(load, &from, &to);
}

/* Runs until resident memory hasn't changed for half a second; heartbeats go
 * on meanwhile, as they do for users who are idle. */
static uint64_t settle(struct load *load)
{
    uint64_t deadline = load_clock() + settle_patience;
    uint64_t memory = usage_get_memory(&load->options.usage);
    for (;;) {
        uint64_t next = load_clock() + SECOND / 2;
        while (load_clock() < next) {
            load_turn(load, next);
        }
        uint64_t again = usage_get_memory(&load->options.usage);
        if (again == memory || load_clock() > deadline) {
            return again;
        }
        memory = again;
    }
}

/* The first user makes the server touch the code and the tables that it needs
 * but once; what the others add is what a connection costs. */
static bool run_idle(struct load *load)
{
    double others = load->options.users - 1.0;
    connect_users(load, 1);
    uint64_t before = settle(load);
    struct edge from = take_edge(load);
    connect_users(load, load->options.users);
    struct edge to = take_edge(load);
    uint64_t after = settle(load);
    double nanoseconds = (double)(to.time - from.time);
    printf("{\"mode\": \"idle\", \"transport\": \"%s\", \"users\": %u, "
           "\"groups\": %u, \"connects_per_second\": %.0f, "
           "\"cpu_us_per_connect\": %.2f, \"bytes_per_connection\": %.0f, "
           "\"resident_bytes\": %llu, \"errors\": %llu}\n",
           load->options.is_websocket ? "ws" : "tcp", load->options.users,
           load->options.groups, others / nanoseconds * SECOND,
           (double)(to.cpu - from.cpu) / others / 1000,
           ((double)after - (double)before) / others,
           (unsigned long long)after, (unsigned long long)load->errors);
    return load->errors == 0;
}

int main(int argc, char **argv)
{
    struct load load = { .options = load_options_parse(argc, argv) };
    init(&load);
    bool is_good = load.options.mode == LOAD_IDLE ? run_idle(&load) :
                                                    run_traffic(&load);
    fini(&load);
    return is_good ? 0 : 1;
}
