/* SPDX-License-Identifier: MIT */
/* Tests of transport when memory is short: each allocation fails in turn, and
   whatever was begun still ends. Linked so that allocations are met here. */
#include "fixture.h"

#include <stdlib.h>
#include <string.h>

#include "domi/err.h"
#include "frame/frame.h"
#include "transport/queue.h"

#define NEVER UINT32_MAX

static uint32_t left = NEVER; /* allocations until one fails */
static bool failed;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);

static bool must_fail(void)
{
    if (left == NEVER || left-- > 0) {
        return false;
    }
    left = NEVER;
    failed = true;
    return true;
}

void *__wrap_malloc(size_t size)
{
    return must_fail() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return must_fail() ? NULL : __real_calloc(count, size);
}

struct scene {
    struct fixture fixture;
    struct party server;
    struct party dialler;
    struct domi__batch batch;
};

static int set_up(void **state)
{
    struct scene *scene = calloc(1, sizeof(*scene));

    assert_non_null(scene);
    *state = scene;
    return 0;
}

static int tear_down(void **state)
{
    free(*state);
    return 0;
}

static void begin(struct scene *scene)
{
    memset(scene, 0, sizeof(*scene));
    fixture_init(&scene->fixture);
    party_init(&scene->server, &scene->fixture);
    party_init(&scene->dialler, &scene->fixture);
    scene->server.has_farewell = true;
    failed = false;
}

static void end(struct scene *scene)
{
    left = NEVER;
    domi__batch_fini(scene->fixture.loop, &scene->batch);
    if (scene->server.session) {
        domi__session_close(scene->server.session, DOMI_REASON_NONE);
    }
    fixture_fini(&scene->fixture);
    assert_int_equal(scene->server.admitted, scene->server.closed);
    party_fini(&scene->server);
    party_fini(&scene->dialler);
}

/* Frames of all sizes from the server, to one and shared; fewer come when an
   allocation fails. */
static void talk(struct scene *scene)
{
    static uint8_t data[40000];
    struct domi__session *session = scene->server.session;
    struct domi__fanout fanout;
    int sent = 0;

    for (int i = 0; i < 30 && session; i++) {
        uint32_t size = i % 10 == 9 ? 40000 : (uint32_t)i;
        int err;

        domi__fanout_init(&fanout, scene->fixture.loop, &scene->batch,
                          FIRST_TYPE, data, size);
        err = domi__fanout_send(&fanout, session);
        assert_true(err == 0 || err == UV_ENOMEM || err == DOMI_E_SESSION_GONE);
        sent += err == 0;
        err = domi__session_send(session, FIRST_TYPE, data, size, NULL, 0);
        assert_true(err == 0 || err == UV_ENOMEM || err == DOMI_E_SESSION_GONE);
        sent += err == 0;
    }
    RUN_UNTIL(&scene->fixture, (int)scene->dialler.frames == sent ||
                                   !scene->server.session ||
                                   !scene->dialler.session);
}

static void over_tcp(struct scene *scene)
{
    struct domi__listen listen = party_listen(&scene->server, 0);
    struct domi__listen dial = party_listen(&scene->dialler, 0);
    struct domi__listener *listener;
    int err = domi__tcp_listen(&listener, &listen);

    if (err) {
        assert_int_equal(err, UV_ENOMEM);
        return;
    }
    dial.port = domi__listener_port(listener);
    if (domi__tcp_dial(&dial)) {
        RUN_UNTIL(&scene->fixture,
                  (scene->dialler.session && scene->server.session) ||
                      scene->dialler.closed > 0);
        talk(scene);
    }
    left = NEVER;
    listener_end(&scene->fixture, listener);
}

static void over_memory(struct scene *scene)
{
    struct domi__listen dial = party_listen(&scene->dialler, 0);
    struct domi__memory_port port = party_port(&scene->server);

    if (domi__memory_dial(&dial, &port)) {
        RUN_UNTIL(&scene->fixture,
                  (scene->dialler.session && scene->server.session) ||
                      scene->dialler.closed > 0);
        talk(scene);
    }
}

/* Repeats `act` with the first, the second, ... allocation failing, until
   there are no more of them. */
static void check_each(struct scene *scene, void (*act)(struct scene *scene))
{
    uint32_t count = 0;

    do {
        begin(scene);
        left = count++;
        act(scene);
        end(scene);
    } while (failed);
    assert_true(count > 10);
}

static void sessions_over_tcp_end_well(void **state)
{
    check_each(*state, over_tcp);
}

static void sessions_over_memory_end_well(void **state)
{
    check_each(*state, over_memory);
}

static void on_put(void *user)
{
    *(bool *)user = true;
}

static void a_loop_is_shared_or_not(void **state)
{
    uv_loop_t uv;
    uint32_t count = 0;

    (void)state;
    do {
        struct domi__loop *loop;
        bool put = false;

        assert_int_equal(uv_loop_init(&uv), 0);
        failed = false;
        left = count++;
        loop = domi__loop_get(&uv);
        left = NEVER;
        assert_int_equal(loop == NULL, failed);
        if (loop) {
            domi__loop_put(loop, on_put, &put);
        }
        uv_run(&uv, UV_RUN_DEFAULT);
        assert_int_equal(put, loop != NULL);
        assert_int_equal(uv_loop_close(&uv), 0);
    } while (failed);
    assert_int_equal(count, 4);
}

int main(void)
{
#define SCENE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        SCENE(sessions_over_tcp_end_well),
        SCENE(sessions_over_memory_end_well),
        SCENE(a_loop_is_shared_or_not),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
