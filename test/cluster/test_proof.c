/* SPDX-License-Identifier: MIT */
/* Proofs of the cluster key: what they are, and what is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "cluster/cluster.h"
#include "domi/err.h"

#define KEY "0123456789abcdef0123456789abcdef"
#define OLD "an older key, of 24 bytes"

/* Of talk_of, by KEY. */
#define GATEWAY_HEX                                                            \
    "31aaad686489c4a0ff0b98752a9f80fc48401bfffd1b0f738b7e2ff8e0ab0e60"
#define ZONE_HEX                                                               \
    "33fe38a1e834ef8d76a008815f605e7b5ae3a5119f1ffce6f108726cb802267a"

static const struct domi__cluster_keys one = {.key = KEY};
static const struct domi__cluster_keys both = {.key = KEY, .old = OLD};
static const struct domi__cluster_keys old = {.key = OLD};

/* What a gateway, node 3, and a zone, node 7, have said. */
static struct domi__talk talk_of(void)
{
    struct domi__talk talk = {.link = UINT64_C(0x0807060504030201)};

    domi__hello_put(talk.hello, 9, 3);
    domi__hello_put(talk.answer, 1, 7);
    for (uint8_t i = 0; i < DOMI__CHALLENGE_SIZE; i++) {
        talk.hello[DOMI__HELLO_SIZE + i] = i;
        talk.answer[DOMI__HELLO_SIZE + i] = (uint8_t)(100 + i);
    }
    return talk;
}

static void expect_hex(const uint8_t *bytes, size_t size, const char *hex)
{
    char text[2 * DOMI__PROOF_SIZE + 1];

    for (size_t i = 0; i < size; i++) {
        snprintf(text + 2 * i, 3, "%02x", bytes[i]);
    }
    assert_string_equal(text, hex);
}

/* The numbers are those of another implementation, Python's hmac. */
static void is_the_hmac_of_all_that_was_said(void **state)
{
    const struct domi__talk talk = talk_of();
    uint8_t answer[DOMI__ANSWER_MAX], proof[DOMI__PROOF_SIZE];

    (void)state;
    assert_int_equal(domi__talk_answer(&talk, &one, answer), 16 + 32 + 32);
    assert_memory_equal(answer, talk.answer, sizeof(talk.answer));
    expect_hex(answer + 48, 32, ZONE_HEX);
    assert_true(domi__talk_prove(&talk, KEY, proof));
    expect_hex(proof, 32, GATEWAY_HEX);
    assert_true(domi__talk_is_proven(&talk, &one, proof));
}

/* The answer as a frame. */
static struct domi_frame frame_of(const uint8_t *data, uint32_t size)
{
    return (struct domi_frame){.type = DOMI__FRAME_HELLO_ANSWER,
                               .data = data,
                               .data_size = size};
}

/* What a gateway with these keys makes of the answer of a zone with those. */
static const char *agree(const struct domi__cluster_keys *gateway,
                         const struct domi__cluster_keys *zone)
{
    struct domi__talk talk = talk_of();
    uint8_t answer[DOMI__ANSWER_MAX], proof[DOMI__PROOF_SIZE];
    struct domi_frame frame =
        frame_of(answer, domi__talk_answer(&talk, zone, answer));
    const char *key = NULL;
    enum domi_reason reason;

    memset(talk.answer, 0, sizeof(talk.answer));
    reason = domi__talk_heard(&talk, gateway, &frame, &key);
    assert_int_equal(reason,
                     key ? DOMI_REASON_NONE : DOMI_REASON_BAD_PROOF);
    if (key) {
        assert_true(domi__talk_prove(&talk, key, proof));
        assert_true(domi__talk_is_proven(&talk, zone, proof));
    }
    return key;
}

static void any_key_that_both_have_will_do(void **state)
{
    (void)state;
    assert_string_equal(agree(&one, &one), KEY);
    assert_string_equal(agree(&both, &both), KEY);
    assert_string_equal(agree(&both, &one), KEY);
    assert_string_equal(agree(&one, &both), KEY);
    assert_string_equal(agree(&both, &old), OLD);
    assert_string_equal(agree(&old, &both), OLD);
    assert_null(agree(&one, &old));
    assert_null(agree(&old, &one));
}

static void nobodys_own_proof_is_the_others(void **state)
{
    const struct domi__talk talk = talk_of();
    struct domi__talk heard = talk;
    uint8_t answer[DOMI__ANSWER_MAX];
    struct domi_frame frame = frame_of(answer, 80);
    const char *key;

    (void)state;
    domi__talk_answer(&talk, &one, answer);
    assert_false(domi__talk_is_proven(&talk, &one, answer + 48));
    assert_true(domi__talk_prove(&talk, KEY, answer + 48));
    assert_int_equal(domi__talk_heard(&heard, &one, &frame, &key),
                     DOMI_REASON_BAD_PROOF);
}

/* The id of the link, versions, features, node ids and challenges. */
static void no_bit_of_what_was_said_can_change(void **state)
{
    const struct domi__talk talk = talk_of();
    uint8_t answer[DOMI__ANSWER_MAX], proof[DOMI__PROOF_SIZE];
    const char *key;

    (void)state;
    domi__talk_answer(&talk, &one, answer);
    assert_true(domi__talk_prove(&talk, KEY, proof));
    for (size_t bit = 0; bit < 8 * sizeof(talk); bit++) {
        struct domi__talk other = talk;
        uint8_t changed[DOMI__ANSWER_MAX];
        struct domi_frame frame = frame_of(changed, 80);

        ((uint8_t *)&other)[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_false(domi__talk_is_proven(&other, &one, proof));
        memcpy(changed, other.answer, DOMI__WORD_SIZE);
        memcpy(changed + DOMI__WORD_SIZE, answer + DOMI__WORD_SIZE, 32);
        assert_int_equal(domi__talk_heard(&other, &one, &frame, &key),
                         DOMI_REASON_BAD_PROOF);
    }
    for (size_t bit = 0; bit < 8 * sizeof(proof); bit++) {
        proof[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_false(domi__talk_is_proven(&talk, &one, proof));
        proof[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    assert_true(domi__talk_is_proven(&talk, &one, proof));
}

static void answers_have_one_or_two_proofs(void **state)
{
    struct domi__talk talk = talk_of();
    uint8_t answer[DOMI__ANSWER_MAX + 32] = {0};
    const char *key;

    (void)state;
    assert_int_equal(domi__talk_answer(&talk, &both, answer), 112);
    for (uint32_t size = DOMI__HELLO_SIZE; size <= sizeof(answer); size++) {
        struct domi_frame frame = frame_of(answer, size);
        enum domi_reason expected =
            size < 80                    ? DOMI_REASON_NO_PROOF
            : size == 80 || size == 112 ? DOMI_REASON_NONE
                                         : DOMI_REASON_BAD_PROOF;

        assert_int_equal(domi__talk_heard(&talk, &both, &frame, &key),
                         expected);
    }
}

static void every_challenge_is_new(void **state)
{
    uint8_t words[64][DOMI__WORD_SIZE];

    (void)state;
    for (size_t i = 0; i < 64; i++) {
        assert_int_equal(domi__word_put(words[i], 1, 2), 0);
        for (size_t k = 0; k < i; k++) {
            assert_memory_equal(words[i], words[k], DOMI__HELLO_SIZE);
            assert_memory_not_equal(words[i] + DOMI__HELLO_SIZE,
                                    words[k] + DOMI__HELLO_SIZE,
                                    DOMI__CHALLENGE_SIZE);
        }
    }
}

/* ---- keys ---------------------------------------------------------------- */

static void keep_line(enum domi_log_level level, const char *line, void *user)
{
    assert_int_equal(level, DOMI_LOG_ERROR);
    snprintf(user, 256, "%s", line);
}

static void keys_have_16_to_256_bytes(void **state)
{
    char line[256] = "", longest[258];
    struct domi__log log;

    (void)state;
    domi__log_init(&log, keep_line, line);
    memset(longest, 'k', sizeof(longest));
    longest[256] = '\0';
    assert_int_equal(domi__cluster_keys_check(
                         &log, &(struct domi__cluster_keys){0}), 0);
    assert_int_equal(domi__cluster_keys_check(
                         &log, &(struct domi__cluster_keys){
                                   .key = longest, .old = longest + 240}),
                     0);
    assert_string_equal(line, "");
    assert_int_equal(domi__cluster_keys_check(
                         &log,
                         &(struct domi__cluster_keys){.key = longest + 241}),
                     DOMI_E_OPTION);
    assert_string_equal(line, "option cluster_key must have 16 to 256 bytes");
    assert_int_equal(domi__cluster_keys_check(
                         &log, &(struct domi__cluster_keys){.key = ""}),
                     DOMI_E_OPTION);
    assert_int_equal(domi__cluster_keys_check(
                         &log, &(struct domi__cluster_keys){.old = OLD}),
                     DOMI_E_OPTION);
    longest[256] = 'k';
    longest[257] = '\0';
    assert_int_equal(domi__cluster_keys_check(
                         &log, &(struct domi__cluster_keys){
                                   .key = KEY, .old = longest}),
                     DOMI_E_OPTION);
    assert_string_equal(line,
                        "option cluster_key_old must have 16 to 256 bytes");
}

static void loopback_is_told_from_the_rest(void **state)
{
    static const char *const loopback[] = {"127.0.0.1", "127.1.2.3", "::1",
                                           "::ffff:127.0.0.1"};
    static const char *const others[] = {"0.0.0.0", "::", "10.0.0.1",
                                         "128.0.0.1", "::ffff:10.0.0.1",
                                         "fe80::1", "localhost"};

    (void)state;
    for (size_t i = 0; i < sizeof(loopback) / sizeof(*loopback); i++) {
        assert_true(domi__node_is_loopback(loopback[i]));
    }
    for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
        assert_false(domi__node_is_loopback(others[i]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_the_hmac_of_all_that_was_said),
        cmocka_unit_test(any_key_that_both_have_will_do),
        cmocka_unit_test(nobodys_own_proof_is_the_others),
        cmocka_unit_test(no_bit_of_what_was_said_can_change),
        cmocka_unit_test(answers_have_one_or_two_proofs),
        cmocka_unit_test(every_challenge_is_new),
        cmocka_unit_test(keys_have_16_to_256_bytes),
        cmocka_unit_test(loopback_is_told_from_the_rest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
