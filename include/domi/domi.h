/* SPDX-License-Identifier: MIT */
/* Everything an application needs, in one include. */
#ifndef DOMI_DOMI_H
#define DOMI_DOMI_H

/*
 * How to read the headers.
 *
 * Each function says where it may be called:
 *   [loop]     on the thread that runs the application's uv loop
 *   [handler]  inside a callback of the group it is given
 *   [any]      on any thread
 *
 * Bytes given to a callback are borrowed until it returns. Bytes given to a
 * function are copied before it returns. `new` fails only for memory and then
 * returns NULL; what may fail for a reason is another call that returns an
 * int: 0, or a negative code for domi_strerror. Close is asynchronous and ends
 * with one callback, after which the object is gone.
 */
#include "domi/choice.h"
#include "domi/client.h"
#include "domi/err.h"
#include "domi/frame.h"
#include "domi/gateway.h"
#include "domi/group.h"
#include "domi/log.h"
#include "domi/reason.h"
#include "domi/registry.h"
#include "domi/target.h"
#include "domi/tls.h"
#include "domi/zone.h"

#endif
