/* SPDX-License-Identifier: MIT */
/* The load generator's TLS: whoever answers is believed. */
#include "load.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>

#include <openssl/ssl.h>

static SSL_CTX *context_of(struct load *load)
{
    if (load->tls == NULL) {
        SSL_CTX *context = SSL_CTX_new(TLS_client_method());
        if (context == NULL) {
            errx(1, "no TLS");
        }
        SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE |
                                      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                      SSL_MODE_RELEASE_BUFFERS);
        SSL_CTX_set_read_ahead(context, 1);
        signal(SIGPIPE, SIG_IGN); /* OpenSSL writes without MSG_NOSIGNAL. */
        load->tls = context;
    }
    return load->tls;
}

bool load_tls_open(struct load *load, struct load_user *user)
{
    int flags = fcntl(user->fd, F_GETFL);
    user->tls = SSL_new(context_of(load));
    /* Nobody is measured yet, so that all may wait for one handshake. */
    fcntl(user->fd, F_SETFL, flags & ~O_NONBLOCK);
    bool is_open = user->tls != NULL && SSL_set_fd(user->tls, user->fd) == 1 &&
                   SSL_connect(user->tls) == 1;
    fcntl(user->fd, F_SETFL, flags);
    return is_open;
}

void load_tls_close(struct load_user *user)
{
    SSL_free(user->tls);
    user->tls = NULL;
}

/* What is neither done nor under way has failed. */
static ssize_t outcome(struct load_user *user, int done)
{
    int error = SSL_get_error(user->tls, done);
    errno = error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ?
        EAGAIN : EPROTO;
    return -1;
}

ssize_t load_tls_send(struct load_user *user, const void *data, size_t size)
{
    int sent = SSL_write(user->tls, data, (int)size);
    return sent > 0 ? sent : outcome(user, sent);
}

ssize_t load_tls_receive(struct load_user *user, uint8_t *data, size_t room)
{
    size_t got = 0;
    while (got < room) {
        int part = SSL_read(user->tls, data + got, (int)(room - got));
        if (part <= 0) {
            return got > 0 ? (ssize_t)got : outcome(user, part);
        }
        got += (size_t)part;
        if (!SSL_has_pending(user->tls)) {
            break;
        }
    }
    return (ssize_t)got;
}
