/* SPDX-License-Identifier: MIT */
/* Gateways: nodes that face users, and link them to the groups of zones. */
#ifndef DOMI_GATEWAY_H
#define DOMI_GATEWAY_H

#include <stddef.h>
#include <stdint.h>

#include "domi/api.h"
#include "domi/choice.h"
#include "domi/frame.h"
#include "domi/log.h"
#include "domi/reason.h"
#include "domi/target.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * How a user comes into a group.
 *
 * Attached is a session whose user may send frames to a group: the gateway
 * attaches it by domi_gateway_call. A member is a user who hears broadcasts:
 * the group's handler makes it one by domi_group_add. In between lies whatever
 * the application wants, most often this:
 *
 * 1. The user sends the gateway a frame that asks for a group; the handler of
 *    its type calls domi_gateway_call.
 * 2. on_called sends the group a frame that names the user, with
 *    domi_session_id, by domi_session_send_zone; and the user the target's
 *    bytes, domi_target_put, by which it can name the group from now on.
 * 3. The group's handler sees that the gateway is the sender
 *    (domi_user_is_gateway), and adds the user {id, sender.gateway}.
 *
 * samples/hello and samples/chat do so.
 */

struct uv_loop_s;
struct domi_registry;
struct domi_gateway;

/*
 * A user's connection. It is the library's; valid from on_connect until
 * on_disconnect has returned.
 */
struct domi_session;

/* What a full send queue means for its session. */
enum domi_send_policy {
    DOMI_SEND_CLOSE = 0,   /* the session is closed, with a reason */
    DOMI_SEND_DROP_NEWEST, /* the frame that does not fit is dropped */
    DOMI_SEND_DROP_OLDEST, /* the oldest unsent frames give way */
};

/* What to do with a new session. */
enum domi_verdict {
    DOMI_ACCEPT = 0,
    DOMI_REFUSE,
    DOMI_LATER, /* domi_session_accept or domi_session_refuse will follow */
};

/* The session's handshake is whole. Nothing it sends is read before it is
   accepted. [loop] */
typedef enum domi_verdict (*domi_connect_fn)(struct domi_gateway *gateway,
                                             struct domi_session *session,
                                             void *user);

/* The session is gone; every session of on_connect ends here, refused ones
   included. [loop] */
typedef void (*domi_disconnect_fn)(struct domi_gateway *gateway,
                                   struct domi_session *session,
                                   enum domi_reason reason, void *user);

/* A frame of a type from 50 up that a user sent to the gateway. [loop] */
typedef void (*domi_gateway_handler_fn)(struct domi_gateway *gateway,
                                        struct domi_session *session,
                                        const struct domi_frame *frame,
                                        void *user);

/*
 * The session is no longer attached to `target`: `reason` is ZONE_LOST,
 * KICKED, GROUP_CLOSED, TOO_MANY when the zone has as many groups as it may,
 * or DRAINING when it drains and the group is to be had elsewhere. The user
 * has been told by a notice; with DRAINING it says how long to wait before
 * asking for the group again, a time of its own for each user: up to a
 * millisecond for each that was attached here, and 5 s at most. Not called for
 * what the gateway does itself, nor for sessions that disconnect. [loop]
 */
typedef void (*domi_detach_fn)(struct domi_gateway *gateway,
                               struct domi_session *session,
                               const struct domi_target *target,
                               enum domi_reason reason, void *user);

/*
 * The outcome of domi_gateway_call: `status` is 0, and the session is attached
 * to `target`; or a negative code and `target` is NULL: DOMI_E_NO_ZONE,
 * DOMI_E_FULL when the group is nowhere and all zones of the service are too
 * full, DOMI_E_ZONE_LOST when the link could not be opened, DOMI_E_TOO_MANY,
 * DOMI_E_SESSION_GONE (`session` is then NULL), UV_ENOMEM. [loop]
 */
typedef void (*domi_call_fn)(struct domi_gateway *gateway,
                             struct domi_session *session, int status,
                             const struct domi_target *target, void *user);

/* As for zones: see domi_zone_joined_fn and its kin in zone.h. Until it has
   joined, and while it has no id, a gateway takes no users. [loop] */
typedef void (*domi_gateway_joined_fn)(struct domi_gateway *gateway,
                                       int status, void *user);
typedef void (*domi_gateway_id_fn)(struct domi_gateway *gateway, int id,
                                   void *user);

/* A drain has come to its end: the last session is gone. Close the gateway now;
   a drain that a newer version began may still be called off. Once for each
   drain. [loop] */
typedef void (*domi_gateway_drained_fn)(struct domi_gateway *gateway,
                                        void *user);

/* The gateway has been closed; its memory is freed when this returns. */
typedef void (*domi_gateway_close_fn)(struct domi_gateway *gateway,
                                      void *user);

/*
 * All fields may be 0 or NULL, which means the default. Strings are copied by
 * domi_gateway_new; the registry must live until the close callback.
 */
struct domi_gateway_options {
    const char *name;     /* of the service; "gateway" */
    const char *host;     /* bound and told to others; "127.0.0.1" */
    int tcp_port;         /* for users; DOMI_PORT_ANY: a free one; 0: none */
    int http_port;        /* for pages and WebSocket; as above */
    const char *ws_path;  /* where WebSocket is; "/ws" */
    const char *web_root; /* folder of static files; NULL: none */
    const char *const *origins; /* whose pages may open WebSockets, each as
                                   "https://example.com" or with a port, and
                                   NULL at their end; copied. NULL: pages of
                                   the host that the request is for, which
                                   includes those that web_root has */
    int origin_required;  /* browsers name the page's origin always, programs
                             seldom; 0: who names none may open WebSockets */
    int version;          /* of the service; 1 */
    const int *id;        /* node id, 0 to 1022; NULL: the registry gives it */

    struct domi_registry *registry; /* NULL: a local one of its own */

    uint32_t frame_limit;      /* bytes, from users; 64 KiB */
    uint32_t link_frame_limit; /* bytes, from zones; 1 MiB */
    size_t send_limit;         /* bytes waiting for one user; 1 MiB */
    enum domi_send_policy send_policy;
    size_t link_send_limit;    /* bytes waiting for one zone; 16 MiB; users
                                  who send to it are slowed from half on */
    unsigned handshake_ms;     /* until the magic is whole; 5,000 */
    unsigned silence_ms;       /* without a byte from a peer; 10,000 */
    unsigned heartbeat_ms;     /* between heartbeats to zones, less than
                                  silence_ms; 5,000, at most half of that */
    unsigned link_open_ms;     /* until a link is open; 5,000; and as long
                                  again for the zone to prove itself */
    unsigned targets;          /* attachments of one session, and as many
                                  unanswered calls; 256 */
    unsigned zone_groups;      /* of one zone, as it tells; the link to one
                                  with more is cut; 1,048,576, which take some
                                  100 MiB */
    unsigned sessions;         /* at most; 0: as descriptors allow, of which
                                  the last 32 are kept for links and such */
    unsigned sessions_per_address;   /* at most; 500 */
    unsigned handshakes_per_address; /* connections of one address that are
                                  neither sessions yet nor have asked for a
                                  page; 100. An address of IPv6 counts by its
                                  first 64 bits. Behind a proxy on another
                                  machine all users have one address: raise
                                  both */
    int limit_loopback;        /* not 0: addresses of this machine count too */
    size_t send_total;         /* bytes waiting for all users who take nothing
                                  now; above it those for whom most waits are
                                  closed; 256 MiB */
    unsigned stall_ms;         /* while a user takes none of what waits for it;
                                  10,000 */
    unsigned frame_ms;         /* for a frame of a user to become whole;
                                  10,000 */

    /* What one user may do in a second, and twice as much at once. Above it
       nothing of the user's is read until it is within its right again; one
       who goes on for excess_ms is closed. 0: any number. */
    unsigned frame_rate;       /* frames, heartbeats among them */
    unsigned byte_rate;        /* bytes of them; at least frame_limit / 2 */
    unsigned delivery_rate;    /* what the frames to groups become: each counts
                                  as many as are attached to its group here */
    unsigned join_rate;        /* calls of domi_gateway_call for the session */
    unsigned excess_ms;        /* 10,000 */

    const char *advertise;   /* as in struct domi_zone_options */
    const char *admin_token; /* for POST /<id>/exit, as "Authorization: Bearer
                                TOKEN" or "X-Domi-Token: TOKEN"; at most 256
                                visible characters; NULL: only from loopback.
                                Behind a proxy on this machine, which makes
                                everybody local, set one */
    unsigned drain_rate; /* in a drain: users a second who are told to come
                            back elsewhere; 0: none, each stays as long as it
                            likes */
    const char *cluster_key; /* what the nodes of a cluster have in common: a
                                link over TCP serves nobody before both its
                                ends have proven that they have it. 16 to 256
                                bytes, too random to be guessed, such as 32 of
                                `openssl rand -base64`. NULL: no proof is asked
                                for, and none is given */
    const char *cluster_key_old; /* another key that is as good, while one
                                    takes the other's place: first each node
                                    gets both, in any order, then the new one
                                    alone; NULL: none */
    const char *come_back; /* where to: text for clients, at most 200 bytes;
                              domi's own follow an IP address and port, as
                              "192.0.2.7:8888"; NULL: to where they came from,
                              which leads elsewhere */
    domi_choose_fn choose; /* the zone for a new group, where the registry
                              leaves that to gateways; domi_choose_lowest */
    unsigned full_percent; /* no new groups to zones with more memory in use,
                              as for `choose`; 100 at most; 90. Who asks for a
                              group that such a zone has is let in */

    domi_connect_fn on_connect;       /* NULL: all are accepted */
    domi_disconnect_fn on_disconnect;
    domi_detach_fn on_detach;
    domi_gateway_joined_fn on_joined;
    domi_gateway_id_fn on_id;
    domi_gateway_drained_fn on_drained;
    domi_log_fn log;                  /* NULL: no log */
    void *user;                       /* for these callbacks, and `choose` */
};

/* What a gateway has done and refused since its start. */
struct domi_gateway_stats {
    uint64_t sessions;       /* open now */
    uint64_t links;          /* open now */
    uint64_t frames_in;      /* from users */
    uint64_t frames_out;     /* to users */
    uint64_t dropped_queue;  /* frames for users with a full queue */
    uint64_t dropped_target; /* frames for a target just left or lost */
    uint64_t accept_pauses;  /* times when descriptors were used up */
    uint64_t accept_surplus; /* connections closed as descriptors were short */
    uint64_t rate_pauses;    /* times when a user was not read for its rate */
    uint64_t send_waiting;   /* bytes, now, for users who take nothing */
    uint64_t foreign_origins; /* WebSockets refused for their origin */
    uint64_t closed[DOMI_REASON_COUNT];       /* sessions, by reason */
    uint64_t links_closed[DOMI_REASON_COUNT]; /* links, by reason; also those
                                                 that could not be opened */
};

/*
 * A gateway on the application's loop, which must outlive it. `options` may
 * be NULL. NULL when memory is short. [loop]
 */
DOMI_API struct domi_gateway *
domi_gateway_new(struct uv_loop_s *loop, const struct domi_gateway_options *o);

/*
 * Listens, and joins the registry. 0, or: DOMI_E_OPTION (the log names the
 * option), DOMI_E_STATE when started before, UV_EADDRINUSE and other codes of
 * bind, UV_ENOENT and other codes of opening `web_root`, UV_ENOMEM, and what
 * the registry answers at once: UV_EADDRINUSE when another node has the id,
 * DOMI_E_TOO_MANY. After an error the gateway can only be closed. [loop]
 */
DOMI_API int domi_gateway_start(struct domi_gateway *gateway);

/*
 * Leaves the registry, closes the listeners, tells the users that the node is
 * stopping, closes their sessions and the links, and calls `on_close`, which
 * may be NULL, in a later turn of the loop. A second call has no effect.
 * [loop]
 */
DOMI_API void domi_gateway_close(struct domi_gateway *gateway,
                                 domi_gateway_close_fn on_close, void *user);

/*
 * Begins to drain: no new users are taken, and the registry is told so. Those
 * who are there go on, unless drain_rate sends them away: with a notice that
 * says how long to wait, up to 2 s by chance, and where to come back
 * (DOMI_NOTICE_COME_BACK, reason DRAINING), then a close. When the last is
 * gone, on_drained is called. Meanwhile domi_gateway_tcp_port is 0, and
 * WebSocket is answered 503. The HTTP port, which goes on answering, does the
 * same at POST /<id>/exit; and the registry when a newer version of the
 * service is in force: such a drain is called off when that version goes away,
 * and does not end before a healthy node of it is there. DOMI_E_STATE when the
 * gateway does not run; 0, also when it drains already. [loop]
 */
DOMI_API int domi_gateway_drain(struct domi_gateway *gateway);

/* Whether it drains. [loop] */
DOMI_API int domi_gateway_is_draining(const struct domi_gateway *gateway);

/*
 * Calls `handler` for frames of `type` that users send to the gateway; such
 * types cannot be sent on to groups by users. NULL takes it away.
 * DOMI_E_TYPE_RESERVED for types below 50; DOMI_E_TYPE_TAKEN; UV_ENOMEM.
 * [loop]
 */
DOMI_API int domi_gateway_handle(struct domi_gateway *gateway, uint16_t type,
                                 domi_gateway_handler_fn handler, void *user);

/*
 * Finds the zone of `service` to which `group` belongs, opens the link to it
 * if there is none, and attaches the session, so that the user may send frames
 * to the group and the zone may send to the user. The group itself is neither
 * asked nor told (see the top of this header); whether it exists is the
 * zone's matter, see domi_zone_group_fn. Attaching again is harmless.
 * 0: `on_called` is called exactly once, perhaps before this returns. An error
 * means that it is never called: DOMI_E_SESSION_GONE when the session is being
 * closed; DOMI_E_OPTION for the group UINT64_MAX, which none may have;
 * DOMI_E_TOO_MANY when as many calls as options.targets wait for an answer;
 * UV_ENOMEM. [loop]
 */
DOMI_API int domi_gateway_call(struct domi_gateway *gateway,
                               struct domi_session *session,
                               const char *service, uint64_t group,
                               domi_call_fn on_called, void *user);

/* The session of this id, or NULL. [loop] */
DOMI_API struct domi_session *domi_gateway_find(struct domi_gateway *gateway,
                                                uint64_t id);

/*
 * Answers DOMI_LATER. A refused user is told the reason and closed. What an
 * accepted user has sent meanwhile is handled after the call, never inside it.
 * A call for a session that waits for no answer has no effect. [loop]
 */
DOMI_API void domi_session_accept(struct domi_session *session);
DOMI_API void domi_session_refuse(struct domi_session *session);

/* [loop] */
DOMI_API uint64_t domi_session_id(const struct domi_session *session);

/* The peer's address as text, such as "192.0.2.7:51234". Borrowed: valid as
   long as the session. [loop] */
DOMI_API const char *domi_session_address(struct domi_session *session);

/* A pointer of the application's, NULL at first. [loop] */
DOMI_API void domi_session_set_data(struct domi_session *session, void *data);
DOMI_API void *domi_session_data(const struct domi_session *session);

/*
 * Sends a frame to the user. 0; DOMI_E_TYPE_RESERVED; DOMI_E_FRAME_LENGTH when
 * `size` is above the link frame limit less 64; DOMI_E_QUEUE_FULL when the
 * policy dropped it or closed the session; DOMI_E_SESSION_GONE when the session
 * is being closed; UV_ENOMEM. [loop]
 */
DOMI_API int domi_session_send(struct domi_session *session, uint16_t type,
                               const void *data, uint32_t size);

/*
 * Sends a frame to a group that the session is attached to, in the gateway's
 * own name: the handler sees the gateway as the sender (see
 * domi_user_is_gateway). It reaches the group before what the user sends
 * later. 0; DOMI_E_NOT_ATTACHED; DOMI_E_TYPE_RESERVED; DOMI_E_FRAME_LENGTH as
 * above; DOMI_E_QUEUE_FULL when the zone reads too slowly, which loses the
 * link; DOMI_E_SESSION_GONE when the link is being closed; UV_ENOMEM. [loop]
 */
DOMI_API int domi_session_send_zone(struct domi_session *session,
                                    const struct domi_target *target,
                                    uint16_t type, const void *data,
                                    uint32_t size);

/*
 * Ends an attachment; the group's on_leave is called with LEFT. A frame that
 * the user sent before it knew is dropped and counted. DOMI_E_NOT_ATTACHED
 * when there is none. [loop]
 */
DOMI_API int domi_session_leave(struct domi_session *session,
                                const struct domi_target *target);

/*
 * Closes the session: what is queued is sent if it can be sent at once, the
 * user is told `reason` and `text` (UTF-8, may be NULL), groups see
 * DISCONNECTED. on_disconnect is called in a later turn of the loop. [loop]
 */
DOMI_API void domi_session_kick(struct domi_session *session,
                                enum domi_reason reason, const char *text);

/* The node id, or -1 before the registry has given one. [loop] */
DOMI_API int domi_gateway_id(const struct domi_gateway *gateway);

/* The ports that are listened on; 0 for none. [loop] */
DOMI_API int domi_gateway_tcp_port(const struct domi_gateway *gateway);
DOMI_API int domi_gateway_http_port(const struct domi_gateway *gateway);

/* [loop] */
DOMI_API void domi_gateway_stats(const struct domi_gateway *gateway,
                                 struct domi_gateway_stats *stats);

/* A pointer of the application's, NULL at first. [loop] */
DOMI_API void domi_gateway_set_data(struct domi_gateway *gateway, void *data);
DOMI_API void *domi_gateway_data(const struct domi_gateway *gateway);

#ifdef __cplusplus
}
#endif

#endif
