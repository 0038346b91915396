/* SPDX-License-Identifier: MIT */
/* A registry, what it reports, and watches that note what they see. */
#include "world.h"

#include <stdlib.h>
#include <string.h>

/* ---- what the registry reports ------------------------------------------- */

static void on_line(enum domi_log_level level, const char *line, void *user)
{
    struct world *world = user;
    size_t size = strlen(line);

    if (level != DOMI_LOG_DEBUG) {
        print_message("    %s: %s\n", domi_log_level_name(level), line);
    }
    world->log = realloc(world->log, world->log_size + size + 2);
    assert_non_null(world->log);
    memcpy(world->log + world->log_size, line, size);
    world->log_size += size + 1;
    world->log[world->log_size - 1] = '\n';
    world->log[world->log_size] = '\0';
}

static void on_state(struct domi_registry *registry,
                     enum domi_registry_state state, const char *reason,
                     void *user)
{
    struct world *world = user;

    assert_ptr_equal(registry, world->registry);
    assert_int_equal(domi_registry_state(registry), state);
    assert_true(strlen(reason) > 0);
    world->state = state;
    world->state_changes++;
    snprintf(world->reason, sizeof(world->reason), "%s", reason);
}

unsigned world_logged(const struct world *world, const char *text)
{
    const char *at = world->log;
    unsigned count = 0;

    while (at && (at = strstr(at, text))) {
        at += strlen(text);
        count++;
    }
    return count;
}

/* ---- the world ----------------------------------------------------------- */

/* Each millisecond, if nothing keeps the loop from it. */
static void on_beat(uv_timer_t *timer)
{
    struct world *world = timer->data;
    uint64_t now = uv_hrtime();

    if (world->beat_ns > 0 && now - world->beat_ns > world->longest_gap_ns) {
        world->longest_gap_ns = now - world->beat_ns;
    }
    world->beat_ns = now;
}

void world_init(struct world *world)
{
    memset(world, 0, sizeof(*world));
    fixture_init(&world->fixture);
    world->beat.data = world;
    uv_timer_init(&world->fixture.uv, &world->beat);
    uv_timer_start(&world->beat, on_beat, 1, 1);
}

void world_connect(struct world *world, struct domi_consul_options options)
{
    options.on_state = on_state;
    options.log = on_line;
    options.user = world;
    world->registry = domi_registry_consul_new(&options);
    assert_non_null(world->registry);
}

void world_init_with(struct world *world, struct domi_consul_options options)
{
    world_init(world);
    world_connect(world, options);
}

void world_fini(struct world *world)
{
    domi_registry_free(world->registry);
    uv_close((uv_handle_t *)&world->beat, NULL);
    fixture_fini(&world->fixture);
    free(world->log);
}

void world_measure(struct world *world)
{
    world->beat_ns = 0;
    world->longest_gap_ns = 0;
}

void world_rest(struct world *world, unsigned ms)
{
    uint64_t end = uv_hrtime() + ms * UINT64_C(1000000);

    RUN_UNTIL(&world->fixture, uv_hrtime() >= end);
}

/* ---- watches ------------------------------------------------------------- */

static void on_change(struct domi__registry_watch *watch)
{
    struct watcher *watcher = DOMI__CONTAINER(watch, struct watcher, watch);
    const struct domi__snapshot *snapshot = &watch->snapshot;

    assert_true(watch->known);
    for (size_t i = 0; i < snapshot->count; i++) {
        assert_string_equal(snapshot->nodes[i].service, watch->service);
        assert_true(strlen(snapshot->nodes[i].host) > 0);
    }
    watcher->changes++;
    watcher->emptied += snapshot->count == 0;
    if (watcher->on_change) {
        watcher->on_change(watcher);
    }
}

void watcher_open(struct watcher *watcher, struct world *world,
                  const char *service)
{
    watcher->world = world;
    watcher->watch.service = service;
    watcher->watch.loop = world->fixture.loop;
    watcher->watch.on_change = on_change;
    world->registry->kind->watch(world->registry, &watcher->watch);
}

void watcher_close(struct watcher *watcher)
{
    struct domi_registry *registry = watcher->world->registry;

    registry->kind->unwatch(registry, &watcher->watch);
}

const struct domi__node *watcher_node(const struct watcher *watcher, int id)
{
    const struct domi__snapshot *snapshot = &watcher->watch.snapshot;

    for (size_t i = 0; i < snapshot->count; i++) {
        if (snapshot->nodes[i].id == id) {
            return &snapshot->nodes[i];
        }
    }
    return NULL;
}

bool watcher_is_good(const struct watcher *watcher, int id)
{
    const struct domi__node *node = watcher_node(watcher, id);

    return node && !node->suspect && !node->draining;
}

bool watcher_is_suspect(const struct watcher *watcher, int id)
{
    const struct domi__node *node = watcher_node(watcher, id);

    return node && node->suspect;
}
