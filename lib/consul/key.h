/* SPDX-License-Identifier: MIT */
/* A key of Consul's store: what a reply says of it, and transactions. */
#ifndef DOMI_CONSUL_KEY_H
#define DOMI_CONSUL_KEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cJSON;
struct domi__consul_reply;

#define DOMI__CONSUL_SESSION_SIZE 64

struct domi__consul_key {
    bool exists;
    uint64_t modify_index; /* for cas and check-index; 0 when it is missing */
    char session[DOMI__CONSUL_SESSION_SIZE]; /* that locks it; "": none */
    char value[256];                         /* cut to fit; ended by a zero */
    size_t size;                             /* of the value, before the cut */
};

/* Reads one entry of a KV answer, without its value: its name, session and
   index. False when it is not understood; the name is borrowed. */
bool domi__consul_key_entry(struct domi__consul_key *key, const char **name,
                            const struct cJSON *entry);

/* Reads the reply to GET /v1/kv/KEY; a 404 is a key that is missing. False
   for other replies, and where it is not understood. */
bool domi__consul_key_read(struct domi__consul_key *key,
                           const struct domi__consul_reply *reply);

/*
 * Transactions, for PUT /v1/txn; the caller frees them. NULL when memory is
 * short. Each fails when the key is not any more as it was read.
 */

/* Locks it for the session, with this value; takes it from the session that
   has it. */
struct cJSON *domi__consul_key_lock(const struct domi__consul_key *key,
                                    const char *name, const char *session,
                                    const char *value);

struct cJSON *domi__consul_key_delete(const struct domi__consul_key *key,
                                      const char *name);

/* Base64, as Consul writes values. `encode` returns memory of the caller's,
   NULL when there is none. `decode` returns false for what is no base64, and
   the whole size in `*size`, of which as much as fits is written. */
char *domi__base64_encode(const void *bytes, size_t size);
bool domi__base64_decode(const char *text, void *out, size_t out_size,
                         size_t *size);

#endif
