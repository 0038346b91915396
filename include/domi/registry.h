/* SPDX-License-Identifier: MIT */
/* Registries: how gateways find zones. */
#ifndef DOMI_REGISTRY_H
#define DOMI_REGISTRY_H

#include "domi/api.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * A registry is given to zones and gateways by their options, is used on
 * their loop's thread only, and must outlive them all.
 */
struct domi_registry;

/*
 * Zones and gateways of one process on one loop find each other, and talk
 * through memory; no ports are needed between them. NULL when memory is
 * short. [loop]
 */
DOMI_API struct domi_registry *domi_registry_local_new(void);

/*
 * A list of zones' addresses, written down by the operator. A group is in the
 * zone that rendezvous hashing of its id chooses among all those of the
 * service's name, up or down, so that all gateways agree. A node that joins
 * gets an id made from its address, if its options give none. NULL when
 * memory is short. [loop]
 */
DOMI_API struct domi_registry *domi_registry_static_new(void);

/*
 * Adds a zone to a static registry, before the gateways start. `host` is an
 * IP address. DOMI_E_OPTION for a bad address, a port outside 1 to 65535, an
 * empty name or a zone that is listed already; DOMI_E_STATE for a registry of
 * another kind; UV_ENOMEM. [loop]
 */
DOMI_API int domi_registry_static_add(struct domi_registry *registry,
                                      const char *service, const char *host,
                                      int port);

/* Frees it, after the close callbacks of all that use it. Accepts NULL.
   [loop] */
DOMI_API void domi_registry_free(struct domi_registry *registry);

#ifdef __cplusplus
}
#endif

#endif
