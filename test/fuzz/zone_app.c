/* SPDX-License-Identifier: MIT */
/* A zone with groups that do whatever frames ask for. */
#include "zone_app.h"

#include "domi/group.h"

#define LIST_MAX 64u

struct zone_app zone_app;

static struct domi_user user_of(struct domi_user sender,
                                const struct domi_frame *frame)
{
    if (frame->data_size >= 8) {
        sender.id = domi_get_u64(frame->data);
    }
    return sender;
}

static void on_tick(struct domi_group *group, uint32_t ticks, void *user)
{
    uint8_t data[4];

    (void)user;
    CHECK(ticks > 0);
    domi_put_u32(data, ticks);
    domi_group_broadcast(group, GROUP_TICK, data, sizeof(data));
}

static void toggle_tick(struct domi_group *group)
{
    bool ticks = domi_group_data(group) != NULL;

    domi_group_tick(group, ticks ? 0 : 50000, on_tick, NULL);
    domi_group_set_data(group, ticks ? NULL : group);
}

static void list(struct domi_group *group, const struct domi_frame *frame)
{
    struct domi_user users[LIST_MAX];
    size_t count = domi_group_list(group, 0, users, LIST_MAX);

    CHECK(count == LIST_MAX || count == domi_group_count(group));
    for (size_t i = 0; i < count; i++) {
        CHECK(domi_group_has(group, users[i]));
    }
    domi_group_multicast(group, users, count, GROUP_LIST, frame->data,
                         frame->data_size);
}

static void flood(struct domi_group *group, const struct domi_frame *frame)
{
    unsigned times = frame->data_size > 0 ? frame->data[0] : 0;

    for (unsigned i = 0; i < times; i++) {
        domi_group_broadcast(group, GROUP_FLOOD, frame->data,
                             frame->data_size);
    }
}

static void on_frame(struct domi_group *group, struct domi_user sender,
                     const struct domi_frame *frame, void *unused)
{
    struct domi_user user = user_of(sender, frame);

    (void)unused;
    switch ((enum zone_ask)frame->type) {
    case GROUP_ADD:
        domi_group_add(group, user);
        break;
    case GROUP_SAY:
        domi_group_broadcast(group, GROUP_SAY, frame->data, frame->data_size);
        break;
    case GROUP_LIST:
        list(group, frame);
        break;
    case GROUP_OTHERS:
        domi_group_broadcast_except(group, user, GROUP_OTHERS, frame->data,
                                    frame->data_size);
        break;
    case GROUP_KICK:
        domi_group_remove(group, user,
                          user.id & 1 ? DOMI_REASON_KICKED : DOMI_REASON_LEFT);
        break;
    case GROUP_SEND:
        domi_group_send(group, user, GROUP_SEND, frame->data,
                        frame->data_size);
        break;
    case GROUP_CLOSE:
        domi_group_close(group);
        break;
    case GROUP_TICK:
        toggle_tick(group);
        break;
    case GROUP_POST:
        domi_zone_post(domi_group_zone(group), user.id, GROUP_SAY, frame->data,
                       frame->data_size);
        break;
    case GROUP_FLOOD:
        flood(group, frame);
        break;
    }
}

static void on_join(struct domi_group *group, struct domi_user member,
                    void *user)
{
    (void)user;
    CHECK(domi_group_has(group, member));
    zone_app.joins++;
    CHECK(domi_group_set_member_data(group, member, &zone_app) == 0);
}

static void on_leave(struct domi_group *group, struct domi_user member,
                     enum domi_reason reason, void *data, void *user)
{
    (void)user;
    CHECK(!domi_group_has(group, member));
    CHECK(reason > DOMI_REASON_NONE && reason < DOMI_REASON_COUNT);
    CHECK(data == &zone_app);
    zone_app.leaves++;
}

static void on_close(struct domi_group *group, enum domi_reason reason,
                     void *user)
{
    (void)user;
    CHECK(domi_group_count(group) == 0);
    CHECK(reason > DOMI_REASON_NONE && reason < DOMI_REASON_COUNT);
    zone_app.ended++;
}

/* Every third id is refused. */
static int on_group(struct domi_zone *zone, struct domi_group *group,
                    void *user)
{
    static const uint16_t types[] = {
        GROUP_ADD,  GROUP_SAY,   GROUP_LIST, GROUP_OTHERS, GROUP_KICK,
        GROUP_SEND, GROUP_CLOSE, GROUP_TICK, GROUP_POST,   GROUP_FLOOD,
    };

    (void)zone;
    (void)user;
    if (domi_group_id(group) % 3 == 2) {
        return 1;
    }
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (domi_group_handle(group, types[i], on_frame, NULL) != 0) {
            return 1; /* memory is short */
        }
    }
    domi_group_on_join(group, on_join, NULL);
    domi_group_on_leave(group, on_leave, NULL);
    domi_group_on_close(group, on_close, NULL);
    zone_app.opened++;
    return 0;
}

/* ---- its life ------------------------------------------------------------ */

static unsigned memory_use(struct domi_zone *zone, void *user)
{
    (void)zone;
    (void)user;
    return (unsigned)(stand.now_ns / 1000000000u % 101u);
}

void zone_app_open(struct domi_zone_options *options)
{
    memset(&zone_app, 0, sizeof(zone_app));
    options->no_workers = 1;
    options->on_group = on_group;
    options->memory_use = memory_use;
    zone_app.zone = domi_zone_new(&stand.uv, options);
    CHECK(zone_app.zone);
    CHECK(domi_zone_start(zone_app.zone) == 0);
}

static void post(void)
{
    uint64_t group = script_number(&stand.script);
    uint16_t type = script_byte(&stand.script);
    size_t size = script_byte(&stand.script);
    const uint8_t *bytes = script_bytes(&stand.script, &size);

    domi_zone_post(zone_app.zone, group, type, bytes, (uint32_t)size);
}

void zone_app_act(unsigned act)
{
    switch (act) {
    case ZONE_ACT_DRAIN:
        domi_zone_drain(zone_app.zone);
        break;
    case ZONE_ACT_POST:
        post();
        break;
    default:
        break;
    }
}

static void on_zone_close(struct domi_zone *zone, void *user)
{
    (void)user;
    CHECK(zone == zone_app.zone);
    CHECK(!zone_app.closed);
    zone_app.closed = true;
}

void zone_app_close(void)
{
    domi_zone_close(zone_app.zone, on_zone_close, NULL);
    stand_until(&zone_app.closed);
    CHECK(zone_app.opened == zone_app.ended);
    CHECK(zone_app.joins == zone_app.leaves);
}
