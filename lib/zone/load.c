/* SPDX-License-Identifier: MIT */
/*
 * What a zone tells of its load: once a second, and at once when a flag
 * changes, to each link that asked for it.
 *
 * Once a second memory is read anew. A zone is busy while less than a
 * twentieth of the memory is left, or while a worker has been at one thing
 * for more than a second.
 */
#include "base/memory_use.h"
#include "frame/frame.h"
#include "zone/state.h"

#define PULSE_MS 1000u

/* Percent of memory in use: short above the one, until down at the other, so
   that a value in between does not make the flag flutter. */
#define MEMORY_SHORT 95u
#define MEMORY_ENOUGH 90u

unsigned domi__zone_memory(const struct domi_zone *zone)
{
    return zone->load.memory;
}

bool domi__zone_is_busy(const struct domi_zone *zone)
{
    return zone->load.memory_short || zone->load.stuck;
}

uint64_t domi__zone_members(const struct domi_zone *zone)
{
    uint64_t members = 0;

    for (unsigned i = 0; i < zone->worker_count; i++) {
        if (zone->workers[i].host) {
            members += domi__group_host_members(zone->workers[i].host);
        }
    }
    return members;
}

/* ---- telling ------------------------------------------------------------- */

static void send_load(struct domi_zone *zone, struct domi__zone_link *link)
{
    uint64_t members = domi__zone_members(zone);
    uint8_t data[8];

    if (!(link->features & DOMI__FEATURE_LOAD)) {
        return;
    }
    domi_put_u16(data, (uint16_t)zone->load.memory);
    domi_put_u16(data + 2, (uint16_t)zone->load.flags);
    domi_put_u32(data + 4,
                 members < UINT32_MAX ? (uint32_t)members : UINT32_MAX);
    domi__session_send(&link->session, DOMI__FRAME_LOAD, data, sizeof(data),
                       NULL, 0);
}

static void send_to_all(struct domi_zone *zone)
{
    struct domi__list *node;

    for (node = zone->links.next; node != &zone->links; node = node->next) {
        send_load(zone, DOMI__CONTAINER(node, struct domi__zone_link, node));
    }
}

void domi__zone_load_greet(struct domi__zone_link *link)
{
    send_load(link->session.arg, link);
}

/* True when the flags are not what they were. */
static bool set_flags(struct domi_zone *zone)
{
    unsigned before = zone->load.flags;

    zone->load.flags =
        (zone->membership.self.draining ? DOMI__LOAD_DRAINING : 0) |
        (domi__zone_is_busy(zone) ? DOMI__LOAD_BUSY : 0);
    return zone->load.flags != before;
}

void domi__zone_load_update(struct domi_zone *zone)
{
    if (set_flags(zone)) {
        send_to_all(zone);
    }
}

/* ---- measuring ----------------------------------------------------------- */

void domi__zone_load_set_stuck(struct domi_zone *zone, bool stuck)
{
    if (stuck == zone->load.stuck) {
        return;
    }
    zone->load.stuck = stuck;
    domi__log(&zone->log, stuck ? DOMI_LOG_WARNING : DOMI_LOG_INFO,
              stuck ? "zone %s: busy: a worker has been stuck for a second"
                    : "zone %s: no worker is stuck any more",
              zone->options.name);
    domi__zone_load_update(zone);
}

static void set_memory_short(struct domi_zone *zone, bool is_short)
{
    if (is_short == zone->load.memory_short) {
        return;
    }
    zone->load.memory_short = is_short;
    domi__log(&zone->log, is_short ? DOMI_LOG_WARNING : DOMI_LOG_INFO,
              is_short ? "zone %s: busy: %u percent of the memory are in use"
                       : "zone %s: memory is no longer short: %u percent",
              zone->options.name, zone->load.memory);
}

static void read_memory(struct domi_zone *zone)
{
    const struct domi_zone_options *options = &zone->options;
    unsigned percent = options->memory_use
                           ? options->memory_use(zone, options->user)
                           : domi__memory_use();

    zone->load.memory = percent < 100 ? percent : 100;
    set_memory_short(zone,
                     zone->load.memory > (zone->load.memory_short
                                              ? MEMORY_ENOUGH
                                              : MEMORY_SHORT));
}

static void on_pulse(struct domi__timer *timer)
{
    struct domi_zone *zone =
        DOMI__CONTAINER(timer, struct domi_zone, load.pulse);

    domi__timer_start(zone->loop, timer, PULSE_MS, on_pulse);
    domi__zone_watch_ticks(zone);
    domi__arbiter_sweep(&zone->arbiter, domi__loop_now(zone->loop));
    read_memory(zone);
    set_flags(zone);
    send_to_all(zone);
}

void domi__zone_load_start(struct domi_zone *zone)
{
    read_memory(zone);
    set_flags(zone);
    domi__timer_start(zone->loop, &zone->load.pulse, PULSE_MS, on_pulse);
}

void domi__zone_load_stop(struct domi_zone *zone)
{
    domi__timer_stop(&zone->load.pulse);
}
