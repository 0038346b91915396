/* SPDX-License-Identifier: MIT */
/* Tests of WebSocket sessions, over real sockets. */
#include "peer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/socket.h>

#include <cmocka.h>

#include "domi/err.h"
#include "transport/transport.h"

#define UPGRADE                                                                \
    "GET /ws HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\n"                   \
    "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"                      \
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"

#define BACK 50u  /* sent back */
#define HOLD 51u  /* not taken while `holding` */
#define LEAVE 52u /* closes the session with a reason in its data */
#define FLOOD 53u /* sends a great deal */

static struct domi__log a_log;

/* A loop with an HTTP port, and what its owner has seen. */
struct server {
    uv_loop_t uv;
    struct domi__loop *loop;
    struct domi__listener *listener;
    struct domi__session_limits limits;
    int port;
    uint64_t next_id; /* 0: full */
    int opened;
    int closed;
    int frames;
    int drops;
    bool holding;
    struct domi__session *held;
    enum domi_reason reason; /* of the last close */
    char address[DOMI__ADDRESS_SIZE];
    bool is_done;
};

static struct server server;

static uint64_t admit(void *arg)
{
    struct server *owner = arg;

    return owner->next_id ? owner->next_id++ : 0;
}

static void on_open(struct domi__session *session)
{
    struct server *owner = session->arg;

    owner->opened++;
    domi__session_address(session, owner->address, sizeof(owner->address));
}

static bool on_frame(struct domi__session *session,
                     const struct domi_frame *frame, const uint8_t *wire)
{
    struct server *owner = session->arg;
    static uint8_t bytes[10000];

    (void)wire;
    owner->frames++;
    switch (frame->type) {
    case HOLD:
        if (owner->holding) {
            owner->held = session;
            return false;
        }
        break;
    case LEAVE:
        domi__session_close(session, (enum domi_reason)frame->data[0]);
        return true;
    case FLOOD:
        for (int i = 0; i < 1000; i++) {
            memset(bytes, i, sizeof(bytes));
            if (domi__session_send(session, FLOOD, bytes, sizeof(bytes), NULL,
                                   0)) {
                break;
            }
        }
        return true;
    default:
        break;
    }
    domi__session_send(session, frame->type, frame->data, frame->data_size,
                       NULL, 0);
    return true;
}

static void on_drop(struct domi__session *session, size_t frames)
{
    struct server *owner = session->arg;

    owner->drops += (int)frames;
}

static void on_close(struct domi__session *session, enum domi_reason reason)
{
    struct server *owner = session->arg;

    owner->closed++;
    owner->reason = reason;
}

static const struct domi__session_owner an_owner = {
    .size = sizeof(struct domi__session),
    .admit = admit,
    .on_open = on_open,
    .on_frame = on_frame,
    .on_drop = on_drop,
    .on_close = on_close,
};

static void done(void *user)
{
    struct server *owner = user;

    owner->is_done = true;
}

static void start_listening(struct server *owner)
{
    const struct domi__http_listen http = {
        .listen =
            {
                .loop = owner->loop,
                .log = &a_log,
                .owner = &an_owner,
                .limits = &owner->limits,
                .arg = owner,
                .host = "127.0.0.1",
            },
        .ws_path = "/ws",
    };

    assert_int_equal(domi__http_listen(&owner->listener, &http), 0);
    owner->port = domi__listener_port(owner->listener);
}

static void start(struct server *owner)
{
    memset(owner, 0, sizeof(*owner));
    owner->next_id = 1;
    owner->limits = (struct domi__session_limits){
        .frame_limit = 70000,
        .send_limit = 1 << 20,
        .handshake_ms = 5000,
        .silence_ms = 10000,
    };
    uv_loop_init(&owner->uv);
    owner->loop = domi__loop_get(&owner->uv);
    assert_non_null(owner->loop);
    start_listening(owner);
}

static void stop_listening(struct server *owner)
{
    owner->is_done = false;
    domi__listener_close(owner->listener, done, owner);
    RUN_UNTIL(&owner->uv, owner->is_done);
}

static void stop(struct server *owner)
{
    stop_listening(owner);
    owner->is_done = false;
    domi__loop_put(owner->loop, done, owner);
    RUN_UNTIL(&owner->uv, owner->is_done);
    uv_run(&owner->uv, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&owner->uv), 0);
}

static int set_up(void **state)
{
    (void)state;
    start(&server);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    stop(&server);
    return 0;
}

/* ---- a client ------------------------------------------------------------ */

/* Sends one masked WebSocket frame. */
static void send_ws(struct peer *peer, uint8_t first, const void *data,
                    size_t size)
{
    static const uint8_t mask[4] = {1, 2, 3, 4};
    uint8_t *bytes = malloc(size + 14);
    size_t at = 0;

    bytes[at++] = first;
    if (size < 126) {
        bytes[at++] = (uint8_t)(0x80 | size);
    } else if (size < 65536) {
        bytes[at++] = 0x80 | 126;
        bytes[at++] = (uint8_t)(size >> 8);
        bytes[at++] = (uint8_t)size;
    } else {
        bytes[at++] = 0x80 | 127;
        for (int i = 0; i < 8; i++) {
            bytes[at++] = (uint8_t)((uint64_t)size >> (56 - 8 * i));
        }
    }
    memcpy(bytes + at, mask, 4);
    at += 4;
    for (size_t i = 0; i < size; i++) {
        bytes[at++] = ((const uint8_t *)data)[i] ^ mask[i % 4];
    }
    peer_send(&server.uv, peer, bytes, at);
    free(bytes);
}

/* A domi frame; returns its size. */
static size_t make_frame(uint8_t *out, uint16_t type, size_t data_size)
{
    static uint8_t data[100000];

    for (size_t i = 0; i < data_size; i++) {
        data[i] = (uint8_t)i;
    }
    return domi_frame_encode(out, type, data, (uint32_t)data_size, NULL, 0);
}

static void send_frame(struct peer *peer, uint16_t type, size_t data_size)
{
    uint8_t *frame = malloc(data_size + DOMI_FRAME_HEADER);

    send_ws(peer, 0x82, frame, make_frame(frame, type, data_size));
    free(frame);
}

static void send_leave(struct peer *peer, uint8_t reason)
{
    uint8_t frame[16];

    send_ws(peer, 0x82, frame, domi_frame_encode(frame, LEAVE, &reason, 1,
                                                 NULL, 0));
}

/* The next WebSocket frame that came: its first byte, and its payload; -1:
   not whole yet. Takes it away. */
static int next_ws(struct peer *peer, uint8_t *payload, size_t *size)
{
    const uint8_t *bytes = peer->bytes;
    size_t head = 2;
    int first;

    peer_read(peer);
    if (peer->size < 2) {
        return -1;
    }
    assert_false(bytes[1] & 0x80);
    *size = bytes[1];
    if (*size >= 126) {
        head = *size == 126 ? 4 : 10;
        if (peer->size < head) {
            return -1;
        }
        *size = 0;
        for (size_t i = 2; i < head; i++) {
            *size = *size << 8 | bytes[i];
        }
    }
    if (peer->size < head + *size) {
        return -1;
    }
    first = bytes[0];
    memcpy(payload, bytes + head, *size);
    peer->size -= head + *size;
    memmove(peer->bytes, peer->bytes + head + *size, peer->size);
    return first;
}

static uint8_t payload[100000];
static size_t payload_size;

static int expect_ws(struct peer *peer)
{
    int first;

    RUN_UNTIL(&server.uv,
              (first = next_ws(peer, payload, &payload_size)) >= 0);
    return first;
}

static void expect_frame(struct peer *peer, uint16_t type, size_t data_size)
{
    struct domi_frame frame;

    assert_int_equal(expect_ws(peer), 0x82);
    assert_int_equal(domi_frame_decode(payload, payload_size, UINT32_MAX,
                                       &frame),
                     payload_size);
    assert_int_equal(frame.type, type);
    assert_int_equal(frame.data_size, data_size);
    for (size_t i = 0; i < data_size; i++) {
        assert_int_equal(frame.data[i], (uint8_t)i);
    }
}

/* A close frame with this code, and then the end. */
static void expect_close(struct peer *peer, unsigned code)
{
    assert_int_equal(expect_ws(peer), 0x88);
    assert_int_equal(payload_size, 2);
    assert_int_equal(payload[0] << 8 | payload[1], code);
    RUN_UNTIL(&server.uv, peer_ended(peer));
    assert_false(peer->reset);
}

static struct peer *upgraded(void)
{
    struct peer *peer = peer_open(server.port);
    const char *end;
    size_t head;

    peer_say(&server.uv, peer, UPGRADE);
    RUN_UNTIL(&server.uv, peer_has(peer, "\r\n\r\n"));
    assert_memory_equal(peer->bytes, "HTTP/1.1 101 ", 13);
    assert_true(peer_has(peer, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    end = memmem(peer->bytes, peer->size, "\r\n\r\n", 4);
    head = (size_t)(end + 4 - (const char *)peer->bytes);
    peer->size -= head;
    memmove(peer->bytes, peer->bytes + head, peer->size);
    return peer;
}

static struct peer *opened(void)
{
    struct peer *peer = upgraded();
    int before = server.opened;

    send_ws(peer, 0x82, "\xfb\x08\0\0", 4);
    RUN_UNTIL(&server.uv, server.opened > before);
    return peer;
}

/* The session ends with this reason; the peer goes away. */
static void ends(struct peer *peer, enum domi_reason reason)
{
    RUN_UNTIL(&server.uv, server.closed > 0);
    assert_int_equal(server.closed, 1);
    assert_int_equal(server.reason, reason);
    peer_free(peer);
}

/* ---- tests --------------------------------------------------------------- */

static void echoes_frames_of_all_sizes(void **state)
{
    static const size_t sizes[] = {0, 1, 117, 118, 1000, 1100, 65527, 65528,
                                   69992};
    struct peer *peer = opened();

    (void)state;
    assert_memory_equal(server.address, "127.0.0.1:", 10);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        send_frame(peer, BACK, sizes[i]);
    }
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        expect_frame(peer, BACK, sizes[i]);
    }
    peer_free(peer);
    RUN_UNTIL(&server.uv, server.closed == 1);
    assert_int_equal(server.reason, DOMI_REASON_PEER_CLOSED);
}

static void takes_what_came_with_the_upgrade(void **state)
{
    struct peer *peer = peer_open(server.port);
    char bytes[512];
    size_t size = strlen(UPGRADE);

    (void)state;
    memcpy(bytes, UPGRADE, size);
    memcpy(bytes + size, "\x82\x84\0\0\0\0\xfb\x08\0\0", 10);
    memcpy(bytes + size + 10, "\x82\x88\0\0\0\0\x08\0\0\0\0\0\x32\0", 14);
    peer_send(&server.uv, peer, bytes, size + 24);
    RUN_UNTIL(&server.uv, peer_has(peer, "\x82\x08\x08"));
    assert_int_equal(server.opened, 1);
    peer_free(peer);
    RUN_UNTIL(&server.uv, server.closed == 1);
}

static void takes_frames_byte_by_byte(void **state)
{
    static const uint8_t bytes[] = "\x82\x84\0\0\0\0\xfb\x08\0\0"
                                   "\x82\x88\0\0\0\0\x08\0\0\0\0\0\x32\0";
    struct peer *peer = upgraded();

    (void)state;
    for (size_t i = 0; i < sizeof(bytes) - 1; i++) {
        peer_send(&server.uv, peer, bytes + i, 1);
        turn(&server.uv);
    }
    expect_frame(peer, BACK, 0);
    peer_free(peer);
    RUN_UNTIL(&server.uv, server.closed == 1);
}

static void puts_fragments_together_and_answers_pings(void **state)
{
    struct peer *peer = opened();
    uint8_t frame[1008];
    size_t size = make_frame(frame, BACK, 1000);

    (void)state;
    send_ws(peer, 0x02, frame, 3);
    send_ws(peer, 0x89, "ping", 4);
    send_ws(peer, 0x00, frame + 3, 500);
    send_ws(peer, 0x8a, "unasked", 7);
    send_ws(peer, 0x80, frame + 503, size - 503);
    assert_int_equal(expect_ws(peer), 0x8a);
    assert_memory_equal(payload, "ping", 4);
    expect_frame(peer, BACK, 1000);
    peer_free(peer);
    RUN_UNTIL(&server.uv, server.closed == 1);
}

static void answers_heartbeats_and_takes_text(void **state)
{
    struct peer *peer = opened();

    (void)state;
    send_ws(peer, 0x81, "\x08\0\0\0\0\0\x01\0", 8);
    expect_frame(peer, 1, 0);
    peer_free(peer);
    RUN_UNTIL(&server.uv, server.closed == 1);
}

static void answers_a_close_with_its_code(void **state)
{
    struct peer *peer = opened();

    (void)state;
    send_ws(peer, 0x88, "\x0f\xa0" "bye", 5);
    expect_close(peer, 4000);
    ends(peer, DOMI_REASON_PEER_CLOSED);
}

static void closes_with_codes_for_bad_frames(void **state)
{
    static const struct {
        const char *bytes;
        size_t size;
        unsigned code;
        enum domi_reason reason;
    } rows[] = {
        {"\x82\x04\xfb\x08\0\0", 6, 1002, DOMI_REASON_BAD_MESSAGE},
        {"\xc2\x84\0\0\0\0\xfb\x08\0\0", 10, 1002, DOMI_REASON_BAD_MESSAGE},
        {"\x83\x80\0\0\0\0", 6, 1002, DOMI_REASON_BAD_MESSAGE},
        {"\x09\x80\0\0\0\0", 6, 1002, DOMI_REASON_BAD_MESSAGE},
        {"\x80\x80\0\0\0\0", 6, 1002, DOMI_REASON_BAD_MESSAGE},
        {"\x88\x81\0\0\0\0a", 7, 1002, DOMI_REASON_BAD_MESSAGE},
        {"\x81\x84\0\0\0\0\xfb\x08\0\0", 10, 1007, DOMI_REASON_BAD_MESSAGE},
        {"\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff\0\0\0\0", 14, 1009,
         DOMI_REASON_FRAME_LENGTH},
        {"\x82\x83\0\0\0\0\xfb\x08\0", 9, 1002, DOMI_REASON_BAD_MAGIC},
        {"\x82\x84\0\0\0\0GET ", 10, 1002, DOMI_REASON_BAD_MAGIC},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct peer *peer = upgraded();

        server.closed = 0;
        peer_send(&server.uv, peer, rows[i].bytes, rows[i].size);
        expect_close(peer, rows[i].code);
        ends(peer, rows[i].reason);
    }
    assert_int_equal(server.opened, 0);
}

static void closes_on_messages_that_are_not_one_frame(void **state)
{
    struct peer *peer = opened();

    (void)state;
    send_ws(peer, 0x82, "\x08\0\0\0\0\0\x32\0\x08\0\0\0\0\0\x32\0", 16);
    expect_close(peer, 1002);
    ends(peer, DOMI_REASON_BAD_MESSAGE);
}

/* Its first bytes, read as a length, are above the limit. */
static void does_not_call_a_small_message_too_long(void **state)
{
    struct peer *peer = opened();

    (void)state;
    send_ws(peer, 0x81, "Hello, world!", 13);
    expect_close(peer, 1002);
    ends(peer, DOMI_REASON_BAD_MESSAGE);
}

static void closes_with_codes_by_reason(void **state)
{
    static const struct {
        enum domi_reason reason;
        unsigned code;
    } rows[] = {
        {DOMI_REASON_STOPPING, 1001}, {DOMI_REASON_KICKED, 1008},
        {DOMI_REASON_EXIT, 1000},     {DOMI_REASON_TOO_MANY, 1013},
        {DOMI_REASON_REFUSED, 1008},  {DOMI_REASON_ZONE_LOST, 1011},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct peer *peer = opened();

        server.closed = 0;
        /* What was sent before must come before. */
        send_frame(peer, BACK, 5);
        send_leave(peer, (uint8_t)rows[i].reason);
        expect_frame(peer, BACK, 5);
        expect_close(peer, rows[i].code);
        ends(peer, rows[i].reason);
    }
}

static void closes_a_silent_handshake(void **state)
{
    struct peer *peer;

    (void)state;
    server.limits.handshake_ms = 50;
    peer = upgraded();
    expect_close(peer, 1008);
    ends(peer, DOMI_REASON_HANDSHAKE_TIMEOUT);
}

static void closes_a_silent_session_that_never_reads(void **state)
{
    struct peer *peer;
    int descriptors = open_descriptors();

    (void)state;
    server.limits.silence_ms = 300;
    server.limits.send_limit = 16 << 20;
    peer = opened();
    send_frame(peer, FLOOD, 0);
    RUN_UNTIL(&server.uv, server.closed == 1);
    assert_int_equal(server.reason, DOMI_REASON_SILENT);
    /* The descriptor has gone too, though bytes wait for the peer. */
    RUN_UNTIL(&server.uv, open_descriptors() == descriptors + 1);
    peer_free(peer);
}

static void closes_a_slow_reader_at_the_limit(void **state)
{
    struct peer *peer = opened();

    (void)state;
    send_frame(peer, FLOOD, 0);
    ends(peer, DOMI_REASON_QUEUE_FULL);
}

static void drops_whole_frames_for_a_slow_reader(void **state)
{
    struct domi_frame frame;
    struct peer *peer;
    int last = -1;
    int came = 0;

    (void)state;
    server.limits.send_policy = DOMI_SEND_DROP_OLDEST;
    peer = opened();
    for (int i = 0; i < 10; i++) {
        send_frame(peer, FLOOD, 0);
        RUN_UNTIL(&server.uv, server.frames == i + 1);
    }
    assert_true(server.drops > 0);
    while (came + server.drops < 10000) {
        assert_int_equal(expect_ws(peer), 0x82);
        assert_int_equal(domi_frame_decode(payload, payload_size, 70000,
                                           &frame),
                         payload_size);
        assert_int_equal(frame.data[0], frame.data[frame.data_size - 1]);
        last = frame.data[0];
        came++;
    }
    assert_int_equal(last, 999 & 255);
    peer_free(peer);
    RUN_UNTIL(&server.uv, server.closed == 1);
}

static void resumes_a_reader_that_was_slow(void **state)
{
    struct peer *peer;

    (void)state;
    server.limits.send_limit = 16 << 20;
    peer = opened();
    send_frame(peer, FLOOD, 0);
    RUN_UNTIL(&server.uv, server.frames == 1);
    send_ws(peer, 0x89, "p", 1);
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(expect_ws(peer), 0x82);
        assert_int_equal(payload_size, 10008);
        assert_int_equal(payload[8], i & 255);
    }
    send_frame(peer, BACK, 7);
    /* The ping may have been too much; the echo is not. */
    if (expect_ws(peer) == 0x8a) {
        expect_frame(peer, BACK, 7);
    }
    peer_free(peer);
    RUN_UNTIL(&server.uv, server.closed == 1);
}

static void holds_what_the_owner_does_not_take(void **state)
{
    struct peer *peer = opened();

    (void)state;
    server.holding = true;
    send_frame(peer, HOLD, 200);
    for (size_t i = 0; i < 300; i++) {
        send_frame(peer, BACK, i);
    }
    RUN_UNTIL(&server.uv, server.held != NULL);
    for (int i = 0; i < 10; i++) {
        turn(&server.uv);
    }
    assert_int_equal(server.frames, 1);
    /* Still not. */
    domi__session_resume(server.held);
    assert_int_equal(server.frames, 2);
    server.holding = false;
    domi__session_resume(server.held);
    expect_frame(peer, HOLD, 200);
    for (size_t i = 0; i < 300; i++) {
        expect_frame(peer, BACK, i);
    }
    peer_free(peer);
    RUN_UNTIL(&server.uv, server.closed == 1);
}

static void closes_while_it_holds(void **state)
{
    struct peer *peer = opened();

    (void)state;
    server.holding = true;
    send_frame(peer, HOLD, 200);
    send_frame(peer, BACK, 200);
    RUN_UNTIL(&server.uv, server.held != NULL);
    domi__session_close(server.held, DOMI_REASON_KICKED);
    expect_close(peer, 1008);
    ends(peer, DOMI_REASON_KICKED);
}

static void refuses_upgrades(void **state)
{
    static const struct {
        const char *request;
        const char *answer;
    } rows[] = {
        {"GET /ws HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 426 "},
        {"POST /ws HTTP/1.0\r\n\r\n", "HTTP/1.1 405 "},
        {"GET /ws HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\n"
         "Upgrade: websocket\r\nSec-WebSocket-Version: 8\r\n\r\n",
         "Sec-WebSocket-Version: 13\r\n"},
        {"GET /ws HTTP/1.1\r\nHost: h\r\nConnection: upgrade, close\r\n"
         "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
         "Origin: http://evil\r\n"
         "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
         "HTTP/1.1 403 "},
        {"GET /ws HTTP/1.1\r\nHost: h\r\nConnection: upgrade, close\r\n"
         "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\r\n",
         "HTTP/1.1 400 "},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct peer *peer = peer_open(server.port);

        peer_say(&server.uv, peer, rows[i].request);
        RUN_UNTIL(&server.uv, peer_has(peer, rows[i].answer));
        peer_free(peer);
    }
    server.next_id = 0;
    {
        struct peer *peer = peer_open(server.port);

        peer_say(&server.uv, peer, UPGRADE);
        RUN_UNTIL(&server.uv, peer_has(peer, "HTTP/1.1 503 "));
        peer_free(peer);
    }
}

static void serves_many_sessions_and_keeps_nothing(void **state)
{
    static struct peer *peers[500];
    int descriptors = open_descriptors();

    (void)state;
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 500; i++) {
            peers[i] = opened();
            send_frame(peers[i], BACK, 100);
        }
        for (int i = 0; i < 500; i++) {
            expect_frame(peers[i], BACK, 100);
        }
        for (int i = 0; i < 500; i++) {
            peer_free(peers[i]);
        }
        RUN_UNTIL(&server.uv, server.closed == 500 * (round + 1));
        RUN_UNTIL(&server.uv, open_descriptors() == descriptors);
    }
}

static void sessions_outlive_their_listener(void **state)
{
    struct peer *peer = opened();

    (void)state;
    stop_listening(&server);
    send_frame(peer, BACK, 10);
    expect_frame(peer, BACK, 10);
    /* A new listener, while the session is there and after. */
    start_listening(&server);
    peer_free(opened());
    peer_free(peer);
    RUN_UNTIL(&server.uv, server.closed == 2);
    stop_listening(&server);
    start_listening(&server);
    peer_free(opened());
    RUN_UNTIL(&server.uv, server.closed == 3);
}

static void starts_and_stops_many_times(void **state)
{
    int descriptors;

    (void)state;
    stop(&server);
    start(&server);
    stop(&server);
    descriptors = open_descriptors();
    for (int i = 0; i < 20; i++) {
        struct peer *peer;

        start(&server);
        peer = opened();
        send_leave(peer, DOMI_REASON_STOPPING);
        stop_listening(&server);
        expect_close(peer, 1001);
        peer_free(peer);
        start_listening(&server);
        stop(&server);
        assert_int_equal(open_descriptors(), descriptors);
    }
    start(&server);
}

static void works_on_two_loops_in_one_process(void **state)
{
    static struct server other;
    struct peer *peer = opened();
    struct peer *theirs;
    int first;

    (void)state;
    start(&other);
    theirs = peer_open(other.port);
    peer_say(&other.uv, theirs, UPGRADE);
    RUN_UNTIL(&other.uv, peer_has(theirs, "\r\n\r\n"));
    theirs->size = 0;
    send_ws(theirs, 0x82, "\xfb\x08\0\0", 4);
    send_frame(theirs, BACK, 3);
    RUN_UNTIL(&other.uv,
              (first = next_ws(theirs, payload, &payload_size)) >= 0);
    assert_int_equal(first, 0x82);
    assert_int_equal(other.opened, 1);
    peer_free(theirs);
    RUN_UNTIL(&other.uv, other.closed == 1);
    stop(&other);
    /* The first goes on. */
    send_frame(peer, BACK, 4);
    expect_frame(peer, BACK, 4);
    peer_free(peer);
    RUN_UNTIL(&server.uv, server.closed == 1);
}

static void survives_resets(void **state)
{
    const struct linger at_once = {.l_onoff = 1};

    (void)state;
    for (int i = 0; i < 50; i++) {
        struct peer *peer = i % 2 ? opened() : upgraded();

        if (i % 2) {
            send_frame(peer, FLOOD, 0);
        }
        setsockopt(peer->fd, SOL_SOCKET, SO_LINGER, &at_once,
                   sizeof(at_once));
        peer_free(peer);
        RUN_UNTIL(&server.uv, server.closed == i + 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(echoes_frames_of_all_sizes),
        TEST(takes_what_came_with_the_upgrade),
        TEST(takes_frames_byte_by_byte),
        TEST(puts_fragments_together_and_answers_pings),
        TEST(answers_heartbeats_and_takes_text),
        TEST(answers_a_close_with_its_code),
        TEST(closes_with_codes_for_bad_frames),
        TEST(closes_on_messages_that_are_not_one_frame),
        TEST(does_not_call_a_small_message_too_long),
        TEST(closes_with_codes_by_reason),
        TEST(closes_a_silent_handshake),
        TEST(closes_a_silent_session_that_never_reads),
        TEST(closes_a_slow_reader_at_the_limit),
        TEST(drops_whole_frames_for_a_slow_reader),
        TEST(resumes_a_reader_that_was_slow),
        TEST(holds_what_the_owner_does_not_take),
        TEST(closes_while_it_holds),
        TEST(refuses_upgrades),
        TEST(serves_many_sessions_and_keeps_nothing),
        TEST(sessions_outlive_their_listener),
        TEST(starts_and_stops_many_times),
        TEST(works_on_two_loops_in_one_process),
        TEST(survives_resets),
#undef TEST
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
