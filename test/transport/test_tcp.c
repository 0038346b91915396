/* SPDX-License-Identifier: MIT */
/* Tests of sessions over TCP: handshake, frames in, faults, heartbeats. */
#include "fixture.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "domi/err.h"
#include "frame/frame.h"

#define TURNS_MAX 1000000 /* in which the loop does not wait */

struct scene {
    struct fixture fixture;
    struct party server;
    struct domi__listener *listener;
    struct client client;
};

static int set_up(void **state)
{
    struct scene *scene = calloc(1, sizeof(*scene));

    assert_non_null(scene);
    fixture_init(&scene->fixture);
    party_init(&scene->server, &scene->fixture);
    scene->listener = party_open(&scene->server);
    client_open(&scene->client, domi__listener_port(scene->listener));
    *state = scene;
    return 0;
}

static int tear_down(void **state)
{
    struct scene *scene = *state;

    client_close(&scene->client);
    RUN_UNTIL(&scene->fixture, scene->server.closed == scene->server.admitted);
    listener_end(&scene->fixture, scene->listener);
    fixture_fini(&scene->fixture);
    party_fini(&scene->server);
    free(scene);
    return 0;
}

static void open_session(struct scene *scene)
{
    client_send_magic(&scene->client);
    RUN_UNTIL(&scene->fixture, client_has(&scene->client, DOMI__ID_SIZE));
    assert_int_equal(scene->server.opened, 1);
}

/* ---- handshake ----------------------------------------------------------- */

static void answers_the_magic_with_the_id(void **state)
{
    struct scene *scene = *state;
    char address[DOMI__ADDRESS_SIZE];

    open_session(scene);
    assert_int_equal(scene->client.size, DOMI__ID_SIZE);
    assert_int_equal(domi_get_u64(scene->client.bytes), 1000);
    assert_int_equal(scene->server.session->id, 1000);
    domi__session_address(scene->server.session, address, sizeof(address));
    assert_memory_equal(address, "127.0.0.1:", 10);
}

static void takes_the_magic_byte_by_byte(void **state)
{
    struct scene *scene = *state;
    uint8_t magic[DOMI__MAGIC_SIZE];

    domi_put_u32(magic, DOMI__MAGIC);
    for (size_t i = 0; i < sizeof(magic); i++) {
        assert_int_equal(scene->server.opened, 0);
        client_send(&scene->client, magic + i, 1);
        for (int turn = 0; turn < 4; turn++) {
            fixture_turn_once(&scene->fixture);
        }
    }
    RUN_UNTIL(&scene->fixture, client_has(&scene->client, DOMI__ID_SIZE));
    assert_int_equal(scene->server.opened, 1);
}

static void takes_frames_right_behind_the_magic(void **state)
{
    struct scene *scene = *state;
    uint8_t bytes[256];
    size_t size = DOMI__MAGIC_SIZE;
    size_t frames;

    domi_put_u32(bytes, DOMI__MAGIC);
    size += numbered_frame(bytes + size, 0, 40);
    size += numbered_frame(bytes + size, 1, 4);
    frames = size - DOMI__MAGIC_SIZE;
    client_send(&scene->client, bytes, size);
    RUN_UNTIL(&scene->fixture, scene->server.frames == 2);
    assert_int_equal(scene->server.size, frames);
    assert_memory_equal(scene->server.bytes, bytes + DOMI__MAGIC_SIZE, frames);
}

static void closes_at_a_wrong_magic(void **state)
{
    struct scene *scene = *state;

    scene->server.has_farewell = true;
    client_send(&scene->client, "\xfb\x09", 2);
    RUN_UNTIL(&scene->fixture, client_ended(&scene->client));
    assert_int_equal(scene->client.size, 0);
    assert_int_equal(scene->server.opened, 0);
    assert_int_equal(scene->server.closed, 1);
    assert_int_equal(scene->server.reason, DOMI_REASON_BAD_MAGIC);
}

static void closes_when_the_handshake_takes_too_long(void **state)
{
    struct scene *scene = *state;

    scene->server.limits.handshake_ms = 50;
    client_send(&scene->client, "\xfb", 1);
    RUN_UNTIL(&scene->fixture, client_ended(&scene->client));
    assert_int_equal(scene->server.closed, 1);
    assert_int_equal(scene->server.reason, DOMI_REASON_HANDSHAKE_TIMEOUT);
}

static void refuses_who_is_not_admitted(void **state)
{
    struct scene *scene = *state;

    scene->server.next_id = 0;
    RUN_UNTIL(&scene->fixture, client_ended(&scene->client));
    assert_int_equal(scene->server.closed, 0);
}

/* ---- frames in ----------------------------------------------------------- */

/* Frames of several sizes, one behind the other. */
static size_t some_frames(uint8_t *out)
{
    size_t size = 0;

    size += numbered_frame(out + size, 0, 4);
    size += domi_frame_encode(out + size, FIRST_TYPE + 1, "ab", 2, "c", 1);
    size += domi_frame_encode(out + size, FIRST_TYPE + 2, NULL, 0, NULL, 0);
    size += numbered_frame(out + size, 1, 30);
    return size;
}

static void takes_frames_cut_at_every_byte(void **state)
{
    struct scene *scene = *state;
    uint8_t bytes[256];
    size_t size = some_frames(bytes);

    open_session(scene);
    for (size_t cut = 1; cut < size; cut++) {
        size_t before = scene->server.size;
        unsigned frames = scene->server.frames;

        client_send(&scene->client, bytes, cut);
        fixture_turn_once(&scene->fixture);
        fixture_turn_once(&scene->fixture);
        client_send(&scene->client, bytes + cut, size - cut);
        RUN_UNTIL(&scene->fixture, scene->server.frames == frames + 4);
        assert_memory_equal(scene->server.bytes + before, bytes, size);
    }
    assert_null(scene->server.session->input);
}

static void takes_frames_byte_by_byte(void **state)
{
    struct scene *scene = *state;
    uint8_t bytes[256];
    size_t size = some_frames(bytes);

    open_session(scene);
    for (size_t i = 0; i < size; i++) {
        client_send(&scene->client, bytes + i, 1);
        fixture_turn_once(&scene->fixture);
        fixture_turn_once(&scene->fixture);
    }
    RUN_UNTIL(&scene->fixture, scene->server.frames == 4);
    assert_memory_equal(scene->server.bytes, bytes, size);
}

/* Sends all of it while the loop runs, in pieces of `step` bytes. */
static void stream(struct scene *scene, const uint8_t *bytes, size_t size,
                   size_t step)
{
    size_t sent = 0;

    for (int turns = 0; sent < size; turns++) {
        size_t piece = size - sent < step ? size - sent : step;

        assert_true(turns < TURNS_MAX);
        sent += client_try_send(&scene->client, bytes + sent, piece);
        fixture_turn_once(&scene->fixture);
    }
}

static void takes_large_frames_among_small_ones(void **state)
{
    struct scene *scene = *state;
    const uint32_t large = 1u << 20;
    const size_t steps[] = {1000, 65536, 262144 + 17, 1u << 22};
    uint8_t *bytes = malloc(3 * (large + 100));

    assert_non_null(bytes);
    open_session(scene);
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        size_t before = scene->server.size;
        unsigned frames = scene->server.frames;
        size_t size = numbered_frame(bytes, 0, 20);

        size += numbered_frame(bytes + size, 1, large);
        size += numbered_frame(bytes + size, 2, 33);
        size += numbered_frame(bytes + size, 3, large + 1);
        stream(scene, bytes, size, steps[i]);
        RUN_UNTIL(&scene->fixture, scene->server.frames == frames + 4);
        assert_memory_equal(scene->server.bytes + before, bytes, size);
    }
    free(bytes);
}

/* ---- faults -------------------------------------------------------------- */

/* Sends bytes that must end the session, and checks how it does. */
static void check_fault(struct scene *scene, const uint8_t *bytes, size_t size,
                        enum domi_reason reason)
{
    struct domi_frame frame;

    scene->server.has_farewell = true;
    open_session(scene);
    client_send(&scene->client, bytes, size);
    RUN_UNTIL(&scene->fixture, client_ended(&scene->client));
    assert_int_equal(scene->server.closed, 1);
    assert_int_equal(scene->server.reason, reason);
    assert_int_equal(scene->server.frames, 0);
    assert_true(client_frame(&scene->client, &frame));
    assert_int_equal(frame.type, DOMI__FRAME_NOTICE);
    assert_int_equal(domi_get_u16(frame.data), reason);
    assert_int_equal(scene->client.at, scene->client.size);
}

static void check_length(struct scene *scene, uint32_t length)
{
    uint8_t bytes[64];

    scene->server.limits.frame_limit = 40;
    numbered_frame(bytes, 0, 40);
    domi_put_u32(bytes, length);
    check_fault(scene, bytes, 48, DOMI_REASON_FRAME_LENGTH);
}

static void closes_at_length_0(void **state)
{
    check_length(*state, 0);
}

static void closes_at_length_7(void **state)
{
    check_length(*state, 7);
}

static void closes_at_the_greatest_length(void **state)
{
    check_length(*state, UINT32_MAX);
}

static void closes_above_the_limit(void **state)
{
    check_length(*state, 41);
}

static void closes_at_an_extend_beyond_the_frame(void **state)
{
    uint8_t bytes[64];
    size_t size = numbered_frame(bytes, 0, 10);

    domi_put_u16(bytes + 4, 11);
    check_fault(*state, bytes, size, DOMI_REASON_FRAME_EXTEND);
}

static void closes_at_a_heartbeat_with_a_body(void **state)
{
    uint8_t bytes[64];
    size_t size =
        domi_frame_encode(bytes, DOMI__FRAME_HEARTBEAT, "x", 1, NULL, 0);

    check_fault(*state, bytes, size, DOMI_REASON_BAD_BODY);
}

static void closes_at_exit_and_ignores_what_follows(void **state)
{
    uint8_t bytes[64];
    size_t size = domi_frame_encode(bytes, DOMI__FRAME_EXIT, NULL, 0, NULL, 0);

    size += numbered_frame(bytes + size, 0, 10);
    check_fault(*state, bytes, size, DOMI_REASON_EXIT);
}

static void says_nothing_to_who_has_closed(void **state)
{
    struct scene *scene = *state;

    scene->server.has_farewell = true;
    open_session(scene);
    shutdown(scene->client.fd, SHUT_WR);
    RUN_UNTIL(&scene->fixture, client_ended(&scene->client));
    assert_int_equal(scene->server.reason, DOMI_REASON_PEER_CLOSED);
    assert_int_equal(scene->client.size, DOMI__ID_SIZE);
}

/* ---- heartbeats ---------------------------------------------------------- */

static void answers_a_heartbeat(void **state)
{
    struct scene *scene = *state;
    uint8_t beat[DOMI_FRAME_HEADER];

    open_session(scene);
    domi_frame_encode(beat, DOMI__FRAME_HEARTBEAT, NULL, 0, NULL, 0);
    client_send(&scene->client, beat, sizeof(beat));
    RUN_UNTIL(&scene->fixture,
              client_has(&scene->client, DOMI__ID_SIZE + sizeof(beat)));
    assert_memory_equal(scene->client.bytes + DOMI__ID_SIZE, beat,
                        sizeof(beat));
    assert_int_equal(scene->server.frames, 0);
}

static void closes_who_is_silent(void **state)
{
    struct scene *scene = *state;

    scene->server.limits.silence_ms = 50;
    open_session(scene);
    RUN_UNTIL(&scene->fixture, client_ended(&scene->client));
    assert_int_equal(scene->server.reason, DOMI_REASON_SILENT);
}

static void hears_what_came_while_the_loop_stood_still(void **state)
{
    struct scene *scene = *state;
    uint64_t begin;
    uint8_t bytes[64];
    size_t size = numbered_frame(bytes, 0, 10);

    scene->server.limits.silence_ms = 100;
    open_session(scene);
    client_send(&scene->client, bytes, size);
    begin = uv_hrtime();
    while (uv_hrtime() - begin < 300000000) {
        /* As an application does that keeps the loop's thread to itself. */
    }
    RUN_UNTIL(&scene->fixture,
              scene->server.frames == 1 || scene->server.closed);
    assert_int_equal(scene->server.frames, 1);
}

static void a_dialler_beats_and_both_live(void **state)
{
    struct scene *scene = *state;
    struct party dialler;
    struct domi__listen dial;
    uint64_t begin;

    party_init(&dialler, &scene->fixture);
    dialler.limits.heartbeat_ms = 40;
    dialler.limits.silence_ms = 2000;
    scene->server.limits.silence_ms = 2000;
    dial = party_listen(&dialler, domi__listener_port(scene->listener));
    assert_non_null(domi__tcp_dial(&dial));
    RUN_UNTIL(&scene->fixture, dialler.opened && scene->server.opened);
    assert_true(dialler.session->id >= 1000);
    begin = uv_hrtime();
    RUN_UNTIL(&scene->fixture, uv_hrtime() - begin > 3000000000u);
    assert_int_equal(dialler.closed, 0);
    assert_int_equal(dialler.frames + scene->server.frames, 0);
    domi__session_close(dialler.session, DOMI_REASON_NONE);
    RUN_UNTIL(&scene->fixture, dialler.closed == 1 && !scene->server.session);
    party_fini(&dialler);
}

/* ---- dialling ------------------------------------------------------------ */

static void check_failed_dial(struct scene *scene, const char *host, int port)
{
    struct party dialler;
    struct domi__listen dial;

    party_init(&dialler, &scene->fixture);
    dial = party_listen(&dialler, port);
    dial.host = host;
    assert_non_null(domi__tcp_dial(&dial));
    assert_int_equal(dialler.closed, 0);
    RUN_UNTIL(&scene->fixture, dialler.closed == 1);
    assert_int_equal(dialler.opened, 0);
    assert_int_equal(dialler.reason, DOMI_REASON_SOCKET);
    party_fini(&dialler);
}

static void a_dial_to_a_closed_port_fails(void **state)
{
    struct scene *scene = *state;
    struct domi__listener *other = party_open(&scene->server);
    int port = domi__listener_port(other);

    listener_end(&scene->fixture, other);
    check_failed_dial(scene, "127.0.0.1", port);
}

static void a_dial_that_fails_at_once_leaves_nothing(void **state)
{
    check_failed_dial(*state, "not an address", 1);
}

static void a_paused_dial_still_connects(void **state)
{
    struct scene *scene = *state;
    struct party dialler;
    struct domi__listen dial;
    struct domi__session *session;

    party_init(&dialler, &scene->fixture);
    dial = party_listen(&dialler, domi__listener_port(scene->listener));
    session = domi__tcp_dial(&dial);
    assert_non_null(session);
    domi__session_pause(session);
    RUN_UNTIL(&scene->fixture, scene->server.opened == 1);
    assert_int_equal(dialler.opened, 0);
    domi__session_resume(session);
    RUN_UNTIL(&scene->fixture, dialler.opened == 1);
    domi__session_close(session, DOMI_REASON_NONE);
    RUN_UNTIL(&scene->fixture, dialler.closed == 1);
    party_fini(&dialler);
}

int main(void)
{
#define SCENE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        SCENE(answers_the_magic_with_the_id),
        SCENE(takes_the_magic_byte_by_byte),
        SCENE(takes_frames_right_behind_the_magic),
        SCENE(closes_at_a_wrong_magic),
        SCENE(closes_when_the_handshake_takes_too_long),
        SCENE(refuses_who_is_not_admitted),
        SCENE(takes_frames_cut_at_every_byte),
        SCENE(takes_frames_byte_by_byte),
        SCENE(takes_large_frames_among_small_ones),
        SCENE(closes_at_length_0),
        SCENE(closes_at_length_7),
        SCENE(closes_at_the_greatest_length),
        SCENE(closes_above_the_limit),
        SCENE(closes_at_an_extend_beyond_the_frame),
        SCENE(closes_at_a_heartbeat_with_a_body),
        SCENE(closes_at_exit_and_ignores_what_follows),
        SCENE(says_nothing_to_who_has_closed),
        SCENE(answers_a_heartbeat),
        SCENE(closes_who_is_silent),
        SCENE(hears_what_came_while_the_loop_stood_still),
        SCENE(a_dialler_beats_and_both_live),
        SCENE(a_dial_to_a_closed_port_fails),
        SCENE(a_dial_that_fails_at_once_leaves_nothing),
        SCENE(a_paused_dial_still_connects),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
