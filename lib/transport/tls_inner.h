/* SPDX-License-Identifier: MIT */
/* Inside transport: what tls.c and tls_stream.c share. */
#ifndef DOMI_TRANSPORT_TLS_INNER_H
#define DOMI_TRANSPORT_TLS_INNER_H

#include <openssl/ssl.h>

#include "domi/tls.h"
#include "transport/tls.h"

#define DOMI__TLS_RECORD 16384u /* plain bytes of one record */

struct domi__tls_share {
    BIO_METHOD *method; /* how OpenSSL reaches a stream's socket */
    uint8_t record[DOMI__TLS_RECORD]; /* small pieces are put together here */
};

struct domi__tls {
    struct domi__loop *loop;
    struct domi__log *log;
    struct domi_tls_options options; /* strings copied */
    bool listens;
    SSL_CTX *context; /* NULL before it was loaded */
};

/* In tls_stream.c. */
BIO_METHOD *domi__tls_method_new(void);

/* Of ALPN: agrees to HTTP/1.1 where the stream is for that. */
int domi__tls_choose_protocol(SSL *ssl, const unsigned char **out,
                              unsigned char *out_size, const unsigned char *in,
                              unsigned in_size, void *arg);

#endif
