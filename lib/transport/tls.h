/* SPDX-License-Identifier: MIT */
/* Inside transport: one connection's TLS, between its socket and its owner. */
#ifndef DOMI_TRANSPORT_TLS_H
#define DOMI_TRANSPORT_TLS_H

#include <sys/uio.h>

#include "transport/kinds.h"

/*
 * Where a connection has a stream its socket is read and written through it;
 * where it has none, the pointer is NULL, and the calls below that say so then
 * go to the socket itself.
 *
 * Bytes given to a stream are encrypted at once. What the socket does not take
 * waits in the stream, at most a record and its like, which then takes no more:
 * it is blocked, and wants EPOLLOUT. A read takes all that there is, as far as
 * it has room. What remains is not in the socket, where the epoll set would
 * find it; so the stream calls the watch's `ready` once more at the end of the
 * turn.
 */
struct domi__tls_stream;

/*
 * For a connected socket that `watch` holds. `name` is that of a peer that was
 * dialled, or NULL for one that came; `http`: it must talk HTTP/1.1, if it asks
 * at all. NULL when memory is short.
 */
struct domi__tls_stream *domi__tls_stream_new(struct domi__tls *tls,
                                              struct domi__watch *watch,
                                              const char *name, bool http);
void domi__tls_stream_free(struct domi__tls_stream *stream);

/* The socket has another watch from now on. */
void domi__tls_stream_move(struct domi__tls_stream *stream,
                           struct domi__watch *watch);

/* Goes on with the handshake. 1: it is done; 0: it needs more of the peer;
   UV_EPROTO: it failed, which the log tells. */
int domi__tls_stream_shake(struct domi__tls_stream *stream);

/* Whether the handshake is done. */
bool domi__tls_stream_is_open(const struct domi__tls_stream *stream);

/* As readv and sendmsg on the socket of `watch`, where `stream` is NULL too. A
   stream that failed gives EPROTO, and has told the log why. */
ssize_t domi__tls_read(struct domi__tls_stream *stream, int fd,
                       struct iovec *parts, int count);
ssize_t domi__tls_write(struct domi__tls_stream *stream, int fd,
                        struct iovec *pieces, int count, int flags);

/* Writes what waits in the stream. True when nothing does, as without one. */
bool domi__tls_push(struct domi__tls_stream *stream);
bool domi__tls_is_blocked(const struct domi__tls_stream *stream);

/* Reading goes on: what the stream has read already must not be forgotten. */
void domi__tls_look(struct domi__tls_stream *stream);

/* Says goodbye. False when that is not out, and will not be. */
bool domi__tls_end(struct domi__tls_stream *stream);

/* Whether a connection that begins so wants to talk TLS. */
bool domi__tls_is_hello(const uint8_t *bytes, size_t size);

/* What the streams of a loop share. */
struct domi__tls_share;
void domi__tls_share_free(struct domi__tls_share *share);

#endif
