/* SPDX-License-Identifier: MIT */
/* Tests of response heads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "http/http.h"

static char out[DOMI__HTTP_RESPONSE_SIZE];

static void writes_a_whole_head(void **state)
{
    const struct domi__http_response response = {
        .status = 200,
        .content_type = "text/plain",
        .length = 42,
        .etag = "\"x\"",
        .host = "h:1",
        .keep_alive = true,
        .now = 784111777,
    };
    size_t size = domi__http_response_head(&response, out);

    (void)state;
    assert_int_equal(size, strlen(out));
    assert_ptr_equal(strstr(out, "HTTP/1.1 200 OK\r\n"), out);
    assert_non_null(strstr(out, "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"));
    assert_non_null(strstr(out, "Content-Length: 42\r\n"));
    assert_non_null(strstr(out, "X-Content-Type-Options: nosniff\r\n"));
    assert_non_null(strstr(out, "X-Frame-Options: DENY\r\n"));
    assert_non_null(strstr(out, "connect-src 'self' ws://h:1 wss://h:1;"));
    assert_string_equal(out + size - 26, "Connection: keep-alive\r\n\r\n");
}

static void says_what_is_allowed_instead(void **state)
{
    struct domi__http_response response = {
        .status = 405,
        .header = "Allow: GET, HEAD",
    };

    (void)state;
    domi__http_response_head(&response, out);
    assert_non_null(strstr(out, "\r\nAllow: GET, HEAD\r\n"));
    assert_non_null(strstr(out, "Connection: close\r\n"));
    response.status = 426;
    domi__http_response_head(&response, out);
    assert_non_null(strstr(out, "Sec-WebSocket-Version: 13\r\n"));
    assert_non_null(strstr(out, "Connection: Upgrade, close\r\n"));
}

static void fits_with_the_longest_host(void **state)
{
    char host[256];
    char etag[48];
    const struct domi__http_response response = {
        .status = 431,
        .content_type = "text/javascript; charset=utf-8",
        .length = UINT64_MAX,
        .etag = etag,
        .host = host,
        .keep_alive = true,
        .now = 4102444799,
    };

    (void)state;
    memset(host, 'h', sizeof(host) - 1);
    host[sizeof(host) - 1] = '\0';
    memset(etag, 'e', sizeof(etag) - 1);
    etag[sizeof(etag) - 1] = '\0';
    assert_true(domi__http_response_head(&response, out) <
                DOMI__HTTP_RESPONSE_SIZE);
    assert_int_equal(strlen(out), domi__http_response_head(&response, out));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_a_whole_head),
        cmocka_unit_test(says_what_is_allowed_instead),
        cmocka_unit_test(fits_with_the_longest_host),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
