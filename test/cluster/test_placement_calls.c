/* SPDX-License-Identifier: MIT */
/* Calls of a real gateway, among zones that come and go. */
#include "placement_fixture.h"

#include <stdlib.h>
#include <string.h>

#include "domi/err.h"
#include "domi/gateway.h"

#define CALL 50
#define GROUP 7

/* A gateway whose users call for GROUP by any frame of type CALL. */
struct faced {
    struct cluster cluster;
    struct domi_gateway *gateway;
    struct peer *user;
    unsigned calls;
    int status;
    unsigned zone; /* that the last call led to */
    unsigned detaches;
    bool calls_again; /* when it is detached */
    bool closed;
};

static void on_called(struct domi_gateway *gateway,
                      struct domi_session *session, int status,
                      const struct domi_target *target, void *user)
{
    struct faced *faced = user;

    (void)gateway;
    assert_int_equal(session == NULL, status == DOMI_E_SESSION_GONE);
    faced->calls++;
    faced->status = status;
    faced->zone = target ? (unsigned)(target->id >> 32) : UINT32_MAX;
}

static void call(struct faced *faced, struct domi_session *session)
{
    assert_int_equal(domi_gateway_call(faced->gateway, session, "room", GROUP,
                                       on_called, faced),
                     0);
}

static void on_call(struct domi_gateway *gateway, struct domi_session *session,
                    const struct domi_frame *frame, void *user)
{
    (void)gateway;
    (void)frame;
    call(user, session);
}

static void on_detach(struct domi_gateway *gateway,
                      struct domi_session *session,
                      const struct domi_target *target, enum domi_reason reason,
                      void *user)
{
    struct faced *faced = user;

    (void)gateway;
    (void)reason;
    assert_int_equal(target->group, GROUP);
    faced->detaches++;
    if (faced->calls_again) {
        call(faced, session);
    }
}

static void open_faced(struct faced *faced, unsigned zones)
{
    const struct domi_gateway_options options = {
        .tcp_port = DOMI_PORT_ANY,
        .registry = &faced->cluster.registry.base,
        .on_detach = on_detach,
        .user = faced,
    };

    memset(faced, 0, sizeof(*faced));
    cluster_open(&faced->cluster);
    for (unsigned i = 0; i < zones; i++) {
        played_open(&faced->cluster, i);
    }
    cluster_tell(&faced->cluster);
    faced->gateway = domi_gateway_new(&faced->cluster.net.loop, &options);
    assert_non_null(faced->gateway);
    assert_int_equal(
        domi_gateway_handle(faced->gateway, CALL, on_call, faced), 0);
    assert_int_equal(domi_gateway_start(faced->gateway), 0);
    faced->user = peer_connect(&faced->cluster.net,
                               domi_gateway_tcp_port(faced->gateway));
    peer_send_hex(faced->user, "fb080000");
    peer_send_frame(faced->user, CALL, NULL, 0, NULL, 0);
}

static void on_close(struct domi_gateway *gateway, void *user)
{
    (void)gateway;
    ((struct faced *)user)->closed = true;
}

static void close_faced(struct faced *faced)
{
    domi_gateway_close(faced->gateway, on_close, faced);
    UNTIL(&faced->cluster.net, faced->closed);
    /* The gateway has heard what askers count in other tests. */
    faced->cluster.heard = faced->cluster.sent;
    cluster_close(&faced->cluster);
}

/* As played_kill, where no asker counts. */
static void kill_zone(struct faced *faced, unsigned number)
{
    faced->cluster.heard = faced->cluster.sent;
    played_kill(&faced->cluster.zones[number]);
}

static void attaches_to_the_zone_that_has_the_group(void **state)
{
    struct faced faced;

    (void)state;
    open_faced(&faced, 3);
    played_add_group(&faced.cluster.zones[2], GROUP);
    UNTIL(&faced.cluster.net, faced.calls == 1);
    assert_int_equal(faced.status, 0);
    assert_int_equal(faced.zone, 2);
    close_faced(&faced);
}

/* The groups of the lost zone are held at first, so the call waits for the
   link; when that cannot be opened it asks anew. */
static void leads_elsewhere_when_the_zone_is_killed(void **state)
{
    struct faced faced;

    (void)state;
    open_faced(&faced, 2);
    played_add_group(&faced.cluster.zones[1], GROUP);
    faced.calls_again = true;
    UNTIL(&faced.cluster.net, faced.calls == 1);
    assert_int_equal(faced.zone, 1);
    kill_zone(&faced, 1);
    UNTIL(&faced.cluster.net, faced.calls == 2);
    assert_int_equal(faced.detaches, 1);
    assert_int_equal(faced.status, 0);
    assert_int_equal(faced.zone, 0);
    assert_int_equal(faced.cluster.zones[0].places, 1);
    close_faced(&faced);
}

static void leads_back_when_the_link_flaps(void **state)
{
    struct faced faced;

    (void)state;
    open_faced(&faced, 2);
    played_add_group(&faced.cluster.zones[1], GROUP);
    faced.calls_again = true;
    UNTIL(&faced.cluster.net, faced.calls == 1);
    faced.cluster.heard = faced.cluster.sent;
    played_flap(&faced.cluster.zones[1]);
    UNTIL(&faced.cluster.net, faced.calls == 2);
    assert_int_equal(faced.status, 0);
    assert_int_equal(faced.zone, 1);
    assert_int_equal(faced.cluster.zones[0].places, 0);
    close_faced(&faced);
}

static void fails_when_no_zone_can_be_reached(void **state)
{
    struct faced faced;

    (void)state;
    open_faced(&faced, 1);
    faced.calls_again = true;
    UNTIL(&faced.cluster.net, faced.calls == 1);
    kill_zone(&faced, 0);
    UNTIL(&faced.cluster.net, faced.detaches == 1);
    cluster_wait(&faced.cluster, 1000);
    assert_int_equal(faced.calls, 1);
    cluster_wait(&faced.cluster, 4000);
    UNTIL(&faced.cluster.net, faced.calls == 2);
    assert_int_equal(faced.status, DOMI_E_ZONE_LOST);
    close_faced(&faced);
}

static void tells_the_caller_that_all_are_full(void **state)
{
    struct faced faced;

    (void)state;
    open_faced(&faced, 2);
    faced.cluster.zones[0].memory = 91;
    faced.cluster.zones[1].memory = 100;
    UNTIL(&faced.cluster.net, faced.calls == 1);
    assert_int_equal(faced.status, DOMI_E_FULL);
    close_faced(&faced);
}

static void tells_the_caller_that_there_is_no_zone(void **state)
{
    struct faced faced;

    (void)state;
    open_faced(&faced, 0);
    UNTIL(&faced.cluster.net, faced.calls == 1);
    assert_int_equal(faced.status, DOMI_E_NO_ZONE);
    close_faced(&faced);
}

static void forgets_a_call_whose_user_is_gone(void **state)
{
    struct faced faced;

    (void)state;
    open_faced(&faced, 2);
    faced.cluster.zones[0].is_deaf = true;
    UNTIL(&faced.cluster.net, faced.cluster.zones[0].places == 1);
    peer_close(faced.user);
    UNTIL(&faced.cluster.net, faced.calls == 1);
    assert_int_equal(faced.status, DOMI_E_SESSION_GONE);
    close_faced(&faced);
    assert_int_equal(faced.calls, 1);
}

static void closes_while_a_call_waits_for_an_answer(void **state)
{
    struct faced faced;

    (void)state;
    open_faced(&faced, 2);
    faced.cluster.zones[0].is_deaf = true;
    UNTIL(&faced.cluster.net, faced.cluster.zones[0].places == 1);
    close_faced(&faced);
    assert_int_equal(faced.calls, 1);
    assert_int_equal(faced.status, DOMI_E_SESSION_GONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attaches_to_the_zone_that_has_the_group),
        cmocka_unit_test(leads_elsewhere_when_the_zone_is_killed),
        cmocka_unit_test(leads_back_when_the_link_flaps),
        cmocka_unit_test(fails_when_no_zone_can_be_reached),
        cmocka_unit_test(tells_the_caller_that_all_are_full),
        cmocka_unit_test(tells_the_caller_that_there_is_no_zone),
        cmocka_unit_test(forgets_a_call_whose_user_is_gone),
        cmocka_unit_test(closes_while_a_call_waits_for_an_answer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
