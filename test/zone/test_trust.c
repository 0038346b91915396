/* SPDX-License-Identifier: MIT */
/* Whom a zone trusts: gateways with the cluster key, and their own users. */
#include "peer.h"

#include <stdlib.h>
#include <string.h>

#include "base/ids.h"
#include "cluster/cluster.h"
#include "domi/err.h"
#include "frame/frame.h"

#define KEY "0123456789abcdef0123456789abcdef"
#define OTHER "fedcba9876543210fedcba9876543210"

#define ALL_FEATURES                                                           \
    (DOMI__FEATURE_GROUPS | DOMI__FEATURE_LOAD | DOMI__FEATURE_DIRECTORY)

static const struct domi__cluster_keys one = {.key = KEY};
static const uint8_t zeros[1000];

struct trust {
    struct fixture fixture;
    struct peer peer;
};

static struct trust *trust_open(const char *key, const char *old)
{
    struct trust *trust = malloc(sizeof(*trust));
    struct domi_zone_options options;

    assert_non_null(trust);
    options = fixture_options(&trust->fixture);
    options.cluster_key = key;
    options.cluster_key_old = old;
    options.handshake_ms = 1500; /* longer than a pulse of the load */
    fixture_init(&trust->fixture, &options);
    assert_int_equal(domi_zone_start(trust->fixture.zone), 0);
    peer_open(&trust->peer, &trust->fixture);
    return trust;
}

static int with_key(void **state)
{
    *state = trust_open(KEY, NULL);
    return 0;
}

static int with_both_keys(void **state)
{
    *state = trust_open(KEY, OTHER);
    return 0;
}

static int without_key(void **state)
{
    *state = trust_open(NULL, NULL);
    return 0;
}

static int tear_down(void **state)
{
    struct trust *trust = *state;

    peer_close(&trust->peer);
    fixture_fini(&trust->fixture);
    free(trust);
    return 0;
}

static void send_frame(struct peer *peer, uint16_t type, const void *data,
                       uint32_t size, const void *extend, uint16_t extend_size)
{
    uint8_t bytes[512];

    assert_true(domi_frame_size(size, extend_size) <= sizeof(bytes));
    peer_send(peer, bytes,
              domi_frame_encode(bytes, type, data, size, extend, extend_size));
}

/* ---- gateways by hand ---------------------------------------------------- */

static void send_hello(struct peer *peer, const uint8_t *data, uint32_t size)
{
    uint8_t extend[16] = {0};

    domi_put_u64(extend + 8, DOMI__HELLO_GROUP);
    send_frame(peer, DOMI__FRAME_HELLO, data, size, extend, sizeof(extend));
}

/* Says hello as node 3, and takes the zone's proof. */
static struct domi__talk greet(struct peer *peer,
                               const struct domi__cluster_keys *keys,
                               uint32_t features)
{
    struct domi__talk talk = {.link = peer->id};
    struct domi_frame answer;
    const char *key;

    assert_int_equal(domi__word_put(talk.hello, features, 3), 0);
    send_hello(peer, talk.hello, sizeof(talk.hello));
    answer = peer_next(peer);
    assert_int_equal(answer.type, DOMI__FRAME_HELLO_ANSWER);
    assert_int_equal(domi__talk_heard(&talk, keys, &answer, &key),
                     DOMI_REASON_NONE);
    assert_int_equal(domi_get_u32(talk.answer + 4), features);
    assert_int_equal(domi_get_u64(talk.answer + 8),
                     domi_zone_id(peer->fixture->zone));
    return talk;
}

static void prove(struct peer *peer, const struct domi__talk *talk,
                  const char *key)
{
    uint8_t proof[DOMI__PROOF_SIZE];

    assert_true(domi__talk_prove(talk, key, proof));
    send_frame(peer, DOMI__FRAME_PROVE, proof, sizeof(proof), NULL, 0);
}

/* A link that is trusted. */
static void open_trusted(struct peer *peer, struct fixture *fixture)
{
    struct domi__talk talk;

    peer_open(peer, fixture);
    talk = greet(peer, &one, DOMI__FEATURE_GROUPS);
    prove(peer, &talk, KEY);
}

static void expect_cut(struct trust *trust, enum domi_reason reason)
{
    struct domi_zone_stats stats;

    peer_expect_end(&trust->peer);
    stats = fixture_stats(&trust->fixture);
    assert_int_equal(stats.closed[reason], 1);
    assert_int_equal(stats.links, 0);
    assert_int_equal(stats.frames_in, 0);
    assert_int_equal(trust->fixture.joined, 0);
    assert_null(strstr(trust->fixture.log, KEY));
}

/* A user joins, speaks, and hears itself. */
static void expect_service(struct peer *peer)
{
    struct domi_frame frame;

    peer_join(peer, USER_A, GROUP);
    peer_send_frame(peer, USER_A, GROUP, 51, "hello", 5);
    do {
        frame = peer_next(peer);
    } while (frame.type != DOMI__FRAME_BROADCAST);
    assert_memory_equal(frame.data, "hello", 5);
}

/* ---- proofs -------------------------------------------------------------- */

static void serves_who_has_proven_itself(void **state)
{
    struct trust *trust = *state;
    struct domi__talk talk = greet(&trust->peer, &one, ALL_FEATURES);

    assert_int_equal(fixture_stats(&trust->fixture).links, 0);
    prove(&trust->peer, &talk, KEY);
    assert_int_equal(peer_next(&trust->peer).type, DOMI__FRAME_LOAD);
    assert_int_equal(peer_next(&trust->peer).type, DOMI__FRAME_GROUPS_END);
    expect_service(&trust->peer);
    assert_int_equal(fixture_stats(&trust->fixture).links, 1);
}

static void takes_the_older_key_as_well(void **state)
{
    static const struct domi__cluster_keys other = {.key = OTHER};
    struct trust *trust = *state;
    struct domi__talk talk =
        greet(&trust->peer, &other, DOMI__FEATURE_GROUPS);
    struct peer newer;

    prove(&trust->peer, &talk, OTHER);
    expect_service(&trust->peer);
    open_trusted(&newer, &trust->fixture);
    expect_service(&newer);
    peer_close(&newer);
}

static void what_follows_the_proof_at_once_is_served(void **state)
{
    struct trust *trust = *state;
    struct domi__talk talk =
        greet(&trust->peer, &one, DOMI__FEATURE_GROUPS);
    uint8_t bytes[2048], proof[DOMI__PROOF_SIZE], extend[16];
    size_t size;

    assert_true(domi__talk_prove(&talk, KEY, proof));
    size = domi_frame_encode(bytes, DOMI__FRAME_PROVE, proof, sizeof(proof),
                             NULL, 0);
    domi_put_u64(extend, USER_A);
    domi_put_u64(extend + 8, GROUP);
    /* Longer than a frame of a stranger may be. */
    size += domi_frame_encode(bytes + size, 51, zeros, sizeof(zeros), extend,
                              sizeof(extend));
    peer_send(&trust->peer, bytes, size);
    fixture_wait(&trust->fixture,
                 fixture_stats(&trust->fixture).frames_in == 1);
}

static void cuts_a_wrong_proof(void **state)
{
    struct trust *trust = *state;
    struct domi__talk talk = greet(&trust->peer, &one, ALL_FEATURES);

    prove(&trust->peer, &talk, OTHER);
    expect_cut(trust, DOMI_REASON_BAD_PROOF);
    assert_int_equal(
        fixture_logged(&trust->fixture, "a wrong proof of the cluster key"),
        2); /* the offence, and the end of the link */
}

static void cuts_a_gateway_without_a_key(void **state)
{
    struct trust *trust = *state;
    uint8_t data[DOMI__HELLO_SIZE];

    domi__hello_put(data, ALL_FEATURES, 3);
    send_hello(&trust->peer, data, sizeof(data));
    expect_cut(trust, DOMI_REASON_NO_PROOF);
}

/* Another gateway's whole conversation, to the byte. */
static void cuts_a_repeated_conversation(void **state)
{
    struct trust *trust = *state;
    struct peer good;
    struct domi__talk talk;

    peer_open(&good, &trust->fixture);
    talk = greet(&good, &one, DOMI__FEATURE_GROUPS);
    prove(&good, &talk, KEY);
    expect_service(&good);
    send_hello(&trust->peer, talk.hello, sizeof(talk.hello));
    assert_int_equal(peer_next(&trust->peer).type, DOMI__FRAME_HELLO_ANSWER);
    prove(&trust->peer, &talk, KEY);
    peer_expect_end(&trust->peer);
    assert_int_equal(
        fixture_stats(&trust->fixture).closed[DOMI_REASON_BAD_PROOF], 1);
    peer_send_frame(&good, USER_A, GROUP, 51, "still", 5);
    assert_int_equal(peer_next(&good).type, DOMI__FRAME_BROADCAST);
    peer_close(&good);
}

/* The zone's own proof is given back to it. */
static void cuts_a_mirror(void **state)
{
    struct trust *trust = *state;
    struct domi__talk talk = {.link = trust->peer.id};
    struct domi_frame answer;

    assert_int_equal(domi__word_put(talk.hello, ALL_FEATURES, 3), 0);
    send_hello(&trust->peer, talk.hello, sizeof(talk.hello));
    answer = peer_next(&trust->peer);
    send_frame(&trust->peer, DOMI__FRAME_PROVE, answer.data + DOMI__WORD_SIZE,
               DOMI__PROOF_SIZE, NULL, 0);
    expect_cut(trust, DOMI_REASON_BAD_PROOF);
}

/* Somebody between the two has changed what the gateway asked for. */
static void cuts_a_gateway_whose_features_were_changed(void **state)
{
    struct trust *trust = *state;
    struct domi__talk talk =
        greet(&trust->peer, &one, DOMI__FEATURE_GROUPS);

    talk.hello[4] |= DOMI__FEATURE_NODES;
    prove(&trust->peer, &talk, KEY);
    expect_cut(trust, DOMI_REASON_BAD_PROOF);
}

static void cuts_a_second_hello(void **state)
{
    struct trust *trust = *state;
    struct domi__talk talk = greet(&trust->peer, &one, ALL_FEATURES);

    send_hello(&trust->peer, talk.hello, sizeof(talk.hello));
    expect_cut(trust, DOMI_REASON_NO_PROOF);
}

/* It is told nothing in all that time, neither load nor groups. */
static void cuts_who_says_hello_and_no_more(void **state)
{
    struct trust *trust = *state;
    uint64_t began = uv_hrtime();
    struct peer good;

    greet(&trust->peer, &one, ALL_FEATURES);
    open_trusted(&good, &trust->fixture);
    peer_join(&good, USER_A, GROUP);
    fixture_wait(&trust->fixture, trust->fixture.joined == 1);
    peer_expect_end(&trust->peer);
    assert_in_range((uv_hrtime() - began) / 1000000, 1400, 5000);
    assert_int_equal(
        fixture_stats(&trust->fixture).closed[DOMI_REASON_NO_PROOF], 1);
    peer_close(&good);
}

static void cuts_who_says_nothing(void **state)
{
    expect_cut(*state, DOMI_REASON_NO_PROOF);
}

/* Whatever comes from a stranger but heartbeats, exit and hello. */
static void cuts_every_frame_before_the_proof(void **state)
{
    static const struct {
        uint16_t type;
        uint16_t data;
        uint16_t extend;
    } frames[] = {
        {DOMI__FRAME_USER_LEAVE, 8, 16}, {DOMI__FRAME_USERS_GONE, 8, 2},
        {DOMI__FRAME_PLACE, 24, 0},      {DOMI__FRAME_PROVE, 32, 0},
        {DOMI__FRAME_NODES, 8, 0},       {50, 16, 16},
        {51, 5, 16},                     {65535, 0, 16},
    };
    struct trust *trust = *state;
    static const uint8_t bytes[64] = {1};

    for (size_t i = 0; i < 2 * sizeof(frames) / sizeof(*frames); i++) {
        bool greeted = i % 2 == 1;
        uint16_t type = frames[i / 2].type;
        struct peer stranger;

        peer_open(&stranger, &trust->fixture);
        if (greeted) {
            greet(&stranger, &one, ALL_FEATURES);
        }
        send_frame(&stranger, type, bytes, frames[i / 2].data, bytes,
                   frames[i / 2].extend);
        peer_expect_end(&stranger);
        peer_close(&stranger);
    }
    assert_int_equal(
        fixture_stats(&trust->fixture).closed[DOMI_REASON_NO_PROOF],
        2 * sizeof(frames) / sizeof(*frames) - 1);
    assert_int_equal(
        fixture_stats(&trust->fixture).closed[DOMI_REASON_BAD_PROOF], 1);
    assert_int_equal(fixture_stats(&trust->fixture).frames_in, 0);
}

static void cuts_a_long_frame_of_a_stranger_at_once(void **state)
{
    struct trust *trust = *state;
    uint8_t header[8] = {0};

    domi_put_u32(header, DOMI__STRANGER_FRAME + 1);
    header[6] = DOMI__FRAME_HELLO;
    peer_send(&trust->peer, header, sizeof(header));
    expect_cut(trust, DOMI_REASON_FRAME_LENGTH);
}

static void a_trusted_link_proves_itself_once(void **state)
{
    struct trust *trust = *state;
    struct domi__talk talk =
        greet(&trust->peer, &one, DOMI__FEATURE_GROUPS);

    prove(&trust->peer, &talk, KEY);
    prove(&trust->peer, &talk, KEY);
    peer_expect_end(&trust->peer);
    assert_int_equal(
        fixture_stats(&trust->fixture).closed[DOMI_REASON_BAD_BODY], 1);
}

/* ---- without a key ------------------------------------------------------- */

/* A gateway that has one is answered, and goes away by itself. */
static void without_a_key_nobody_is_asked(void **state)
{
    struct trust *trust = *state;
    uint8_t word[DOMI__WORD_SIZE];
    struct domi_frame answer;

    assert_int_equal(domi__word_put(word, DOMI__FEATURE_GROUPS, 3), 0);
    send_hello(&trust->peer, word, sizeof(word));
    answer = peer_next(&trust->peer);
    assert_int_equal(answer.type, DOMI__FRAME_HELLO_ANSWER);
    assert_int_equal(answer.data_size, DOMI__HELLO_SIZE);
    expect_service(&trust->peer);
}

static void without_a_key_there_is_nothing_to_prove(void **state)
{
    static const uint8_t proof[DOMI__PROOF_SIZE];
    struct trust *trust = *state;

    send_frame(&trust->peer, DOMI__FRAME_PROVE, proof, sizeof(proof), NULL, 0);
    expect_cut(trust, DOMI_REASON_BAD_BODY);
}

/* Starts a zone, and returns how often it has warned. */
static unsigned warnings(const char *host, int tcp_port, const char *key)
{
    struct fixture fixture;
    struct domi_zone_options options = fixture_options(&fixture);
    unsigned count;

    options.host = host;
    options.tcp_port = tcp_port;
    options.http_port = DOMI_PORT_ANY;
    options.advertise = "127.0.0.1";
    options.cluster_key = key;
    fixture_init(&fixture, &options);
    assert_int_equal(domi_zone_start(fixture.zone), 0);
    count = fixture_logged(&fixture, "warning: zone zone: listens on 0.0.0.0 "
                                     "without a cluster_key");
    fixture_fini(&fixture);
    return count;
}

static void an_open_zone_without_a_key_says_so(void **state)
{
    (void)state;
    assert_int_equal(warnings("0.0.0.0", DOMI_PORT_ANY, NULL), 1);
    assert_int_equal(warnings("0.0.0.0", DOMI_PORT_ANY, KEY), 0);
    assert_int_equal(warnings("0.0.0.0", 0, NULL), 0);
    assert_int_equal(warnings("127.0.0.1", DOMI_PORT_ANY, NULL), 0);
    assert_int_equal(warnings(NULL, DOMI_PORT_ANY, NULL), 0);
}

static void a_key_that_is_too_short_is_refused(void **state)
{
    struct fixture fixture;
    struct domi_zone_options options = fixture_options(&fixture);

    (void)state;
    options.cluster_key = "fifteen bytes !";
    fixture_init(&fixture, &options);
    assert_int_equal(domi_zone_start(fixture.zone), DOMI_E_OPTION);
    assert_int_equal(fixture_logged(&fixture, "option cluster_key"), 1);
    assert_int_equal(fixture_logged(&fixture, "fifteen"), 0);
    fixture_fini(&fixture);
}

/* ---- a gateway's own users ----------------------------------------------- */

/* A session id of this node. */
static uint64_t user_of(unsigned node)
{
    return UINT64_C(1) << 40 | (uint64_t)node << 12 | 17;
}

/* A link of node 5 that says whose users it has. */
static void open_as_node_5(struct peer *peer, struct fixture *fixture)
{
    uint8_t data[DOMI__HELLO_SIZE];

    peer_open(peer, fixture);
    domi__hello_put(data, DOMI__FEATURE_GROUPS | DOMI__FEATURE_NODES, 5);
    send_hello(peer, data, sizeof(data));
    assert_int_equal(peer_next(peer).type, DOMI__FRAME_HELLO_ANSWER);
}

/* The ways to speak for a user: 0 and 1. */
static void speak_for(struct peer *peer, unsigned way, uint64_t user)
{
    uint8_t ids[16], extend[16];

    if (way == 0) {
        peer_send_frame(peer, user, GROUP, 51, "hello", 5);
    } else {
        domi_put_u64(ids, user_of(5));
        domi_put_u64(ids + 8, user);
        domi_put_u16(extend, DOMI_REASON_DISCONNECTED);
        send_frame(peer, DOMI__FRAME_USERS_GONE, ids, 16, extend, 2);
    }
}

static void a_gateway_speaks_for_users_of_its_own(void **state)
{
    struct trust *trust = *state;

    for (unsigned way = 0; way < 2; way++) {
        struct peer gateway;

        open_as_node_5(&gateway, &trust->fixture);
        peer_join(&gateway, user_of(5), GROUP);
        speak_for(&gateway, way, user_of(5));
        peer_wait_frame(&gateway);
        speak_for(&gateway, way, user_of(6));
        peer_expect_rest(&gateway);
        assert_int_equal(fixture_stats(&trust->fixture)
                             .closed[DOMI_REASON_FOREIGN_USER],
                         way + 1);
        peer_close(&gateway);
    }
}

static void a_gateway_may_have_had_other_ids(void **state)
{
    struct trust *trust = *state;
    struct peer gateway;
    uint8_t ids[16];

    open_as_node_5(&gateway, &trust->fixture);
    domi_put_u64(ids, 6);
    domi_put_u64(ids + 8, 1022);
    send_frame(&gateway, DOMI__FRAME_NODES, ids, 16, NULL, 0);
    for (unsigned way = 0; way < 2; way++) {
        speak_for(&gateway, way, user_of(5));
        speak_for(&gateway, way, user_of(6));
        speak_for(&gateway, way, user_of(1022));
    }
    peer_expect_nothing(&gateway);
    speak_for(&gateway, 0, user_of(7));
    peer_expect_end(&gateway);
    peer_close(&gateway);
}

/* A group may have named it by mistake; the gateway says that it is not here,
   which is no offence. */
static void a_gateway_may_disown_anybody(void **state)
{
    struct trust *trust = *state;
    struct peer gateway;
    uint8_t link[8], extend[16];

    open_as_node_5(&gateway, &trust->fixture);
    peer_join(&gateway, user_of(6), GROUP);
    assert_int_equal(peer_next(&gateway).type, DOMI__FRAME_JOINED);
    domi_put_u64(link, gateway.id);
    domi_put_u64(extend, user_of(6));
    domi_put_u64(extend + 8, GROUP);
    send_frame(&gateway, DOMI__FRAME_USER_LEAVE, link, 8, extend, 16);
    fixture_wait(&trust->fixture, trust->fixture.left[DOMI_REASON_LEFT] == 1);
    assert_int_equal(fixture_stats(&trust->fixture).links, 2);
    peer_close(&gateway);
}

static void nodes_are_checked(void **state)
{
    static const uint64_t bad[] = {1023, UINT64_C(1) << 32, UINT64_MAX};
    struct trust *trust = *state;
    uint8_t data[DOMI__HELLO_SIZE];

    for (size_t i = 0; i < 2 * sizeof(bad) / sizeof(*bad); i++) {
        struct peer gateway;

        if (i % 2 == 0) {
            open_as_node_5(&gateway, &trust->fixture);
            domi_put_u64(data, bad[i / 2]);
            send_frame(&gateway, DOMI__FRAME_NODES, data, 8, NULL, 0);
        } else {
            peer_open(&gateway, &trust->fixture);
            domi__hello_put(data, DOMI__FEATURE_NODES, bad[i / 2]);
            send_hello(&gateway, data, sizeof(data));
        }
        peer_expect_end(&gateway);
        peer_close(&gateway);
    }
    domi_put_u64(data, 5); /* without the feature */
    send_frame(&trust->peer, DOMI__FRAME_NODES, data, 8, NULL, 0);
    peer_expect_end(&trust->peer);
    assert_int_equal(
        fixture_stats(&trust->fixture).closed[DOMI_REASON_BAD_BODY],
        2 * sizeof(bad) / sizeof(*bad) + 1);
}

/* ---- gateways that are broken -------------------------------------------- */

static void groups_that_are_none_harm_nobody(void **state)
{
    static const uint64_t groups[] = {GROUPS_MAX, UINT64_C(1) << 31,
                                      UINT64_C(1) << 63, UINT64_MAX - 1,
                                      UINT64_MAX};
    struct trust *trust = *state;
    size_t count = sizeof(groups) / sizeof(*groups);

    for (size_t i = 0; i < count; i++) {
        peer_join(&trust->peer, USER_A, groups[i]);
    }
    fixture_wait(&trust->fixture,
                 fixture_stats(&trust->fixture).dropped_no_group == count);
    assert_int_equal(fixture_stats(&trust->fixture).groups, 0);
    assert_int_equal(fixture_stats(&trust->fixture).links, 1);
}

#define LIST 131000u /* ids; nearly as long as a frame may be */

static void a_list_of_strangers_takes_nobody_away(void **state)
{
    struct trust *trust = *state;
    size_t size = domi_frame_size(LIST * 8, 2);
    uint8_t *frame = calloc(1, size);
    struct peer other;

    assert_non_null(frame);
    domi_put_u32(frame, (uint32_t)size);
    frame[4] = 2;
    frame[6] = DOMI__FRAME_USERS_GONE;
    for (uint32_t i = 0; i < LIST; i++) {
        domi_put_u64(frame + 8 + 8 * i, USER_A + i - LIST / 2);
    }
    peer_open(&other, &trust->fixture);
    peer_join(&other, USER_A, GROUP);
    fixture_wait(&trust->fixture, trust->fixture.joined == 1);
    for (unsigned i = 0; i < 8; i++) {
        peer_send(&trust->peer, frame, size);
    }
    peer_join(&trust->peer, USER_A, GROUP);
    fixture_wait(&trust->fixture, trust->fixture.joined == 2);
    assert_int_equal(trust->fixture.left[DOMI_REASON_DISCONNECTED], 0);
    peer_close(&other);
    free(frame);
}

#define FLOOD 64u /* frames in one write */

/* While one gateway sends as fast as it can, another is served. */
static void a_flood_of_one_gateway_leaves_room_for_others(void **state)
{
    struct trust *trust = *state;
    uint8_t flood[FLOOD * 1024], extend[16];
    struct peer other;
    size_t size = 0;

    domi_put_u64(extend, USER_B);
    domi_put_u64(extend + 8, GROUP + 1);
    for (unsigned i = 0; i < FLOOD; i++) {
        size += domi_frame_encode(flood + size, 51, zeros, sizeof(zeros),
                                  extend, sizeof(extend));
    }
    peer_open(&other, &trust->fixture);
    peer_hello(&other, DOMI__FEATURE_GROUPS);
    peer_join(&other, USER_A, GROUP);
    assert_int_equal(peer_next(&other).type, DOMI__FRAME_JOINED);
    for (unsigned i = 0; i < 200; i++) {
        peer_send(&trust->peer, flood, size);
        peer_send_frame(&other, USER_A, GROUP, 51, "hello", 5);
        assert_int_equal(peer_next(&other).type, DOMI__FRAME_BROADCAST);
    }
    peer_close(&other);
}

#define SET_UP(test, set_up)                                                   \
    cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SET_UP(serves_who_has_proven_itself, with_key),
        SET_UP(takes_the_older_key_as_well, with_both_keys),
        SET_UP(what_follows_the_proof_at_once_is_served, with_key),
        SET_UP(cuts_a_wrong_proof, with_key),
        SET_UP(cuts_a_gateway_without_a_key, with_key),
        SET_UP(cuts_a_repeated_conversation, with_key),
        SET_UP(cuts_a_mirror, with_key),
        SET_UP(cuts_a_gateway_whose_features_were_changed, with_key),
        SET_UP(cuts_a_second_hello, with_key),
        SET_UP(cuts_who_says_hello_and_no_more, with_key),
        SET_UP(cuts_who_says_nothing, with_key),
        SET_UP(cuts_every_frame_before_the_proof, with_key),
        SET_UP(cuts_a_long_frame_of_a_stranger_at_once, with_key),
        SET_UP(a_trusted_link_proves_itself_once, with_key),
        SET_UP(without_a_key_nobody_is_asked, without_key),
        SET_UP(without_a_key_there_is_nothing_to_prove, without_key),
        cmocka_unit_test(an_open_zone_without_a_key_says_so),
        cmocka_unit_test(a_key_that_is_too_short_is_refused),
        SET_UP(a_gateway_speaks_for_users_of_its_own, without_key),
        SET_UP(a_gateway_may_have_had_other_ids, without_key),
        SET_UP(a_gateway_may_disown_anybody, without_key),
        SET_UP(nodes_are_checked, without_key),
        SET_UP(groups_that_are_none_harm_nobody, without_key),
        SET_UP(a_list_of_strangers_takes_nobody_away, without_key),
        SET_UP(a_flood_of_one_gateway_leaves_room_for_others, without_key),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
