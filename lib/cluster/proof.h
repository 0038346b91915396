/* SPDX-License-Identifier: MIT */
/* How the two ends of a link prove to each other that they have the cluster
   key. */
#ifndef DOMI_CLUSTER_PROOF_H
#define DOMI_CLUSTER_PROOF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/log.h"
#include "frame/frame.h"

/*
 *   gateway -> zone  HELLO         what it always says, and a challenge
 *   zone -> gateway  HELLO_ANSWER  the same, and a proof by each of its keys
 *   gateway -> zone  PROVE         a proof by the key that both have
 *
 * A proof is the HMAC-SHA-256, by the key, of who proves, the id of the link,
 * and all that the two have said: so it is good for this link alone, for one
 * of its ends, and for what that end has heard. A challenge is new for each
 * link, so that no recorded proof serves again.
 *
 * Whoever knows no key can still listen to what goes over the link later, or
 * change it: that takes TLS to prevent. And whoever dials a zone gets a proof
 * to try keys on, so a key must be too long to be guessed.
 */

/* The keys of a node. Borrowed. */
struct domi__cluster_keys {
    const char *key; /* NULL: nothing is proven, and no proof is asked for */
    const char *old; /* as good as `key`, while one takes the other's place;
                        or NULL */
};

#define DOMI__KEY_MIN 16u
#define DOMI__KEY_MAX 256u

/* 0, or DOMI_E_OPTION after a line in the log, which does not show the key. */
int domi__cluster_keys_check(struct domi__log *log,
                             const struct domi__cluster_keys *keys);

/* What an end of a link says in the clear: a hello's data, and a challenge. */
#define DOMI__WORD_SIZE (DOMI__HELLO_SIZE + DOMI__CHALLENGE_SIZE)

/* The largest HELLO_ANSWER's data. */
#define DOMI__ANSWER_MAX (DOMI__WORD_SIZE + 2 * DOMI__PROOF_SIZE)

/* The most bytes of a frame from a peer that has proven nothing yet. */
#define DOMI__STRANGER_FRAME 256u

/* What is proven, kept by both ends until it is. */
struct domi__talk {
    uint64_t link; /* the id */
    uint8_t hello[DOMI__WORD_SIZE];
    uint8_t answer[DOMI__WORD_SIZE];
};

/* Writes the data of a hello, or of its answer. */
void domi__hello_put(uint8_t data[DOMI__HELLO_SIZE], uint32_t features,
                     uint64_t node_id);

/* As domi__hello_put, with a new challenge. 0, or a libuv code of the random
   source. */
int domi__word_put(uint8_t word[DOMI__WORD_SIZE], uint32_t features,
                   uint64_t node_id);

/* The zone's: writes talk->answer and the proofs to `out`, which has room for
   DOMI__ANSWER_MAX, and returns their size; 0 when memory is short. */
uint32_t domi__talk_answer(const struct domi__talk *talk,
                           const struct domi__cluster_keys *keys, uint8_t *out);

/* The gateway's: takes talk->answer from the data of HELLO_ANSWER. `*key` is
   the one of its keys by which the zone has proven itself, and that it is to
   prove itself with. NONE, NO_PROOF or BAD_PROOF. */
enum domi_reason domi__talk_heard(struct domi__talk *talk,
                                  const struct domi__cluster_keys *keys,
                                  const struct domi_frame *answer,
                                  const char **key);

/* The gateway's proof. False when memory is short. */
bool domi__talk_prove(const struct domi__talk *talk, const char *key,
                      uint8_t proof[DOMI__PROOF_SIZE]);

/* The zone's: whether this is the gateway's proof by one of the keys. */
bool domi__talk_is_proven(const struct domi__talk *talk,
                          const struct domi__cluster_keys *keys,
                          const uint8_t proof[DOMI__PROOF_SIZE]);

#endif
