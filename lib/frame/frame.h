/* SPDX-License-Identifier: MIT */
/* The frame types of domi, and who may send them to whom. */
#ifndef DOMI_FRAME_FRAME_H
#define DOMI_FRAME_FRAME_H

#include <stdbool.h>
#include <stdint.h>

#include "domi/frame.h"
#include "domi/reason.h"

/* The first bytes of a connection, 2299 in little endian; not a frame. */
#define DOMI__MAGIC 2299u
#define DOMI__MAGIC_SIZE 4u

/* The server's answer to the magic over TCP: the session id; not a frame. */
#define DOMI__ID_SIZE 8u

/* The most user ids that one extend holds beside a group id and a type. */
#define DOMI__USERS_MAX 8190u

/* Who sends a frame to whom. */
enum domi__direction {
    DOMI__USER_TO_GATEWAY = 1,
    DOMI__GATEWAY_TO_USER = 2,
    DOMI__GATEWAY_TO_ZONE = 4,
    DOMI__ZONE_TO_GATEWAY = 8,
};

/*
 * name, number, directions, least data, data unit, least extend, extend unit.
 * A size fits when it is the least plus a multiple of the unit; unit 0 means
 * exactly the least. Ids are 8 bytes, types and reasons 2.
 *
 *   TO_ZONE       extend: target id, group id, inner type
 *   TO_USERS      extend: user ids, group id, inner type
 *   USER_LEAVE    data: link id; extend: user id, group id
 *   HELLO         data: u16 version, u16 zero, u32 features, u64 node id;
 *                 with a cluster key 32 bytes more, a challenge;
 *                 extend: zero, then a group id that no group has
 *   HELLO_ANSWER  data: as HELLO; behind the challenge one or two proofs of 32
 *                 bytes, see cluster/proof.h
 *   JOINED        data: user ids; extend: group id
 *   LEFT          data: user ids; extend: group id, reason
 *   BROADCAST     extend: group id, inner type
 *   BROADCAST_EXCEPT  extend: user id, group id, inner type
 *   USERS_GONE    data: user ids; extend: reason
 *   GROUP_CLOSED  extend: group id, reason
 *   LOAD          data: u16 memory in use, percent; u16 flags, see
 *                 DOMI__LOAD_*; u32 members of all groups
 *   GROUPS        data: ids of groups that the zone has; after a hello answer
 *                 with DIRECTORY all of them, then GROUPS_END, then each new
 *                 one; a group that ends is told by GROUP_CLOSED
 *   GROUPS_END    nothing
 *   PLACE         data: group id, u64 node id that the gateway would choose,
 *                 u64 node id that it cannot reach or UINT64_MAX
 *   PLACED        data: group id, u64 node id where the group is to be
 *   PROVE         data: the gateway's proof
 *   NODES         data: u64 node ids that users of this gateway may have in
 *                 theirs, beside the one in its hello
 */
#define DOMI__FRAME_MAP(XX)                                                    \
    XX(HEARTBEAT, 1, 15, 0, 0, 0, 0)                                           \
    XX(EXIT, 2, 15, 0, 0, 0, 0)                                                \
    XX(PING, 3, 1, 0, 1, 0, 0)                                                 \
    XX(PONG, 4, 2, 0, 1, 0, 0)                                                 \
    XX(TO_ZONE, 8, 1, 0, 1, 18, 0)                                             \
    XX(TO_USERS, 9, 8, 0, 1, 10, 8)                                            \
    XX(USER_LEAVE, 10, 4, 8, 0, 16, 0)                                         \
    XX(HELLO, 11, 4, 16, 1, 16, 0)                                             \
    XX(HELLO_ANSWER, 12, 8, 16, 1, 0, 1)                                       \
    XX(JOINED, 13, 8, 8, 8, 8, 0)                                              \
    XX(LEFT, 14, 8, 8, 8, 10, 0)                                               \
    XX(BROADCAST, 15, 8, 0, 1, 10, 0)                                          \
    XX(BROADCAST_EXCEPT, 16, 8, 0, 1, 18, 0)                                   \
    XX(USERS_GONE, 17, 4, 8, 8, 2, 0)                                          \
    XX(GROUP_CLOSED, 18, 8, 0, 0, 10, 0)                                       \
    XX(LOAD, 19, 8, 8, 0, 0, 0)                                                \
    XX(GROUPS, 20, 8, 8, 8, 0, 0)                                              \
    XX(GROUPS_END, 21, 8, 0, 0, 0, 0)                                          \
    XX(PLACE, 22, 4, 24, 0, 0, 0)                                              \
    XX(PLACED, 23, 8, 16, 0, 0, 0)                                             \
    XX(PROVE, 24, 4, 32, 0, 0, 0)                                              \
    XX(NODES, 25, 4, 8, 8, 0, 0)                                               \
    XX(NOTICE, 40, 2, 24, 1, 0, 0)

enum domi__frame_type {
#define XX(name, number, directions, data, data_unit, extend, extend_unit)     \
    DOMI__FRAME_##name = number,
    DOMI__FRAME_MAP(XX)
#undef XX
};

/* Version and feature bits of a hello; unknown bits are ignored. */
#define DOMI__HELLO_VERSION 1u
#define DOMI__HELLO_SIZE 16u
#define DOMI__FEATURE_GROUPS 1u /* knows JOINED, LEFT, BROADCAST and kin */
#define DOMI__FEATURE_LOAD 2u      /* LOAD, once a second */
#define DOMI__FEATURE_DIRECTORY 4u /* GROUPS, GROUPS_END, PLACE, PLACED */
#define DOMI__FEATURE_NODES 8u     /* NODES; no user has another node's id */
#define DOMI__HELLO_GROUP UINT64_MAX

/* Of links with a cluster key. */
#define DOMI__CHALLENGE_SIZE 32u
#define DOMI__PROOF_SIZE 32u

/* Flags of a LOAD. */
#define DOMI__LOAD_DRAINING 1u /* takes no new groups, keeps those it has */
#define DOMI__LOAD_BUSY 2u     /* a worker is stuck, or memory is short */

/*
 * Whether this frame may come from this direction, with these sizes: NONE, or
 * FORBIDDEN_TYPE, or BAD_BODY. Types from 50 up may always come from users and
 * gateways, with an extend that the receiver checks, and never from zones. A
 * pure function of its arguments.
 */
enum domi_reason domi__frame_check(const struct domi_frame *frame,
                                   enum domi__direction direction);

#endif
