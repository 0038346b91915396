/* SPDX-License-Identifier: MIT */
/* A user of the load generator: connect, shake hands, join, send, receive.
 * In order: connected, (upgraded), (greeted), joined, ready. */
#include "load.h"
#include "websocket.h"

#include <err.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { READS_PER_TURN = 16, UNSENT_MAX = 1 << 22, ANSWER_MAX = 8192 };

/* Any key does; a server may not look at it. */
static const char key[] = "ZG9taSBiZW5jaCBsb2FkIQ==";

static void watch(struct load *load, struct load_user *user, int operation)
{
    struct epoll_event event = {
        .events = user->is_waiting ? EPOLLIN | EPOLLOUT : EPOLLIN,
        .data.ptr = user,
    };
    if (epoll_ctl(load->poll, operation, user->fd, &event) != 0) {
        err(2, "epoll_ctl");
    }
}

static void lose(struct load *load, struct load_user *user, const char *why)
{
    if (user->state == LOAD_GONE) {
        return;
    }
    load_complain(load, "user %u: %s", user->index, why);
    if (user->state == LOAD_READY) {
        load->ready_count--;
    }
    user->state = LOAD_GONE;
    load_tls_close(user);
    close(user->fd);
    bytes_fini(&user->in);
    bytes_fini(&user->out);
}

/* Source addresses of the loopback network are ours to choose. Spreading the
 * users keeps below the ports of one address and a server's limits per
 * address. */
static void bind_source(struct load *load, struct load_user *user)
{
    uint32_t server = ntohl(load->options.address.sin_addr.s_addr);
    uint32_t number = user->index / load->options.users_per_address;
    struct sockaddr_in source = { .sin_family = AF_INET };
    int on = 1;
    if (server >> 24 != IN_LOOPBACKNET) {
        return;
    }
    source.sin_addr.s_addr = htonl(INADDR_LOOPBACK + number);
    setsockopt(user->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on,
               sizeof(on));
    if (bind(user->fd, (struct sockaddr *)&source, sizeof(source)) != 0) {
        err(2, "can't bind a source address");
    }
}

void load_user_connect(struct load *load, struct load_user *user)
{
    const struct sockaddr_in *address = &load->options.address;
    int on = 1;
    user->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (user->fd < 0) {
        err(2, "socket");
    }
    bind_source(load, user);
    setsockopt(user->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (connect(user->fd, (const struct sockaddr *)address,
                sizeof(*address)) != 0 && errno != EINPROGRESS) {
        err(2, "connect");
    }
    user->state = LOAD_CONNECTING;
    user->is_waiting = true;
    watch(load, user, EPOLL_CTL_ADD);
}

/* Sends what waits, then `data`; keeps what the socket doesn't take. */
static void send_bytes(struct load *load, struct load_user *user,
                       const uint8_t *data, size_t size)
{
    ssize_t sent = 0;
    if (bytes_size(&user->out) > 0) {
        bytes_append(&user->out, data, size);
        data = bytes_front(&user->out);
        size = bytes_size(&user->out);
    }
    if (size > 0) {
        sent = user->tls ? load_tls_send(user, data, size) :
            send(user->fd, data, size, MSG_NOSIGNAL);
    }
    if (sent < 0 && errno != EAGAIN && errno != EINTR) {
        lose(load, user, "the server has closed the connection");
        return;
    }
    sent = sent < 0 ? 0 : sent;
    if (bytes_size(&user->out) > 0) {
        bytes_consume(&user->out, (size_t)sent);
    } else {
        bytes_append(&user->out, data + sent, size - (size_t)sent);
    }
    if (bytes_size(&user->out) > UNSENT_MAX) {
        lose(load, user, "the server has stopped reading");
        return;
    }
    bool waits = bytes_size(&user->out) > 0;
    if (waits != user->is_waiting) {
        user->is_waiting = waits;
        watch(load, user, EPOLL_CTL_MOD);
    }
}

static uint32_t next_random(struct load *load)
{
    load->random ^= load->random << 13;
    load->random ^= load->random >> 7;
    load->random ^= load->random << 17;
    return (uint32_t)load->random;
}

/* Sends `size` bytes that lie WEBSOCKET_HEADER_MAX into the scratch memory, as
 * they are or as a masked message. */
static void send_scratch(struct load *load, struct load_user *user,
                         size_t size)
{
    uint8_t *body = load->scratch + WEBSOCKET_HEADER_MAX;
    uint8_t header[WEBSOCKET_HEADER_MAX];
    uint8_t mask[4];
    size_t used = 0;
    if (load->options.is_websocket) {
        wire_put32(mask, next_random(load));
        websocket_mask(body, size, mask);
        used = websocket_put(header, WEBSOCKET_BINARY, size, mask);
        memcpy(body - used, header, used);
    }
    user->sent_at = load->now;
    send_bytes(load, user, body - used, used + size);
}

void load_user_send(struct load *load, struct load_user *user, uint16_t type,
                    const void *data, uint32_t size, const void *extend,
                    uint16_t extend_size)
{
    uint8_t *frame = load->scratch + WEBSOCKET_HEADER_MAX;
    uint32_t length = WIRE_HEADER_SIZE + size + extend_size;
    wire_put_header(frame, length, extend_size, type);
    if (size > 0) {
        memcpy(frame + WIRE_HEADER_SIZE, data, size);
    }
    if (extend_size > 0) {
        memcpy(frame + WIRE_HEADER_SIZE + size, extend, extend_size);
    }
    send_scratch(load, user, length);
}

static void send_magic(struct load *load, struct load_user *user)
{
    wire_put32(load->scratch + WEBSOCKET_HEADER_MAX, WIRE_MAGIC);
    send_scratch(load, user, WIRE_MAGIC_SIZE);
}

/* The last step before a user is ready has an answer in either case: to the
 * join, or to a heartbeat. So a handshake that failed is always noticed. */
static void join(struct load *load, struct load_user *user)
{
    uint8_t group[8];
    user->state = LOAD_JOINING;
    if (load->options.joins) {
        wire_put64(group, LOAD_FIRST_GROUP +
                          user->index % load->options.groups);
        load_user_send(load, user, WIRE_JOIN, group, sizeof(group), NULL, 0);
    } else {
        load_user_send(load, user, WIRE_HEARTBEAT, NULL, 0, NULL, 0);
    }
}

static void request_upgrade(struct load *load, struct load_user *user)
{
    char request[512];
    int size = snprintf(request, sizeof(request),
                        "GET /ws HTTP/1.1\r\n"
                        "Host: 127.0.0.1:%u\r\n"
                        "Upgrade: websocket\r\n"
                        "Connection: Upgrade\r\n"
                        "Sec-WebSocket-Key: %s\r\n"
                        "Sec-WebSocket-Version: 13\r\n\r\n",
                        ntohs(load->options.address.sin_port), key);
    user->state = LOAD_UPGRADING;
    send_bytes(load, user, (const uint8_t *)request, (size_t)size);
}

static void connected(struct load *load, struct load_user *user)
{
    int error = 0;
    socklen_t size = sizeof(error);
    getsockopt(user->fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) {
        lose(load, user, strerror(error));
    } else if (load->options.is_tls && !load_tls_open(load, user)) {
        lose(load, user, "the server does not speak TLS");
    } else if (load->options.is_websocket) {
        request_upgrade(load, user);
    } else {
        user->state = LOAD_GREETING;
        send_magic(load, user);
    }
}

static void become_ready(struct load *load, struct load_user *user)
{
    user->state = LOAD_READY;
    load->ready_count++;
}

static void joined(struct load *load, struct load_user *user,
                   const struct wire_frame *frame)
{
    uint64_t group = LOAD_FIRST_GROUP + user->index % load->options.groups;
    if (user->state != LOAD_JOINING || frame->data_size < WIRE_TARGET_SIZE ||
        frame->extend_size != 0) {
        lose(load, user, "an answer to a join that makes no sense");
    } else if (wire_get64(frame->data) == 0) {
        lose(load, user, "no room could be had");
    } else if (wire_get64(frame->data + 8) != group) {
        lose(load, user, "joined another group than asked for");
    } else {
        memcpy(user->target, frame->data, WIRE_TARGET_SIZE);
        become_ready(load, user);
    }
}

static void noticed(struct load *load, struct load_user *user,
                    const struct wire_frame *frame)
{
    if (frame->data_size >= 4) {
        load_complain(load, "user %u: notice %u, reason %u", user->index,
                      wire_get16(frame->data), wire_get16(frame->data + 2));
    } else {
        load_complain(load, "user %u: a notice cut short", user->index);
    }
}

static void take_frame(struct load *load, struct load_user *user,
                       const struct wire_frame *frame)
{
    switch (frame->type) {
    case WIRE_MESSAGE:
        load_traffic_take(load, user, frame);
        break;
    case WIRE_HEARTBEAT:
        if (user->state == LOAD_JOINING && !load->options.joins) {
            become_ready(load, user);
        }
        break;
    case WIRE_JOIN:
        joined(load, user, frame);
        break;
    case WIRE_NOTICE:
        noticed(load, user, frame);
        break;
    default:
        load_complain(load, "user %u: a frame of type %u", user->index,
                      frame->type);
        break;
    }
}

/* The takers return how many bytes they took, or -1 for bytes that no good
 * server sends. */
static int64_t take_tcp(struct load *load, struct load_user *user,
                        const uint8_t *data, size_t size)
{
    struct wire_frame frame;
    size_t used = 0;
    if (user->state == LOAD_GREETING) {
        if (size < WIRE_ID_SIZE) {
            return 0;
        }
        used = WIRE_ID_SIZE;
        join(load, user);
    }
    while (user->state != LOAD_GONE) {
        int64_t length = wire_take(data + used, size - used, &frame);
        if (length < 0) {
            return -1;
        }
        if (length == 0) {
            break;
        }
        take_frame(load, user, &frame);
        used += (size_t)length;
    }
    return (int64_t)used;
}

static bool take_payload(struct load *load, struct load_user *user,
                         const struct websocket_header *header,
                         const uint8_t *payload)
{
    struct wire_frame frame;
    if (header->opcode == WEBSOCKET_PONG) {
        return true;
    }
    if (header->opcode != WEBSOCKET_BINARY ||
        wire_take(payload, header->payload_size, &frame) !=
            (int64_t)header->payload_size) {
        return false;
    }
    take_frame(load, user, &frame);
    return true;
}

static int64_t take_websocket(struct load *load, struct load_user *user,
                              const uint8_t *data, size_t size)
{
    struct websocket_header header;
    size_t used = 0;
    while (user->state != LOAD_GONE) {
        size_t head = websocket_take(data + used, size - used, &header);
        if (head == 0) {
            break;
        }
        if (header.masked || !header.final ||
            header.payload_size > LOAD_BUFFER_SIZE) {
            return -1;
        }
        if (size - used - head < header.payload_size) {
            break;
        }
        if (!take_payload(load, user, &header, data + used + head)) {
            return -1;
        }
        used += head + header.payload_size;
    }
    return (int64_t)used;
}

static int64_t take_upgrade(struct load *load, struct load_user *user,
                            const uint8_t *data, size_t size)
{
    static const char status[] = "HTTP/1.1 101 ";
    static char expected[WEBSOCKET_ACCEPT_SIZE];
    const uint8_t *end = memmem(data, size, "\r\n\r\n", 4);
    if (end == NULL) {
        return size > ANSWER_MAX ? -1 : 0;
    }
    if (expected[0] == '\0') {
        websocket_accept(key, sizeof(key) - 1, expected);
    }
    size_t used = (size_t)(end - data) + 4;
    if (memcmp(data, status, sizeof(status) - 1) != 0 ||
        memmem(data, used, expected, sizeof(expected)) == NULL) {
        return -1;
    }
    send_magic(load, user);
    join(load, user);
    int64_t more = take_websocket(load, user, data + used, size - used);
    return more < 0 ? -1 : (int64_t)used + more;
}

static int64_t take(struct load *load, struct load_user *user,
                    const uint8_t *data, size_t size)
{
    if (user->state == LOAD_UPGRADING) {
        return take_upgrade(load, user, data, size);
    }
    if (load->options.is_websocket) {
        return take_websocket(load, user, data, size);
    }
    return take_tcp(load, user, data, size);
}

/* True when there may be more to read. */
static bool read_once(struct load *load, struct load_user *user)
{
    size_t held = bytes_size(&user->in);
    size_t room = LOAD_BUFFER_SIZE - held;
    ssize_t got = user->tls ?
        load_tls_receive(user, load->buffer + held, room) :
        recv(user->fd, load->buffer + held, room, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        return false;
    }
    if (got <= 0) {
        lose(load, user, "the server has closed the connection");
        return false;
    }
    load->now = load_clock();
    if (held > 0) {
        memcpy(load->buffer, bytes_front(&user->in), held);
        bytes_fini(&user->in);
    }
    size_t size = held + (size_t)got;
    int64_t used = take(load, user, load->buffer, size);
    if (used < 0 || (used == 0 && size == LOAD_BUFFER_SIZE)) {
        lose(load, user, "bytes that no good server sends");
    }
    if (user->state == LOAD_GONE) {
        return false;
    }
    bytes_append(&user->in, load->buffer + used, size - (size_t)used);
    return (size_t)got == room;
}

void load_user_handle(struct load *load, struct load_user *user,
                      uint32_t events)
{
    load->now = load_clock();
    if (user->state == LOAD_CONNECTING) {
        connected(load, user);
    } else if (events & EPOLLOUT && user->state != LOAD_GONE) {
        send_bytes(load, user, NULL, 0);
    }
    if (!(events & ~(uint32_t)EPOLLOUT)) {
        return;
    }
    for (int i = 0; i < READS_PER_TURN && user->state != LOAD_GONE; i++) {
        if (!read_once(load, user)) {
            return;
        }
    }
}
