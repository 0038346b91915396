/* SPDX-License-Identifier: MIT */
/* Links under test, and what they have told. */
#include "links_fixture.h"

#include <stdio.h>
#include <string.h>

uint64_t forward_ms;

/* Takes the place of libuv's own in this program. */
uint64_t uv_now(const uv_loop_t *loop)
{
    return loop->time + forward_ms;
}

static void stamp(struct fixture *fixture)
{
    unsigned n = fixture->up + fixture->failed - 1;

    if (n < 8) {
        fixture->times[n] = domi__clock_ns() / 1000000;
    }
}

static void on_up(void *user, struct domi__link *link)
{
    struct fixture *fixture = user;

    fixture->up++;
    fixture->last = link;
    assert_true(domi__link_id(link) != 0);
    assert_non_null(domi__link_session(link));
    assert_false(domi__link_has(link, DOMI__FEATURE_GROUPS));
    stamp(fixture);
}

static void ask_again(struct fixture *fixture, struct domi__link *link)
{
    if (fixture->ask_again) {
        fixture->again = domi__links_get(fixture->links, fixture->ask_again);
        assert_non_null(fixture->again);
        assert_ptr_not_equal(fixture->again, link);
        fixture->ask_again = NULL;
    }
}

static void on_down(void *user, struct domi__link *link,
                    enum domi_reason reason)
{
    struct fixture *fixture = user;

    fixture->down++;
    fixture->reason = reason;
    assert_int_equal(domi__link_id(link), 0);
    assert_null(domi__link_session(link));
    ask_again(fixture, link);
}

static void on_hello(void *user, struct domi__link *link)
{
    struct fixture *fixture = user;

    fixture->hellos++;
    assert_true(domi__link_has(link, DOMI__FEATURE_GROUPS));
}

static void on_failed(void *user, struct domi__link *link,
                      enum domi_reason reason)
{
    struct fixture *fixture = user;

    fixture->failed++;
    fixture->reason = reason;
    stamp(fixture);
    assert_int_equal(domi__link_id(link), 0);
    assert_null(domi__link_session(link));
}

static void on_frame(void *user, struct domi__link *link,
                     const struct domi_frame *frame)
{
    struct fixture *fixture = user;

    (void)link;
    fixture->frames++;
    fixture->type = frame->type;
}

static void on_low(void *user, struct domi__link *link)
{
    (void)link;
    ((struct fixture *)user)->low++;
}

static void on_gone(void *user, struct domi__link *link)
{
    struct fixture *fixture = user;

    fixture->gone++;
    ask_again(fixture, link);
}

static const struct domi__links_calls calls = {
    .on_up = on_up,
    .on_hello = on_hello,
    .on_down = on_down,
    .on_failed = on_failed,
    .on_frame = on_frame,
    .on_low = on_low,
    .on_gone = on_gone,
};

static void on_log(enum domi_log_level level, const char *line, void *user)
{
    struct fixture *fixture = user;
    size_t size = strlen(fixture->lines);

    if (level <= DOMI_LOG_WARNING) {
        snprintf(fixture->lines + size, sizeof(fixture->lines) - size, "%s\n",
                 line);
    }
}

static void open_with(struct fixture *fixture,
                      const struct domi__cluster_keys *keys,
                      unsigned handshake_ms)
{
    struct domi__links_options options = {
        .log = &fixture->log,
        .limits = {.frame_limit = 1024,
                   .send_limit = 64 * 1024,
                   .handshake_ms = handshake_ms,
                   .silence_ms = 10000,
                   .heartbeat_ms = 50}, /* also to notice forward_ms */
        .node_id = 3,
        .features = DOMI__FEATURE_GROUPS,
        .keys = *keys,
        .calls = &calls,
        .user = fixture,
    };

    memset(fixture, 0, sizeof(*fixture));
    forward_ms = 0;
    net_open(&fixture->net);
    domi__log_init(&fixture->log, on_log, fixture);
    fixture->loop = domi__loop_get(&fixture->net.loop);
    assert_non_null(fixture->loop);
    options.loop = fixture->loop;
    fixture->links = domi__links_new(&options);
    assert_non_null(fixture->links);
}

void open_links(struct fixture *fixture)
{
    open_with(fixture, &(struct domi__cluster_keys){0}, 5000);
}

void open_keyed_links(struct fixture *fixture,
                      const struct domi__cluster_keys *keys)
{
    open_with(fixture, keys, 500);
}

static void on_closed(void *user)
{
    ((struct fixture *)user)->closed = true;
}

static void on_put(void *user)
{
    ((struct fixture *)user)->put = true;
}

void stop_links(struct fixture *fixture)
{
    struct fixture before = *fixture;

    domi__links_close(fixture->links, on_closed, fixture);
    assert_false(fixture->closed);
    UNTIL(&fixture->net, fixture->closed);
    assert_int_equal(fixture->down, before.down);
    assert_int_equal(fixture->gone, before.gone);
    assert_int_equal(fixture->up, before.up);
}

void close_links(struct fixture *fixture)
{
    if (!fixture->closed) {
        stop_links(fixture);
    }
    domi__loop_put(fixture->loop, on_put, fixture);
    UNTIL(&fixture->net, fixture->put);
    net_close(&fixture->net);
}
