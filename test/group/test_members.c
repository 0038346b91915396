/* SPDX-License-Identifier: MIT */
/* Memberships against a naive model, and what they cost in memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "group/group.h"
#include "group/members.h"

/* ---- the model ---------------------------------------------------------- */

#define GROUPS 7
#define LINKS 3
#define USERS 40
#define STEPS 200000

struct model {
    struct domi__members members;
    struct domi__group_roster rosters[GROUPS];
    bool is[GROUPS][LINKS][USERS];
    uint64_t seed;
};

static uint32_t pick(struct model *model, uint32_t below)
{
    model->seed = model->seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(model->seed >> 33) % below;
}

static void check_group(const struct model *model, uint32_t group)
{
    const struct domi__group_roster *roster = &model->rosters[group];
    uint32_t behind[LINKS] = {0};
    uint32_t count = 0, shares = 0;

    for (uint32_t i = 0; i < roster->count; i++) {
        const struct domi__member *member =
            domi__members_at(&model->members, roster->records[i]);

        assert_int_equal(member->group, group);
        assert_int_equal(member->position, i);
        assert_true(model->is[group][member->link][member->user]);
    }
    for (uint32_t link = 0; link < LINKS; link++) {
        for (uint32_t user = 0; user < USERS; user++) {
            uint32_t number =
                domi__members_find(&model->members, group, link, user);

            assert_int_equal(number != 0, model->is[group][link][user]);
            behind[link] += number != 0;
        }
        count += behind[link];
        shares += behind[link] > 0;
        assert_int_equal(domi__group_roster_behind(roster, link),
                         behind[link]);
    }
    assert_int_equal(roster->count, count);
    assert_int_equal(roster->share_count, shares);
}

static void check(const struct model *model)
{
    uint32_t count = 0;

    for (uint32_t group = 0; group < GROUPS; group++) {
        check_group(model, group);
        count += model->rosters[group].count;
    }
    assert_int_equal(model->members.count, count);
}

/* Adds the user if it is not there, removes it if it is. */
static void turn(struct model *model, uint32_t group, uint32_t link,
                 uint32_t user)
{
    struct domi__group_roster *roster = &model->rosters[group];
    bool *is = &model->is[group][link][user];

    if (*is) {
        domi__members_remove(
            &model->members, roster,
            domi__members_find(&model->members, group, link, user));
    } else {
        assert_int_not_equal(
            domi__members_add(&model->members, roster, group, link, user), 0);
    }
    *is = !*is;
}

static void take(struct model *model, uint32_t link, uint32_t user)
{
    uint32_t number = domi__members_take(&model->members, link, user);

    while (number) {
        const struct domi__member *member =
            domi__members_at(&model->members, number);
        uint32_t next = member->next;
        uint32_t group = member->group;

        assert_true(model->is[group][link][user]);
        model->is[group][link][user] = false;
        domi__members_drop(&model->members, &model->rosters[group], number);
        number = next;
    }
    for (uint32_t group = 0; group < GROUPS; group++) {
        assert_false(model->is[group][link][user]);
    }
}

static void behaves_like_a_naive_model(void **state)
{
    struct model *model = calloc(1, sizeof(*model));

    (void)state;
    model->seed = 1;
    assert_int_equal(domi__members_init(&model->members), 0);
    check(model);
    for (int step = 0; step < STEPS; step++) {
        /* The number of users in play swings, so that the hash and the rosters
           grow and shrink. */
        uint32_t users = 1 + (uint32_t)(step / 5000) * 17 % USERS;
        uint32_t link = pick(model, LINKS);
        uint32_t user = pick(model, users);

        if (pick(model, 10) == 0) {
            take(model, link, user);
        } else {
            turn(model, pick(model, GROUPS), link, user);
        }
        if (step % 500 == 0) {
            check(model);
        }
    }
    check(model);
    for (uint32_t group = 0; group < GROUPS; group++) {
        domi__group_roster_fini(&model->rosters[group]);
    }
    domi__members_fini(&model->members);
    free(model);
}

/* ---- memory ------------------------------------------------------------- */

#define MANY_GROUPS 10000u
#define MANY_MEMBERS 100000u

static void *reserve(void *arg, size_t size)
{
    (void)size;
    return arg;
}

static void commit(void *arg, uint32_t kind)
{
    (void)arg;
    (void)kind;
}

static uint64_t now(void *arg)
{
    (void)arg;
    return 0;
}

static void on_join(struct domi_group *group, struct domi_user user,
                    const struct domi_frame *frame, void *unused)
{
    (void)frame;
    (void)unused;
    assert_int_equal(domi_group_add(group, user), 0);
}

static int on_group(struct domi_zone *zone, struct domi_group *group,
                    void *user)
{
    (void)zone;
    (void)user;
    domi_group_handle(group, 51, on_join, NULL);
    return domi_group_handle(group, 52, on_join, group);
}

static size_t allocated(void)
{
    struct mallinfo2 info = mallinfo2();

    return info.uordblks + info.hblkhd;
}

/* Some memory checkers do not count what they give. */
static bool can_measure(void)
{
    size_t before = allocated();
    void *volatile some = malloc(100000);
    bool can = allocated() >= before + 100000;

    free(some);
    return can;
}

static void costs_little_memory(void **state)
{
    static uint64_t record[64];
    const struct domi__group_calls calls = {reserve, commit, now};
    struct domi__group_options options = {.calls = &calls,
                                          .arg = record,
                                          .on_group = on_group,
                                          .frame_limit = 256,
                                          .record_limit = 256};
    struct domi__group_host *host;
    size_t before, groups, members;

    (void)state;
    if (!can_measure()) {
        skip();
    }
    before = allocated();
    host = domi__group_host_new(&options);
    domi__group_host_link_up(host, 0, 1000);
    domi__group_host_link_up(host, 1, 1001);
    for (uint64_t i = 0; i < MANY_GROUPS; i++) {
        domi__group_host_frame(host, 0, 1000, i, 53, (const uint8_t *)"", 0);
    }
    groups = allocated() - before;
    for (uint64_t i = 0; i < MANY_MEMBERS; i++) {
        domi__group_host_frame(host, (uint32_t)(i % 2), i + 1,
                               i % MANY_GROUPS, 51, (const uint8_t *)"", 0);
    }
    members = allocated() - before - groups;
    print_message("%zu bytes for a group, %zu for a membership\n",
                  groups / MANY_GROUPS, members / MANY_MEMBERS);
    assert_in_range(groups / MANY_GROUPS, 1, 400);
    assert_in_range(members / MANY_MEMBERS, 1, 64);
    domi__group_host_stop(host);
    domi__group_host_free(host);
    assert_in_range(allocated(), 0, before + 100000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(behaves_like_a_naive_model),
        cmocka_unit_test(costs_little_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
