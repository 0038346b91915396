/* SPDX-License-Identifier: MIT */
/* When and where a client connects again. */
#include "client/again.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "frame/frame.h"

#define BACKOFF_MAX 30u /* times the first wait */

uint64_t domi__backoff_ms(unsigned base_ms, unsigned failures, uint32_t random)
{
    uint64_t factor = failures < 5 ? UINT64_C(1) << failures : BACKOFF_MAX;
    uint64_t longest = base_ms * factor;
    uint64_t half = longest / 2;

    return longest - (half * random >> 32);
}

bool domi__address_set(struct domi__address *address, const char *host,
                       int port)
{
    unsigned char bytes[sizeof(struct in6_addr)];

    if (port < 1 || port > 65535 || strlen(host) >= sizeof(address->host) ||
        (inet_pton(AF_INET, host, bytes) != 1 &&
         inet_pton(AF_INET6, host, bytes) != 1)) {
        return false;
    }
    strcpy(address->host, host);
    address->port = port;
    return true;
}

/* Takes `text` apart, which it changes. */
static bool read_address(struct domi__address *address, char *text)
{
    char *colon = strrchr(text, ':');
    char *host = text;
    char *end;
    long port;

    if (!colon || colon[1] < '0' || colon[1] > '9') {
        return false;
    }
    *colon = '\0';
    port = strtol(colon + 1, &end, 10);
    if (*end || port > 65535) {
        return false;
    }
    if (*host == '[' && colon[-1] == ']') {
        colon[-1] = '\0';
        host++;
    }
    return domi__address_set(address, host, (int)port);
}

bool domi__come_back_read(struct domi__come_back *again,
                          const struct domi_frame *frame)
{
    char text[64];
    size_t size;

    if (domi__frame_check(frame, DOMI__GATEWAY_TO_USER) != DOMI_REASON_NONE ||
        frame->type != DOMI_TYPE_NOTICE ||
        domi_get_u16(frame->data) != DOMI_NOTICE_COME_BACK) {
        return false;
    }
    *again = (struct domi__come_back){.asked = true};
    again->wait_ms = domi_get_u32(frame->data + 4);
    size = frame->data_size - DOMI_NOTICE_SIZE;
    if (size < sizeof(text)) {
        memcpy(text, frame->data + DOMI_NOTICE_SIZE, size);
        text[size] = '\0';
        read_address(&again->address, text);
    }
    return true;
}
