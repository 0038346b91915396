/* SPDX-License-Identifier: MIT */
/* Tests of which requests may become a WebSocket. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "http/http.h"

static struct domi__http_request good(void)
{
    return (struct domi__http_request){
        .method = DOMI__HTTP_GET,
        .path = "/ws",
        .headers =
            {
                [DOMI__HTTP_HOST] = "Example.org:8080",
                [DOMI__HTTP_CONNECTION] = "keep-alive, Upgrade",
                [DOMI__HTTP_UPGRADE] = "WebSocket",
                [DOMI__HTTP_WEBSOCKET_KEY] = "dGhlIHNhbXBsZSBub25jZQ==",
                [DOMI__HTTP_WEBSOCKET_VERSION] = "13",
            },
    };
}

static const struct domi__http_origins same_host;

static int with(enum domi__http_header header, const char *value)
{
    struct domi__http_request request = good();

    request.headers[header] = value;
    return domi__http_upgrade_check(&request, &same_host);
}

static void takes_a_proper_upgrade(void **state)
{
    struct domi__http_request request = good();

    (void)state;
    assert_int_equal(domi__http_upgrade_check(&request, &same_host), 0);
}

static void wants_get_without_a_body(void **state)
{
    struct domi__http_request request = good();

    (void)state;
    request.method = DOMI__HTTP_POST;
    assert_int_equal(domi__http_upgrade_check(&request, &same_host), 405);
    request = good();
    request.has_body = true;
    assert_int_equal(domi__http_upgrade_check(&request, &same_host), 400);
}

static void answers_426_to_other_requests(void **state)
{
    (void)state;
    assert_int_equal(with(DOMI__HTTP_CONNECTION, NULL), 426);
    assert_int_equal(with(DOMI__HTTP_CONNECTION, "upgraded"), 426);
    assert_int_equal(with(DOMI__HTTP_UPGRADE, NULL), 426);
    assert_int_equal(with(DOMI__HTTP_UPGRADE, "h2c"), 426);
    assert_int_equal(with(DOMI__HTTP_WEBSOCKET_VERSION, NULL), 426);
    assert_int_equal(with(DOMI__HTTP_WEBSOCKET_VERSION, "8"), 426);
}

static void answers_426_to_http_1_0(void **state)
{
    struct domi__http_request request = good();

    (void)state;
    request.is_old = true;
    assert_int_equal(domi__http_upgrade_check(&request, &same_host), 426);
}

static void wants_a_key_of_16_bytes(void **state)
{
    (void)state;
    assert_int_equal(with(DOMI__HTTP_WEBSOCKET_KEY, NULL), 400);
    assert_int_equal(with(DOMI__HTTP_WEBSOCKET_KEY, ""), 400);
    assert_int_equal(with(DOMI__HTTP_WEBSOCKET_KEY, "dGhl"), 400);
    assert_int_equal(
        with(DOMI__HTTP_WEBSOCKET_KEY, "dGhlIHNhbXBsZSBub25jZQ="), 400);
    assert_int_equal(
        with(DOMI__HTTP_WEBSOCKET_KEY, "dGhlIHNhbXBsZSBub25j!Q=="), 400);
}

static void lets_only_pages_of_the_same_host_in(void **state)
{
    (void)state;
    assert_int_equal(with(DOMI__HTTP_ORIGIN, "http://example.org:8080"), 0);
    assert_int_equal(with(DOMI__HTTP_ORIGIN, "https://EXAMPLE.org:8080"), 0);
    assert_int_equal(with(DOMI__HTTP_ORIGIN, "http://example.org"), 403);
    assert_int_equal(with(DOMI__HTTP_ORIGIN, "http://evil.org"), 403);
    assert_int_equal(
        with(DOMI__HTTP_ORIGIN, "http://example.org:8080.evil.org"), 403);
    assert_int_equal(with(DOMI__HTTP_ORIGIN, "null"), 403);
    assert_int_equal(with(DOMI__HTTP_ORIGIN, ""), 403);
}

/* The example of RFC 6455, section 1.3. */
static void answers_with_the_digest_of_the_key(void **state)
{
    char head[DOMI__HTTP_UPGRADE_SIZE];
    size_t size = domi__http_upgrade_head("dGhlIHNhbXBsZSBub25jZQ==", head);

    (void)state;
    assert_string_equal(head,
                        "HTTP/1.1 101 Switching Protocols\r\n"
                        "Upgrade: websocket\r\n"
                        "Connection: Upgrade\r\n"
                        "Sec-WebSocket-Accept: "
                        "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n");
    assert_int_equal(size, strlen(head));
}

static int from(const struct domi__http_origins *origins, const char *origin)
{
    struct domi__http_request request = good();

    request.headers[DOMI__HTTP_ORIGIN] = origin;
    return domi__http_upgrade_check(&request, origins);
}

static void lets_only_pages_in_the_list_in(void **state)
{
    static const char *const list[] = {"https://one.example",
                                       "http://two.example:8080", NULL};
    static const struct domi__http_origins origins = {.allowed = list};

    (void)state;
    assert_int_equal(from(&origins, "https://one.example"), 0);
    assert_int_equal(from(&origins, "https://ONE.example:443"), 0);
    assert_int_equal(from(&origins, "http://two.example:8080"), 0);
    assert_int_equal(from(&origins, "http://one.example"), 403);
    assert_int_equal(from(&origins, "https://two.example:8080"), 403);
    assert_int_equal(from(&origins, "http://two.example"), 403);
    assert_int_equal(from(&origins, "https://one.example.evil"), 403);
    assert_int_equal(from(&origins, "null"), 403);
    /* A name of a stranger's that leads here has made both the same. */
    assert_int_equal(from(&origins, "http://example.org:8080"), 403);
    assert_int_equal(from(&origins, NULL), 0);
}

static void an_empty_list_lets_no_page_in(void **state)
{
    static const char *const list[] = {NULL};
    static const struct domi__http_origins origins = {.allowed = list};

    (void)state;
    assert_int_equal(from(&origins, "http://example.org:8080"), 403);
    assert_int_equal(from(&origins, NULL), 0);
}

static void wants_an_origin_where_one_is_required(void **state)
{
    static const struct domi__http_origins origins = {.required = true};

    (void)state;
    assert_int_equal(from(&origins, NULL), 403);
    assert_int_equal(from(&origins, ""), 403);
    assert_int_equal(from(&origins, "http://example.org:8080"), 0);
    assert_int_equal(from(&origins, "http://evil.org"), 403);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_a_proper_upgrade),
        cmocka_unit_test(wants_get_without_a_body),
        cmocka_unit_test(answers_426_to_other_requests),
        cmocka_unit_test(answers_426_to_http_1_0),
        cmocka_unit_test(wants_a_key_of_16_bytes),
        cmocka_unit_test(lets_only_pages_of_the_same_host_in),
        cmocka_unit_test(answers_with_the_digest_of_the_key),
        cmocka_unit_test(lets_only_pages_in_the_list_in),
        cmocka_unit_test(an_empty_list_lets_no_page_in),
        cmocka_unit_test(wants_an_origin_where_one_is_required),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
