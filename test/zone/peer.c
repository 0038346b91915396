/* SPDX-License-Identifier: MIT */
/* Gateways played by hand: sockets, read while the zone's loop turns. */
#include "peer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "frame/frame.h"

/* ---- the zone ------------------------------------------------------------ */

static void on_log(enum domi_log_level level, const char *line, void *user)
{
    struct fixture *fixture = user;
    size_t size = strlen(fixture->log);

    if (size + 1100 < sizeof(fixture->log)) {
        snprintf(fixture->log + size, sizeof(fixture->log) - size, "%s: %s\n",
                 domi_log_level_name(level), line);
    }
}

static void on_joining(struct domi_group *group, struct domi_user sender,
                       const struct domi_frame *frame, void *user)
{
    (void)user;
    if (domi_user_is_gateway(sender) && frame->data_size == 16) {
        domi_group_add(group,
                       (struct domi_user){domi_get_u64(frame->data),
                                          domi_get_u64(frame->data + 8)});
    }
}

static void on_message(struct domi_group *group, struct domi_user sender,
                       const struct domi_frame *frame, void *user)
{
    (void)sender;
    (void)user;
    domi_group_broadcast(group, frame->type, frame->data, frame->data_size);
}

static void on_join(struct domi_group *group, struct domi_user member,
                    void *user)
{
    struct fixture *fixture = user;

    (void)group;
    (void)member;
    atomic_fetch_add(&fixture->joined, 1);
}

static void on_leave(struct domi_group *group, struct domi_user member,
                     enum domi_reason reason, void *data, void *user)
{
    struct fixture *fixture = user;

    (void)group;
    (void)member;
    (void)data;
    atomic_fetch_add(&fixture->left[reason], 1);
}

static void on_group_close(struct domi_group *group, enum domi_reason reason,
                           void *user)
{
    struct fixture *fixture = user;

    (void)group;
    atomic_fetch_add(&fixture->closed[reason], 1);
}

static int on_group(struct domi_zone *zone, struct domi_group *group,
                    void *user)
{
    struct fixture *fixture = user;

    (void)zone;
    domi_group_on_join(group, on_join, fixture);
    domi_group_on_leave(group, on_leave, fixture);
    domi_group_on_close(group, on_group_close, fixture);
    domi_group_handle(group, 50, on_joining, fixture);
    domi_group_handle(group, 51, on_message, fixture);
    if (fixture->setup) {
        fixture->setup(fixture, group);
    }
    return domi_group_id(group) < GROUPS_MAX ? 0 : -1;
}

unsigned fixture_logged(const struct fixture *fixture, const char *text)
{
    const char *at = fixture->log;
    unsigned count = 0;

    while ((at = strstr(at, text))) {
        at++;
        count++;
    }
    return count;
}

struct domi_zone_options fixture_options(struct fixture *fixture)
{
    struct domi_zone_options options = {
        .tcp_port = DOMI_PORT_ANY,
        .on_group = on_group,
        .log = on_log,
        .user = fixture,
    };

    memset(fixture, 0, sizeof(*fixture));
    return options;
}

static void on_pulse(uv_timer_t *timer)
{
    (void)timer;
}

void fixture_init(struct fixture *fixture,
                  const struct domi_zone_options *options)
{
    assert_int_equal(uv_loop_init(&fixture->loop), 0);
    uv_timer_init(&fixture->loop, &fixture->pulse);
    uv_timer_start(&fixture->pulse, on_pulse, 1, 1);
    fixture->zone = domi_zone_new(&fixture->loop, options);
    assert_non_null(fixture->zone);
}

static void on_zone_close(struct domi_zone *zone, void *user)
{
    struct fixture *fixture = user;

    assert_ptr_equal(zone, fixture->zone);
    assert_false(fixture->zone_closed);
    fixture->zone_closed = true;
}

void fixture_fini(struct fixture *fixture)
{
    domi_zone_close(fixture->zone, on_zone_close, fixture);
    domi_zone_close(fixture->zone, on_zone_close, fixture);
    assert_false(fixture->zone_closed);
    fixture_wait(fixture, fixture->zone_closed);
    uv_close((uv_handle_t *)&fixture->pulse, NULL);
    uv_run(&fixture->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&fixture->loop), 0);
}

struct domi_zone_stats fixture_stats(const struct fixture *fixture)
{
    struct domi_zone_stats stats;

    domi_zone_stats(fixture->zone, &stats);
    return stats;
}

/* ---- gateways ------------------------------------------------------------ */

/* Reads what is there now. */
static void receive(struct peer *peer)
{
    static uint8_t bytes[65536];
    ssize_t n;

    while (!peer->ended) {
        n = recv(peer->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
        if (n < 0 && errno == EAGAIN) {
            return;
        }
        if (n <= 0) {
            peer->ended = true;
            return;
        }
        peer->in = realloc(peer->in, peer->size + (size_t)n);
        assert_non_null(peer->in);
        memcpy(peer->in + peer->size, bytes, (size_t)n);
        peer->size += (size_t)n;
    }
}

static bool has(struct peer *peer, size_t size)
{
    receive(peer);
    return peer->size >= size || peer->ended;
}

void peer_connect(struct peer *peer, struct fixture *fixture, int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET};

    memset(peer, 0, sizeof(*peer));
    peer->fixture = fixture;
    address.sin_port = htons((uint16_t)port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    peer->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(peer->fd >= 0);
    assert_int_equal(
        connect(peer->fd, (struct sockaddr *)&address, sizeof(address)), 0);
}

void peer_open(struct peer *peer, struct fixture *fixture)
{
    static const uint8_t magic[4] = {0xfb, 0x08, 0, 0};

    peer_connect(peer, fixture, domi_zone_tcp_port(fixture->zone));
    peer_send(peer, magic, sizeof(magic));
    fixture_wait(fixture, has(peer, 8));
    assert_false(peer->ended);
    peer->id = domi_get_u64(peer->in);
    peer_drop(peer, 8);
}

void peer_close(struct peer *peer)
{
    close(peer->fd);
    free(peer->in);
    free(peer->last);
    peer->fd = -1;
    peer->in = NULL;
    peer->last = NULL;
}

/* Sends as much as goes now; true when all has gone. */
static bool send_some(struct peer *peer, const uint8_t **bytes, size_t *size)
{
    ssize_t n = send(peer->fd, *bytes, *size, MSG_DONTWAIT | MSG_NOSIGNAL);

    receive(peer);
    if (n > 0) {
        *bytes += n;
        *size -= (size_t)n;
    } else if (errno != EAGAIN) {
        peer->ended = true;
    }
    return *size == 0 || peer->ended;
}

void peer_send(struct peer *peer, const void *bytes, size_t size)
{
    const uint8_t *next = bytes;

    fixture_wait(peer->fixture, send_some(peer, &next, &size));
}

static size_t from_hex(const struct peer *peer, const char *hex, uint8_t *out)
{
    static const uint8_t recorded[8] = {0, 0, 0xc0, 0xad, 0x79, 0, 0, 0};
    size_t size = strlen(hex) / 2;

    for (size_t i = 0; i < size; i++) {
        unsigned byte;

        assert_int_equal(sscanf(hex + 2 * i, "%2x", &byte), 1);
        out[i] = (uint8_t)byte;
    }
    for (size_t i = 0; i + 8 <= size; i++) {
        if (memcmp(out + i, recorded, 8) == 0) {
            domi_put_u64(out + i, peer->id);
        }
    }
    return size;
}

void peer_send_hex(struct peer *peer, const char *hex)
{
    uint8_t bytes[256];

    peer_send(peer, bytes, from_hex(peer, hex, bytes));
}

void peer_send_frame(struct peer *peer, uint64_t user, uint64_t group,
                     uint16_t type, const void *data, uint32_t size)
{
    uint8_t *bytes = malloc(domi_frame_size(size, 16));
    uint8_t extend[16];

    assert_non_null(bytes);
    domi_put_u64(extend, user);
    domi_put_u64(extend + 8, group);
    peer_send(peer, bytes,
              domi_frame_encode(bytes, type, data, size, extend, 16));
    free(bytes);
}

void peer_join(struct peer *peer, uint64_t user, uint64_t group)
{
    uint8_t data[16];

    domi_put_u64(data, user);
    domi_put_u64(data + 8, peer->id);
    peer_send_frame(peer, peer->id, group, 50, data, 16);
}

void peer_drop(struct peer *peer, size_t size)
{
    assert_true(size <= peer->size);
    peer->size -= size;
    memmove(peer->in, peer->in + size, peer->size);
}

void peer_expect(struct peer *peer, const void *bytes, size_t size)
{
    fixture_wait(peer->fixture, has(peer, size));
    assert_true(peer->size >= size);
    assert_memory_equal(peer->in, bytes, size);
    peer_drop(peer, size);
}

void peer_expect_hex(struct peer *peer, const char *hex)
{
    uint8_t bytes[256];

    peer_expect(peer, bytes, from_hex(peer, hex, bytes));
}

size_t peer_wait_frame(struct peer *peer)
{
    size_t size;

    fixture_wait(peer->fixture, has(peer, DOMI_FRAME_HEADER));
    assert_true(peer->size >= DOMI_FRAME_HEADER);
    size = domi_get_u32(peer->in);
    fixture_wait(peer->fixture, has(peer, size));
    assert_true(peer->size >= size);
    return size;
}

struct domi_frame peer_next(struct peer *peer)
{
    size_t size = peer_wait_frame(peer);
    struct domi_frame frame;

    peer->last = realloc(peer->last, size);
    assert_non_null(peer->last);
    memcpy(peer->last, peer->in, size);
    peer_drop(peer, size);
    assert_int_equal(domi_frame_decode(peer->last, size, 1 << 20, &frame),
                     size);
    assert_int_equal(domi__frame_check(&frame, DOMI__ZONE_TO_GATEWAY),
                     DOMI_REASON_NONE);
    return frame;
}

void peer_hello(struct peer *peer, uint32_t features)
{
    uint8_t data[DOMI__HELLO_SIZE] = {DOMI__HELLO_VERSION};
    uint8_t extend[16] = {0};
    uint8_t bytes[64];
    struct domi_frame answer;

    domi_put_u32(data + 4, features);
    domi_put_u64(extend + 8, DOMI__HELLO_GROUP);
    peer_send(peer, bytes,
              domi_frame_encode(bytes, DOMI__FRAME_HELLO, data, sizeof(data),
                                extend, sizeof(extend)));
    answer = peer_next(peer);
    assert_int_equal(answer.type, DOMI__FRAME_HELLO_ANSWER);
    assert_int_equal(domi_get_u32(answer.data + 4), features);
    assert_int_equal(domi_get_u64(answer.data + 8),
                     domi_zone_id(peer->fixture->zone));
}

void peer_expect_group(struct peer *peer, uint16_t type, uint64_t group,
                       uint64_t number)
{
    struct domi_frame frame = peer_next(peer);

    assert_int_equal(frame.type, type);
    if (type == DOMI__FRAME_GROUP_CLOSED) {
        assert_int_equal(domi_get_u64(frame.extend), group);
        assert_int_equal(domi_get_u16(frame.extend + 8), number);
        return;
    }
    assert_int_equal(domi_get_u64(frame.data), group);
    if (type == DOMI__FRAME_PLACED) {
        assert_int_equal(domi_get_u64(frame.data + 8), number);
    } else {
        assert_int_equal(frame.data_size, 8);
    }
}

void peer_expect_nothing(struct peer *peer)
{
    static const uint8_t heartbeat[8] = {8, 0, 0, 0, 0, 0, 1, 0};

    peer_send(peer, heartbeat, sizeof(heartbeat));
    peer_expect(peer, heartbeat, sizeof(heartbeat));
}

void peer_expect_rest(struct peer *peer)
{
    fixture_wait(peer->fixture, has(peer, SIZE_MAX));
}

void peer_expect_end(struct peer *peer)
{
    peer_expect_rest(peer);
    assert_int_equal(peer->size, 0);
}
