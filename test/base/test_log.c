/* SPDX-License-Identifier: MIT */
/* Tests of base/log.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/log.h"

struct fixture {
    struct domi__log log;
    unsigned lines;
    enum domi_log_level level; /* of the last line */
    char last[2048];
    char before[2048]; /* the line before the last */
};

static void keep(enum domi_log_level level, const char *line, void *user)
{
    struct fixture *f = user;

    f->lines++;
    f->level = level;
    memcpy(f->before, f->last, sizeof(f->before));
    snprintf(f->last, sizeof(f->last), "%s", line);
}

static void set_up(struct fixture *f)
{
    memset(f, 0, sizeof(*f));
    domi__log_init(&f->log, keep, f);
}

static void formats_a_line(void **state)
{
    struct fixture f;

    (void)state;
    set_up(&f);
    domi__log(&f.log, DOMI_LOG_INFO, "port %d of %s", 80, "host");
    assert_string_equal(f.last, "port 80 of host");
    assert_int_equal(f.level, DOMI_LOG_INFO);
    assert_int_equal(f.lines, 1);
}

static void cuts_a_line_that_is_too_long(void **state)
{
    struct fixture f;
    char text[2000];

    (void)state;
    set_up(&f);
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    domi__log(&f.log, DOMI_LOG_DEBUG, "%s", text);
    assert_in_range(strlen(f.last), 500, sizeof(text) - 2);
    assert_memory_equal(f.last, text, strlen(f.last));
}

static void is_silent_without_a_callback(void **state)
{
    struct domi__log log;

    (void)state;
    domi__log_init(&log, NULL, NULL);
    domi__log(&log, DOMI_LOG_ERROR, "nobody hears");
    for (unsigned i = 0; i < 2 * DOMI__LOG_PEER_LINES; i++) {
        domi__log_peer(&log, DOMI_LOG_WARNING, "nobody hears");
    }
    assert_int_equal(log.held_back, 0);
}

static void does_not_limit_what_no_peer_causes(void **state)
{
    struct fixture f;

    (void)state;
    set_up(&f);
    for (unsigned i = 0; i < 10 * DOMI__LOG_PEER_LINES; i++) {
        domi__log(&f.log, DOMI_LOG_INFO, "line %u", i);
    }
    assert_int_equal(f.lines, 10 * DOMI__LOG_PEER_LINES);
}

/* Logs 50 lines about a peer within one second of the clock. */
static void log_fifty(struct fixture *f)
{
    uint64_t second;

    do {
        set_up(f);
        domi__log_peer(&f->log, DOMI_LOG_WARNING, "peer 0");
        second = f->log.second;
        for (unsigned i = 1; i < 50; i++) {
            domi__log_peer(&f->log, DOMI_LOG_WARNING, "peer %u", i);
        }
    } while (f->log.second != second);
}

static void holds_back_what_is_too_much_for_a_second(void **state)
{
    struct fixture f;

    (void)state;
    log_fifty(&f);
    assert_int_equal(f.lines, DOMI__LOG_PEER_LINES);
    assert_string_equal(f.last, "peer 19");
}

static void says_how_much_it_held_back(void **state)
{
    struct fixture f;

    (void)state;
    log_fifty(&f);
    f.log.second--; /* as if a second had passed */
    domi__log_peer(&f.log, DOMI_LOG_WARNING, "again");
    assert_int_equal(f.lines, DOMI__LOG_PEER_LINES + 2);
    assert_string_equal(f.before, "30 more lines like these were held back");
    assert_string_equal(f.last, "again");
    f.log.second--;
    domi__log_peer(&f.log, DOMI_LOG_WARNING, "and again");
    assert_string_equal(f.before, "again");
}

static void escapes_what_could_forge_a_line(void **state)
{
    char out[64];

    (void)state;
    assert_string_equal(
        domi__log_escape(out, sizeof(out), "a\n\"'\\\x7f\xff~ \0", 10),
        "a\\x0a\\x22\\x27\\x5c\\x7f\\xff~ \\x00");
    assert_ptr_equal(domi__log_escape(out, sizeof(out), "", 0), out);
    assert_string_equal(out, "");
}

static void cuts_foreign_text_between_characters(void **state)
{
    char out[16];

    (void)state;
    memset(out, '#', sizeof(out));
    domi__log_escape(out, 8, "abcd\n", 5);
    assert_string_equal(out, "abcd");
    assert_int_equal(out[8], '#');
    domi__log_escape(out, 9, "abcd\n", 5);
    assert_string_equal(out, "abcd\\x0a");
    domi__log_escape(out, 1, "abcd", 4);
    assert_string_equal(out, "");
    out[0] = '#';
    domi__log_escape(out, 0, "abcd", 4);
    assert_int_equal(out[0], '#');
}

static void names_its_levels(void **state)
{
    (void)state;
    assert_string_equal(domi_log_level_name(DOMI_LOG_ERROR), "error");
    assert_string_equal(domi_log_level_name(DOMI_LOG_WARNING), "warning");
    assert_string_equal(domi_log_level_name(DOMI_LOG_INFO), "info");
    assert_string_equal(domi_log_level_name(DOMI_LOG_DEBUG), "debug");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(formats_a_line),
        cmocka_unit_test(cuts_a_line_that_is_too_long),
        cmocka_unit_test(is_silent_without_a_callback),
        cmocka_unit_test(does_not_limit_what_no_peer_causes),
        cmocka_unit_test(holds_back_what_is_too_much_for_a_second),
        cmocka_unit_test(says_how_much_it_held_back),
        cmocka_unit_test(escapes_what_could_forge_a_line),
        cmocka_unit_test(cuts_foreign_text_between_characters),
        cmocka_unit_test(names_its_levels),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
