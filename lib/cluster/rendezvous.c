/* SPDX-License-Identifier: MIT */
/* Rendezvous hashing: which node of a snapshot holds a group. */

/*
 * The formula is a contract between processes, and between versions of domi:
 * where it changes, the gateways of a cluster that is being upgraded disagree.
 * With all arithmetic modulo 2^64:
 *
 *   key         "HOST:PORT", the host as inet_ntop writes it, the port of TCP
 *               in decimal; "SERVICE#ID" for a node without a port
 *   fnv(key)    FNV-1a over the bytes of the key
 *   mix(x)      x ^= x >> 30;  x *= 0xbf58476d1ce4e5b9;
 *               x ^= x >> 27;  x *= 0x94d049bb133111eb;  x ^= x >> 31
 *   score       mix(fnv(key) ^ mix(group + 0x9e3779b97f4a7c15))
 *
 * The node with the highest score holds the group; of equal scores, the first
 * in the order of nodes. The hash is not keyed, as all processes must agree:
 * who may choose group ids freely can choose them for one node. Each choice
 * takes one step for each node of the service, which are few.
 */
#include "cluster/roster.h"

#include <stdio.h>
#include <string.h>

static uint64_t fnv(uint64_t hash, const char *text)
{
    for (; *text; text++) {
        hash ^= (uint8_t)*text;
        hash *= UINT64_C(0x100000001b3);
    }
    return hash;
}

static bool has_address(const struct domi__node *node)
{
    return node->host && node->tcp_port > 0;
}

uint64_t domi__mix(uint64_t number)
{
    number ^= number >> 30;
    number *= UINT64_C(0xbf58476d1ce4e5b9);
    number ^= number >> 27;
    number *= UINT64_C(0x94d049bb133111eb);
    number ^= number >> 31;
    return number;
}

uint64_t domi__node_hash(const struct domi__node *node)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    char number[16];

    if (has_address(node)) {
        snprintf(number, sizeof(number), ":%d", node->tcp_port);
        hash = fnv(hash, node->host);
    } else {
        snprintf(number, sizeof(number), "#%d", node->id);
        hash = fnv(hash, node->service);
    }
    return fnv(hash, number);
}

int domi__node_compare(const struct domi__node *a, const struct domi__node *b)
{
    int order = strcmp(a->service, b->service);

    if (order) {
        return order;
    }
    if (has_address(a) != has_address(b)) {
        return has_address(a) ? 1 : -1;
    }
    if (!has_address(a)) {
        return (a->id > b->id) - (a->id < b->id);
    }
    order = strcmp(a->host, b->host);
    if (order) {
        return order;
    }
    return (a->tcp_port > b->tcp_port) - (a->tcp_port < b->tcp_port);
}

const struct domi__node *domi__rendezvous(const struct domi__snapshot *snapshot,
                                          uint64_t group)
{
    uint64_t mixed = domi__mix(group + UINT64_C(0x9e3779b97f4a7c15));
    const struct domi__node *best = NULL;
    uint64_t best_score = 0;

    for (size_t i = 0; i < snapshot->count; i++) {
        const struct domi__node *node = &snapshot->nodes[i];
        uint64_t score = domi__mix(domi__node_hash(node) ^ mixed);

        if (!best || score > best_score ||
            (score == best_score && domi__node_compare(node, best) < 0)) {
            best = node;
            best_score = score;
        }
    }
    return best;
}
