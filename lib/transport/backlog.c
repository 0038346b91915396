/* SPDX-License-Identifier: MIT */
/*
 * What waits for peers that take nothing now, of all sessions of one owner.
 *
 * What a session that is not blocked has queued leaves with this turn, and is
 * mostly shared with others; so only those that are blocked count. They keep
 * copies of their own, so that the count is about the memory that they cost.
 */
#include "transport/kinds.h"

void domi__backlog_init(struct domi__backlog *backlog, size_t limit)
{
    domi__list_init(&backlog->sessions);
    backlog->size = 0;
    backlog->limit = limit;
}

/* O(sessions that are blocked), once for each that is cut. */
static struct domi__session *worst_of(const struct domi__backlog *backlog)
{
    struct domi__session *worst = NULL;
    const struct domi__list *node;

    for (node = backlog->sessions.next; node != &backlog->sessions;
         node = node->next) {
        struct domi__session *session =
            DOMI__CONTAINER(node, struct domi__session, backlogged);

        if (!worst || session->backlog > worst->backlog) {
            worst = session;
        }
    }
    return worst;
}

void domi__backlog_leave(struct domi__session *session)
{
    struct domi__backlog *backlog = session->limits->backlog;

    if (backlog) {
        backlog->size -= session->backlog;
        session->backlog = 0;
        domi__list_remove(&session->backlogged);
    }
}

void domi__backlog_update(struct domi__session *session)
{
    struct domi__backlog *backlog = session->limits->backlog;
    struct domi__session *worst;

    if (!backlog || session->state >= DOMI__SESSION_CLOSING) {
        return;
    }
    if (!session->blocked) {
        domi__backlog_leave(session);
        return;
    }
    if (domi__list_is_empty(&session->backlogged)) {
        domi__list_push(&backlog->sessions, &session->backlogged);
    }
    backlog->size -= session->backlog;
    session->backlog = domi__session_queued(session);
    backlog->size += session->backlog;
    /* The close takes it out. */
    while (backlog->size > backlog->limit && (worst = worst_of(backlog))) {
        domi__session_close(worst, DOMI_REASON_SEND_TOTAL);
    }
}
