/* SPDX-License-Identifier: MIT */
/* Tests of what waits to be sent, on a kind of session that takes as many
   bytes as a test allows, so that frames are cut anywhere. */
#include "fixture.h"

#include <stdlib.h>
#include <string.h>

#include "domi/err.h"
#include "frame/frame.h"
#include "transport/queue.h"

#define LIMIT 4000u

struct scene {
    struct fixture fixture;
    struct party party;
    struct domi__batch batch;
    struct domi__session *session;
    size_t allowance; /* bytes that the peer still takes */
    uint8_t out[1u << 20];
    size_t out_size;
    uint32_t number; /* of the next frame */
    uint32_t sent;   /* frames that a send took */
};

static struct scene *scene_of(const struct domi__session *session)
{
    return ((struct party *)session->arg)->user;
}

static void flush(struct domi__session *session)
{
    struct scene *scene = scene_of(session);
    struct iovec pieces[3];
    size_t size;

    while (session->queue && scene->allowance > 0) {
        int count = domi__session_pieces(session, pieces, 3, &size);
        size_t taken = 0;

        for (int i = 0; i < count && taken < scene->allowance; i++) {
            size_t part = pieces[i].iov_len;

            if (part > scene->allowance - taken) {
                part = scene->allowance - taken;
            }
            assert_true(scene->out_size + part <= sizeof(scene->out));
            memcpy(scene->out + scene->out_size, pieces[i].iov_base, part);
            scene->out_size += part;
            taken += part;
        }
        scene->allowance -= taken;
        domi__session_sent(session, taken);
    }
    session->blocked = session->queue != NULL;
    if (session->blocked) {
        domi__queue_pack(session);
    }
}

static void ignore(struct domi__session *session)
{
    (void)session;
}

static void shut(struct domi__session *session, bool linger)
{
    (void)linger;
    domi__session_gone(session);
}

static const struct domi__transport plain = {
    .name = "plain",
    .flush = flush,
    .pause = ignore,
    .resume = ignore,
    .shut = shut,
};

static const struct domi__transport websocket = {
    .name = "websocket",
    .is_websocket = true,
    .flush = flush,
    .pause = ignore,
    .resume = ignore,
    .shut = shut,
};

static void open_session(struct scene *scene,
                         const struct domi__transport *transport)
{
    struct domi__listen listen = party_listen(&scene->party, 0);

    scene->session = domi__session_new(transport, &listen, 1);
    assert_non_null(scene->session);
    domi__session_opened(scene->session);
}

static int set_up(void **state)
{
    struct scene *scene = calloc(1, sizeof(*scene));

    assert_non_null(scene);
    fixture_init(&scene->fixture);
    party_init(&scene->party, &scene->fixture);
    scene->party.limits.send_limit = LIMIT;
    scene->party.user = scene;
    *state = scene;
    return 0;
}

static int tear_down(void **state)
{
    struct scene *scene = *state;

    domi__batch_fini(scene->fixture.loop, &scene->batch);
    if (scene->party.session) {
        domi__session_close(scene->session, DOMI_REASON_NONE);
    }
    fixture_fini(&scene->fixture);
    party_fini(&scene->party);
    free(scene);
    return 0;
}

/* Lets the peer take `size` bytes, and turns the loop. */
static void let(struct scene *scene, size_t size)
{
    scene->allowance = size;
    if (scene->session->blocked) {
        flush(scene->session);
    }
    fixture_turn_once(&scene->fixture);
    fixture_turn_once(&scene->fixture);
}

/* The bound holds after each send; a farewell alone may go beyond it. */
static void check_bound(const struct scene *scene)
{
    size_t farewell = scene->session->state == DOMI__SESSION_OPEN ? 0 : 256;

    assert_true(domi__session_queued(scene->session) <= LIMIT + farewell);
}

static int send_next(struct scene *scene, uint32_t size)
{
    int err = send_numbered(scene->session, scene->number++, size);

    check_bound(scene);
    scene->sent += err == 0;
    return err;
}

static int share_next(struct scene *scene, uint32_t size)
{
    uint8_t frame[DOMI_FRAME_HEADER + LIMIT];
    struct domi__fanout fanout;
    int err;

    numbered_frame(frame, scene->number++, size);
    domi__fanout_init(&fanout, scene->fixture.loop, &scene->batch, FIRST_TYPE,
                      frame + DOMI_FRAME_HEADER, size);
    err = domi__fanout_send(&fanout, scene->session);
    check_bound(scene);
    scene->sent += err == 0;
    return err;
}

/* Behind a WebSocket header, or the bytes themselves. */
static const uint8_t *unwrap(const struct domi__session *session,
                             const uint8_t *at, size_t *frame)
{
    if (!session->transport->is_websocket) {
        *frame = domi_get_u32(at);
        return at;
    }
    assert_int_equal(at[0], 0x82);
    *frame = at[1];
    if (at[1] == 126) {
        *frame = (size_t)at[2] << 8 | at[3];
        return at + 4;
    }
    assert_true(at[1] < 126);
    return at + 2;
}

/* All that the peer has taken must be whole frames with rising numbers.
   Returns how many; `*last` is the last number. */
static uint32_t check_out(const struct scene *scene, uint32_t *last)
{
    const uint8_t *at = scene->out;
    const uint8_t *end = at + scene->out_size;
    uint32_t count = 0;

    while (at < end) {
        struct domi_frame frame;
        size_t size;
        ssize_t n;

        at = unwrap(scene->session, at, &size);
        n = domi_frame_decode(at, (size_t)(end - at), LIMIT + 100, &frame);
        assert_int_equal(n, size);
        assert_true(count == 0 || number_of(&frame) > *last);
        *last = number_of(&frame);
        at += n;
        count++;
    }
    return count;
}

static const struct domi__transport *const kinds[] = {&plain, &websocket};

/* Sends of all sizes, alone and shared, while the peer takes any number of
   bytes; what comes out is what was sent less what was dropped. */
static void check_policy(struct scene *scene, enum domi_send_policy policy,
                         const struct domi__transport *transport)
{
    uint32_t last = 0;

    scene->party.limits.send_policy = policy;
    open_session(scene, transport);
    srand(7);
    for (int i = 0; i < 4000; i++) {
        uint32_t size = 4 + (uint32_t)(rand() % (rand() % 8 ? 60 : 1500));

        if (rand() % 3) {
            send_next(scene, size);
        } else {
            share_next(scene, size);
        }
        if (rand() % 8 == 0) {
            let(scene, (size_t)(rand() % 1000));
        }
        if (scene->out_size > sizeof(scene->out) - 10000) {
            break;
        }
    }
    let(scene, SIZE_MAX);
    assert_int_equal(domi__session_queued(scene->session), 0);
    assert_true(scene->party.dropped > 100);
    assert_int_equal(check_out(scene, &last) + scene->party.dropped,
                     scene->number);
    if (policy == DOMI_SEND_DROP_NEWEST) {
        assert_int_equal(scene->sent + scene->party.dropped, scene->number);
    }
}

static void drops_the_newest(void **state)
{
    check_policy(*state, DOMI_SEND_DROP_NEWEST, kinds[0]);
}

static void drops_the_oldest(void **state)
{
    check_policy(*state, DOMI_SEND_DROP_OLDEST, kinds[0]);
}

static void drops_the_newest_of_websocket(void **state)
{
    check_policy(*state, DOMI_SEND_DROP_NEWEST, kinds[1]);
}

static void drops_the_oldest_of_websocket(void **state)
{
    check_policy(*state, DOMI_SEND_DROP_OLDEST, kinds[1]);
}

/* A queue that is full but for a few bytes, behind a frame that was cut at
   each of its bytes in turn. */
static void keeps_a_frame_that_was_begun(void **state)
{
    struct scene *scene = *state;

    scene->party.limits.send_policy = DOMI_SEND_DROP_OLDEST;
    for (size_t cut = 1; cut < 108; cut++) {
        uint32_t last = 0;

        scene->party.dropped = 0;
        scene->number = 0;
        scene->out_size = 0;
        open_session(scene, &plain);
        while (domi__session_queued(scene->session) + 108 <= LIMIT) {
            send_next(scene, 100);
        }
        let(scene, cut);
        assert_int_equal(scene->session->queue->unsent, 108 - cut);
        for (int i = 0; i < 100; i++) {
            assert_int_equal(send_next(scene, 100), 0);
        }
        let(scene, SIZE_MAX);
        assert_int_equal(check_out(scene, &last) + scene->party.dropped,
                         scene->number);
        assert_int_equal(last, scene->number - 1);
        assert_int_equal(scene->out[DOMI_FRAME_HEADER], 0);
        domi__session_close(scene->session, DOMI_REASON_NONE);
        RUN_UNTIL(&scene->fixture, !scene->party.session);
    }
}

/* Where nothing that may be dropped makes room, nothing is dropped for it. */
static void drops_nothing_in_vain(void **state)
{
    struct scene *scene = *state;
    uint32_t last = 0;

    scene->party.limits.send_policy = DOMI_SEND_DROP_OLDEST;
    open_session(scene, &plain);
    assert_int_equal(send_next(scene, 3000), 0);
    assert_int_equal(send_next(scene, 500), 0);
    let(scene, 10);
    assert_int_equal(send_next(scene, 3000), DOMI_E_QUEUE_FULL);
    assert_int_equal(scene->party.dropped, 1);
    let(scene, SIZE_MAX);
    assert_int_equal(check_out(scene, &last), 2);
    assert_int_equal(last, 1);
}

static void refuses_a_frame_above_the_limit(void **state)
{
    struct scene *scene = *state;

    scene->party.limits.send_policy = DOMI_SEND_DROP_OLDEST;
    open_session(scene, &plain);
    assert_int_equal(send_next(scene, 100), 0);
    assert_int_equal(send_next(scene, LIMIT), DOMI_E_QUEUE_FULL);
    assert_int_equal(scene->party.dropped, 1);
    assert_int_equal(domi__session_queued(scene->session), 108);
}

static void closes_when_full(void **state)
{
    struct scene *scene = *state;
    uint32_t last = 0;

    open_session(scene, &plain);
    scene->party.has_farewell = true;
    while (send_next(scene, 100) == 0) {
    }
    assert_int_equal(scene->party.closed, 0);
    assert_int_equal(send_next(scene, 100), DOMI_E_SESSION_GONE);
    RUN_UNTIL(&scene->fixture, scene->party.closed == 1);
    assert_int_equal(scene->party.reason, DOMI_REASON_QUEUE_FULL);
    assert_int_equal(check_out(scene, &last), 0);
}

static void close_session(struct party *party, struct domi__session *session)
{
    (void)party;
    domi__session_close(session, DOMI_REASON_KICKED);
}

/* An owner that closes in on_drop: nothing may follow the farewell. */
static void sends_nothing_after_a_close_in_on_drop(void **state)
{
    struct scene *scene = *state;
    struct domi_frame frame;
    size_t at = 0;
    ssize_t n;

    scene->party.limits.send_policy = DOMI_SEND_DROP_OLDEST;
    scene->party.has_farewell = true;
    scene->party.on_drop = close_session;
    open_session(scene, &plain);
    while (send_next(scene, 100) == 0) {
    }
    assert_int_equal(send_next(scene, 100), DOMI_E_SESSION_GONE);
    scene->session->blocked = false;
    scene->allowance = SIZE_MAX;
    RUN_UNTIL(&scene->fixture, scene->party.closed == 1);
    while (at < scene->out_size) {
        n = domi_frame_decode(scene->out + at, scene->out_size - at, LIMIT,
                              &frame);
        assert_true(n > 0);
        at += (size_t)n;
    }
    assert_int_equal(frame.type, DOMI__FRAME_NOTICE);
}

/* ---- high and low -------------------------------------------------------- */

static void tells_once_when_it_is_low_again(void **state)
{
    struct scene *scene = *state;

    open_session(scene, &plain);
    while (!domi__session_is_high(scene->session)) {
        assert_true(domi__session_queued(scene->session) <= LIMIT / 2);
        send_next(scene, 92);
    }
    let(scene, 900);
    assert_true(domi__session_is_high(scene->session));
    assert_int_equal(scene->party.lows, 0);
    let(scene, 200);
    assert_int_equal(scene->party.lows, 1);
    assert_false(domi__session_is_high(scene->session));
    let(scene, SIZE_MAX);
    assert_int_equal(scene->party.lows, 1);
}

/* A send that flushes to make room empties the queue, but the owner hears of
   it only after the send. */
static void never_tells_in_a_send(void **state)
{
    struct scene *scene = *state;

    open_session(scene, &plain);
    while (domi__session_queued(scene->session) + 100 <= LIMIT) {
        send_next(scene, 92);
    }
    assert_true(domi__session_is_high(scene->session));
    scene->allowance = SIZE_MAX;
    assert_int_equal(send_next(scene, 92), 0);
    assert_true(scene->out_size > 0);
    assert_int_equal(scene->party.lows, 0);
    let(scene, SIZE_MAX);
    assert_int_equal(scene->party.lows, 1);
}

static void send_another(struct party *party, struct domi__session *session)
{
    struct scene *scene = party->user;

    assert_ptr_equal(session, scene->session);
    send_next(scene, 92);
}

static void the_owner_may_send_when_told(void **state)
{
    struct scene *scene = *state;
    uint32_t last = 0;

    scene->party.on_low = send_another;
    open_session(scene, &plain);
    while (!domi__session_is_high(scene->session)) {
        send_next(scene, 92);
    }
    let(scene, SIZE_MAX);
    RUN_UNTIL(&scene->fixture, !scene->session->queue);
    assert_int_equal(scene->party.lows, 1);
    assert_int_equal(check_out(scene, &last), scene->number);
}

int main(void)
{
#define SCENE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        SCENE(drops_the_newest),
        SCENE(drops_the_oldest),
        SCENE(drops_the_newest_of_websocket),
        SCENE(drops_the_oldest_of_websocket),
        SCENE(keeps_a_frame_that_was_begun),
        SCENE(drops_nothing_in_vain),
        SCENE(refuses_a_frame_above_the_limit),
        SCENE(closes_when_full),
        SCENE(sends_nothing_after_a_close_in_on_drop),
        SCENE(tells_once_when_it_is_low_again),
        SCENE(never_tells_in_a_send),
        SCENE(the_owner_may_send_when_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
