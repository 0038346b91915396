/* SPDX-License-Identifier: MIT */
/* A gateway under test, with an application such as the chat's. */
#ifndef TEST_WORLD_H
#define TEST_WORLD_H

#include "peer.h"

#include "domi/err.h"
#include "domi/gateway.h"
#include "domi/registry.h"
#include "frame/frame.h"

#define JOIN 50u    /* data: group id, number of the zone; see user_join */
#define MESSAGE 51u /* to groups */
#define LEAVE 57u   /* data: target id, group id */

#define ZONES 4u

struct world {
    struct net net;
    struct domi_registry *registry;
    struct domi_gateway_options options; /* may be changed before the start */
    struct domi_gateway *gateway;
    struct zone *zones[ZONES]; /* each a service of its own: "0", "1", ... */
    unsigned zone_count;
    bool closed;

    /* What the application was told. */
    unsigned connects;
    unsigned disconnects;
    enum domi_reason disconnect_reason;
    unsigned detaches;
    uint64_t detached_user;
    struct domi_target detached_from;
    enum domi_reason detach_reason;
    unsigned calls;
    int call_status;
    unsigned calls_gone; /* told that the session is gone */
    unsigned calls_late; /* refused since the session is being closed */
    unsigned calls_over; /* refused since too many wait */

    /* What it does. */
    enum domi_verdict verdict;
    bool call_again; /* in on_detach */
    void (*on_connect)(struct world *world, struct domi_session *session);
    void (*on_disconnect)(struct world *world, struct domi_session *session);
    void (*on_detach)(struct world *world, struct domi_session *session);
    void (*on_called)(struct world *world, struct domi_session *session);
    void (*on_join)(struct world *world, struct domi_session *session);
};

struct user {
    struct world *world;
    struct peer *peer;
    uint64_t id;
};

/* A place in a group, as the user knows it: the first 16 bytes of the extend
   of its type 8 frames. */
struct place {
    struct domi_target target;
    uint8_t extend[18];
};

void world_open(struct world *world);
struct zone *world_zone(struct world *world, bool knows_hello);
void world_start(struct world *world);

/* Asks the gateway to close, for a world_stop or world_close to come. */
void world_begin_stop(struct world *world);

/* Closes the gateway twice, and waits until it says once that it is closed. */
void world_stop(struct world *world);

/* Ends all, the gateway too unless it is stopped already. */
void world_close(struct world *world);

struct domi_gateway_stats world_stats(const struct world *world);

/* The session of a user; asserts that there is one. */
struct domi_session *session_of(const struct user *user);

struct user user_connect(struct world *world);

/* From this address, of 127.0.0.0/8. */
struct user user_connect_from(struct world *world, const char *from);

/* Waits until the user is told that it is not let in; the application was
   asked nothing. */
void user_expect_refused(struct user *user, enum domi_reason reason);

/* Sends the request to join. */
void user_ask(struct user *user, unsigned zone, uint64_t group);

/* Waits for the answer, and at the zone for the application's join. */
struct place user_answered(struct user *user, unsigned zone);

/* Both. */
struct place user_join(struct user *user, unsigned zone, uint64_t group);

/* Sends a frame of type 8. */
void user_say(struct user *user, const struct place *place, uint16_t inner,
              const char *text);

/* Waits at the zone for what the gateway makes of it. */
void zone_expect_said(struct zone *zone, const struct user *user,
                      uint64_t group, const char *text);

/* Waits for a notice and asserts what it says. */
void user_expect_notice(struct user *user, enum domi_notice notice,
                        enum domi_reason reason,
                        const struct domi_target *target);

/* Waits until the session is refused for this reason: counted, told, closed. */
void user_expect_closed(struct user *user, enum domi_reason reason);

/* What zones send. */
void zone_send_to(struct zone *zone, uint64_t group, const char *text,
                  unsigned count, ...);
void zone_send_members(struct zone *zone, uint16_t type, uint64_t group,
                       uint64_t user, int reason);
void zone_broadcast(struct zone *zone, uint64_t group, const char *text);
void zone_broadcast_except(struct zone *zone, uint64_t user, uint64_t group,
                           const char *text);

/* Waits for a text of type MESSAGE. */
void user_expect_text(struct user *user, const char *text);

/* Waits for USER_LEAVE of this user. */
void zone_expect_leave(struct zone *zone, uint64_t user, uint64_t group);

/* Waits until the gateway has handled all that the zone has sent, and asserts
   that the zone was sent nothing meanwhile. */
void zone_settle(struct zone *zone);

#endif
