/* SPDX-License-Identifier: MIT */
/*
 * The client: one session to a gateway, made again whenever it is lost.
 *
 * It dials, opens, hands on frames. When the session is lost it waits, longer
 * after each failure, and dials again. A gateway that is about to close may
 * have said when and where to come back; that holds for one try. But it may
 * have been the last that was heard of that gateway: where home fails, every
 * other try goes to where the client was last sent and found somebody.
 */
#include "domi/client.h"

#include <stdlib.h>
#include <string.h>

#include <uv.h>

#include "base/clock.h"
#include "client/again.h"
#include "domi/err.h"
#include "frame/frame.h"
#include "transport/transport.h"

/* The largest extend that the client sends: a target and an inner type. */
#define EXTEND_SIZE (DOMI_TARGET_SIZE + 2u)

struct handler {
    uint16_t type;
    domi_client_handler_fn fn;
    void *user;
};

struct domi_client {
    struct domi__loop *loop;
    struct domi__log log; /* none: a client tells everything by callbacks */
    struct domi_client_options options; /* with the defaults filled in */
    struct domi__session_limits limits;
    struct domi__tls *tls;         /* NULL: none */
    struct domi__session *session; /* NULL: there is none */
    struct domi__timer timer;      /* until the next try */
    struct domi__address home;     /* where the application wants to go */
    struct domi__come_back again;  /* what the last gateway asked */
    struct domi__address dialled;  /* where the last try went */
    struct domi__address away;     /* not home, and was open; port 0: none */
    struct handler *handlers;      /* searched one by one: a client has few */
    size_t handler_count;
    unsigned failures;  /* in a row */
    uint64_t wait_ms;   /* before the last try */
    uint64_t opened_ms; /* when the session's handshake was whole */
    bool opened;        /* it is whole */
    bool closing;
    domi_client_close_fn on_close;
    void *on_close_user;
    void *data; /* of the application */
};

static void dial(struct domi_client *client);

static unsigned or_default(unsigned value, unsigned otherwise)
{
    return value > 0 ? value : otherwise;
}

static void set_options(struct domi_client *client,
                        const struct domi_client_options *options)
{
    struct domi_client_options *o = &client->options;

    if (options) {
        *o = *options;
    }
    o->frame_limit = or_default(o->frame_limit, 1024 * 1024);
    o->send_limit = o->send_limit > 0 ? o->send_limit : 1024 * 1024;
    o->connect_ms = or_default(o->connect_ms, 5000);
    o->heartbeat_ms = or_default(o->heartbeat_ms, 5000);
    o->silence_ms = or_default(o->silence_ms, 10000);
    o->reconnect_ms = or_default(o->reconnect_ms, 500);
    client->limits = (struct domi__session_limits){
        .frame_limit = o->frame_limit,
        .send_limit = o->send_limit,
        /* A frame that does not fit is refused, and the session lives. */
        .send_policy = DOMI_SEND_DROP_NEWEST,
        .handshake_ms = o->connect_ms,
        .silence_ms = o->silence_ms,
        .heartbeat_ms = o->heartbeat_ms,
    };
}

/* ---- connecting, again and again ----------------------------------------- */

static uint64_t next_wait(struct domi_client *client)
{
    uint32_t random;

    if (client->again.asked) {
        return client->again.wait_ms;
    }
    if (domi__random(&random, sizeof(random)) != 0) {
        random = 0; /* No jitter, then. */
    }
    return domi__backoff_ms(client->options.reconnect_ms, client->failures++,
                            random);
}

static void on_timer(struct domi__timer *timer)
{
    dial(DOMI__CONTAINER(timer, struct domi_client, timer));
}

/* There is no session any more; waits for the next try. */
static void lose(struct domi_client *client, int status)
{
    int64_t wait_ms = -1;

    if (!client->options.no_reconnect) {
        client->wait_ms = next_wait(client);
        wait_ms = (int64_t)client->wait_ms;
        domi__timer_start(client->loop, &client->timer, client->wait_ms,
                          on_timer);
    }
    if (client->options.on_lost) {
        client->options.on_lost(client, status, wait_ms, client->options.user);
    }
}

static int status_of(enum domi_reason reason, bool opened)
{
    switch ((unsigned)reason) {
    case DOMI_REASON_PEER_CLOSED:
    case DOMI_REASON_EXIT:
        return 0;
    case DOMI_REASON_SOCKET:
        return opened ? UV_ECONNRESET : UV_ECONNREFUSED;
    case DOMI_REASON_HANDSHAKE_TIMEOUT:
    case DOMI_REASON_SILENT:
        return UV_ETIMEDOUT;
    case DOMI_REASON_FRAME_LENGTH:
        return DOMI_E_FRAME_LENGTH;
    case DOMI_REASON_FRAME_EXTEND:
        return DOMI_E_FRAME_EXTEND;
    case DOMI_REASON_TLS:
        return DOMI_E_TLS;
    case DOMI_REASON_MEMORY:
        return UV_ENOMEM;
    default:
        return DOMI_E_HANDSHAKE;
    }
}

/* ---- the session --------------------------------------------------------- */

static bool is_home(const struct domi_client *client,
                    const struct domi__address *address)
{
    return address->port == client->home.port &&
           strcmp(address->host, client->home.host) == 0;
}

static void on_open(struct domi__session *session)
{
    struct domi_client *client = session->arg;

    client->opened = true;
    client->opened_ms = domi__loop_now(client->loop);
    if (!is_home(client, &client->dialled)) {
        client->away = client->dialled;
    }
    if (client->options.on_open) {
        client->options.on_open(client, session->id, client->options.user);
    }
}

static struct handler *find_handler(struct domi_client *client, uint16_t type)
{
    for (size_t i = 0; i < client->handler_count; i++) {
        if (client->handlers[i].type == type) {
            return &client->handlers[i];
        }
    }
    return NULL;
}

static bool on_frame(struct domi__session *session,
                     const struct domi_frame *frame, const uint8_t *wire)
{
    struct domi_client *client = session->arg;
    struct domi__come_back again;
    struct handler *handler;

    (void)wire;
    if (domi__come_back_read(&again, frame)) {
        client->again = again;
    }
    handler = find_handler(client, frame->type);
    if (handler) {
        handler->fn(client, frame, handler->user);
    }
    return true;
}

static size_t farewell(struct domi__session *session, enum domi_reason reason,
                       uint8_t *out)
{
    (void)session;
    (void)reason;
    return domi_frame_encode(out, DOMI__FRAME_EXIT, NULL, 0, NULL, 0);
}

static void on_put(void *user)
{
    struct domi_client *client = user;

    if (client->on_close) {
        client->on_close(client, client->on_close_user);
    }
    domi__tls_free(client->tls);
    free(client->handlers);
    free(client);
}

static void on_session_close(struct domi__session *session,
                             enum domi_reason reason)
{
    struct domi_client *client = session->arg;
    bool opened = client->opened;
    uint64_t now = domi__loop_now(client->loop);

    client->session = NULL;
    client->opened = false;
    if (client->closing) {
        domi__loop_put(client->loop, on_put, client);
        return;
    }
    /* A gateway that lets everybody in and then closes is a failure too: only
       what lasts longer than the wait for it begins anew. */
    if (opened && now - client->opened_ms > client->wait_ms) {
        client->failures = 0;
    }
    lose(client, status_of(reason, opened));
}

static const struct domi__session_owner owner = {
    .size = sizeof(struct domi__session),
    .on_open = on_open,
    .on_frame = on_frame,
    .farewell = farewell,
    .on_close = on_session_close,
};

static const struct domi__address *
next_address(const struct domi_client *client)
{
    if (client->again.address.port > 0) {
        return &client->again.address;
    }
    /* The first try after a loss goes home. */
    if (client->away.port > 0 && client->failures > 0 &&
        client->failures % 2 == 0) {
        return &client->away;
    }
    return &client->home;
}

static int try_dial(struct domi_client *client)
{
    struct domi__listen listen = {
        .loop = client->loop,
        .log = &client->log,
        .owner = &owner,
        .limits = &client->limits,
        .arg = client,
        .tls = client->tls,
    };

    client->dialled = *next_address(client);
    listen.host = client->dialled.host;
    listen.port = client->dialled.port;
    client->session = domi__tcp_dial(&listen);
    client->again = (struct domi__come_back){0};
    return client->session ? 0 : UV_ENOMEM;
}

static void dial(struct domi_client *client)
{
    int err = try_dial(client);

    if (err) {
        lose(client, err);
    }
}

/* ---- public -------------------------------------------------------------- */

struct domi_client *domi_client_new(struct uv_loop_s *loop,
                                    const struct domi_client_options *options)
{
    struct domi_client *client = calloc(1, sizeof(*client));

    if (!client) {
        return NULL;
    }
    domi__log_init(&client->log, NULL, NULL);
    set_options(client, options);
    if (client->options.tls) {
        client->tls = domi__tls_new(&client->log, client->options.tls, false);
    }
    client->loop = !client->options.tls || client->tls ? domi__loop_get(loop)
                                                       : NULL;
    if (!client->loop) {
        domi__tls_free(client->tls);
        free(client);
        return NULL;
    }
    return client;
}

int domi_client_connect(struct domi_client *client, const char *host, int port)
{
    int err;

    if (client->home.port > 0 || client->closing) {
        return DOMI_E_STATE;
    }
    if (!host || !domi__address_set(&client->home, host, port)) {
        return DOMI_E_OPTION;
    }
    err = domi__tls_check(client->tls, "tls");
    if (!err) {
        err = domi__tls_load(client->tls, client->loop);
    }
    if (!err) {
        err = try_dial(client);
    }
    if (err) {
        client->home = (struct domi__address){.port = 0};
    }
    return err;
}

int domi_client_handle(struct domi_client *client, uint16_t type,
                       domi_client_handler_fn handler, void *user)
{
    struct handler *found = find_handler(client, type);
    struct handler *handlers;

    if (type < DOMI_TYPE_FIRST && type != DOMI_TYPE_NOTICE) {
        return DOMI_E_TYPE_RESERVED;
    }
    if (!handler) {
        if (found) {
            *found = client->handlers[--client->handler_count];
        }
        return 0;
    }
    if (found) {
        return DOMI_E_TYPE_TAKEN;
    }
    handlers = realloc(client->handlers,
                       (client->handler_count + 1) * sizeof(*handlers));
    if (!handlers) {
        return UV_ENOMEM;
    }
    handlers[client->handler_count++] =
        (struct handler){.type = type, .fn = handler, .user = user};
    client->handlers = handlers;
    return 0;
}

static int send_frame(struct domi_client *client, uint16_t type,
                      const void *data, uint32_t size, const void *extend,
                      uint16_t extend_size)
{
    int status;

    if (!client->opened || client->closing) {
        return DOMI_E_STATE;
    }
    if (size > UINT32_MAX - DOMI_FRAME_HEADER - EXTEND_SIZE) {
        return DOMI_E_QUEUE_FULL; /* No queue is as long as that. */
    }
    status = domi__session_send(client->session, type, data, size, extend,
                                extend_size);
    return status == DOMI_E_SESSION_GONE ? DOMI_E_STATE : status;
}

int domi_client_send(struct domi_client *client, uint16_t type,
                     const void *data, uint32_t size)
{
    if (type < DOMI_TYPE_FIRST) {
        return DOMI_E_TYPE_RESERVED;
    }
    return send_frame(client, type, data, size, NULL, 0);
}

int domi_client_send_group(struct domi_client *client,
                           const uint8_t target[DOMI_TARGET_SIZE],
                           uint16_t type, const void *data, uint32_t size)
{
    uint8_t extend[EXTEND_SIZE];

    if (type < DOMI_TYPE_FIRST) {
        return DOMI_E_TYPE_RESERVED;
    }
    memcpy(extend, target, DOMI_TARGET_SIZE);
    domi_put_u16(extend + DOMI_TARGET_SIZE, type);
    return send_frame(client, DOMI__FRAME_TO_ZONE, data, size, extend,
                      EXTEND_SIZE);
}

void domi_client_set_data(struct domi_client *client, void *data)
{
    client->data = data;
}

void *domi_client_data(const struct domi_client *client)
{
    return client->data;
}

void domi_client_close(struct domi_client *client,
                       domi_client_close_fn on_close, void *user)
{
    if (client->closing) {
        return;
    }
    client->closing = true;
    client->on_close = on_close;
    client->on_close_user = user;
    domi__timer_stop(&client->timer);
    if (client->session) {
        domi__session_close(client->session, DOMI_REASON_LEFT);
    } else {
        domi__loop_put(client->loop, on_put, client);
    }
}
