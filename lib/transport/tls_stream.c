/* SPDX-License-Identifier: MIT */
/*
 * One connection's TLS.
 *
 *   read:  socket -> OpenSSL's buffer -> decrypted to where the caller wants it
 *   write: pieces -> one record -> encrypted -> socket, or kept
 *
 * OpenSSL reaches the socket through functions of ours, since its own would
 * raise SIGPIPE, and would want the same bytes again when the socket is full: a
 * queue that drops frames cannot promise that. Ours take all they are given.
 */
#include "transport/tls_inner.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <uv.h>

#include "transport/loop_inner.h"
#include "transport/socket.h"

/* What may wait for the socket: a record in its cover, and the answers of TLS
   itself, which an honest peer reads. */
#define KEPT_MAX (4u * DOMI__TLS_RECORD)

/* Of a connection's first byte. */
#define RECORD_ALERT 0x15
#define RECORD_HANDSHAKE 0x16

struct domi__tls_stream {
    SSL *ssl;
    struct domi__tls *tls;
    struct domi__watch *watch;
    struct domi__deferred again; /* something was read that nobody has seen */
    uint8_t *kept;               /* what the socket did not take; NULL: none */
    size_t kept_size;
    size_t kept_sent;
    int error;    /* of the socket; EPROTO: of TLS; 0: none */
    bool ended;   /* the peer sends nothing more */
    bool begun;   /* a byte of the peer's has come */
    bool foreign; /* it was not one of TLS */
    bool http;
};

/* ---- the socket, as OpenSSL sees it -------------------------------------- */

static int write_socket(BIO *bio, const char *bytes, int size)
{
    struct domi__tls_stream *stream = BIO_get_data(bio);
    size_t left = (size_t)size;
    uint8_t *kept;

    if (!stream->kept) {
        ssize_t n = send(stream->watch->fd, bytes, left, MSG_NOSIGNAL);

        if (n < 0 && errno != EAGAIN && errno != EINTR) {
            stream->error = errno;
            return -1;
        }
        if (n > 0) {
            bytes += n;
            left -= (size_t)n;
        }
    }
    if (left > 0) {
        kept = stream->kept_size + left <= KEPT_MAX
                   ? realloc(stream->kept, stream->kept_size + left)
                   : NULL;
        if (!kept) {
            stream->error = ENOMEM;
            return -1;
        }
        memcpy(kept + stream->kept_size, bytes, left);
        stream->kept = kept;
        stream->kept_size += left;
    }
    return size;
}

static int read_socket(BIO *bio, char *bytes, int size)
{
    struct domi__tls_stream *stream = BIO_get_data(bio);
    ssize_t n = recv(stream->watch->fd, bytes, (size_t)size, 0);

    BIO_clear_retry_flags(bio);
    if (n < 0) {
        if (errno == EAGAIN || errno == EINTR) {
            BIO_set_retry_read(bio);
        } else {
            stream->error = errno;
        }
        return -1;
    }
    if (n > 0 && !stream->begun) {
        stream->begun = true;
        stream->foreign =
            bytes[0] != RECORD_HANDSHAKE && bytes[0] != RECORD_ALERT;
    }
    stream->ended |= n == 0;
    return stream->foreign ? -1 : (int)n;
}

static long control_socket(BIO *bio, int command, long number, void *pointer)
{
    const struct domi__tls_stream *stream = BIO_get_data(bio);

    (void)number;
    (void)pointer;
    switch (command) {
    case BIO_CTRL_FLUSH:
        return 1;
    case BIO_CTRL_EOF:
        return stream->ended;
    default:
        return 0;
    }
}

BIO_METHOD *domi__tls_method_new(void)
{
    BIO_METHOD *method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "domi");

    if (method) {
        BIO_meth_set_write(method, write_socket);
        BIO_meth_set_read(method, read_socket);
        BIO_meth_set_ctrl(method, control_socket);
    }
    return method;
}

bool domi__tls_is_hello(const uint8_t *bytes, size_t size)
{
    return size > 0 && bytes[0] == RECORD_HANDSHAKE;
}

/* ---- new and free -------------------------------------------------------- */

int domi__tls_choose_protocol(SSL *ssl, const unsigned char **out,
                              unsigned char *out_size, const unsigned char *in,
                              unsigned in_size, void *arg)
{
    static const unsigned char ours[] = "\x08http/1.1";
    const struct domi__tls_stream *stream = SSL_get_app_data(ssl);

    (void)arg;
    if (!stream->http) {
        return SSL_TLSEXT_ERR_NOACK;
    }
    if (SSL_select_next_proto((unsigned char **)out, out_size, ours,
                              sizeof(ours) - 1, in,
                              in_size) == OPENSSL_NPN_NEGOTIATED) {
        return SSL_TLSEXT_ERR_OK;
    }
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}

static bool is_address(const char *name)
{
    unsigned char bytes[sizeof(struct in6_addr)];

    return inet_pton(AF_INET, name, bytes) == 1 ||
           inet_pton(AF_INET6, name, bytes) == 1;
}

/* Whom the peer's certificate has to name. */
static bool expect(struct domi__tls_stream *stream, const char *name)
{
    const char *given = stream->tls->options.server_name;

    name = given ? given : name;
    SSL_set_connect_state(stream->ssl);
    if (is_address(name)) {
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(stream->ssl),
                                             name) == 1;
    }
    return SSL_set_tlsext_host_name(stream->ssl, name) == 1 &&
           SSL_set1_host(stream->ssl, name) == 1;
}

static bool connect_parts(struct domi__tls_stream *stream, const char *name)
{
    BIO *bio = BIO_new(stream->tls->loop->tls->method);

    stream->ssl = SSL_new(stream->tls->context);
    if (!bio || !stream->ssl) {
        BIO_free(bio);
        return false;
    }
    BIO_set_data(bio, stream);
    BIO_set_init(bio, 1);
    SSL_set_bio(stream->ssl, bio, bio);
    SSL_set_app_data(stream->ssl, stream);
    if (!name) {
        SSL_set_accept_state(stream->ssl);
        return true;
    }
    return expect(stream, name);
}

struct domi__tls_stream *domi__tls_stream_new(struct domi__tls *tls,
                                              struct domi__watch *watch,
                                              const char *name, bool http)
{
    struct domi__tls_stream *stream = calloc(1, sizeof(*stream));

    if (!stream) {
        return NULL;
    }
    stream->tls = tls;
    stream->watch = watch;
    stream->http = http;
    domi__list_init(&stream->again.node);
    if (!connect_parts(stream, name)) {
        ERR_clear_error();
        domi__tls_stream_free(stream);
        return NULL;
    }
    return stream;
}

void domi__tls_stream_free(struct domi__tls_stream *stream)
{
    if (stream) {
        domi__list_remove(&stream->again.node);
        SSL_free(stream->ssl);
        free(stream->kept);
        free(stream);
    }
}

void domi__tls_stream_move(struct domi__tls_stream *stream,
                           struct domi__watch *watch)
{
    stream->watch = watch;
}

/* ---- failures ------------------------------------------------------------ */

static void tell(const struct domi__tls_stream *stream)
{
    unsigned long error = ERR_peek_last_error();
    long verified = SSL_get_verify_result(stream->ssl);
    const char *why = ERR_reason_error_string(error);
    char address[DOMI__ADDRESS_SIZE];

    if (stream->foreign) {
        why = "it does not speak TLS";
    } else if (verified != X509_V_OK &&
               SSL_get_verify_mode(stream->ssl) != SSL_VERIFY_NONE) {
        why = X509_verify_cert_error_string(verified);
    }
    domi__socket_address(stream->watch->fd, address, sizeof(address));
    domi__log_peer(stream->tls->log, DOMI_LOG_WARNING, "TLS with %s failed: %s",
                   address, why ? why : "the connection ended");
}

/* After a call of OpenSSL's that did not do all: 0 when it waits for the peer,
   or has its end; else the error, which stays. */
static int fail(struct domi__tls_stream *stream, int result)
{
    int error = SSL_get_error(stream->ssl, result);

    if (error == SSL_ERROR_ZERO_RETURN) {
        stream->ended = true;
        return 0;
    }
    if (!stream->foreign && !stream->error && error == SSL_ERROR_WANT_READ) {
        return 0;
    }
    if (!stream->error) {
        stream->error = EPROTO;
        tell(stream);
    }
    ERR_clear_error();
    return stream->error;
}

/* ---- handshake ----------------------------------------------------------- */

bool domi__tls_stream_is_open(const struct domi__tls_stream *stream)
{
    return SSL_is_init_finished(stream->ssl) != 0;
}

int domi__tls_stream_shake(struct domi__tls_stream *stream)
{
    int result;

    ERR_clear_error();
    result = SSL_do_handshake(stream->ssl);
    if (result == 1) {
        return 1;
    }
    return fail(stream, result) || stream->ended ? UV_EPROTO : 0;
}

/* ---- in ------------------------------------------------------------------ */

static void on_again(struct domi__deferred *deferred)
{
    struct domi__tls_stream *stream =
        DOMI__CONTAINER(deferred, struct domi__tls_stream, again);

    /* Where reading is stopped, domi__tls_look comes when it goes on. */
    if (stream->watch->events & EPOLLIN) {
        stream->watch->ready(stream->watch, EPOLLIN);
    }
}

void domi__tls_look(struct domi__tls_stream *stream)
{
    if (stream && (SSL_has_pending(stream->ssl) || stream->error)) {
        stream->again.run = on_again;
        domi__loop_defer(stream->tls->loop, &stream->again);
    }
}

/* Fills the part as far as there is something. Returns its size, and whether
   there may be more. */
static size_t read_part(struct domi__tls_stream *stream,
                        const struct iovec *part, bool *more)
{
    size_t size = 0;

    *more = true;
    while (size < part->iov_len && *more) {
        size_t room = part->iov_len - size;
        int n = SSL_read(stream->ssl, (uint8_t *)part->iov_base + size,
                         room < INT_MAX ? (int)room : INT_MAX);

        if (n > 0) {
            size += (size_t)n;
            *more = SSL_has_pending(stream->ssl) != 0;
        } else {
            fail(stream, n);
            *more = false;
        }
    }
    return size;
}

static ssize_t read_stream(struct domi__tls_stream *stream,
                           const struct iovec *parts, int count)
{
    size_t size = 0;
    bool more = true;

    domi__list_remove(&stream->again.node);
    ERR_clear_error();
    for (int i = 0; i < count && more && !stream->error; i++) {
        size += read_part(stream, &parts[i], &more);
    }
    if (size > 0) {
        if (more || stream->error || stream->ended) {
            stream->again.run = on_again;
            domi__loop_defer(stream->tls->loop, &stream->again);
        }
        return (ssize_t)size;
    }
    if (stream->ended && stream->error == 0) {
        return 0;
    }
    errno = stream->error ? stream->error : EAGAIN;
    return -1;
}

ssize_t domi__tls_read(struct domi__tls_stream *stream, int fd,
                       struct iovec *parts, int count)
{
    if (stream) {
        return read_stream(stream, parts, count);
    }
    return count == 1 ? recv(fd, parts->iov_base, parts->iov_len, 0)
                      : readv(fd, parts, count);
}

/* ---- out ----------------------------------------------------------------- */

bool domi__tls_is_blocked(const struct domi__tls_stream *stream)
{
    return stream && stream->kept;
}

bool domi__tls_push(struct domi__tls_stream *stream)
{
    ssize_t n;

    if (!domi__tls_is_blocked(stream)) {
        return true;
    }
    n = send(stream->watch->fd, stream->kept + stream->kept_sent,
             stream->kept_size - stream->kept_sent, MSG_NOSIGNAL);
    if (n < 0) {
        if (errno != EAGAIN && errno != EINTR) {
            stream->error = errno;
        }
        return false;
    }
    stream->kept_sent += (size_t)n;
    if (stream->kept_sent < stream->kept_size) {
        return false;
    }
    free(stream->kept);
    stream->kept = NULL;
    stream->kept_size = 0;
    stream->kept_sent = 0;
    return true;
}

/* The next bytes of the pieces for one record, `taken` having gone before:
   where they lie, or put together where there are several. */
static const void *gather(struct domi__tls_share *share,
                          const struct iovec **piece, int *count,
                          size_t *taken, size_t *size)
{
    const struct iovec *first = *piece;
    const uint8_t *bytes = (const uint8_t *)first->iov_base + *taken;
    size_t room = DOMI__TLS_RECORD;

    if (*count == 1 || first->iov_len - *taken >= room) {
        *size = first->iov_len - *taken < room ? first->iov_len - *taken : room;
        *taken += *size;
        if (*taken == first->iov_len) {
            ++*piece;
            --*count;
            *taken = 0;
        }
        return bytes;
    }
    while (*count > 0 && room > 0) {
        size_t left = (*piece)->iov_len - *taken;
        size_t part = left < room ? left : room;

        memcpy(share->record + DOMI__TLS_RECORD - room,
               (const uint8_t *)(*piece)->iov_base + *taken, part);
        room -= part;
        *taken += part;
        if (*taken == (*piece)->iov_len) {
            ++*piece;
            --*count;
            *taken = 0;
        }
    }
    *size = DOMI__TLS_RECORD - room;
    return share->record;
}

static ssize_t write_stream(struct domi__tls_stream *stream,
                            const struct iovec *pieces, int count)
{
    size_t taken = 0, sum = 0;

    ERR_clear_error();
    while (count > 0 && domi__tls_push(stream)) {
        size_t size;
        const void *bytes = gather(stream->tls->loop->tls, &pieces, &count,
                                   &taken, &size);
        int n = SSL_write(stream->ssl, bytes, (int)size);

        if (n <= 0) {
            fail(stream, n);
            stream->error = stream->error ? stream->error : EPROTO;
            break;
        }
        sum += size;
    }
    if (sum > 0 && !stream->error) {
        return (ssize_t)sum;
    }
    errno = stream->error ? stream->error : EAGAIN;
    return -1;
}

ssize_t domi__tls_write(struct domi__tls_stream *stream, int fd,
                        struct iovec *pieces, int count, int flags)
{
    struct msghdr message = {.msg_iov = pieces, .msg_iovlen = (size_t)count};

    if (stream) {
        return write_stream(stream, pieces, count);
    }
    if (count == 1) {
        return send(fd, pieces->iov_base, pieces->iov_len,
                    flags | MSG_NOSIGNAL);
    }
    return sendmsg(fd, &message, flags | MSG_NOSIGNAL);
}

bool domi__tls_end(struct domi__tls_stream *stream)
{
    ERR_clear_error();
    if (!stream->error && domi__tls_stream_is_open(stream) &&
        SSL_shutdown(stream->ssl) < 0) {
        ERR_clear_error();
    }
    return !stream->kept && !stream->error;
}
