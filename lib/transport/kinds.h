/* SPDX-License-Identifier: MIT */
/* Inside transport: what the kinds of sessions share with session.c. */
#ifndef DOMI_TRANSPORT_KINDS_H
#define DOMI_TRANSPORT_KINDS_H

#include <sys/uio.h>

#include "transport/transport.h"

/* A session in its handshake, with its timer running. `id` is what the owner's
   admit gave, 0 for a dialled one. NULL when memory is short; the owner's
   dismiss was called then, if it had admitted. */
struct domi__session *
domi__session_new(const struct domi__transport *transport,
                  const struct domi__listen *listen, uint64_t id);

/* A session for a connection that came in, as above. NULL when the owner does
   not admit it, its address has too many that are unfinished, or memory is
   short; the descriptor stays the caller's then. */
struct domi__session *
domi__session_admit(const struct domi__transport *transport,
                    const struct domi__listen *listen, int fd);

/* The handshake is whole. */
void domi__session_opened(struct domi__session *session);

/* Any byte of the peer came. */
void domi__session_heard(struct domi__session *session);

/* Transport has answered `size` bytes of the peer's by itself. */
void domi__session_beat(struct domi__session *session, size_t size);

/* A frame has begun and is not whole, or that is over. */
static inline void domi__session_set_begun(struct domi__session *session,
                                           bool begun)
{
    if (!begun) {
        session->begun_ms = 0;
    } else if (session->begun_ms == 0) {
        session->begun_ms = domi__loop_awake(session->loop);
    }
}

/* The socket takes nothing now, having taken some bytes or none; or it does
   again. */
void domi__session_set_blocked(struct domi__session *session, bool blocked,
                               bool took);

/* Its queue has changed while it is blocked, or is about to end. */
void domi__backlog_update(struct domi__session *session);
void domi__backlog_leave(struct domi__session *session);

/*
 * Decodes and hands on what came from the peer. Returns the bytes it took;
 * the rest is either the beginning of a frame, or held by the owner. The
 * session may be closing afterwards.
 */
size_t domi__session_feed(struct domi__session *session, const uint8_t *bytes,
                          size_t size);

/*
 * One WebSocket message that must be exactly one frame (its length field must
 * agree); in the handshake it must be the magic. False when the owner holds
 * it: the same message is to be offered again after resume.
 */
bool domi__session_feed_message(struct domi__session *session,
                                const uint8_t *bytes, size_t size);

/* What waits to be sent: up to `count` pieces of it; returns their number and
   their sum in `*size`. */
int domi__session_pieces(struct domi__session *session, struct iovec *pieces,
                         int count, size_t *size);

/* The first `size` bytes have been taken by the peer. */
void domi__session_sent(struct domi__session *session, size_t size);

/* Takes back all that waits to be sent. */
void domi__session_drop_queue(struct domi__session *session);

/* The connection is gone for good; frees the session at the end of the turn,
   after on_close. The transport may not touch it any more. */
void domi__session_gone(struct domi__session *session);

/* Keeps the loop's handles, and on_put away, until each hold is released. */
void domi__loop_hold(struct domi__loop *loop);
void domi__loop_release(struct domi__loop *loop);

/* ---- where connections come from ----------------------------------------- */

/* Counts a connection whose handshake has begun. False, with a line in the
   log: its address has too many of them. `*origin` is NULL when the address
   does not count. */
bool domi__origin_enter(const struct domi__listen *listen, int fd,
                        struct domi__origin **origin);

/* The same for one that has been let in before. */
struct domi__origin *domi__origin_of(const struct domi__listen *listen, int fd);

/* Its handshake is whole: it is a session now. */
void domi__origin_open(struct domi__origin *origin);

/* It is gone; `open`: it was a session. Accepts NULL. */
void domi__origin_leave(struct domi__origin *origin, bool open);

/* A listener is the first member of what each kind keeps for it. */
struct domi__listener {
    struct domi__loop *loop;
    int port;
    void (*close)(struct domi__listener *listener,
                  void (*on_closed)(void *user), void *user);
};

/*
 * A socket that listens: bind, listen, accept4 until there are no more, and
 * the pause when descriptors are short. Used by the TCP and the HTTP listener.
 */
struct domi__accepter {
    struct domi__watch watch;
    struct domi__loop *loop;
    struct domi__log *log;
    struct domi__timer retry;
    uint64_t *pauses;
    uint64_t *surplus;
    bool paused;
    void (*on_socket)(struct domi__accepter *accepter, int fd);
};

/* 0 and `*port`, or a libuv code. `on_socket` owns the descriptor it gets:
   non-blocking, close-on-exec, TCP_NODELAY. */
int domi__accepter_open(struct domi__accepter *accepter,
                        const struct domi__listen *listen, int *port,
                        void (*on_socket)(struct domi__accepter *accepter,
                                          int fd));
void domi__accepter_close(struct domi__accepter *accepter);

#endif
