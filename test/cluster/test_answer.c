/* SPDX-License-Identifier: MIT */
/* What a node answers over HTTP, and whom it obeys. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "cluster/cluster.h"
#include "http/http.h"

/* What is asked, how the node stands, and what it answered. */
struct scene {
    struct domi__node node;
    struct domi__registry_kind kind;
    struct domi_registry registry;
    struct domi__node_status status;
    struct domi__http_request request;
    struct domi__http_question question;
    struct domi__http_answer answer;
    struct domi__log log;
    int lines;
    char line[256];
};

static unsigned twelve_seconds(const struct domi_registry *registry)
{
    (void)registry;
    return 12;
}

static unsigned no_time(const struct domi_registry *registry)
{
    (void)registry;
    return 0;
}

static void keep_line(enum domi_log_level level, const char *line, void *user)
{
    struct scene *scene = user;

    (void)level;
    scene->lines++;
    snprintf(scene->line, sizeof(scene->line), "%s", line);
}

static void set_scene(struct scene *scene)
{
    *scene = (struct scene){
        .node = {.id = 12, .version = 3},
        .registry = {.kind = &scene->kind},
        .status =
            {
                .node = &scene->node,
                .registry = &scene->registry,
                .memory = 41,
            },
        .request = {.method = DOMI__HTTP_GET},
        .question =
            {
                .request = &scene->request,
                .address = "127.0.0.1:5",
                .is_loopback = true,
            },
    };
    scene->request.headers[DOMI__HTTP_HOST] = "127.0.0.1:8080";
    domi__log_init(&scene->log, keep_line, scene);
}

static bool ask(struct scene *scene, const char *path)
{
    scene->request.path = path;
    memset(&scene->answer, 0, sizeof(scene->answer));
    return domi__node_answer(&scene->status, &scene->log, &scene->question,
                             &scene->answer);
}

static void check(struct scene *scene, const char *path, int status,
                  const char *header, const char *body)
{
    assert_false(ask(scene, path));
    assert_int_equal(scene->answer.status, status);
    assert_string_equal(scene->answer.header, header);
    assert_string_equal(scene->answer.body, body);
}

#define OK "Domi-Registry: ok"

static void answers_below_its_own_id(void **state)
{
    struct scene scene;

    (void)state;
    set_scene(&scene);
    check(&scene, "/12/health", 200, OK, "consul healthy check!\n");
    check(&scene, "/12/ping", 200, OK, "pong\n");
    check(&scene, "/12/version", 200, OK, "3\n");
    check(&scene, "/12/weight", 200, OK, "41\n");
    scene.request.method = DOMI__HTTP_HEAD;
    check(&scene, "/12/ping", 200, OK, "pong\n");
    assert_int_equal(scene.lines, 0);
}

static void other_paths_are_not_its_own(void **state)
{
    static const char *const paths[] = {
        "",        "/",        "/12",         "/12/",      "/1/health",
        "/health", "/13/ping", "/12/health/", "/12/exit/", "/012/ping",
        "/12ping", "12/ping",  "/123/ping",   "/1/exit",   "/12/",
    };
    struct scene scene;

    (void)state;
    set_scene(&scene);
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        scene.request.method = i % 2 ? DOMI__HTTP_GET : DOMI__HTTP_POST;
        check(&scene, paths[i], 0, "", "");
    }
}

static void a_node_without_an_id_says_so(void **state)
{
    static const char *const own[] = {"/0/health", "/1022/weight", "/5/exit"};
    static const char *const others[] = {"/-1/ping", "/ping", "//ping",
                                         "/a/ping", "/5/index.html"};
    struct scene scene;

    (void)state;
    set_scene(&scene);
    scene.node.id = -1;
    scene.request.method = DOMI__HTTP_POST;
    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
        check(&scene, own[i], 503, OK,
              "the registry has given this node no id yet\n");
    }
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        check(&scene, others[i], 0, "", "");
    }
}

static void a_busy_node_is_not_healthy(void **state)
{
    struct scene scene;

    (void)state;
    set_scene(&scene);
    scene.status.busy = "a worker is stuck";
    check(&scene, "/12/health", 429, OK, "a worker is stuck\n");
    check(&scene, "/12/ping", 200, OK, "pong\n");
}

static void a_draining_node_is_healthy_and_weighs_101(void **state)
{
    struct scene scene;

    (void)state;
    set_scene(&scene);
    scene.node.draining = true;
    check(&scene, "/12/health", 200, OK, "consul healthy check!\n");
    check(&scene, "/12/weight", 200, OK, "101\n");
}

static void tells_how_long_the_registry_is_away(void **state)
{
    struct scene scene;

    (void)state;
    set_scene(&scene);
    scene.kind.stale_s = twelve_seconds;
    check(&scene, "/12/weight", 200, "Domi-Registry: stale; seconds=12",
          "41\n");
    scene.kind.stale_s = no_time;
    check(&scene, "/12/weight", 200, OK, "41\n");
}

static void each_page_has_its_methods(void **state)
{
    struct scene scene;

    (void)state;
    set_scene(&scene);
    check(&scene, "/12/exit", 405, "Allow: POST", "this takes a POST\n");
    scene.request.method = DOMI__HTTP_HEAD;
    check(&scene, "/12/exit", 405, "Allow: POST", "this takes a POST\n");
    scene.request.method = DOMI__HTTP_POST;
    check(&scene, "/12/health", 405, "Allow: GET, HEAD", "this takes a GET\n");
    check(&scene, "/12/weight", 405, "Allow: GET, HEAD", "this takes a GET\n");
}

/* ---- exit ---------------------------------------------------------------- */

static void set_exit_scene(struct scene *scene)
{
    set_scene(scene);
    scene->request.method = DOMI__HTTP_POST;
}

static void check_obeyed(struct scene *scene)
{
    assert_true(ask(scene, "/12/exit"));
    assert_int_equal(scene->answer.status, 200);
    assert_string_equal(scene->answer.header, "");
    assert_string_equal(scene->answer.body, "draining\n");
}

static void check_refused(struct scene *scene, int status, const char *reason)
{
    scene->lines = 0;
    assert_false(ask(scene, "/12/exit"));
    assert_int_equal(scene->answer.status, status);
    assert_non_null(strstr(scene->answer.body, reason));
    assert_int_equal(scene->lines, 1);
    assert_non_null(strstr(scene->line, "exit for 127.0.0.1:5 is refused"));
    assert_non_null(strstr(scene->line, reason));
}

static void obeys_this_machine(void **state)
{
    static const char *const hosts[] = {"127.0.0.1:8080", "10.1.2.3",
                                        "localhost", "LocalHost:80",
                                        "[::1]:8080", "[fe80::1]"};
    struct scene scene;

    (void)state;
    set_exit_scene(&scene);
    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
        scene.request.headers[DOMI__HTTP_HOST] = hosts[i];
        check_obeyed(&scene);
    }
    assert_non_null(strstr(scene.line, "127.0.0.1:5 says exit"));
}

static void does_not_obey_other_machines(void **state)
{
    struct scene scene;

    (void)state;
    set_exit_scene(&scene);
    scene.question.is_loopback = false;
    check_refused(&scene, 403, "only this machine");
}

/* A name server of the attacker's may call this machine by any name. */
static void does_not_obey_under_a_foreign_name(void **state)
{
    static const char *const hosts[] = {
        "evil.example",  "localhost.evil.example", "127.0.0.1.evil.example",
        "::1",           "[::1",                   "[evil]",
        "127.0.0.1:80x", "1",                      "127.1",
        "",
    };
    struct scene scene;

    (void)state;
    set_exit_scene(&scene);
    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
        scene.request.headers[DOMI__HTTP_HOST] = hosts[i];
        check_refused(&scene, 403, "Host header");
    }
    scene.request.headers[DOMI__HTTP_HOST] = NULL;
    check_refused(&scene, 403, "Host header");
}

static void does_not_obey_foreign_pages(void **state)
{
    static const char *const origins[] = {
        "http://evil.example", "null", "http://127.0.0.1", "",
        "http://127.0.0.1:8081", "file://127.0.0.1:8080"};
    struct scene scene;

    (void)state;
    set_exit_scene(&scene);
    for (size_t i = 0; i < sizeof(origins) / sizeof(origins[0]); i++) {
        scene.request.headers[DOMI__HTTP_ORIGIN] = origins[i];
        check_refused(&scene, 403, "another host");
    }
    scene.request.headers[DOMI__HTTP_ORIGIN] = "http://127.0.0.1:8080";
    check_obeyed(&scene);
}

static void obeys_a_token_from_anywhere(void **state)
{
    static const char *const bearers[] = {"Bearer secret", "bearer secret",
                                          "Bearer   secret"};
    struct scene scene;

    (void)state;
    set_exit_scene(&scene);
    scene.status.admin_token = "secret";
    scene.question.is_loopback = false;
    scene.request.headers[DOMI__HTTP_HOST] = "node.example";
    for (size_t i = 0; i < sizeof(bearers) / sizeof(bearers[0]); i++) {
        scene.request.headers[DOMI__HTTP_AUTHORIZATION] = bearers[i];
        check_obeyed(&scene);
    }
    scene.request.headers[DOMI__HTTP_AUTHORIZATION] = "Basic c2VjcmV0";
    scene.request.headers[DOMI__HTTP_TOKEN] = "secret";
    check_obeyed(&scene);
    assert_null(strstr(scene.line, "secret"));
}

static void where_there_is_a_token_this_machine_needs_it_too(void **state)
{
    static const char *const wrong[] = {"",        "s",        "secre",
                                        "secrets", "secretsecret", "Secret",
                                        "secret "};
    struct scene scene;

    (void)state;
    set_exit_scene(&scene);
    scene.status.admin_token = "secret";
    check_refused(&scene, 401, "missing or wrong");
    assert_string_equal(scene.answer.header, "WWW-Authenticate: Bearer");
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        scene.request.headers[DOMI__HTTP_TOKEN] = wrong[i];
        check_refused(&scene, 401, "missing or wrong");
    }
    scene.request.headers[DOMI__HTTP_TOKEN] = NULL;
    scene.request.headers[DOMI__HTTP_AUTHORIZATION] = "secret";
    check_refused(&scene, 401, "missing or wrong");
    scene.request.headers[DOMI__HTTP_AUTHORIZATION] = "Basic secret";
    check_refused(&scene, 401, "missing or wrong");
    scene.request.headers[DOMI__HTTP_AUTHORIZATION] = "Bearer guessed";
    check_refused(&scene, 401, "missing or wrong");
    assert_null(strstr(scene.line, "guessed"));
}

static void refusals_do_not_flood_the_log(void **state)
{
    struct scene scene;

    (void)state;
    set_exit_scene(&scene);
    scene.question.is_loopback = false;
    for (int i = 0; i < 1000; i++) {
        assert_false(ask(&scene, "/12/exit"));
        assert_int_equal(scene.answer.status, 403);
    }
    /* Three seconds' worth, should the machine be that slow. */
    assert_in_range(scene.lines, 1, 3 * (DOMI__LOG_PEER_LINES + 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_below_its_own_id),
        cmocka_unit_test(other_paths_are_not_its_own),
        cmocka_unit_test(a_node_without_an_id_says_so),
        cmocka_unit_test(a_busy_node_is_not_healthy),
        cmocka_unit_test(a_draining_node_is_healthy_and_weighs_101),
        cmocka_unit_test(tells_how_long_the_registry_is_away),
        cmocka_unit_test(each_page_has_its_methods),
        cmocka_unit_test(obeys_this_machine),
        cmocka_unit_test(does_not_obey_other_machines),
        cmocka_unit_test(does_not_obey_under_a_foreign_name),
        cmocka_unit_test(does_not_obey_foreign_pages),
        cmocka_unit_test(obeys_a_token_from_anywhere),
        cmocka_unit_test(where_there_is_a_token_this_machine_needs_it_too),
        cmocka_unit_test(refusals_do_not_flood_the_log),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
