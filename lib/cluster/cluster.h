/* SPDX-License-Identifier: MIT */
/* The cluster: who is out there, where a group is, and links to zones. */
#ifndef DOMI_CLUSTER_CLUSTER_H
#define DOMI_CLUSTER_CLUSTER_H

#include "cluster/links.h"
#include "cluster/placement.h"
#include "cluster/proof.h"
#include "cluster/registry.h"

/* All of this room runs on the loop's thread, but for what is marked. */

/*
 * The node of a snapshot that holds the group, by rendezvous hashing: each
 * node's host and port is hashed with the group's id, and the highest hash
 * wins, so that a node that comes or goes moves only its own groups. NULL for
 * an empty snapshot. A pure function of its arguments; all processes agree.
 */
const struct domi__node *
domi__rendezvous(const struct domi__snapshot *snapshot, uint64_t group);

/* What a node tells of itself over HTTP, and whom it obeys. */
struct domi__node_status {
    const struct domi__node *node; /* its id is -1 while it has none */
    struct domi_registry *registry;
    unsigned memory;         /* in use, percent */
    const char *busy;        /* why it wants nothing new now; NULL: it does */
    const char *admin_token; /* NULL: who is on this machine is obeyed */
};

/*
 * Answers for /<id>/health, ping, version, weight and exit; leaves the status
 * 0 for other paths. True when the node is to drain now: a POST to exit came
 * with the token; or, where there is none, from this machine and from no page
 * of somebody else's. A refused one is logged.
 */
bool domi__node_answer(const struct domi__node_status *status,
                       struct domi__log *log,
                       const struct domi__http_question *question,
                       struct domi__http_answer *answer);

/*
 * The address that others are told: `advertise` where it is given; else `host`;
 * where that means all addresses, the first address of the machine that is not
 * its loopback, or the loopback's where there is no other. IPv4 goes before
 * IPv6, which is looked for only when `host` is of that kind. Writes it to
 * `out`, which has room for INET6_ADDRSTRLEN bytes. 0; UV_EADDRNOTAVAIL when
 * the machine has none; DOMI_E_OPTION when `advertise` is no IP address, or one
 * that means all addresses; a code of uv_interface_addresses.
 */
int domi__advertise(const char *host, const char *advertise, char *out,
                    size_t size);

/* Checks host and ports of a node's options: 0, or DOMI_E_OPTION after a line
   in the log that names what is wrong. */
int domi__node_check(struct domi__log *log, const char *host, int tcp_port,
                     int http_port, const int *id, int version);

/* domi__advertise, with a line in the log when it fails. */
int domi__node_advertise(struct domi__log *log, const char *host,
                         const char *advertise, char *out, size_t size);

/* Whether nobody but this machine can come to this address. */
bool domi__node_is_loopback(const char *host);

/* As domi__node_check, for the token of the administrator; it may be NULL. */
int domi__node_check_token(struct domi__log *log, const char *token);

/* The same for a list of origins that NULL ends; it may be NULL itself. */
int domi__node_check_origins(struct domi__log *log,
                             const char *const *origins);

#define DOMI__TOKEN_MAX 256u

#endif
