/* SPDX-License-Identifier: MIT */
/* Which requests may become a WebSocket, and how they are answered. */
#include "http/http.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <openssl/evp.h>
#include <openssl/sha.h>

/* RFC 6455: what is behind a key when its digest is taken. */
#define KEY_SUFFIX "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
#define KEY_SIZE 24u

/* Whether a comma-separated list has this token, in any case. */
static bool has_token(const char *list, const char *token)
{
    size_t size = strlen(token);

    while (*list) {
        size_t item;

        list += strspn(list, " \t,");
        item = strcspn(list, " \t,");
        if (item == size && strncasecmp(list, token, size) == 0) {
            return true;
        }
        list += item;
    }
    return false;
}

/* Whether it is 16 bytes in base64. */
static bool is_key(const char *key)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                 "abcdefghijklmnopqrstuvwxyz0123456789+/";

    return strlen(key) == KEY_SIZE && strspn(key, digits) == 22 &&
           strcmp(key + 22, "==") == 0;
}

/* A browser always sends an Origin; programs need not. */
static bool is_allowed(const struct domi__http_origins *origins,
                       const char *origin, const char *host)
{
    if (!origin) {
        return !origins->required;
    }
    if (!origins->allowed) {
        return domi__http_is_same_host(origin, host);
    }
    for (const char *const *o = origins->allowed; *o; o++) {
        if (domi__http_is_same_origin(origin, *o)) {
            return true;
        }
    }
    return false;
}

int domi__http_upgrade_check(const struct domi__http_request *request,
                             const struct domi__http_origins *origins)
{
    const char *connection = request->headers[DOMI__HTTP_CONNECTION];
    const char *upgrade = request->headers[DOMI__HTTP_UPGRADE];
    const char *version = request->headers[DOMI__HTTP_WEBSOCKET_VERSION];
    const char *key = request->headers[DOMI__HTTP_WEBSOCKET_KEY];
    const char *host = request->headers[DOMI__HTTP_HOST];

    if (request->method != DOMI__HTTP_GET) {
        return 405;
    }
    if (request->is_old || !connection || !has_token(connection, "upgrade") ||
        !upgrade || !has_token(upgrade, "websocket") || !version ||
        strcmp(version, "13") != 0) {
        return 426;
    }
    if (!key || !is_key(key) || !host || request->has_body) {
        return 400;
    }
    return is_allowed(origins, request->headers[DOMI__HTTP_ORIGIN], host) ? 0
                                                                          : 403;
}

size_t domi__http_upgrade_head(const char *key, char *out)
{
    unsigned char text[KEY_SIZE + sizeof(KEY_SUFFIX)];
    unsigned char digest[SHA_DIGEST_LENGTH];
    unsigned char accept[SHA_DIGEST_LENGTH * 2];
    int size = snprintf((char *)text, sizeof(text), "%s" KEY_SUFFIX, key);

    SHA1(text, (size_t)size, digest);
    EVP_EncodeBlock(accept, digest, sizeof(digest));
    return (size_t)snprintf(out, DOMI__HTTP_UPGRADE_SIZE,
                            "HTTP/1.1 101 Switching Protocols\r\n"
                            "Upgrade: websocket\r\n"
                            "Connection: Upgrade\r\n"
                            "Sec-WebSocket-Accept: %s\r\n\r\n",
                            (const char *)accept);
}
