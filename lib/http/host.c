/* SPDX-License-Identifier: MIT */
/* Who a browser believes to be talking to: Host and Origin. */
#include "http/http.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

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
