/* SPDX-License-Identifier: MIT */
/* The stage: effects and callbacks, written down as lines of text. */
#include "stage.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "frame/frame.h"

void stage_say(struct stage *stage, const char *format, ...)
{
    char line[512];
    va_list args;
    int size;

    va_start(args, format);
    size = vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    assert_in_range(size, 0, sizeof(line) - 1);
    stage->script = realloc(stage->script, stage->size + (size_t)size + 2);
    assert_non_null(stage->script);
    memcpy(stage->script + stage->size, line, (size_t)size);
    stage->size += (size_t)size;
    stage->script[stage->size++] = '\n';
    stage->script[stage->size] = '\0';
}

void stage_forget(struct stage *stage)
{
    free(stage->script);
    stage->script = NULL;
    stage->size = 0;
}

void stage_expect_at(struct stage *stage, const char *lines, const char *file,
                     int line)
{
    const char *script = stage->script ? stage->script : "";

    if (strcmp(script, lines) != 0) {
        print_error("expected:\n%sbut was:\n%s", lines, script);
        _fail(file, line);
    }
    stage_forget(stage);
}

/* ---- effects to text ---------------------------------------------------- */

/* Appends to a line under way. */
static void put(char *line, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void put(char *line, const char *format, ...)
{
    size_t size = strlen(line);
    va_list args;

    va_start(args, format);
    vsnprintf(line + size, 400 - size, format, args);
    va_end(args);
}

/* Up to eight ids, then their number. */
static void put_ids(char *line, const uint8_t *ids, size_t count)
{
    for (size_t i = 0; i < count && i < 8; i++) {
        put(line, " %" PRIu64, domi_get_u64(ids + i * 8));
    }
    if (count > 8) {
        put(line, " ... %zu", count);
    }
}

static void put_group(char *line, const uint8_t *extend,
                      const struct domi_frame *frame)
{
    int shown = frame->data_size < 32 ? (int)frame->data_size : 32;

    put(line, " %" PRIu64 "/%u %.*s", domi_get_u64(extend),
        domi_get_u16(extend + 8), shown, (const char *)frame->data);
}

static void put_frame(char *line, const struct domi_frame *frame)
{
    const uint8_t *extend = frame->extend;
    size_t users;

    switch (frame->type) {
    case DOMI__FRAME_JOINED:
        put(line, "joined %" PRIu64 ":", domi_get_u64(extend));
        put_ids(line, frame->data, frame->data_size / 8);
        break;
    case DOMI__FRAME_LEFT:
        put(line, "left %" PRIu64 " reason %u:", domi_get_u64(extend),
            domi_get_u16(extend + 8));
        put_ids(line, frame->data, frame->data_size / 8);
        break;
    case DOMI__FRAME_GROUP_CLOSED:
        put(line, "closed %" PRIu64 " reason %u", domi_get_u64(extend),
            domi_get_u16(extend + 8));
        break;
    case DOMI__FRAME_BROADCAST:
        put(line, "broadcast");
        put_group(line, extend, frame);
        break;
    case DOMI__FRAME_BROADCAST_EXCEPT:
        put(line, "except");
        put_ids(line, extend, 1);
        put_group(line, extend + 8, frame);
        break;
    case DOMI__FRAME_TO_USERS:
        users = (frame->extend_size - 10u) / 8;
        put(line, "users");
        put_ids(line, extend, users);
        put_group(line, extend + users * 8, frame);
        break;
    default:
        fail_msg("a frame of type %u", frame->type);
    }
}

static void say_frame(struct stage *stage,
                      const struct domi__effect_frame *effect)
{
    const uint32_t *links = (const uint32_t *)(const void *)(effect + 1);
    const uint8_t *wire = (const uint8_t *)(links + effect->count);
    struct domi_frame frame;
    char line[400] = "";

    assert_true(effect->count > 0);
    assert_int_equal(domi_frame_decode(wire, effect->size, 1 << 20, &frame),
                     effect->size);
    assert_int_equal(domi__frame_check(&frame, DOMI__ZONE_TO_GATEWAY),
                     DOMI_REASON_NONE);
    put_frame(line, &frame);
    put(line, " ->");
    for (uint32_t i = 0; i < effect->count && i < 8; i++) {
        put(line, " %u", links[i]);
    }
    if (effect->count > 8) {
        put(line, " ... %u", effect->count);
    }
    stage_say(stage, "%s", line);
}

static void say_note(struct stage *stage, uint32_t kind,
                     const struct domi__effect_note *note)
{
    switch ((enum domi__effect_kind)kind) {
    case DOMI__EFFECT_SLOW:
        stage_say(stage, "slow %" PRIu64 "/%u %u ms", note->group, note->type,
                  note->ms);
        break;
    case DOMI__EFFECT_DROPPED:
        stage_say(stage, "dropped %" PRIu64 "/%u reason %u", note->group,
                  note->type, note->reason);
        break;
    case DOMI__EFFECT_REFUSED:
        stage_say(stage, "refused %" PRIu64, note->group);
        break;
    case DOMI__EFFECT_LINK_DONE:
        stage_say(stage, "done with link %" PRIu64, note->group);
        break;
    case DOMI__EFFECT_OPENED:
        if (stage->directory) {
            stage_say(stage, "opened %" PRIu64, note->group);
        }
        break;
    case DOMI__EFFECT_CLOSED:
        if (stage->directory) {
            stage_say(stage, "gone %" PRIu64 " reason %u", note->group,
                      note->reason);
        }
        break;
    case DOMI__EFFECT_EMPTIED:
        stage_say(stage, "emptied, drain %" PRIu64, note->group);
        break;
    case DOMI__EFFECT_MOVED:
        stage_say(stage, "moved %" PRIu64, note->group);
        break;
    case DOMI__EFFECT_FRAME:
        break;
    }
}

static void *reserve(void *arg, size_t size)
{
    struct stage *stage = arg;

    assert_null(stage->record);
    /* Exactly as large as asked, so that a byte too many is found. */
    stage->record = malloc(size);
    assert_non_null(stage->record);
    stage->record_size = size;
    if (size > stage->largest) {
        stage->largest = size;
    }
    return stage->record;
}

static void commit(void *arg, uint32_t kind)
{
    struct stage *stage = arg;
    uint8_t *record = stage->record;

    assert_non_null(record);
    stage->record = NULL;
    if (kind == DOMI__EFFECT_FRAME) {
        say_frame(stage, (const void *)record);
    } else {
        say_note(stage, kind, (const void *)record);
    }
    free(record);
}

static uint64_t now(void *arg)
{
    return ((struct stage *)arg)->now_ns;
}

static const struct domi__group_calls calls = {reserve, commit, now};

/* ---- callbacks to text -------------------------------------------------- */

static void on_join(struct domi_group *group, struct domi_user member,
                    void *user)
{
    (void)group;
    stage_say(user, "on_join %" PRIu64, member.id);
}

static void on_leave(struct domi_group *group, struct domi_user member,
                     enum domi_reason reason, void *data, void *user)
{
    (void)group;
    stage_say(user, "on_leave %" PRIu64 " reason %u%s%s", member.id, reason,
              data ? " with " : "", data ? (const char *)data : "");
}

static void on_close(struct domi_group *group, enum domi_reason reason,
                     void *user)
{
    stage_say(user, "on_close %" PRIu64 " reason %u", domi_group_id(group),
              reason);
}

static void on_text(struct domi_group *group, struct domi_user sender,
                    const struct domi_frame *frame, void *user)
{
    assert_int_equal(frame->extend_size, 0);
    stage_say(user, "on_frame %" PRIu64 "/%u %.*s from %" PRIu64,
              domi_group_id(group), frame->type, (int)frame->data_size,
              (const char *)frame->data, sender.id);
}

static void on_play(struct domi_group *group, struct domi_user sender,
                    const struct domi_frame *frame, void *user)
{
    stage_fn play;

    (void)sender;
    memcpy(&play, frame->data, sizeof(play));
    play(user, group);
}

void stage_watch(struct stage *stage, struct domi_group *group)
{
    domi_group_on_join(group, on_join, stage);
    domi_group_on_leave(group, on_leave, stage);
    domi_group_on_close(group, on_close, stage);
    assert_int_equal(domi_group_handle(group, 51, on_text, stage), 0);
    assert_int_equal(domi_group_handle(group, 60, on_play, stage), 0);
}

static int on_group(struct domi_zone *zone, struct domi_group *group,
                    void *user)
{
    struct stage *stage = user;

    assert_ptr_equal(zone, domi_group_zone(group));
    stage_say(stage, "on_group %" PRIu64, domi_group_id(group));
    stage_watch(stage, group);
    if (stage->setup) {
        stage->setup(stage, group);
    }
    if (stage->close_new) {
        domi_group_close(group);
    }
    return stage->refuse;
}

/* ---- life --------------------------------------------------------------- */

void stage_init(struct stage *stage, uint32_t frame_limit)
{
    struct domi__group_options options = {
        .calls = &calls,
        .arg = stage,
        .zone = (struct domi_zone *)stage,
        .on_group = on_group,
        .on_group_user = stage,
        .frame_limit = frame_limit,
        .record_limit = frame_limit,
        .handler_limit_ns = 100000000,
    };

    memset(stage, 0, sizeof(*stage));
    stage->now_ns = 1000000000;
    stage->host = domi__group_host_new(&options);
    assert_non_null(stage->host);
}

void stage_fini(struct stage *stage)
{
    domi__group_host_stop(stage->host);
    domi__group_host_free(stage->host);
    stage_forget(stage);
}

struct domi_group *stage_group(struct stage *stage, uint64_t id)
{
    struct domi_group *group = domi_group_new((struct domi_zone *)stage, id);

    assert_non_null(group);
    stage_watch(stage, group);
    domi__group_host_open(stage->host, group);
    return group;
}

void stage_play(struct stage *stage, uint64_t group, stage_fn play)
{
    uint8_t data[sizeof(play)];

    memcpy(data, &play, sizeof(play));
    domi__group_host_frame(stage->host, DOMI__NO_LINK, 0, group, 60, data,
                           sizeof(data));
}

void stage_frame(struct stage *stage, uint32_t link, uint64_t user,
                 uint64_t group, uint16_t type, const char *text)
{
    domi__group_host_frame(stage->host, link, user, group, type,
                           (const uint8_t *)text, (uint32_t)strlen(text));
}

/* ---- as tests begin ----------------------------------------------------- */

int stage_set_up(void **state)
{
    struct stage *stage = malloc(sizeof(*stage));

    assert_non_null(stage);
    stage_init(stage, 4096);
    for (uint32_t link = 0; link < 3; link++) {
        domi__group_host_link_up(stage->host, link, 1000 + link);
        if (link < 2) {
            domi__group_host_link_features(stage->host, link,
                                           DOMI__FEATURE_GROUPS);
        }
    }
    *state = stage;
    return 0;
}

int stage_tear_down(void **state)
{
    stage_fini(*state);
    free(*state);
    return 0;
}

static void add(struct domi_group *group, uint64_t id, uint32_t link)
{
    assert_int_equal(domi_group_add(group, user_of(id, link)), 0);
}

void stage_fill(struct stage *stage, struct domi_group *group)
{
    (void)stage;
    add(group, 10, 0);
    add(group, 11, 0);
    add(group, 20, 1);
    add(group, 30, 2);
    add(group, 31, 2);
}

struct stage *stage_filled(void **state)
{
    struct stage *stage = *state;

    stage_group(stage, 666);
    stage_play(stage, 666, stage_fill);
    stage_forget(stage);
    return stage;
}
