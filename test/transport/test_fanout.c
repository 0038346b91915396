/* SPDX-License-Identifier: MIT */
/* Tests of frames for many sessions: order, shared bytes, and one write per
   session and turn. Linked so that send and sendmsg are counted here. */
#include "fixture.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "domi/err.h"
#include "frame/frame.h"
#include "transport/queue.h"

#define CLIENTS 40

static unsigned writes; /* of the whole process */

ssize_t __real_send(int fd, const void *bytes, size_t size, int flags);
ssize_t __real_sendmsg(int fd, const struct msghdr *message, int flags);
ssize_t __wrap_send(int fd, const void *bytes, size_t size, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags);

ssize_t __wrap_send(int fd, const void *bytes, size_t size, int flags)
{
    writes++;
    return __real_send(fd, bytes, size, flags);
}

ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags)
{
    writes++;
    return __real_sendmsg(fd, message, flags);
}

struct scene {
    struct fixture fixture;
    struct party server;
    struct domi__listener *listener;
    struct client clients[CLIENTS];
    struct domi__session *sessions[CLIENTS];
    struct domi__batch batch;
    uint32_t number;
};

static int set_up(void **state)
{
    struct scene *scene = calloc(1, sizeof(*scene));

    assert_non_null(scene);
    fixture_init(&scene->fixture);
    party_init(&scene->server, &scene->fixture);
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

/* Sends one frame to all. */
static void broadcast(struct scene *scene, uint32_t size)
{
    uint8_t *frame = malloc(DOMI_FRAME_HEADER + size);
    struct domi__fanout fanout;

    assert_non_null(frame);
    numbered_frame(frame, scene->number++, size);
    domi__fanout_init(&fanout, scene->fixture.loop, &scene->batch, FIRST_TYPE,
                      frame + DOMI_FRAME_HEADER, size);
    for (int i = 0; i < CLIENTS; i++) {
        assert_int_equal(domi__fanout_send(&fanout, scene->sessions[i]), 0);
    }
    free(frame);
}

/* Client `i` must be sent the next frame, and that is `number`. */
static void check_next(struct scene *scene, int i, uint32_t number)
{
    struct domi_frame frame;

    RUN_UNTIL(&scene->fixture, client_frame(&scene->clients[i], &frame));
    assert_int_equal(number_of(&frame), number);
}

static void keeps_order_with_frames_to_one(void **state)
{
    struct scene *scene = *state;
    const uint32_t sizes[] = {4, 10, 300, 3990, 5000, 17000, 100000, 8};
    const uint32_t lone = 1000000;

    for (int turn = 0; turn < 3; turn++) {
        uint32_t first = scene->number;

        for (size_t i = 0; i < 8; i++) {
            int one = (int)(scene->number % CLIENTS);

            assert_int_equal(send_numbered(scene->sessions[one], lone, 50), 0);
            broadcast(scene, sizes[i]);
            assert_int_equal(send_numbered(scene->sessions[one], lone, 6), 0);
        }
        for (int i = 0; i < CLIENTS; i++) {
            for (uint32_t number = first; number < scene->number; number++) {
                if (number % CLIENTS == (uint32_t)i) {
                    check_next(scene, i, lone);
                }
                check_next(scene, i, number);
                if (number % CLIENTS == (uint32_t)i) {
                    check_next(scene, i, lone);
                }
            }
        }
    }
}

static void all_share_the_same_bytes(void **state)
{
    struct scene *scene = *state;
    struct domi__buffer *buffer;

    broadcast(scene, 100);
    broadcast(scene, 100);
    buffer = scene->batch.plain;
    assert_non_null(buffer);
    assert_int_equal(buffer->refs, 1 + CLIENTS);
    assert_int_equal(buffer->used, 2 * 108);
    for (int i = 0; i < CLIENTS; i++) {
        const struct domi__queue *queue = scene->sessions[i]->queue;

        assert_int_equal(queue->count, 1);
        assert_ptr_equal(queue->pieces[queue->head].buffer, buffer);
    }
    for (int i = 0; i < CLIENTS; i++) {
        check_next(scene, i, 0);
        check_next(scene, i, 1);
    }
    assert_null(scene->batch.plain);
}

static void writes_once_per_session_and_turn(void **state)
{
    struct scene *scene = *state;

    for (int i = 0; i < 20; i++) {
        broadcast(scene, 60);
        for (int j = 0; j < CLIENTS; j++) {
            assert_int_equal(send_numbered(scene->sessions[j], 0, 20), 0);
        }
    }
    writes = 0;
    fixture_turn_once(&scene->fixture);
    assert_int_equal(writes, CLIENTS);
    fixture_turn_once(&scene->fixture);
    assert_int_equal(writes, CLIENTS);
    for (int i = 0; i < CLIENTS; i++) {
        RUN_UNTIL(&scene->fixture,
                  client_has(&scene->clients[i],
                             DOMI__ID_SIZE + 20 * (68 + 28)));
    }
}

static bool answer(struct party *party, struct domi__session *session,
                   const struct domi_frame *frame)
{
    (void)party;
    assert_int_equal(domi__session_send(session, frame->type, frame->data,
                                        frame->data_size, NULL, 0),
                     0);
    return true;
}

static void answers_a_batch_of_frames_by_one_write(void **state)
{
    struct scene *scene = *state;
    uint8_t bytes[100 * 18];
    size_t size = 0;

    scene->server.on_frame = answer;
    for (uint32_t i = 0; i < 100; i++) {
        size += numbered_frame(bytes + size, i, 10);
    }
    client_send(&scene->clients[0], bytes, size);
    writes = 0;
    for (uint32_t i = 0; i < 100; i++) {
        check_next(scene, 0, i);
    }
    assert_int_equal(writes, 1);
}

static void greet(struct party *party, struct domi__session *session)
{
    (void)party;
    send_numbered(session, 7, 10);
}

static void greets_by_one_write_with_the_id(void **state)
{
    struct scene *scene = *state;
    struct client client;

    scene->server.on_open = greet;
    client_open(&client, domi__listener_port(scene->listener));
    client_send_magic(&client);
    writes = 0;
    RUN_UNTIL(&scene->fixture, client_has(&client, DOMI__ID_SIZE + 18));
    assert_int_equal(writes, 1);
    client_close(&client);
}

/* A session whose socket takes nothing keeps no part of a shared buffer that
   is larger than what it waits with. */
static void who_waits_keeps_copies(void **state)
{
    struct scene *scene = *state;
    struct domi__session *slow = scene->sessions[0];
    uint32_t first;

    fixture_wait(&scene->fixture);
    while (!slow->blocked) {
        broadcast(scene, 100000);
        fixture_turn(&scene->fixture, "blocked", __FILE__, __LINE__);
        for (int i = 1; i < CLIENTS; i++) {
            check_next(scene, i, scene->number - 1);
        }
    }
    first = scene->number;
    for (int i = 0; i < 10; i++) {
        broadcast(scene, 20);
    }
    assert_int_equal(scene->batch.plain->refs, CLIENTS);
    for (int i = 0; i < CLIENTS; i++) {
        for (uint32_t n = i == 0 ? 0 : first; n < scene->number; n++) {
            check_next(scene, i, n);
        }
    }
}

static void passes_over_who_is_closed(void **state)
{
    struct scene *scene = *state;
    struct domi__fanout fanout;

    domi__session_close(scene->sessions[3], DOMI_REASON_KICKED);
    domi__fanout_init(&fanout, scene->fixture.loop, &scene->batch, FIRST_TYPE,
                      "abcd", 4);
    assert_int_equal(domi__fanout_send(&fanout, scene->sessions[3]),
                     DOMI_E_SESSION_GONE);
    assert_int_equal(domi__fanout_send(&fanout, scene->sessions[4]), 0);
    RUN_UNTIL(&scene->fixture,
              client_has(&scene->clients[4], DOMI__ID_SIZE + 12));
    RUN_UNTIL(&scene->fixture, client_ended(&scene->clients[3]));
    assert_int_equal(scene->clients[3].size, DOMI__ID_SIZE);
}

int main(void)
{
#define SCENE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        SCENE(keeps_order_with_frames_to_one),
        SCENE(all_share_the_same_bytes),
        SCENE(writes_once_per_session_and_turn),
        SCENE(answers_a_batch_of_frames_by_one_write),
        SCENE(greets_by_one_write_with_the_id),
        SCENE(who_waits_keeps_copies),
        SCENE(passes_over_who_is_closed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
