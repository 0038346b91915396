/* SPDX-License-Identifier: MIT */
/* Registries: how gateways find zones. */
#ifndef DOMI_REGISTRY_H
#define DOMI_REGISTRY_H

#include "domi/api.h"
#include "domi/log.h"

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

/* ---- Consul -------------------------------------------------------------- */

/* Whether Consul answers. While it does not, all that was known stays in
   force. */
enum domi_registry_state {
    DOMI_REGISTRY_OK = 0,
    DOMI_REGISTRY_STALE,
};

/* What a node does when another has taken its id. */
enum domi_id_policy {
    DOMI_ID_REPLACE = 0, /* takes a new one and goes on */
    DOMI_ID_STOP,        /* makes no session ids any more; on_id tells */
};

/* The state has changed; `reason` says why, for people, and is never NULL.
   [loop] */
typedef void (*domi_registry_state_fn)(struct domi_registry *registry,
                                       enum domi_registry_state state,
                                       const char *reason, void *user);

/*
 * All fields may be 0 or NULL, which means the environment variable named
 * here, and where that is not set either, the default. Strings are copied.
 */
struct domi_consul_options {
    const char *url;         /* http://HOST:PORT, https://..., HOST:PORT,
                                unix:///PATH; CONSUL_HTTP_ADDR;
                                "http://127.0.0.1:8500" */
    const char *token;       /* CONSUL_HTTP_TOKEN, or what is in the file that
                                CONSUL_HTTP_TOKEN_FILE names; none */
    const char *auth;        /* USER:PASSWORD; CONSUL_HTTP_AUTH; none */
    const char *ca_file;     /* CONSUL_CACERT; the system's */
    const char *ca_path;     /* CONSUL_CAPATH */
    const char *client_cert; /* CONSUL_CLIENT_CERT */
    const char *client_key;  /* CONSUL_CLIENT_KEY */
    const char *tls_server_name; /* CONSUL_TLS_SERVER_NAME */
    int no_verify; /* not 0: the server's certificate is not checked;
                      CONSUL_HTTP_SSL_VERIFY=false */
    const char *prefix; /* of the keys of node ids; "domi/nodes/". The same in
                           all nodes that share a Consul */

    unsigned check_ms; /* between Consul's checks, in whole seconds; 1,000 */
    unsigned damp_ms;  /* how long an answer that a service has no node at all
                          is not believed; 5,000 */
    unsigned settle_ms; /* how long a node that was unhealthy, or missing for
                           less than a minute, must be healthy before it gets
                           new groups; 3,000 */
    unsigned session_s; /* time to live of the claim on a node id, as Consul
                           takes it: 10 at least, unless Consul is told
                           otherwise; 10 */
    enum domi_id_policy id_policy;

    domi_registry_state_fn on_state; /* NULL: only the log tells */
    domi_log_fn log;                 /* NULL: no log */
    void *user;                      /* for on_state and log */
};

/*
 * Nodes find each other through a Consul agent. A thread of the registry's own
 * talks to it; neither the loop nor a handler ever waits. It starts with the
 * first node that joins, and ends with the last that leaves. A node that
 * starts while Consul is away joins as soon as it is there: see on_joined in
 * the options of zones and gateways. `options` may be NULL. Options that are
 * not allowed are told when the first node starts: its start answers
 * DOMI_E_OPTION, and the log says which. NULL when memory is short. [loop]
 */
DOMI_API struct domi_registry *
domi_registry_consul_new(const struct domi_consul_options *options);

/* Whether it answers; DOMI_REGISTRY_OK for other kinds. [loop] */
DOMI_API enum domi_registry_state
domi_registry_state(const struct domi_registry *registry);

/* Frees it, after the close callbacks of all that use it. Accepts NULL.
   [loop] */
DOMI_API void domi_registry_free(struct domi_registry *registry);

#ifdef __cplusplus
}
#endif

#endif
