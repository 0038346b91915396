/* SPDX-License-Identifier: MIT */
/* Where whole nodes are fuzzed: a loop, and peers that a script plays. */
#include "stand.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "shortage.h"
#include "transport/loop_inner.h"

#define START_NS UINT64_C(1000000000000)
#define WALL_MS UINT64_C(1800000000000)
#define MS UINT64_C(1000000)
#define STEP_MS 400u
#define CLOSE_TURNS 4000
#define CLOSE_STEP_MS 100
#define FRAME_MAX (2u << 20) /* more than any limit of a target */

struct stand stand;

/* The listeners of the nodes, by what connects to them. */
static struct {
    struct domi__accepter *accepter;
    void (*on_socket)(struct domi__accepter *accepter, int fd);
} doors[2];
static unsigned door_count;

/* ---- in the place of the system's ---------------------------------------- */

uint64_t __wrap_domi__clock_ns(void);
uint64_t __wrap_domi__clock_coarse_ns(void);
uint64_t __wrap_domi__clock_wall_ms(void);
int __wrap_domi__random(void *bytes, unsigned size);
uint64_t __wrap_uv_now(const uv_loop_t *loop);
time_t __wrap_time(time_t *out);
int __wrap_domi__accepter_open(
    struct domi__accepter *accepter, const struct domi__listen *listen_on,
    int *port, void (*on_socket)(struct domi__accepter *accepter, int fd));
void __wrap_domi__accepter_close(struct domi__accepter *accepter);
int __wrap_connect(int fd, const struct sockaddr *address, socklen_t size);
int __wrap_getpeername(int fd, struct sockaddr *address, socklen_t *size);

uint64_t __wrap_domi__clock_ns(void)
{
    return stand.now_ns;
}

uint64_t __wrap_domi__clock_coarse_ns(void)
{
    return stand.now_ns;
}

uint64_t __wrap_domi__clock_wall_ms(void)
{
    return WALL_MS + stand.now_ns / MS;
}

uint64_t __wrap_uv_now(const uv_loop_t *loop)
{
    (void)loop;
    return stand.now_ns / MS;
}

time_t __wrap_time(time_t *out)
{
    (void)out;
    return (time_t)(__wrap_domi__clock_wall_ms() / 1000);
}

/* The same numbers in each run. */
int __wrap_domi__random(void *bytes, unsigned size)
{
    for (unsigned i = 0; i < size; i++) {
        stand.chance = stand.chance * UINT64_C(6364136223846793005) +
                       UINT64_C(1442695040888963407);
        ((uint8_t *)bytes)[i] = (uint8_t)(stand.chance >> 56);
    }
    return 0;
}

int __wrap_domi__accepter_open(
    struct domi__accepter *accepter, const struct domi__listen *listen_on,
    int *port, void (*on_socket)(struct domi__accepter *accepter, int fd))
{
    *accepter = (struct domi__accepter){
        .watch = {.fd = -1},
        .loop = listen_on->loop,
        .log = listen_on->log,
        .on_socket = on_socket,
    };
    stand.loop = listen_on->loop;
    CHECK(door_count < sizeof(doors) / sizeof(doors[0]));
    doors[door_count].accepter = accepter;
    doors[door_count].on_socket = on_socket;
    *port = 8000 + (int)++door_count;
    return 0;
}

void __wrap_domi__accepter_close(struct domi__accepter *accepter)
{
    for (unsigned i = 0; i < door_count; i++) {
        if (doors[i].accepter == accepter) {
            doors[i].accepter = NULL;
        }
    }
}

int __wrap_getpeername(int fd, struct sockaddr *address, socklen_t *size)
{
    const struct sockaddr_in peer = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)(40000 + fd)),
        .sin_addr.s_addr = htonl(stand.is_stranger ? 0xc0000207 : 0x7f000001),
    };

    memcpy(address, &peer, sizeof(peer));
    *size = sizeof(peer);
    return 0;
}

/* ---- peers --------------------------------------------------------------- */

static struct peer *free_peer(void)
{
    for (unsigned i = 0; i < PEERS_MAX; i++) {
        if (stand.peers[i].fd < 0) {
            return &stand.peers[i];
        }
    }
    return NULL;
}

/* A new peer, and the other end for the library; -1 when there are enough. */
static int make_pair(enum role role, struct peer **out)
{
    const int least = 1;
    struct peer *peer = free_peer();
    int ends[2];

    if (!peer) {
        return -1;
    }
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
                     ends) == 0);
    /* So that a peer that does not read is soon felt. */
    setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &least, sizeof(least));
    *peer = (struct peer){.fd = ends[0], .role = role};
    *out = peer;
    return ends[1];
}

int __wrap_connect(int fd, const struct sockaddr *address, socklen_t size)
{
    struct peer *peer;
    int end = stand.refuses ? -1 : make_pair(PEER_ZONE, &peer);

    (void)address;
    (void)size;
    if (end < 0) {
        errno = ECONNREFUSED;
        return -1;
    }
    CHECK(dup3(end, fd, O_CLOEXEC) == fd);
    close(end);
    return 0;
}

static void hang_up(struct peer *peer)
{
    if (peer->fd >= 0) {
        close(peer->fd);
        peer->fd = -1;
    }
    free(peer->in);
    peer->in = NULL;
    peer->size = 0;
}

/* What does not fit into the socket is lost, which is as good as any other
   bytes that a peer could send. */
static void send_bytes(const struct peer *peer, const void *bytes, size_t size)
{
    if (peer->fd >= 0 && size > 0) {
        ssize_t n = send(peer->fd, bytes, size, MSG_NOSIGNAL | MSG_DONTWAIT);

        (void)n;
    }
}

/* What a browser sends as one binary message, with a mask of zeros. */
static void send_message(const struct peer *peer, const uint8_t *bytes,
                         size_t size)
{
    uint8_t head[8] = {0x82, 0x80};
    size_t head_size = 6;

    if (size < 126) {
        head[1] |= (uint8_t)size;
    } else {
        size = size < 65536 ? size : 65535;
        head[1] |= 126;
        head[2] = (uint8_t)(size >> 8);
        head[3] = (uint8_t)size;
        head_size = 8;
    }
    send_bytes(peer, head, head_size);
    send_bytes(peer, bytes, size);
}

static void greet(const struct peer *peer)
{
    static const char upgrade[] = "GET /ws HTTP/1.1\r\n"
                                  "Host: localhost\r\n"
                                  "Connection: Upgrade\r\n"
                                  "Upgrade: websocket\r\n"
                                  "Sec-WebSocket-Version: 13\r\n"
                                  "Sec-WebSocket-Key: "
                                  "dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    uint8_t magic[DOMI__MAGIC_SIZE];
    uint8_t id[DOMI__ID_SIZE];

    domi_put_u32(magic, DOMI__MAGIC);
    switch (peer->role) {
    case PEER_USER:
    case PEER_GATEWAY:
        send_bytes(peer, magic, sizeof(magic));
        break;
    case PEER_ZONE:
        domi_put_u64(id, script_number(&stand.script));
        send_bytes(peer, id, sizeof(id));
        break;
    case PEER_BROWSER:
        send_bytes(peer, upgrade, sizeof(upgrade) - 1);
        send_message(peer, magic, sizeof(magic));
        break;
    }
}

/* Where there is a second door, it is that for browsers. */
static void connect_peer(enum role role, bool greets)
{
    unsigned door = role == PEER_BROWSER && door_count > 1;
    struct peer *peer;
    int end = door < door_count && doors[door].accepter ? make_pair(role, &peer)
                                                        : -1;

    if (end < 0) {
        return;
    }
    doors[door].on_socket(doors[door].accepter, end);
    if (greets) {
        greet(peer);
    }
}

/* ---- what peers are sent ------------------------------------------------- */

static void learn(const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i + 8 <= size && i < 16; i += 8) {
        script_learn(&stand.script, domi_get_u64(bytes + i));
    }
}

/* Nobody is sent what its table does not allow. */
static void check_frame(const struct peer *peer, const struct domi_frame *frame)
{
    bool is_own = frame->type < DOMI_TYPE_FIRST;

    switch (peer->role) {
    case PEER_USER:
        CHECK(is_own ? domi__frame_check(frame, DOMI__GATEWAY_TO_USER) ==
                           DOMI_REASON_NONE
                     : frame->extend_size == 0);
        break;
    case PEER_ZONE:
        CHECK(domi__frame_check(frame, DOMI__GATEWAY_TO_ZONE) ==
              DOMI_REASON_NONE);
        CHECK(is_own || frame->extend_size == 16);
        break;
    case PEER_GATEWAY:
        CHECK(domi__frame_check(frame, DOMI__ZONE_TO_GATEWAY) ==
              DOMI_REASON_NONE);
        break;
    case PEER_BROWSER:
        break;
    }
    learn(frame->data, frame->data_size);
    learn(frame->extend, frame->extend_size);
}

/* Returns the size of what comes before the first frame, or 0. */
static size_t take_greeting(struct peer *peer)
{
    size_t size = peer->role == PEER_ZONE ? DOMI__MAGIC_SIZE : DOMI__ID_SIZE;

    if (peer->size < size) {
        return 0;
    }
    if (peer->role == PEER_ZONE) {
        CHECK(domi_get_u32(peer->in) == DOMI__MAGIC);
    } else {
        CHECK(domi_get_u64(peer->in) != 0);
        learn(peer->in, size);
    }
    peer->greeted = true;
    return size;
}

static void take_all(struct peer *peer)
{
    size_t at = 0;

    if (peer->role == PEER_BROWSER) {
        peer->size = 0;
        return;
    }
    for (;;) {
        struct domi_frame frame;
        ssize_t n;

        if (!peer->greeted) {
            n = (ssize_t)take_greeting(peer);
        } else {
            n = domi_frame_decode(peer->in + at, peer->size - at, FRAME_MAX,
                                  &frame);
            CHECK(n >= 0);
            if (n > 0) {
                check_frame(peer, &frame);
            }
        }
        if (n == 0) {
            break;
        }
        at += (size_t)n;
    }
    peer->size -= at;
    memmove(peer->in, peer->in + at, peer->size);
}

static void read_all(struct peer *peer)
{
    static uint8_t bytes[65536];
    ssize_t n = 1;

    while (peer->fd >= 0 && !peer->deaf && n > 0) {
        n = recv(peer->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
        if (n > 0) {
            peer->in = shortage_realloc(peer->in, peer->size + (size_t)n);
            memcpy(peer->in + peer->size, bytes, (size_t)n);
            peer->size += (size_t)n;
            take_all(peer);
        }
    }
    if (peer->fd >= 0 && n == 0) {
        hang_up(peer);
    }
}

/* ---- turns --------------------------------------------------------------- */

void stand_turn(void)
{
    uv_run(&stand.uv, UV_RUN_NOWAIT);
    for (unsigned i = 0; i < PEERS_MAX; i++) {
        read_all(&stand.peers[i]);
    }
}

/* The library's share of the loop, if it has not ended yet, is known by its
   timer. */
static void run_wheel(uv_handle_t *handle, void *unused)
{
    (void)unused;
    if ((uintptr_t)handle ==
            (uintptr_t)stand.loop + offsetof(struct domi__loop, timer) &&
        !uv_is_closing(handle)) {
        domi__wheel_run(stand.loop);
    }
}

/* In steps that the library does not take for times when it stood still. */
void stand_wait(unsigned ms)
{
    while (ms > 0) {
        unsigned step = ms < STEP_MS ? ms : STEP_MS;

        ms -= step;
        stand.now_ns += step * MS;
        stand_turn();
        uv_walk(&stand.uv, run_wheel, NULL);
    }
    stand_turn();
}

void stand_until(const bool *done)
{
    for (int i = 0; i < CLOSE_TURNS && !*done; i++) {
        stand_turn();
        if (i % 16 == 15) {
            stand_wait(CLOSE_STEP_MS);
        }
    }
    CHECK(*done);
}

/* ---- the stand ----------------------------------------------------------- */

static uint64_t open_files(void)
{
    uint64_t files = 0;

    for (int i = 0; i < 64; i++) {
        if (fcntl(stand.first_file + i, F_GETFD) >= 0) {
            files |= UINT64_C(1) << i;
        }
    }
    return files;
}

/* What libuv opens with the first loop of a process and never closes. */
static void open_for_good(void)
{
    static bool done;
    uv_loop_t loop;

    if (!done) {
        CHECK(uv_loop_init(&loop) == 0);
        CHECK(uv_loop_close(&loop) == 0);
        done = true;
    }
}

void stand_open(const uint8_t *bytes, size_t size)
{
    open_for_good();
    memset(&stand, 0, sizeof(stand));
    shortage_in = 0;
    stand.script.at = bytes;
    stand.script.end = bytes + size;
    stand.now_ns = START_NS;
    stand.chance = 1;
    door_count = 0;
    for (unsigned i = 0; i < PEERS_MAX; i++) {
        stand.peers[i].fd = -1;
    }
    stand.first_file = dup(STDERR_FILENO);
    CHECK(stand.first_file >= 0);
    close(stand.first_file);
    stand.files = open_files();
    CHECK(uv_loop_init(&stand.uv) == 0);
}

void stand_close(void)
{
    for (unsigned i = 0; i < PEERS_MAX; i++) {
        hang_up(&stand.peers[i]);
    }
    /* Sessions whose peers did not read their last bytes end by the clock. */
    for (int i = 0; i < CLOSE_TURNS && uv_loop_alive(&stand.uv); i++) {
        stand_wait(CLOSE_STEP_MS);
    }
    CHECK(uv_loop_close(&stand.uv) == 0);
    CHECK(open_files() == stand.files);
}

/* ---- acts ---------------------------------------------------------------- */

unsigned stand_next_act(unsigned own)
{
    return script_byte(&stand.script) % (ACT_OWN + own);
}

static struct peer *any_peer(void)
{
    return &stand.peers[script_byte(&stand.script) % PEERS_MAX];
}

static void send_frame(void)
{
    static uint8_t frame[SCRIPT_FRAME_MAX];
    const struct peer *peer = any_peer();
    size_t size = script_frame(&stand.script, frame);

    if (peer->role == PEER_BROWSER) {
        send_message(peer, frame, size);
    } else {
        send_bytes(peer, frame, size);
    }
}

static void send_raw(void)
{
    const struct peer *peer = any_peer();
    size_t size = script_byte(&stand.script);
    const uint8_t *bytes = script_bytes(&stand.script, &size);

    send_bytes(peer, bytes, size);
}

static void toggle_deaf(void)
{
    struct peer *peer = any_peer();

    peer->deaf = !peer->deaf;
}

static void change_world(void)
{
    uint8_t byte = script_byte(&stand.script);

    stand.refuses = byte & 1;
    stand.is_stranger = byte & 2;
    if (byte & 4) {
        shortage_in = script_byte(&stand.script);
    }
}

bool stand_act(unsigned act, enum role role)
{
    switch ((enum act)act) {
    case ACT_TURN:
        stand_turn();
        return true;
    case ACT_CONNECT:
        connect_peer(role, script_byte(&stand.script) & 1);
        return true;
    case ACT_GREET:
        greet(any_peer());
        return true;
    case ACT_FRAME:
        send_frame();
        return true;
    case ACT_RAW:
        send_raw();
        return true;
    case ACT_CLOSE:
        hang_up(any_peer());
        return true;
    case ACT_DEAF:
        toggle_deaf();
        return true;
    case ACT_WAIT:
        stand_wait(100u * (script_byte(&stand.script) % 128));
        return true;
    case ACT_WORLD:
        change_world();
        return true;
    case ACT_OWN:
        break;
    }
    return false;
}
