/* SPDX-License-Identifier: MIT */
/* What the workers put out: frames to links, and what the log should know. */
#include <inttypes.h>

#include "base/clock.h"
#include "zone/state.h"

/* The frame's bytes are ready; each link appends them to its queue. A link
   whose queue is full is closed by its session. */
static void send_frame(struct domi_zone *zone, const uint8_t *bytes)
{
    const struct domi__effect_frame *frame = (const void *)bytes;
    const uint32_t *links = (const void *)(frame + 1);
    const uint8_t *wire = (const uint8_t *)(links + frame->count);

    for (uint32_t i = 0; i < frame->count; i++) {
        struct domi__session *session = zone->slots[links[i]]->session;

        if (session &&
            domi__session_send_wire(session, wire, frame->size) == 0) {
            zone->stats.frames_out++;
        }
    }
}

static void report_slow(struct domi_zone *zone,
                        const struct domi__effect_note *note)
{
    zone->stats.slow_handlers++;
    domi__log_peer(&zone->log, DOMI_LOG_WARNING,
                   "group %" PRIu64 ": a handler took %" PRIu32
                   " ms: type %u",
                   note->group, note->ms, note->type);
}

static void report_drop(struct domi_zone *zone,
                        const struct domi__effect_note *note)
{
    if (note->reason == DOMI_REASON_UNKNOWN_TYPE) {
        zone->stats.dropped_no_handler++;
    } else {
        zone->stats.dropped_no_group++;
        zone->stats.dropped_too_many += note->reason == DOMI_REASON_TOO_MANY;
    }
    domi__log_peer(&zone->log, DOMI_LOG_WARNING,
                   "group %" PRIu64 ": dropped a frame of type %u: %s",
                   note->group, note->type, domi_reason_text(note->reason));
}

static void take_effect(void *user, uint32_t kind, const uint8_t *bytes,
                        size_t size)
{
    struct domi__zone_worker *worker = user;
    struct domi_zone *zone = worker->zone;
    const struct domi__effect_note *note = (const void *)bytes;

    (void)size;
    switch ((enum domi__effect_kind)kind) {
    case DOMI__EFFECT_FRAME:
        send_frame(zone, bytes);
        break;
    case DOMI__EFFECT_SLOW:
        report_slow(zone, note);
        break;
    case DOMI__EFFECT_DROPPED:
        report_drop(zone, note);
        break;
    case DOMI__EFFECT_REFUSED:
        domi__log(&zone->log, DOMI_LOG_WARNING,
                  "group %" PRIu64 ": refused: it exists already",
                  note->group);
        break;
    case DOMI__EFFECT_LINK_DONE:
        domi__zone_slot_done(zone, (uint32_t)note->group);
        break;
    case DOMI__EFFECT_OPENED:
        domi__zone_group_opened(zone, note->group);
        break;
    case DOMI__EFFECT_CLOSED:
        domi__zone_group_closed(zone, note->group, note->reason);
        break;
    case DOMI__EFFECT_EMPTIED:
        worker->emptied = (uint32_t)note->group;
        break;
    case DOMI__EFFECT_MOVED:
        domi__zone_drain_moved(zone, note->group);
        break;
    }
}

/* Without threads nobody but the loop's timers wakes us for the next tick,
   some tens of milliseconds late. */
static void on_beat(struct domi__timer *timer)
{
    (void)timer;
}

static void start_beat(struct domi_zone *zone)
{
    uint64_t next_ns = domi__worker_next_time(zone->workers[0].worker);
    uint64_t now_ns = domi__clock_ns();

    if (next_ns == UINT64_MAX) {
        domi__timer_stop(&zone->beat);
        return;
    }
    domi__timer_start(zone->loop, &zone->beat,
                      next_ns > now_ns ? (next_ns - now_ns) / 1000000u + 1 : 1,
                      on_beat);
}

bool domi__zone_take_effects(struct domi_zone *zone)
{
    bool worked = false;

    for (unsigned i = 0; i < zone->worker_count; i++) {
        struct domi__zone_worker *worker = &zone->workers[i];

        if (worker->started) {
            domi__worker_publish(worker->worker);
            worked |= domi__worker_drain(worker->worker, take_effect, worker);
        }
    }
    if (zone->options.no_workers && zone->worker_count > 0 &&
        zone->workers[0].started) {
        start_beat(zone);
    }
    if (worked || zone->fed) {
        domi__zone_watch(zone);
    }
    return worked;
}
