/* SPDX-License-Identifier: MIT */
/* The local registry: ids, places, coming and going. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <uv.h>

#include "cluster/cluster.h"
#include "domi/err.h"

/* A node as zones and gateways are: a membership and what became of it. */
struct member {
    struct domi__membership membership;
    struct domi__memory_port port;
    int joined; /* calls of on_joined */
    int left;
    int status;
};

struct question {
    struct domi__place place;
    int answers;
    int status;
    int id;
    struct domi__memory_port *memory;
    struct member *leaver; /* leaves while the answer is looked at */
    struct domi_registry *registry;
};

static void on_joined(struct domi__membership *membership, int status)
{
    struct member *member = membership->arg;

    member->joined++;
    member->status = status;
}

static void on_left(struct domi__membership *membership)
{
    ((struct member *)membership->arg)->left++;
}

static void init(struct member *member, const char *service, int id)
{
    *member = (struct member){0};
    member->membership.self = (struct domi__node){
        .id = id, .service = service, .memory = &member->port};
    member->membership.on_joined = on_joined;
    member->membership.on_left = on_left;
    member->membership.arg = member;
}

static int join(struct domi_registry *registry, struct member *member)
{
    int before = member->joined;

    registry->kind->join(registry, &member->membership);
    assert_int_equal(member->joined, before + 1);
    return member->status;
}

static void leave(struct domi_registry *registry, struct member *member)
{
    int before = member->left;

    registry->kind->leave(registry, &member->membership);
    assert_int_equal(member->left, before + 1);
}

static void on_placed(struct domi__place *place, int status,
                      const struct domi__node *node)
{
    struct question *question = DOMI__CONTAINER(place, struct question, place);

    question->answers++;
    question->status = status;
    if (!node) {
        return;
    }
    if (question->leaver) {
        leave(question->registry, question->leaver);
    }
    question->id = node->id;
    question->memory = node->memory;
}

static struct question ask(struct domi_registry *registry, const char *service,
                           uint64_t group, struct member *leaver)
{
    struct question question = {
        .place = {.service = service, .group = group, .on_placed = on_placed},
        .id = -1,
        .leaver = leaver,
        .registry = registry,
    };

    registry->kind->place(registry, &question.place);
    assert_int_equal(question.answers, 1);
    return question;
}

static int set_up(void **state)
{
    *state = domi_registry_local_new();
    return *state ? 0 : -1;
}

static int tear_down(void **state)
{
    domi_registry_free(*state);
    return 0;
}

static void gives_the_smallest_free_id(void **state)
{
    struct member members[4];

    for (int i = 0; i < 4; i++) {
        init(&members[i], i % 2 ? "room" : "gateway", -1);
        assert_int_equal(join(*state, &members[i]), 0);
        assert_int_equal(members[i].membership.self.id, i);
    }
    leave(*state, &members[1]);
    init(&members[1], "room", -1);
    assert_int_equal(join(*state, &members[1]), 0);
    assert_int_equal(members[1].membership.self.id, 1);
}

static void keeps_an_id_that_was_given(void **state)
{
    struct member given;
    struct member next;

    init(&given, "room", 0);
    assert_int_equal(join(*state, &given), 0);
    init(&next, "room", -1);
    assert_int_equal(join(*state, &next), 0);
    assert_int_equal(given.membership.self.id, 0);
    assert_int_equal(next.membership.self.id, 1);
}

static void refuses_an_id_that_is_taken(void **state)
{
    struct member first;
    struct member second;

    init(&first, "room", 7);
    assert_int_equal(join(*state, &first), 0);
    init(&second, "gateway", 7);
    assert_int_equal(join(*state, &second), UV_EADDRINUSE);
    /* The refused one may leave, which takes nothing from the first. */
    leave(*state, &second);
    assert_int_equal(ask(*state, "room", 1, NULL).id, 7);
    leave(*state, &first);
    assert_int_equal(join(*state, &second), 0);
}

static void a_full_registry_refuses(void **state)
{
    static struct member members[1024];

    for (int i = 0; i < 1023; i++) {
        init(&members[i], "room", -1);
        assert_int_equal(join(*state, &members[i]), 0);
    }
    init(&members[1023], "room", -1);
    assert_int_equal(join(*state, &members[1023]), DOMI_E_TOO_MANY);
    assert_int_equal(members[1023].membership.self.id, -1);
}

static void no_place_before_a_zone_has_joined(void **state)
{
    struct question question = ask(*state, "room", 666, NULL);
    struct member other;

    assert_int_equal(question.status, DOMI_E_NO_ZONE);
    init(&other, "hall", -1);
    assert_int_equal(join(*state, &other), 0);
    assert_int_equal(ask(*state, "room", 666, NULL).status, DOMI_E_NO_ZONE);
}

static void a_node_without_a_memory_port_is_no_place(void **state)
{
    struct member gateway;

    init(&gateway, "room", -1);
    gateway.membership.self.memory = NULL;
    assert_int_equal(join(*state, &gateway), 0);
    assert_int_equal(ask(*state, "room", 666, NULL).status, DOMI_E_NO_ZONE);
}

static void places_groups_only_in_zones_of_the_service(void **state)
{
    struct member members[6];
    unsigned seen = 0;

    for (int i = 0; i < 6; i++) {
        init(&members[i], i < 3 ? "room" : "hall", -1);
        assert_int_equal(join(*state, &members[i]), 0);
    }
    for (uint64_t group = 0; group < 200; group++) {
        struct question question = ask(*state, "room", group, NULL);

        assert_int_equal(question.status, 0);
        assert_in_range(question.id, 0, 2);
        assert_ptr_equal(question.memory, &members[question.id].port);
        seen |= 1u << question.id;
    }
    assert_int_equal(seen, 7);
}

static void a_zone_that_leaves_is_no_place_and_may_come_back(void **state)
{
    struct member member;

    init(&member, "room", -1);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(join(*state, &member), 0);
        assert_int_equal(ask(*state, "room", 666, NULL).status, 0);
        leave(*state, &member);
        assert_int_equal(ask(*state, "room", 666, NULL).status, DOMI_E_NO_ZONE);
    }
}

static void a_zone_may_leave_while_it_is_the_answer(void **state)
{
    struct member member;
    struct question question;

    init(&member, "room", 3);
    assert_int_equal(join(*state, &member), 0);
    question = ask(*state, "room", 666, &member);
    assert_int_equal(question.status, 0);
    assert_int_equal(question.id, 3);
    assert_ptr_equal(question.memory, &member.port);
}

static void freeing_accepts_null(void **state)
{
    (void)state;
    domi_registry_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_the_smallest_free_id),
        cmocka_unit_test(keeps_an_id_that_was_given),
        cmocka_unit_test(refuses_an_id_that_is_taken),
        cmocka_unit_test(a_full_registry_refuses),
        cmocka_unit_test(no_place_before_a_zone_has_joined),
        cmocka_unit_test(a_node_without_a_memory_port_is_no_place),
        cmocka_unit_test(places_groups_only_in_zones_of_the_service),
        cmocka_unit_test(a_zone_that_leaves_is_no_place_and_may_come_back),
        cmocka_unit_test(a_zone_may_leave_while_it_is_the_answer),
        cmocka_unit_test(freeing_accepts_null),
    };
    struct CMUnitTest each[sizeof(tests) / sizeof(tests[0])];

    for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
        each[i] = tests[i];
        each[i].setup_func = set_up;
        each[i].teardown_func = tear_down;
    }
    return cmocka_run_group_tests(each, NULL, NULL);
}
