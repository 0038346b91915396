/* SPDX-License-Identifier: MIT */
/* Inside transport: what websocket.c and websocket_context.c share. */
#ifndef DOMI_TRANSPORT_WEBSOCKET_INNER_H
#define DOMI_TRANSPORT_WEBSOCKET_INNER_H

#include "transport/websocket.h"

struct lws;
struct lws_context;
struct lws_vhost;
struct websocket;

/* What the WebSocket sessions of a loop share; the loop's slot points here. */
struct domi__websocket_share {
    struct domi__loop *loop;
    struct lws_context *context; /* set to NULL by libwebsockets when freed */
    struct lws_vhost *vhost;
    unsigned users; /* listeners and sessions */
    struct websocket *adopting;
    struct domi__deferred deferred;
    struct domi__loop_hook hook; /* waits for the context's handles */
};

/* A session's hold on the share of its loop, which its listener has opened. */
struct domi__websocket_share *domi__websocket_share(struct domi__loop *loop);
void domi__websocket_release(struct domi__websocket_share *share);

/* What libwebsockets calls, with one of its LWS_CALLBACK_ reasons; `user`
   points to the connection's pointer. */
int domi__websocket_event(struct lws *wsi, int reason, void *user);

#endif
