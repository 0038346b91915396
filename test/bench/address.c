/* SPDX-License-Identifier: MIT */
/* Addresses and sockets of the benchmark's programs. */
#include "address.h"

#include <arpa/inet.h>
#include <err.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>

enum { BACKLOG = 4096 };

struct sockaddr_in address_make(const char *host, uint16_t port)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_port = htons(port) };
    if (inet_pton(AF_INET, host, &address.sin_addr) != 1) {
        errx(2, "%s: not an IPv4 address", host);
    }
    return address;
}

struct sockaddr_in address_parse(const char *text)
{
    char host[ADDRESS_TEXT_SIZE];
    const char *colon = strrchr(text, ':');
    char *end = NULL;
    unsigned long port = colon != NULL ? strtoul(colon + 1, &end, 10) : 0;
    if (colon == NULL || *end != '\0' || port == 0 || port > 65535 ||
        (size_t)(colon - text) >= sizeof(host)) {
        errx(2, "%s: not an address such as 127.0.0.1:8888", text);
    }
    memcpy(host, text, (size_t)(colon - text));
    host[colon - text] = '\0';
    return address_make(host, (uint16_t)port);
}

int address_listen(const char *host, uint16_t port,
                   char text[ADDRESS_TEXT_SIZE])
{
    struct sockaddr_in address = address_make(host, port);
    socklen_t size = sizeof(address);
    int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
        bind(fd, (struct sockaddr *)&address, size) != 0 ||
        listen(fd, BACKLOG) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &size) != 0) {
        err(2, "can't listen on %s:%u", host, port);
    }
    snprintf(text, ADDRESS_TEXT_SIZE, "%s:%u", host,
             ntohs(address.sin_port));
    return fd;
}

int address_dial(const char *text)
{
    struct sockaddr_in address = address_parse(text);
    int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 ||
        connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0 ||
        fcntl(fd, F_SETFL, O_NONBLOCK) != 0) {
        err(2, "can't connect to %s", text);
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    return fd;
}

void address_allow_files(unsigned long count)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        err(2, "getrlimit");
    }
    limit.rlim_cur = limit.rlim_max > count ? limit.rlim_max : count;
    limit.rlim_max = limit.rlim_cur;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0) {
        err(2, "can't raise the limit of open files to %lu; raise it "
               "with `ulimit -n`", count);
    }
}
