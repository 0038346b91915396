/* SPDX-License-Identifier: MIT */
/* Tests of the request parser: whole, cut at every byte, and hostile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "http/http.h"

#define HOST "Host: h\r\n"

static struct domi__http_parser *parser;

static int set_up(void **state)
{
    (void)state;
    parser = domi__http_parser_new();
    return parser ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    domi__http_parser_free(parser);
    return 0;
}

/* Feeds text in pieces of `piece` bytes until there is a result. */
static int feed(const char *text, size_t size, size_t piece)
{
    size_t at = 0;
    int status = 0;

    while (at < size && status == 0) {
        size_t part = size - at < piece ? size - at : piece;
        char *copy = malloc(part); /* so that the sanitizer sees overruns */
        size_t taken;

        memcpy(copy, text + at, part);
        status = domi__http_parser_feed(parser, copy, part, &taken);
        free(copy);
        assert_true(taken <= part);
        if (status == 0) {
            assert_int_equal(taken, part);
        }
        at += taken;
    }
    return status;
}

/* The result of the text as a whole, which must be that of all its cuts. */
static int result_of(const char *text)
{
    size_t size = strlen(text);
    int whole = 0;

    for (size_t piece = size; piece > 0; piece = piece > 64 ? piece / 2
                                                            : piece - 1) {
        int result;

        domi__http_parser_free(parser);
        parser = domi__http_parser_new();
        result = feed(text, size, piece);
        if (piece == size) {
            whole = result;
        }
        assert_int_equal(result, whole);
    }
    return whole;
}

static const struct domi__http_request *request(void)
{
    return domi__http_parser_request(parser);
}

static void reads_a_request_cut_anywhere(void **state)
{
    (void)state;
    assert_int_equal(result_of("GET /a%20b?q=1 HTTP/1.1\r\nHost: ex.org:80\r\n"
                               "X-Other: whatever \r\nOrigin:  http://o \t\r\n"
                               "IF-NONE-MATCH: \"1\"\r\n"
                               "if-none-match: \"2\"\r\n\r\n"),
                     1);
    assert_int_equal(request()->method, DOMI__HTTP_GET);
    assert_string_equal(request()->path, "/a b");
    assert_string_equal(request()->headers[DOMI__HTTP_HOST], "ex.org:80");
    assert_string_equal(request()->headers[DOMI__HTTP_ORIGIN], "http://o");
    assert_string_equal(request()->headers[DOMI__HTTP_IF_NONE_MATCH],
                        "\"1\", \"2\"");
    assert_null(request()->headers[DOMI__HTTP_UPGRADE]);
    assert_true(request()->keep_alive);
    assert_false(request()->has_body);
}

static void takes_pipelined_requests_one_by_one(void **state)
{
    static const char text[] = "GET /1 HTTP/1.1\r\n" HOST "\r\n"
                               "POST /2 HTTP/1.1\r\n" HOST
                               "Content-Length: 3\r\n\r\nabc"
                               "HEAD /3 HTTP/1.0\r\n\r\n";
    size_t size = sizeof(text) - 1;
    size_t at = 0;
    size_t taken;

    (void)state;
    assert_int_equal(domi__http_parser_feed(parser, text, size, &taken), 1);
    assert_string_equal(request()->path, "/1");
    at += taken;
    assert_int_equal(
        domi__http_parser_feed(parser, text + at, size - at, &taken), 1);
    assert_string_equal(request()->path, "/2");
    assert_int_equal(request()->method, DOMI__HTTP_POST);
    assert_true(request()->has_body);
    at += taken;
    assert_int_equal(
        domi__http_parser_feed(parser, text + at, size - at, &taken), 1);
    assert_string_equal(request()->path, "/3");
    assert_int_equal(request()->method, DOMI__HTTP_HEAD);
    assert_false(request()->keep_alive);
    assert_null(request()->headers[DOMI__HTTP_HOST]);
    at += taken;
    assert_int_equal(at, size);
    assert_false(domi__http_parser_is_inside(parser));
}

static void throws_chunked_bodies_away(void **state)
{
    (void)state;
    assert_int_equal(result_of("POST / HTTP/1.1\r\n" HOST
                               "Transfer-Encoding: chunked\r\n\r\n"
                               "3\r\nabc\r\n0\r\nHost: other\r\n\r\n"),
                     1);
    assert_string_equal(request()->headers[DOMI__HTTP_HOST], "h");
    assert_true(request()->has_body);
}

static void says_when_it_is_inside_a_request(void **state)
{
    size_t taken;

    (void)state;
    assert_false(domi__http_parser_is_inside(parser));
    assert_int_equal(domi__http_parser_feed(parser, "GET", 3, &taken), 0);
    assert_true(domi__http_parser_is_inside(parser));
}

static void keeps_or_closes_as_the_peer_asks(void **state)
{
    (void)state;
    assert_int_equal(
        result_of("GET / HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n"), 1);
    assert_false(request()->keep_alive);
    assert_int_equal(result_of("GET / HTTP/1.0\r\nConnection: keep-alive"
                               "\r\n\r\n"),
                     1);
    assert_true(request()->keep_alive);
}

static void reads_an_upgrade(void **state)
{
    static const char text[] = "GET /ws HTTP/1.1\r\n" HOST
                               "Connection: Upgrade\r\nUpgrade: websocket\r\n"
                               "Sec-WebSocket-Key: k\r\n"
                               "Sec-WebSocket-Version: 13\r\n\r\nrest";
    size_t taken;

    (void)state;
    assert_int_equal(
        domi__http_parser_feed(parser, text, sizeof(text) - 1, &taken), 1);
    assert_int_equal(taken, sizeof(text) - 1 - 4);
    assert_string_equal(request()->headers[DOMI__HTTP_UPGRADE], "websocket");
    assert_int_equal(result_of(text), 1);
}

static void sees_the_body_of_an_upgrade(void **state)
{
    (void)state;
    assert_int_equal(result_of("GET /ws HTTP/1.1\r\n" HOST
                               "Connection: Upgrade\r\nUpgrade: websocket\r\n"
                               "Content-Length: 4\r\n\r\nabcd"),
                     1);
    assert_true(request()->has_body);
}

static const struct {
    const char *text;
    int status;
} hostile[] = {
    {"\x16\x03\x01\x02\x00\x01\xfc\x03\x03", 400},
    {"HELP\r\n\r\n", 400},
    {"GET / SMTP/1.1\r\n" HOST "\r\n", 400},
    {"GET / HTTP/1.1\r\n" HOST "X: y\r\n z\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" HOST "X:\r\n\tz\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost:\r\n h\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" HOST ": y\r\n\r\n", 400},
    {"GET / HTTP/2.0\r\n" HOST "\r\n", 505},
    {"GET / HTTP/9.9\r\n" HOST "\r\n", 505},
    {"GET / HTTP/0.9\r\n" HOST "\r\n", 505},
    {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
    {"PUT / HTTP/1.1\r\n" HOST "\r\n", 405},
    {"DELETE / HTTP/1.1\r\n" HOST "\r\n", 405},
    {"OPTIONS / HTTP/1.1\r\n" HOST "\r\n", 405},
    {"TRACE / HTTP/1.1\r\n" HOST "\r\n", 405},
    {"CONNECT h:1 HTTP/1.1\r\n" HOST "\r\n", 405},
    {"GET / HTTP/1.1\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" HOST "X-Domi-Token: a\r\nX-Domi-Token: b\r\n\r\n",
     400},
    {"GET / HTTP/1.1\r\n" HOST "Authorization: a\r\nAuthorization: b\r\n\r\n",
     400},
    {"GET / HTTP/1.1\r\nHost:\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: a\"><script>\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400},
    {"GET http://h/ HTTP/1.1\r\n" HOST "\r\n", 400},
    {"OPTIONS * HTTP/1.1\r\n" HOST "\r\n", 405},
    {"GET * HTTP/1.1\r\n" HOST "\r\n", 400},
    {"GET /../etc/passwd HTTP/1.1\r\n" HOST "\r\n", 400},
    {"GET /%2e%2e/x HTTP/1.1\r\n" HOST "\r\n", 400},
    {"GET /a%2fb HTTP/1.1\r\n" HOST "\r\n", 400},
    {"GET /%00 HTTP/1.1\r\n" HOST "\r\n", 400},
    {"GET /%0d%0aX:y HTTP/1.1\r\n" HOST "\r\n", 400},
    {"GET /a b HTTP/1.1\r\n" HOST "\r\n", 400},
    {"POST / HTTP/1.1\r\n" HOST "Content-Length: 1\r\n"
     "Content-Length: 1\r\n\r\na", 400},
    {"POST / HTTP/1.1\r\n" HOST "Content-Length: 1\r\n"
     "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n"
     "Content-Length: 1\r\n\r\n0\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\n" HOST "Content-Length: -1\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\n" HOST "Content-Length: 1,1\r\n\r\na", 400},
    {"POST / HTTP/1.1\r\n" HOST "Content-Length: 18446744073709551617\r\n\r\n",
     400},
    {"POST / HTTP/1.1\r\n" HOST "Content-Length: 65537\r\n\r\n", 413},
    {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n-1\r\n",
     400},
    {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
     "fffffffffffffffff\r\n", 400},
    {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip, chunked\r\n\r\n"
     "0\r\n\r\n", 501},
    {"POST / HTTP/1.1\r\n" HOST "Expect: 100-continue\r\n"
     "Content-Length: 1\r\n\r\n", 417},
    {"GET / HTTP/1.1\r\n" HOST "A\x01: b\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" HOST "Origin: a\x01" "b\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" HOST "\x80: b\r\n\r\n", 400},
};

static void refuses_hostile_requests(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
        int status = result_of(hostile[i].text);

        if (status != hostile[i].status) {
            fail_msg("%s: %d, not %d", hostile[i].text, status,
                     hostile[i].status);
        }
    }
}

static void stays_refused(void **state)
{
    size_t taken;

    (void)state;
    assert_int_equal(feed("HELP\r\n", 6, 6), 400);
    assert_int_equal(
        domi__http_parser_feed(parser, "GET / HTTP/1.0\r\n\r\n", 18, &taken),
        400);
    assert_int_equal(taken, 0);
}

/* `begin`, then `count` bytes of `fill`, then `end`. */
static char *padded(const char *begin, size_t count, char fill, const char *end)
{
    size_t size = strlen(begin);
    char *text = malloc(size + count + strlen(end) + 1);

    memcpy(text, begin, size);
    memset(text + size, fill, count);
    strcpy(text + size + count, end);
    return text;
}

static int result_of_padded(const char *begin, size_t count, char fill,
                            const char *end)
{
    char *text = padded(begin, count, fill, end);
    int status = result_of(text);

    free(text);
    return status;
}

static void limits_the_target(void **state)
{
    static const char end[] = " HTTP/1.1\r\n" HOST "\r\n";

    (void)state;
    assert_int_equal(result_of_padded("GET /", 2047, 'a', end), 1);
    assert_int_equal(result_of_padded("GET /", 2048, 'a', end), 414);
    assert_int_equal(result_of_padded("GET /", 100000, 'a', ""), 414);
}

static void limits_the_head(void **state)
{
    static const char begin[] = "GET / HTTP/1.1\r\n" HOST "X: ";
    size_t rest = 8192 - strlen(begin) - 4;

    (void)state;
    assert_int_equal(result_of_padded(begin, rest, 'a', "\r\n\r\n"), 1);
    assert_int_equal(result_of_padded(begin, rest + 1, 'a', "\r\n\r\n"), 431);
    assert_int_equal(result_of_padded(begin, 100000, 'a', ""), 431);
    assert_int_equal(result_of_padded("GET / HTTP/1.1\r\n" HOST "Origin: ",
                                      512, 'a', "\r\n\r\n"),
                     431);
    assert_int_equal(result_of_padded("", 10000, '\n', ""), 431);
}

static void limits_the_body(void **state)
{
    static const char begin[] = "POST / HTTP/1.1\r\n" HOST
                                "Transfer-Encoding: chunked\r\n\r\n"
                                "10000\r\n";

    (void)state;
    assert_int_equal(result_of_padded("POST / HTTP/1.1\r\n" HOST
                                      "Content-Length: 65536\r\n\r\n",
                                      65536, 'a', ""),
                     1);
    assert_int_equal(result_of_padded(begin, 65536, 'a', "\r\n0\r\n\r\n"), 413);
    assert_int_equal(result_of_padded("POST / HTTP/1.1\r\n" HOST
                                      "Transfer-Encoding: chunked\r\n\r\n1;",
                                      70000, 'x', ""),
                     413);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(reads_a_request_cut_anywhere),
        TEST(takes_pipelined_requests_one_by_one),
        TEST(throws_chunked_bodies_away),
        TEST(says_when_it_is_inside_a_request),
        TEST(keeps_or_closes_as_the_peer_asks),
        TEST(reads_an_upgrade),
        TEST(sees_the_body_of_an_upgrade),
        TEST(refuses_hostile_requests),
        TEST(stays_refused),
        TEST(limits_the_target),
        TEST(limits_the_head),
        TEST(limits_the_body),
#undef TEST
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
