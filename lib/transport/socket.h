/* SPDX-License-Identifier: MIT */
/* Inside transport: what all that have a socket do alike. */
#ifndef DOMI_TRANSPORT_SOCKET_H
#define DOMI_TRANSPORT_SOCKET_H

#include "transport/kinds.h"

/* Waits for what the session wants now: input unless it is paused, room to
   write when it is blocked. Closes it when that fails. */
void domi__socket_watch(struct domi__session *session);

/* Reads, as readv does; what ends or fails is closed, and then it returns 0. */
size_t domi__socket_read(struct domi__session *session, struct iovec *parts,
                         int count);

/* Writes what is queued, by one call where that is enough; what the socket
   does not take waits until it can. */
void domi__socket_flush(struct domi__session *session);

/* Says that nothing more will be sent, and waits for the peer to close its
   side too. False when that cannot be said. */
bool domi__socket_end(struct domi__session *session);

/* Takes the socket out of the loop and closes it. */
void domi__socket_close(struct domi__session *session);

/* Bytes that the kernel holds and the peer has not acknowledged. */
int domi__socket_unsent(int fd);

/* A closed session waits for the peer to close its side too: reads past what
   comes, and shuts it at the end. */
void domi__socket_read_to_end(struct domi__session *session);

/* The peer's address: "192.0.2.7:51234", "[::1]:51234" or "unknown"; always
   ended. */
void domi__socket_address(int fd, char *out, size_t size);

/* Whether the peer is on this machine, as its address says. */
bool domi__socket_is_loopback(int fd);

#endif
