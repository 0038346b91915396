/* SPDX-License-Identifier: MIT */
/* Raw TCP on loopback: users and zones that a test plays by hand. */
#include "peer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "frame/frame.h"

static void on_tick(uv_timer_t *timer)
{
    (void)timer;
}

void net_open(struct net *net)
{
    memset(net, 0, sizeof(*net));
    assert_int_equal(uv_loop_init(&net->loop), 0);
    assert_int_equal(uv_timer_init(&net->loop, &net->tick), 0);
    assert_int_equal(uv_timer_start(&net->tick, on_tick, 1, 1), 0);
}

static void free_peer(struct peer *peer)
{
    peer_close(peer);
    free(peer->in.bytes);
    free(peer->out.bytes);
    free(peer->frame.bytes);
    free(peer);
}

void net_close(struct net *net)
{
    struct peer *peer;
    struct zone *zone;

    while ((peer = net->peers)) {
        net->peers = peer->next;
        free_peer(peer);
    }
    while ((zone = net->zones)) {
        net->zones = zone->next;
        close(zone->fd);
        free(zone);
    }
    uv_close((uv_handle_t *)&net->tick, NULL);
    uv_run(&net->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&net->loop), 0);
}

/* ---- bytes --------------------------------------------------------------- */

static uint8_t *append(struct bytes *bytes, size_t size)
{
    if (bytes->capacity - bytes->size < size) {
        bytes->capacity = 2 * (bytes->size + size);
        bytes->bytes = realloc(bytes->bytes, bytes->capacity);
        assert_non_null(bytes->bytes);
    }
    bytes->size += size;
    return bytes->bytes + bytes->size - size;
}

static void drop(struct bytes *bytes, size_t size)
{
    bytes->size -= size;
    if (bytes->size > 0) {
        memmove(bytes->bytes, bytes->bytes + size, bytes->size);
    }
}

uint16_t put_ids(uint8_t *out, unsigned count, ...)
{
    va_list ids;

    va_start(ids, count);
    for (unsigned i = 0; i < count; i++) {
        domi_put_u64(out + 8 * i, va_arg(ids, uint64_t));
    }
    va_end(ids);
    return (uint16_t)(8 * count);
}

/* ---- one peer ------------------------------------------------------------ */

static struct peer *new_peer(struct net *net, int fd)
{
    struct peer *peer = calloc(1, sizeof(*peer));
    const int on = 1;

    assert_non_null(peer);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    peer->net = net;
    peer->fd = fd;
    peer->next = net->peers;
    net->peers = peer;
    return peer;
}

struct peer *peer_connect(struct net *net, int port)
{
    return peer_connect_from(net, "127.0.0.1", port);
}

struct peer *peer_connect_from(struct net *net, const char *from, int port)
{
    struct sockaddr_in address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    uv_ip4_addr(from, 0, &address);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    uv_ip4_addr("127.0.0.1", port, &address);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)),
                     0);
    return new_peer(net, fd);
}

void peer_close(struct peer *peer)
{
    if (peer->fd >= 0) {
        close(peer->fd);
        peer->fd = -1;
    }
    if (peer->zone && peer->zone->link == peer) {
        peer->zone->link = NULL;
    }
}

static void write_out(struct peer *peer)
{
    ssize_t n;

    if (peer->fd < 0 || peer->out.size == 0) {
        return;
    }
    n = send(peer->fd, peer->out.bytes + peer->sent,
             peer->out.size - peer->sent, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n > 0) {
        peer->sent += (size_t)n;
    }
    if (peer->sent == peer->out.size) {
        peer->sent = 0;
        peer->out.size = 0;
    }
}

static void read_in(struct peer *peer)
{
    static uint8_t buffer[65536];
    ssize_t n;

    if (peer->fd < 0 || peer->deaf || peer->ended) {
        return;
    }
    n = recv(peer->fd, buffer, sizeof(buffer), MSG_DONTWAIT);
    if (n > 0) {
        memcpy(append(&peer->in, (size_t)n), buffer, (size_t)n);
    } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
        /* As a good peer, so that the other side need not wait. */
        peer->ended = true;
        close(peer->fd);
        peer->fd = -1;
    }
}

void peer_send(struct peer *peer, const void *bytes, size_t size)
{
    if (size > 0) {
        memcpy(append(&peer->out, size), bytes, size);
    }
    write_out(peer);
}

void peer_send_hex(struct peer *peer, const char *hex)
{
    uint8_t bytes[256];
    size_t size = strlen(hex) / 2;

    assert_true(size <= sizeof(bytes));
    for (size_t i = 0; i < size; i++) {
        char digits[3] = {hex[2 * i], hex[2 * i + 1], '\0'};

        bytes[i] = (uint8_t)strtoul(digits, NULL, 16);
    }
    peer_send(peer, bytes, size);
}

void peer_send_frame(struct peer *peer, uint16_t type, const void *data,
                     uint32_t data_size, const void *extend,
                     uint16_t extend_size)
{
    size_t size = domi_frame_size(data_size, extend_size);

    domi_frame_encode(append(&peer->out, size), type, data, data_size, extend,
                      extend_size);
    write_out(peer);
}

void peer_expect(struct peer *peer, const void *bytes, size_t size)
{
    UNTIL(peer->net, peer->in.size >= size || peer->ended);
    assert_true(peer->in.size >= size);
    assert_memory_equal(peer->in.bytes, bytes, size);
    drop(&peer->in, size);
}

/* Takes the first frame out of what came, when it is whole. */
static bool take(struct peer *peer, struct domi_frame *frame)
{
    ssize_t n =
        domi_frame_decode(peer->in.bytes, peer->in.size, UINT32_MAX, frame);

    assert_true(n >= 0);
    if (n == 0) {
        return false;
    }
    peer->frame.size = 0;
    memcpy(append(&peer->frame, (size_t)n), peer->in.bytes, (size_t)n);
    domi_frame_decode(peer->frame.bytes, peer->frame.size, UINT32_MAX, frame);
    drop(&peer->in, (size_t)n);
    return true;
}

struct domi_frame peer_next(struct peer *peer)
{
    struct domi_frame frame;

    do {
        peer->frame.size = 0;
        UNTIL(peer->net, take(peer, &frame) || peer->ended);
        assert_true(peer->frame.size > 0);
        if (peer->zone && frame.type == DOMI__FRAME_HEARTBEAT) {
            peer_send_frame(peer, DOMI__FRAME_HEARTBEAT, NULL, 0, NULL, 0);
        }
    } while (peer->zone && frame.type == DOMI__FRAME_HEARTBEAT);
    return frame;
}

void peer_expect_frame(struct peer *peer, uint16_t type, const void *data,
                       uint32_t data_size, const void *extend,
                       uint16_t extend_size)
{
    struct domi_frame frame = peer_next(peer);

    assert_int_equal(frame.type, type);
    assert_int_equal(frame.data_size, data_size);
    assert_int_equal(frame.extend_size, extend_size);
    if (data_size > 0) {
        assert_memory_equal(frame.data, data, data_size);
    }
    if (extend_size > 0) {
        assert_memory_equal(frame.extend, extend, extend_size);
    }
}

void peer_expect_quiet(struct peer *peer)
{
    peer_send_frame(peer, DOMI__FRAME_HEARTBEAT, NULL, 0, NULL, 0);
    peer_expect_frame(peer, DOMI__FRAME_HEARTBEAT, NULL, 0, NULL, 0);
}

void peer_expect_end(struct peer *peer)
{
    UNTIL(peer->net, peer->ended);
    assert_int_equal(peer->in.size, 0);
}

/* ---- zones --------------------------------------------------------------- */

struct zone *zone_open(struct net *net, bool knows_hello)
{
    struct sockaddr_in address;
    socklen_t size = sizeof(address);
    struct zone *zone = calloc(1, sizeof(*zone));

    assert_non_null(zone);
    zone->net = net;
    zone->knows_hello = knows_hello;
    zone->features = DOMI__FEATURE_GROUPS;
    zone->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_true(zone->fd >= 0);
    uv_ip4_addr("127.0.0.1", 0, &address);
    assert_int_equal(bind(zone->fd, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(zone->fd, 64), 0);
    getsockname(zone->fd, (struct sockaddr *)&address, &size);
    zone->port = ntohs(address.sin_port);
    zone->next_id = (uint64_t)zone->port << 32 | 1;
    zone->next = net->zones;
    net->zones = zone;
    return zone;
}

static void accept_links(struct zone *zone)
{
    int fd;

    while ((fd = accept4(zone->fd, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
        zone->dialled++;
        if (zone->down) {
            close(fd);
            continue;
        }
        zone->link = new_peer(zone->net, fd);
        zone->link->zone = zone;
    }
}

static void shake_hands(struct peer *peer)
{
    struct zone *zone = peer->zone;
    uint8_t id[8];

    if (zone->by_hand || peer->shook || peer->in.size < DOMI__MAGIC_SIZE) {
        return;
    }
    assert_int_equal(domi_get_u32(peer->in.bytes), DOMI__MAGIC);
    drop(&peer->in, DOMI__MAGIC_SIZE);
    domi_put_u64(id, zone->next_id++);
    peer_send(peer, id, sizeof(id));
    peer->shook = true;
}

/* The first frame on a link is the gateway's hello. */
static void greet(struct peer *peer)
{
    uint8_t answer[16] = {DOMI__HELLO_VERSION, 0, 0, 0, peer->zone->features};
    struct domi_frame frame;

    if (!peer->shook || peer->greeted || !take(peer, &frame)) {
        return;
    }
    if (frame.type == DOMI__FRAME_EXIT) {
        return; /* the gateway did not like the id */
    }
    assert_int_equal(frame.type, DOMI__FRAME_HELLO);
    if (peer->zone->knows_hello) {
        peer_send_frame(peer, DOMI__FRAME_HELLO_ANSWER, answer, sizeof(answer),
                        NULL, 0);
    }
    peer->greeted = true;
}

void zone_stop(struct zone *zone)
{
    zone->down = true;
    if (zone->link) {
        peer_close(zone->link);
    }
}

void zone_restart(struct zone *zone)
{
    zone->down = false;
}

void zone_wait(struct zone *zone)
{
    UNTIL(zone->net, zone->link && zone->link->greeted);
}

void net_turn(struct net *net)
{
    uv_run(&net->loop, UV_RUN_ONCE);
    for (struct peer *peer = net->peers; peer; peer = peer->next) {
        write_out(peer);
        read_in(peer);
        if (peer->zone) {
            shake_hands(peer);
            greet(peer);
        }
    }
    for (struct zone *zone = net->zones; zone; zone = zone->next) {
        accept_links(zone);
    }
}
