/* SPDX-License-Identifier: MIT */
/* The client against a gateway that does what the test wants. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "domi/client.h"
#include "domi/err.h"
#include "gateway.h"

#define DEADLINE_MS 10000

struct fixture {
    uv_loop_t loop;
    uv_timer_t beat; /* so that a wait looks at its condition */
    struct gateway gateway;
    struct gateway other;
    struct domi_client *client;
    struct domi_client_options options;
    bool closed;
    bool close_in_open;
    bool close_in_lost;
    bool close_in_handler;
    int opens;
    int losses;
    int status;
    int64_t wait_ms;
    uint64_t id;
    int frames;
    uint16_t type; /* of the last frame */
    uint8_t data[64];
    uint32_t size;
};

static void on_close(struct domi_client *client, void *user)
{
    struct fixture *f = user;

    assert_ptr_equal(client, f->client);
    assert_false(f->closed);
    f->closed = true;
}

static void on_open(struct domi_client *client, uint64_t id, void *user)
{
    struct fixture *f = user;

    assert_false(f->closed);
    f->opens++;
    f->id = id;
    if (f->close_in_open) {
        domi_client_close(client, on_close, f);
    }
}

static void on_lost(struct domi_client *client, int status, int64_t wait_ms,
                    void *user)
{
    struct fixture *f = user;

    assert_false(f->closed);
    f->losses++;
    f->status = status;
    f->wait_ms = wait_ms;
    if (f->close_in_lost) {
        domi_client_close(client, on_close, f);
    }
}

static void on_frame(struct domi_client *client, const struct domi_frame *frame,
                     void *user)
{
    struct fixture *f = user;

    assert_false(f->closed);
    f->frames++;
    f->type = frame->type;
    f->size = frame->data_size;
    assert_true(frame->data_size <= sizeof(f->data));
    memcpy(f->data, frame->data, frame->data_size);
    if (f->close_in_handler) {
        domi_client_close(client, on_close, f);
    }
}

static void on_beat(uv_timer_t *timer)
{
    (void)timer;
}

/* Runs the loop until the condition holds; fails after 10 s. */
#define wait_for(f, condition)                                                 \
    do {                                                                       \
        uint64_t until = uv_hrtime() / 1000000 + DEADLINE_MS;                  \
        while (!(condition)) {                                                 \
            assert_true(uv_hrtime() / 1000000 < until);                        \
            uv_run(&(f)->loop, UV_RUN_ONCE);                                   \
        }                                                                      \
    } while (0)

static int set_up(void **state)
{
    static struct fixture fixture;
    struct fixture *f = &fixture;

    *f = (struct fixture){0};
    uv_loop_init(&f->loop);
    uv_timer_init(&f->loop, &f->beat);
    uv_timer_start(&f->beat, on_beat, 5, 5);
    gateway_open(&f->gateway, &f->loop, 0);
    f->options = (struct domi_client_options){
        .reconnect_ms = 40,
        .on_open = on_open,
        .on_lost = on_lost,
        .user = f,
    };
    *state = f;
    return 0;
}

/* Nothing may be left on the loop. */
static int tear_down(void **state)
{
    struct fixture *f = *state;

    if (f->client) {
        domi_client_close(f->client, on_close, f);
        wait_for(f, f->closed);
    }
    gateway_close(&f->gateway);
    if (f->other.port) {
        gateway_close(&f->other);
    }
    uv_close((uv_handle_t *)&f->beat, NULL);
    uv_run(&f->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&f->loop), 0);
    return 0;
}

/* A client that has begun to connect to the gateway. */
static void connect_client(struct fixture *f)
{
    f->client = domi_client_new(&f->loop, &f->options);
    assert_non_null(f->client);
    assert_int_equal(
        domi_client_connect(f->client, "127.0.0.1", f->gateway.port), 0);
}

static void open_client(struct fixture *f)
{
    connect_client(f);
    wait_for(f, f->opens == 1);
}

/* When the client has closed, the fixture has nothing more to close. */
static void forget_client(struct fixture *f)
{
    wait_for(f, f->closed);
    f->client = NULL;
}

static void opens_with_the_id_that_the_gateway_gave(void **state)
{
    struct fixture *f = *state;

    open_client(f);
    assert_true(f->id == GATEWAY_ID);
    assert_int_equal(f->losses, 0);
}

static void sends_frames_as_they_were_recorded(void **state)
{
    static const uint8_t target[DOMI_TARGET_SIZE] =
        "\x00\x00\xc0\xad\x79\x00\x00\x00\x9a\x02\x00\x00\x00\x00\x00";
    static const uint8_t sent[] =
        "\xfb\x08\x00\x00"
        "\x08\x00\x00\x00\x00\x00\x32\x00"
        "\x1f\x00\x00\x00\x12\x00\x08\x00hello"
        "\x00\x00\xc0\xad\x79\x00\x00\x00\x9a\x02\x00\x00\x00\x00\x00\x00"
        "\x33";
    struct fixture *f = *state;

    open_client(f);
    assert_int_equal(domi_client_send(f->client, 50, NULL, 0), 0);
    assert_int_equal(domi_client_send_group(f->client, target, 51, "hello", 5),
                     0);
    wait_for(f, f->gateway.size >= sizeof(sent));
    assert_int_equal(f->gateway.size, sizeof(sent));
    assert_memory_equal(f->gateway.bytes, sent, sizeof(sent));
}

static void hands_on_frames_that_have_a_handler(void **state)
{
    struct fixture *f = *state;

    open_client(f);
    assert_int_equal(domi_client_handle(f->client, 51, on_frame, f), 0);
    gateway_send_frame(&f->gateway, 52, "not this", 8);
    gateway_send_frame(&f->gateway, 9, "nor this", 8);
    gateway_send_frame(&f->gateway, 51, "hello", 5);
    wait_for(f, f->frames > 0);
    assert_int_equal(f->frames, 1);
    assert_int_equal(f->type, 51);
    assert_int_equal(f->size, 5);
    assert_memory_equal(f->data, "hello", 5);
}

static void a_handler_can_be_taken_away(void **state)
{
    struct fixture *f = *state;

    open_client(f);
    assert_int_equal(domi_client_handle(f->client, 51, on_frame, f), 0);
    assert_int_equal(domi_client_handle(f->client, 52, on_frame, f), 0);
    assert_int_equal(domi_client_handle(f->client, 51, NULL, NULL), 0);
    assert_int_equal(domi_client_handle(f->client, 51, NULL, NULL), 0);
    gateway_send_frame(&f->gateway, 51, NULL, 0);
    gateway_send_frame(&f->gateway, 52, NULL, 0);
    wait_for(f, f->frames > 0);
    assert_int_equal(f->type, 52);
    assert_int_equal(domi_client_handle(f->client, 51, on_frame, f), 0);
}

static void refuses_types_that_are_not_the_applications(void **state)
{
    static const uint8_t target[DOMI_TARGET_SIZE];
    struct fixture *f = *state;

    open_client(f);
    assert_int_equal(domi_client_handle(f->client, 49, on_frame, f),
                     DOMI_E_TYPE_RESERVED);
    assert_int_equal(domi_client_handle(f->client, 1, on_frame, f),
                     DOMI_E_TYPE_RESERVED);
    assert_int_equal(
        domi_client_handle(f->client, DOMI_TYPE_NOTICE, on_frame, f), 0);
    assert_int_equal(
        domi_client_handle(f->client, DOMI_TYPE_NOTICE, on_frame, f),
        DOMI_E_TYPE_TAKEN);
    assert_int_equal(domi_client_send(f->client, 49, NULL, 0),
                     DOMI_E_TYPE_RESERVED);
    assert_int_equal(domi_client_send(f->client, DOMI_TYPE_NOTICE, NULL, 0),
                     DOMI_E_TYPE_RESERVED);
    assert_int_equal(domi_client_send_group(f->client, target, 8, NULL, 0),
                     DOMI_E_TYPE_RESERVED);
}

/* The close callback may still ask for it. */
static void check_data(struct domi_client *client, void *user)
{
    assert_ptr_equal(domi_client_data(client), user);
    on_close(client, user);
}

static void keeps_a_pointer_of_the_application(void **state)
{
    struct fixture *f = *state;

    open_client(f);
    assert_null(domi_client_data(f->client));
    domi_client_set_data(f->client, f);
    gateway_drop(&f->gateway);
    wait_for(f, f->opens == 2);
    domi_client_close(f->client, check_data, f);
    forget_client(f);
}

static void refuses_what_is_no_address(void **state)
{
    struct fixture *f = *state;

    f->client = domi_client_new(&f->loop, &f->options);
    assert_int_equal(domi_client_connect(f->client, "localhost", 80),
                     DOMI_E_OPTION);
    assert_int_equal(domi_client_connect(f->client, NULL, 80), DOMI_E_OPTION);
    assert_int_equal(domi_client_connect(f->client, "127.0.0.1", 0),
                     DOMI_E_OPTION);
    assert_int_equal(domi_client_connect(f->client, "127.0.0.1", 65536),
                     DOMI_E_OPTION);
    assert_int_equal(
        domi_client_connect(f->client, "127.0.0.1", f->gateway.port), 0);
    assert_int_equal(
        domi_client_connect(f->client, "127.0.0.1", f->gateway.port),
        DOMI_E_STATE);
}

static void sends_nothing_without_a_connection(void **state)
{
    struct fixture *f = *state;

    f->client = domi_client_new(&f->loop, &f->options);
    assert_int_equal(domi_client_send(f->client, 50, NULL, 0), DOMI_E_STATE);
    assert_int_equal(
        domi_client_connect(f->client, "127.0.0.1", f->gateway.port), 0);
    assert_int_equal(domi_client_send(f->client, 50, NULL, 0), DOMI_E_STATE);
    wait_for(f, f->opens == 1);
    assert_int_equal(domi_client_send(f->client, 50, NULL, 0), 0);
    f->options.reconnect_ms = 1000000;
    gateway_close(&f->gateway);
    wait_for(f, f->losses == 1);
    assert_int_equal(domi_client_send(f->client, 50, NULL, 0), DOMI_E_STATE);
}

static void connects_again_when_the_gateway_closes(void **state)
{
    struct fixture *f = *state;

    open_client(f);
    for (int i = 1; i <= 3; i++) {
        gateway_drop(&f->gateway);
        wait_for(f, f->losses == i);
        assert_int_equal(f->status, 0);
        assert_in_range(f->wait_ms, 20, 40 * 30);
        wait_for(f, f->opens == i + 1);
        assert_int_equal(f->gateway.connections, i + 1);
    }
}

static void waits_longer_after_each_failure(void **state)
{
    struct fixture *f = *state;
    int64_t first;

    f->options.reconnect_ms = 4;
    gateway_close(&f->gateway);
    connect_client(f);
    wait_for(f, f->losses == 1);
    first = f->wait_ms;
    assert_int_equal(f->status, UV_ECONNREFUSED);
    assert_in_range(first, 2, 4);
    wait_for(f, f->losses == 4);
    assert_in_range(f->wait_ms, 16, 32);
    wait_for(f, f->losses == 7);
    assert_in_range(f->wait_ms, 60, 120);
    gateway_open(&f->gateway, &f->loop, f->gateway.port);
    wait_for(f, f->opens == 1);
}

static void one_connection_and_no_more_when_asked(void **state)
{
    struct fixture *f = *state;

    f->options.no_reconnect = 1;
    open_client(f);
    gateway_drop(&f->gateway);
    wait_for(f, f->losses == 1);
    assert_int_equal(f->wait_ms, -1);
    assert_int_equal(domi_client_send(f->client, 50, NULL, 0), DOMI_E_STATE);
    assert_int_equal(
        domi_client_connect(f->client, "127.0.0.1", f->gateway.port),
        DOMI_E_STATE);
}

static void send_come_back(struct fixture *f, uint32_t wait, const char *text)
{
    uint8_t data[128] = {DOMI_NOTICE_COME_BACK};

    domi_put_u32(data + 4, wait);
    memcpy(data + DOMI_NOTICE_SIZE, text, strlen(text));
    gateway_send_frame(&f->gateway, DOMI_TYPE_NOTICE, data,
                       (uint32_t)(DOMI_NOTICE_SIZE + strlen(text)));
}

static void comes_back_when_it_was_told(void **state)
{
    struct fixture *f = *state;

    open_client(f);
    assert_int_equal(
        domi_client_handle(f->client, DOMI_TYPE_NOTICE, on_frame, f), 0);
    send_come_back(f, 77, "");
    wait_for(f, f->frames == 1);
    gateway_drop(&f->gateway);
    wait_for(f, f->losses == 1);
    assert_int_equal(f->wait_ms, 77);
    wait_for(f, f->opens == 2);
    /* It holds once. */
    gateway_drop(&f->gateway);
    wait_for(f, f->losses == 2);
    assert_in_range(f->wait_ms, 20, 40);
}

static void comes_back_where_it_was_told(void **state)
{
    struct fixture *f = *state;
    char text[32];

    gateway_open(&f->other, &f->loop, 0);
    snprintf(text, sizeof(text), "127.0.0.1:%d", f->other.port);
    open_client(f);
    send_come_back(f, 1, text);
    gateway_drop(&f->gateway);
    wait_for(f, f->opens == 2);
    assert_int_equal(f->other.connections, 1);
    assert_int_equal(f->gateway.connections, 1);
    gateway_drop(&f->other);
    wait_for(f, f->opens == 3);
    assert_int_equal(f->gateway.connections, 2);
}

static void stays_where_it_was_told_when_home_is_gone(void **state)
{
    struct fixture *f = *state;
    char text[32];

    gateway_open(&f->other, &f->loop, 0);
    snprintf(text, sizeof(text), "127.0.0.1:%d", f->other.port);
    open_client(f);
    send_come_back(f, 1, text);
    gateway_close(&f->gateway);
    wait_for(f, f->opens == 2);
    gateway_drop(&f->other);
    wait_for(f, f->opens == 3);
    assert_int_equal(f->other.connections, 2);
    /* Once it was asked to leave, and lost; then home did not answer. */
    assert_int_equal(f->losses, 3);
    assert_int_equal(f->status, UV_ECONNREFUSED);
}

static void goes_home_when_nobody_is_where_it_was_told(void **state)
{
    struct fixture *f = *state;

    open_client(f);
    send_come_back(f, 1, "127.0.0.1:1");
    gateway_drop(&f->gateway);
    wait_for(f, f->losses == 2);
    assert_int_equal(f->status, UV_ECONNREFUSED);
    wait_for(f, f->opens == 2);
    assert_int_equal(f->gateway.connections, 2);
}

static void gives_up_on_a_gateway_that_does_not_answer(void **state)
{
    struct fixture *f = *state;

    f->options.connect_ms = 60;
    f->gateway.is_mute = true;
    connect_client(f);
    wait_for(f, f->losses == 1);
    assert_int_equal(f->status, UV_ETIMEDOUT);
    assert_int_equal(f->opens, 0);
    f->gateway.is_mute = false;
    wait_for(f, f->opens == 1);
}

static void gives_up_on_a_gateway_that_falls_silent(void **state)
{
    struct fixture *f = *state;

    f->options.silence_ms = 60;
    f->options.heartbeat_ms = 1000000;
    open_client(f);
    wait_for(f, f->losses == 1);
    assert_int_equal(f->status, UV_ETIMEDOUT);
}

static void sends_heartbeats(void **state)
{
    struct fixture *f = *state;

    f->options.heartbeat_ms = 30;
    open_client(f);
    wait_for(f, f->gateway.size >= 4 + 3 * 8);
    for (size_t i = 4; i < 28; i += 8) {
        assert_memory_equal(f->gateway.bytes + i,
                            "\x08\x00\x00\x00\x00\x00\x01", 8);
    }
}

static void a_bad_frame_ends_the_session(void **state)
{
    struct fixture *f = *state;

    open_client(f);
    gateway_send(&f->gateway, "\x07\x00\x00\x00\x00\x00\x33", 8);
    wait_for(f, f->losses == 1);
    assert_int_equal(f->status, DOMI_E_FRAME_LENGTH);
    wait_for(f, f->opens == 2);
    gateway_send(&f->gateway, "\x08\x00\x00\x00\x01\x00\x33", 8);
    wait_for(f, f->losses == 2);
    assert_int_equal(f->status, DOMI_E_FRAME_EXTEND);
}

static void a_frame_above_the_limit_ends_the_session(void **state)
{
    struct fixture *f = *state;
    uint8_t data[64] = {0};

    f->options.frame_limit = 64;
    open_client(f);
    assert_int_equal(domi_client_handle(f->client, 51, on_frame, f), 0);
    gateway_send_frame(&f->gateway, 51, data, 56);
    wait_for(f, f->frames == 1);
    gateway_send_frame(&f->gateway, 51, data, 57);
    wait_for(f, f->losses == 1);
    assert_int_equal(f->status, DOMI_E_FRAME_LENGTH);
    assert_int_equal(f->frames, 1);
}

static void an_exit_of_the_gateway_is_no_error(void **state)
{
    struct fixture *f = *state;

    open_client(f);
    gateway_send_frame(&f->gateway, 2, NULL, 0);
    wait_for(f, f->losses == 1);
    assert_int_equal(f->status, 0);
}

static void a_frame_that_does_not_fit_is_refused(void **state)
{
    static uint8_t data[4096];
    struct fixture *f = *state;
    int err = 0;

    f->options.send_limit = 8192;
    open_client(f);
    assert_int_equal(domi_client_handle(f->client, 51, on_frame, f), 0);
    /* The system takes some megabytes before the queue fills. */
    for (int i = 0; i < 20000 && err == 0; i++) {
        err = domi_client_send(f->client, 50, data, sizeof(data));
    }
    assert_int_equal(err, DOMI_E_QUEUE_FULL);
    assert_int_equal(domi_client_send(f->client, 50, data, UINT32_MAX - 8),
                     DOMI_E_QUEUE_FULL);
    /* The session lives, and sends again when there is room. */
    gateway_send_frame(&f->gateway, 51, NULL, 0);
    wait_for(f, f->frames == 1);
    wait_for(f, domi_client_send(f->client, 50, "x", 1) == 0);
    assert_int_equal(f->losses, 0);
}

static void says_exit_when_it_closes(void **state)
{
    static const uint8_t last[] = "\x09\x00\x00\x00\x00\x00\x33\x00!"
                                  "\x08\x00\x00\x00\x00\x00\x02";
    struct fixture *f = *state;

    open_client(f);
    assert_int_equal(domi_client_send(f->client, 51, "!", 1), 0);
    domi_client_close(f->client, on_close, f);
    assert_false(f->closed);
    domi_client_close(f->client, NULL, NULL);
    forget_client(f);
    wait_for(f, f->gateway.ended);
    assert_int_equal(f->gateway.size, 4 + sizeof(last));
    assert_memory_equal(f->gateway.bytes + 4, last, sizeof(last));
    assert_int_equal(f->losses, 0);
}

static void closes_before_it_was_connected(void **state)
{
    struct fixture *f = *state;

    f->client = domi_client_new(&f->loop, NULL);
    domi_client_close(f->client, on_close, f);
    forget_client(f);
}

static void closes_while_it_connects(void **state)
{
    struct fixture *f = *state;

    connect_client(f);
    domi_client_close(f->client, on_close, f);
    forget_client(f);
    assert_int_equal(f->opens, 0);
    assert_int_equal(f->losses, 0);
}

static void closes_while_it_waits(void **state)
{
    struct fixture *f = *state;

    f->options.reconnect_ms = 1000000;
    open_client(f);
    gateway_drop(&f->gateway);
    wait_for(f, f->losses == 1);
    domi_client_close(f->client, on_close, f);
    forget_client(f);
}

static void closes_in_each_callback(void **state)
{
    struct fixture *f = *state;

    f->close_in_open = true;
    connect_client(f);
    forget_client(f);
    f->close_in_open = false;
    f->closed = false;
    f->opens = 0;
    wait_for(f, f->gateway.is_closed);

    f->close_in_handler = true;
    open_client(f);
    assert_int_equal(domi_client_handle(f->client, 51, on_frame, f), 0);
    gateway_send_frame(&f->gateway, 51, NULL, 0);
    gateway_send_frame(&f->gateway, 51, NULL, 0);
    forget_client(f);
    assert_int_equal(f->frames, 1);
    f->closed = false;
    f->opens = 0;
    wait_for(f, f->gateway.is_closed);

    f->close_in_lost = true;
    open_client(f);
    gateway_drop(&f->gateway);
    forget_client(f);
    assert_int_equal(f->losses, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opens_with_the_id_that_the_gateway_gave),
        cmocka_unit_test(sends_frames_as_they_were_recorded),
        cmocka_unit_test(hands_on_frames_that_have_a_handler),
        cmocka_unit_test(a_handler_can_be_taken_away),
        cmocka_unit_test(refuses_types_that_are_not_the_applications),
        cmocka_unit_test(keeps_a_pointer_of_the_application),
        cmocka_unit_test(refuses_what_is_no_address),
        cmocka_unit_test(sends_nothing_without_a_connection),
        cmocka_unit_test(connects_again_when_the_gateway_closes),
        cmocka_unit_test(waits_longer_after_each_failure),
        cmocka_unit_test(one_connection_and_no_more_when_asked),
        cmocka_unit_test(comes_back_when_it_was_told),
        cmocka_unit_test(comes_back_where_it_was_told),
        cmocka_unit_test(stays_where_it_was_told_when_home_is_gone),
        cmocka_unit_test(goes_home_when_nobody_is_where_it_was_told),
        cmocka_unit_test(gives_up_on_a_gateway_that_does_not_answer),
        cmocka_unit_test(gives_up_on_a_gateway_that_falls_silent),
        cmocka_unit_test(sends_heartbeats),
        cmocka_unit_test(a_bad_frame_ends_the_session),
        cmocka_unit_test(a_frame_above_the_limit_ends_the_session),
        cmocka_unit_test(an_exit_of_the_gateway_is_no_error),
        cmocka_unit_test(a_frame_that_does_not_fit_is_refused),
        cmocka_unit_test(says_exit_when_it_closes),
        cmocka_unit_test(closes_before_it_was_connected),
        cmocka_unit_test(closes_while_it_connects),
        cmocka_unit_test(closes_while_it_waits),
        cmocka_unit_test(closes_in_each_callback),
    };
    struct CMUnitTest each[sizeof(tests) / sizeof(tests[0])];

    for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
        each[i] = tests[i];
        each[i].setup_func = set_up;
        each[i].teardown_func = tear_down;
    }
    return cmocka_run_group_tests(each, NULL, NULL);
}
