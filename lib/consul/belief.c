/* SPDX-License-Identifier: MIT */
/* What is believed of a service that is watched, from Consul's answers. */
#include "consul/belief.h"

#include <stdlib.h>
#include <string.h>

#include <uv.h>

#define UNHEALTHY UINT64_MAX /* not known when it will have settled */
#define MISSING_MS 60000u    /* how long one that is missing is remembered */

/* A snapshot, in one piece of memory. */
struct domi__consul_picture {
    size_t count;
    struct domi__node *nodes;
    uint64_t *settled_ms; /* each node is suspect before this time */
    char (*hosts)[INET6_ADDRSTRLEN];
};

/* A node that was in a snapshot and is in none now. */
struct domi__consul_missing {
    char host[INET6_ADDRSTRLEN];
    int tcp_port;
    int id;
    uint64_t since_ms;
};

/* ---- pictures ------------------------------------------------------------ */

static struct domi__consul_picture *picture_new(size_t count)
{
    struct domi__consul_picture *picture =
        calloc(1, sizeof(*picture) +
                      count * (sizeof(*picture->nodes) +
                               sizeof(*picture->settled_ms) +
                               sizeof(*picture->hosts)));

    if (!picture) {
        return NULL;
    }
    picture->count = count;
    picture->nodes = (struct domi__node *)(picture + 1);
    picture->settled_ms = (uint64_t *)(picture->nodes + count);
    picture->hosts = (char (*)[INET6_ADDRSTRLEN])(picture->settled_ms + count);
    return picture;
}

static struct domi__consul_picture *
picture_copy(const struct domi__consul_picture *from)
{
    struct domi__consul_picture *picture = picture_new(from->count);

    if (!picture) {
        return NULL;
    }
    memcpy(picture->nodes, from->nodes, from->count * sizeof(*from->nodes));
    memcpy(picture->settled_ms, from->settled_ms,
           from->count * sizeof(*from->settled_ms));
    memcpy(picture->hosts, from->hosts, from->count * sizeof(*from->hosts));
    for (size_t i = 0; i < from->count; i++) {
        picture->nodes[i].host = picture->hosts[i];
    }
    return picture;
}

static size_t count_of(const struct domi__consul_picture *picture)
{
    return picture ? picture->count : 0;
}

/* Below, equal to or above 0: the order of entries. */
static int compare(const struct domi__node *node,
                   const struct domi__consul_entry *entry)
{
    int order = strcmp(node->host, entry->host);

    return order ? order : node->tcp_port - entry->tcp_port;
}

/* ---- nodes that are missing ---------------------------------------------- */

static int compare_missing(const void *left, const void *right)
{
    const struct domi__consul_missing *a = left;
    const struct domi__consul_missing *b = right;
    int order = strcmp(a->host, b->host);

    return order ? order : a->tcp_port - b->tcp_port;
}

static bool was_missing(const struct domi__consul_belief *belief,
                        const struct domi__consul_entry *entry,
                        uint64_t now_ms)
{
    struct domi__consul_missing key = {.tcp_port = entry->tcp_port};
    const struct domi__consul_missing *found = NULL;

    memcpy(key.host, entry->host, sizeof(key.host));
    if (belief->missing_count > 0) {
        found = bsearch(&key, belief->missing, belief->missing_count,
                        sizeof(key), compare_missing);
    }
    return found && found->id == entry->id &&
           now_ms - found->since_ms < MISSING_MS;
}

static bool has_address(const struct domi__consul_picture *picture,
                        const char *host, int port)
{
    size_t low = 0;
    size_t high = count_of(picture);

    while (low < high) {
        size_t middle = (low + high) / 2;
        const struct domi__node *node = &picture->nodes[middle];
        int order = strcmp(node->host, host);

        order = order ? order : node->tcp_port - port;
        if (order == 0) {
            return true;
        }
        low = order < 0 ? middle + 1 : low;
        high = order < 0 ? high : middle;
    }
    return false;
}

/* Those of the present picture that are not in the next, and those who were
   missing before. Without memory nobody is missed. */
static size_t gather_missing(const struct domi__consul_belief *belief,
                             const struct domi__consul_picture *next,
                             struct domi__consul_missing *out, uint64_t now_ms)
{
    size_t count = 0;

    for (size_t i = 0; i < count_of(belief->now); i++) {
        const struct domi__node *node = &belief->now->nodes[i];

        if (!has_address(next, node->host, node->tcp_port)) {
            memcpy(out[count].host, belief->now->hosts[i], INET6_ADDRSTRLEN);
            out[count].tcp_port = node->tcp_port;
            out[count].id = node->id;
            out[count++].since_ms = now_ms;
        }
    }
    for (size_t i = 0; i < belief->missing_count; i++) {
        const struct domi__consul_missing *old = &belief->missing[i];

        if (now_ms - old->since_ms < MISSING_MS &&
            !has_address(next, old->host, old->tcp_port)) {
            out[count++] = *old;
        }
    }
    return count;
}

static void note_missing(struct domi__consul_belief *belief,
                         const struct domi__consul_picture *next,
                         uint64_t now_ms)
{
    size_t most = count_of(belief->now) + belief->missing_count;
    struct domi__consul_missing *missing =
        most > 0 ? calloc(most, sizeof(*missing)) : NULL;
    size_t count = missing ? gather_missing(belief, next, missing, now_ms) : 0;

    free(belief->missing);
    belief->missing = NULL;
    belief->missing_count = count;
    if (count > 0) {
        qsort(missing, count, sizeof(*missing), compare_missing);
        belief->missing = missing;
    } else {
        free(missing);
    }
}

/* ---- an answer ----------------------------------------------------------- */

static uint64_t settled_ms(const struct domi__consul_entry *entry,
                           uint64_t before, uint64_t now_ms, unsigned settle_ms)
{
    if (entry->unhealthy) {
        return UNHEALTHY;
    }
    return before == UNHEALTHY ? now_ms + settle_ms : before;
}

static void draw(struct domi__consul_picture *picture, size_t i,
                 const struct domi__consul_entry *entry, const char *service)
{
    memcpy(picture->hosts[i], entry->host, sizeof(entry->host));
    picture->nodes[i] = (struct domi__node){
        .id = entry->id,
        .service = service,
        .host = picture->hosts[i],
        .tcp_port = entry->tcp_port,
        .http_port = entry->http_port,
        .version = entry->version,
        .age_order = entry->age_order,
        .draining = entry->draining,
    };
}

/* The entries with what is remembered of the nodes that they are. Both are
   sorted alike. */
static struct domi__consul_picture *
picture_of(const struct domi__consul_belief *belief,
           const struct domi__consul_entries *entries, uint64_t now_ms)
{
    const struct domi__consul_picture *old = belief->now;
    struct domi__consul_picture *picture = picture_new(entries->count);
    size_t at = 0;

    for (size_t i = 0; picture && i < entries->count; i++) {
        const struct domi__consul_entry *entry = &entries->entries[i];
        uint64_t before = 0;
        int order = -1;

        while (at < count_of(old) &&
               (order = compare(&old->nodes[at], entry)) < 0) {
            at++;
        }
        if (at < count_of(old) && order == 0 &&
            old->nodes[at].id == entry->id) {
            before = old->settled_ms[at];
        } else if (was_missing(belief, entry, now_ms)) {
            before = UNHEALTHY;
        }
        draw(picture, i, entry, belief->service);
        picture->settled_ms[i] =
            settled_ms(entry, before, now_ms, belief->settle_ms);
        picture->nodes[i].suspect = picture->settled_ms[i] > now_ms;
    }
    return picture;
}

static bool is_same_node(const struct domi__node *a, const struct domi__node *b)
{
    return a->id == b->id && a->tcp_port == b->tcp_port &&
           a->http_port == b->http_port && a->version == b->version &&
           a->age_order == b->age_order && a->draining == b->draining &&
           a->suspect == b->suspect && strcmp(a->host, b->host) == 0;
}

static bool is_same(const struct domi__consul_picture *a,
                    const struct domi__consul_picture *b)
{
    if (count_of(a) != count_of(b)) {
        return false;
    }
    for (size_t i = 0; i < count_of(a); i++) {
        if (!is_same_node(&a->nodes[i], &b->nodes[i])) {
            return false;
        }
    }
    return true;
}

/* Takes the picture over. */
static int turn_to(struct domi__consul_belief *belief,
                   struct domi__consul_picture *picture, uint64_t now_ms)
{
    bool was_known = belief->known;

    belief->known = true;
    belief->is_doubted = false;
    if (was_known && is_same(belief->now, picture)) {
        /* The snapshot stays where it is; what is remembered may be new. */
        if (count_of(picture) > 0) {
            memcpy(belief->now->settled_ms, picture->settled_ms,
                   picture->count * sizeof(*picture->settled_ms));
        }
        free(picture);
        return 0;
    }
    note_missing(belief, picture, now_ms);
    free(belief->last);
    belief->last = belief->now;
    belief->now = picture;
    return 1;
}

void domi__consul_belief_fini(struct domi__consul_belief *belief)
{
    free(belief->now);
    free(belief->last);
    free(belief->missing);
    belief->now = NULL;
    belief->last = NULL;
    belief->missing = NULL;
    belief->missing_count = 0;
}

int domi__consul_belief_hear(struct domi__consul_belief *belief,
                             const struct domi__consul_entries *entries,
                             uint64_t now_ms)
{
    struct domi__consul_picture *picture;

    if (entries->count == 0) {
        if (count_of(belief->now) == 0) {
            return turn_to(belief, NULL, now_ms);
        }
        if (!belief->is_doubted) {
            belief->is_doubted = true;
            belief->doubted_ms = now_ms;
        }
        return domi__consul_belief_wait(belief, now_ms);
    }
    picture = picture_of(belief, entries, now_ms);
    return picture ? turn_to(belief, picture, now_ms) : UV_ENOMEM;
}

void domi__consul_belief_miss(struct domi__consul_belief *belief)
{
    belief->is_doubted = false;
}

/* Whether a node that was suspect has been healthy for long enough. */
static bool has_settled(const struct domi__consul_picture *picture,
                        uint64_t now_ms)
{
    for (size_t i = 0; i < count_of(picture); i++) {
        if (picture->nodes[i].suspect && picture->settled_ms[i] <= now_ms) {
            return true;
        }
    }
    return false;
}

int domi__consul_belief_wait(struct domi__consul_belief *belief,
                             uint64_t now_ms)
{
    struct domi__consul_picture *picture;

    if (belief->is_doubted && now_ms - belief->doubted_ms >= belief->damp_ms) {
        return turn_to(belief, NULL, now_ms);
    }
    if (!has_settled(belief->now, now_ms)) {
        return 0;
    }
    picture = picture_copy(belief->now);
    if (!picture) {
        return UV_ENOMEM;
    }
    for (size_t i = 0; i < picture->count; i++) {
        picture->nodes[i].suspect = picture->settled_ms[i] > now_ms;
    }
    free(belief->last);
    belief->last = belief->now;
    belief->now = picture;
    return 1;
}

uint64_t domi__consul_belief_due(const struct domi__consul_belief *belief)
{
    uint64_t due = UINT64_MAX;

    if (belief->is_doubted) {
        due = belief->doubted_ms + belief->damp_ms;
    }
    for (size_t i = 0; i < count_of(belief->now); i++) {
        if (belief->now->nodes[i].suspect && belief->now->settled_ms[i] < due) {
            due = belief->now->settled_ms[i];
        }
    }
    return due;
}

struct domi__snapshot
domi__consul_belief_snapshot(const struct domi__consul_belief *belief)
{
    if (count_of(belief->now) == 0) {
        return (struct domi__snapshot){0};
    }
    return (struct domi__snapshot){belief->now->nodes, belief->now->count};
}
