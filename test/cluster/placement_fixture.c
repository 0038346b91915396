/* SPDX-License-Identifier: MIT */
/* Placements under test, a registry that is watched, and zones to be found. */
#include "placement_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint64_t forward_ms;

/* Takes the place of libuv's own in this program. */
uint64_t uv_now(const uv_loop_t *loop)
{
    return loop->time + forward_ms;
}

/* ---- the registry -------------------------------------------------------- */

static struct watched *watched_of(struct domi_registry *registry)
{
    return DOMI__CONTAINER(registry, struct watched, base);
}

static void show(struct watched *watched, struct domi__registry_watch *watch)
{
    watch->known = watched->known;
    watch->snapshot = (struct domi__snapshot){watched->nodes, watched->count};
}

static void watch(struct domi_registry *registry,
                  struct domi__registry_watch *watch)
{
    domi__list_push(&watched_of(registry)->watches, &watch->node);
    show(watched_of(registry), watch);
}

static void unwatch(struct domi_registry *registry,
                    struct domi__registry_watch *watch)
{
    (void)registry;
    domi__list_remove(&watch->node);
}

/* Gives ids and ages from 100 up. Zones of one loop meet over TCP here. */
static void join(struct domi_registry *registry,
                 struct domi__membership *membership)
{
    struct watched *watched = watched_of(registry);

    assert_true(watched->member_count < ZONES_MAX);
    membership->self.id = 100 + (int)watched->member_count;
    membership->self.age_order = 100 + watched->member_count;
    watched->members[watched->member_count++] = membership;
    membership->on_joined(membership, 0);
    cluster_tell(watched->cluster);
}

static void leave(struct domi_registry *registry,
                  struct domi__membership *membership)
{
    struct watched *watched = watched_of(registry);

    watched->members[membership->self.id - 100] = NULL;
    cluster_tell(watched->cluster);
    membership->on_left(membership);
}

static void update(struct domi_registry *registry,
                   struct domi__membership *membership)
{
    (void)membership;
    cluster_tell(watched_of(registry)->cluster);
}

static const struct domi__registry_kind watched_kind = {
    .name = "watched",
    .join = join,
    .leave = leave,
    .update = update,
    .watch = watch,
    .unwatch = unwatch,
};

void cluster_tell_nodes(struct cluster *cluster, const struct domi__node *nodes,
                        size_t count)
{
    struct watched *watched = &cluster->registry;
    struct domi__list *node;

    for (size_t i = 0; i < count; i++) {
        watched->nodes[i] = nodes[i];
    }
    watched->count = count;
    watched->known = true;
    for (node = watched->watches.next; node != &watched->watches;
         node = node->next) {
        struct domi__registry_watch *watch =
            DOMI__CONTAINER(node, struct domi__registry_watch, node);

        show(watched, watch);
        watch->on_change(watch);
    }
}

static int by_address(const void *a, const void *b)
{
    const struct domi__node *left = a;
    const struct domi__node *right = b;

    return strcmp(left->host, right->host);
}

void cluster_tell(struct cluster *cluster)
{
    const struct watched *watched = &cluster->registry;
    struct domi__node nodes[2 * ZONES_MAX];
    size_t count = 0;

    for (unsigned i = 0; i < watched->member_count; i++) {
        if (watched->members[i] &&
            strcmp(watched->members[i]->self.service, "room") == 0) {
            nodes[count] = watched->members[i]->self;
            nodes[count++].memory = NULL;
        }
    }
    for (unsigned i = 0; i < ZONES_MAX; i++) {
        if (cluster->zones[i].node.service) {
            nodes[count++] = cluster->zones[i].node;
        }
    }
    qsort(nodes, count, sizeof(*nodes), by_address);
    cluster_tell_nodes(cluster, nodes, count);
}

/* ---- zones --------------------------------------------------------------- */

/* A zone's session, from transport's side. */
static struct played *zone_of(const struct domi__session *session)
{
    return session->arg;
}

static void send_frame(struct domi__session *link, uint16_t type,
                       const void *data, uint32_t data_size, const void *extend,
                       uint16_t extend_size)
{
    assert_int_equal(domi__session_send(link, type, data, data_size, extend,
                                        extend_size),
                     0);
    zone_of(link)->cluster->sent++;
}

static void send_load(struct domi__session *link)
{
    const struct played *zone = zone_of(link);
    uint8_t data[8];

    domi_put_u16(data, (uint16_t)zone->memory);
    domi_put_u16(data + 2, zone->flags);
    domi_put_u32(data + 4, zone->members);
    send_frame(link, DOMI__FRAME_LOAD, data, sizeof(data), NULL, 0);
}

static void send_groups(struct domi__session *link)
{
    const struct played *zone = zone_of(link);
    uint8_t data[8 * GROUPS_MAX];

    for (unsigned i = 0; i < zone->group_count; i++) {
        domi_put_u64(data + 8 * i, zone->groups[i]);
    }
    if (zone->group_count > 0) {
        send_frame(link, DOMI__FRAME_GROUPS, data, 8 * zone->group_count, NULL,
                   0);
    }
    if (!zone->holds_list) {
        send_frame(link, DOMI__FRAME_GROUPS_END, NULL, 0, NULL, 0);
    }
}

static void on_hello(struct domi__session *link, const struct domi_frame *frame)
{
    const struct played *zone = zone_of(link);
    uint32_t features = domi_get_u32(frame->data + 4) & zone->features;
    uint8_t data[DOMI__HELLO_SIZE] = {0};

    if (zone->features == 0) {
        return;
    }
    domi_put_u16(data, DOMI__HELLO_VERSION);
    domi_put_u32(data + 4, features);
    domi_put_u64(data + 8, (uint64_t)zone->node.id);
    send_frame(link, DOMI__FRAME_HELLO_ANSWER, data, sizeof(data), NULL, 0);
    if (features & DOMI__FEATURE_LOAD) {
        send_load(link);
    }
    if (features & DOMI__FEATURE_DIRECTORY) {
        send_groups(link);
    }
}

/* The node that it names for this group, from its first answer on. */
static uint64_t *placed_at(struct played *zone, uint64_t group, uint64_t chosen)
{
    for (unsigned i = 0; i < zone->placed_count; i++) {
        if (zone->placed[i][0] == group) {
            return &zone->placed[i][1];
        }
    }
    assert_true(zone->placed_count < GROUPS_MAX);
    zone->placed[zone->placed_count][0] = group;
    zone->placed[zone->placed_count][1] = chosen;
    return &zone->placed[zone->placed_count++][1];
}

static void on_place(struct domi__session *link, const struct domi_frame *frame)
{
    struct played *zone = zone_of(link);
    uint64_t group = domi_get_u64(frame->data);
    uint64_t chosen = domi_get_u64(frame->data + 8);
    uint64_t *placed;
    uint8_t data[16];

    zone->places++;
    zone->refused = domi_get_u64(frame->data + 16);
    if (zone->is_deaf) {
        return;
    }
    placed = placed_at(zone, group, chosen);
    if (*placed == zone->refused) {
        *placed = chosen;
    }
    put_ids(data, 2, group, *placed);
    send_frame(link, DOMI__FRAME_PLACED, data, sizeof(data), NULL, 0);
}

static uint64_t on_admit(void *arg)
{
    return ((struct played *)arg)->next_id++;
}

static void on_open(struct domi__session *session)
{
    struct played *zone = zone_of(session);

    for (unsigned i = 0; i < LINKS_MAX; i++) {
        if (!zone->links[i]) {
            zone->links[i] = session;
            return;
        }
    }
    fail_msg("a zone has more links than there are askers");
}

static bool on_frame(struct domi__session *session,
                     const struct domi_frame *frame, const uint8_t *wire)
{
    (void)wire;
    assert_int_equal(domi__frame_check(frame, DOMI__GATEWAY_TO_ZONE),
                     DOMI_REASON_NONE);
    if (frame->type == DOMI__FRAME_HELLO) {
        on_hello(session, frame);
    } else if (frame->type == DOMI__FRAME_PLACE) {
        on_place(session, frame);
    } else {
        zone_of(session)->others++;
    }
    return true;
}

static void on_close(struct domi__session *session, enum domi_reason reason)
{
    struct played *zone = zone_of(session);

    (void)reason;
    for (unsigned i = 0; i < LINKS_MAX; i++) {
        if (zone->links[i] == session) {
            zone->links[i] = NULL;
        }
    }
}

static const struct domi__session_owner owner = {
    .size = sizeof(struct domi__session),
    .admit = on_admit,
    .on_open = on_open,
    .on_frame = on_frame,
    .on_close = on_close,
};

void played_restart(struct played *zone)
{
    const struct domi__listen listen = {
        .loop = zone->cluster->loop,
        .log = &zone->cluster->log,
        .owner = &owner,
        .limits = &zone->limits,
        .arg = zone,
        .host = zone->host,
        .port = zone->node.tcp_port,
    };

    assert_null(zone->listener);
    assert_int_equal(domi__tcp_listen(&zone->listener, &listen), 0);
    zone->node.tcp_port = domi__listener_port(zone->listener);
}

struct played *played_open(struct cluster *cluster, unsigned number)
{
    struct played *zone = &cluster->zones[number];

    zone->cluster = cluster;
    zone->limits = (struct domi__session_limits){
        .frame_limit = 65536,
        .send_limit = 1024 * 1024,
        .handshake_ms = 100000,
        .silence_ms = 100000,
    };
    snprintf(zone->host, sizeof(zone->host), "127.0.0.%u", number + 1);
    zone->next_id = 1 + ((uint64_t)number << 32);
    zone->features = DOMI__FEATURE_GROUPS | DOMI__FEATURE_LOAD |
                     DOMI__FEATURE_DIRECTORY;
    zone->node = (struct domi__node){
        .id = 100 + (int)number,
        .service = "room",
        .host = zone->host,
        .version = 1,
        .age_order = 100 + number,
    };
    zone->memory = 50;
    played_restart(zone);
    return zone;
}

static void on_listener_closed(void *user)
{
    ((struct played *)user)->closed = true;
}

void played_flap(struct played *zone)
{
    cluster_settle(zone->cluster);
    for (unsigned i = 0; i < LINKS_MAX; i++) {
        if (zone->links[i]) {
            domi__session_close(zone->links[i], DOMI_REASON_SOCKET);
        }
    }
    for (unsigned i = 0; i < LINKS_MAX; i++) {
        UNTIL(&zone->cluster->net, !zone->links[i]);
    }
}

void played_kill(struct played *zone)
{
    zone->closed = false;
    domi__listener_close(zone->listener, on_listener_closed, zone);
    zone->listener = NULL;
    UNTIL(&zone->cluster->net, zone->closed);
    played_flap(zone);
}

void played_tell_load(struct played *zone)
{
    for (unsigned i = 0; i < LINKS_MAX; i++) {
        if (zone->links[i]) {
            send_load(zone->links[i]);
        }
    }
}

void played_add_group(struct played *zone, uint64_t group)
{
    uint8_t data[8];

    assert_true(zone->group_count < GROUPS_MAX);
    zone->groups[zone->group_count++] = group;
    domi_put_u64(data, group);
    for (unsigned i = 0; i < LINKS_MAX; i++) {
        if (zone->links[i]) {
            send_frame(zone->links[i], DOMI__FRAME_GROUPS, data, sizeof(data),
                       NULL, 0);
        }
    }
}

void played_close_group(struct played *zone, uint64_t group,
                        enum domi_reason reason)
{
    uint8_t extend[10];

    for (unsigned i = 0; i < zone->group_count; i++) {
        if (zone->groups[i] == group) {
            zone->groups[i] = zone->groups[--zone->group_count];
        }
    }
    domi_put_u64(extend, group);
    domi_put_u16(extend + 8, (uint16_t)reason);
    for (unsigned i = 0; i < LINKS_MAX; i++) {
        if (zone->links[i]) {
            send_frame(zone->links[i], DOMI__FRAME_GROUP_CLOSED, NULL, 0,
                       extend, sizeof(extend));
        }
    }
}

void played_end_list(struct played *zone)
{
    zone->holds_list = false;
    for (unsigned i = 0; i < LINKS_MAX; i++) {
        if (zone->links[i]) {
            send_frame(zone->links[i], DOMI__FRAME_GROUPS_END, NULL, 0, NULL,
                       0);
        }
    }
}

/* ---- askers -------------------------------------------------------------- */

static void on_up(void *user, struct domi__link *link)
{
    struct asker *asker = user;

    asker->up++;
    domi__placement_link_up(asker->placement, link);
}

static void on_link_hello(void *user, struct domi__link *link)
{
    struct asker *asker = user;

    asker->cluster->heard++;
    domi__placement_link_hello(asker->placement, link);
}

static void on_down(void *user, struct domi__link *link,
                    enum domi_reason reason)
{
    struct asker *asker = user;

    asker->down++;
    asker->reason = reason;
    domi__placement_link_down(asker->placement, link);
}

static void on_failed(void *user, struct domi__link *link,
                      enum domi_reason reason)
{
    struct asker *asker = user;

    (void)reason;
    asker->failed++;
    domi__placement_link_failed(asker->placement, link);
}

static void on_link_frame(void *user, struct domi__link *link,
                          const struct domi_frame *frame)
{
    struct asker *asker = user;
    bool taken = domi__placement_frame(asker->placement, link, frame);

    asker->cluster->heard++;
    assert_int_equal(taken, frame->type != DOMI__FRAME_GROUP_CLOSED);
}

static void on_low(void *user, struct domi__link *link)
{
    (void)user;
    (void)link;
}

static void on_gone(void *user, struct domi__link *link)
{
    domi__placement_link_gone(((struct asker *)user)->placement, link);
}

static const struct domi__links_calls calls = {
    .on_up = on_up,
    .on_hello = on_link_hello,
    .on_down = on_down,
    .on_failed = on_failed,
    .on_frame = on_link_frame,
    .on_low = on_low,
    .on_gone = on_gone,
};

struct asker *asker_open(struct cluster *cluster, unsigned number)
{
    struct asker *asker = &cluster->askers[number];
    const struct domi__links_options links = {
        .loop = cluster->loop,
        .log = &cluster->log,
        .limits = {.frame_limit = 65536,
                   .send_limit = 1024 * 1024,
                   .handshake_ms = 100000,
                   .silence_ms = 100000,
                   .heartbeat_ms = 50}, /* also to notice forward_ms */
        .node_id = (int)number,
        .features = DOMI__FEATURE_GROUPS | DOMI__FEATURE_LOAD |
                    DOMI__FEATURE_DIRECTORY,
        .calls = &calls,
        .user = asker,
    };
    const struct domi__placement_options placement = {
        .loop = cluster->loop,
        .log = &cluster->log,
        .registry = &cluster->registry.base,
        .choose = cluster->choose,
        .choose_user = cluster,
        .full_percent = 90,
        .wait_ms = 3000,
        .zone_groups = GROUPS_MAX - 1,
    };

    asker->cluster = cluster;
    asker->links = domi__links_new(&links);
    assert_non_null(asker->links);
    asker->placement = domi__placement_new(&placement);
    assert_non_null(asker->placement);
    domi__placement_set_links(asker->placement, asker->links);
    return asker;
}

static void on_links_closed(void *user)
{
    ((struct asker *)user)->closed = true;
}

static void asker_close(struct asker *asker)
{
    domi__placement_free(asker->placement);
    domi__links_close(asker->links, on_links_closed, asker);
    UNTIL(&asker->cluster->net, asker->closed);
}

/* ---- questions ----------------------------------------------------------- */

static void on_placed(struct domi__place *place, int status,
                      const struct domi__node *node)
{
    struct question *question = DOMI__CONTAINER(place, struct question, place);

    assert_int_equal(status == 0, node != NULL);
    question->answers++;
    question->status = status;
    question->id = node ? node->id : -1;
    question->port = node ? node->tcp_port : 0;
    if (question->cancels) {
        domi__placement_cancel(question->asker->placement,
                               &question->cancels->place);
    }
    if (question->again) {
        question_ask(question->again);
    }
}

void question_init(struct question *question, struct asker *asker,
                   uint64_t group)
{
    memset(question, 0, sizeof(*question));
    question->asker = asker;
    question->place.service = "room";
    question->place.group = group;
    question->place.on_placed = on_placed;
}

void question_ask(struct question *question)
{
    domi__placement_ask(question->asker->placement, &question->place);
}

int asker_find(struct asker *asker, uint64_t group)
{
    struct question question;

    question_init(&question, asker, group);
    question_ask(&question);
    UNTIL(&asker->cluster->net, question.answers);
    assert_int_equal(question.answers, 1);
    return question.status ? question.status : question.id;
}

/* ---- all of it ----------------------------------------------------------- */

static void on_log(enum domi_log_level level, const char *line, void *user)
{
    struct cluster *cluster = user;

    (void)level;
    cluster->split_lines += strstr(line, "is in two zones") != NULL;
}

void cluster_open(struct cluster *cluster)
{
    memset(cluster, 0, sizeof(*cluster));
    forward_ms = 0;
    net_open(&cluster->net);
    domi__log_init(&cluster->log, on_log, cluster);
    cluster->loop = domi__loop_get(&cluster->net.loop);
    assert_non_null(cluster->loop);
    cluster->registry.base.kind = &watched_kind;
    cluster->registry.cluster = cluster;
    domi__list_init(&cluster->registry.watches);
}

static void on_put(void *user)
{
    ((struct cluster *)user)->put = true;
}

void cluster_close(struct cluster *cluster)
{
    for (unsigned i = 0; i < ASKERS; i++) {
        if (cluster->askers[i].links) {
            asker_close(&cluster->askers[i]);
        }
    }
    assert_true(domi__list_is_empty(&cluster->registry.watches));
    for (unsigned i = 0; i < ZONES_MAX; i++) {
        if (cluster->zones[i].listener) {
            played_kill(&cluster->zones[i]);
        }
    }
    domi__loop_put(cluster->loop, on_put, cluster);
    UNTIL(&cluster->net, cluster->put);
    net_close(&cluster->net);
}

void cluster_settle(struct cluster *cluster)
{
    UNTIL(&cluster->net, cluster->sent == cluster->heard);
}

static void on_late(struct domi__timer *timer)
{
    (void)timer;
}

/* Timers are some 32 ms late. */
void cluster_wait(struct cluster *cluster, uint64_t ms)
{
    forward_ms += ms;
    domi__timer_start(cluster->loop, &cluster->late, 64, on_late);
    UNTIL(&cluster->net, !domi__timer_is_running(&cluster->late));
}
