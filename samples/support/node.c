/* SPDX-License-Identifier: MIT */
/* A node's life in a program, told to the operator. */
#include "support/node.h"

#include <signal.h>
#include <stdio.h>

#include "support/report.h"

static void tell(const struct node *node, enum domi_log_level level,
                 const char *text)
{
    char line[160];

    snprintf(line, sizeof(line), "%s: %s", node->what, text);
    report_log(level, line, NULL);
}

/* The first failure is the one to tell. */
static void fail(struct node *node, int err)
{
    const struct node_options *o = node->options;

    if (node->status == 0) {
        node->status = report_failed(node->what, o->host, o->tcp_port,
                                     o->http_port, err);
    }
}

int node_init(struct node *node, uv_loop_t *loop, const char *what,
              const struct node_options *options, stop_fn on_stop, void *user)
{
    *node = (struct node){.what = what, .options = options, .user = user};
    return stop_init(&node->stop, loop, on_stop, user);
}

/* The library's log tells what came of it. */
static void on_hangup(uv_signal_t *handle, int signal)
{
    struct node *node = handle->data;

    (void)signal;
    node->reload(node->user);
}

int node_reload_on_hangup(struct node *node, int (*reload)(void *user))
{
    int err;

    if (!node_options_has_tls(node->options)) {
        return 0;
    }
    node->reload = reload;
    err = uv_signal_init(node->stop.deadline.loop, &node->hangup);
    if (err) {
        return err;
    }
    node->hangup.data = node;
    uv_unref((uv_handle_t *)&node->hangup);
    return uv_signal_start(&node->hangup, on_hangup, SIGHUP);
}

void node_started(struct node *node, int err)
{
    node->started = 1;
    if (err) {
        fail(node, err);
    }
    if (node->status != 0) {
        stop_now(&node->stop);
    } else if (!node->joined && node_options_asks_consul(node->options)) {
        tell(node, DOMI_LOG_INFO, "waits for Consul to take it in");
    }
}

void node_joined(struct node *node, int status, int id, int tcp_port,
                 int http_port)
{
    if (status == 0) {
        node->joined = 1;
        report_ready(id, node->options->host, tcp_port, http_port);
        return;
    }
    fail(node, status);
    /* Inside of its own start a node is not to be closed. */
    if (node->started) {
        stop_now(&node->stop);
    }
}

/* The library's log tells what the id is. */
void node_has_id(struct node *node, int id)
{
    if (id < 0 && node->options->consul.id_policy == DOMI_ID_STOP) {
        tell(node, DOMI_LOG_ERROR, "another node has its id: it ends, as"
                                   " --lost-id=stop wants");
        node->status = 1;
        stop_now(&node->stop);
    }
}

void node_drained(struct node *node)
{
    tell(node, DOMI_LOG_INFO, "the drain is done: it ends");
    stop_now(&node->stop);
}

int node_fini(struct node *node)
{
    if (node->hangup.data) {
        uv_close((uv_handle_t *)&node->hangup, NULL);
    }
    stop_fini(&node->stop);
    return node->status;
}
