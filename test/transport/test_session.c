/* SPDX-License-Identifier: MIT */
/* Tests of what an owner may do within its callbacks: hold, pause, resume,
   close and send, over real sockets. */
#include "fixture.h"

#include <stdlib.h>
#include <string.h>

#include "domi/err.h"
#include "frame/frame.h"
#include "transport/buffer.h"

#define CLIENTS 20
#define FRAMES 2000u
#define TURNS_MAX 1000000 /* in which the loop does not wait */

struct scene {
    struct fixture fixture;
    struct party server;
    struct domi__listener *listener;
    struct client clients[CLIENTS];
    struct domi__session *sessions[CLIENTS];
    uint32_t next;  /* number of the frame that must come */
    uint32_t takes; /* frames until one is held */
    unsigned calls; /* of on_frame */
    bool in_frame;
};

static int set_up(void **state)
{
    struct scene *scene = calloc(1, sizeof(*scene));

    assert_non_null(scene);
    fixture_init(&scene->fixture);
    party_init(&scene->server, &scene->fixture);
    scene->server.user = scene;
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

/* Sends frames 0 to FRAMES - 1 of several sizes, whatever the server takes. */
static uint8_t *make_frames(size_t *size)
{
    uint8_t *bytes = malloc(FRAMES * 300);

    assert_non_null(bytes);
    *size = 0;
    for (uint32_t i = 0; i < FRAMES; i++) {
        *size += numbered_frame(bytes + *size, i, 4 + i % 250);
    }
    return bytes;
}

/* ---- hold and resume ----------------------------------------------------- */

static bool take_some(struct party *party, struct domi__session *session,
                      const struct domi_frame *frame)
{
    struct scene *scene = party->user;

    (void)session;
    scene->calls++;
    assert_int_equal(number_of(frame), scene->next);
    if (scene->takes == 0) {
        return false;
    }
    scene->takes--;
    scene->next++;
    return true;
}

static void check_hold(struct scene *scene, uint32_t takes)
{
    struct domi__session *session = scene->sessions[0];
    size_t size, sent = 0;
    uint8_t *bytes = make_frames(&size);

    scene->server.on_frame = take_some;
    for (int turns = 0; scene->next < FRAMES; turns++) {
        assert_true(turns < TURNS_MAX);
        if (session->held) {
            unsigned calls = scene->calls;

            fixture_turn_once(&scene->fixture);
            assert_int_equal(scene->calls, calls);
            scene->takes = takes;
            domi__session_resume(session);
            assert_int_equal(scene->calls, calls);
        }
        if (sent < size) {
            sent += client_try_send(&scene->clients[0], bytes + sent,
                                    size - sent < 4099 ? size - sent : 4099);
        }
        fixture_turn_once(&scene->fixture);
    }
    assert_int_equal(scene->server.size, size);
    assert_memory_equal(scene->server.bytes, bytes, size);
    free(bytes);
}

static void loses_nothing_when_each_frame_is_held(void **state)
{
    check_hold(*state, 1);
}

static void loses_nothing_when_some_frames_are_held(void **state)
{
    check_hold(*state, 37);
}

static void a_held_session_reads_no_more(void **state)
{
    struct scene *scene = *state;
    uint8_t bytes[1024];
    size_t size = numbered_frame(bytes, 0, 1000);

    scene->server.on_frame = take_some;
    client_send(&scene->clients[0], bytes, size);
    RUN_UNTIL(&scene->fixture, scene->sessions[0]->held);
    /* The sockets' buffers fill up, as the server does not read. */
    for (int idle = 0; idle < 20;) {
        idle = client_try_send(&scene->clients[0], bytes, size) ? 0 : idle + 1;
        fixture_turn_once(&scene->fixture);
    }
    assert_true(scene->sessions[0]->input->used <= 2 * DOMI__READ_BUFFER);
    assert_int_equal(scene->calls, 1);
    domi__session_close(scene->sessions[0], DOMI_REASON_NONE);
}

static void a_held_session_is_not_silent(void **state)
{
    struct scene *scene = *state;
    uint8_t bytes[64];
    uint64_t begin = uv_hrtime();
    struct client client;

    scene->server.limits.silence_ms = 100;
    scene->server.on_frame = take_some;
    client_connect(&client, &scene->server, scene->listener);
    client_send(&client, bytes, numbered_frame(bytes, 0, 10));
    RUN_UNTIL(&scene->fixture, uv_hrtime() - begin > 500000000);
    assert_non_null(scene->server.session);
    assert_true(scene->server.session->held);
    scene->takes = 1;
    domi__session_resume(scene->server.session);
    RUN_UNTIL(&scene->fixture, scene->next == 1);
    RUN_UNTIL(&scene->fixture, client_ended(&client));
    assert_int_equal(scene->server.reason, DOMI_REASON_SILENT);
    client_close(&client);
}

static void what_came_before_the_end_is_handed_on_first(void **state)
{
    struct scene *scene = *state;
    uint8_t bytes[64];
    unsigned closed = scene->server.closed;

    scene->server.on_frame = take_some;
    client_send(&scene->clients[0], bytes, numbered_frame(bytes, 0, 10));
    RUN_UNTIL(&scene->fixture, scene->sessions[0]->held);
    client_send(&scene->clients[0], bytes, numbered_frame(bytes, 1, 10));
    client_close(&scene->clients[0]);
    client_open(&scene->clients[0], domi__listener_port(scene->listener));
    fixture_turn_once(&scene->fixture);
    scene->takes = 2;
    domi__session_resume(scene->sessions[0]);
    RUN_UNTIL(&scene->fixture, scene->server.closed == closed + 1);
    assert_int_equal(scene->next, 2);
    assert_int_equal(scene->server.reason, DOMI_REASON_PEER_CLOSED);
}

/* ---- pause and resume in on_frame ---------------------------------------- */

static bool pause_and_resume(struct party *party, struct domi__session *session,
                             const struct domi_frame *frame)
{
    struct scene *scene = party->user;

    assert_false(scene->in_frame);
    scene->in_frame = true;
    assert_int_equal(number_of(frame), scene->next);
    scene->next++;
    domi__session_pause(session);
    if (scene->next % 3 == 0) {
        domi__session_resume(session);
    }
    scene->in_frame = false;
    return true;
}

static void may_be_paused_and_resumed_in_on_frame(void **state)
{
    struct scene *scene = *state;
    size_t size, sent = 0;
    uint8_t *bytes = make_frames(&size);

    scene->server.on_frame = pause_and_resume;
    for (int turns = 0; scene->next < FRAMES; turns++) {
        assert_true(turns < TURNS_MAX);
        if (sent < size) {
            sent += client_try_send(&scene->clients[0], bytes + sent,
                                    size - sent < 5000 ? size - sent : 5000);
        }
        fixture_turn_once(&scene->fixture);
        domi__session_resume(scene->sessions[0]);
    }
    assert_memory_equal(scene->server.bytes, bytes, size);
    free(bytes);
}

static void pause_in_on_open(struct party *party, struct domi__session *session)
{
    (void)party;
    domi__session_pause(session);
}

static void may_be_paused_in_on_open(void **state)
{
    struct scene *scene = *state;
    struct client client;
    uint8_t bytes[64];
    size_t size = DOMI__MAGIC_SIZE;

    scene->server.on_open = pause_in_on_open;
    client_open(&client, domi__listener_port(scene->listener));
    domi_put_u32(bytes, DOMI__MAGIC);
    size += numbered_frame(bytes + size, 0, 10);
    client_send(&client, bytes, size);
    RUN_UNTIL(&scene->fixture, client_has(&client, DOMI__ID_SIZE));
    fixture_turn_once(&scene->fixture);
    assert_int_equal(scene->server.frames, 0);
    domi__session_resume(scene->server.session);
    RUN_UNTIL(&scene->fixture, scene->server.frames == 1);
    client_close(&client);
}

/* ---- closing within callbacks -------------------------------------------- */

static bool close_all(struct party *party, struct domi__session *session,
                      const struct domi_frame *frame)
{
    struct scene *scene = party->user;

    (void)session;
    (void)frame;
    for (int i = 0; i < CLIENTS; i++) {
        domi__session_close(scene->sessions[i], DOMI_REASON_KICKED);
        assert_int_equal(
            domi__session_send(scene->sessions[i], FIRST_TYPE, "x", 1, NULL, 0),
            DOMI_E_SESSION_GONE);
        domi__session_pause(scene->sessions[i]);
        domi__session_resume(scene->sessions[i]);
    }
    return true;
}

static void one_may_close_all_whose_events_are_to_come(void **state)
{
    struct scene *scene = *state;
    uint8_t bytes[200];
    size_t size = numbered_frame(bytes, 0, 10);

    size += numbered_frame(bytes + size, 1, 10);
    scene->server.on_frame = close_all;
    scene->server.has_farewell = true;
    for (int i = 0; i < CLIENTS; i++) {
        client_send(&scene->clients[i], bytes, size);
    }
    RUN_UNTIL(&scene->fixture, scene->server.closed == CLIENTS);
    assert_int_equal(scene->server.frames, 1);
    for (int i = 0; i < CLIENTS; i++) {
        struct domi_frame frame;

        RUN_UNTIL(&scene->fixture, client_ended(&scene->clients[i]));
        assert_true(client_frame(&scene->clients[i], &frame));
        assert_int_equal(frame.type, DOMI__FRAME_NOTICE);
        assert_int_equal(scene->clients[i].at, scene->clients[i].size);
    }
}

static void close_in_on_open(struct party *party, struct domi__session *session)
{
    (void)party;
    domi__session_close(session, DOMI_REASON_REFUSED);
}

static void may_be_closed_in_on_open(void **state)
{
    struct scene *scene = *state;
    struct client client;
    struct domi_frame frame;
    uint8_t bytes[64];
    size_t size = DOMI__MAGIC_SIZE;

    scene->server.on_open = close_in_on_open;
    scene->server.has_farewell = true;
    client_open(&client, domi__listener_port(scene->listener));
    domi_put_u32(bytes, DOMI__MAGIC);
    size += numbered_frame(bytes + size, 0, 10);
    client_send(&client, bytes, size);
    RUN_UNTIL(&scene->fixture, client_ended(&client));
    assert_int_equal(scene->server.frames, 0);
    assert_true(client_frame(&client, &frame));
    assert_int_equal(domi_get_u16(frame.data), DOMI_REASON_REFUSED);
    client_close(&client);
}

static void close_next(struct party *party, struct domi__session *session)
{
    struct scene *scene = party->user;

    assert_int_equal(
        domi__session_send(session, FIRST_TYPE, "x", 1, NULL, 0),
        DOMI_E_SESSION_GONE);
    domi__session_close(session, DOMI_REASON_KICKED);
    for (int i = 0; i + 1 < CLIENTS; i++) {
        if (scene->sessions[i] == session) {
            domi__session_close(scene->sessions[i + 1], DOMI_REASON_STOPPING);
        }
    }
}

static void one_may_close_the_next_in_on_close(void **state)
{
    struct scene *scene = *state;

    scene->server.on_close = close_next;
    domi__session_close(scene->sessions[0], DOMI_REASON_STOPPING);
    domi__session_close(scene->sessions[0], DOMI_REASON_KICKED);
    assert_int_equal(scene->server.closed, 0);
    RUN_UNTIL(&scene->fixture, scene->server.closed == CLIENTS);
    assert_int_equal(scene->server.reason, DOMI_REASON_STOPPING);
}

static void who_is_told_to_go_may_still_send(void **state)
{
    struct scene *scene = *state;
    uint8_t bytes[1024];
    size_t size = numbered_frame(bytes, 0, 1000);
    struct domi_frame frame;

    scene->server.has_farewell = true;
    client_send(&scene->clients[0], bytes, size);
    domi__session_close(scene->sessions[0], DOMI_REASON_KICKED);
    fixture_turn_once(&scene->fixture);
    client_send(&scene->clients[0], bytes, size);
    /* Unread bytes would make the kernel cut the farewell off. */
    RUN_UNTIL(&scene->fixture, client_ended(&scene->clients[0]));
    assert_true(client_frame(&scene->clients[0], &frame));
    assert_int_equal(domi_get_u16(frame.data), DOMI_REASON_KICKED);
}

static void handshakes_may_be_closed_alone(void **state)
{
    struct scene *scene = *state;
    struct client client;

    client_open(&client, domi__listener_port(scene->listener));
    RUN_UNTIL(&scene->fixture, scene->server.admitted == CLIENTS + 1);
    domi__handshakes_close(scene->fixture.loop, &scene->server,
                           DOMI_REASON_STOPPING);
    RUN_UNTIL(&scene->fixture, client_ended(&client));
    assert_int_equal(scene->server.closed, 1);
    assert_int_equal(scene->server.reason, DOMI_REASON_STOPPING);
    client_close(&client);
}

int main(void)
{
#define SCENE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        SCENE(loses_nothing_when_each_frame_is_held),
        SCENE(loses_nothing_when_some_frames_are_held),
        SCENE(a_held_session_reads_no_more),
        SCENE(a_held_session_is_not_silent),
        SCENE(what_came_before_the_end_is_handed_on_first),
        SCENE(may_be_paused_and_resumed_in_on_frame),
        SCENE(may_be_paused_in_on_open),
        SCENE(one_may_close_all_whose_events_are_to_come),
        SCENE(may_be_closed_in_on_open),
        SCENE(one_may_close_the_next_in_on_close),
        SCENE(who_is_told_to_go_may_still_send),
        SCENE(handshakes_may_be_closed_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
