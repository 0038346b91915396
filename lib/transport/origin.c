/* SPDX-License-Identifier: MIT */
/* Where connections come from, and how many of one address there are. */
#include "transport/kinds.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "transport/socket.h"

struct domi__origin {
    struct domi__origins *origins;
    uint64_t id;
    unsigned handshakes;
    unsigned sessions;
};

void domi__origins_init(struct domi__origins *origins,
                        struct domi__hash_key key)
{
    *origins = (struct domi__origins){.loopback = false};
    domi__table_init(&origins->table, key);
}

void domi__origins_fini(struct domi__origins *origins)
{
    domi__table_fini(&origins->table);
}

/* Who has one address of IPv6 has 2^64 of them. Those of IPv4 go by their 32
   bits, which as a prefix of IPv6 nobody has. */
static uint64_t id_of(const struct sockaddr_storage *peer)
{
    const uint8_t *bytes;
    uint64_t id = 0;

    if (peer->ss_family == AF_INET) {
        return ntohl(((const struct sockaddr_in *)peer)->sin_addr.s_addr);
    }
    bytes = ((const struct sockaddr_in6 *)peer)->sin6_addr.s6_addr;
    if (IN6_IS_ADDR_V4MAPPED(&((const struct sockaddr_in6 *)peer)->sin6_addr)) {
        bytes += 8;
        return (uint64_t)bytes[4] << 24 | (uint64_t)bytes[5] << 16 |
               (uint64_t)bytes[6] << 8 | bytes[7];
    }
    for (int i = 0; i < 8; i++) {
        id = id << 8 | bytes[i];
    }
    return id;
}

static struct domi__origin *get(struct domi__origins *origins, uint64_t id)
{
    struct domi__origin *origin = domi__table_get(&origins->table, id);

    if (origin) {
        return origin;
    }
    origin = calloc(1, sizeof(*origin));
    if (!origin) {
        return NULL;
    }
    origin->origins = origins;
    origin->id = id;
    if (domi__table_set(&origins->table, id, origin)) {
        free(origin);
        return NULL;
    }
    return origin;
}

struct domi__origin *domi__origin_of(const struct domi__listen *listen, int fd)
{
    struct domi__origins *origins = listen->origins;
    struct sockaddr_storage peer = {0};
    socklen_t size = sizeof(peer);
    struct domi__origin *origin;

    if (!origins || (!origins->loopback && domi__socket_is_loopback(fd)) ||
        getpeername(fd, (struct sockaddr *)&peer, &size)) {
        return NULL;
    }
    /* Without memory for the count the connection gets no memory either. */
    origin = get(origins, id_of(&peer));
    if (origin) {
        origin->handshakes++;
    }
    return origin;
}

bool domi__origin_enter(const struct domi__listen *listen, int fd,
                        struct domi__origin **origin)
{
    struct domi__origins *origins = listen->origins;
    char address[DOMI__ADDRESS_SIZE];

    *origin = domi__origin_of(listen, fd);
    if (!*origin || (*origin)->handshakes <= origins->handshake_limit) {
        return true;
    }
    domi__origin_leave(*origin, false);
    *origin = NULL;
    origins->refused++;
    domi__socket_address(fd, address, sizeof(address));
    domi__log_peer(listen->log, DOMI_LOG_WARNING,
                   "a connection of %s is refused: %u of its address have not "
                   "finished their handshake",
                   address, origins->handshake_limit);
    return false;
}

void domi__origin_open(struct domi__origin *origin)
{
    origin->handshakes--;
    origin->sessions++;
}

void domi__origin_leave(struct domi__origin *origin, bool open)
{
    if (!origin) {
        return;
    }
    if (open) {
        origin->sessions--;
    } else {
        origin->handshakes--;
    }
    if (origin->sessions == 0 && origin->handshakes == 0) {
        domi__table_remove(&origin->origins->table, origin->id);
        free(origin);
    }
}

bool domi__session_is_one_too_many(const struct domi__session *session)
{
    const struct domi__origin *origin = session->origin;

    return origin && origin->sessions > origin->origins->session_limit;
}
