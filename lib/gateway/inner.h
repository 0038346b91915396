/* SPDX-License-Identifier: MIT */
/* Inside the gateway: what its files share. */
#ifndef DOMI_GATEWAY_INNER_H
#define DOMI_GATEWAY_INNER_H

#include <uv.h>

#include "base/ids.h"
#include "base/memory_use.h"
#include "base/table.h"
#include "cluster/cluster.h"
#include "domi/err.h"
#include "domi/gateway.h"
#include "frame/frame.h"

/* How long a session remembers an attachment that has ended, so that frames
   which were on their way are not taken for an offence. */
#define DOMI__ENDED_MS 30000u

struct domi__audience;

/*
 * A session's place in a group: made by domi_gateway_call, or by a zone that
 * puts a user it has already into another of its groups.
 */
struct domi__attachment {
    struct domi__attachment *next; /* of the session; ended last, first */
    struct domi_session *session;
    struct domi__audience *audience; /* NULL once it has ended */
    struct domi_target target;
    uint64_t ended_ms;
    uint32_t position; /* in the audience */
};

/*
 * Those behind this gateway who are attached to one group: first those whom
 * the zone has made members, who hear broadcasts, then the others.
 */
struct domi__audience {
    struct domi__link *link;
    struct domi__route *route;
    uint64_t group;
    struct domi__attachment **attachments;
    uint32_t members;
    uint32_t count;
    uint32_t capacity;
    struct domi__batch batch;
};

/* What the gateway keeps for an open link; it is the link's data. */
struct domi__route {
    struct domi__list node;       /* of the gateway's routes */
    struct domi__table audiences; /* by group id */
    struct domi__list held;       /* sessions that wait for room */
};

/* What a session that is being closed is told last. */
struct domi__farewell {
    enum domi_notice notice;
    uint32_t wait_ms;
    const char *text; /* or NULL */
};

struct domi__allowance;

struct domi_session {
    struct domi__session base;
    struct domi__allowance *allowance; /* NULL: it may do any number */
    struct domi__attachment *attachments;
    struct domi__list calls;   /* struct domi__call, unanswered */
    unsigned call_count;       /* of them */
    struct domi__list held;    /* in a route's list, or to itself */
    const struct domi__farewell *farewell; /* while its close is asked for;
                                              NULL: the usual one */
    char *address;             /* once it was asked for */
    void *data;
    struct domi__deferred resume; /* after the accept */
    bool accepted;
};

/* A type's handler; the gateway's are sorted by type. */
struct domi__gateway_handler {
    uint16_t type;
    domi_gateway_handler_fn run;
    void *user;
};

/* See drain.c. */
struct domi__gateway_drain {
    bool active;
    bool asked; /* not, or not only, by a newer version */
    bool ended; /* on_drained was called */
    struct domi__timer step;
    uint64_t stepped_ms;
    uint64_t due;    /* thousandths of users to be sent away */
    size_t position; /* in the table of sessions */
};

struct domi_gateway {
    struct domi_gateway_options options; /* with strings of its own */
    char advertised[DOMI__ADDRESS_SIZE]; /* the host that others are told */
    int wanted_id;                       /* what options.id pointed to */
    struct domi__loop *loop;
    struct domi__log log;
    struct domi__session_limits limits; /* of users */
    struct domi__backlog backlog;       /* as well */
    struct domi__origins origins;       /* as well */
    struct domi_registry *own_registry; /* NULL: the application's */
    struct domi__membership membership;
    int join_status; /* what the registry said */
    bool joined;
    struct domi__gateway_drain drain;
    struct domi__ids ids;
    struct domi__tls *tls;      /* for users; NULL: none */
    struct domi__tls *link_tls; /* for links; NULL: none */
    struct domi__listener *tcp;
    struct domi__listener *http;
    struct domi__links *links;   /* once the node id is known */
    struct domi__placement *placement; /* as well */
    struct domi__table sessions; /* by id, those that are open */
    size_t admitted;             /* open or in their handshake */
    struct domi__hash_key key;
    struct domi__list routes;
    struct domi__list calls_waiting; /* for a link */
    struct domi__batch multicast;    /* frames that name their users */
    struct domi__gateway_handler *handlers;
    size_t handler_count;
    struct domi_gateway_stats stats;
    void *data;

    bool started;     /* start was called, with success or not */
    bool running;     /* it was called with success, and close was not */
    bool in_registry; /* from the request to join on */
    bool closing;
    bool links_closing;
    unsigned parts; /* still to be closed */
    struct domi__deferred deferred;
    domi_gateway_close_fn on_close;
    void *on_close_user;
};

/* options.c */

/* Copies the options and fills in the defaults. 0 or UV_ENOMEM. */
int domi__gateway_options_init(struct domi_gateway *gateway,
                               const struct domi_gateway_options *given);
void domi__gateway_options_fini(struct domi_gateway *gateway);

/* 0, or DOMI_E_OPTION or a code of domi__advertise, after a line in the log. */
int domi__gateway_options_check(struct domi_gateway *gateway);

/* The keys that links are opened with; the options' own strings. */
struct domi__cluster_keys
domi__gateway_keys(const struct domi_gateway *gateway);

/* tls.c */

/* Copies the options. 0 or UV_ENOMEM. */
int domi__gateway_tls_init(struct domi_gateway *gateway);
void domi__gateway_tls_fini(struct domi_gateway *gateway);

/* 0, or DOMI_E_OPTION after a line in the log. */
int domi__gateway_tls_check(const struct domi_gateway *gateway);

/* Reads the files. 0, UV_ENOMEM, or DOMI_E_TLS after a line in the log. */
int domi__gateway_tls_load(struct domi_gateway *gateway);

/* gateway.c */

/* 0 or a libuv code. */
int domi__gateway_listen_tcp(struct domi_gateway *gateway, int port);

/* Stops listening, unless that is done. */
void domi__gateway_close_listener(struct domi_gateway *gateway,
                                  struct domi__listener **listener);

/* One of those that gateway->parts counts is closed; `user` is the gateway. */
void domi__gateway_part_closed(void *user);

/* A session or another part is gone; closes what may go now. */
void domi__gateway_close_next(struct domi_gateway *gateway);

/* membership.c */

/* The answer may come later; a refusal that comes at once is returned. */
int domi__gateway_join(struct domi_gateway *gateway);

/* Leaves the registry if it was asked to join; a part to be closed. */
void domi__gateway_leave(struct domi_gateway *gateway);

/* Whether users are taken. */
bool domi__gateway_is_open(const struct domi_gateway *gateway);

/* drain.c */

/* `asked`: it ends whatever the registry says, and is not called off. */
void domi__gateway_drain_begin(struct domi_gateway *gateway, bool asked);
void domi__gateway_drain_call_off(struct domi_gateway *gateway);

/* A session is gone. */
void domi__gateway_drain_look(struct domi_gateway *gateway);

/* handlers.c: the handler for a type, or NULL. */
const struct domi__gateway_handler *
domi__gateway_handler_find(const struct domi_gateway *gateway, uint16_t type);

/* sessions.c: the owner of users' sessions. */
extern const struct domi__session_owner domi__gateway_owner;

/* users.c: one frame of a user; false when it must wait. */
bool domi__gateway_from_user(struct domi_session *session,
                             const struct domi_frame *frame);

/* limits.c: what one user may do in a second */

/* 0, also when there are no rates, or UV_ENOMEM. */
int domi__allowance_open(struct domi_session *session);
void domi__allowance_close(struct domi_session *session);

/* The session has sent a frame of this size, which becomes as many
   deliveries. May pause or close it; does not call back. */
void domi__allowance_spend(struct domi_session *session, size_t size,
                           uint32_t deliveries);

/* A call was made for the session. */
void domi__allowance_join(struct domi_session *session);

/* zones.c: what links tell the gateway. */
extern const struct domi__links_calls domi__gateway_links_calls;
void domi__route_free(struct domi__route *route);

/* calls.c */

/* The link is open: answers the calls that wait for it. */
void domi__calls_link_up(struct domi_gateway *gateway, struct domi__link *link);

/* The link could not be opened, or is given up: they ask anew where the group
   is, where that may have changed; else they wait on, or fail when it is given
   up. */
void domi__calls_link_failed(struct domi_gateway *gateway,
                             struct domi__link *link);
void domi__calls_link_gone(struct domi_gateway *gateway,
                           struct domi__link *link);

/* The session is gone: its calls are told so. */
void domi__calls_session_gone(struct domi_session *session);

/* attach.c */

/* The attachment to this target, ended or not; NULL when there is none. */
struct domi__attachment *
domi__attachment_find(const struct domi_session *session,
                      const struct domi_target *target);

/* Whether the session is attached to any group over this link. */
bool domi__session_uses(const struct domi_session *session, uint64_t link);

/* Attaches, over an open link; harmless when it is so already. 0 and
   `*attachment`, or DOMI_E_TOO_MANY or UV_ENOMEM. */
int domi__attach(struct domi_session *session, struct domi__link *link,
                 uint64_t group, struct domi__attachment **attachment);

/* The session of the link that leads to the group. NULL when the attachment
   is NULL or has ended, or the link is just being lost. */
struct domi__session *
domi__attachment_link(const struct domi__attachment *attachment);

/* The zone has made it a member, or no more. */
void domi__attachment_join(struct domi__attachment *attachment);
void domi__attachment_unjoin(struct domi__attachment *attachment);

/* Ends it, without a word to anybody. */
void domi__attachment_end(struct domi__attachment *attachment);

/* Ends it, and tells the user and the application. */
void domi__attachment_lose(struct domi__attachment *attachment,
                           enum domi_reason reason);

/* Tells a zone that a user has left one of its groups, or never was there. */
void domi__user_leave(struct domi__link *link, uint64_t user, uint64_t group);

/* Ends and frees all that the session has, and tells each zone that it
   uses that the user is gone. */
void domi__attachments_drop(struct domi_session *session);

/* The audience of a group on an open link, or NULL. */
struct domi__audience *domi__audience_find(struct domi__link *link,
                                           uint64_t group);

/* Ends all attachments of an audience, and with that the audience. */
void domi__audience_lose(struct domi__audience *audience,
                         enum domi_reason reason);

#endif
