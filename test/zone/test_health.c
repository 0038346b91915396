/* SPDX-License-Identifier: MIT */
/* What a zone answers over HTTP, and that it drains when it is told to. */
#include "peer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/list.h"

#define BLOCKING 62

struct health {
    struct fixture fixture;
    unsigned memory;
    unsigned drained;
    atomic_bool go; /* blocked handlers wait for it */
};

static struct health *health_of(void *user)
{
    return DOMI__CONTAINER(user, struct health, fixture);
}

static unsigned memory_use(struct domi_zone *zone, void *user)
{
    (void)zone;
    return health_of(user)->memory;
}

static void on_drained(struct domi_zone *zone, void *user)
{
    assert_ptr_equal(zone, health_of(user)->fixture.zone);
    health_of(user)->drained++;
}

static void on_blocking(struct domi_group *group, struct domi_user sender,
                        const struct domi_frame *frame, void *user)
{
    (void)group;
    (void)sender;
    (void)frame;
    while (!health_of(user)->go) {
        struct timespec time = {0, 1000000};

        nanosleep(&time, NULL);
    }
}

static void setup(struct fixture *fixture, struct domi_group *group)
{
    domi_group_handle(group, BLOCKING, on_blocking, fixture);
}

static struct health *health_open(const char *token)
{
    static const int id = 7;
    struct health *health = calloc(1, sizeof(*health));
    struct domi_zone_options options;

    assert_non_null(health);
    options = fixture_options(&health->fixture);
    options.id = &id;
    options.http_port = DOMI_PORT_ANY;
    options.admin_token = token;
    options.memory_use = memory_use;
    options.on_drained = on_drained;
    options.workers = 2;
    health->fixture.setup = setup;
    health->memory = 41;
    fixture_init(&health->fixture, &options);
    assert_int_equal(domi_zone_start(health->fixture.zone), 0);
    return health;
}

static void health_close(struct health *health)
{
    health->go = true;
    fixture_fini(&health->fixture);
    free(health);
}

/* Whether the answer to a request has this text. */
static bool answers(struct health *health, const char *request,
                    const char *text)
{
    struct peer peer;
    bool found;

    peer_connect(&peer, &health->fixture,
                 domi_zone_http_port(health->fixture.zone));
    peer_send(&peer, request, strlen(request));
    peer_expect_rest(&peer);
    found = memmem(peer.in, peer.size, text, strlen(text)) != NULL;
    peer_close(&peer);
    return found;
}

#define GET(name) "GET /7/" name " HTTP/1.0\r\n\r\n"
#define POST_EXIT "POST /7/exit HTTP/1.0\r\nHost: localhost\r\n"

static void tells_its_memory_use(void **state)
{
    struct health *health = health_open(NULL);

    (void)state;
    assert_true(answers(health, GET("weight"), "\r\n\r\n41\n"));
    assert_true(answers(health, GET("weight"), "\r\nDomi-Registry: ok\r\n"));
    health->memory = 42;
    fixture_wait(&health->fixture,
                 answers(health, GET("weight"), "\r\n\r\n42\n"));
    health_close(health);
}

static void is_not_healthy_while_memory_is_short(void **state)
{
    struct health *health = health_open(NULL);

    (void)state;
    assert_true(answers(health, GET("health"), " 200 OK\r\n"));
    health->memory = 99;
    fixture_wait(&health->fixture,
                 answers(health, GET("health"), "HTTP/1.1 429 "));
    assert_true(
        answers(health, GET("health"), "\r\n\r\nmemory is short\n"));
    health->memory = 41;
    fixture_wait(&health->fixture,
                 answers(health, GET("health"), " 200 OK\r\n"));
    health_close(health);
}

static void is_not_healthy_while_a_worker_is_stuck(void **state)
{
    struct health *health = health_open(NULL);

    (void)state;
    assert_int_equal(
        domi_zone_post(health->fixture.zone, GROUP, BLOCKING, NULL, 0), 0);
    fixture_wait(&health->fixture, answers(health, GET("health"),
                                           "\r\n\r\na worker is stuck\n"));
    assert_true(answers(health, GET("ping"), " 200 OK\r\n"));
    health->go = true;
    fixture_wait(&health->fixture,
                 answers(health, GET("health"), " 200 OK\r\n"));
    health_close(health);
}

static void drains_when_it_is_posted_exit(void **state)
{
    struct health *health = health_open(NULL);
    struct domi_zone *zone = health->fixture.zone;
    struct peer peer;

    (void)state;
    peer_open(&peer, &health->fixture);
    peer_join(&peer, USER_A, GROUP);
    fixture_wait(&health->fixture, health->fixture.joined == 1);
    assert_true(answers(health, GET("exit"), "\r\nAllow: POST\r\n"));
    assert_true(answers(health,
                        POST_EXIT "Origin: http://evil.example\r\n\r\n",
                        " 403 Forbidden\r\n"));
    assert_false(domi_zone_is_draining(zone));
    assert_true(answers(health, POST_EXIT "\r\n", "\r\n\r\ndraining\n"));
    assert_true(domi_zone_is_draining(zone));
    assert_true(answers(health, POST_EXIT "\r\n", "\r\n\r\ndraining\n"));
    assert_true(answers(health, GET("weight"), "\r\n\r\n101\n"));
    assert_true(answers(health, GET("health"), " 200 OK\r\n"));
    assert_int_equal(health->drained, 0);
    peer_close(&peer);
    fixture_wait(&health->fixture, health->drained == 1);
    health_close(health);
}

static void asks_for_the_token_where_there_is_one(void **state)
{
    struct health *health = health_open("secret");

    (void)state;
    assert_true(answers(health, POST_EXIT "\r\n", " 401 Unauthorized\r\n"));
    assert_false(domi_zone_is_draining(health->fixture.zone));
    assert_true(answers(health, POST_EXIT "X-Domi-Token: secret\r\n\r\n",
                        "\r\n\r\ndraining\n"));
    assert_true(domi_zone_is_draining(health->fixture.zone));
    assert_int_equal(fixture_logged(&health->fixture, "secret"), 0);
    assert_int_equal(fixture_logged(&health->fixture, "is refused"), 1);
    health_close(health);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_its_memory_use),
        cmocka_unit_test(is_not_healthy_while_memory_is_short),
        cmocka_unit_test(is_not_healthy_while_a_worker_is_stuck),
        cmocka_unit_test(drains_when_it_is_posted_exit),
        cmocka_unit_test(asks_for_the_token_where_there_is_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
