/* SPDX-License-Identifier: MIT */
/*
 * Sessions through memory, between a gateway and a zone on one loop.
 *
 * Two sessions are each other's peer. What one sends waits in its queue as it
 * would for a socket; the flush feeds it to the other. So order, limits and
 * backpressure are those of TCP, and neither side is ever called back while it
 * sends.
 */
#include "transport/queue.h"

#include <stdlib.h>

/* Both ends; freed with the last of them. */
struct pair {
    struct domi__session *ends[2]; /* NULL once gone */
    struct domi__deferred open;
    unsigned refs;
};

static struct domi__session *peer_of(const struct domi__session *session)
{
    const struct pair *pair = session->kind;

    return pair->ends[pair->ends[0] == session];
}

static void unref(struct pair *pair)
{
    if (--pair->refs == 0) {
        free(pair);
    }
}

static void flush(struct domi__session *session)
{
    struct domi__session *peer = peer_of(session);
    struct iovec piece;

    while (session->queue && peer && !peer->paused &&
           peer->state == DOMI__SESSION_OPEN) {
        size_t size, taken;

        domi__session_pieces(session, &piece, 1, &size);
        domi__session_heard(peer);
        /* As a frame that was begun: the peer's owner may send to this very
           session, and a full queue must leave these bytes in their place. */
        session->queue->unsent = (uint32_t)size;
        taken = domi__session_feed(peer, piece.iov_base, size);
        session->queue->unsent = 0;
        domi__session_sent(session, taken);
        if (taken < size) {
            break;
        }
    }
    session->blocked = session->queue && peer && peer->paused;
}

static void pause_reading(struct domi__session *session)
{
    (void)session;
}

/* What the peer holds for us may come now. */
static void resume_reading(struct domi__session *session)
{
    struct domi__session *peer = peer_of(session);

    if (peer) {
        peer->blocked = false;
        if (peer->queue) {
            domi__loop_flush_soon(peer);
        }
    }
}

static void shut(struct domi__session *session, bool linger)
{
    struct pair *pair = session->kind;
    struct domi__session *peer;

    (void)linger;
    if (!pair) {
        return;
    }
    peer = peer_of(session);
    pair->ends[pair->ends[0] != session] = NULL;
    if (peer) {
        domi__session_close(peer, DOMI_REASON_PEER_CLOSED);
    }
    session->kind = NULL;
    unref(pair);
    domi__session_gone(session);
}

static const struct domi__transport memory = {
    .name = "memory",
    .in_process = true,
    .feeds_peer = true,
    .flush = flush,
    .pause = pause_reading,
    .resume = resume_reading,
    .shut = shut,
};

static void on_open(struct domi__deferred *deferred)
{
    struct pair *pair = DOMI__CONTAINER(deferred, struct pair, open);
    struct domi__session *dialler = pair->ends[0];
    struct domi__session *server = pair->ends[1];

    if (server && server->state == DOMI__SESSION_HANDSHAKE) {
        domi__session_opened(server);
    }
    if (dialler && dialler->state == DOMI__SESSION_HANDSHAKE) {
        domi__session_opened(dialler);
    }
    unref(pair);
}

struct domi__session *domi__memory_dial(const struct domi__listen *dial,
                                        struct domi__memory_port *port)
{
    const struct domi__listen accept = {
        .loop = port->loop,
        .log = port->log,
        .owner = port->owner,
        .limits = port->limits,
        .arg = port->arg,
    };
    struct pair *pair = calloc(1, sizeof(*pair));
    struct domi__session *session =
        pair ? domi__session_new(&memory, dial, 0) : NULL;
    uint64_t id;

    if (!session) {
        free(pair);
        return NULL;
    }
    pair->ends[0] = session;
    pair->refs = 2;
    session->dialled = true;
    session->kind = pair;
    id = port->owner->admit(port->arg);
    pair->ends[1] = id ? domi__session_new(&memory, &accept, id) : NULL;
    if (pair->ends[1]) {
        session->id = id;
        pair->ends[1]->kind = pair;
        pair->refs++;
    } else {
        domi__session_close(session, DOMI_REASON_SOCKET);
    }
    pair->open.run = on_open;
    domi__loop_defer(session->loop, &pair->open);
    return session;
}
