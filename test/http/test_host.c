/* SPDX-License-Identifier: MIT */
/* Who a browser believes to be talking to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "http/http.h"

static void an_origin_is_of_a_host(void **state)
{
    (void)state;
    assert_true(domi__http_is_same_host("http://h", "h"));
    assert_true(domi__http_is_same_host("HTTPS://H:8443", "h:8443"));
    assert_false(domi__http_is_same_host("http://h:80", "h"));
    assert_false(domi__http_is_same_host("http://hh", "h"));
    assert_false(domi__http_is_same_host("ftp://h", "h"));
    assert_false(domi__http_is_same_host("null", "null"));
    assert_false(domi__http_is_same_host("", ""));
}

static void an_origin_is_a_scheme_a_host_and_perhaps_a_port(void **state)
{
    static const char *const good[] = {
        "http://h",         "https://example.com", "https://h:8443",
        "http://127.0.0.1", "http://[::1]:80",     "capacitor://localhost"};
    static const char *const bad[] = {
        "",          "null",       "*",         "h",         "http:",
        "http://",   "http:///",   "http://h/", "http://h?", "http://h#x",
        "://h",      "http://h h", "http://h,", "http://a@h", "http://h\\",
        "http://\n", "http://\x7f", "http ://h", "/http://h",
        "http:/h",
    };
    char text[300];

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_true(domi__http_is_origin(good[i]));
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_false(domi__http_is_origin(bad[i]));
    }
    memset(text, 'h', sizeof(text));
    memcpy(text, "http://", 7);
    text[255] = '\0';
    assert_true(domi__http_is_origin(text));
    text[255] = 'h';
    text[256] = '\0';
    assert_false(domi__http_is_origin(text));
}

static void a_usual_port_makes_no_difference(void **state)
{
    (void)state;
    assert_true(domi__http_is_same_origin("http://h", "HTTP://H:80"));
    assert_true(domi__http_is_same_origin("https://h:443", "https://h"));
    assert_true(domi__http_is_same_origin("https://h:80", "https://h:80"));
    assert_false(domi__http_is_same_origin("https://h:80", "https://h"));
    assert_false(domi__http_is_same_origin("http://h:443", "http://h"));
    assert_false(domi__http_is_same_origin("http://h", "https://h"));
    assert_false(domi__http_is_same_origin("http://h:8080", "http://h"));
    assert_false(domi__http_is_same_origin("http://:80", "http://"));
    assert_false(domi__http_is_same_origin("null", "http://h"));
}

static void addresses_and_localhost_are_local(void **state)
{
    static const char *const local[] = {
        "127.0.0.1", "127.0.0.1:80", "192.0.2.7:65535", "0.0.0.0",
        "localhost", "LOCALHOST:1",  "[::1]",           "[2001:db8::1]:80",
        "localhost:"};

    (void)state;
    for (size_t i = 0; i < sizeof(local) / sizeof(local[0]); i++) {
        assert_true(domi__http_is_local_host(local[i]));
    }
}

static void names_are_not(void **state)
{
    static const char *const others[] = {
        "",           ":80",          "example.org",   "localhost.example.org",
        "xlocalhost", "localhost.",   "127.0.0.1.nip", "127.0.0.1:80.org",
        "127.0.0",    "0x7f.0.0.1",   "1.2.3.4.5",     "::1",
        "[::1",       "[localhost]",  "[127.0.0.1]",   "[::1]x",
        "[]",         "[::1]:x",      "::ffff:1.2.3.4",
        "1111111111111111111111111111111111111111111111111111111111",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        assert_false(domi__http_is_local_host(others[i]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_origin_is_of_a_host),
        cmocka_unit_test(an_origin_is_a_scheme_a_host_and_perhaps_a_port),
        cmocka_unit_test(a_usual_port_makes_no_difference),
        cmocka_unit_test(addresses_and_localhost_are_local),
        cmocka_unit_test(names_are_not),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
