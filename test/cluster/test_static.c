/* SPDX-License-Identifier: MIT */
/* The static registry: the list, its order, and ids from addresses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cluster/cluster.h"
#include "domi/err.h"

struct question {
    struct domi__place place;
    int answers;
    int status;
    int port;
};

static void on_placed(struct domi__place *place, int status,
                      const struct domi__node *node)
{
    struct question *question = DOMI__CONTAINER(place, struct question, place);

    question->answers++;
    question->status = status;
    if (node) {
        assert_null(node->memory);
        assert_string_equal(node->service, place->service);
        assert_non_null(node->host);
        question->port = node->tcp_port;
    }
}

static struct question ask(struct domi_registry *registry, const char *service,
                           uint64_t group)
{
    struct question question = {
        .place = {.service = service, .group = group, .on_placed = on_placed},
    };

    registry->kind->place(registry, &question.place);
    assert_int_equal(question.answers, 1);
    return question;
}

static void on_joined(struct domi__membership *membership, int status)
{
    assert_int_equal(status, 0);
    ++*(int *)membership->arg;
}

static void on_left(struct domi__membership *membership)
{
    --*(int *)membership->arg;
}

static int join(struct domi_registry *registry, const char *host, int tcp_port,
                int http_port, int id)
{
    int joined = 0;
    struct domi__membership membership = {
        .self = {.id = id,
                 .service = "room",
                 .host = host,
                 .tcp_port = tcp_port,
                 .http_port = http_port},
        .on_joined = on_joined,
        .on_left = on_left,
        .arg = &joined,
    };

    registry->kind->join(registry, &membership);
    assert_int_equal(joined, 1);
    registry->kind->leave(registry, &membership);
    assert_int_equal(joined, 0);
    return membership.self.id;
}

static int set_up(void **state)
{
    *state = domi_registry_static_new();
    return *state ? 0 : -1;
}

static int tear_down(void **state)
{
    domi_registry_free(*state);
    return 0;
}

static void an_empty_list_has_no_zone(void **state)
{
    assert_int_equal(ask(*state, "room", 666).status, DOMI_E_NO_ZONE);
    assert_int_equal(domi_registry_static_add(*state, "hall", "127.0.0.1", 1),
                     0);
    assert_int_equal(ask(*state, "room", 666).status, DOMI_E_NO_ZONE);
    assert_int_equal(ask(*state, "hall", 666).port, 1);
}

static void refuses_what_is_no_address(void **state)
{
    static const struct {
        const char *service;
        const char *host;
        int port;
    } wrong[] = {
        {"room", "localhost", 9999},   {"room", "127.0.0.1", 0},
        {"room", "127.0.0.1", 65536},  {"room", "127.0.0.1", -1},
        {"", "127.0.0.1", 9999},       {NULL, "127.0.0.1", 9999},
        {"room", NULL, 9999},          {"room", "", 9999},
        {"room", "127.0.0.1:1", 9999}, {"room", "127.1", 9999},
    };

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_int_equal(domi_registry_static_add(*state, wrong[i].service,
                                                  wrong[i].host, wrong[i].port),
                         DOMI_E_OPTION);
    }
    assert_int_equal(ask(*state, "room", 1).status, DOMI_E_NO_ZONE);
}

static void refuses_a_zone_that_is_listed_already(void **state)
{
    assert_int_equal(domi_registry_static_add(*state, "room", "::1", 9999), 0);
    assert_int_equal(
        domi_registry_static_add(*state, "room", "0:0:0:0:0:0:0:1", 9999),
        DOMI_E_OPTION);
    assert_int_equal(domi_registry_static_add(*state, "room", "::1", 9998), 0);
    assert_int_equal(domi_registry_static_add(*state, "hall", "::1", 9999), 0);
}

static void another_kind_of_registry_takes_no_list(void **state)
{
    struct domi_registry *local = domi_registry_local_new();

    (void)state;
    assert_non_null(local);
    assert_int_equal(domi_registry_static_add(local, "room", "127.0.0.1", 1),
                     DOMI_E_STATE);
    domi_registry_free(local);
}

static void lists_in_any_order_and_spelling_agree(void **state)
{
    struct domi_registry *other = domi_registry_static_new();
    unsigned seen = 0;

    assert_non_null(other);
    for (int port = 1; port <= 4; port++) {
        assert_int_equal(
            domi_registry_static_add(*state, "room", "fe80::a", port), 0);
        assert_int_equal(
            domi_registry_static_add(other, "room", "FE80:0::000A", 5 - port),
            0);
    }
    for (uint64_t group = 0; group < 200; group++) {
        int port = ask(*state, "room", group).port;

        assert_int_equal(ask(other, "room", group).port, port);
        seen |= 1u << port;
    }
    assert_int_equal(seen, 0x1e);
    domi_registry_free(other);
}

static void a_node_that_joins_is_not_listed(void **state)
{
    join(*state, "127.0.0.1", 9999, 0, -1);
    assert_int_equal(ask(*state, "room", 666).status, DOMI_E_NO_ZONE);
}

/* The numbers were worked out from the formula by another program. */
static void ids_come_from_addresses(void **state)
{
    assert_int_equal(join(*state, "127.0.0.1", 9999, 8090, -1), 956);
    assert_int_equal(join(*state, "127.0.0.1", 0, 8080, -1), 503);
    assert_int_equal(join(*state, "10.0.0.1", 8888, 0, -1), 778);
}

static void an_id_that_was_given_stays(void **state)
{
    assert_int_equal(join(*state, "127.0.0.1", 9999, 0, 0), 0);
    assert_int_equal(join(*state, "127.0.0.1", 9999, 0, 1022), 1022);
}

static void ids_are_in_range(void **state)
{
    for (int port = 1; port < 65536; port += 17) {
        assert_in_range(join(*state, "127.0.0.1", port, 0, -1), 0, 1022);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_list_has_no_zone),
        cmocka_unit_test(refuses_what_is_no_address),
        cmocka_unit_test(refuses_a_zone_that_is_listed_already),
        cmocka_unit_test(another_kind_of_registry_takes_no_list),
        cmocka_unit_test(lists_in_any_order_and_spelling_agree),
        cmocka_unit_test(a_node_that_joins_is_not_listed),
        cmocka_unit_test(ids_come_from_addresses),
        cmocka_unit_test(an_id_that_was_given_stays),
        cmocka_unit_test(ids_are_in_range),
    };
    struct CMUnitTest each[sizeof(tests) / sizeof(tests[0])];

    for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
        each[i] = tests[i];
        each[i].setup_func = set_up;
        each[i].teardown_func = tear_down;
    }
    return cmocka_run_group_tests(each, NULL, NULL);
}
