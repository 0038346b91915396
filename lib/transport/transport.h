/* SPDX-License-Identifier: MIT */
/* Transport: sessions of every kind on a loop, from accept to close. */
#ifndef DOMI_TRANSPORT_TRANSPORT_H
#define DOMI_TRANSPORT_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "base/log.h"
#include "base/table.h"
#include "base/waker.h"
#include "domi/frame.h"
#include "domi/gateway.h"
#include "domi/reason.h"

struct sockaddr;
struct uv_loop_s;

/* All of this room runs on the loop's thread. */

/* ---- the loop ---------------------------------------------------------- */

/*
 * The library's share of an application's uv loop: an epoll set that holds
 * all sockets, one read buffer, timers, and what is done once per turn. All
 * zones, gateways and clients on one uv loop share one.
 *
 * A turn: sockets are read and their frames handed on; then, before the loop
 * blocks, hooks run until none has anything more, and every session with
 * something to send writes once.
 */
struct domi__loop;

/* The share of this uv loop, made when there is none yet; NULL when memory or
   descriptors are short. Each get is paired with one put. */
struct domi__loop *domi__loop_get(struct uv_loop_s *uv);

/* Gives it back. The last put closes its handles; `on_put` is called in a
   later turn, when nothing of this user is left on the loop. */
void domi__loop_put(struct domi__loop *loop, void (*on_put)(void *user),
                    void *user);

struct uv_loop_s *domi__loop_uv(const struct domi__loop *loop);

/* Monotonic milliseconds, as of the beginning of this turn. */
uint64_t domi__loop_now(const struct domi__loop *loop);

/* The same without the time for which the loop stood still: by this clock
   peers are patient with us, and we with them. Never 0. */
uint64_t domi__loop_awake(const struct domi__loop *loop);

/* Wakes the loop from any thread. */
struct domi__waker *domi__loop_waker(struct domi__loop *loop);

/* Called before each flush, and again until it returns false: takes what
   other threads have handed over, and hands on what was gathered. */
struct domi__loop_hook {
    struct domi__list node;
    bool (*run)(struct domi__loop_hook *hook);
};

void domi__loop_hook_add(struct domi__loop *loop, struct domi__loop_hook *hook);
void domi__loop_hook_remove(struct domi__loop_hook *hook);

/* Timers, many and cheap, for deadlines: they fire up to 32 ms late. A zeroed
   timer is one that was never started. */
struct domi__timer {
    struct domi__list node; /* zeroed, or in a slot, or to itself */
    uint64_t due_ms;
    void (*fire)(struct domi__timer *timer);
};

/* Starts or restarts. `fire` may start it again. */
void domi__timer_start(struct domi__loop *loop, struct domi__timer *timer,
                       uint64_t after_ms,
                       void (*fire)(struct domi__timer *timer));
void domi__timer_stop(struct domi__timer *timer);
bool domi__timer_is_running(const struct domi__timer *timer);

/* A descriptor in the loop's epoll set. */
struct domi__watch {
    int fd;
    unsigned events; /* EPOLLIN and EPOLLOUT that are asked for */
    void (*ready)(struct domi__watch *watch, unsigned events);
};

/* 0 or a libuv code. A watch that was removed gets no event any more, but its
   memory must stay until the present turn has ended (domi__loop_defer). */
int domi__watch_set(struct domi__loop *loop, struct domi__watch *watch,
                    unsigned events);
void domi__watch_remove(struct domi__loop *loop, struct domi__watch *watch);

/* Calls `run` once at the end of this turn, when no event of the turn is
   outstanding any more. */
struct domi__deferred {
    struct domi__list node; /* zeroed before first use */
    void (*run)(struct domi__deferred *deferred);
};

void domi__loop_defer(struct domi__loop *loop, struct domi__deferred *deferred);

/* The read buffer that all sockets of the loop share; its content is gone with
   the next read. */
#define DOMI__READ_BUFFER (256u * 1024u)
uint8_t *domi__loop_read_buffer(struct domi__loop *loop);

/* ---- TLS ---------------------------------------------------------------- */

struct domi_tls_options;

/* What one side of connections needs for TLS: its certificate, and whom it
   believes. */
struct domi__tls;

/* `listens`: connections come, and are not dialled. NULL when memory is short.
   The strings are copied. */
struct domi__tls *domi__tls_new(struct domi__log *log,
                                const struct domi_tls_options *options,
                                bool listens);

/* After the on_close of all sessions that it made. */
void domi__tls_free(struct domi__tls *tls);

/* 0, or DOMI_E_OPTION after a line in the log about the option of this name. As
   the next, it takes NULL for what is in order. */
int domi__tls_check(const struct domi__tls *tls, const char *option);

/* Whether it lets in only peers with a certificate; NULL lets in all. */
bool domi__tls_asks(const struct domi__tls *tls);

/* Reads the files, for connections from now on. 0; DOMI_E_TLS after a line in
   the log, or UV_ENOMEM: then what was read before stays in force. */
int domi__tls_load(struct domi__tls *tls, struct domi__loop *loop);

/* ---- sessions ---------------------------------------------------------- */

struct domi__session;
struct domi__queue;
struct domi__buffer;

struct domi__listener;
struct domi__tls_stream;
struct domi__origin;

/*
 * How much waits for those who take nothing now, of all sessions that share
 * it. Beyond the limit those for whom most waits are closed.
 */
struct domi__backlog {
    struct domi__list sessions; /* that are blocked */
    size_t size;                /* bytes that wait for them */
    size_t limit;
};

void domi__backlog_init(struct domi__backlog *backlog, size_t limit);

enum domi__session_state {
    DOMI__SESSION_HANDSHAKE,
    DOMI__SESSION_OPEN,
    DOMI__SESSION_CLOSING, /* close was called, on_close comes at turn's end */
    DOMI__SESSION_LINGERING, /* on_close was called; the peer reads the rest */
};

struct domi__session_limits {
    uint32_t frame_limit;  /* bytes of one frame from the peer */
    size_t send_limit;     /* bytes of the send queue */
    enum domi_send_policy send_policy;
    unsigned handshake_ms;
    unsigned silence_ms;
    unsigned heartbeat_ms; /* between heartbeats of ours; 0: none */
    unsigned frame_ms;     /* for a frame to become whole; 0: any time */
    unsigned stall_ms;     /* while the peer takes nothing; 0: any time */
    struct domi__backlog *backlog; /* NULL: none */
};

/*
 * Who uses the sessions of a listener or a dial: a gateway for its users, a
 * zone for its links, and so on. A session is allocated by transport with
 * `size` zeroed bytes, so that the owner's own struct can begin with a struct
 * domi__session; transport frees it some time after on_close.
 */
struct domi__session_owner {
    size_t size;

    /* A connection came in: the id for its session, or 0 to refuse it; over
       HTTP it is then told to come back later. Not called for dialled
       sessions. */
    uint64_t (*admit)(void *arg);

    /* There is no memory for the session that was just admitted. */
    void (*dismiss)(void *arg);

    /* The handshake is whole; session->id is set. */
    void (*on_open)(struct domi__session *session);

    /*
     * One frame, borrowed; `wire` points to its header, so that the whole
     * frame can be passed on as it is. Heartbeats and exit do not come here.
     * True: taken (or the session was closed). False: not taken; reading stops
     * and the same frame comes again after domi__session_resume.
     */
    bool (*on_frame)(struct domi__session *session,
                     const struct domi_frame *frame, const uint8_t *wire);

    /* Transport itself has answered this many bytes of the peer's, a heartbeat
       or a ping. May pause or close. May be NULL. */
    void (*on_beat)(struct domi__session *session, size_t size);

    /* The queue has fallen to a quarter of the limit, after
       domi__session_is_high was true. Never called by a send. May be NULL. */
    void (*on_low)(struct domi__session *session);

    /* Frames were dropped by the send policy; called by the send that it
       befell, so that it may close the session but not send. May be NULL. */
    void (*on_drop)(struct domi__session *session, size_t frames);

    /* The session ends: writes a last frame of at most 256 bytes for the peer
       and returns its size, or 0. May be NULL. */
    size_t (*farewell)(struct domi__session *session, enum domi_reason reason,
                       uint8_t *out);

    /* The last call: at the end of the turn in which the session was closed;
       also for one that was admitted or dialled and never opened, see
       session->opened. */
    void (*on_close)(struct domi__session *session, enum domi_reason reason);
};

/* The kinds: tcp.c, websocket.c, memory.c. */
struct domi__transport {
    const char *name;
    bool is_websocket; /* frames go out with a WebSocket header each */
    bool in_process;   /* the peer cannot fall silent: no heartbeats */
    bool feeds_peer;   /* a flush calls the peer's owner: never in a send */
    /* Writes what is queued, as far as the peer takes it now. */
    void (*flush)(struct domi__session *session);
    /* Reading was stopped, or may go on. */
    void (*pause)(struct domi__session *session);
    void (*resume)(struct domi__session *session);
    /* Ends the connection; when it is really gone, calls
       domi__session_gone. `linger`: the peer should get what was flushed. */
    void (*shut)(struct domi__session *session, bool linger);
};

struct domi__session {
    struct domi__loop *loop;
    const struct domi__transport *transport;
    const struct domi__session_owner *owner;
    const struct domi__session_limits *limits;
    struct domi__log *log;
    void *arg; /* of the listener or dial: the gateway, the zone */
    void *kind; /* of the transport */
    uint64_t id;
    struct domi__watch watch;   /* fd is -1 where there is none */
    struct domi__tls_stream *tls; /* NULL: the socket is used as it is */
    uint8_t state;              /* enum domi__session_state */
    uint8_t reason;             /* enum domi_reason, once closing */
    bool dialled;
    bool opened;                /* on_open was called */
    bool paused;                /* nothing is read now */
    bool held;                  /* the owner did not take a frame */
    bool high;                  /* the queue was above half its limit */
    bool blocked;               /* the socket takes nothing now */
    struct domi__queue *queue;  /* what waits to be sent; NULL: nothing */
    struct domi__buffer *input; /* a frame that is not whole; NULL: nothing */
    struct domi__list dirty;    /* in the loop's list of those to flush */
    struct domi__timer timer;   /* handshake, silence, heartbeat, linger */
    uint64_t heard_ms;          /* when the peer's last byte came; awake */
    uint64_t beaten_ms;         /* when our last heartbeat went */
    uint64_t begun_ms;          /* when a frame began that is not whole; 0:
                                   none has; awake */
    uint64_t taken_ms;          /* while blocked: when the peer took some of
                                   what waits last; awake */
    int unsent;                 /* while blocked: what the kernel held then */
    struct domi__origin *origin;  /* NULL: its address does not count */
    struct domi__list backlogged; /* in the backlog's list, or to itself */
    size_t backlog;               /* bytes that it counts there */
    /* For the end; during the handshake in the loop's list of those. */
    struct domi__deferred deferred;
};

/* Sends one frame. 0; DOMI_E_QUEUE_FULL when the policy dropped it or closed
   the session; DOMI_E_SESSION_GONE; UV_ENOMEM. */
int domi__session_send(struct domi__session *session, uint16_t type,
                       const void *data, uint32_t data_size,
                       const void *extend, uint16_t extend_size);

/* Sends frames that are encoded already; as above. Not for users. */
int domi__session_send_wire(struct domi__session *session, const uint8_t *wire,
                            size_t size);

/* Bytes that wait to be sent. */
size_t domi__session_queued(const struct domi__session *session);

/* Whether more than half of the send limit is in use; on_low will follow. */
bool domi__session_is_high(struct domi__session *session);

/* Stops reading, without a frame that was not taken. */
void domi__session_pause(struct domi__session *session);

/* Goes on after on_frame returned false or domi__session_pause was called.
   Never calls back before it returns. */
void domi__session_resume(struct domi__session *session);

/* Closes; the first reason stands. Never calls back before it returns. */
void domi__session_close(struct domi__session *session,
                         enum domi_reason reason);

/* Whether there are more sessions of the peer's address than may be. */
bool domi__session_is_one_too_many(const struct domi__session *session);

/* Closes the sessions with this `arg` whose handshake is not whole. */
void domi__handshakes_close(struct domi__loop *loop, const void *arg,
                            enum domi_reason reason);

/* "192.0.2.7:51234", "[::1]:51234" or "memory"; always ended. */
void domi__session_address(const struct domi__session *session, char *out,
                           size_t size);

#define DOMI__ADDRESS_SIZE 64

/* 127.0.0.0/8, ::1, and the first as a socket for both kinds shows it. Pure. */
bool domi__address_is_loopback(const struct sockaddr *address);

/* ---- fan-out: one frame for many sessions ------------------------------- */

/*
 * What the members of one group are sent in one turn, encoded once for each
 * kind of session and shared by all of them. Zeroed is empty. It stays with
 * the group; the loop empties it at the end of each turn.
 */
struct domi__batch {
    struct domi__buffer *plain;     /* frames as they are */
    struct domi__buffer *websocket; /* each with a WebSocket header */
    struct domi__list node;         /* in the loop's list of used batches */
};

/* One frame on its way to many. The bytes are borrowed until the last send. */
struct domi__fanout {
    struct domi__loop *loop;
    struct domi__batch *batch;
    uint16_t type;
    uint32_t size;
    const void *data;
    struct domi__buffer *plain; /* NULL: not encoded yet */
    uint32_t plain_begin, plain_end;
    struct domi__buffer *websocket;
    uint32_t websocket_begin, websocket_end;
};

void domi__batch_init(struct domi__batch *batch);
void domi__batch_fini(struct domi__loop *loop, struct domi__batch *batch);

void domi__fanout_init(struct domi__fanout *fanout, struct domi__loop *loop,
                       struct domi__batch *batch, uint16_t type,
                       const void *data, uint32_t size);

/* Sends the frame to one session; as domi__session_send. */
int domi__fanout_send(struct domi__fanout *fanout,
                      struct domi__session *session);

/* ---- listening and dialling ---------------------------------------------*/

/*
 * Counts connections by the address that they come from, an IPv6 address by
 * its first 64 bits, for all listeners of one owner.
 */
struct domi__origins {
    struct domi__table table; /* of struct domi__origin */
    unsigned session_limit;   /* sessions of one address */
    unsigned handshake_limit; /* connections of one address that are neither
                                 sessions yet, nor have asked for a page */
    bool loopback;            /* counts as well */
    uint64_t refused;         /* connections above the handshake limit */
};

void domi__origins_init(struct domi__origins *origins,
                        struct domi__hash_key key);

/* After the last session has had its on_close, and all listeners are closed. */
void domi__origins_fini(struct domi__origins *origins);

/* What all listeners need. Strings are copied; the pointers must live until
   the listener's last session has had its on_close. */
struct domi__listen {
    struct domi__loop *loop;
    struct domi__log *log;
    const struct domi__session_owner *owner;
    const struct domi__session_limits *limits;
    void *arg;              /* for owner->admit, and session->arg */
    const char *host;       /* IP address */
    int port;               /* 0: a free one */
    struct domi__tls *tls;  /* loaded; or NULL: without TLS */
    uint64_t *pauses;       /* counts stops for want of descriptors; or NULL */
    uint64_t *surplus;      /* counts those closed for it at once; or NULL */
    struct domi__origins *origins; /* NULL: addresses do not count */
};

/* Listens for TCP sessions. 0 and `*listener`, or a libuv code. */
int domi__tcp_listen(struct domi__listener **listener,
                     const struct domi__listen *listen);

struct domi__http_request; /* see http/http.h */

/* What somebody asks of a node. Borrowed. */
struct domi__http_question {
    const struct domi__http_request *request;
    const char *address; /* of the peer, as domi__session_address */
    bool is_loopback;    /* the peer is on this machine */
};

/* What it is answered: plain text, cut at its end. */
struct domi__http_answer {
    int status;       /* 0: not the node's own path */
    char header[128]; /* one more line of the head, without its end; or "" */
    char body[256];
};

/*
 * What the HTTP port answers beside WebSocket. `answer` is asked for each
 * request, GET, HEAD or POST, with an answer of zeros. Where it leaves the
 * status 0, GET and HEAD look for static files, where there are any.
 */
struct domi__http_listen {
    struct domi__listen listen; /* owner NULL: no WebSocket */
    const char *ws_path;
    const char *const *origins; /* as in struct domi__http_origins; borrowed
                                   until the listener is closed */
    bool origin_required;
    uint64_t *foreign_origins;  /* counts what these refuse; or NULL */
    const char *web_root;       /* NULL: no files */
    void (*answer)(void *arg, const struct domi__http_question *question,
                   struct domi__http_answer *answer);
    void *answer_arg;
};

/* 0 and `*listener`, or a libuv code. */
int domi__http_listen(struct domi__listener **listener,
                      const struct domi__http_listen *listen);

int domi__listener_port(const struct domi__listener *listener);

/* Stops listening. Its sessions stay. Connections that are not yet sessions
   are cut. `on_closed` is called in a later turn, and may be NULL. */
void domi__listener_close(struct domi__listener *listener,
                          void (*on_closed)(void *user), void *user);

/* Connects to host (an IP address) and port, sends the magic, and waits for
   the id. NULL when memory is short; every failure else comes by on_close. */
struct domi__session *domi__tcp_dial(const struct domi__listen *dial);

/* What accepts connections through memory: a zone's, in one process. */
struct domi__memory_port {
    struct domi__loop *loop;
    struct domi__log *log;
    const struct domi__session_owner *owner;
    const struct domi__session_limits *limits;
    void *arg;
};

/* As domi__tcp_dial, through memory, on one loop. A port that closes closes
   its sessions itself. */
struct domi__session *domi__memory_dial(const struct domi__listen *dial,
                                        struct domi__memory_port *port);

#endif
