/* SPDX-License-Identifier: MIT */
/* Frames from other threads, and groups on their way to their workers. */
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "domi/err.h"
#include "zone/state.h"

/* An item with room for `size` bytes; NULL when memory is short. */
static struct domi__zone_item *new_item(uint32_t kind, size_t size)
{
    struct domi__zone_item *item = malloc(sizeof(*item) + size);

    if (item) {
        item->kind = kind;
        item->size = (uint32_t)size;
    }
    return item;
}

static size_t bytes_of(const struct domi__zone_item *item)
{
    return sizeof(*item) + item->size;
}

/* ---- posts --------------------------------------------------------------- */

/* Under the mutex. The item is the list's when this returns 0. */
static int push_post(struct domi_zone *zone, uint64_t group,
                     struct domi__zone_item *item)
{
    struct domi__zone_worker *worker;

    if (!zone->running) {
        return DOMI_E_STATE;
    }
    worker = domi__zone_worker_of(zone, group);
    if (atomic_load(&worker->item_bytes) + bytes_of(item) >
        zone->options.ring_size) {
        return DOMI_E_QUEUE_FULL;
    }
    atomic_fetch_add(&worker->item_bytes, bytes_of(item));
    domi__list_push(&worker->posts, &item->node);
    return 0;
}

int domi_zone_post(struct domi_zone *zone, uint64_t group, uint16_t type,
                   const void *data, uint32_t size)
{
    struct domi__record_frame frame = {
        .group = group, .link = DOMI__NO_LINK, .type = type};
    struct domi__zone_item *item;
    int err;

    if (type < DOMI_TYPE_FIRST) {
        return DOMI_E_TYPE_RESERVED;
    }
    if (size > zone->options.frame_limit - sizeof(frame)) {
        return DOMI_E_FRAME_LENGTH;
    }
    item = new_item(DOMI__RECORD_FRAME, sizeof(frame) + size);
    if (!item) {
        return UV_ENOMEM;
    }
    memcpy(item->bytes, &frame, sizeof(frame));
    if (size > 0) {
        memcpy(item->bytes + sizeof(frame), data, size);
    }
    pthread_mutex_lock(&zone->mutex);
    err = push_post(zone, group, item);
    if (err == 0) {
        domi__waker_wake(domi__loop_waker(zone->loop));
    }
    pthread_mutex_unlock(&zone->mutex);
    if (err) {
        free(item);
    }
    return err;
}

/* ---- groups -------------------------------------------------------------- */

/* Before the start there are no rings: the group waits for them. */
static int open_early(struct domi_zone *zone, struct domi_group *group)
{
    struct domi__zone_item *item =
        new_item(DOMI__RECORD_OPEN, sizeof(group));

    if (!item) {
        return UV_ENOMEM;
    }
    memcpy(item->bytes, &group, sizeof(group));
    domi__list_push(&zone->early, &item->node);
    return 0;
}

int domi_group_open(struct domi_group *group)
{
    struct domi_zone *zone = domi_group_zone(group);
    struct domi__zone_worker *worker;
    void *room;

    if (zone->closing) {
        return DOMI_E_STATE;
    }
    if (!zone->started) {
        return open_early(zone, group);
    }
    if (!zone->running || domi_zone_is_draining(zone)) {
        return DOMI_E_STATE;
    }
    worker = domi__zone_worker_of(zone, domi_group_id(group));
    room = domi__worker_reserve(worker->worker, sizeof(group));
    if (!room) {
        return UV_EAGAIN;
    }
    memcpy(room, &group, sizeof(group));
    domi__worker_commit(worker->worker, DOMI__RECORD_OPEN);
    zone->fed = true;
    return 0;
}

static struct domi_group *group_of(const struct domi__zone_item *item)
{
    struct domi_group *group;

    memcpy(&group, item->bytes, sizeof(group));
    return group;
}

void domi__zone_take_early(struct domi_zone *zone)
{
    struct domi__list *node;

    while ((node = domi__list_pop(&zone->early))) {
        struct domi__zone_item *item =
            DOMI__CONTAINER(node, struct domi__zone_item, node);
        struct domi__zone_worker *worker =
            domi__zone_worker_of(zone, domi_group_id(group_of(item)));

        atomic_fetch_add(&worker->item_bytes, bytes_of(item));
        domi__list_push(&worker->items, node);
    }
}

/* ---- to the rings -------------------------------------------------------- */

/* False when the ring has no room. */
static bool give_item(struct domi__zone_worker *worker,
                      struct domi__zone_item *item)
{
    void *room = domi__worker_reserve(worker->worker, item->size);

    if (!room) {
        return false;
    }
    memcpy(room, item->bytes, item->size);
    domi__worker_commit(worker->worker, item->kind);
    worker->zone->fed = true;
    worker->zone->stats.frames_in += item->kind == DOMI__RECORD_FRAME;
    atomic_fetch_sub(&worker->item_bytes, bytes_of(item));
    domi__list_remove(&item->node);
    free(item);
    return true;
}

static bool take_items(struct domi__zone_worker *worker)
{
    struct domi_zone *zone = worker->zone;
    bool worked = false;

    if (!worker->started || atomic_load(&worker->item_bytes) == 0) {
        return false;
    }
    pthread_mutex_lock(&zone->mutex);
    domi__list_move(&worker->items, &worker->posts);
    pthread_mutex_unlock(&zone->mutex);
    while (!domi__list_is_empty(&worker->items) &&
           give_item(worker, DOMI__CONTAINER(worker->items.next,
                                             struct domi__zone_item, node))) {
        worked = true;
    }
    return worked;
}

bool domi__zone_take_items(struct domi_zone *zone)
{
    bool worked = false;

    for (unsigned i = 0; i < zone->worker_count; i++) {
        worked |= take_items(&zone->workers[i]);
    }
    return worked;
}

bool domi__zone_items_done(struct domi_zone *zone)
{
    for (unsigned i = 0; i < zone->worker_count; i++) {
        if (zone->workers[i].started &&
            atomic_load(&zone->workers[i].item_bytes) > 0) {
            return false;
        }
    }
    return true;
}

void domi__zone_items_free(struct domi__list *items)
{
    struct domi__list *node;

    while ((node = domi__list_pop(items))) {
        struct domi__zone_item *item =
            DOMI__CONTAINER(node, struct domi__zone_item, node);

        if (item->kind == DOMI__RECORD_OPEN) {
            domi__group_abandon(group_of(item), DOMI_REASON_STOPPING);
        }
        free(item);
    }
}
