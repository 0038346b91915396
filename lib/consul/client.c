/* SPDX-License-Identifier: MIT */
/* The loop's side of the Consul client: asks, cancels, hands replies on. */
#include "consul/client.h"

#include <stdlib.h>
#include <string.h>

#include "consul/thread.h"
#include "transport/transport.h"

struct domi__consul_client {
    struct domi__loop_hook hook;
    struct domi__list open; /* all that are to be answered */
    uint64_t last_number;
    bool *freed; /* set when it is freed by a reply's callback; or NULL */
    struct domi__consul_thread thread;
};

/* Shows the reply to who asked, unless the callback frees the client: then
   false. */
static bool deliver(struct domi__consul_client *client,
                    struct domi__consul_transfer *transfer)
{
    bool freed = false;

    domi__list_remove(&transfer->open);
    client->freed = &freed;
    transfer->request.on_reply(transfer->request.user, &transfer->reply);
    /* Whoever was told has it now. */
    transfer->reply.parsed = NULL;
    domi__consul_transfer_free(transfer);
    if (!freed) {
        client->freed = NULL;
    }
    return !freed;
}

static bool on_turn(struct domi__loop_hook *hook)
{
    struct domi__consul_client *client =
        DOMI__CONTAINER(hook, struct domi__consul_client, hook);
    struct domi__consul_transfer *transfer;
    bool any = false;

    while ((transfer = domi__consul_thread_take(&client->thread))) {
        any = true;
        if (!deliver(client, transfer)) {
            break;
        }
    }
    return any;
}

struct domi__consul_client *
domi__consul_client_new(struct domi__loop *loop, struct domi__log *log,
                        const struct domi__consul_settings *settings)
{
    struct domi__consul_client *client = calloc(1, sizeof(*client));

    if (!client) {
        return NULL;
    }
    domi__list_init(&client->open);
    client->hook.run = on_turn;
    if (domi__consul_thread_start(&client->thread, domi__loop_waker(loop),
                                  settings)) {
        free(client);
        return NULL;
    }
    domi__loop_hook_add(loop, &client->hook);
    domi__log(log, DOMI_LOG_INFO, "consul: the agent is at %s",
              settings->unix_socket ? settings->unix_socket : settings->base);
    return client;
}

void domi__consul_client_free(struct domi__consul_client *client)
{
    if (!client) {
        return;
    }
    domi__loop_hook_remove(&client->hook);
    domi__consul_thread_stop(&client->thread);
    if (client->freed) {
        *client->freed = true;
    }
    free(client);
}

uint64_t domi__consul_send(struct domi__consul_client *client,
                           const struct domi__consul_request *request)
{
    struct domi__consul_transfer *transfer = domi__consul_transfer_new(request);
    uint64_t number;

    if (!transfer) {
        return 0;
    }
    number = ++client->last_number;
    transfer->number = number;
    domi__list_push(&client->open, &transfer->open);
    domi__consul_thread_ask(&client->thread, transfer);
    return number;
}

/* O(n); n is the requests that are open, a few for each node and service. */
void domi__consul_cancel(struct domi__consul_client *client, uint64_t number)
{
    struct domi__list *node = client->open.next;

    while (node != &client->open) {
        struct domi__consul_transfer *transfer =
            DOMI__CONTAINER(node, struct domi__consul_transfer, open);

        if (transfer->number == number) {
            domi__list_remove(&transfer->open);
            domi__consul_thread_cancel(&client->thread, transfer);
            return;
        }
        node = node->next;
    }
}

char *domi__consul_escape(const char *text)
{
    static const char plain[] = "0123456789abcdefghijklmnopqrstuvwxyz"
                                "ABCDEFGHIJKLMNOPQRSTUVWXYZ-_.~";
    static const char digits[] = "0123456789ABCDEF";
    char *escaped = malloc(3 * strlen(text) + 1);
    char *out = escaped;

    if (!escaped) {
        return NULL;
    }
    for (; *text; text++) {
        if (strchr(plain, *text)) {
            *out++ = *text;
        } else {
            *out++ = '%';
            *out++ = digits[(unsigned char)*text >> 4];
            *out++ = digits[(unsigned char)*text & 15];
        }
    }
    *out = '\0';
    return escaped;
}
