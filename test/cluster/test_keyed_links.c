/* SPDX-License-Identifier: MIT */
/* Links with a cluster key: a zone that has not proven itself gets nothing. */
#include "links_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY "0123456789abcdef0123456789abcdef"
#define OTHER "fedcba9876543210fedcba9876543210"

static const struct domi__cluster_keys one = {.key = KEY};
static const struct domi__cluster_keys other = {.key = OTHER};
static const struct domi__cluster_keys both = {.key = KEY, .old = OTHER};

/* A link whose zone is played by hand, up to the gateway's hello. */
struct dialled {
    struct fixture fixture;
    struct zone *zone;
    struct domi__link *link;
    struct domi__talk talk;
};

static void take_hello(struct dialled *d)
{
    uint8_t id[8];
    struct domi_frame hello;

    d->zone->link->zone = d->zone;
    peer_expect(d->zone->link, "\xfb\x08\0\0", 4);
    d->talk.link = d->zone->next_id++;
    domi_put_u64(id, d->talk.link);
    peer_send(d->zone->link, id, sizeof(id));
    hello = peer_next(d->zone->link);
    assert_int_equal(hello.type, DOMI__FRAME_HELLO);
    assert_int_equal(hello.data_size, DOMI__WORD_SIZE);
    memcpy(d->talk.hello, hello.data, DOMI__WORD_SIZE);
}

static void dial(struct dialled *d, const struct domi__cluster_keys *keys)
{
    struct domi__node node = {.id = -1, .service = "room", .host = "127.0.0.1"};

    open_keyed_links(&d->fixture, keys);
    d->zone = zone_open(&d->fixture.net, true);
    d->zone->by_hand = true;
    node.tcp_port = d->zone->port;
    d->link = domi__links_get(d->fixture.links, &node);
    UNTIL(&d->fixture.net, d->zone->link);
    take_hello(d);
}

/* The gateway is still without this link. */
static void expect_nothing(const struct dialled *d)
{
    assert_int_equal(d->fixture.up, 0);
    assert_int_equal(d->fixture.hellos, 0);
    assert_int_equal(d->fixture.frames, 0);
    assert_int_equal(domi__link_id(d->link), 0);
    assert_null(domi__link_session(d->link));
    assert_int_equal(domi__links_count(d->fixture.links), 0);
}

/* Waits until the zone is cut for this reason, told nothing but goodbye. */
static void expect_cut(struct dialled *d, enum domi_reason reason)
{
    char line[160];
    struct domi_frame frame;

    UNTIL(&d->fixture.net, d->fixture.failed == 1);
    assert_int_equal(d->fixture.reason, reason);
    expect_nothing(d);
    frame = peer_next(d->zone->link);
    assert_int_equal(frame.type, DOMI__FRAME_EXIT);
    peer_expect_end(d->zone->link);
    snprintf(line, sizeof(line),
             "link to room 127.0.0.1:%d could not be opened: %s\n",
             d->zone->port, domi_reason_text(reason));
    assert_string_equal(d->fixture.lines, line);
    close_links(&d->fixture);
}

/* The answer of a zone with these keys; returns its size. */
static uint32_t answer(struct dialled *d, const struct domi__cluster_keys *keys,
                       uint8_t *data)
{
    assert_int_equal(domi__word_put(d->talk.answer, DOMI__FEATURE_GROUPS, 7),
                     0);
    return domi__talk_answer(&d->talk, keys, data);
}

static void send_answer(struct dialled *d, const uint8_t *data, uint32_t size)
{
    peer_send_frame(d->zone->link, DOMI__FRAME_HELLO_ANSWER, data, size, NULL,
                    0);
}

static void send_right_answer(struct dialled *d,
                              const struct domi__cluster_keys *keys)
{
    uint8_t data[DOMI__ANSWER_MAX];

    send_answer(d, data, answer(d, keys, data));
}

static void expect_proof(struct dialled *d,
                         const struct domi__cluster_keys *keys)
{
    struct domi_frame frame = peer_next(d->zone->link);

    assert_int_equal(frame.type, DOMI__FRAME_PROVE);
    assert_true(domi__talk_is_proven(&d->talk, keys, frame.data));
}

/* ---- open ---------------------------------------------------------------- */

static void opens_when_both_are_proven(void **state)
{
    static uint8_t large[1000];
    struct dialled d;

    (void)state;
    dial(&d, &one);
    expect_nothing(&d);
    send_right_answer(&d, &one);
    expect_proof(&d, &one);
    assert_int_equal(d.fixture.up, 1);
    assert_int_equal(d.fixture.hellos, 1);
    assert_int_equal(domi__link_id(d.link), d.talk.link);
    assert_int_equal(domi__link_node_id(d.link), 7);
    /* Now it may send what it likes, and is not cut for its time. */
    forward_ms += 2000;
    memset(large, 0, sizeof(large));
    peer_send_frame(d.zone->link, DOMI__FRAME_BROADCAST, large, 900, large, 10);
    UNTIL(&d.fixture.net, d.fixture.frames == 1);
    assert_int_equal(d.fixture.down, 0);
    close_links(&d.fixture);
}

static void an_older_key_is_as_good(void **state)
{
    struct dialled d;

    (void)state;
    dial(&d, &both);
    send_right_answer(&d, &other);
    expect_proof(&d, &other);
    UNTIL(&d.fixture.net, d.fixture.up == 1);
    close_links(&d.fixture);
}

static void proves_itself_anew_on_each_link(void **state)
{
    struct dialled d;
    struct domi__talk before;

    (void)state;
    dial(&d, &one);
    send_right_answer(&d, &one);
    expect_proof(&d, &one);
    UNTIL(&d.fixture.net, d.fixture.up == 1);
    before = d.talk;
    peer_close(d.zone->link);
    UNTIL(&d.fixture.net, d.zone->dialled == 2);
    take_hello(&d);
    assert_memory_not_equal(d.talk.hello, before.hello, DOMI__WORD_SIZE);
    assert_int_equal(d.fixture.up, 1);
    send_right_answer(&d, &one);
    expect_proof(&d, &one);
    UNTIL(&d.fixture.net, d.fixture.up == 2);
    close_links(&d.fixture);
}

/* ---- cut ----------------------------------------------------------------- */

static void cuts_a_zone_with_another_key(void **state)
{
    struct dialled d;

    (void)state;
    dial(&d, &one);
    send_right_answer(&d, &other);
    expect_cut(&d, DOMI_REASON_BAD_PROOF);
}

static void cuts_a_zone_without_a_key(void **state)
{
    struct dialled d;
    uint8_t data[DOMI__HELLO_SIZE];

    (void)state;
    dial(&d, &one);
    domi__hello_put(data, DOMI__FEATURE_GROUPS, 7);
    send_answer(&d, data, sizeof(data));
    expect_cut(&d, DOMI_REASON_NO_PROOF);
}

static void cuts_a_zone_that_begins_with_another_frame(void **state)
{
    struct dialled d;

    (void)state;
    dial(&d, &one);
    peer_send_frame(d.zone->link, DOMI__FRAME_GROUPS_END, NULL, 0, NULL, 0);
    /* Too late. */
    send_right_answer(&d, &one);
    expect_cut(&d, DOMI_REASON_NO_PROOF);
}

static void cuts_a_zone_that_says_nothing(void **state)
{
    struct dialled d;

    (void)state;
    dial(&d, &one);
    expect_cut(&d, DOMI_REASON_NO_PROOF);
}

static void cuts_a_zone_that_sends_much_before_its_proof(void **state)
{
    struct dialled d;
    uint8_t header[8] = {0};

    (void)state;
    dial(&d, &one);
    domi_put_u32(header, DOMI__STRANGER_FRAME + 1);
    peer_send(d.zone->link, header, sizeof(header));
    expect_cut(&d, DOMI_REASON_FRAME_LENGTH);
}

/* What a zone said on a link before, to the byte. */
static void cuts_a_zone_that_repeats_an_old_answer(void **state)
{
    struct dialled d;
    uint8_t recorded[DOMI__ANSWER_MAX];
    uint32_t size;

    (void)state;
    dial(&d, &one);
    size = answer(&d, &one, recorded);
    send_answer(&d, recorded, size);
    expect_proof(&d, &one);
    peer_close(d.zone->link);
    UNTIL(&d.fixture.net, d.zone->dialled == 2);
    /* Even under the old link's id. */
    d.zone->next_id--;
    take_hello(&d);
    send_answer(&d, recorded, size);
    UNTIL(&d.fixture.net, d.fixture.failed == 1);
    assert_int_equal(d.fixture.reason, DOMI_REASON_BAD_PROOF);
    assert_int_equal(d.fixture.up, 1);
    close_links(&d.fixture);
}

/* Its own challenge comes back, with the proof that it gave by mistake. */
static void cuts_a_zone_that_holds_up_a_mirror(void **state)
{
    struct dialled d;
    uint8_t data[DOMI__ANSWER_MAX];

    (void)state;
    dial(&d, &one);
    memcpy(d.talk.answer, d.talk.hello, DOMI__WORD_SIZE);
    memcpy(data, d.talk.hello, DOMI__WORD_SIZE);
    assert_true(domi__talk_prove(&d.talk, KEY, data + DOMI__WORD_SIZE));
    send_answer(&d, data, DOMI__WORD_SIZE + DOMI__PROOF_SIZE);
    expect_cut(&d, DOMI_REASON_BAD_PROOF);
}

static void cuts_a_zone_whose_features_were_changed(void **state)
{
    struct dialled d;
    uint8_t data[DOMI__ANSWER_MAX];
    uint32_t size;

    (void)state;
    dial(&d, &one);
    size = answer(&d, &one, data);
    data[4] = 0;
    send_answer(&d, data, size);
    expect_cut(&d, DOMI_REASON_BAD_PROOF);
}

static void cuts_a_zone_that_heard_other_features(void **state)
{
    struct dialled d;

    (void)state;
    dial(&d, &one);
    d.talk.hello[4] ^= DOMI__FEATURE_GROUPS;
    send_right_answer(&d, &one);
    expect_cut(&d, DOMI_REASON_BAD_PROOF);
}

/* A stranger that gives the id of an open link does not harm that link. */
static void a_stranger_cannot_take_a_links_id(void **state)
{
    struct dialled d;
    struct zone *stranger;
    struct domi__node node = {.id = -1, .service = "room", .host = "127.0.0.1"};
    uint8_t id[8];

    (void)state;
    dial(&d, &one);
    stranger = zone_open(&d.fixture.net, true);
    stranger->by_hand = true;
    node.tcp_port = stranger->port;
    domi__links_get(d.fixture.links, &node);
    UNTIL(&d.fixture.net, stranger->link);
    domi_put_u64(id, d.talk.link);
    peer_send(stranger->link, id, sizeof(id));
    peer_expect(stranger->link, "\xfb\x08\0\0", 4);
    assert_int_equal(peer_next(stranger->link).type, DOMI__FRAME_HELLO);
    send_right_answer(&d, &one);
    expect_proof(&d, &one);
    UNTIL(&d.fixture.net, d.fixture.up == 1);
    assert_int_equal(domi__link_id(d.link), d.talk.link);
    close_links(&d.fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opens_when_both_are_proven),
        cmocka_unit_test(an_older_key_is_as_good),
        cmocka_unit_test(proves_itself_anew_on_each_link),
        cmocka_unit_test(cuts_a_zone_with_another_key),
        cmocka_unit_test(cuts_a_zone_without_a_key),
        cmocka_unit_test(cuts_a_zone_that_begins_with_another_frame),
        cmocka_unit_test(cuts_a_zone_that_says_nothing),
        cmocka_unit_test(cuts_a_zone_that_sends_much_before_its_proof),
        cmocka_unit_test(cuts_a_zone_that_repeats_an_old_answer),
        cmocka_unit_test(cuts_a_zone_that_holds_up_a_mirror),
        cmocka_unit_test(cuts_a_zone_whose_features_were_changed),
        cmocka_unit_test(cuts_a_zone_that_heard_other_features),
        cmocka_unit_test(a_stranger_cannot_take_a_links_id),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
