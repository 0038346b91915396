/* SPDX-License-Identifier: MIT */
/*
 * Draining: the way of a zone that wants no new groups to its last member.
 *
 *   begin -> the workers refuse new groups -> each has been without members
 *         -> none has members any more -> on_drained
 *
 * A drain that a newer version began is called off when no node of that
 * version is there any more to take the users.
 * Where users are to be moved, groups are closed one worker after the other;
 * a group that is larger than what was due delays those after it.
 */
#include <string.h>

#include "domi/err.h"
#include "zone/state.h"

#define STEP_MS 100u

/* ---- the end ------------------------------------------------------------- */

/* What a worker was given before the drain may still make members; so each
   must have been without them after it had heard of the drain. */
static bool is_empty(const struct domi_zone *zone)
{
    for (unsigned i = 0; i < zone->worker_count; i++) {
        if (zone->workers[i].emptied != zone->drain.number) {
            return false;
        }
    }
    return domi__zone_members(zone) == 0;
}

static bool may_end(const struct domi_zone *zone)
{
    const struct domi__zone_drain *drain = &zone->drain;

    return drain->number != 0 && !drain->ended && !zone->closing &&
           is_empty(zone);
}

/* A member may have come to a group that was empty meanwhile. */
static void on_end(struct domi__timer *timer)
{
    struct domi_zone *zone =
        DOMI__CONTAINER(timer, struct domi_zone, drain.end);

    if (!may_end(zone)) {
        return;
    }
    zone->drain.ended = true;
    domi__log(&zone->log, DOMI_LOG_INFO, "zone %s: drained: no member is left",
              zone->options.name);
    if (zone->options.on_drained) {
        zone->options.on_drained(zone, zone->options.user);
    }
}

/* ---- moving users -------------------------------------------------------- */

/* Asks the next worker to close groups of as many users as are due. */
static void move(struct domi_zone *zone)
{
    struct domi__zone_drain *drain = &zone->drain;
    struct domi__worker *worker = zone->workers[drain->next].worker;
    uint32_t users;
    void *room;

    if (drain->moving || drain->due <= 0 || drain->number == 0 ||
        zone->closing || zone->groups.count == 0) {
        return;
    }
    users = (uint32_t)((drain->due + 999) / 1000);
    room = domi__worker_reserve(worker, sizeof(users));
    if (!room) {
        return;
    }
    memcpy(room, &users, sizeof(users));
    domi__worker_commit(worker, DOMI__RECORD_MOVE);
    zone->fed = true;
    drain->moving = true;
    drain->next = (drain->next + 1) % zone->worker_count;
}

/* What is due grows with the time, to one second's share at most. */
static void on_step(struct domi__timer *timer)
{
    struct domi_zone *zone =
        DOMI__CONTAINER(timer, struct domi_zone, drain.step);
    struct domi__zone_drain *drain = &zone->drain;
    int64_t most = (int64_t)zone->options.drain_rate * 1000;
    uint64_t now_ms = domi__loop_now(zone->loop);

    drain->due += (int64_t)((now_ms - drain->stepped_ms) *
                            zone->options.drain_rate);
    drain->due = drain->due < most ? drain->due : most;
    drain->stepped_ms = now_ms;
    domi__timer_start(zone->loop, timer, STEP_MS, on_step);
    move(zone);
}

void domi__zone_drain_moved(struct domi_zone *zone, uint64_t users)
{
    zone->drain.moving = false;
    zone->drain.due -= (int64_t)users * 1000;
    move(zone);
}

/* ---- begin and stop ------------------------------------------------------ */

static void set_draining(struct domi_zone *zone, bool draining)
{
    const struct domi__registry_kind *kind = zone->registry->kind;

    zone->membership.self.draining = draining;
    zone->drain.untold = true;
    if (zone->joined && kind->update) {
        kind->update(zone->registry, &zone->membership);
    }
    domi__zone_load_update(zone);
}

void domi__zone_drain_begin(struct domi_zone *zone, bool asked)
{
    struct domi__zone_drain *drain = &zone->drain;

    drain->asked |= asked;
    if (drain->number != 0) {
        return;
    }
    drain->number = ++drain->last;
    drain->ended = false;
    domi__log(&zone->log, DOMI_LOG_INFO, "zone %s: drains: %s",
              zone->options.name,
              asked ? "it was asked to"
                    : "a newer version of the service is in force");
    if (zone->options.drain_rate > 0) {
        drain->due = 0;
        drain->stepped_ms = domi__loop_now(zone->loop);
        domi__timer_start(zone->loop, &drain->step, STEP_MS, on_step);
    }
    set_draining(zone, true);
}

void domi__zone_drain_call_off(struct domi_zone *zone)
{
    struct domi__zone_drain *drain = &zone->drain;

    if (drain->number == 0 || drain->asked) {
        return;
    }
    drain->number = 0;
    domi__zone_drain_fini(zone);
    domi__log(&zone->log, DOMI_LOG_INFO,
              "zone %s: drains no more: no newer version is in force",
              zone->options.name);
    set_draining(zone, false);
}

void domi__zone_drain_fini(struct domi_zone *zone)
{
    domi__timer_stop(&zone->drain.end);
    domi__timer_stop(&zone->drain.step);
}

int domi_zone_drain(struct domi_zone *zone)
{
    if (!zone->running || zone->closing) {
        return DOMI_E_STATE;
    }
    domi__zone_drain_begin(zone, true);
    return 0;
}

int domi_zone_is_draining(const struct domi_zone *zone)
{
    return zone->drain.number != 0;
}

/* ---- once per turn ------------------------------------------------------- */

static bool tell_workers(struct domi_zone *zone)
{
    void *rooms[zone->worker_count];

    if (!domi__zone_reserve_all(zone, rooms, sizeof(zone->drain.number))) {
        return false;
    }
    for (unsigned i = 0; i < zone->worker_count; i++) {
        memcpy(rooms[i], &zone->drain.number, sizeof(zone->drain.number));
    }
    domi__zone_commit_all(zone, DOMI__RECORD_DRAIN);
    zone->drain.untold = false;
    return true;
}

bool domi__zone_drain_run(struct domi_zone *zone)
{
    struct domi__zone_drain *drain = &zone->drain;

    if (drain->untold && !zone->closing && tell_workers(zone)) {
        return true;
    }
    if (!domi__timer_is_running(&drain->end) && may_end(zone)) {
        domi__timer_start(zone->loop, &drain->end, 0, on_end);
    }
    return false;
}
