/* SPDX-License-Identifier: MIT */
/*
 * The libwebsockets context of a loop: made with the first listener that has
 * WebSocket, destroyed when the last listener and session are gone.
 */
#include "transport/websocket_inner.h"

#include <stdlib.h>

#include <libwebsockets.h>
#include <uv.h>

#include "domi/err.h"

static int on_event(struct lws *wsi, enum lws_callback_reasons reason,
                    void *user, void *in, size_t size)
{
    (void)in;
    (void)size;
    return domi__websocket_event(wsi, (int)reason, user);
}

static const struct lws_protocols protocols[] = {
    {
        .name = "domi",
        .callback = on_event,
        .per_session_data_size = sizeof(void *),
        .rx_buffer_size = 1,    /* allocated for each, and never used */
        .tx_packet_size = 4096, /* so that the handshake is one packet */
    },
    {0},
};

static int make_context(struct domi__websocket_share *share)
{
    /* All zero: no pings of its own. */
    static const lws_retry_bo_t no_keepalive;
    void *loops[1] = {domi__loop_uv(share->loop)};
    struct lws_context_creation_info info = {
        .port = CONTEXT_PORT_NO_LISTEN,
        .protocols = protocols,
        .gid = -1,
        .uid = -1,
        .options = LWS_SERVER_OPTION_LIBUV | LWS_SERVER_OPTION_EXPLICIT_VHOSTS |
                   LWS_SERVER_OPTION_SKIP_SERVER_CANONICAL_NAME,
        .foreign_loops = loops,
        .user = share,
        .pcontext = &share->context,
        .retry_and_idle_policy = &no_keepalive,
        .vhost_name = "domi",
    };

    /* It prints to stderr at each adoption otherwise, in the application's
       name; the level is the process's. */
    lws_set_log_level(0, NULL);
    share->context = lws_create_context(&info);
    if (!share->context) {
        return DOMI_E_WEBSOCKET;
    }
    share->vhost = lws_create_vhost(share->context, &info);
    return share->vhost ? 0 : DOMI_E_WEBSOCKET;
}

static void find_handle(uv_handle_t *handle, void *arg)
{
    void **context = arg;

    if (handle->data == *context) {
        *context = NULL;
    }
}

/* Whether timers or such of the context are still on the loop: their data
   is the context. */
static bool has_handles(const struct domi__websocket_share *share)
{
    void *context = share->context;

    uv_walk(domi__loop_uv(share->loop), find_handle, &context);
    return context == NULL;
}

/* A context is destroyed in two steps: the first closes its handles, and the
   second, once they have left the loop, frees it. Earlier it would be freed
   under them. */
static bool finish_context(struct domi__loop_hook *hook)
{
    struct domi__websocket_share *share =
        DOMI__CONTAINER(hook, struct domi__websocket_share, hook);

    if (share->context && has_handles(share)) {
        return false;
    }
    if (share->context) {
        lws_context_destroy(share->context);
    }
    domi__loop_hook_remove(hook);
    domi__loop_release(share->loop);
    free(share);
    return true;
}

static void destroy_context(struct domi__websocket_share *share)
{
    if (*domi__loop_slot(share->loop) == share) {
        *domi__loop_slot(share->loop) = NULL;
    }
    if (share->context) {
        lws_context_destroy(share->context);
    }
    share->hook.run = finish_context;
    domi__loop_hook_add(share->loop, &share->hook);
}

static void end_share(struct domi__deferred *deferred)
{
    struct domi__websocket_share *share =
        DOMI__CONTAINER(deferred, struct domi__websocket_share, deferred);

    if (share->users == 0) {
        destroy_context(share);
    }
}

void domi__websocket_release(struct domi__websocket_share *share)
{
    if (--share->users == 0) {
        /* Not at once, for this may be a callback of libwebsockets. */
        share->deferred.run = end_share;
        domi__loop_defer(share->loop, &share->deferred);
    }
}

int domi__websocket_open(struct domi__loop *loop)
{
    struct domi__websocket_share *share = *domi__loop_slot(loop);
    int err;

    if (!share) {
        share = calloc(1, sizeof(*share));
        if (!share) {
            return UV_ENOMEM;
        }
        share->loop = loop;
        domi__loop_hold(loop);
        err = make_context(share);
        if (err) {
            destroy_context(share);
            return err;
        }
        *domi__loop_slot(loop) = share;
    }
    share->users++;
    return 0;
}

void domi__websocket_close(struct domi__loop *loop)
{
    domi__websocket_release(*domi__loop_slot(loop));
}

struct domi__websocket_share *domi__websocket_share(struct domi__loop *loop)
{
    struct domi__websocket_share *share = *domi__loop_slot(loop);

    share->users++;
    return share;
}
