/* SPDX-License-Identifier: MIT */
/* A node's HTTP answers and the check of its options. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "cluster/cluster.h"
#include "domi/err.h"

static const struct domi__node node = {.id = 12, .version = 3};

static void check_answer(const char *path, const char *expected)
{
    char body[64] = "";

    assert_int_equal(domi__node_answer(&node, 41, path, body, sizeof(body)),
                     200);
    assert_string_equal(body, expected);
}

static void answers_below_its_own_id(void **state)
{
    (void)state;
    check_answer("/12/health", "consul healthy check!\n");
    check_answer("/12/ping", "pong\n");
    check_answer("/12/version", "3\n");
    check_answer("/12/weight", "41\n");
}

static void other_paths_are_not_its_own(void **state)
{
    static const char *const paths[] = {
        "",        "/",        "/12",         "/12/",     "/1/health",
        "/health", "/13/ping", "/12/health/", "/12/exit", "/012/ping",
        "/12ping", "12/ping",  "/123/ping",
    };
    char body[64];

    (void)state;
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        assert_int_equal(
            domi__node_answer(&node, 0, paths[i], body, sizeof(body)), 0);
    }
}

static void a_node_without_an_id_answers_nothing(void **state)
{
    struct domi__node none = {.id = -1};
    char body[64];

    (void)state;
    assert_int_equal(
        domi__node_answer(&none, 0, "/-1/ping", body, sizeof(body)), 0);
}

static void a_body_never_passes_its_end(void **state)
{
    char body[8];

    (void)state;
    memset(body, 'x', sizeof(body));
    assert_int_equal(domi__node_answer(&node, 0, "/12/health", body, 4), 200);
    assert_memory_equal(body, "con\0xxxx", 8);
}

struct lines {
    int count;
    char last[256];
};

static void keep_line(enum domi_log_level level, const char *line, void *user)
{
    struct lines *lines = user;

    assert_int_equal(level, DOMI_LOG_ERROR);
    lines->count++;
    snprintf(lines->last, sizeof(lines->last), "%s", line);
}

static int check(struct lines *lines, const char *host, int tcp, int http,
                 const int *id, int version)
{
    struct domi__log log;

    *lines = (struct lines){0};
    domi__log_init(&log, keep_line, lines);
    return domi__node_check(&log, host, tcp, http, id, version);
}

static void allowed_options_pass_without_a_word(void **state)
{
    static const int ids[] = {0, 1022};
    struct lines lines;

    (void)state;
    assert_int_equal(check(&lines, "127.0.0.1", 0, 0, NULL, 1), 0);
    assert_int_equal(lines.count, 0);
    assert_int_equal(check(&lines, "::", 65535, DOMI_PORT_ANY, &ids[0], 0), 0);
    assert_int_equal(lines.count, 0);
    assert_int_equal(check(&lines, "0.0.0.0", 1, 65535, &ids[1], 9), 0);
    assert_int_equal(lines.count, 0);
}

static void check_refused(const char *name, const char *host, int tcp, int http,
                          int id, int version)
{
    struct lines lines;

    assert_int_equal(check(&lines, host, tcp, http, &id, version),
                     DOMI_E_OPTION);
    assert_int_equal(lines.count, 1);
    assert_non_null(strstr(lines.last, name));
}

static void the_log_names_the_option_that_is_wrong(void **state)
{
    (void)state;
    check_refused("option host is", "localhost", 0, 0, 0, 1);
    check_refused("option host is", "", 0, 0, 0, 1);
    check_refused("option host is", NULL, 0, 0, 0, 1);
    check_refused("option host is \"a\\x0ab\"", "a\nb", 0, 0, 0, 1);
    check_refused("option tcp_port is 65536", "::1", 65536, 0, 0, 1);
    check_refused("option tcp_port is -2", "::1", -2, 0, 0, 1);
    check_refused("option http_port is 70000", "::1", 0, 70000, 0, 1);
    check_refused("option id is 1023", "::1", 0, 0, 1023, 1);
    check_refused("option id is -1", "::1", 0, 0, -1, 1);
    check_refused("option version is -1", "::1", 0, 0, 0, -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_below_its_own_id),
        cmocka_unit_test(other_paths_are_not_its_own),
        cmocka_unit_test(a_node_without_an_id_answers_nothing),
        cmocka_unit_test(a_body_never_passes_its_end),
        cmocka_unit_test(allowed_options_pass_without_a_word),
        cmocka_unit_test(the_log_names_the_option_that_is_wrong),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
