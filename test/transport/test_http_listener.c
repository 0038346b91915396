/* SPDX-License-Identifier: MIT */
/* Tests of the HTTP port, over real sockets. */
#include "peer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "domi/err.h"
#include "http/http.h"
#include "transport/transport.h"

#define HOST "Host: h\r\n"

static uv_loop_t uv;
static struct domi__loop *loop;
static struct domi__log a_log;
static struct domi__listener *listener;
static int port;
static char web[64];
static bool was_put;
static bool was_closed;

static void answer(void *arg, const struct domi__http_question *question,
                   struct domi__http_answer *out)
{
    const struct domi__http_request *request = question->request;

    assert_ptr_equal(arg, &uv);
    assert_int_equal(out->status, 0);
    assert_true(question->is_loopback);
    assert_int_equal(memcmp(question->address, "127.0.0.1:", 10), 0);
    if (strcmp(request->path, "/ping") == 0 &&
        request->method != DOMI__HTTP_POST) {
        out->status = 200;
        snprintf(out->body, sizeof(out->body), "pong\n");
    } else if (strcmp(request->path, "/busy") == 0) {
        out->status = 429;
        snprintf(out->body, sizeof(out->body), "busy\n");
        snprintf(out->header, sizeof(out->header), "Retry-After: 7");
    } else if (strcmp(request->path, "/act") == 0 &&
               request->method == DOMI__HTTP_POST) {
        const char *token = request->headers[DOMI__HTTP_TOKEN];

        out->status = 200;
        snprintf(out->body, sizeof(out->body), "token %s\n",
                 token ? token : "none");
    }
}

static void put_file(const char *name, size_t size)
{
    char path[128];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", web, name);
    file = fopen(path, "w");
    assert_non_null(file);
    for (size_t i = 0; i < size; i++) {
        fputc('a' + (int)(i % 26), file);
    }
    fclose(file);
}

static void on_put(void *user)
{
    (void)user;
    was_put = true;
}

static void on_closed(void *user)
{
    (void)user;
    was_closed = true;
}

static int set_up(void **state)
{
    struct domi__http_listen http = {
        .listen = {.log = &a_log, .host = "127.0.0.1"},
        .answer = answer,
        .answer_arg = &uv,
    };

    (void)state;
    strcpy(web, "/tmp/domi-test-XXXXXX");
    assert_non_null(mkdtemp(web));
    put_file("index.html", 3);
    put_file("empty.txt", 0);
    put_file("large.js", 3000000);
    uv_loop_init(&uv);
    loop = domi__loop_get(&uv);
    assert_non_null(loop);
    http.listen.loop = loop;
    http.web_root = web;
    was_put = false;
    was_closed = false;
    assert_int_equal(domi__http_listen(&listener, &http), 0);
    port = domi__listener_port(listener);
    assert_true(port > 0);
    return 0;
}

static int tear_down(void **state)
{
    char command[128];

    (void)state;
    domi__listener_close(listener, on_closed, NULL);
    RUN_UNTIL(&uv, was_closed);
    domi__loop_put(loop, on_put, NULL);
    RUN_UNTIL(&uv, was_put);
    uv_run(&uv, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&uv), 0);
    snprintf(command, sizeof(command), "rm -r %s", web);
    return system(command);
}

/* One request on a connection of its own, to the connection's end. */
static struct peer *ask(const char *request)
{
    struct peer *peer = peer_open(port);

    peer_say(&uv, peer, request);
    RUN_UNTIL(&uv, peer_ended(peer));
    assert_false(peer->reset);
    return peer;
}

static void expect(const char *request, const char *answer_text)
{
    struct peer *peer = ask(request);

    if (!peer_has(peer, answer_text)) {
        fail_msg("%s is not in %s", answer_text, peer->bytes);
    }
    peer_free(peer);
}

static void answers_what_the_node_tells(void **state)
{
    (void)state;
    expect("GET /ping?x HTTP/1.0\r\n\r\n", "HTTP/1.1 200 OK\r\n");
    expect("GET /ping HTTP/1.0\r\n\r\n", "\r\n\r\npong\n");
    expect("GET /busy HTTP/1.0\r\n\r\n", "HTTP/1.1 429 Too Many Requests\r\n");
    expect("GET /none HTTP/1.0\r\n\r\n", "\r\n\r\n404 page not found\n");
    expect("GET /ping HTTP/1.0\r\n\r\n",
           "Content-Type: text/plain; charset=utf-8\r\n");
}

static void answers_what_a_post_asks_of_the_node(void **state)
{
    (void)state;
    expect("POST /act HTTP/1.0\r\n\r\n", "\r\n\r\ntoken none\n");
    expect("POST /act HTTP/1.0\r\nX-Domi-Token: a b\r\n"
           "Content-Length: 2\r\n\r\nxy",
           "\r\n\r\ntoken a b\n");
    expect("GET /act HTTP/1.0\r\n\r\n", "HTTP/1.1 404 ");
    expect("POST /none HTTP/1.0\r\n\r\n", "HTTP/1.1 405 ");
    expect("POST / HTTP/1.0\r\n\r\n", "Allow: GET, HEAD\r\n");
}

static void adds_the_line_that_the_node_gives(void **state)
{
    struct peer *peer = ask("GET /ping HTTP/1.0\r\n\r\n");

    (void)state;
    assert_false(peer_has(peer, "Retry-After"));
    peer_free(peer);
    expect("GET /busy HTTP/1.0\r\n\r\n", "\r\nRetry-After: 7\r\n");
    expect("HEAD /busy HTTP/1.0\r\n\r\n", "\r\nContent-Length: 5\r\n");
}

static void sends_files(void **state)
{
    struct peer *peer;

    (void)state;
    expect("GET / HTTP/1.0\r\n\r\n", "\r\n\r\nabc");
    expect("GET /index.html HTTP/1.0\r\n\r\n",
           "Content-Type: text/html; charset=utf-8\r\n");
    expect("GET /empty.txt HTTP/1.0\r\n\r\n", "Content-Length: 0\r\n");
    peer = ask("HEAD /large.js HTTP/1.0\r\n\r\n");
    assert_true(peer_has(peer, "Content-Length: 3000000\r\n"));
    assert_int_equal(memcmp(peer->bytes + peer->size - 4, "\r\n\r\n", 4), 0);
    peer_free(peer);
}

static void tells_that_a_file_is_unchanged(void **state)
{
    struct peer *peer = ask("GET / HTTP/1.0\r\n\r\n");
    const char *tag = strstr((char *)peer->bytes, "ETag: ") + 6;
    char request[256];

    (void)state;
    snprintf(request, sizeof(request),
             "GET / HTTP/1.0\r\nIf-None-Match: %.*s\r\n\r\n",
             (int)strcspn(tag, "\r"), tag);
    peer_free(peer);
    expect(request, "HTTP/1.1 304 Not Modified\r\n");
}

static void sends_a_large_file_to_a_slow_reader(void **state)
{
    struct peer *peer = peer_open(port);
    size_t total = 0;
    size_t head;

    (void)state;
    peer_say(&uv, peer, "GET /large.js HTTP/1.1\r\n" HOST "\r\n");
    RUN_UNTIL(&uv, peer_has(peer, "\r\n\r\n"));
    head = (size_t)(strstr((char *)peer->bytes, "\r\n\r\n") + 4 -
                    (char *)peer->bytes);
    for (size_t at = head;; at = 0) {
        for (; at < peer->size; at++) {
            assert_int_equal(peer->bytes[at], 'a' + (int)(total % 26));
            total++;
        }
        if (total == 3000000) {
            break;
        }
        peer->size = 0;
        RUN_UNTIL(&uv, peer_read(peer) > 0);
    }
    /* And the connection goes on. */
    peer->size = 0;
    peer_say(&uv, peer, "GET /ping HTTP/1.1\r\n" HOST "\r\n");
    RUN_UNTIL(&uv, peer_has(peer, "pong\n"));
    peer_free(peer);
}

static void answers_pipelined_requests_in_order(void **state)
{
    struct peer *peer = peer_open(port);
    const char *at;

    (void)state;
    peer_say(&uv, peer,
             "GET /ping HTTP/1.1\r\n" HOST "\r\n"
             "GET /busy HTTP/1.1\r\n" HOST "\r\n"
             "POST /ping HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\nab"
             "GET /none HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n"
             "GET /ping HTTP/1.1\r\n" HOST "\r\n");
    RUN_UNTIL(&uv, peer_ended(peer));
    assert_false(peer->reset);
    at = strstr((char *)peer->bytes, " 200 OK");
    assert_non_null(at);
    at = strstr(at, " 429 ");
    assert_non_null(at);
    at = strstr(at, " 405 ");
    assert_non_null(at);
    at = strstr(at, " 404 ");
    assert_non_null(at);
    assert_null(strstr(at, " 200 "));
    peer_free(peer);
}

static void answers_what_is_pipelined_behind_a_file(void **state)
{
    struct peer *peer = peer_open(port);
    size_t total = 0;

    (void)state;
    peer_say(&uv, peer,
             "GET /large.js HTTP/1.1\r\n" HOST "\r\n"
             "GET /ping HTTP/1.1\r\n" HOST "\r\n");
    /* Leave the answer stuck for some turns, then read it to its end. */
    for (int i = 0; i < 20; i++) {
        turn(&uv);
    }
    while (total + peer->size < 3000000) {
        total += peer->size;
        peer->size = 0;
        RUN_UNTIL(&uv, peer_read(peer) > 0);
    }
    RUN_UNTIL(&uv, peer_has(peer, "\r\n\r\npong\n"));
    peer_free(peer);
}

static void refuses_with_the_right_status(void **state)
{
    (void)state;
    expect("HELP\r\n\r\n", "HTTP/1.1 400 Bad Request\r\n");
    expect("GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 400 ");
    expect("GET /../x HTTP/1.0\r\n\r\n", "HTTP/1.1 400 ");
    expect("PUT / HTTP/1.0\r\n\r\n", "Allow: GET, HEAD\r\n");
    expect("POST / HTTP/1.0\r\nContent-Length: 70000\r\n\r\n",
           "HTTP/1.1 413 ");
    expect("GET / HTTP/3.0\r\n\r\n", "HTTP/1.1 505 ");
}

static void lets_the_peer_read_the_refusal(void **state)
{
    /* Far more than is read before the refusal. */
    static char text[1 << 20];
    struct peer *peer = peer_open(port);

    (void)state;
    memset(text, 'x', sizeof(text));
    memcpy(text, "GET / HTTP/1.1\r\nX: ", 19);
    peer_send(&uv, peer, text, sizeof(text));
    RUN_UNTIL(&uv, peer_ended(peer));
    assert_true(peer_has(peer, "HTTP/1.1 431 "));
    peer_free(peer);
}

static void cuts_the_longest_idle_when_there_are_too_many(void **state)
{
    static struct peer *peers[1030];

    (void)state;
    peers[0] = peer_open(port);
    peers[1] = peer_open(port);
    peer_say(&uv, peers[0], "GET /ping HTTP/1.1\r\n" HOST "\r\n");
    RUN_UNTIL(&uv, peer_has(peers[0], "pong"));
    for (int i = 2; i < 1025; i++) {
        peers[i] = peer_open(port);
    }
    RUN_UNTIL(&uv, peer_ended(peers[1]));
    peer_read(peers[0]);
    assert_false(peers[0]->ended);
    for (int i = 0; i < 1025; i++) {
        peer_free(peers[i]);
    }
}

/* Takes ten seconds, for that is how long a peer has. */
static void cuts_peers_that_are_too_slow(void **state)
{
    int descriptors = open_descriptors();
    struct peer *silent = peer_open(port);
    struct peer *slow = peer_open(port);
    struct peer *stuck = peer_open(port);
    struct peer *kept = peer_open(port);

    (void)state;
    /* More than sockets hold. */
    for (int i = 0; i < 10; i++) {
        peer_say(&uv, stuck, "GET /large.js HTTP/1.1\r\n" HOST "\r\n");
    }
    peer_say(&uv, kept, "GET /ping HTTP/1.1\r\n" HOST "\r\n");
    RUN_UNTIL(&uv, peer_has(kept, "pong"));
    for (int i = 0; i < 16 && !slow->ended; i++) {
        uint64_t next = uv_hrtime() + 700000000;

        peer_send(&uv, slow, "GET / HTTP/1.1\r\n" + i, 1);
        RUN_UNTIL(&uv, uv_hrtime() > next || peer_ended(slow));
    }
    assert_true(peer_has(slow, "HTTP/1.1 408 "));
    RUN_UNTIL(&uv, peer_ended(silent) && peer_ended(kept));
    /* Nothing of them is left on the server's side. */
    RUN_UNTIL(&uv, open_descriptors() == descriptors + 4);
    peer_free(silent);
    peer_free(slow);
    peer_free(stuck);
    peer_free(kept);
}

static void closes_with_connections_in_every_state(void **state)
{
    struct peer *peers[3] = {peer_open(port), peer_open(port), peer_open(port)};

    (void)state;
    peer_say(&uv, peers[1], "GET / HT");
    peer_say(&uv, peers[2], "GET /large.js HTTP/1.1\r\n" HOST "\r\n");
    RUN_UNTIL(&uv, peer_read(peers[2]) > 0);
    for (int i = 0; i < 3; i++) {
        peer_free(peers[i]);
    }
}

static void says_why_it_cannot_listen(void **state)
{
    struct domi__listener *other;
    struct domi__http_listen http = {
        .listen = {.loop = loop, .log = &a_log, .host = "127.0.0.1",
                   .port = port},
    };

    (void)state;
    assert_int_equal(domi__http_listen(&other, &http), UV_EADDRINUSE);
    http.listen.port = 0;
    http.web_root = "/none/such";
    assert_int_equal(domi__http_listen(&other, &http), UV_ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(answers_what_the_node_tells),
        TEST(answers_what_a_post_asks_of_the_node),
        TEST(adds_the_line_that_the_node_gives),
        TEST(sends_files),
        TEST(tells_that_a_file_is_unchanged),
        TEST(sends_a_large_file_to_a_slow_reader),
        TEST(answers_pipelined_requests_in_order),
        TEST(answers_what_is_pipelined_behind_a_file),
        TEST(refuses_with_the_right_status),
        TEST(lets_the_peer_read_the_refusal),
        TEST(cuts_the_longest_idle_when_there_are_too_many),
        TEST(cuts_peers_that_are_too_slow),
        TEST(closes_with_connections_in_every_state),
        TEST(says_why_it_cannot_listen),
#undef TEST
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
