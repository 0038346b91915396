/* SPDX-License-Identifier: MIT */
/* Services that are watched through a Consul that answers garbage. All rows of
   a table are services of one registry, so that they fail side by side. */
#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "impostor.h"

#define NODE(id)                                                               \
    "[{\"Node\":{\"Node\":\"n\",\"Address\":\"10.0.0.1\"},\"Service\":{"       \
    "\"ID\":\"" id "\",\"Address\":\"\",\"Port\":9999},"                       \
    "\"Checks\":[{\"Status\":\"passing\"}]}]"
#define MOST_ROWS 32

/* One row at work. */
struct scene {
    char name[16];
    struct watcher watcher;
    unsigned asked; /* since the garbage began */
    unsigned with_index; /* of them, those that did not ask with index 0 */
};

static struct world world;
static struct impostor impostor;
static struct scene scenes[MOST_ROWS];
static size_t scene_count;
static char response[256 * 1024];

/* ---- answers ------------------------------------------------------------- */

/* `headers` end each with a line's end. */
static const char *whole(const char *status, const char *headers,
                         const char *body)
{
    snprintf(response, sizeof(response),
             "HTTP/1.1 %s\r\nContent-Length: %zu\r\n%s\r\n%s", status,
             strlen(body), headers, body);
    return response;
}

static const char *good(struct impostor *self, const char *service)
{
    (void)self;
    (void)service;
    return whole("200 OK", "X-Consul-Index: 10\r\n", NODE("1"));
}

/* Whom nothing asks for a change any more. */
static const char *good_again(struct impostor *self, const char *service)
{
    (void)service;
    if (!strstr(self->path, "index=0&")) {
        return NULL;
    }
    return whole("200 OK", "X-Consul-Index: 12\r\n", NODE("2"));
}

/* ---- the stand ----------------------------------------------------------- */

static struct scene *scene_of(const char *service)
{
    for (size_t i = 0; i < scene_count; i++) {
        if (strcmp(scenes[i].name, service) == 0) {
            return &scenes[i];
        }
    }
    fail_msg("%s is asked for", service);
    return NULL;
}

static struct scene *note(struct impostor *self, const char *service)
{
    struct scene *scene = scene_of(service);

    scene->asked++;
    scene->with_index += !strstr(self->path, "index=0&");
    return scene;
}

static bool are_all_known(void)
{
    for (size_t i = 0; i < scene_count; i++) {
        if (!scenes[i].watcher.watch.known) {
            return false;
        }
    }
    return true;
}

static bool have_all(int id)
{
    for (size_t i = 0; i < scene_count; i++) {
        if (!watcher_is_good(&scenes[i].watcher, id)) {
            return false;
        }
    }
    return true;
}

/* Each row has once heard of node 1. */
static void start(size_t count)
{
    struct domi_consul_options options = {0};

    memset(&impostor, 0, sizeof(impostor));
    memset(scenes, 0, sizeof(scenes));
    scene_count = count;
    impostor.answer = good;
    world_init(&world);
    impostor_open(&impostor, &world.fixture);
    options.url = impostor.url;
    world_connect(&world, options);
    for (size_t i = 0; i < count; i++) {
        snprintf(scenes[i].name, sizeof(scenes[i].name), "row-%zu", i);
        watcher_open(&scenes[i].watcher, &world, scenes[i].name);
    }
    RUN_UNTIL(&world.fixture, are_all_known());
    assert_true(have_all(1));
}

static void finish(void)
{
    for (size_t i = 0; i < scene_count; i++) {
        watcher_close(&scenes[i].watcher);
    }
    impostor_close(&impostor);
    world_fini(&world);
}

/* ---- garbage ------------------------------------------------------------- */

#define DEEP10 "[[[[[[[[[["
#define DEEP100                                                                \
    DEEP10 DEEP10 DEEP10 DEEP10 DEEP10 DEEP10 DEEP10 DEEP10 DEEP10 DEEP10
#define INDEX "X-Consul-Index: 11\r\n"

static const struct {
    const char *status;
    const char *headers;
    const char *body; /* NULL: `status` is all that is said, and cut */
    const char *log;  /* how it is named */
} garbage[] = {
    {"200 OK", INDEX, "rubbish", "not JSON from byte"},
    {"200 OK", INDEX, "", "the body is empty"},
    {"200 OK", INDEX, "<html><body>Welcome</body></html>", "<html>"},
    {"200 OK", INDEX, "[{\"Node\":{\"Node\":\"n\"", "not JSON from byte"},
    {"200 OK", INDEX, DEEP100, "nested deeper than 64"},
    {"200 OK", INDEX, "{}", "no list of instances"},
    {"200 OK", INDEX, "null", "no list of instances"},
    {"500 Internal Server Error", "X-Consul-Index: 1\r\n",
     "No cluster leader", "500: No cluster leader"},
    {"429 Too Many Requests", "", "slower", "429: slower"},
    {"403 Forbidden", "", "Permission denied",
     "needs service and node read): Permission denied"},
    {"404 Not Found", "", "", "this may be no Consul"},
    {"307 Temporary Redirect", "Location: http://127.0.0.1:1/\r\n", "",
     "redirects are not followed"},
    {"400 Bad Request", "", "Invalid index", "400: Invalid index"},
    {"SSH-2.0-OpenSSH_9.2\r\n", NULL, NULL, "row-13?"},
    {"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n[", NULL, NULL, "row-14?"},
    {"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n[]", NULL, NULL, "row-15?"},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n[]", NULL,
     NULL, "row-16?"},
    {"", NULL, NULL, "row-17?"},
};

static const char *lie(struct impostor *self, const char *service)
{
    size_t i = (size_t)(note(self, service) - scenes);

    self->cuts = !garbage[i].body;
    if (self->cuts) {
        return garbage[i].status;
    }
    return whole(garbage[i].status, garbage[i].headers, garbage[i].body);
}

static void keeps_what_it_knew_through_garbage_and_names_it(void **state)
{
    const unsigned seconds = 5;
    size_t count = sizeof(garbage) / sizeof(garbage[0]);

    (void)state;
    start(count);
    impostor.answer = lie;
    world_rest(&world, seconds * 1000);
    assert_int_equal(world.state, DOMI_REGISTRY_STALE);
    for (size_t i = 0; i < count; i++) {
        if (!watcher_is_good(&scenes[i].watcher, 1) ||
            scenes[i].watcher.changes != 1) {
            fail_msg("row %zu has another snapshot", i);
        }
        if (world_logged(&world, garbage[i].log) == 0) {
            fail_msg("row %zu: nothing about %s", i, garbage[i].log);
        }
        /* Tries again, but not more often than once a second or so, and from
           the beginning. libcurl itself asks twice where a connection that
           was good before ends without a word. */
        assert_in_range(scenes[i].asked, 2,
                        (seconds + 2) * (garbage[i].status[0] ? 1 : 2));
        assert_in_range(scenes[i].with_index, 1, 2);
    }
    impostor.answer = good_again;
    impostor.cuts = false;
    RUN_UNTIL(&world.fixture, have_all(2));
    RUN_UNTIL(&world.fixture, world.state == DOMI_REGISTRY_OK);
    assert_int_equal(world.state_changes, 2);
    finish();
}

/* ---- indexes ------------------------------------------------------------- */

static const struct {
    const char *header;
    bool is_usable;
} indexes[] = {
    {"", false},
    {"X-Consul-Index: 0\r\n", false},
    {"X-Consul-Index: -1\r\n", false},
    {"X-Consul-Index: 18446744073709551616\r\n", false},
    {"X-Consul-Index: red\r\n", false},
    {"X-Consul-Index: 7 \xff\r\n", false},
    {"X-Consul-Index: 9\r\n", true}, /* smaller than it was; then the same */
    {"X-Consul-Index: 10\r\n", true},
};

static const char *answer_at_once(struct impostor *self, const char *service)
{
    size_t i = (size_t)(note(self, service) - scenes);

    return whole("200 OK", indexes[i].header, NODE("2"));
}

static void no_index_makes_it_run_hot(void **state)
{
    const unsigned seconds = 5;
    size_t count = sizeof(indexes) / sizeof(indexes[0]);

    (void)state;
    start(count);
    impostor.answer = answer_at_once;
    world_rest(&world, seconds * 1000);
    for (size_t i = 0; i < count; i++) {
        assert_true(watcher_is_good(&scenes[i].watcher, 2));
        assert_in_range(scenes[i].asked, seconds - 2, seconds + 1);
        if (!indexes[i].is_usable) {
            assert_int_equal(scenes[i].with_index, 1);
        }
    }
    assert_int_equal(world.state_changes, 0);
    finish();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_what_it_knew_through_garbage_and_names_it),
        cmocka_unit_test(no_index_makes_it_run_hot),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
