/* SPDX-License-Identifier: MIT */
/* The check of the options that zones and gateways have in common. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "cluster/cluster.h"
#include "domi/err.h"

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

static int check_token(struct lines *lines, const char *token)
{
    struct domi__log log;

    *lines = (struct lines){0};
    domi__log_init(&log, keep_line, lines);
    return domi__node_check_token(&log, token);
}

static void tokens_are_visible_and_not_too_long(void **state)
{
    static const char *const wrong[] = {"",      " ",     "two words",
                                        "tab\t", "\x7f", "\xc3\xa4"};
    struct lines lines;
    char token[258];

    (void)state;
    assert_int_equal(check_token(&lines, NULL), 0);
    assert_int_equal(check_token(&lines, "!a~"), 0);
    memset(token, 'x', sizeof(token));
    token[256] = '\0';
    assert_int_equal(check_token(&lines, token), 0);
    assert_int_equal(lines.count, 0);
    token[256] = 'x';
    token[257] = '\0';
    assert_int_equal(check_token(&lines, token), DOMI_E_OPTION);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_int_equal(check_token(&lines, wrong[i]), DOMI_E_OPTION);
        assert_int_equal(lines.count, 1);
        assert_non_null(strstr(lines.last, "option admin_token must be"));
    }
}

static void the_log_never_tells_a_token(void **state)
{
    struct lines lines;

    (void)state;
    check_token(&lines, "secret word");
    assert_int_equal(lines.count, 1);
    assert_null(strstr(lines.last, "secret"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(allowed_options_pass_without_a_word),
        cmocka_unit_test(the_log_names_the_option_that_is_wrong),
        cmocka_unit_test(tokens_are_visible_and_not_too_long),
        cmocka_unit_test(the_log_never_tells_a_token),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
