/* SPDX-License-Identifier: MIT */
/* Error codes: libuv's pass through unchanged, domi's own begin at -20001. */
#ifndef DOMI_ERR_H
#define DOMI_ERR_H

#include "domi/api.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DOMI_ERR_MAP(XX)                                                       \
    XX(E_FRAME_LENGTH, -20001, "frame length is below 8 or above the limit")   \
    XX(E_FRAME_EXTEND, -20002, "extend is larger than the frame's body")       \
    XX(E_TYPE_RESERVED, -20003, "types below 50 are reserved")                 \
    XX(E_TYPE_TAKEN, -20004, "the type has a handler already")                 \
    XX(E_OPTION, -20005, "an option or argument is not allowed")               \
    XX(E_STATE, -20006, "not possible in the object's present state")          \
    XX(E_NO_ZONE, -20007, "no zone of this service is known")                  \
    XX(E_ZONE_LOST, -20008, "the zone was lost")                               \
    XX(E_SESSION_GONE, -20009, "the session is gone")                          \
    XX(E_NOT_ATTACHED, -20010, "the session is not attached to this group")    \
    XX(E_NOT_MEMBER, -20011, "the user is not a member of the group")          \
    XX(E_QUEUE_FULL, -20012, "the send queue is full")                         \
    XX(E_TOO_MANY, -20013, "a limit on the number of objects is reached")      \
    XX(E_HANDSHAKE, -20014, "the peer does not speak domi's protocol")         \
    XX(E_TLS, -20015, "TLS: a file cannot be used, or a handshake failed")     \
    XX(E_FULL, -20016, "all zones of the service are too full")                \
    XX(E_VERSION, -20017, "a newer version of the service is in force")        \
    XX(E_NO_ID, -20018, "no free node id: all 1023 are taken")                 \
    XX(E_REGISTRY, -20019, "the registry cannot be reached")

enum domi_err {
#define XX(name, code, text) DOMI_##name = code,
    DOMI_ERR_MAP(XX)
#undef XX
};

/*
 * The text for a code that any function of domi returned, libuv's included.
 * Static memory, never NULL; an unknown code gives "unknown error". [any]
 */
DOMI_API const char *domi_strerror(int code);

/* The name of a code, such as "E_NO_ZONE" or "ECONNRESET"; as above. [any] */
DOMI_API const char *domi_err_name(int code);

#ifdef __cplusplus
}
#endif

#endif
