/* SPDX-License-Identifier: MIT */
/*
 * One link from a gateway to a zone.
 *
 * It is dialled, says hello, opens, carries frames. With a cluster key it
 * opens when the zone's answer has proven it, and else at once. It fails to
 * open or is lost; then it waits and is dialled again, or is given up.
 */
#include "cluster/link.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/ids.h"
#include "domi/err.h"
#include "frame/frame.h"

#define RETRY_MIN_MS 100u
#define RETRY_MAX_MS 5000u
#define GIVE_UP_MS 60000u
#define STEADY_MS 5000u

static const struct domi__session_owner owner;

/* ---- dialling ------------------------------------------------------------ */

static void free_link(struct domi__link *link)
{
    domi__timer_stop(&link->timer);
    domi__links_unlist(link);
    free((char *)link->target.host);
    free((char *)link->target.service);
    free(link);
}

static void give_up(struct domi__link *link)
{
    /* Who asks again while it is told gets another link. */
    domi__links_unlist(link);
    link->links->options.calls->on_gone(link->links->options.user, link);
    free_link(link);
}

static bool must_be_proven(const struct domi__link *link)
{
    return link->links->options.keys.key && !link->target.memory;
}

static void dial(struct domi__link *link)
{
    struct domi__links *links = link->links;
    const struct domi__listen how = {
        .loop = links->options.loop,
        .log = links->options.log,
        .owner = &owner,
        .limits = must_be_proven(link) ? &links->stranger_limits
                                       : &links->options.limits,
        .arg = links,
        .host = link->target.host,
        .port = link->target.tcp_port,
    };
    struct domi__session *session =
        link->target.memory ? domi__memory_dial(&how, link->target.memory)
                            : domi__tcp_dial(&how);

    if (!session) {
        return;
    }
    link->session = (struct domi__link_session *)session;
    link->session->link = link;
    link->session->links = links;
    links->sessions++;
}

static void on_retry(struct domi__timer *timer);

/* The wait grows with each failure; half of it is chance, so that gateways
   that lost one zone together do not come back together. */
static void wait_and_retry(struct domi__link *link)
{
    struct domi__loop *loop = link->links->options.loop;
    uint64_t wait = RETRY_MIN_MS;
    uint32_t chance = 0;

    for (unsigned i = 1; i < link->failures && wait < RETRY_MAX_MS; i++) {
        wait *= 2;
    }
    if (wait > RETRY_MAX_MS) {
        wait = RETRY_MAX_MS;
    }
    if (domi__random(&chance, sizeof(chance))) {
        chance = 0;
    }
    wait = wait / 2 + chance % (wait / 2 + 1);
    domi__timer_start(loop, &link->timer, wait, on_retry);
}

static void on_retry(struct domi__timer *timer)
{
    struct domi__link *link = DOMI__CONTAINER(timer, struct domi__link, timer);

    if (domi__loop_now(link->links->options.loop) >
        link->wanted_ms + GIVE_UP_MS) {
        give_up(link);
        return;
    }
    dial(link);
    if (!link->session) {
        wait_and_retry(link);
    }
}

/* ---- its session --------------------------------------------------------- */

static const char *host_of(const struct domi__link *link)
{
    return link->target.memory ? "memory" : link->target.host;
}

static int port_of(const struct domi__link *link)
{
    return link->target.memory ? 0 : link->target.tcp_port;
}

static int say_hello(struct domi__link *link)
{
    const struct domi__links_options *options = &link->links->options;
    uint64_t node_id = (uint64_t)options->node_id;
    uint8_t *data = link->talk.hello;
    uint8_t extend[16] = {0};
    int err = 0;

    if (must_be_proven(link)) {
        err = domi__word_put(data, options->features, node_id);
    } else {
        domi__hello_put(data, options->features, node_id);
    }
    /* A zone that does not know hello looks for this group, in vain. */
    domi_put_u64(extend + 8, DOMI__HELLO_GROUP);
    return err ? err
               : domi__session_send(&link->session->base, DOMI__FRAME_HELLO,
                                    data,
                                    must_be_proven(link) ? DOMI__WORD_SIZE
                                                         : DOMI__HELLO_SIZE,
                                    extend, sizeof(extend));
}

/* Zones choose link ids; two of one id could not be told apart. */
static bool is_id_good(const struct domi__link *link)
{
    const struct domi__links *links = link->links;
    struct domi__session *session = &link->session->base;

    if (session->id != 0 && !domi__table_get(&links->by_id, session->id)) {
        return true;
    }
    domi__log(links->options.log, DOMI_LOG_WARNING,
              "zone %s gave a link id that is in use; dialling again",
              link->target.service);
    domi__session_close(session, DOMI_REASON_BAD_BODY);
    return false;
}

/* Once hello, and the proof where there is one, are on their way: other frames
   follow them. False when memory is short, and it is closed. */
static bool open_link(struct domi__link *link)
{
    struct domi__links *links = link->links;
    struct domi__session *session = &link->session->base;

    if (domi__table_set(&links->by_id, session->id, link)) {
        domi__session_close(session, DOMI_REASON_MEMORY);
        return false;
    }
    session->limits = &links->options.limits;
    link->id = session->id;
    link->features = 0;
    link->node_id = -1;
    link->opened_ms = domi__loop_now(links->options.loop);
    domi__log(links->options.log, DOMI_LOG_INFO, "link to %s %s:%d is open",
              link->target.service, host_of(link), port_of(link));
    links->options.calls->on_up(links->options.user, link);
    return true;
}

static void on_unproven(struct domi__timer *timer)
{
    struct domi__link *link = DOMI__CONTAINER(timer, struct domi__link, timer);

    domi__session_close(&link->session->base, DOMI_REASON_NO_PROOF);
}

static void on_open(struct domi__session *session)
{
    struct domi__link *link = ((struct domi__link_session *)session)->link;

    if (!link) {
        domi__session_close(session, DOMI_REASON_STOPPING);
        return;
    }
    if (!is_id_good(link)) {
        return;
    }
    if (say_hello(link)) {
        domi__session_close(session, DOMI_REASON_MEMORY);
    } else if (must_be_proven(link)) {
        link->talk.link = session->id;
        domi__timer_start(session->loop, &link->timer,
                          session->limits->handshake_ms, on_unproven);
    } else {
        open_link(link);
    }
}

void domi__link_tell_nodes(struct domi__link *link)
{
    const struct domi__links *links = link->links;
    uint8_t data[(DOMI__NODE_ID_MAX + 1) * 8];
    uint32_t size = 0;

    if (link->id == 0 || !domi__link_has(link, DOMI__FEATURE_NODES)) {
        return;
    }
    for (unsigned node = 0; node <= DOMI__NODE_ID_MAX; node++) {
        if (domi__node_set_has(&links->nodes, node)) {
            domi_put_u64(data + size, node);
            size += 8;
        }
    }
    if (size > 8 && domi__session_send(&link->session->base, DOMI__FRAME_NODES,
                                       data, size, NULL, 0)) {
        domi__session_close(&link->session->base, DOMI_REASON_MEMORY);
    }
}

static void on_answer(struct domi__link *link, const struct domi_frame *frame)
{
    uint64_t node_id = domi_get_u64(frame->data + 8);

    link->features = domi_get_u32(frame->data + 4);
    link->node_id = node_id <= DOMI__NODE_ID_MAX ? (int)node_id : -1;
    domi__link_tell_nodes(link);
    link->links->options.calls->on_hello(link->links->options.user, link);
}

/* The first frame of a zone that has yet to prove itself: opens the link when
   it does. */
static void on_proof(struct domi__link *link, const struct domi_frame *frame)
{
    struct domi__session *session = &link->session->base;
    enum domi_reason reason = DOMI_REASON_NO_PROOF;
    uint8_t proof[DOMI__PROOF_SIZE];
    const char *key = NULL;

    if (frame->type == DOMI__FRAME_HELLO_ANSWER) {
        reason = domi__talk_heard(&link->talk, &link->links->options.keys,
                                  frame, &key);
    }
    if (reason != DOMI_REASON_NONE) {
        domi__session_close(session, reason);
        return;
    }
    domi__timer_stop(&link->timer);
    /* Another zone may have given the same one meanwhile. */
    if (!is_id_good(link)) {
        return;
    }
    if (!domi__talk_prove(&link->talk, key, proof) ||
        domi__session_send(session, DOMI__FRAME_PROVE, proof, sizeof(proof),
                           NULL, 0)) {
        domi__session_close(session, DOMI_REASON_MEMORY);
    } else if (open_link(link)) {
        on_answer(link, frame);
    }
}

static bool on_frame(struct domi__session *session,
                     const struct domi_frame *frame, const uint8_t *wire)
{
    struct domi__link *link = ((struct domi__link_session *)session)->link;
    enum domi_reason reason = domi__frame_check(frame, DOMI__ZONE_TO_GATEWAY);

    (void)wire;
    if (!link) {
        return true;
    }
    if (reason != DOMI_REASON_NONE) {
        domi__log_peer(link->links->options.log, DOMI_LOG_WARNING,
                       "zone %s sent a frame of type %u: %s",
                       link->target.service, frame->type,
                       domi_reason_text(reason));
        domi__session_close(session, reason);
    } else if (link->id == 0) {
        on_proof(link, frame);
    } else if (frame->type == DOMI__FRAME_HELLO_ANSWER) {
        on_answer(link, frame);
    } else {
        link->links->options.calls->on_frame(link->links->options.user, link,
                                             frame);
    }
    return true;
}

static void on_low(struct domi__session *session)
{
    struct domi__link *link = ((struct domi__link_session *)session)->link;

    if (link) {
        link->links->options.calls->on_low(link->links->options.user, link);
    }
}

/* The link is without a session: tells, and dials again or gives up. */
static void on_lost(struct domi__link *link, enum domi_reason reason)
{
    struct domi__links *links = link->links;
    uint64_t now = domi__loop_now(links->options.loop);
    bool was_open = link->id != 0;

    link->session = NULL;
    if (link->target.memory) {
        /* Its port may be gone; who asks again gets the present one. */
        domi__links_unlist(link);
    }
    if (was_open) {
        domi__table_remove(&links->by_id, link->id);
        link->id = 0;
        link->wanted_ms = now;
        /* A zone that opens links and drops them is not dialled at once for
           ever. */
        if (now - link->opened_ms >= STEADY_MS) {
            link->failures = 0;
        }
        domi__log(links->options.log, DOMI_LOG_WARNING,
                  "link to %s %s:%d is lost: %s", link->target.service,
                  host_of(link), port_of(link), domi_reason_text(reason));
        links->options.calls->on_down(links->options.user, link, reason);
    } else {
        domi__log_peer(links->options.log, DOMI_LOG_WARNING,
                       "link to %s %s:%d could not be opened: %s",
                       link->target.service, host_of(link), port_of(link),
                       domi_reason_text(reason));
        links->options.calls->on_failed(links->options.user, link, reason);
    }
    if (link->target.memory) {
        give_up(link);
        return;
    }
    link->failures++;
    wait_and_retry(link);
}

static void on_close(struct domi__session *session, enum domi_reason reason)
{
    struct domi__link_session *closed = (struct domi__link_session *)session;
    struct domi__links *links = closed->links;

    if (closed->link) {
        on_lost(closed->link, reason);
    }
    domi__links_session_closed(links);
}

static size_t farewell(struct domi__session *session, enum domi_reason reason,
                       uint8_t *out)
{
    (void)session;
    (void)reason;
    return domi_frame_encode(out, DOMI__FRAME_EXIT, NULL, 0, NULL, 0);
}

static const struct domi__session_owner owner = {
    .size = sizeof(struct domi__link_session),
    .on_open = on_open,
    .on_frame = on_frame,
    .on_low = on_low,
    .farewell = farewell,
    .on_close = on_close,
};

/* ---- its life ------------------------------------------------------------ */

struct domi__link *domi__link_new(struct domi__links *links,
                                  const struct domi__node *node)
{
    struct domi__link *link = calloc(1, sizeof(*link));

    if (!link) {
        return NULL;
    }
    domi__list_init(&link->node);
    link->links = links;
    link->node_id = -1;
    link->target = *node;
    link->target.service = strdup(node->service);
    link->target.host = node->host ? strdup(node->host) : NULL;
    if (!link->target.service || (node->host && !link->target.host)) {
        free_link(link);
        return NULL;
    }
    dial(link);
    if (!link->session || domi__links_list(link)) {
        domi__link_close(link, DOMI_REASON_MEMORY);
        return NULL;
    }
    return link;
}

void domi__link_close(struct domi__link *link, enum domi_reason reason)
{
    if (link->session) {
        link->session->link = NULL;
        domi__session_close(&link->session->base, reason);
    }
    free_link(link);
}

void domi__link_want(struct domi__link *link)
{
    link->wanted_ms = domi__loop_now(link->links->options.loop);
}

uint64_t domi__link_id(const struct domi__link *link)
{
    return link->id;
}

struct domi__session *domi__link_session(struct domi__link *link)
{
    return link->id ? &link->session->base : NULL;
}

bool domi__link_has(const struct domi__link *link, uint32_t feature)
{
    return (link->features & feature) == feature;
}

int domi__link_node_id(const struct domi__link *link)
{
    return link->node_id;
}

void domi__link_set_data(struct domi__link *link, void *data)
{
    link->data = data;
}

void *domi__link_data(const struct domi__link *link)
{
    return link->data;
}
