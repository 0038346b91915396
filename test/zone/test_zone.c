/* SPDX-License-Identifier: MIT */
/* A zone's life and its threads: options, full rings, posts, slow handlers. */
#include "peer.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "domi/err.h"
#include "frame/frame.h"

/* ---- what the handlers of these tests share ------------------------------ */

#define NUMBERED 61 /* a frame whose data is a number that counts up */
#define BLOCKING 62 /* a frame whose handler waits for `go`, and answers */

struct numbers {
    struct fixture fixture;
    atomic_bool go;
    atomic_bool blocked;
    atomic_uint taken;
    atomic_uint wrong; /* numbers that did not come in order */
    /* By group and user; each touched by the group's worker only. */
    uint32_t next[64][64];
    pthread_t threads[64]; /* that ran the group last */
    atomic_uint moved;     /* groups that were seen on a second thread */
};

static void pause_ms(long ms)
{
    struct timespec span = {0, ms * 1000000};

    nanosleep(&span, NULL);
}

/* Waits, as a bad handler does, for something outside; ten seconds at most. */
static void on_blocking(struct domi_group *group, struct domi_user sender,
                        const struct domi_frame *frame, void *user)
{
    struct numbers *numbers = user;

    numbers->blocked = true;
    for (int i = 0; i < 10000 && !numbers->go; i++) {
        pause_ms(1);
    }
    domi_group_send(group, sender, frame->type, NULL, 0);
}

static void on_numbered(struct domi_group *group, struct domi_user sender,
                        const struct domi_frame *frame, void *user)
{
    struct numbers *numbers = user;
    uint64_t id = domi_group_id(group) % 64;
    uint32_t *next = &numbers->next[id][sender.id % 64];

    if (domi_get_u32(frame->data) != (*next)++) {
        numbers->wrong++;
    }
    if (numbers->threads[id] && numbers->threads[id] != pthread_self()) {
        numbers->moved++;
    }
    numbers->threads[id] = pthread_self();
    numbers->taken++;
    domi_group_send(group, (struct domi_user){USER_A, sender.gateway},
                    NUMBERED, frame->data, frame->data_size);
}

static void setup_numbers(struct fixture *fixture, struct domi_group *group)
{
    domi_group_handle(group, NUMBERED, on_numbered, fixture);
    domi_group_handle(group, BLOCKING, on_blocking, fixture);
}

static int set_up(void **state)
{
    *state = calloc(1, sizeof(struct numbers));
    return *state ? 0 : -1;
}

static int tear_down(void **state)
{
    free(*state);
    return 0;
}

/* Options for the numbers, and a fixture that is not yet begun. */
static struct domi_zone_options number_options(struct numbers *numbers)
{
    struct domi_zone_options options = fixture_options(&numbers->fixture);

    numbers->fixture.setup = setup_numbers;
    return options;
}

static void start(struct numbers *numbers,
                  const struct domi_zone_options *options)
{
    fixture_init(&numbers->fixture, options);
    assert_int_equal(domi_zone_start(numbers->fixture.zone), 0);
}

/* Numbered frames of one user in one buffer. */
static uint8_t *encode_numbers(uint64_t user, uint64_t group, uint32_t first,
                               uint32_t count, uint32_t size, size_t *total)
{
    uint8_t *bytes = malloc(count * domi_frame_size(size, 16));
    uint8_t *data = calloc(1, size);
    uint8_t extend[16];

    assert_non_null(bytes);
    *total = 0;
    domi_put_u64(extend, user);
    domi_put_u64(extend + 8, group);
    for (uint32_t i = 0; i < count; i++) {
        domi_put_u32(data, first + i);
        *total += domi_frame_encode(bytes + *total, NUMBERED, data, size,
                                    extend, 16);
    }
    free(data);
    return bytes;
}

static void send_numbers(struct peer *peer, uint64_t user, uint64_t group,
                         uint32_t first, uint32_t count, uint32_t size)
{
    size_t total;
    uint8_t *bytes = encode_numbers(user, group, first, count, size, &total);

    peer_send(peer, bytes, total);
    free(bytes);
}

/* ---- life ---------------------------------------------------------------- */

static const char *refused(struct fixture *fixture,
                           const struct domi_zone_options *options)
{
    static char log[sizeof(fixture->log)];

    fixture_init(fixture, options);
    assert_int_equal(domi_zone_start(fixture->zone), DOMI_E_OPTION);
    assert_int_equal(domi_zone_start(fixture->zone), DOMI_E_STATE);
    memcpy(log, fixture->log, sizeof(log));
    fixture_fini(fixture);
    return log;
}

static void a_bad_option_is_named_in_the_log(void **state)
{
    struct fixture *fixture = *state;
    struct domi_zone_options options = fixture_options(fixture);

    options.ring_size = 5000;
    assert_non_null(strstr(refused(fixture, &options), "option ring_size"));
    options = fixture_options(fixture);
    options.ring_size = 8192;
    options.frame_limit = 4096;
    assert_non_null(strstr(refused(fixture, &options), "option ring_size"));
    options = fixture_options(fixture);
    options.frame_limit = 100;
    assert_non_null(strstr(refused(fixture, &options), "option frame_limit"));
    options = fixture_options(fixture);
    options.send_limit = 100;
    assert_non_null(strstr(refused(fixture, &options), "option send_limit"));
    options = fixture_options(fixture);
    options.host = "localhost";
    assert_non_null(strstr(refused(fixture, &options), "option host"));
    options = fixture_options(fixture);
    options.tcp_port = 65536;
    assert_non_null(strstr(refused(fixture, &options), "option tcp_port"));
    options = fixture_options(fixture);
    options.name = "";
    assert_non_null(strstr(refused(fixture, &options), "option name"));
    options = fixture_options(fixture);
    options.workers = 5000;
    assert_non_null(strstr(refused(fixture, &options), "option workers"));
}

static void a_zone_has_an_id_and_ports_once_it_is_started(void **state)
{
    struct fixture *fixture = *state;
    struct domi_zone_options options = fixture_options(fixture);
    int id = 7;

    options.id = &id;
    fixture_init(fixture, &options);
    assert_int_equal(domi_zone_id(fixture->zone), -1);
    assert_int_equal(domi_zone_tcp_port(fixture->zone), 0);
    assert_null(domi_zone_data(fixture->zone));
    domi_zone_set_data(fixture->zone, &id);
    assert_int_equal(domi_zone_start(fixture->zone), 0);
    assert_int_equal(domi_zone_start(fixture->zone), DOMI_E_STATE);
    assert_ptr_equal(domi_zone_data(fixture->zone), &id);
    assert_int_equal(domi_zone_id(fixture->zone), 7);
    assert_in_range(domi_zone_tcp_port(fixture->zone), 1, 65535);
    assert_int_equal(domi_zone_http_port(fixture->zone), 0);
    fixture_fini(fixture);
}

static void a_port_that_is_taken_fails_the_start(void **state)
{
    struct numbers *numbers = *state;
    struct fixture *fixture = &numbers->fixture;
    struct domi_zone_options options = fixture_options(fixture);
    struct domi_zone *second;

    start(numbers, &options);
    options.tcp_port = domi_zone_tcp_port(fixture->zone);
    second = domi_zone_new(&fixture->loop, &options);
    assert_non_null(second);
    assert_int_equal(domi_zone_start(second), UV_EADDRINUSE);
    assert_non_null(strstr(fixture->log, "error: tcp_port: cannot listen"));
    assert_int_equal(domi_zone_post(second, 1, 50, "", 0), DOMI_E_STATE);
    domi_zone_close(second, NULL, NULL);
    fixture_fini(fixture);
}

static void a_zone_answers_health_checks(void **state)
{
    static const char request[] = "GET /7/health HTTP/1.1\r\n"
                                  "Host: zone\r\nConnection: close\r\n\r\n";
    struct fixture *fixture = *state;
    struct domi_zone_options options = fixture_options(fixture);
    struct peer peer;
    int id = 7;

    options.id = &id;
    options.tcp_port = 0;
    options.http_port = DOMI_PORT_ANY;
    fixture_init(fixture, &options);
    assert_int_equal(domi_zone_start(fixture->zone), 0);
    assert_int_equal(domi_zone_tcp_port(fixture->zone), 0);
    peer_connect(&peer, fixture, domi_zone_http_port(fixture->zone));
    peer_send(&peer, request, sizeof(request) - 1);
    peer_expect(&peer, "HTTP/1.1 200 OK\r\n", 17);
    peer_expect_rest(&peer);
    assert_non_null(
        memmem(peer.in, peer.size, "consul healthy check!\n", 22));
    peer_close(&peer);
    fixture_fini(fixture);
}

/* ---- groups that are opened ---------------------------------------------- */

static void count_close(struct domi_group *group, enum domi_reason reason,
                        void *user)
{
    struct fixture *fixture = user;

    (void)group;
    atomic_fetch_add(&fixture->closed[reason], 1);
}

static struct domi_group *new_group(struct numbers *numbers, uint64_t id)
{
    struct domi_group *group = domi_group_new(numbers->fixture.zone, id);

    assert_non_null(group);
    domi_group_on_close(group, count_close, numbers);
    domi_group_handle(group, NUMBERED, on_numbered, numbers);
    return group;
}

static void groups_can_be_opened_before_and_after_the_start(void **state)
{
    struct numbers *numbers = *state;
    struct domi_zone_options options = fixture_options(&numbers->fixture);
    struct domi_zone *zone;
    uint8_t number[4] = {0};

    options.on_group = NULL;
    fixture_init(&numbers->fixture, &options);
    zone = numbers->fixture.zone;
    assert_int_equal(domi_zone_post(zone, 1, NUMBERED, number, 4),
                     DOMI_E_STATE);
    assert_int_equal(domi_group_open(new_group(numbers, 1)), 0);
    assert_int_equal(domi_group_open(new_group(numbers, 1)), 0);
    assert_int_equal(domi_zone_start(zone), 0);
    assert_int_equal(domi_group_open(new_group(numbers, 2)), 0);
    assert_int_equal(domi_zone_post(zone, 1, NUMBERED, number, 4), 0);
    assert_int_equal(domi_zone_post(zone, 2, NUMBERED, number, 4), 0);
    assert_int_equal(domi_zone_post(zone, 3, NUMBERED, number, 4), 0);
    fixture_wait(&numbers->fixture,
                 numbers->taken == 2 &&
                     fixture_stats(&numbers->fixture).dropped_no_group == 1);
    assert_int_equal(numbers->fixture.closed[DOMI_REASON_GROUP_EXISTS], 1);
    fixture_fini(&numbers->fixture);
    assert_int_equal(numbers->fixture.closed[DOMI_REASON_STOPPING], 2);
}

static void groups_of_a_zone_that_never_starts_are_closed(void **state)
{
    struct numbers *numbers = *state;
    struct domi_zone_options options = fixture_options(&numbers->fixture);
    struct domi_group *late;

    fixture_init(&numbers->fixture, &options);
    assert_int_equal(domi_group_open(new_group(numbers, 1)), 0);
    late = new_group(numbers, 2);
    domi_zone_close(numbers->fixture.zone, NULL, NULL);
    assert_int_equal(domi_group_open(late), DOMI_E_STATE);
    domi_group_free(late);
    fixture_wait(&numbers->fixture,
                 numbers->fixture.closed[DOMI_REASON_STOPPING] == 1);
    uv_close((uv_handle_t *)&numbers->fixture.pulse, NULL);
    uv_run(&numbers->fixture.loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&numbers->fixture.loop), 0);
}

/* ---- rings --------------------------------------------------------------- */

static void a_full_ring_stops_reading_and_keeps_the_order(void **state)
{
    struct numbers *numbers = *state;
    struct fixture *fixture = &numbers->fixture;
    struct domi_zone_options options = number_options(numbers);
    struct peer peer;

    options.ring_size = 4096;
    options.frame_limit = 1024;
    options.workers = 1;
    start(numbers, &options);
    peer_open(&peer, fixture);
    peer_send_frame(&peer, peer.id, 1, BLOCKING, "", 0);
    fixture_wait(fixture, numbers->blocked);
    send_numbers(&peer, 5, 1, 0, 1000, 100);
    fixture_wait(fixture, fixture_stats(fixture).pauses > 0);
    /* What comes for all workers waits as well, and must not get lost. */
    peer_join(&peer, 9, 1);
    assert_int_equal(numbers->taken, 0);
    numbers->go = true;
    for (uint32_t i = 0; i < 1000; i++) {
        size_t size = peer_wait_frame(&peer);

        assert_int_equal(domi_get_u32(peer.in + DOMI_FRAME_HEADER), i);
        peer_drop(&peer, size);
    }
    assert_int_equal(numbers->wrong, 0);
    fixture_wait(fixture, fixture->joined == 1);
    peer_close(&peer);
    fixture_wait(fixture, fixture->left[DOMI_REASON_GATEWAY_LOST] == 1);
    fixture_fini(fixture);
}

static void a_link_that_ends_while_the_rings_are_full_is_not_lost(void **state)
{
    struct numbers *numbers = *state;
    struct fixture *fixture = &numbers->fixture;
    struct domi_zone_options options = number_options(numbers);
    struct peer peer, late;

    options.ring_size = 4096;
    options.frame_limit = 1024;
    options.workers = 3;
    start(numbers, &options);
    peer_open(&peer, fixture);
    peer_join(&peer, 9, 1);
    fixture_wait(fixture, fixture->joined == 1);
    peer_send_frame(&peer, USER_A, 1, BLOCKING, "", 0);
    fixture_wait(fixture, numbers->blocked);
    send_numbers(&peer, 5, 1, 0, 1000, 100);
    fixture_wait(fixture, fixture_stats(fixture).pauses > 0);
    peer_open(&late, fixture);
    peer_join(&late, 10, 1);
    peer_close(&peer);
    numbers->go = true;
    fixture_wait(fixture, fixture->left[DOMI_REASON_GATEWAY_LOST] == 1);
    fixture_wait(fixture, fixture->joined == 2);
    peer_close(&late);
    fixture_wait(fixture, fixture->left[DOMI_REASON_GATEWAY_LOST] == 2);
    fixture_fini(fixture);
}

static void what_was_meant_for_a_lost_link_reaches_no_other(void **state)
{
    struct numbers *numbers = *state;
    struct fixture *fixture = &numbers->fixture;
    struct domi_zone_options options = number_options(numbers);
    struct peer peer, late;

    options.workers = 3;
    start(numbers, &options);
    peer_open(&peer, fixture);
    peer_send_frame(&peer, USER_A, 1, BLOCKING, "", 0);
    fixture_wait(fixture, numbers->blocked);
    peer_close(&peer);
    fixture_wait(fixture, fixture_stats(fixture).links == 0);
    /* The other workers know; the one that answers now does not. */
    pause_ms(20);
    uv_run(&fixture->loop, UV_RUN_ONCE);
    peer_open(&late, fixture);
    numbers->go = true;
    send_numbers(&late, 5, 1, 0, 1, 16);
    assert_int_equal(peer_wait_frame(&late), 8 + 16 + 18);
    peer_close(&late);
    fixture_fini(fixture);
}

static void the_largest_frame_fits(void **state)
{
    struct numbers *numbers = *state;
    struct domi_zone_options options = number_options(numbers);
    const uint32_t limit = 4096 / 2 - 8;
    struct peer peer, stranger;

    options.ring_size = 4096;
    options.frame_limit = limit;
    start(numbers, &options);
    peer_open(&peer, &numbers->fixture);
    send_numbers(&peer, 5, 1, 0, 100, limit - 24);
    /* Too long to be sent back, but it came. */
    fixture_wait(&numbers->fixture, numbers->taken == 100);
    send_numbers(&peer, 5, 1, 100, 10, limit - 64);
    for (uint32_t i = 0; i < 10; i++) {
        peer_drop(&peer, peer_wait_frame(&peer));
    }
    peer_open(&stranger, &numbers->fixture);
    send_numbers(&stranger, 5, 1, 0, 1, limit - 23);
    peer_expect_end(&stranger);
    assert_int_equal(fixture_stats(&numbers->fixture)
                         .closed[DOMI_REASON_FRAME_LENGTH],
                     1);
    peer_close(&stranger);
    peer_close(&peer);
    fixture_fini(&numbers->fixture);
}

static void workers_keep_the_order_of_each_user(void **state)
{
    enum { GROUPS = 16, USERS = 4, ROUNDS = 50, BURST = 20 };
    struct numbers *numbers = *state;
    struct domi_zone_options options = number_options(numbers);
    struct peer peers[2];
    bool two_threads = false;

    options.workers = 3;
    options.ring_size = 16384;
    options.frame_limit = 4096;
    start(numbers, &options);
    peer_open(&peers[0], &numbers->fixture);
    peer_open(&peers[1], &numbers->fixture);
    for (uint32_t round = 0; round < ROUNDS; round++) {
        for (uint64_t user = 1; user <= USERS; user++) {
            for (uint64_t group = 0; group < GROUPS; group++) {
                send_numbers(&peers[user % 2], user, group, round * BURST,
                             BURST, 16);
            }
        }
        peer_drop(&peers[0], peers[0].size);
        peer_drop(&peers[1], peers[1].size);
    }
    fixture_wait(&numbers->fixture,
                 numbers->taken == GROUPS * USERS * ROUNDS * BURST);
    assert_int_equal(numbers->wrong, 0);
    assert_int_equal(numbers->moved, 0);
    for (int i = 1; i < GROUPS; i++) {
        two_threads |= numbers->threads[i] != numbers->threads[0];
    }
    assert_true(two_threads);
    peer_close(&peers[0]);
    peer_close(&peers[1]);
    fixture_fini(&numbers->fixture);
}

/* ---- posts --------------------------------------------------------------- */

#define POSTS 20000u

struct poster {
    struct domi_zone *zone;
    uint64_t group;
    atomic_bool done;
    int error;
};

static void *post_all(void *arg)
{
    struct poster *poster = arg;
    uint8_t data[4];

    for (uint32_t i = 0; i < POSTS && poster->error == 0;) {
        int err;

        domi_put_u32(data, i);
        err = domi_zone_post(poster->zone, poster->group, NUMBERED, data, 4);
        if (err == DOMI_E_QUEUE_FULL) {
            pause_ms(1);
            continue;
        }
        poster->error = err;
        i++;
    }
    poster->done = true;
    return NULL;
}

static void other_threads_can_post(void **state)
{
    struct numbers *numbers = *state;
    struct domi_zone_options options = number_options(numbers);
    struct poster posters[2] = {{.group = 1}, {.group = 2}};
    pthread_t threads[2];

    options.workers = 2;
    options.ring_size = 4096;
    options.frame_limit = 1024;
    start(numbers, &options);
    for (int i = 0; i < 2; i++) {
        posters[i].zone = numbers->fixture.zone;
        assert_int_equal(
            pthread_create(&threads[i], NULL, post_all, &posters[i]), 0);
    }
    fixture_wait(&numbers->fixture, numbers->taken == 2 * POSTS);
    assert_int_equal(numbers->wrong, 0);
    for (int i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(posters[i].error, 0);
    }
    fixture_fini(&numbers->fixture);
}

static void posts_are_checked_and_bounded(void **state)
{
    static const uint8_t data[2048];
    struct numbers *numbers = *state;
    struct domi_zone_options options = number_options(numbers);
    struct domi_zone *zone;
    unsigned posted = 0;
    int err;

    options.ring_size = 4096;
    options.frame_limit = 1024;
    start(numbers, &options);
    zone = numbers->fixture.zone;
    assert_int_equal(domi_zone_post(zone, 1, 49, "", 0),
                     DOMI_E_TYPE_RESERVED);
    assert_int_equal(domi_zone_post(zone, 1, 50, data, 1001),
                     DOMI_E_FRAME_LENGTH);
    /* The loop does not turn meanwhile. */
    while ((err = domi_zone_post(zone, 1, NUMBERED, data, 500)) == 0) {
        posted++;
    }
    assert_int_equal(err, DOMI_E_QUEUE_FULL);
    assert_in_range(posted, 5, 8);
    fixture_wait(&numbers->fixture, numbers->taken == posted);
    fixture_fini(&numbers->fixture);
}

/* ---- slow handlers ------------------------------------------------------- */

static void a_slow_handler_is_reported_while_and_after_it_runs(void **state)
{
    struct numbers *numbers = *state;
    struct fixture *fixture = &numbers->fixture;
    struct domi_zone_options options = number_options(numbers);

    options.handler_limit_ms = 20;
    start(numbers, &options);
    domi_zone_post(fixture->zone, 5, BLOCKING, NULL, 0);
    fixture_wait(fixture, strstr(fixture->log, "has been running for"));
    assert_non_null(strstr(fixture->log, "group 5, type 62"));
    assert_null(strstr(fixture->log, "a handler took"));
    assert_int_equal(fixture_stats(fixture).slow_handlers, 0);
    numbers->go = true;
    fixture_wait(fixture, fixture_stats(fixture).slow_handlers == 1);
    assert_non_null(strstr(fixture->log, "group 5: a handler took"));
    fixture_fini(fixture);
}

/* ---- without threads ----------------------------------------------------- */

static void on_tick(struct domi_group *group, uint32_t ticks, void *user)
{
    struct numbers *numbers = user;

    (void)group;
    numbers->taken += ticks;
}

static void setup_tick(struct fixture *fixture, struct domi_group *group)
{
    setup_numbers(fixture, group);
    domi_group_tick(group, 10000, on_tick, fixture);
}

static void a_zone_works_without_threads(void **state)
{
    struct numbers *numbers = *state;
    struct domi_zone_options options = number_options(numbers);
    struct peer peer;

    options.no_workers = 1;
    options.ring_size = 4096;
    options.frame_limit = 1024;
    start(numbers, &options);
    peer_open(&peer, &numbers->fixture);
    for (uint32_t i = 0; i < 500; i++) {
        send_numbers(&peer, 5, 1, i * 20, 20, 100);
        peer_drop(&peer, peer.size);
    }
    fixture_wait(&numbers->fixture, numbers->taken == 10000);
    assert_int_equal(numbers->wrong, 0);
    assert_true(numbers->threads[1] == pthread_self());
    peer_close(&peer);
    fixture_fini(&numbers->fixture);
}

static void groups_tick(void **state, int no_workers)
{
    struct numbers *numbers = *state;
    struct domi_zone_options options = number_options(numbers);

    numbers->fixture.setup = setup_tick;
    options.no_workers = no_workers;
    start(numbers, &options);
    domi_zone_post(numbers->fixture.zone, 1, 99, NULL, 0);
    fixture_wait(&numbers->fixture, numbers->taken >= 10);
    fixture_fini(&numbers->fixture);
}

static void groups_tick_on_a_worker(void **state)
{
    groups_tick(state, 0);
}

static void groups_tick_without_threads(void **state)
{
    groups_tick(state, 1);
}

/* Two groups whose ids are how often they tick in a second. */
struct beats {
    struct fixture fixture;
    struct beat {
        uint64_t begin_ns;
        uint64_t least_late_ns; /* in the second half of a second */
        atomic_uint ticks;
        atomic_uint early;
    } beat[64];
};

static void on_beat(struct domi_group *group, uint32_t ticks, void *user)
{
    struct beat *beat = user;
    uint64_t interval_ns = 1000000 / domi_group_id(group) * 1000;
    uint64_t due_ns = (beat->ticks + ticks) * interval_ns;
    uint64_t now_ns = uv_hrtime() - beat->begin_ns;

    if (now_ns < due_ns) {
        beat->early++;
    } else if (due_ns > 500000000 && now_ns - due_ns < beat->least_late_ns) {
        beat->least_late_ns = now_ns - due_ns;
    }
    beat->ticks += ticks;
}

static void setup_beat(struct fixture *fixture, struct domi_group *group)
{
    struct beats *beats = (struct beats *)fixture;
    uint64_t id = domi_group_id(group);
    struct beat *beat = &beats->beat[id];

    beat->least_late_ns = UINT64_MAX;
    beat->begin_ns = uv_hrtime();
    domi_group_tick(group, 1000000 / id, on_beat, beat);
}

/* However late some ticks are on a busy machine: none is early, none is lost,
   and the beat does not drift, so that the best of the last are on time. */
static void games_tick_steadily(void **state)
{
    struct beats *beats = calloc(1, sizeof(*beats));
    struct fixture *fixture = &beats->fixture;
    struct domi_zone_options options;

    (void)state;
    assert_non_null(beats);
    options = fixture_options(fixture);
    options.workers = 1;
    fixture->setup = setup_beat;
    fixture_init(fixture, &options);
    assert_int_equal(domi_zone_start(fixture->zone), 0);
    domi_zone_post(fixture->zone, 20, 99, NULL, 0);
    domi_zone_post(fixture->zone, 60, 99, NULL, 0);
    fixture_wait(fixture, beats->beat[20].ticks >= 20);
    fixture_wait(fixture, beats->beat[60].ticks >= 60);
    fixture_fini(fixture);
    for (int id = 20; id <= 60; id += 40) {
        assert_int_equal(beats->beat[id].early, 0);
        assert_true(beats->beat[id].least_late_ns < 3000000);
    }
    free(beats);
}

/* ---- close --------------------------------------------------------------- */

static void close_while_busy(void **state, unsigned workers, int no_workers)
{
    struct numbers *numbers = *state;
    struct fixture *fixture = &numbers->fixture;
    struct domi_zone_options options = number_options(numbers);
    struct poster poster = {.group = 3};
    pthread_t thread;
    struct peer peer;

    options.workers = workers;
    options.no_workers = no_workers;
    options.ring_size = 4096;
    options.frame_limit = 1024;
    start(numbers, &options);
    peer_open(&peer, fixture);
    for (uint64_t user = 1; user <= 50; user++) {
        peer_join(&peer, user, user % 8);
    }
    fixture_wait(fixture, fixture->joined == 50);
    poster.zone = fixture->zone;
    assert_int_equal(pthread_create(&thread, NULL, post_all, &poster), 0);
    send_numbers(&peer, 5, 1, 0, 500, 100);
    fixture_wait(fixture, numbers->taken > 100);
    /* It posts on until it is refused; the zone must outlive that. */
    domi_zone_close(fixture->zone, NULL, NULL);
    pthread_join(thread, NULL);
    assert_true(poster.error == DOMI_E_STATE || poster.error == 0);
    peer_expect_rest(&peer);
    peer_close(&peer);
    fixture_wait(fixture, fixture->closed[DOMI_REASON_STOPPING] == 8);
    assert_int_equal(fixture->left[DOMI_REASON_GROUP_CLOSED], 50);
    assert_int_equal(numbers->wrong, 0);
    uv_close((uv_handle_t *)&fixture->pulse, NULL);
    uv_run(&fixture->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&fixture->loop), 0);
}

static void a_busy_zone_closes_in_order(void **state)
{
    close_while_busy(state, 3, 0);
}

static void a_busy_zone_without_threads_closes_in_order(void **state)
{
    close_while_busy(state, 1, 1);
}

static void a_connection_that_says_nothing_does_not_keep_the_zone(void **state)
{
    struct numbers *numbers = *state;
    struct fixture *fixture = &numbers->fixture;
    struct domi_zone_options options = number_options(numbers);
    struct peer silent, peer;

    options.handshake_ms = 60000;
    start(numbers, &options);
    peer_connect(&silent, fixture, domi_zone_tcp_port(fixture->zone));
    /* A later connection is open: the silent one has been accepted. */
    peer_open(&peer, fixture);
    fixture_fini(fixture);
    peer_close(&silent);
    peer_close(&peer);
}

static void the_loop_goes_on_while_a_handler_keeps_the_zone_open(void **state)
{
    struct numbers *numbers = *state;
    struct fixture *fixture = &numbers->fixture;
    struct domi_zone_options options = number_options(numbers);
    uint64_t later;

    start(numbers, &options);
    domi_zone_post(fixture->zone, 5, BLOCKING, NULL, 0);
    fixture_wait(fixture, numbers->blocked);
    domi_zone_close(fixture->zone, NULL, NULL);
    uv_update_time(&fixture->loop);
    later = uv_now(&fixture->loop) + 50;
    fixture_wait(fixture, uv_now(&fixture->loop) >= later);
    assert_int_equal(fixture->closed[DOMI_REASON_STOPPING], 0);
    assert_int_equal(domi_zone_post(fixture->zone, 5, BLOCKING, NULL, 0),
                     DOMI_E_STATE);
    numbers->go = true;
    fixture_wait(fixture, fixture->closed[DOMI_REASON_STOPPING] == 1);
    uv_close((uv_handle_t *)&fixture->pulse, NULL);
    uv_run(&fixture->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&fixture->loop), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_bad_option_is_named_in_the_log),
        TEST(a_zone_has_an_id_and_ports_once_it_is_started),
        TEST(a_port_that_is_taken_fails_the_start),
        TEST(a_zone_answers_health_checks),
        TEST(groups_can_be_opened_before_and_after_the_start),
        TEST(groups_of_a_zone_that_never_starts_are_closed),
        TEST(a_full_ring_stops_reading_and_keeps_the_order),
        TEST(a_link_that_ends_while_the_rings_are_full_is_not_lost),
        TEST(what_was_meant_for_a_lost_link_reaches_no_other),
        TEST(the_largest_frame_fits),
        TEST(workers_keep_the_order_of_each_user),
        TEST(other_threads_can_post),
        TEST(posts_are_checked_and_bounded),
        TEST(a_slow_handler_is_reported_while_and_after_it_runs),
        TEST(a_zone_works_without_threads),
        TEST(groups_tick_on_a_worker),
        TEST(groups_tick_without_threads),
        TEST(games_tick_steadily),
        TEST(a_busy_zone_closes_in_order),
        TEST(a_busy_zone_without_threads_closes_in_order),
        TEST(a_connection_that_says_nothing_does_not_keep_the_zone),
        TEST(the_loop_goes_on_while_a_handler_keeps_the_zone_open),
    };
#undef TEST

    return cmocka_run_group_tests(tests, NULL, NULL);
}
