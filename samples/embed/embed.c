/* SPDX-License-Identifier: MIT */
/*
 * embed: domi as a guest in a program that has a loop and work of its own.
 *
 * The program is an echo server with a timer. Twice it is given a zone and a
 * gateway, on the same loop, and they are taken away again, while the echo
 * server and the timer go on. It checks each step: a user of domi gets its own
 * word back, and so does one of the echo server, with domi and without. Status
 * 0 when all went well; else 1, after a line that says what did not. It leaves
 * out everything that an application would do with its groups.
 */
#include "embed/echo.h"

#include <stdio.h>
#include <string.h>

#include "domi/domi.h"

enum { JOIN = 50, SAY = 51, GROUP = 7 };
enum { ROUNDS = 2, TICK_MS = 5, DEADLINE_MS = 15000 };

/* The whole application. */
struct embed {
    uv_loop_t loop;
    uv_timer_t ticker;
    uv_timer_t deadline;
    struct echo echo;
    struct echo_check check;
    unsigned ticks;
    unsigned ticks_before; /* when domi was taken away */
    int round;
    int closing; /* parts of domi that are not closed yet */
    bool failed;
    struct domi_registry *registry;
    struct domi_zone *zone;
    struct domi_gateway *gateway;
    struct domi_client *client;
};

static struct embed *embed_of(struct echo_check *check)
{
    return (struct embed *)(void *)((char *)check -
                                    offsetof(struct embed, check));
}

static void fail(struct embed *embed, const char *what)
{
    printf("failed in round %d: %s\n", embed->round, what);
    embed->failed = true;
    uv_stop(&embed->loop);
}

/* ---- the group and the gateway ------------------------------------------- */

static void on_say(struct domi_group *group, struct domi_user sender,
                   const struct domi_frame *frame, void *user)
{
    (void)user;
    domi_group_add(group, sender);
    domi_group_broadcast(group, SAY, frame->data, frame->data_size);
}

static int on_group(struct domi_zone *zone, struct domi_group *group,
                    void *user)
{
    (void)zone;
    (void)user;
    return domi_group_handle(group, SAY, on_say, NULL);
}

static void on_called(struct domi_gateway *gateway,
                      struct domi_session *session, int status,
                      const struct domi_target *target, void *user)
{
    uint8_t answer[DOMI_TARGET_SIZE];

    (void)gateway;
    if (status != 0) {
        fail(user, domi_strerror(status));
        return;
    }
    domi_target_put(answer, *target);
    domi_session_send(session, JOIN, answer, sizeof(answer));
}

static void on_join(struct domi_gateway *gateway, struct domi_session *session,
                    const struct domi_frame *frame, void *user)
{
    int err = domi_gateway_call(gateway, session, "zone", GROUP, on_called,
                                user);

    (void)frame;
    if (err) {
        fail(user, domi_strerror(err));
    }
}

/* ---- a user, to try it --------------------------------------------------- */

static void take_away(struct echo_check *check, bool right);

static void on_open(struct domi_client *client, uint64_t id, void *user)
{
    (void)id;
    (void)user;
    domi_client_send(client, JOIN, NULL, 0);
}

static void on_lost(struct domi_client *client, int status, int64_t wait_ms,
                    void *user)
{
    (void)client;
    (void)wait_ms;
    fail(user, status ? domi_strerror(status) : "the gateway closed");
}

static void on_joined(struct domi_client *client,
                      const struct domi_frame *frame, void *user)
{
    if (frame->data_size != DOMI_TARGET_SIZE ||
        domi_client_send_group(client, frame->data, SAY, "hello", 5) != 0) {
        fail(user, "no target to talk to");
    }
}

static void on_said(struct domi_client *client, const struct domi_frame *frame,
                    void *user)
{
    struct embed *embed = user;

    (void)client;
    if (frame->data_size != 5 || memcmp(frame->data, "hello", 5) != 0) {
        fail(embed, "another word came back");
        return;
    }
    echo_check(&embed->check, &embed->echo, take_away);
}

/* ---- domi comes and goes ------------------------------------------------- */

static int make_parts(struct embed *embed)
{
    struct domi_registry *registry = domi_registry_local_new();
    const struct domi_zone_options zone = {
        .registry = registry,
        .workers = 1,
        .on_group = on_group,
    };
    const struct domi_gateway_options gateway = {
        .registry = registry,
        .tcp_port = DOMI_PORT_ANY,
    };
    const struct domi_client_options client = {
        .no_reconnect = 1,
        .on_open = on_open,
        .on_lost = on_lost,
        .user = embed,
    };

    embed->registry = registry;
    embed->zone = domi_zone_new(&embed->loop, &zone);
    embed->gateway = domi_gateway_new(&embed->loop, &gateway);
    embed->client = domi_client_new(&embed->loop, &client);
    return registry && embed->zone && embed->gateway && embed->client
               ? 0
               : UV_ENOMEM;
}

static int start_parts(struct embed *embed)
{
    int err = domi_gateway_handle(embed->gateway, JOIN, on_join, embed);

    if (!err) {
        err = domi_client_handle(embed->client, JOIN, on_joined, embed);
    }
    if (!err) {
        err = domi_client_handle(embed->client, SAY, on_said, embed);
    }
    if (!err) {
        err = domi_zone_start(embed->zone);
    }
    if (!err) {
        err = domi_gateway_start(embed->gateway);
    }
    if (!err) {
        err = domi_client_connect(embed->client, "127.0.0.1",
                                  domi_gateway_tcp_port(embed->gateway));
    }
    return err;
}

static void add_domi(struct embed *embed)
{
    int err;

    embed->round++;
    err = make_parts(embed);
    if (!err) {
        err = start_parts(embed);
    }
    if (err) {
        fail(embed, domi_strerror(err));
    }
}

static void one_closed(struct embed *embed)
{
    if (--embed->closing == 0) {
        domi_registry_free(embed->registry);
        embed->registry = NULL;
        embed->ticks_before = embed->ticks;
    }
}

static void on_client_closed(struct domi_client *client, void *user)
{
    (void)client;
    one_closed(user);
}

static void on_gateway_closed(struct domi_gateway *gateway, void *user)
{
    (void)gateway;
    one_closed(user);
}

static void on_zone_closed(struct domi_zone *zone, void *user)
{
    (void)zone;
    one_closed(user);
}

static void take_away(struct echo_check *check, bool right)
{
    struct embed *embed = embed_of(check);

    if (!right) {
        fail(embed, "no echo beside domi");
        return;
    }
    printf("round %d: domi and the echo server answer\n", embed->round);
    embed->closing = 3;
    domi_client_close(embed->client, on_client_closed, embed);
    domi_gateway_close(embed->gateway, on_gateway_closed, embed);
    domi_zone_close(embed->zone, on_zone_closed, embed);
}

/* ---- the application's own work ------------------------------------------ */

static void on_alone(struct echo_check *check, bool right)
{
    struct embed *embed = embed_of(check);

    if (!right) {
        fail(embed, "no echo after domi");
        return;
    }
    printf("round %d: domi is gone, the echo server answers\n", embed->round);
    if (embed->round < ROUNDS) {
        add_domi(embed);
        return;
    }
    echo_close(&embed->echo);
    uv_close((uv_handle_t *)&embed->ticker, NULL);
    uv_close((uv_handle_t *)&embed->deadline, NULL);
}

/* A few beats after domi has gone the echo server is tried once more. */
static void on_tick(uv_timer_t *ticker)
{
    struct embed *embed = ticker->data;

    embed->ticks++;
    if (embed->round > 0 && !embed->registry &&
        embed->ticks == embed->ticks_before + 3) {
        echo_check(&embed->check, &embed->echo, on_alone);
    }
}

static void on_deadline(uv_timer_t *timer)
{
    fail(timer->data, "it took too long");
}

int main(void)
{
    static struct embed embed;

    if (uv_loop_init(&embed.loop) != 0 ||
        echo_open(&embed.echo, &embed.loop) != 0) {
        printf("failed to begin\n");
        return 1;
    }
    uv_timer_init(&embed.loop, &embed.ticker);
    uv_timer_init(&embed.loop, &embed.deadline);
    embed.ticker.data = &embed;
    embed.deadline.data = &embed;
    uv_timer_start(&embed.ticker, on_tick, TICK_MS, TICK_MS);
    uv_timer_start(&embed.deadline, on_deadline, DEADLINE_MS, 0);
    add_domi(&embed);
    uv_run(&embed.loop, UV_RUN_DEFAULT);
    if (!embed.failed && uv_loop_close(&embed.loop) != 0) {
        fail(&embed, "something is left on the loop");
    }
    return embed.failed;
}
