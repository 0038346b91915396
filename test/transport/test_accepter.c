/* SPDX-License-Identifier: MIT */
/* Tests of listening: addresses, want of descriptors, closing with
   connections that wait. */
#include "fixture.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "domi/err.h"
#include "frame/frame.h"

#define CLIENTS 10

struct scene {
    struct fixture fixture;
    struct party server;
    struct client clients[CLIENTS];
    struct domi__listener *listener;
    bool closed;
};

static int set_up(void **state)
{
    struct scene *scene = calloc(1, sizeof(*scene));

    assert_non_null(scene);
    fixture_init(&scene->fixture);
    party_init(&scene->server, &scene->fixture);
    scene->server.user = scene;
    *state = scene;
    return 0;
}

static int tear_down(void **state)
{
    struct scene *scene = *state;

    RUN_UNTIL(&scene->fixture, scene->server.closed == scene->server.admitted);
    fixture_fini(&scene->fixture);
    party_fini(&scene->server);
    free(scene);
    return 0;
}

static void open_clients(struct scene *scene)
{
    for (int i = 0; i < CLIENTS; i++) {
        client_open(&scene->clients[i], domi__listener_port(scene->listener));
        client_send_magic(&scene->clients[i]);
    }
}

static void close_clients(struct scene *scene)
{
    for (int i = 0; i < CLIENTS; i++) {
        client_close(&scene->clients[i]);
    }
}

/* ---- addresses ----------------------------------------------------------- */

static void a_taken_port_is_an_error(void **state)
{
    struct scene *scene = *state;
    struct domi__listener *first = party_open(&scene->server);
    struct domi__listen listen =
        party_listen(&scene->server, domi__listener_port(first));
    struct domi__listener *second = NULL;

    assert_int_equal(domi__tcp_listen(&second, &listen), UV_EADDRINUSE);
    assert_null(second);
    listener_end(&scene->fixture, first);
}

static void a_bad_address_is_an_error(void **state)
{
    struct scene *scene = *state;
    struct domi__listen listen = party_listen(&scene->server, 0);
    struct domi__listener *listener = NULL;

    listen.host = "localhost";
    assert_int_equal(domi__tcp_listen(&listener, &listen), UV_EINVAL);
    listen.host = "1:2:3";
    assert_int_equal(domi__tcp_listen(&listener, &listen), UV_EINVAL);
}

static void listens_and_dials_over_ipv6(void **state)
{
    struct scene *scene = *state;
    struct domi__listen listen = party_listen(&scene->server, 0);
    struct party dialler;
    char address[DOMI__ADDRESS_SIZE];

    listen.host = "::1";
    if (domi__tcp_listen(&scene->listener, &listen) != 0) {
        skip(); /* a system without IPv6 */
    }
    party_init(&dialler, &scene->fixture);
    listen = party_listen(&dialler, domi__listener_port(scene->listener));
    listen.host = "::1";
    assert_non_null(domi__tcp_dial(&listen));
    RUN_UNTIL(&scene->fixture, dialler.opened == 1);
    domi__session_address(scene->server.session, address, sizeof(address));
    assert_memory_equal(address, "[::1]:", 6);
    domi__session_close(dialler.session, DOMI_REASON_NONE);
    RUN_UNTIL(&scene->fixture, dialler.closed && scene->server.closed);
    listener_end(&scene->fixture, scene->listener);
    party_fini(&dialler);
}

/* ---- want of descriptors ------------------------------------------------- */

/* Lets the process have no more descriptors than it has now. */
static rlim_t forbid_descriptors(void)
{
    struct rlimit limit;
    rlim_t before;
    int free_one = dup(0);

    assert_true(free_one >= 0);
    close(free_one);
    getrlimit(RLIMIT_NOFILE, &limit);
    before = limit.rlim_cur;
    limit.rlim_cur = (rlim_t)free_one;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    return before;
}

static void allow_descriptors(rlim_t before)
{
    struct rlimit limit;

    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = before;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static void pauses_for_want_of_descriptors_and_goes_on(void **state)
{
    struct scene *scene = *state;
    uint64_t begin = uv_hrtime();
    rlim_t before;

    scene->listener = party_open(&scene->server);
    open_clients(scene);
    before = forbid_descriptors();
    RUN_UNTIL(&scene->fixture, scene->server.pauses == 1);
    /* Several tries later it is still one pause, reported once. */
    RUN_UNTIL(&scene->fixture, uv_hrtime() - begin > 500000000);
    assert_int_equal(scene->server.pauses, 1);
    assert_int_equal(scene->fixture.lines, 1);
    assert_int_equal(scene->server.admitted, 0);
    allow_descriptors(before);
    RUN_UNTIL(&scene->fixture, scene->server.opened == CLIENTS);
    assert_int_equal(scene->fixture.lines, 2);
    close_clients(scene);
    RUN_UNTIL(&scene->fixture, scene->server.closed == CLIENTS);

    open_clients(scene);
    before = forbid_descriptors();
    RUN_UNTIL(&scene->fixture, scene->server.pauses == 2);
    allow_descriptors(before);
    RUN_UNTIL(&scene->fixture, scene->server.opened == 2 * CLIENTS);
    close_clients(scene);
    listener_end(&scene->fixture, scene->listener);
}

/* Who gave up while it waited is met, and gone at once; each want counts. */
static void counts_each_pause(void **state)
{
    struct scene *scene = *state;
    struct domi__listener *listener = party_open(&scene->server);
    struct client client;
    rlim_t before;

    for (unsigned pauses = 1; pauses < 4; pauses++) {
        const struct linger reset = {.l_onoff = 1, .l_linger = 0};

        client_open(&client, domi__listener_port(listener));
        before = forbid_descriptors();
        RUN_UNTIL(&scene->fixture, scene->server.pauses == pauses);
        allow_descriptors(before);
        setsockopt(client.fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
        client_close(&client);
        RUN_UNTIL(&scene->fixture, scene->fixture.lines == 2 * pauses);
        RUN_UNTIL(&scene->fixture,
                  scene->server.closed == scene->server.admitted);
    }
    listener_end(&scene->fixture, listener);
}

static void may_be_closed_while_it_pauses(void **state)
{
    struct scene *scene = *state;
    rlim_t before;

    scene->listener = party_open(&scene->server);
    open_clients(scene);
    before = forbid_descriptors();
    RUN_UNTIL(&scene->fixture, scene->server.pauses == 1);
    allow_descriptors(before);
    listener_end(&scene->fixture, scene->listener);
    for (int i = 0; i < CLIENTS; i++) {
        RUN_UNTIL(&scene->fixture, client_ended(&scene->clients[i]));
    }
    close_clients(scene);
    assert_int_equal(scene->server.admitted, 0);
}

/* ---- closing ------------------------------------------------------------- */

static void cuts_those_who_wait_when_it_is_closed(void **state)
{
    struct scene *scene = *state;

    scene->listener = party_open(&scene->server);
    open_clients(scene);
    listener_end(&scene->fixture, scene->listener);
    for (int i = 0; i < CLIENTS; i++) {
        RUN_UNTIL(&scene->fixture, client_ended(&scene->clients[i]));
    }
    close_clients(scene);
}

static void its_sessions_outlive_it(void **state)
{
    struct scene *scene = *state;
    uint8_t bytes[64];

    scene->listener = party_open(&scene->server);
    open_clients(scene);
    RUN_UNTIL(&scene->fixture, scene->server.opened == CLIENTS);
    listener_end(&scene->fixture, scene->listener);
    assert_int_equal(scene->server.closed, 0);
    for (int i = 0; i < CLIENTS; i++) {
        client_send(&scene->clients[i], bytes, numbered_frame(bytes, 0, 10));
    }
    RUN_UNTIL(&scene->fixture, scene->server.frames == CLIENTS);
    close_clients(scene);
}

static void on_closed(void *user)
{
    ((struct scene *)user)->closed = true;
}

static void close_the_listener(struct party *party,
                               struct domi__session *session)
{
    struct scene *scene = party->user;

    (void)session;
    if (scene->listener) {
        domi__listener_close(scene->listener, on_closed, scene);
        scene->listener = NULL;
    }
}

static void may_be_closed_in_on_open(void **state)
{
    struct scene *scene = *state;

    scene->listener = party_open(&scene->server);
    scene->server.on_open = close_the_listener;
    open_clients(scene);
    RUN_UNTIL(&scene->fixture, scene->closed);
    for (int i = 0; i < CLIENTS; i++) {
        RUN_UNTIL(&scene->fixture, client_ended(&scene->clients[i]) ||
                                       client_has(&scene->clients[i], 8));
    }
    close_clients(scene);
}

int main(void)
{
#define SCENE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        SCENE(a_taken_port_is_an_error),
        SCENE(a_bad_address_is_an_error),
        SCENE(listens_and_dials_over_ipv6),
        SCENE(pauses_for_want_of_descriptors_and_goes_on),
        SCENE(counts_each_pause),
        SCENE(may_be_closed_while_it_pauses),
        SCENE(cuts_those_who_wait_when_it_is_closed),
        SCENE(its_sessions_outlive_it),
        SCENE(may_be_closed_in_on_open),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
