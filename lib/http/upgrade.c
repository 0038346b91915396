/* SPDX-License-Identifier: MIT */
/* Which requests may become a WebSocket. */
#include "http/http.h"

#include <string.h>
#include <strings.h>

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

    return strlen(key) == 24 && strspn(key, digits) == 22 &&
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
