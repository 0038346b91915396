/* SPDX-License-Identifier: MIT */
/* Tests of a slow reader over a real socket: under each policy its queue keeps
   its bound, the others get everything, and what it gets stays whole. */
#include "fixture.h"

#include <stdlib.h>
#include <string.h>

#include "domi/err.h"
#include "frame/frame.h"

#define CLIENTS 4 /* the first of them reads slowly */
#define LIMIT 100000u
#define SIZE 5000u /* of a frame's data */
#define FRAMES 4000u

struct scene {
    struct fixture fixture;
    struct party server;
    struct domi__listener *listener;
    struct client clients[CLIENTS];
    struct domi__session *sessions[CLIENTS];
    struct domi__batch batch;
    uint32_t received[CLIENTS]; /* frames */
    uint32_t last[CLIENTS];     /* number of the frame that came last */
};

static int set_up(void **state)
{
    struct scene *scene = calloc(1, sizeof(*scene));

    assert_non_null(scene);
    fixture_init(&scene->fixture);
    party_init(&scene->server, &scene->fixture);
    scene->server.limits.send_limit = LIMIT;
    scene->server.has_farewell = true;
    scene->listener = party_open(&scene->server);
    for (int i = 0; i < CLIENTS; i++) {
        client_connect(&scene->clients[i], &scene->server, scene->listener);
        scene->sessions[i] = scene->server.session;
    }
    *state = scene;
    return 0;
}

static int tear_down(void **state)
{
    struct scene *scene = *state;

    domi__batch_fini(scene->fixture.loop, &scene->batch);
    for (int i = 0; i < CLIENTS; i++) {
        client_close(&scene->clients[i]);
    }
    RUN_UNTIL(&scene->fixture, scene->server.closed == scene->server.admitted);
    listener_end(&scene->fixture, scene->listener);
    fixture_fini(&scene->fixture);
    party_fini(&scene->server);
    free(scene);
    return 0;
}

/* Reads what is there; numbers must rise. */
static void receive(struct scene *scene, int i)
{
    struct domi_frame frame;

    while (client_frame(&scene->clients[i], &frame)) {
        uint32_t number = number_of(&frame);

        assert_true(scene->received[i] == 0 || number > scene->last[i]);
        scene->last[i] = number;
        scene->received[i]++;
    }
    if (scene->clients[i].at == scene->clients[i].size) {
        scene->clients[i].at = 0;
        scene->clients[i].size = 0;
    }
}

/* Sends `count` frames to all by turns; the slow one reads nothing meanwhile.
   Returns how many of its sends failed. */
static uint32_t send_all(struct scene *scene, uint32_t count)
{
    uint8_t frame[DOMI_FRAME_HEADER + SIZE];
    uint32_t failed = 0;

    for (uint32_t number = 0; number < count; number++) {
        struct domi__fanout fanout;

        numbered_frame(frame, number, SIZE);
        domi__fanout_init(&fanout, scene->fixture.loop, &scene->batch,
                          FIRST_TYPE, frame + DOMI_FRAME_HEADER, SIZE);
        for (int i = 0; i < CLIENTS; i++) {
            int err = domi__fanout_send(&fanout, scene->sessions[i]);

            if (i > 0) {
                assert_int_equal(err, 0);
            } else if (err) {
                failed++;
            }
        }
        assert_true(domi__session_queued(scene->sessions[0]) <= LIMIT);
        if (number % 8 == 7 || number + 1 == count) {
            fixture_turn_once(&scene->fixture);
            for (int i = 1; i < CLIENTS; i++) {
                RUN_UNTIL(&scene->fixture,
                          (receive(scene, i), scene->last[i] == number));
                assert_int_equal(scene->received[i], number + 1);
            }
        }
    }
    return failed;
}

/* The slow one reads all that is left for it. */
static void catch_up(struct scene *scene)
{
    RUN_UNTIL(&scene->fixture,
              (receive(scene, 0), !scene->sessions[0]->queue));
    receive(scene, 0);
    assert_int_equal(scene->clients[0].size, 0);
}

static void drops_the_newest_of_the_slow_one(void **state)
{
    struct scene *scene = *state;
    uint32_t failed;

    scene->server.limits.send_policy = DOMI_SEND_DROP_NEWEST;
    failed = send_all(scene, FRAMES);
    assert_true(failed > 0);
    assert_int_equal(scene->server.dropped, failed);
    catch_up(scene);
    assert_int_equal(scene->received[0], FRAMES - failed);
    assert_int_equal(send_numbered(scene->sessions[0], FRAMES, 10), 0);
    catch_up(scene);
    RUN_UNTIL(&scene->fixture,
              (receive(scene, 0), scene->last[0] == FRAMES));
}

static void drops_the_oldest_of_the_slow_one(void **state)
{
    struct scene *scene = *state;

    scene->server.limits.send_policy = DOMI_SEND_DROP_OLDEST;
    assert_int_equal(send_all(scene, FRAMES), 0);
    assert_true(scene->server.dropped > 0);
    catch_up(scene);
    assert_int_equal(scene->received[0], FRAMES - scene->server.dropped);
    assert_int_equal(scene->last[0], FRAMES - 1);
}

static void closes_the_slow_one(void **state)
{
    struct scene *scene = *state;
    struct domi__session *slow = scene->sessions[0];
    uint32_t number = 0;
    int err = 0;

    fixture_wait(&scene->fixture);
    while (!err) {
        assert_true(domi__session_queued(slow) <= LIMIT);
        err = send_numbered(slow, number++, SIZE);
        if (!err && number % 8 == 0) {
            fixture_turn(&scene->fixture, "full", __FILE__, __LINE__);
        }
    }
    assert_int_equal(err, DOMI_E_QUEUE_FULL);
    assert_int_equal(scene->server.closed, 0);
    RUN_UNTIL(&scene->fixture, scene->server.closed == 1);
    assert_int_equal(scene->server.reason, DOMI_REASON_QUEUE_FULL);
    assert_int_equal(scene->server.dropped, 0);
    RUN_UNTIL(&scene->fixture, client_ended(&scene->clients[0]));
}

static void is_high_and_then_low(void **state)
{
    struct scene *scene = *state;
    struct domi__session *slow = scene->sessions[0];
    uint32_t number = 0;

    fixture_wait(&scene->fixture);
    while (!domi__session_is_high(slow)) {
        assert_int_equal(send_numbered(slow, number++, SIZE), 0);
        if (!slow->blocked) {
            fixture_turn(&scene->fixture, "high", __FILE__, __LINE__);
        }
    }
    assert_int_equal(scene->server.lows, 0);
    catch_up(scene);
    assert_int_equal(scene->received[0], number);
    RUN_UNTIL(&scene->fixture, scene->server.lows == 1);
    assert_false(slow->blocked);
}

static void a_peer_that_vanishes_ends_a_blocked_session(void **state)
{
    struct scene *scene = *state;
    struct domi__session *slow = scene->sessions[0];
    uint32_t number = 0;

    fixture_wait(&scene->fixture);
    while (!slow->blocked) {
        assert_int_equal(send_numbered(slow, number++, SIZE), 0);
        fixture_turn(&scene->fixture, "blocked", __FILE__, __LINE__);
    }
    domi__session_pause(slow);
    client_close(&scene->clients[0]);
    client_open(&scene->clients[0], domi__listener_port(scene->listener));
    RUN_UNTIL(&scene->fixture, scene->server.closed == 1);
    assert_int_equal(scene->server.reason, DOMI_REASON_SOCKET);
}

int main(void)
{
#define SCENE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        SCENE(drops_the_newest_of_the_slow_one),
        SCENE(drops_the_oldest_of_the_slow_one),
        SCENE(closes_the_slow_one),
        SCENE(is_high_and_then_low),
        SCENE(a_peer_that_vanishes_ends_a_blocked_session),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
