/* SPDX-License-Identifier: MIT */
/* A registry in the hand of a test. */
#include "hand.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct hand *hand_of(struct domi_registry *registry)
{
    return DOMI__CONTAINER(registry, struct hand, base);
}

void hand_answer(struct hand *hand, int status, int id)
{
    assert_non_null(hand->member);
    if (status == 0) {
        hand->member->self.id = id;
    }
    hand->member->on_joined(hand->member, status);
}

static void join(struct domi_registry *registry,
                 struct domi__membership *member)
{
    struct hand *hand = hand_of(registry);

    assert_null(hand->member);
    assert_non_null(member->loop);
    hand->member = member;
    if (hand->answers) {
        hand_answer(hand, hand->status, hand->id);
    }
}

static void leave(struct domi_registry *registry,
                  struct domi__membership *member)
{
    assert_ptr_equal(hand_of(registry)->member, member);
    hand_of(registry)->member = NULL;
    member->on_left(member);
}

static void update(struct domi_registry *registry,
                   struct domi__membership *member)
{
    struct hand *hand = hand_of(registry);

    assert_ptr_equal(hand->member, member);
    hand->updates++;
    hand->draining = member->self.draining;
}

static void place(struct domi_registry *registry, struct domi__place *place)
{
    struct domi_registry *real = hand_of(registry)->real;

    real->kind->place(real, place);
}

static void cancel(struct domi_registry *registry, struct domi__place *place)
{
    struct domi_registry *real = hand_of(registry)->real;

    real->kind->cancel(real, place);
}

static unsigned stale_s(const struct domi_registry *registry)
{
    return DOMI__CONTAINER(registry, const struct hand, base)->stale_s;
}

void hand_open(struct hand *hand, struct domi_registry *real)
{
    static const struct domi__registry_kind kind = {
        .name = "hand",
        .join = join,
        .leave = leave,
        .update = update,
        .place = place,
        .cancel = cancel,
        .stale_s = stale_s,
    };

    *hand = (struct hand){
        .base = {.kind = &kind},
        .real = real,
        .answers = true,
        .id = 7,
    };
}

void hand_set_id(struct hand *hand, int id)
{
    hand->member->self.id = id;
    hand->member->on_id(hand->member);
}

void hand_set_outdated(struct hand *hand, bool outdated)
{
    hand->member->outdated = outdated;
    hand->member->on_outdated(hand->member);
}
