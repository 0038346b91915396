/* SPDX-License-Identifier: MIT */
/* Pools of buffers, so that a busy path asks the allocator for nothing. */
#include "transport/buffer.h"

#include <stdlib.h>
#include <string.h>

/* Whole allocations, header included. A session's few bytes, a group's batch,
   and more of either. */
static const size_t sizes[DOMI__BUFFER_POOLS] = {512, 4096, 16384};

/* Bytes of unused buffers that each pool keeps. */
#define KEPT_BYTES (1024u * 1024u)

static int pool_of(size_t allocation)
{
    for (int i = 0; i < DOMI__BUFFER_POOLS; i++) {
        if (allocation <= sizes[i]) {
            return i;
        }
    }
    return -1;
}

struct domi__buffer *domi__buffer_new(struct domi__buffers *pools, size_t size)
{
    size_t allocation = sizeof(struct domi__buffer) + size;
    int pool = pool_of(allocation);
    struct domi__buffer *buffer;

    if (size > UINT32_MAX - sizes[0]) {
        return NULL; /* more than `capacity` can count */
    }
    if (pool >= 0 && pools->free[pool]) {
        buffer = pools->free[pool];
        pools->free[pool] = buffer->next;
        pools->kept[pool]--;
    } else {
        if (pool >= 0) {
            allocation = sizes[pool];
        }
        buffer = malloc(allocation);
        if (!buffer) {
            return NULL;
        }
        buffer->capacity =
            (uint32_t)(allocation - sizeof(struct domi__buffer));
    }
    buffer->next = NULL;
    buffer->refs = 1;
    buffer->used = 0;
    return buffer;
}

void domi__buffer_unref(struct domi__buffers *pools,
                        struct domi__buffer *buffer)
{
    size_t allocation;
    int pool;

    if (!buffer || --buffer->refs > 0) {
        return;
    }
    allocation = sizeof(*buffer) + buffer->capacity;
    pool = pool_of(allocation);
    if (pool >= 0 && pools->kept[pool] * sizes[pool] < KEPT_BYTES) {
        buffer->next = pools->free[pool];
        pools->free[pool] = buffer;
        pools->kept[pool]++;
        return;
    }
    free(buffer);
}

bool domi__buffer_append(struct domi__buffers *pools,
                         struct domi__buffer **place, const uint8_t *bytes,
                         size_t size)
{
    struct domi__buffer *buffer = *place;
    size_t used = buffer ? buffer->used : 0;

    if (!buffer || buffer->capacity - used < size) {
        size_t want = used + size > 2 * used ? used + size : 2 * used;
        struct domi__buffer *larger = domi__buffer_new(pools, want);

        if (!larger) {
            return false;
        }
        if (buffer) {
            memcpy(larger->bytes, buffer->bytes, used);
            domi__buffer_unref(pools, buffer);
        }
        larger->used = (uint32_t)used;
        buffer = larger;
        *place = buffer;
    }
    memcpy(buffer->bytes + used, bytes, size);
    buffer->used += (uint32_t)size;
    return true;
}

void domi__buffers_fini(struct domi__buffers *pools)
{
    for (int i = 0; i < DOMI__BUFFER_POOLS; i++) {
        struct domi__buffer *buffer;

        while ((buffer = pools->free[i])) {
            pools->free[i] = buffer->next;
            free(buffer);
        }
        pools->kept[i] = 0;
    }
}
