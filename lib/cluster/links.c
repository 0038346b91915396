/* SPDX-License-Identifier: MIT */
/*
 * A gateway's links to zones.
 *
 * A link is dialled, says hello, opens, carries frames. With a cluster key it
 * opens when the zone's answer has proven it, and else at once. It fails to
 * open or is lost; then it waits and is dialled again, or is given up.
 */
#include "cluster/roster.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/ids.h"
#include "base/table.h"
#include "domi/err.h"
#include "frame/frame.h"

#define RETRY_MIN_MS 100u
#define RETRY_MAX_MS 5000u
#define GIVE_UP_MS 60000u
#define STEADY_MS 5000u

struct domi__link {
    struct domi__list node; /* of links->all */
    struct domi__link *next; /* of one hash */
    struct domi__links *links;
    struct domi__node target;     /* with strings of its own */
    struct link_session *session; /* NULL while it waits */
    uint64_t id;                  /* 0 while not open */
    uint32_t features;            /* these two: as it answered our hello */
    int node_id;
    unsigned failures; /* in a row: not opened, or soon lost */
    uint64_t opened_ms;
    uint64_t wanted_ms; /* when it was last open or asked for */
    struct domi__timer timer; /* until it is dialled, or must be proven */
    struct domi__talk talk;   /* until it is proven */
    void *data;
};

/* The session outlives the link when that is closed meanwhile. */
struct link_session {
    struct domi__session base;
    struct domi__link *link; /* NULL: nobody listens any more */
    struct domi__links *links;
};

struct domi__links {
    struct domi__links_options options;
    struct domi__session_limits stranger_limits; /* of who is not proven */
    struct domi__node_set nodes; /* ids of our node, the present one too */
    struct domi__list all;
    struct domi__table by_address; /* the first of each hash of an address */
    struct domi__table by_id;      /* open ones */
    unsigned sessions;        /* not yet closed, of links and former links */
    bool closing;
    struct domi__deferred deferred;
    void (*on_closed)(void *user);
    void *closed_user;
};

static const struct domi__session_owner owner;

/* ---- where links lead ---------------------------------------------------- */

static bool leads_to(const struct domi__link *link,
                     const struct domi__node *node)
{
    if (node->memory || link->target.memory) {
        return node->memory == link->target.memory;
    }
    return node->tcp_port == link->target.tcp_port &&
           strcmp(node->host, link->target.host) == 0 &&
           strcmp(node->service, link->target.service) == 0;
}

static uint64_t address_of(const struct domi__node *node)
{
    return node->memory ? (uintptr_t)node->memory : domi__node_hash(node);
}

static struct domi__link *find(const struct domi__links *links,
                               const struct domi__node *node)
{
    struct domi__link *link =
        domi__table_get(&links->by_address, address_of(node));

    while (link && !leads_to(link, node)) {
        link = link->next;
    }
    return link;
}

static int list(struct domi__link *link)
{
    struct domi__links *links = link->links;
    uint64_t address = address_of(&link->target);
    struct domi__link *first = domi__table_get(&links->by_address, address);
    int err = domi__table_set(&links->by_address, address, link);

    if (!err) {
        link->next = first;
        domi__list_push(&links->all, &link->node);
    }
    return err;
}

/* Nobody finds it any more; harmless when nobody did. */
static void unlist(struct domi__link *link)
{
    struct domi__links *links = link->links;
    uint64_t address = address_of(&link->target);
    struct domi__link *at = domi__table_get(&links->by_address, address);

    if (domi__list_is_empty(&link->node)) {
        return;
    }
    domi__list_remove(&link->node);
    if (at != link) {
        while (at->next != link) {
            at = at->next;
        }
        at->next = link->next;
    } else if (link->next) {
        /* Cannot fail, since the address is in the table. */
        (void)domi__table_set(&links->by_address, address, link->next);
    } else {
        domi__table_remove(&links->by_address, address);
    }
}

/* ---- one link ------------------------------------------------------------ */

static void free_link(struct domi__link *link)
{
    domi__timer_stop(&link->timer);
    unlist(link);
    free((char *)link->target.host);
    free((char *)link->target.service);
    free(link);
}

static void give_up(struct domi__link *link)
{
    /* Who asks again while it is told gets another link. */
    unlist(link);
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
        .tls = links->options.tls,
    };
    struct domi__session *session =
        link->target.memory ? domi__memory_dial(&how, link->target.memory)
                            : domi__tcp_dial(&how);

    if (!session) {
        return;
    }
    link->session = (struct link_session *)session;
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
    struct domi__link *link = ((struct link_session *)session)->link;

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

/* Tells the zone by which ids it may know our users, beside that in hello. */
static void tell_nodes(struct domi__link *link)
{
    const struct domi__links *links = link->links;
    uint8_t data[(DOMI__NODE_ID_MAX + 1) * 8];
    uint32_t size = 0;

    if (!domi__link_has(link, DOMI__FEATURE_NODES)) {
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
    tell_nodes(link);
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
    struct domi__link *link = ((struct link_session *)session)->link;
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
    struct domi__link *link = ((struct link_session *)session)->link;

    if (link) {
        link->links->options.calls->on_low(link->links->options.user, link);
    }
}

static void end_links(struct domi__deferred *deferred)
{
    struct domi__links *links =
        DOMI__CONTAINER(deferred, struct domi__links, deferred);

    domi__table_fini(&links->by_address);
    domi__table_fini(&links->by_id);
    links->on_closed(links->closed_user);
    free(links);
}

static void end_when_empty(struct domi__links *links)
{
    if (links->closing && links->sessions == 0) {
        links->deferred.run = end_links;
        domi__loop_defer(links->options.loop, &links->deferred);
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
        unlist(link);
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
    struct link_session *link_session = (struct link_session *)session;
    struct domi__links *links = link_session->links;

    links->sessions--;
    if (link_session->link) {
        on_lost(link_session->link, reason);
    }
    end_when_empty(links);
}

static size_t farewell(struct domi__session *session, enum domi_reason reason,
                       uint8_t *out)
{
    (void)session;
    (void)reason;
    return domi_frame_encode(out, DOMI__FRAME_EXIT, NULL, 0, NULL, 0);
}

static const struct domi__session_owner owner = {
    .size = sizeof(struct link_session),
    .on_open = on_open,
    .on_frame = on_frame,
    .on_low = on_low,
    .farewell = farewell,
    .on_close = on_close,
};

/* ---- all links ----------------------------------------------------------- */

struct domi__links *domi__links_new(const struct domi__links_options *options)
{
    struct domi__links *links = calloc(1, sizeof(*links));
    struct domi__hash_key key;

    if (!links || domi__hash_key_init(&key)) {
        free(links);
        return NULL;
    }
    links->options = *options;
    links->stranger_limits = options->limits;
    links->stranger_limits.frame_limit = DOMI__STRANGER_FRAME;
    domi__node_set_add(&links->nodes, (unsigned)options->node_id);
    domi__table_init(&links->by_address, key);
    domi__table_init(&links->by_id, key);
    domi__list_init(&links->all);
    return links;
}

void domi__links_set_node(struct domi__links *links, int node_id)
{
    struct domi__list *node;

    links->options.node_id = node_id;
    domi__node_set_add(&links->nodes, (unsigned)node_id);
    for (node = links->all.next; node != &links->all; node = node->next) {
        struct domi__link *link =
            DOMI__CONTAINER(node, struct domi__link, node);

        if (link->id != 0) {
            tell_nodes(link);
        }
    }
}

void domi__links_close(struct domi__links *links, void (*on_closed)(void *user),
                       void *user)
{
    links->closing = true;
    links->on_closed = on_closed;
    links->closed_user = user;
    while (!domi__list_is_empty(&links->all)) {
        struct domi__link *link =
            DOMI__CONTAINER(links->all.next, struct domi__link, node);

        if (link->session) {
            link->session->link = NULL;
            domi__session_close(&link->session->base, DOMI_REASON_STOPPING);
        }
        free_link(link);
    }
    end_when_empty(links);
}

static struct domi__link *new_link(struct domi__links *links,
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
    if (!link->session) {
        free_link(link);
        return NULL;
    }
    if (list(link)) {
        link->session->link = NULL;
        domi__session_close(&link->session->base, DOMI_REASON_MEMORY);
        free_link(link);
        return NULL;
    }
    return link;
}

struct domi__link *domi__links_get(struct domi__links *links,
                                   const struct domi__node *node)
{
    struct domi__link *link = find(links, node);

    if (!link && !links->closing) {
        link = new_link(links, node);
    }
    if (link) {
        domi__link_want(link);
    }
    return link;
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

size_t domi__links_count(const struct domi__links *links)
{
    return links->by_id.count;
}
