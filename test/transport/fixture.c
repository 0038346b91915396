/* SPDX-License-Identifier: MIT */
/* A loop, owners that note what they see, and plain sockets as their peers. */
#include "fixture.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "frame/frame.h"

#define WAIT_NS 10000000000u
#define TICK_MS 2

/* ---- a loop -------------------------------------------------------------- */

int count_descriptors(void)
{
    DIR *dir = opendir("/proc/self/fd");
    int count = 0;

    assert_non_null(dir);
    while (readdir(dir)) {
        count++;
    }
    closedir(dir);
    return count;
}

static void on_line(enum domi_log_level level, const char *line, void *user)
{
    struct fixture *fixture = user;

    (void)level;
    (void)line;
    fixture->lines++;
}

static void on_tick(uv_timer_t *timer)
{
    (void)timer;
}

void fixture_init(struct fixture *fixture)
{
    memset(fixture, 0, sizeof(*fixture));
    /* The first loop of a process opens what libuv keeps for all. */
    assert_int_equal(uv_loop_init(&fixture->uv), 0);
    assert_int_equal(uv_loop_close(&fixture->uv), 0);
    fixture->descriptors = count_descriptors();
    assert_int_equal(uv_loop_init(&fixture->uv), 0);
    assert_int_equal(uv_timer_init(&fixture->uv, &fixture->tick), 0);
    uv_timer_start(&fixture->tick, on_tick, TICK_MS, TICK_MS);
    domi__log_init(&fixture->log, on_line, fixture);
    fixture->loop = domi__loop_get(&fixture->uv);
    assert_non_null(fixture->loop);
}

static void on_put(void *user)
{
    *(bool *)user = true;
}

void fixture_fini(struct fixture *fixture)
{
    bool put = false;

    domi__loop_put(fixture->loop, on_put, &put);
    RUN_UNTIL(fixture, put);
    uv_close((uv_handle_t *)&fixture->tick, NULL);
    uv_run(&fixture->uv, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&fixture->uv), 0);
    assert_int_equal(count_descriptors(), fixture->descriptors);
}

void fixture_wait(struct fixture *fixture)
{
    fixture->deadline_ns = uv_hrtime() + WAIT_NS;
}

void fixture_turn(struct fixture *fixture, const char *condition,
                  const char *file, int line)
{
    if (uv_hrtime() > fixture->deadline_ns) {
        print_error("waited in vain for: %s\n", condition);
        _fail(file, line);
    }
    uv_run(&fixture->uv, UV_RUN_ONCE);
}

void fixture_turn_once(struct fixture *fixture)
{
    uv_run(&fixture->uv, UV_RUN_NOWAIT);
}

/* ---- owners -------------------------------------------------------------- */

static void append(uint8_t **bytes, size_t *size, size_t *capacity,
                   const void *more, size_t more_size)
{
    while (*capacity - *size < more_size) {
        *capacity = *capacity ? *capacity * 2 : 4096;
        *bytes = realloc(*bytes, *capacity);
        assert_non_null(*bytes);
    }
    memcpy(*bytes + *size, more, more_size);
    *size += more_size;
}

static uint64_t admit(void *arg)
{
    struct party *party = arg;

    if (party->next_id == 0) {
        return 0;
    }
    party->admitted++;
    return party->next_id++;
}

static void dismiss(void *arg)
{
    struct party *party = arg;

    party->admitted--;
}

static void on_open(struct domi__session *session)
{
    struct party *party = session->arg;

    party->opened++;
    party->session = session;
    if (party->on_open) {
        party->on_open(party, session);
    }
}

static bool on_frame(struct domi__session *session,
                     const struct domi_frame *frame, const uint8_t *wire)
{
    struct party *party = session->arg;

    if (party->on_frame && !party->on_frame(party, session, frame)) {
        return false;
    }
    party->frames++;
    append(&party->bytes, &party->size, &party->capacity, wire,
           domi_get_u32(wire));
    return true;
}

static void on_low(struct domi__session *session)
{
    struct party *party = session->arg;

    party->lows++;
    if (party->on_low) {
        party->on_low(party, session);
    }
}

static void on_drop(struct domi__session *session, size_t frames)
{
    struct party *party = session->arg;

    party->dropped += frames;
    if (party->on_drop) {
        party->on_drop(party, session);
    }
}

static size_t farewell(struct domi__session *session, enum domi_reason reason,
                       uint8_t *out)
{
    struct party *party = session->arg;
    uint8_t data[2];

    if (!party->has_farewell) {
        return 0;
    }
    domi_put_u16(data, (uint16_t)reason);
    return domi_frame_encode(out, DOMI__FRAME_NOTICE, data, sizeof(data), NULL,
                             0);
}

static void on_close(struct domi__session *session, enum domi_reason reason)
{
    struct party *party = session->arg;

    party->closed++;
    party->reason = reason;
    if (party->session == session) {
        party->session = NULL;
    }
    if (party->on_close) {
        party->on_close(party, session);
    }
}

static const struct domi__session_owner owner = {
    .size = sizeof(struct domi__session),
    .admit = admit,
    .dismiss = dismiss,
    .on_open = on_open,
    .on_frame = on_frame,
    .on_low = on_low,
    .on_drop = on_drop,
    .farewell = farewell,
    .on_close = on_close,
};

void party_init(struct party *party, struct fixture *fixture)
{
    *party = (struct party){
        .fixture = fixture,
        .next_id = 1000,
        .limits = {
            .frame_limit = 2u << 20,
            .send_limit = 16u << 20,
            .handshake_ms = 60000,
            .silence_ms = 60000,
        },
    };
}

void party_fini(struct party *party)
{
    free(party->bytes);
}

struct domi__listen party_listen(struct party *party, int port)
{
    return (struct domi__listen){
        .loop = party->fixture->loop,
        .log = &party->fixture->log,
        .owner = &owner,
        .limits = &party->limits,
        .arg = party,
        .host = "127.0.0.1",
        .port = port,
        .pauses = &party->pauses,
    };
}

struct domi__memory_port party_port(struct party *party)
{
    return (struct domi__memory_port){
        .loop = party->fixture->loop,
        .log = &party->fixture->log,
        .owner = &owner,
        .limits = &party->limits,
        .arg = party,
    };
}

struct domi__listener *party_open(struct party *party)
{
    struct domi__listen listen = party_listen(party, 0);
    struct domi__listener *listener;

    assert_int_equal(domi__tcp_listen(&listener, &listen), 0);
    return listener;
}

static void on_listener_closed(void *user)
{
    *(bool *)user = true;
}

void listener_end(struct fixture *fixture, struct domi__listener *listener)
{
    bool closed = false;

    domi__listener_close(listener, on_listener_closed, &closed);
    assert_false(closed);
    RUN_UNTIL(fixture, closed);
}

/* ---- peers --------------------------------------------------------------- */

void client_open(struct client *client, int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    const int on = 1;

    memset(client, 0, sizeof(*client));
    client->at = DOMI__ID_SIZE;
    address.sin_port = htons((uint16_t)port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    client->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(client->fd >= 0);
    setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    assert_int_equal(connect(client->fd, (struct sockaddr *)&address,
                             sizeof(address)),
                     0);
}

void client_close(struct client *client)
{
    close(client->fd);
    free(client->bytes);
    client->bytes = NULL;
}

size_t client_try_send(struct client *client, const void *bytes, size_t size)
{
    ssize_t n = send(client->fd, bytes, size, MSG_NOSIGNAL | MSG_DONTWAIT);

    if (n < 0) {
        assert_int_equal(errno, EAGAIN);
        return 0;
    }
    return (size_t)n;
}

void client_send(struct client *client, const void *bytes, size_t size)
{
    assert_int_equal(client_try_send(client, bytes, size), size);
}

void client_send_magic(struct client *client)
{
    uint8_t magic[DOMI__MAGIC_SIZE];

    domi_put_u32(magic, DOMI__MAGIC);
    client_send(client, magic, sizeof(magic));
}

static void client_read(struct client *client)
{
    static uint8_t bytes[65536];

    while (!client->ended) {
        ssize_t n = recv(client->fd, bytes, sizeof(bytes), MSG_DONTWAIT);

        if (n < 0 && errno == EAGAIN) {
            return;
        }
        if (n <= 0) {
            client->ended = true;
        } else {
            append(&client->bytes, &client->size, &client->capacity, bytes,
                   (size_t)n);
        }
    }
}

bool client_has(struct client *client, size_t size)
{
    client_read(client);
    return client->size >= size;
}

bool client_ended(struct client *client)
{
    client_read(client);
    return client->ended;
}

bool client_frame(struct client *client, struct domi_frame *frame)
{
    ssize_t n;

    client_read(client);
    if (client->size <= client->at) {
        return false;
    }
    n = domi_frame_decode(client->bytes + client->at,
                          client->size - client->at, UINT32_MAX, frame);
    assert_true(n >= 0);
    client->at += (size_t)n;
    return n > 0;
}

void client_connect(struct client *client, struct party *party,
                    struct domi__listener *listener)
{
    unsigned opened = party->opened;

    client_open(client, domi__listener_port(listener));
    client_send_magic(client);
    RUN_UNTIL(party->fixture, party->opened > opened &&
                                  client_has(client, DOMI__ID_SIZE));
}

/* ---- frames -------------------------------------------------------------- */

static void fill(uint8_t *data, uint32_t number, uint32_t size)
{
    domi_put_u32(data, number);
    for (uint32_t i = 4; i < size; i++) {
        data[i] = (uint8_t)(number * 7 + i);
    }
}

size_t numbered_frame(uint8_t *out, uint32_t number, uint32_t size)
{
    domi_frame_encode(out, FIRST_TYPE, NULL, 0, NULL, 0);
    domi_put_u32(out, DOMI_FRAME_HEADER + size);
    fill(out + DOMI_FRAME_HEADER, number, size);
    return DOMI_FRAME_HEADER + size;
}

uint32_t number_of(const struct domi_frame *frame)
{
    uint32_t number;

    assert_int_equal(frame->type, FIRST_TYPE);
    assert_int_equal(frame->extend_size, 0);
    assert_true(frame->data_size >= 4);
    number = domi_get_u32(frame->data);
    for (uint32_t i = 4; i < frame->data_size; i++) {
        if (frame->data[i] != (uint8_t)(number * 7 + i)) {
            fail_msg("byte %u of frame %u is wrong", i, number);
        }
    }
    return number;
}

int send_numbered(struct domi__session *session, uint32_t number, uint32_t size)
{
    uint8_t *data = malloc(size);
    int err;

    assert_non_null(data);
    fill(data, number, size);
    err = domi__session_send(session, FIRST_TYPE, data, size, NULL, 0);
    free(data);
    return err;
}
