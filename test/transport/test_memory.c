/* SPDX-License-Identifier: MIT */
/* Tests of sessions through memory: order, backpressure, and both ends going
   in any order. */
#include "fixture.h"

#include <stdlib.h>
#include <string.h>

#include "domi/err.h"
#include "frame/frame.h"
#include "transport/kinds.h"

struct scene {
    struct fixture fixture;
    struct party server;
    struct party dialler;
    struct domi__session *dialled; /* until it is closed */
    uint32_t number;
    uint32_t takes; /* frames that the server takes before it holds */
    uv_timer_t timer;
    unsigned ticks;
};

static int set_up(void **state)
{
    struct scene *scene = calloc(1, sizeof(*scene));

    assert_non_null(scene);
    fixture_init(&scene->fixture);
    party_init(&scene->server, &scene->fixture);
    party_init(&scene->dialler, &scene->fixture);
    scene->server.user = scene;
    scene->dialler.user = scene;
    *state = scene;
    return 0;
}

static int tear_down(void **state)
{
    struct scene *scene = *state;

    if (scene->dialler.session) {
        domi__session_close(scene->dialler.session, DOMI_REASON_NONE);
    }
    fixture_fini(&scene->fixture);
    assert_int_equal(scene->server.closed, scene->server.admitted);
    party_fini(&scene->server);
    party_fini(&scene->dialler);
    free(scene);
    return 0;
}

static void dial(struct scene *scene)
{
    struct domi__listen listen = party_listen(&scene->dialler, 0);
    struct domi__memory_port port = party_port(&scene->server);

    scene->dialled = domi__memory_dial(&listen, &port);
    assert_non_null(scene->dialled);
}

static void open_pair(struct scene *scene)
{
    dial(scene);
    assert_int_equal(scene->server.opened + scene->dialler.opened, 0);
    RUN_UNTIL(&scene->fixture, scene->dialler.session && scene->server.session);
    assert_int_equal(scene->dialler.session->id, scene->server.session->id);
}

static int send_next(struct scene *scene, uint32_t size)
{
    return send_numbered(scene->dialler.session, scene->number++, size);
}

/* The server has seen exactly the frames 0 to number - 1. */
static void check_seen(struct scene *scene)
{
    const struct party *server = &scene->server;
    struct domi_frame frame;
    size_t at = 0;

    assert_int_equal(server->frames, scene->number);
    for (uint32_t i = 0; i < scene->number; i++) {
        ssize_t n = domi_frame_decode(server->bytes + at, server->size - at,
                                      UINT32_MAX, &frame);

        assert_true(n > 0);
        assert_int_equal(number_of(&frame), i);
        at += (size_t)n;
    }
    assert_int_equal(at, server->size);
}

static void carries_frames_both_ways(void **state)
{
    struct scene *scene = *state;
    char address[DOMI__ADDRESS_SIZE];

    open_pair(scene);
    domi__session_address(scene->server.session, address, sizeof(address));
    assert_string_equal(address, "memory");
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(send_next(scene, 4 + (uint32_t)i * 3), 0);
        assert_int_equal(send_numbered(scene->server.session, 0, 10), 0);
    }
    assert_int_equal(scene->server.frames + scene->dialler.frames, 0);
    RUN_UNTIL(&scene->fixture, scene->server.frames == 1000 &&
                                   scene->dialler.frames == 1000);
    check_seen(scene);
}

static void a_refused_dial_is_closed(void **state)
{
    struct scene *scene = *state;

    scene->server.next_id = 0;
    dial(scene);
    assert_int_equal(scene->dialler.closed, 0);
    RUN_UNTIL(&scene->fixture, scene->dialler.closed == 1);
    assert_int_equal(scene->dialler.reason, DOMI_REASON_SOCKET);
    assert_int_equal(scene->dialler.opened, 0);
}

/* ---- holding ------------------------------------------------------------- */

static bool take_some(struct party *party, struct domi__session *session,
                      const struct domi_frame *frame)
{
    struct scene *scene = party->user;

    (void)session;
    (void)frame;
    if (scene->takes == 0) {
        return false;
    }
    scene->takes--;
    return true;
}

static void loses_nothing_that_was_held(void **state)
{
    struct scene *scene = *state;

    scene->server.on_frame = take_some;
    open_pair(scene);
    for (int i = 0; i < 500; i++) {
        assert_int_equal(send_next(scene, 4 + (uint32_t)i), 0);
    }
    for (unsigned taken = 0; taken < 500; taken++) {
        RUN_UNTIL(&scene->fixture, scene->server.session->held);
        assert_int_equal(scene->server.frames, taken);
        scene->takes = 1;
        domi__session_resume(scene->server.session);
        assert_int_equal(scene->server.frames, taken);
        RUN_UNTIL(&scene->fixture, scene->server.frames == taken + 1);
    }
    check_seen(scene);
}

static void what_is_held_counts_as_queued(void **state)
{
    struct scene *scene = *state;

    scene->dialler.limits.send_limit = 10000;
    scene->dialler.limits.send_policy = DOMI_SEND_DROP_NEWEST;
    scene->server.on_frame = take_some;
    open_pair(scene);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(send_next(scene, 992), 0);
    }
    RUN_UNTIL(&scene->fixture, scene->server.session->held);
    assert_int_equal(domi__session_queued(scene->dialler.session), 10000);
    assert_true(domi__session_is_high(scene->dialler.session));
    assert_int_equal(send_numbered(scene->dialler.session, 0, 4),
                     DOMI_E_QUEUE_FULL);
    scene->takes = UINT32_MAX;
    domi__session_resume(scene->server.session);
    RUN_UNTIL(&scene->fixture, scene->dialler.lows == 1);
    check_seen(scene);
}

/* ---- calls from within calls --------------------------------------------- */

/* Each frame that arrives makes the other end send two more, so that its
   queue fills up while its first bytes are being handed on. */
static bool have_two_more_sent(struct party *party,
                               struct domi__session *session,
                               const struct domi_frame *frame)
{
    struct scene *scene = party->user;

    (void)session;
    assert_true(number_of(frame) < scene->number);
    for (int i = 0; i < 2; i++) {
        if (scene->number < 2000) {
            send_next(scene, 100);
        }
    }
    return true;
}

static void check_full_while_handed_on(struct scene *scene,
                                       enum domi_send_policy policy)
{
    struct domi_frame frame;
    uint32_t next = 0;
    size_t at = 0;

    scene->dialler.limits.send_limit = 1500;
    scene->dialler.limits.send_policy = policy;
    scene->server.on_frame = have_two_more_sent;
    open_pair(scene);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(send_next(scene, 100), 0);
    }
    RUN_UNTIL(&scene->fixture,
              scene->server.frames + scene->dialler.dropped == 2000);
    while (at < scene->server.size) {
        at += (size_t)domi_frame_decode(scene->server.bytes + at,
                                        scene->server.size - at, UINT32_MAX,
                                        &frame);
        assert_true(number_of(&frame) >= next);
        next = number_of(&frame) + 1;
    }
    assert_true(scene->dialler.dropped > 0);
}

static void drops_the_newest_while_frames_are_handed_on(void **state)
{
    check_full_while_handed_on(*state, DOMI_SEND_DROP_NEWEST);
}

static void drops_the_oldest_while_frames_are_handed_on(void **state)
{
    check_full_while_handed_on(*state, DOMI_SEND_DROP_OLDEST);
}

/* A full queue does not make a send call the peer's owner. */
static void never_calls_the_peer_in_a_send(void **state)
{
    struct scene *scene = *state;

    scene->dialler.limits.send_limit = 1000;
    scene->dialler.limits.send_policy = DOMI_SEND_DROP_NEWEST;
    open_pair(scene);
    for (int i = 0; i < 20; i++) {
        send_next(scene, 92);
        assert_int_equal(scene->server.frames, 0);
    }
    RUN_UNTIL(&scene->fixture, scene->server.frames == 10);
    assert_int_equal(scene->dialler.dropped, 10);
}

static bool send_back(struct party *party, struct domi__session *session,
                      const struct domi_frame *frame)
{
    (void)party;
    domi__session_send(session, frame->type, frame->data, frame->data_size,
                       NULL, 0);
    return true;
}

static void count_tick(uv_timer_t *timer)
{
    struct scene *scene = timer->data;

    scene->ticks++;
}

/* Two ends that answer each other for ever leave the loop to others. */
static void an_endless_exchange_leaves_the_loop_to_others(void **state)
{
    struct scene *scene = *state;

    uv_timer_init(&scene->fixture.uv, &scene->timer);
    scene->timer.data = scene;
    uv_timer_start(&scene->timer, count_tick, 1, 1);
    scene->server.on_frame = send_back;
    scene->dialler.on_frame = send_back;
    open_pair(scene);
    send_next(scene, 10);
    RUN_UNTIL(&scene->fixture, scene->ticks > 5 && scene->server.frames > 100);
    uv_close((uv_handle_t *)&scene->timer, NULL);
}

/* ---- closing ------------------------------------------------------------- */

static void a_close_lets_through_what_was_sent(void **state)
{
    struct scene *scene = *state;

    scene->dialler.has_farewell = true;
    open_pair(scene);
    send_next(scene, 100);
    domi__session_close(scene->dialler.session, DOMI_REASON_STOPPING);
    assert_int_equal(send_numbered(scene->dialler.session, 9, 4),
                     DOMI_E_SESSION_GONE);
    RUN_UNTIL(&scene->fixture, scene->server.closed == 1);
    assert_int_equal(scene->dialler.reason, DOMI_REASON_STOPPING);
    assert_int_equal(scene->server.reason, DOMI_REASON_PEER_CLOSED);
    assert_int_equal(scene->server.frames, 2);
}

static void both_ends_may_close_in_one_turn(void **state)
{
    struct scene *scene = *state;

    open_pair(scene);
    send_next(scene, 100);
    send_numbered(scene->server.session, 0, 100);
    domi__session_close(scene->server.session, DOMI_REASON_STOPPING);
    domi__session_close(scene->dialler.session, DOMI_REASON_KICKED);
    RUN_UNTIL(&scene->fixture, scene->server.closed && scene->dialler.closed);
    assert_int_equal(scene->server.reason, DOMI_REASON_STOPPING);
    assert_int_equal(scene->dialler.reason, DOMI_REASON_KICKED);
}

static void a_dial_may_be_closed_before_it_opens(void **state)
{
    struct scene *scene = *state;

    dial(scene);
    domi__session_close(scene->dialled, DOMI_REASON_NONE);
    RUN_UNTIL(&scene->fixture, scene->server.closed && scene->dialler.closed);
    assert_int_equal(scene->dialler.opened, 0);
}

static bool close_other(struct party *party, struct domi__session *session,
                        const struct domi_frame *frame)
{
    struct scene *scene = party->user;

    (void)session;
    (void)frame;
    domi__session_close(scene->dialler.session, DOMI_REASON_KICKED);
    return true;
}

static void the_peer_may_be_closed_in_on_frame(void **state)
{
    struct scene *scene = *state;

    scene->server.on_frame = close_other;
    open_pair(scene);
    for (int i = 0; i < 10; i++) {
        send_next(scene, 3000);
    }
    RUN_UNTIL(&scene->fixture, scene->server.closed && scene->dialler.closed);
    assert_int_equal(scene->dialler.reason, DOMI_REASON_KICKED);
}

static bool close_both(struct party *party, struct domi__session *session,
                       const struct domi_frame *frame)
{
    close_other(party, session, frame);
    domi__session_close(session, DOMI_REASON_KICKED);
    return true;
}

static void both_may_be_closed_in_on_frame(void **state)
{
    struct scene *scene = *state;

    scene->server.on_frame = close_both;
    scene->server.has_farewell = true;
    scene->dialler.has_farewell = true;
    open_pair(scene);
    for (int i = 0; i < 10; i++) {
        send_next(scene, 3000);
    }
    RUN_UNTIL(&scene->fixture, scene->server.closed && scene->dialler.closed);
    assert_int_equal(scene->server.frames, 1);
}

int main(void)
{
#define SCENE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        SCENE(carries_frames_both_ways),
        SCENE(a_refused_dial_is_closed),
        SCENE(loses_nothing_that_was_held),
        SCENE(what_is_held_counts_as_queued),
        SCENE(drops_the_newest_while_frames_are_handed_on),
        SCENE(drops_the_oldest_while_frames_are_handed_on),
        SCENE(never_calls_the_peer_in_a_send),
        SCENE(an_endless_exchange_leaves_the_loop_to_others),
        SCENE(a_close_lets_through_what_was_sent),
        SCENE(both_ends_may_close_in_one_turn),
        SCENE(a_dial_may_be_closed_before_it_opens),
        SCENE(the_peer_may_be_closed_in_on_frame),
        SCENE(both_may_be_closed_in_on_frame),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
