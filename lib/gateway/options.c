/* SPDX-License-Identifier: MIT */
/* A gateway's options: copies, defaults, and what is not allowed. */
#include "gateway/inner.h"

#include <stdlib.h>
#include <string.h>

#define COME_BACK_MAX 200u /* what a notice has room for */

static void default_number(unsigned *option, unsigned value)
{
    if (*option == 0) {
        *option = value;
    }
}

static void default_size(size_t *option, size_t value)
{
    if (*option == 0) {
        *option = value;
    }
}

static int own_string(const char **option, const char *value)
{
    const char *string = *option ? *option : value;

    *option = string ? strdup(string) : NULL;
    return string && !*option ? UV_ENOMEM : 0;
}

/* A list that ends with NULL, copied so that it can be freed half done. */
static int own_list(const char *const **option)
{
    const char *const *given = *option;
    const char **list;
    size_t count = 0;

    if (!given) {
        return 0;
    }
    while (given[count]) {
        count++;
    }
    list = calloc(count + 1, sizeof(*list));
    *option = list;
    for (size_t i = 0; list && i < count; i++) {
        list[i] = strdup(given[i]);
        if (!list[i]) {
            return UV_ENOMEM;
        }
    }
    return list ? 0 : UV_ENOMEM;
}

static void free_list(const char *const *list)
{
    for (const char *const *item = list; item && *item; item++) {
        free((char *)*item);
    }
    free((void *)list);
}

/* All of them, so that each is either ours or NULL. */
static int own_strings(struct domi_gateway_options *options)
{
    int err = 0;

    err |= own_string(&options->name, "gateway");
    err |= own_string(&options->host, "127.0.0.1");
    err |= own_string(&options->ws_path, "/ws");
    err |= own_string(&options->web_root, NULL);
    err |= own_string(&options->advertise, NULL);
    err |= own_string(&options->admin_token, NULL);
    err |= own_string(&options->come_back, NULL);
    err |= own_string(&options->cluster_key, NULL);
    err |= own_string(&options->cluster_key_old, NULL);
    err |= own_list(&options->origins);
    return err;
}

int domi__gateway_options_init(struct domi_gateway *gateway,
                               const struct domi_gateway_options *given)
{
    static const struct domi_gateway_options none;
    struct domi_gateway_options *options = &gateway->options;

    *options = given ? *given : none;
    if (options->id) {
        gateway->wanted_id = *options->id;
        options->id = &gateway->wanted_id;
    }
    if (options->version == 0) {
        options->version = 1;
    }
    default_number(&options->frame_limit, 64 * 1024);
    default_number(&options->link_frame_limit, 1024 * 1024);
    default_size(&options->send_limit, 1024 * 1024);
    default_size(&options->link_send_limit, 16 * 1024 * 1024);
    default_number(&options->handshake_ms, 5000);
    default_number(&options->silence_ms, 10000);
    default_number(&options->heartbeat_ms, options->silence_ms < 10000
                                               ? (options->silence_ms + 1) / 2
                                               : 5000);
    default_number(&options->link_open_ms, 5000);
    default_number(&options->targets, 256);
    default_number(&options->full_percent, 90);
    default_number(&options->zone_groups, 1024 * 1024);
    default_number(&options->sessions_per_address, 500);
    default_number(&options->handshakes_per_address, 100);
    default_size(&options->send_total, 256 * 1024 * 1024);
    default_number(&options->stall_ms, 10000);
    default_number(&options->frame_ms, 10000);
    default_number(&options->excess_ms, 10000);
    gateway->limits = (struct domi__session_limits){
        .frame_limit = options->frame_limit,
        .send_limit = options->send_limit,
        .send_policy = options->send_policy,
        .handshake_ms = options->handshake_ms,
        .silence_ms = options->silence_ms,
        .frame_ms = options->frame_ms,
        .stall_ms = options->stall_ms,
        .backlog = &gateway->backlog,
    };
    return own_strings(options);
}

void domi__gateway_options_fini(struct domi_gateway *gateway)
{
    free((char *)gateway->options.name);
    free((char *)gateway->options.host);
    free((char *)gateway->options.ws_path);
    free((char *)gateway->options.web_root);
    free((char *)gateway->options.advertise);
    free((char *)gateway->options.admin_token);
    free((char *)gateway->options.come_back);
    free((char *)gateway->options.cluster_key);
    free((char *)gateway->options.cluster_key_old);
    free_list(gateway->options.origins);
}

struct domi__cluster_keys
domi__gateway_keys(const struct domi_gateway *gateway)
{
    return (struct domi__cluster_keys){
        .key = gateway->options.cluster_key,
        .old = gateway->options.cluster_key_old,
    };
}

static int refuse(struct domi_gateway *gateway, const char *option,
                  const char *allowed)
{
    domi__log(&gateway->log, DOMI_LOG_ERROR, "option %s must be %s", option,
              allowed);
    return DOMI_E_OPTION;
}

static int check_sizes(struct domi_gateway *gateway)
{
    const struct domi_gateway_options *options = &gateway->options;

    if (options->frame_limit < 64) {
        return refuse(gateway, "frame_limit", "at least 64 bytes");
    }
    if (options->link_frame_limit < options->frame_limit) {
        return refuse(gateway, "link_frame_limit", "at least frame_limit");
    }
    if (options->send_limit < 1024) {
        return refuse(gateway, "send_limit", "at least 1024 bytes");
    }
    if (options->link_send_limit < 4 * (size_t)options->link_frame_limit) {
        return refuse(gateway, "link_send_limit",
                      "at least four times link_frame_limit");
    }
    return 0;
}

static int check_rates(struct domi_gateway *gateway)
{
    const struct domi_gateway_options *options = &gateway->options;

    if (options->send_total < options->send_limit) {
        return refuse(gateway, "send_total", "at least send_limit");
    }
    /* A bucket holds the rate of two seconds, and a frame must fit. */
    if (options->byte_rate && options->byte_rate < options->frame_limit / 2) {
        return refuse(gateway, "byte_rate", "at least frame_limit / 2");
    }
    return 0;
}

static int check_web(struct domi_gateway *gateway)
{
    const struct domi_gateway_options *options = &gateway->options;

    if (options->ws_path[0] != '/') {
        return refuse(gateway, "ws_path", "a path that begins with a slash");
    }
    return domi__node_check_origins(&gateway->log, options->origins);
}

static int check_cluster(struct domi_gateway *gateway)
{
    const struct domi_gateway_options *options = &gateway->options;
    const struct domi__cluster_keys keys = domi__gateway_keys(gateway);
    int err = domi__node_check_token(&gateway->log, options->admin_token);

    if (!err) {
        err = domi__cluster_keys_check(&gateway->log, &keys);
    }
    if (err) {
        return err;
    }
    if (options->come_back && strlen(options->come_back) > COME_BACK_MAX) {
        return refuse(gateway, "come_back", "at most 200 bytes");
    }
    if (options->full_percent > 100) {
        return refuse(gateway, "full_percent", "at most 100");
    }
    return domi__node_advertise(&gateway->log, options->host,
                                options->advertise, gateway->advertised,
                                sizeof(gateway->advertised));
}

int domi__gateway_options_check(struct domi_gateway *gateway)
{
    const struct domi_gateway_options *options = &gateway->options;
    int err = check_sizes(gateway);

    if (!err) {
        err = check_rates(gateway);
    }
    if (err) {
        return err;
    }
    if (options->heartbeat_ms >= options->silence_ms) {
        return refuse(gateway, "heartbeat_ms", "less than silence_ms");
    }
    if ((unsigned)options->send_policy > DOMI_SEND_DROP_OLDEST) {
        return refuse(gateway, "send_policy", "one of enum domi_send_policy");
    }
    err = check_web(gateway);
    if (err) {
        return err;
    }
    err = domi__node_check(&gateway->log, options->host, options->tcp_port,
                           options->http_port, options->id, options->version);
    return err ? err : check_cluster(gateway);
}
