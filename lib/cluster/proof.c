/* SPDX-License-Identifier: MIT */
/* Proofs of the cluster key: HMAC-SHA-256 over what both ends have said. */
#include "cluster/proof.h"

#include <openssl/crypto.h>
#include <openssl/hmac.h>
#include <string.h>

#include "base/clock.h"
#include "domi/err.h"

/* Begins what is signed, so that it is nothing else that the key may sign. */
#define LABEL "domi link proof"

/* In the proof, so that nobody can be given back its own. */
enum role {
    GATEWAY = 'g',
    ZONE = 'z',
};

/* ---- keys ---------------------------------------------------------------- */

static int check(struct domi__log *log, const char *name, const char *key)
{
    size_t size = strnlen(key, DOMI__KEY_MAX + 1);

    if (size < DOMI__KEY_MIN || size > DOMI__KEY_MAX) {
        domi__log(log, DOMI_LOG_ERROR, "option %s must have %u to %u bytes",
                  name, DOMI__KEY_MIN, DOMI__KEY_MAX);
        return DOMI_E_OPTION;
    }
    return 0;
}

int domi__cluster_keys_check(struct domi__log *log,
                             const struct domi__cluster_keys *keys)
{
    int err = keys->key ? check(log, "cluster_key", keys->key) : 0;

    if (err || !keys->old) {
        return err;
    }
    if (!keys->key) {
        domi__log(log, DOMI_LOG_ERROR,
                  "option cluster_key_old must not be there without"
                  " cluster_key");
        return DOMI_E_OPTION;
    }
    return check(log, "cluster_key_old", keys->old);
}

/* ---- what is said -------------------------------------------------------- */

void domi__hello_put(uint8_t data[DOMI__HELLO_SIZE], uint32_t features,
                     uint64_t node_id)
{
    domi_put_u16(data, DOMI__HELLO_VERSION);
    domi_put_u16(data + 2, 0);
    domi_put_u32(data + 4, features);
    domi_put_u64(data + 8, node_id);
}

int domi__word_put(uint8_t word[DOMI__WORD_SIZE], uint32_t features,
                   uint64_t node_id)
{
    domi__hello_put(word, features, node_id);
    return domi__random(word + DOMI__HELLO_SIZE, DOMI__CHALLENGE_SIZE);
}

/* ---- proofs -------------------------------------------------------------- */

/* False when memory is short. */
static bool prove(const struct domi__talk *talk, const char *key,
                  enum role role, uint8_t proof[DOMI__PROOF_SIZE])
{
    uint8_t said[sizeof(LABEL) + 1 + 8 + 2 * DOMI__WORD_SIZE];
    uint8_t *at = said;
    unsigned size;

    memcpy(at, LABEL, sizeof(LABEL));
    at += sizeof(LABEL);
    *at++ = (uint8_t)role;
    domi_put_u64(at, talk->link);
    at += 8;
    memcpy(at, talk->hello, DOMI__WORD_SIZE);
    at += DOMI__WORD_SIZE;
    memcpy(at, talk->answer, DOMI__WORD_SIZE);
    return HMAC(EVP_sha256(), key, (int)strlen(key), said, sizeof(said), proof,
                &size) != NULL;
}

/* Takes the same time wherever the two differ. */
static bool is_proof(const struct domi__talk *talk, const char *key,
                     enum role role, const uint8_t *proof)
{
    uint8_t right[DOMI__PROOF_SIZE];

    return prove(talk, key, role, right) &&
           CRYPTO_memcmp(right, proof, sizeof(right)) == 0;
}

uint32_t domi__talk_answer(const struct domi__talk *talk,
                           const struct domi__cluster_keys *keys, uint8_t *out)
{
    uint32_t size = DOMI__WORD_SIZE;

    memcpy(out, talk->answer, DOMI__WORD_SIZE);
    if (!prove(talk, keys->key, ZONE, out + size)) {
        return 0;
    }
    size += DOMI__PROOF_SIZE;
    if (keys->old) {
        if (!prove(talk, keys->old, ZONE, out + size)) {
            return 0;
        }
        size += DOMI__PROOF_SIZE;
    }
    return size;
}

/* Whether one of the proofs in the answer is by this key. */
static bool is_answered(const struct domi__talk *talk, const char *key,
                        const struct domi_frame *answer)
{
    uint32_t at = DOMI__WORD_SIZE;

    while (at < answer->data_size) {
        if (is_proof(talk, key, ZONE, answer->data + at)) {
            return true;
        }
        at += DOMI__PROOF_SIZE;
    }
    return false;
}

enum domi_reason domi__talk_heard(struct domi__talk *talk,
                                  const struct domi__cluster_keys *keys,
                                  const struct domi_frame *answer,
                                  const char **key)
{
    uint32_t size = answer->data_size;

    if (size < DOMI__WORD_SIZE + DOMI__PROOF_SIZE) {
        return DOMI_REASON_NO_PROOF;
    }
    if (size > DOMI__ANSWER_MAX ||
        (size - DOMI__WORD_SIZE) % DOMI__PROOF_SIZE != 0) {
        return DOMI_REASON_BAD_PROOF;
    }
    memcpy(talk->answer, answer->data, DOMI__WORD_SIZE);
    if (is_answered(talk, keys->key, answer)) {
        *key = keys->key;
    } else if (keys->old && is_answered(talk, keys->old, answer)) {
        *key = keys->old;
    } else {
        return DOMI_REASON_BAD_PROOF;
    }
    return DOMI_REASON_NONE;
}

bool domi__talk_prove(const struct domi__talk *talk, const char *key,
                      uint8_t proof[DOMI__PROOF_SIZE])
{
    return prove(talk, key, GATEWAY, proof);
}

bool domi__talk_is_proven(const struct domi__talk *talk,
                          const struct domi__cluster_keys *keys,
                          const uint8_t proof[DOMI__PROOF_SIZE])
{
    return is_proof(talk, keys->key, GATEWAY, proof) ||
           (keys->old && is_proof(talk, keys->old, GATEWAY, proof));
}
