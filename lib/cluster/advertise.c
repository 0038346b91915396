/* SPDX-License-Identifier: MIT */
/* The address that a node tells others. */
#include "cluster/cluster.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>

#include "domi/err.h"

/* Whether the text is the address of this family that means all of them. */
static bool means_all(int family, const char *host)
{
    static const unsigned char zeros[sizeof(struct in6_addr)];
    unsigned char bytes[sizeof(struct in6_addr)];
    size_t size = family == AF_INET ? sizeof(struct in_addr) : sizeof(bytes);

    return inet_pton(family, host, bytes) == 1 &&
           memcmp(bytes, zeros, size) == 0;
}

static bool is_address(const char *host)
{
    unsigned char bytes[sizeof(struct in6_addr)];

    return inet_pton(AF_INET, host, bytes) == 1 ||
           inet_pton(AF_INET6, host, bytes) == 1;
}

/* Addresses that are valid on one wire only are of no use to others. */
static bool is_link_local(const uv_interface_address_t *interface)
{
    if (interface->address.address4.sin_family == AF_INET) {
        uint32_t number = ntohl(interface->address.address4.sin_addr.s_addr);

        return number >> 16 == 0xa9fe;
    }
    return IN6_IS_ADDR_LINKLOCAL(&interface->address.address6.sin6_addr);
}

/* Writes the first address of this family. False when there is none. */
static bool find(const uv_interface_address_t *interfaces, int count,
                 int family, bool loopback, char *out, size_t size)
{
    for (int i = 0; i < count; i++) {
        const uv_interface_address_t *interface = &interfaces[i];

        if (interface->address.address4.sin_family != family ||
            (interface->is_internal != 0) != loopback ||
            is_link_local(interface)) {
            continue;
        }
        if (family == AF_INET) {
            uv_ip4_name(&interface->address.address4, out, size);
        } else {
            uv_ip6_name(&interface->address.address6, out, size);
        }
        return true;
    }
    return false;
}

static int find_any(bool with_ip6, char *out, size_t size)
{
    uv_interface_address_t *interfaces;
    int count;
    int err = uv_interface_addresses(&interfaces, &count);

    if (err) {
        return err;
    }
    if (!find(interfaces, count, AF_INET, false, out, size) &&
        !(with_ip6 && find(interfaces, count, AF_INET6, false, out, size)) &&
        !find(interfaces, count, AF_INET, true, out, size) &&
        !(with_ip6 && find(interfaces, count, AF_INET6, true, out, size))) {
        err = UV_EADDRNOTAVAIL;
    }
    uv_free_interface_addresses(interfaces, count);
    return err;
}

int domi__advertise(const char *host, const char *advertise, char *out,
                    size_t size)
{
    if (advertise) {
        if (!is_address(advertise) || means_all(AF_INET, advertise) ||
            means_all(AF_INET6, advertise)) {
            return DOMI_E_OPTION;
        }
        snprintf(out, size, "%s", advertise);
        return 0;
    }
    if (means_all(AF_INET, host) || means_all(AF_INET6, host)) {
        return find_any(means_all(AF_INET6, host), out, size);
    }
    snprintf(out, size, "%s", host);
    return 0;
}
