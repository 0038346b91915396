/* SPDX-License-Identifier: MIT */
/* Why a session was closed, a user left a group, or a frame was refused. */
#ifndef DOMI_REASON_H
#define DOMI_REASON_H

#include "domi/api.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * The numbers go over the wire, in notices to users and in frames between
 * gateway and zone: a row keeps its number for ever.
 */
#define DOMI_REASON_MAP(XX)                                                    \
    XX(NONE, 0, "no reason given")                                             \
    XX(LEFT, 1, "left")                                                        \
    XX(DISCONNECTED, 2, "disconnected")                                        \
    XX(GATEWAY_LOST, 3, "gateway lost")                                        \
    XX(KICKED, 4, "kicked")                                                    \
    XX(GROUP_CLOSED, 5, "group closed")                                        \
    XX(ZONE_LOST, 6, "zone lost")                                              \
    XX(STOPPING, 7, "the node is stopping")                                    \
    XX(PEER_CLOSED, 8, "the peer closed the connection")                       \
    XX(EXIT, 9, "the peer said exit")                                          \
    XX(SOCKET, 10, "the connection failed")                                    \
    XX(BAD_MAGIC, 11, "the first bytes are not domi's magic")                  \
    XX(HANDSHAKE_TIMEOUT, 12, "the handshake took too long")                   \
    XX(SILENT, 13, "nothing was heard for too long")                           \
    XX(FRAME_LENGTH, 14, "frame length below 8 or above the limit")            \
    XX(FRAME_EXTEND, 15, "extend larger than the frame's body")                \
    XX(FORBIDDEN_TYPE, 16, "a frame type that this peer may not send")         \
    XX(UNKNOWN_TYPE, 17, "a frame type without a handler")                     \
    XX(FORBIDDEN_INNER_TYPE, 18, "a type that users may not send to groups")   \
    XX(NOT_ATTACHED, 19, "a group that this user is not attached to")          \
    XX(BAD_BODY, 20, "a frame whose body has a wrong size or content")         \
    XX(QUEUE_FULL, 21, "the peer reads too slowly")                            \
    XX(REFUSED, 22, "refused by the application")                              \
    XX(BAD_MESSAGE, 23, "a WebSocket message that is not one frame")           \
    XX(GROUP_EXISTS, 24, "a group of this id exists already")                  \
    XX(NO_GROUP, 25, "no such group")                                          \
    XX(MEMORY, 26, "out of memory")                                            \
    XX(TOO_MANY, 27, "a limit on the number of objects is reached")            \
    XX(DRAINING, 28, "the node is being drained")                              \
    XX(STALLED, 29, "the peer has taken nothing for too long")                 \
    XX(FRAME_TIMEOUT, 30, "a frame took too long to come")                     \
    XX(RATE, 31, "the user kept sending more than it may")                     \
    XX(ADDRESS_SESSIONS, 32, "too many sessions of one address")               \
    XX(ADDRESS_HANDSHAKES, 33, "too many unfinished handshakes of one address")\
    XX(SEND_TOTAL, 34, "too much waits for peers that read slowly")            \
    XX(NO_PROOF, 35, "no proof of the cluster key")                            \
    XX(BAD_PROOF, 36, "a wrong proof of the cluster key")                      \
    XX(FOREIGN_USER, 37, "a user whose id another gateway gave")               \
    XX(TLS, 38, "TLS with the peer failed")

enum domi_reason {
#define XX(name, number, text) DOMI_REASON_##name = number,
    DOMI_REASON_MAP(XX)
#undef XX
    DOMI_REASON_COUNT
};

/*
 * The text of a reason, or "unknown reason" for a number that is none.
 * Static memory. [any]
 */
DOMI_API const char *domi_reason_text(unsigned reason);

#ifdef __cplusplus
}
#endif

#endif
