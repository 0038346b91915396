/* SPDX-License-Identifier: MIT */
/* A node in a program of its own: what it tells the operator, and its end. */
#ifndef SUPPORT_NODE_H
#define SUPPORT_NODE_H

#include <uv.h>

#include "support/node_options.h"
#include "support/stop.h"

/*
 * It says that the node is ready once the registry has taken it in, which with
 * Consul may be later than its start. It ends the program: by a signal, when
 * the start failed or the registry refuses the node, when a drain is done, and
 * when the id is lost and the operator does not want another.
 */
struct node {
    const char *what; /* it is, for the operator */
    const struct node_options *options;
    struct stop stop;
    uv_signal_t hangup;
    int (*reload)(void *user);
    void *user; /* of on_stop, and of `reload` */
    int started; /* not 0: node_started has been called */
    int joined;  /* not 0: the node is ready */
    int status;  /* of the program */
};

/* `on_stop` closes what keeps the loop going. 0 or a libuv code; to be undone
   by node_fini in both cases. */
int node_init(struct node *node, uv_loop_t *loop, const char *what,
              const struct node_options *options, stop_fn on_stop, void *user);

/* Where there is TLS, `reload` reads its files again at each SIGHUP. 0 or a
   libuv code. */
int node_reload_on_hangup(struct node *node, int (*reload)(void *user));

/* The start has answered. An error, also one from before it, ends the
   program. */
void node_started(struct node *node, int err);

/* For on_joined: `status` is what it says, the rest as the node has it now. */
void node_joined(struct node *node, int status, int id, int tcp_port,
                 int http_port);

/* For on_id. */
void node_has_id(struct node *node, int id);

/* For on_drained. */
void node_drained(struct node *node);

/* After uv_run has returned; the program's status. */
int node_fini(struct node *node);

#endif
