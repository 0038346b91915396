/* SPDX-License-Identifier: MIT */
/* The Consul client against answers that no real agent can be made to give. */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "liar.h"

#define OK_HEAD "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
#define PATH "/v1/health/service/room"

static struct liar liar;
static struct caller caller;

static void open_both(const struct script *script)
{
    liar_open(&liar, script);
    caller_open_url(&caller, liar.url);
}

static int tear_down(void **state)
{
    (void)state;
    /* Its connections must not be taken for what the client leaves open. */
    liar_stop(&liar);
    caller_close(&caller);
    liar_close(&liar);
    return 0;
}

/* The JSON reply to this text from a server that then closes. */
static struct question hear(const char *text)
{
    const struct script script = {.head = text};

    open_both(&script);
    return get_json(&caller, PATH);
}

/* As above; and ends both. */
static struct question hear_once(const char *text)
{
    struct question reply = hear(text);

    tear_down(NULL);
    return reply;
}

static void assert_error(const struct question *reply, const char *why)
{
    assert_int_equal(reply->status, 0);
    assert_int_equal(reply->index, 0);
    assert_string_equal(reply->hash, "");
    assert_string_equal(reply->body, "");
    assert_false(reply->has_json);
    assert_ptr_equal(strstr(reply->error, "GET " PATH ": "), reply->error);
    if (!strstr(reply->error, why)) {
        fail_msg("\"%s\" is not in: %s", why, reply->error);
    }
}

/* ---- what is no answer --------------------------------------------------- */

static void refuses_what_is_no_http(void **state)
{
    struct question reply;

    (void)state;
    reply = hear_once("\x80\x02\x01\x03 SSH-2.0-domi\r\n\r\n");
    assert_error(&reply, "");
    reply = hear_once("");
    assert_error(&reply, "");
    reply = hear_once("HTTP/1.1 2");
    assert_error(&reply, "");
}

static void refuses_what_is_no_json(void **state)
{
    static const char *const wrong[] = {
        "<html><body>Welcome to the captive portal</body></html>",
        "",
        " ",
        "[{\"Node\":{\"Address\":\"10.0",
        "[{\"Node\":}]",
        "[] []",
        "[]garbage",
        "{]",
        "nul",
        "\"never ends",
        "\"ends in a backslash\\",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        char text[512];
        struct question reply;

        snprintf(text, sizeof(text),
                 OK_HEAD "X-Consul-Index: 7\r\nX-Consul-ContentHash: ab\r\n"
                         "\r\n%s",
                 wrong[i]);
        reply = hear_once(text);
        assert_error(&reply, "JSON");
    }
}

static void refuses_a_zero_inside(void **state)
{
    static const char text[] = OK_HEAD "Content-Length: 4\r\n\r\n[]\0]";
    const struct script script = {.head = text, .head_size = sizeof(text) - 1};
    struct question reply;

    (void)state;
    open_both(&script);
    reply = get_json(&caller, PATH);
    assert_error(&reply, "JSON");
}

static void does_not_echo_what_it_refuses(void **state)
{
    struct question reply;

    (void)state;
    reply = hear(OK_HEAD "\r\n\x1b[31mred\r\n\x07");
    assert_error(&reply, "\\x1b[31mred\\x0d\\x0a\\x07");
}

static void refuses_a_body_that_is_cut(void **state)
{
    struct question reply;

    (void)state;
    reply = hear_once(OK_HEAD "Content-Length: 100\r\n\r\n[]");
    assert_error(&reply, "");
    reply = hear_once(OK_HEAD "Transfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n");
    assert_error(&reply, "");
    reply = hear_once(OK_HEAD "Transfer-Encoding: chunked\r\n\r\nzz\r\n[]");
    assert_error(&reply, "");
    reply = hear_once(OK_HEAD "Content-Length: 1\r\n\r\n[]");
    assert_error(&reply, "JSON");
    reply = hear_once(OK_HEAD "Content-Encoding: gzip\r\n\r\nno gzip at all");
    assert_error(&reply, "");
}

static void keeps_to_the_announced_length(void **state)
{
    struct question reply;

    (void)state;
    reply = hear(OK_HEAD "Content-Length: 2\r\n\r\n[]HTTP/1.1 200 OK\r\n\r\n");
    assert_int_equal(reply.status, 200);
    assert_true(reply.has_json);
}

/* ---- too much, too deep, too slow ---------------------------------------- */

static void refuses_json_that_is_nested_deep(void **state)
{
    const size_t depth = 100000;
    char *nest = malloc(2 * depth + 1);
    struct script script = {.head = OK_HEAD "\r\n", .times = 1};
    struct question reply;

    (void)state;
    assert_non_null(nest);
    memset(nest, '[', depth);
    memset(nest + depth, ']', depth);
    nest[2 * depth] = '\0';
    script.tail = nest;
    open_both(&script);
    reply = get_json(&caller, PATH);
    assert_error(&reply, "nested");
    tear_down(NULL);
    script.tail = nest + depth - DOMI__CONSUL_DEPTH_LIMIT;
    script.tail_size = 2 * DOMI__CONSUL_DEPTH_LIMIT;
    open_both(&script);
    reply = get_json(&caller, PATH);
    assert_int_equal(reply.status, 200);
    tear_down(NULL);
    script.tail--;
    script.tail_size += 2;
    open_both(&script);
    reply = get_json(&caller, PATH);
    assert_error(&reply, "nested");
    free(nest);
}

static void counts_no_brackets_of_strings(void **state)
{
    char text[512] = OK_HEAD "\r\n[\"\\\"";
    struct question reply;

    (void)state;
    for (unsigned i = 0; i <= DOMI__CONSUL_DEPTH_LIMIT; i++) {
        strcat(text, "[{");
    }
    strcat(text, "\"]");
    reply = hear(text);
    assert_int_equal(reply.status, 200);
    assert_int_equal(reply.items, 1);
}

static void refuses_a_body_without_end(void **state)
{
    static char spaces[65536];
    const struct script script = {
        .head = OK_HEAD "\r\n",
        .tail = spaces,
        .tail_size = sizeof(spaces),
        .times = 2 * DOMI__CONSUL_BODY_LIMIT / sizeof(spaces),
    };
    struct question reply;

    (void)state;
    memset(spaces, ' ', sizeof(spaces));
    open_both(&script);
    reply = get_json(&caller, PATH);
    assert_error(&reply, "64 MiB");
}

static void refuses_a_body_that_is_announced_too_large(void **state)
{
    const struct script script = {
        .head = OK_HEAD "Content-Length: 2147483648\r\n\r\n",
        .hang = true,
    };
    struct question reply;

    (void)state;
    open_both(&script);
    reply = get_json(&caller, PATH);
    assert_error(&reply, "");
}

static void waits_for_a_reply_to_begin(void **state)
{
    const struct script script = {
        .head = OK_HEAD "\r\n[]",
        .hesitate_ms = (DOMI__CONSUL_SILENCE_S + 1) * 1000 + 500,
    };
    struct question reply;

    (void)state;
    open_both(&script);
    reply = get_json(&caller, PATH);
    assert_int_equal(reply.status, 200);
}

static void waits_no_longer_inside_a_reply(void **state)
{
    const struct script script = {.head = OK_HEAD "\r\n[", .hang = true};
    struct question reply;

    (void)state;
    open_both(&script);
    reply = get_json(&caller, PATH);
    assert_error(&reply, "5 s");
}

static void gives_up_on_a_trickle_in_time(void **state)
{
    const struct script script = {
        .head = OK_HEAD "\r\n",
        .tail = " ",
        .times = 1000,
        .pause_ms = 20,
    };
    struct question reply = {
        .request = {.method = "GET",
                    .path = PATH,
                    .wants_json = true,
                    .timeout_ms = 500},
    };

    (void)state;
    open_both(&script);
    ask(&caller, &reply);
    RUN_UNTIL(&caller.fixture, reply.answers);
    assert_error(&reply, "");
}

static void reads_a_trickle_to_its_end(void **state)
{
    const struct script script = {
        .head = OK_HEAD "X-Consul-Index: 5\r\n\r\n[]",
        .tail = " ",
        .times = 5,
        .pause_ms = 20,
    };
    struct question reply;

    (void)state;
    open_both(&script);
    reply = get_json(&caller, PATH);
    assert_int_equal(reply.status, 200);
    assert_int_equal(reply.index, 5);
}

/* ---- headers ------------------------------------------------------------- */

static void believes_no_strange_index(void **state)
{
    static const struct {
        const char *text;
        uint64_t index;
    } forms[] = {
        {"X-Consul-Index: 42", 42},
        {"x-consul-index:42", 42},
        {"X-Consul-Index: \t42 ", 42},
        {"X-Consul-Index: 9223372036854775808", (uint64_t)1 << 63},
        {"X-Consul-Index: 9223372036854775809", 0},
        {"X-Consul-Index: 18446744073709551616", 0},
        {"X-Consul-Index: 99999999999999999999999999999999", 0},
        {"X-Consul-Index: 0", 0},
        {"X-Consul-Index: -1", 0},
        {"X-Consul-Index: +1", 0},
        {"X-Consul-Index: 0x10", 0},
        {"X-Consul-Index: 1e3", 0},
        {"X-Consul-Index: 4 2", 0},
        {"X-Consul-Index: many", 0},
        {"X-Consul-Index:", 0},
        {"X-Consul-Indexes: 42", 0},
        {"X-Other: 42", 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        char text[256];
        struct question reply;

        snprintf(text, sizeof(text), OK_HEAD "%s\r\n\r\n[]", forms[i].text);
        reply = hear_once(text);
        assert_int_equal(reply.status, 200);
        assert_int_equal(reply.index, forms[i].index);
    }
}

static void takes_the_index_of_a_missing_key(void **state)
{
    struct question reply;

    (void)state;
    reply = hear("HTTP/1.1 404 Not Found\r\nX-Consul-Index: 42\r\n\r\n");
    assert_int_equal(reply.status, 404);
    assert_int_equal(reply.index, 42);
    assert_string_equal(reply.error, "");
}

static void forgets_the_index_of_an_interim_reply(void **state)
{
    struct question reply;

    (void)state;
    reply = hear("HTTP/1.1 100 Continue\r\nX-Consul-Index: 42\r\n\r\n" OK_HEAD
                 "\r\n[]");
    assert_int_equal(reply.status, 200);
    assert_int_equal(reply.index, 0);
}

static void believes_no_strange_hash(void **state)
{
    static const char *const forms[][2] = {
        {"c1a2b3", "c1a2b3"},
        {"a&token=x", ""},
        {"a b", ""},
        {"", ""},
        {"0123456789012345678901234567890123456789012345678901234567890123",
         ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        char text[256];
        struct question reply;

        snprintf(text, sizeof(text),
                 OK_HEAD "X-Consul-ContentHash: %s\r\n\r\n{}", forms[i][0]);
        reply = hear_once(text);
        assert_int_equal(reply.status, 200);
        assert_string_equal(reply.hash, forms[i][1]);
    }
}

/* ---- statuses ------------------------------------------------------------ */

static void names_path_status_and_words_of_an_error(void **state)
{
    static const struct {
        int status;
        const char *words;
    } errors[] = {
        {429, "GET " PATH ": 429: Your IP is issuing too many"},
        {500, "GET " PATH ": 500: Your IP is issuing too many"},
        {400, "GET " PATH ": 400: Your IP is issuing too many"},
        {201, "GET " PATH ": 201: Your IP is issuing too many"},
        {307, "GET " PATH ": 307, but redirects are not followed"},
        {403, "GET " PATH ": 403, a permission error (the token needs service "
              "and node read): Your IP"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        char text[256];
        struct question reply;

        snprintf(text, sizeof(text),
                 "HTTP/1.1 %d Words\r\nX-Consul-Index: 1\r\n"
                 "Location: http://127.0.0.1:1/\r\n\r\n"
                 "Your IP is issuing too many \x1b requests\n",
                 errors[i].status);
        reply = hear_once(text);
        assert_int_equal(reply.status, errors[i].status);
        assert_int_equal(reply.index, 0);
        assert_false(reply.has_json);
        assert_ptr_equal(strstr(reply.error, errors[i].words), reply.error);
        assert_null(strchr(reply.error, '\n'));
        assert_null(strchr(reply.error, '\x1b'));
    }
}

static void bounds_what_it_repeats(void **state)
{
    char path[3000];
    const struct script script = {
        .head = "HTTP/1.1 500 Oh\r\n\r\n",
        .tail = "no no no no no no no no no no no no no no no no no no no no ",
        .times = 1000,
    };
    struct question reply;

    (void)state;
    memset(path, 'x', sizeof(path));
    memcpy(path, "/v1/kv/", 7);
    path[sizeof(path) - 1] = '\0';
    open_both(&script);
    reply = get(&caller, path);
    assert_int_equal(reply.status, 500);
    assert_true(strlen(reply.error) < sizeof(reply.error) - 1);
    assert_non_null(strstr(reply.error, ": 500: no no"));
}

/* ---- what it asks -------------------------------------------------------- */

static void asks_as_consul_expects(void **state)
{
    const struct script script = {.head = OK_HEAD "\r\n{}"};
    const struct domi_consul_options options = {
        .url = liar.url,
        .token = "f3ac-token",
        .auth = "user:pass",
    };

    (void)state;
    liar_open(&liar, &script);
    caller_open(&caller, &options);
    assert_int_equal(put(&caller, "/v1/kv/../a?cas=0", "body").status, 200);
    assert_ptr_equal(strstr(liar.request, "PUT /v1/kv/../a?cas=0 HTTP/1.1\r\n"),
                     liar.request);
    assert_non_null(strstr(liar.request, "\r\nX-Consul-Token: f3ac-token\r\n"));
    assert_non_null(
        strstr(liar.request, "\r\nAuthorization: Basic dXNlcjpwYXNz\r\n"));
    assert_non_null(strstr(liar.request, "\r\nAccept-Encoding: gzip\r\n"));
    assert_non_null(strstr(liar.request, "\r\nContent-Length: 4\r\n"));
    assert_null(strstr(liar.request, "Expect:"));
}

static void goes_through_no_proxy_to_this_machine(void **state)
{
    const struct script script = {.head = OK_HEAD "\r\n{}"};

    (void)state;
    liar_open(&liar, &script);
    setenv("http_proxy", "http://127.0.0.1:1", 1);
    setenv("all_proxy", "http://127.0.0.1:1", 1);
    caller_open_url(&caller, liar.url);
    assert_int_equal(get(&caller, PATH).status, 200);
    unsetenv("http_proxy");
    unsetenv("all_proxy");
}

static void goes_through_a_proxy_where_it_is_told(void **state)
{
    const struct script script = {.head = OK_HEAD "\r\n{}"};

    (void)state;
    liar_open(&liar, &script);
    setenv("http_proxy", liar.url, 1);
    caller_open_url(&caller, "http://consul.invalid:8500");
    unsetenv("http_proxy");
    assert_int_equal(get(&caller, PATH).status, 200);
    assert_ptr_equal(strstr(liar.request, "GET http://consul.invalid:8500/v1"),
                     liar.request);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, tear_down)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_what_is_no_http),
        cmocka_unit_test(refuses_what_is_no_json),
        TEST(refuses_a_zero_inside),
        TEST(does_not_echo_what_it_refuses),
        cmocka_unit_test(refuses_a_body_that_is_cut),
        TEST(keeps_to_the_announced_length),
        TEST(refuses_json_that_is_nested_deep),
        TEST(counts_no_brackets_of_strings),
        TEST(refuses_a_body_without_end),
        TEST(refuses_a_body_that_is_announced_too_large),
        TEST(waits_for_a_reply_to_begin),
        TEST(waits_no_longer_inside_a_reply),
        TEST(gives_up_on_a_trickle_in_time),
        TEST(reads_a_trickle_to_its_end),
        cmocka_unit_test(believes_no_strange_index),
        TEST(takes_the_index_of_a_missing_key),
        TEST(forgets_the_index_of_an_interim_reply),
        cmocka_unit_test(believes_no_strange_hash),
        cmocka_unit_test(names_path_status_and_words_of_an_error),
        TEST(bounds_what_it_repeats),
        TEST(asks_as_consul_expects),
        TEST(goes_through_no_proxy_to_this_machine),
        TEST(goes_through_a_proxy_where_it_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
