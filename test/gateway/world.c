/* SPDX-License-Identifier: MIT */
/* A gateway under test, with an application such as the chat's. */
#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the application ----------------------------------------------------- */

static enum domi_verdict on_connect(struct domi_gateway *gateway,
                                    struct domi_session *session, void *user)
{
    struct world *world = user;

    assert_ptr_equal(domi_gateway_find(gateway, domi_session_id(session)),
                     session);
    world->connects++;
    if (world->on_connect) {
        world->on_connect(world, session);
    }
    return world->verdict;
}

static void on_disconnect(struct domi_gateway *gateway,
                          struct domi_session *session, enum domi_reason reason,
                          void *user)
{
    struct world *world = user;

    assert_ptr_equal(domi_gateway_find(gateway, domi_session_id(session)),
                     session);
    world->disconnects++;
    world->disconnect_reason = reason;
    if (world->on_disconnect) {
        world->on_disconnect(world, session);
    }
}

static void on_called(struct domi_gateway *gateway,
                      struct domi_session *session, int status,
                      const struct domi_target *target, void *user)
{
    struct world *world = user;
    uint8_t ids[16] = {0};

    assert_ptr_equal(gateway, world->gateway);
    assert_int_equal(status == DOMI_E_SESSION_GONE, session == NULL);
    assert_int_equal(status == 0, target != NULL);
    world->calls++;
    world->call_status = status;
    if (world->on_called) {
        world->on_called(world, session);
    }
    if (!session) {
        world->calls_gone++;
        return;
    }
    if (target) {
        put_ids(ids, 2, target->id, target->group);
    }
    domi_session_send(session, JOIN, ids, sizeof(ids));
    if (target) {
        put_ids(ids, 2, domi_session_id(session), target->id);
        domi_session_send_zone(session, target, JOIN, ids, sizeof(ids));
    }
}

static void call(struct world *world, struct domi_session *session,
                 unsigned zone, uint64_t group)
{
    char service[8];
    int err;

    snprintf(service, sizeof(service), "%u", zone);
    err = domi_gateway_call(world->gateway, session, service, group, on_called,
                            world);
    if (err == DOMI_E_TOO_MANY) {
        world->calls_over++;
    } else if (err) {
        assert_int_equal(err, DOMI_E_SESSION_GONE);
        world->calls_late++;
    }
}

static void on_detach(struct domi_gateway *gateway,
                      struct domi_session *session,
                      const struct domi_target *target, enum domi_reason reason,
                      void *user)
{
    struct world *world = user;

    assert_ptr_equal(gateway, world->gateway);
    world->detaches++;
    world->detached_user = domi_session_id(session);
    world->detached_from = *target;
    world->detach_reason = reason;
    if (world->on_detach) {
        world->on_detach(world, session);
    }
    if (world->call_again) {
        call(world, session, 0, target->group);
    }
}

static void on_join(struct domi_gateway *gateway, struct domi_session *session,
                    const struct domi_frame *frame, void *user)
{
    struct world *world = user;

    (void)gateway;
    if (world->on_join) {
        world->on_join(world, session);
    }
    assert_int_equal(frame->data_size, 16);
    call(world, session, (unsigned)domi_get_u64(frame->data + 8),
         domi_get_u64(frame->data));
}

static void on_leave(struct domi_gateway *gateway, struct domi_session *session,
                     const struct domi_frame *frame, void *user)
{
    const struct domi_target target = {domi_get_u64(frame->data),
                                       domi_get_u64(frame->data + 8)};

    (void)gateway;
    (void)user;
    assert_int_equal(domi_session_leave(session, &target), 0);
    assert_int_equal(domi_session_leave(session, &target), DOMI_E_NOT_ATTACHED);
}

/* ---- its life ------------------------------------------------------------ */

void world_open(struct world *world)
{
    memset(world, 0, sizeof(*world));
    net_open(&world->net);
    world->registry = domi_registry_static_new();
    assert_non_null(world->registry);
    world->options = (struct domi_gateway_options){
        .tcp_port = DOMI_PORT_ANY,
        .registry = world->registry,
        .on_connect = on_connect,
        .on_disconnect = on_disconnect,
        .on_detach = on_detach,
        .user = world,
    };
}

struct zone *world_zone(struct world *world, bool knows_hello)
{
    struct zone *zone = zone_open(&world->net, knows_hello);
    char service[8];

    snprintf(service, sizeof(service), "%u", world->zone_count);
    world->zones[world->zone_count++] = zone;
    assert_int_equal(domi_registry_static_add(world->registry, service,
                                              "127.0.0.1", zone->port),
                     0);
    return zone;
}

void world_start(struct world *world)
{
    world->gateway = domi_gateway_new(&world->net.loop, &world->options);
    assert_non_null(world->gateway);
    assert_int_equal(domi_gateway_handle(world->gateway, JOIN, on_join, world),
                     0);
    assert_int_equal(
        domi_gateway_handle(world->gateway, LEAVE, on_leave, world), 0);
    assert_int_equal(domi_gateway_start(world->gateway), 0);
}

static void on_close(struct domi_gateway *gateway, void *user)
{
    struct world *world = user;

    assert_ptr_equal(gateway, world->gateway);
    assert_false(world->closed);
    world->closed = true;
}

void world_begin_stop(struct world *world)
{
    domi_gateway_close(world->gateway, on_close, world);
    domi_gateway_close(world->gateway, on_close, world);
}

void world_stop(struct world *world)
{
    world_begin_stop(world);
    UNTIL(&world->net, world->closed);
    world->gateway = NULL;
}

void world_close(struct world *world)
{
    if (world->gateway) {
        world_stop(world);
    }
    assert_int_equal(world->connects, world->disconnects);
    domi_registry_free(world->registry);
    net_close(&world->net);
}

struct domi_gateway_stats world_stats(const struct world *world)
{
    struct domi_gateway_stats stats;

    domi_gateway_stats(world->gateway, &stats);
    return stats;
}

/* ---- users --------------------------------------------------------------- */

struct domi_session *session_of(const struct user *user)
{
    struct domi_session *session =
        domi_gateway_find(user->world->gateway, user->id);

    assert_non_null(session);
    return session;
}

struct user user_connect(struct world *world)
{
    return user_connect_from(world, "127.0.0.1");
}

struct user user_connect_from(struct world *world, const char *from)
{
    struct user user = {
        .world = world,
        .peer = peer_connect_from(&world->net, from,
                                  domi_gateway_tcp_port(world->gateway)),
    };

    peer_send_hex(user.peer, "fb080000");
    UNTIL(&world->net, user.peer->in.size >= 8);
    user.id = domi_get_u64(user.peer->in.bytes);
    peer_expect(user.peer, user.peer->in.bytes, 8);
    return user;
}

void user_ask(struct user *user, unsigned zone, uint64_t group)
{
    uint8_t data[16];

    put_ids(data, 2, group, (uint64_t)zone);
    peer_send_frame(user->peer, JOIN, data, sizeof(data), NULL, 0);
}

struct place user_answered(struct user *user, unsigned zone)
{
    struct domi_frame frame = peer_next(user->peer);
    struct place place;
    uint8_t join[16];

    assert_int_equal(frame.type, JOIN);
    assert_int_equal(frame.data_size, 16);
    memcpy(place.extend, frame.data, 16);
    place.target.id = domi_get_u64(frame.data);
    place.target.group = domi_get_u64(frame.data + 8);
    assert_true(place.target.id != 0);
    put_ids(join, 2, user->id, place.target.id);
    zone_wait(user->world->zones[zone]);
    peer_expect_frame(user->world->zones[zone]->link, JOIN, join, sizeof(join),
                      place.extend, 16);
    return place;
}

struct place user_join(struct user *user, unsigned zone, uint64_t group)
{
    user_ask(user, zone, group);
    return user_answered(user, zone);
}

void user_say(struct user *user, const struct place *place, uint16_t inner,
              const char *text)
{
    uint8_t extend[18];

    memcpy(extend, place->extend, 16);
    domi_put_u16(extend + 16, inner);
    peer_send_frame(user->peer, DOMI__FRAME_TO_ZONE, text,
                    (uint32_t)strlen(text), extend, sizeof(extend));
}

void user_expect_notice(struct user *user, enum domi_notice notice,
                        enum domi_reason reason,
                        const struct domi_target *target)
{
    uint8_t data[DOMI_NOTICE_SIZE] = {0};

    domi_put_u16(data, (uint16_t)notice);
    domi_put_u16(data + 2, (uint16_t)reason);
    if (target) {
        put_ids(data + 8, 2, target->id, target->group);
    }
    peer_expect_frame(user->peer, DOMI_TYPE_NOTICE, data, sizeof(data), NULL,
                      0);
}

void user_expect_refused(struct user *user, enum domi_reason reason)
{
    unsigned connects = user->world->connects;

    user_expect_notice(user, DOMI_NOTICE_CLOSING, reason, NULL);
    peer_expect_end(user->peer);
    assert_true(world_stats(user->world).closed[reason] > 0);
    assert_null(domi_gateway_find(user->world->gateway, user->id));
    assert_int_equal(user->world->connects, connects);
    peer_close(user->peer);
}

void user_expect_closed(struct user *user, enum domi_reason reason)
{
    struct domi_gateway_stats stats;

    user_expect_notice(user, DOMI_NOTICE_CLOSING, reason, NULL);
    peer_expect_end(user->peer);
    UNTIL(&user->world->net,
          !domi_gateway_find(user->world->gateway, user->id));
    stats = world_stats(user->world);
    assert_int_equal(stats.closed[reason], 1);
    assert_int_equal(user->world->disconnect_reason, reason);
    peer_close(user->peer);
}

void user_expect_text(struct user *user, const char *text)
{
    peer_expect_frame(user->peer, MESSAGE, text, (uint32_t)strlen(text), NULL,
                      0);
}

/* ---- zones --------------------------------------------------------------- */

void zone_expect_said(struct zone *zone, const struct user *user,
                      uint64_t group, const char *text)
{
    uint8_t extend[16];

    put_ids(extend, 2, user->id, group);
    peer_expect_frame(zone->link, MESSAGE, text, (uint32_t)strlen(text), extend,
                      sizeof(extend));
}

void zone_send_to(struct zone *zone, uint64_t group, const char *text,
                  unsigned count, ...)
{
    uint8_t extend[8 * 16 + 10];
    va_list users;

    assert_true(count <= 16);
    va_start(users, count);
    for (unsigned i = 0; i < count; i++) {
        domi_put_u64(extend + 8 * i, va_arg(users, uint64_t));
    }
    va_end(users);
    domi_put_u64(extend + 8 * count, group);
    domi_put_u16(extend + 8 * count + 8, MESSAGE);
    peer_send_frame(zone->link, DOMI__FRAME_TO_USERS, text,
                    (uint32_t)strlen(text), extend, (uint16_t)(8 * count + 10));
}

void zone_send_members(struct zone *zone, uint16_t type, uint64_t group,
                       uint64_t user, int reason)
{
    uint8_t data[8], extend[10];

    domi_put_u64(data, user);
    domi_put_u64(extend, group);
    domi_put_u16(extend + 8, (uint16_t)reason);
    peer_send_frame(zone->link, type, data, sizeof(data), extend,
                    type == DOMI__FRAME_JOINED ? 8 : 10);
}

void zone_broadcast(struct zone *zone, uint64_t group, const char *text)
{
    uint8_t extend[10];

    domi_put_u64(extend, group);
    domi_put_u16(extend + 8, MESSAGE);
    peer_send_frame(zone->link, DOMI__FRAME_BROADCAST, text,
                    (uint32_t)strlen(text), extend, sizeof(extend));
}

void zone_broadcast_except(struct zone *zone, uint64_t user, uint64_t group,
                           const char *text)
{
    uint8_t extend[18];

    put_ids(extend, 2, user, group);
    domi_put_u16(extend + 16, MESSAGE);
    peer_send_frame(zone->link, DOMI__FRAME_BROADCAST_EXCEPT, text,
                    (uint32_t)strlen(text), extend, sizeof(extend));
}

void zone_expect_leave(struct zone *zone, uint64_t user, uint64_t group)
{
    uint8_t data[8], extend[16];

    domi_put_u64(data, zone->next_id - 1);
    put_ids(extend, 2, user, group);
    peer_expect_frame(zone->link, DOMI__FRAME_USER_LEAVE, data, sizeof(data),
                      extend, sizeof(extend));
}

void zone_settle(struct zone *zone)
{
    /* No user has this id. */
    zone_send_to(zone, 1, "settle", 1, UINT64_C(1));
    zone_expect_leave(zone, 1, 1);
}
