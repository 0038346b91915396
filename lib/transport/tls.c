/* SPDX-License-Identifier: MIT */
/*
 * One side's part of TLS: its certificate, and the authorities that it trusts.
 *
 * The files make a context of OpenSSL's, from which connections are made. To
 * load them again makes another; connections hold on to the one they began
 * with, which goes with the last of them.
 */
#include "transport/tls_inner.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <uv.h>

#include "domi/err.h"
#include "transport/loop_inner.h"

/* ---- new and free -------------------------------------------------------- */

static bool copy(const char **string)
{
    const char *given = *string;

    *string = given ? strdup(given) : NULL;
    return !given || *string;
}

void domi__tls_share_free(struct domi__tls_share *share)
{
    if (share) {
        BIO_meth_free(share->method);
        free(share);
    }
}

struct domi__tls *domi__tls_new(struct domi__log *log,
                                const struct domi_tls_options *options,
                                bool listens)
{
    struct domi__tls *tls = calloc(1, sizeof(*tls));
    bool whole;

    if (!tls) {
        return NULL;
    }
    tls->log = log;
    tls->listens = listens;
    tls->options = *options;
    /* All of them, so that each is either ours or NULL. */
    whole = copy(&tls->options.cert_file);
    whole &= copy(&tls->options.key_file);
    whole &= copy(&tls->options.ca_file);
    whole &= copy(&tls->options.server_name);
    if (!whole) {
        domi__tls_free(tls);
        return NULL;
    }
    return tls;
}

void domi__tls_free(struct domi__tls *tls)
{
    if (tls) {
        SSL_CTX_free(tls->context);
        free((char *)tls->options.cert_file);
        free((char *)tls->options.key_file);
        free((char *)tls->options.ca_file);
        free((char *)tls->options.server_name);
        free(tls);
    }
}

int domi__tls_check(const struct domi__tls *tls, const char *option)
{
    const char *must = NULL;

    if (!tls) {
        return 0;
    }
    if (!tls->options.cert_file != !tls->options.key_file) {
        must = "both of cert_file and key_file, or none";
    } else if (tls->listens && !tls->options.cert_file) {
        must = "cert_file and key_file";
    }
    if (must) {
        domi__log(tls->log, DOMI_LOG_ERROR, "option %s must have %s", option,
                  must);
        return DOMI_E_OPTION;
    }
    return 0;
}

bool domi__tls_asks(const struct domi__tls *tls)
{
    return tls && tls->options.ca_file;
}

/* ---- load ---------------------------------------------------------------- */

/* Logs the first that OpenSSL found wrong with a file, and clears it all. */
static int refuse(const struct domi__tls *tls, const char *what,
                  const char *file)
{
    unsigned long error = ERR_peek_error();
    const char *why = ERR_reason_error_string(error);

    if (ERR_SYSTEM_ERROR(error)) {
        why = strerror(ERR_GET_REASON(error));
    }
    domi__log(tls->log, DOMI_LOG_ERROR, "TLS: %s %s cannot be used: %s", what,
              file, why ? why : "nothing fit is in it");
    ERR_clear_error();
    return DOMI_E_TLS;
}

/* OpenSSL would ask on the terminal. */
static int no_passphrase(char *out, int size, int writing, void *arg)
{
    (void)out;
    (void)size;
    (void)writing;
    (void)arg;
    return -1;
}

static int load_own(const struct domi__tls *tls, SSL_CTX *context)
{
    const char *cert = tls->options.cert_file;
    const char *key = tls->options.key_file;

    if (!cert && !key) {
        return 0;
    }
    SSL_CTX_set_default_passwd_cb(context, no_passphrase);
    if (SSL_CTX_use_certificate_chain_file(context, cert) != 1) {
        return refuse(tls, "certificate", cert);
    }
    if (SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1) {
        return refuse(tls, "key", key);
    }
    return 0;
}

static int load_authorities(const struct domi__tls *tls, SSL_CTX *context)
{
    const char *file = tls->options.ca_file;
    int verify = SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT;

    if (!file && !tls->listens) {
        SSL_CTX_set_default_verify_paths(context);
    } else if (file && SSL_CTX_load_verify_file(context, file) != 1) {
        return refuse(tls, "authorities", file);
    } else if (file && tls->listens) {
        SSL_CTX_set_client_CA_list(context, SSL_load_client_CA_file(file));
    }
    if (tls->listens ? !file : tls->options.insecure) {
        verify = SSL_VERIFY_NONE;
    }
    SSL_CTX_set_verify(context, verify, NULL);
    return 0;
}

static void set_manners(const struct domi__tls *tls, SSL_CTX *context)
{
    uint64_t options = SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                       SSL_OP_IGNORE_UNEXPECTED_EOF;

    if (tls->listens && tls->options.ca_file) {
        /* Who comes again shows its certificate again. */
        options |= SSL_OP_NO_TICKET;
        SSL_CTX_set_num_tickets(context, 0);
    }
    SSL_CTX_set_options(context, options);
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_read_ahead(context, 1); /* a record's head and body at once */
    SSL_CTX_set_alpn_select_cb(context, domi__tls_choose_protocol, NULL);
}

/* What streams need that can fail for memory alone. */
static bool make_share(struct domi__loop *loop)
{
    if (!loop->tls) {
        loop->tls = calloc(1, sizeof(*loop->tls));
    }
    if (loop->tls && !loop->tls->method) {
        loop->tls->method = domi__tls_method_new();
    }
    return loop->tls && loop->tls->method;
}

int domi__tls_load(struct domi__tls *tls, struct domi__loop *loop)
{
    SSL_CTX *context;
    int err;

    if (!tls) {
        return 0;
    }
    tls->loop = loop;
    ERR_clear_error();
    context = SSL_CTX_new(tls->listens ? TLS_server_method()
                                       : TLS_client_method());
    if (!context || !make_share(loop)) {
        SSL_CTX_free(context);
        return UV_ENOMEM;
    }
    set_manners(tls, context);
    err = load_own(tls, context);
    if (!err) {
        err = load_authorities(tls, context);
    }
    if (err) {
        SSL_CTX_free(context);
        return err;
    }
    SSL_CTX_free(tls->context);
    tls->context = context;
    return 0;
}
