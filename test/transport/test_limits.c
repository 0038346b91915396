/* SPDX-License-Identifier: MIT */
/* Tests of what transport bears: descriptors in reserve, and whose fault a
   silence is. */
#include "fixture.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "frame/frame.h"

struct scene {
    struct fixture fixture;
    struct party server;
    struct domi__listener *listener;
    uint64_t surplus;
};

static int set_up(void **state)
{
    struct scene *scene = calloc(1, sizeof(*scene));

    assert_non_null(scene);
    fixture_init(&scene->fixture);
    party_init(&scene->server, &scene->fixture);
    *state = scene;
    return 0;
}

static int tear_down(void **state)
{
    struct scene *scene = *state;

    listener_end(&scene->fixture, scene->listener);
    RUN_UNTIL(&scene->fixture, scene->server.closed == scene->server.admitted);
    fixture_fini(&scene->fixture);
    party_fini(&scene->server);
    free(scene);
    return 0;
}

static void listen_with_surplus(struct scene *scene)
{
    struct domi__listen listen = party_listen(&scene->server, 0);

    listen.surplus = &scene->surplus;
    assert_int_equal(domi__tcp_listen(&scene->listener, &listen), 0);
}

/* As an application does that keeps the loop's thread to itself, or a kernel
   that does not let it run. */
static void stand_still(unsigned ms)
{
    uint64_t begin = uv_hrtime();

    while (uv_hrtime() - begin < ms * UINT64_C(1000000)) {
    }
}

/* ---- descriptors --------------------------------------------------------- */

static void the_last_descriptors_are_kept_for_others(void **state)
{
    enum { LIMIT = 200, CLIENTS = 100, RESERVE = 32 };
    struct scene *scene = *state;
    struct client clients[CLIENTS];
    int others[RESERVE];
    struct rlimit before, limit;
    int count = 0;
    int open_ones;

    listen_with_surplus(scene);
    getrlimit(RLIMIT_NOFILE, &before);
    limit = before;
    limit.rlim_cur = LIMIT;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    /* Until one is closed at once; this process has both ends. */
    while (scene->surplus == 0) {
        assert_in_range(count, 0, CLIENTS - 1);
        client_open(&clients[count], domi__listener_port(scene->listener));
        client_send_magic(&clients[count]);
        count++;
        RUN_UNTIL(&scene->fixture,
                  scene->server.opened + scene->surplus == (unsigned)count);
    }
    RUN_UNTIL(&scene->fixture, client_ended(&clients[count - 1]));
    client_close(&clients[--count]);
    for (open_ones = 0; open_ones < RESERVE - 4; open_ones++) {
        others[open_ones] = open("/dev/null", O_RDONLY | O_CLOEXEC);
        assert_true(others[open_ones] >= 0);
    }
    while (open_ones > 0) {
        close(others[--open_ones]);
    }
    assert_int_equal(scene->server.pauses, 0);
    assert_int_equal(scene->server.closed, 0);
    /* Who goes makes room. */
    client_close(&clients[--count]);
    RUN_UNTIL(&scene->fixture, scene->server.closed == 1);
    client_connect(&clients[count], &scene->server, scene->listener);
    count++;
    setrlimit(RLIMIT_NOFILE, &before);
    while (count > 0) {
        client_close(&clients[--count]);
    }
}

/* ---- whose fault a silence is -------------------------------------------- */

static void a_stop_of_ours_is_not_the_peers_silence(void **state)
{
    struct scene *scene = *state;
    struct client client;
    uint64_t begin;

    scene->server.limits.silence_ms = 800;
    listen_with_surplus(scene);
    client_connect(&client, &scene->server, scene->listener);
    stand_still(1200);
    begin = uv_hrtime();
    RUN_UNTIL(&scene->fixture, scene->server.closed == 1);
    assert_int_equal(scene->server.reason, DOMI_REASON_SILENT);
    /* It had the whole time once more. */
    assert_true(uv_hrtime() - begin > 600 * UINT64_C(1000000));
    client_close(&client);
}

/* The one that stops is the one that asks: who only answers was not asked. */
static void a_peer_that_was_not_asked_is_not_silent(void **state)
{
    struct scene *scene = *state;
    struct party dialler;
    struct domi__listen dial;
    uint64_t begin;

    listen_with_surplus(scene);
    party_init(&dialler, &scene->fixture);
    dialler.limits.heartbeat_ms = 300;
    dialler.limits.silence_ms = 700;
    dial = party_listen(&dialler, domi__listener_port(scene->listener));
    assert_non_null(domi__tcp_dial(&dial));
    RUN_UNTIL(&scene->fixture, dialler.opened && scene->server.opened);
    stand_still(1500);
    begin = uv_hrtime();
    RUN_UNTIL(&scene->fixture,
              dialler.closed || uv_hrtime() - begin > 1500000000);
    assert_int_equal(dialler.closed, 0);
    domi__session_close(dialler.session, DOMI_REASON_NONE);
    RUN_UNTIL(&scene->fixture, dialler.closed && scene->server.closed);
    party_fini(&dialler);
}

/* More than one look at the epoll set returns: whoever has sent something in
   time is heard before anybody is found silent. */
static void all_are_heard_before_one_is_silent(void **state)
{
    enum { CLIENTS = 1200 };
    struct scene *scene = *state;
    struct client *clients = calloc(CLIENTS, sizeof(*clients));
    struct rlimit before, limit;
    uint8_t bytes[64];
    size_t size = numbered_frame(bytes, 0, 10);
    uint64_t begin;

    assert_non_null(clients);
    getrlimit(RLIMIT_NOFILE, &before);
    limit = before;
    limit.rlim_cur = before.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur < 3 * CLIENTS) {
        listen_with_surplus(scene);
        free(clients);
        skip();
    }
    scene->server.limits.silence_ms = 3000;
    listen_with_surplus(scene);
    begin = uv_hrtime();
    for (int i = 0; i < CLIENTS; i++) {
        client_open(&clients[i], domi__listener_port(scene->listener));
        client_send_magic(&clients[i]);
    }
    RUN_UNTIL(&scene->fixture, scene->server.opened == CLIENTS);
    RUN_UNTIL(&scene->fixture, uv_hrtime() - begin > UINT64_C(2700000000));
    for (int i = 0; i < CLIENTS; i++) {
        client_send(&clients[i], bytes, size);
    }
    /* Over the time of most, and so short that it counts. */
    stand_still(450);
    RUN_UNTIL(&scene->fixture,
              scene->server.frames == CLIENTS || scene->server.closed > 0);
    assert_int_equal(scene->server.frames, CLIENTS);
    for (int i = 0; i < CLIENTS; i++) {
        client_close(&clients[i]);
    }
    free(clients);
    setrlimit(RLIMIT_NOFILE, &before);
}

#define SCENE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE(the_last_descriptors_are_kept_for_others),
        SCENE(a_stop_of_ours_is_not_the_peers_silence),
        SCENE(a_peer_that_was_not_asked_is_not_silent),
        SCENE(all_are_heard_before_one_is_silent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
