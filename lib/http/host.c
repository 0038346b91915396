/* SPDX-License-Identifier: MIT */
/* Who a browser believes to be talking to: Host and Origin. */
#include "http/http.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

#define ORIGIN_MAX 255u

bool domi__http_is_same_host(const char *origin, const char *host)
{
    if (strncasecmp(origin, "http://", 7) == 0) {
        origin += 7;
    } else if (strncasecmp(origin, "https://", 8) == 0) {
        origin += 8;
    } else {
        return false;
    }
    return strcasecmp(origin, host) == 0;
}

bool domi__http_is_origin(const char *text)
{
    static const char scheme[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                 "abcdefghijklmnopqrstuvwxyz0123456789+-.";
    size_t size = strspn(text, scheme);
    const char *host = text + size + 3;

    if (size == 0 || strlen(text) > ORIGIN_MAX ||
        strncmp(text + size, "://", 3) != 0 || *host == '\0') {
        return false;
    }
    for (; *host; host++) {
        if (*host <= ' ' || *host > '~' || strchr("/\\?#@,\"", *host)) {
            return false;
        }
    }
    return true;
}

/* Bytes of an origin, without a port that says nothing. */
static size_t size_of(const char *origin)
{
    static const struct {
        const char *scheme;
        const char *port;
    } usual[] = {{"http://", ":80"}, {"https://", ":443"}};
    size_t size = strlen(origin);

    for (size_t i = 0; i < sizeof(usual) / sizeof(usual[0]); i++) {
        size_t scheme = strlen(usual[i].scheme);
        size_t port = strlen(usual[i].port);

        if (size > scheme + port &&
            strncasecmp(origin, usual[i].scheme, scheme) == 0 &&
            strcmp(origin + size - port, usual[i].port) == 0) {
            return size - port;
        }
    }
    return size;
}

bool domi__http_is_same_origin(const char *one, const char *other)
{
    size_t size = size_of(one);

    return size_of(other) == size && strncasecmp(one, other, size) == 0;
}

/* Whether nothing, or a colon and digits, follows. */
static bool is_port(const char *text)
{
    return *text == '\0' ||
           (*text == ':' && text[1 + strspn(text + 1, "0123456789")] == '\0');
}

bool domi__http_is_local_host(const char *host)
{
    unsigned char bytes[sizeof(struct in6_addr)];
    char name[INET6_ADDRSTRLEN];
    bool in_brackets = *host == '[';
    const char *begin = host + in_brackets;
    size_t size = strcspn(begin, in_brackets ? "]" : ":");

    if (size >= sizeof(name) || (in_brackets && begin[size] != ']') ||
        !is_port(begin + size + in_brackets)) {
        return false;
    }
    memcpy(name, begin, size);
    name[size] = '\0';
    if (in_brackets) {
        return inet_pton(AF_INET6, name, bytes) == 1;
    }
    return inet_pton(AF_INET, name, bytes) == 1 ||
           strcasecmp(name, "localhost") == 0;
}
