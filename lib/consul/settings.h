/* SPDX-License-Identifier: MIT */
/* Where Consul is and how to speak to it: options, environment, defaults. */
#ifndef DOMI_CONSUL_SETTINGS_H
#define DOMI_CONSUL_SETTINGS_H

#include <stdbool.h>

#include "base/log.h"
#include "domi/registry.h"

/* All strings are owned; NULL where there is none. */
struct domi__consul_settings {
    char *base;        /* "http://127.0.0.1:8500", without a last slash */
    char *unix_socket; /* path; then `base` is "http://localhost" */
    char *token;
    char *auth;
    char *ca_file;
    char *ca_path;
    char *client_cert;
    char *client_key;
    char *tls_server_name;
    char *proxy;       /* "": none; never NULL */
    char *no_proxy;    /* hosts that it is not for; never NULL */
    bool verify;
    char *prefix;      /* with a last slash */
    unsigned check_ms;
    unsigned damp_ms;
    unsigned settle_ms;
    unsigned session_s;
    enum domi_id_policy id_policy;
};

/* Reads options, environment and token file. 0; DOMI_E_OPTION after a line in
   the log that names the option or variable and what it must be; UV_ENOMEM.
   When it fails there is nothing to be freed. `options` may be NULL. */
int domi__consul_settings_init(struct domi__consul_settings *settings,
                               const struct domi_consul_options *options,
                               struct domi__log *log);

/* Accepts zeroed settings. */
void domi__consul_settings_fini(struct domi__consul_settings *settings);

#endif
