/* SPDX-License-Identifier: MIT */
/* Tests of request targets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "http/http.h"

static void decodes_once_and_drops_the_query(void **state)
{
    static const struct {
        const char *target;
        const char *path;
    } rows[] = {
        {"/", "/"},
        {"/a/b.html", "/a/b.html"},
        {"/a?b=/../c", "/a"},
        {"/?", "/"},
        {"/%41%5f%7e", "/A_~"},
        {"/%252e%252e", "/%2e%2e"},
        {"/a..b/...", "/a..b/..."},
        {"//x", "//x"},
        {"/%C3%A9", "/\xc3\xa9"},
    };
    char out[64];

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_true(domi__http_path_decode(rows[i].target,
                                           strlen(rows[i].target), out));
        assert_string_equal(out, rows[i].path);
    }
}

static void refuses_what_is_no_plain_path(void **state)
{
    static const char *const targets[] = {
        "",        "a",       "*",       "http://h/", "/..",     "/../a",
        "/a/..",   "/a/../b", "/.",      "/./a",      "/%2e%2e", "/%2E/a",
        "/%2f",    "/a%2Fb",  "/%00",    "/%5c",      "/a\\b",   "/%",
        "/%1",     "/%zz",    "/%1f",    "/%7f",      "/a#b",    "/a b",
        "/a\x80",  "/a\x01",  "/%2e./a", "/.%2e",
    };
    char out[64];

    (void)state;
    for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
        if (domi__http_path_decode(targets[i], strlen(targets[i]), out)) {
            fail_msg("taken: %s", targets[i]);
        }
    }
    assert_false(domi__http_path_decode("/a\0b", 4, out));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decodes_once_and_drops_the_query),
        cmocka_unit_test(refuses_what_is_no_plain_path),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
