/* SPDX-License-Identifier: MIT */
/*
 * chat-client: a user of the chat on a terminal.
 *
 * It joins a room, sends a text, prints each message as a line, and sends each
 * line of its input. It shows domi's client, which connects again by itself;
 * the room it has to join again itself. It leaves out who has come and gone.
 */
#include <stdio.h>
#include <string.h>
#include <uv.h>

#include "chat/events.h"
#include "chat/people.h"
#include "domi/domi.h"
#include "support/lines.h"
#include "support/options.h"
#include "support/stop.h"
#include "support/utf8.h"

enum {
    JOIN_AGAIN_MS = 500,
    LAST_WORD_MS = 2000, /* how long the last message may take to come back */
};

struct chatter {
    struct domi_client *client;
    struct lines lines;
    struct stop stop;
    struct people people;
    uv_timer_t end;   /* --seconds, or the wait for the last message */
    uv_timer_t again; /* until the next try to join */
    uint64_t group;
    uint64_t speaker; /* of the next message; 0: a guest */
    const char *text; /* to be sent first; NULL: it has been */
    const char *name; /* or NULL */
    struct domi_tls_options tls;
    int seconds;      /* 0: until the input ends */
    int status;       /* of the program */
    bool joined;
    bool ending; /* the input has ended */
    uint8_t target[DOMI_TARGET_SIZE];
    char last[CHAT_TEXT_MAX]; /* what was sent last */
    size_t last_size;
};

/* ---- ending -------------------------------------------------------------- */

static void leave(void *user)
{
    struct chatter *chatter = user;

    if (uv_is_closing((uv_handle_t *)&chatter->end)) {
        return;
    }
    if (chatter->joined) {
        domi_client_send(chatter->client, CHAT_LEAVE, chatter->target,
                         sizeof(chatter->target));
    }
    domi_client_close(chatter->client, NULL, NULL);
    lines_stop(&chatter->lines);
    uv_close((uv_handle_t *)&chatter->end, NULL);
    uv_close((uv_handle_t *)&chatter->again, NULL);
}

static void on_end(uv_timer_t *timer)
{
    leave(timer->data);
}

/* ---- what is said -------------------------------------------------------- */

static void say(struct chatter *chatter, const char *text, size_t size)
{
    int err = domi_client_send_group(chatter->client, chatter->target,
                                     CHAT_MESSAGE, text, (uint32_t)size);

    if (err) {
        fprintf(stderr, "not sent: %s\n", domi_strerror(err));
        return;
    }
    memcpy(chatter->last, text, size);
    chatter->last_size = size;
    chatter->status = 0;
}

static void on_line(const char *line, size_t size, void *user)
{
    struct chatter *chatter = user;

    if (line && chatter->joined) {
        say(chatter, line, size);
    } else if (line) {
        fprintf(stderr, "not sent: not in a room\n");
    } else if (chatter->seconds == 0) {
        chatter->ending = true;
        uv_timer_start(&chatter->end, on_end, LAST_WORD_MS, 0);
    }
}

static void on_message(struct domi_client *client,
                       const struct domi_frame *frame, void *user)
{
    struct chatter *chatter = user;
    const struct person *person =
        people_find(&chatter->people, chatter->speaker);

    (void)client;
    chatter->speaker = 0;
    if (person) {
        utf8_print(person->name, person->size);
        fputs(": ", stdout);
    }
    utf8_print(frame->data, frame->data_size);
    putchar('\n');
    fflush(stdout);
    if (chatter->ending && frame->data_size == chatter->last_size &&
        memcmp(frame->data, chatter->last, chatter->last_size) == 0) {
        leave(chatter);
    }
}

static void on_speaker(struct domi_client *client,
                       const struct domi_frame *frame, void *user)
{
    struct chatter *chatter = user;

    (void)client;
    chatter->speaker = frame->data_size == 8 ? domi_get_u64(frame->data) : 0;
}

static void on_here(struct domi_client *client, const struct domi_frame *frame,
                    void *user)
{
    struct chatter *chatter = user;

    (void)client;
    people_here(&chatter->people, frame->data, frame->data_size);
}

static void on_gone(struct domi_client *client, const struct domi_frame *frame,
                    void *user)
{
    struct chatter *chatter = user;

    (void)client;
    if (frame->data_size == 8) {
        people_gone(&chatter->people, domi_get_u64(frame->data));
    }
}

/* ---- joining ------------------------------------------------------------- */

static void join(struct chatter *chatter)
{
    uint8_t group[8];

    domi_put_u64(group, chatter->group);
    domi_client_send(chatter->client, CHAT_JOIN, group, sizeof(group));
}

static void on_again(uv_timer_t *timer)
{
    join(timer->data);
}

/* The room is lost, or could not be had. */
static void join_later(struct chatter *chatter, uint32_t wait_ms)
{
    chatter->joined = false;
    people_fini(&chatter->people);
    uv_timer_start(&chatter->again, on_again, wait_ms, 0);
}

/* Of other gateways the answer may be without a code. */
static const char *why_no_room(const struct domi_frame *frame)
{
    if (frame->data_size < DOMI_TARGET_SIZE + 4) {
        return "";
    }
    return (int32_t)domi_get_u32(frame->data + DOMI_TARGET_SIZE) == DOMI_E_FULL
               ? ": all are full"
               : "";
}

static void on_join(struct domi_client *client, const struct domi_frame *frame,
                    void *user)
{
    struct chatter *chatter = user;
    const char *text = chatter->text;

    if (frame->data_size < DOMI_TARGET_SIZE) {
        return;
    }
    if (domi_get_u64(frame->data) == 0) {
        fprintf(stderr, "no room could be had%s; trying again\n",
                why_no_room(frame));
        join_later(chatter, JOIN_AGAIN_MS);
        return;
    }
    memcpy(chatter->target, frame->data, DOMI_TARGET_SIZE);
    chatter->joined = true;
    if (chatter->name) {
        domi_client_send_group(client, chatter->target, CHAT_NAME,
                               chatter->name, (uint32_t)strlen(chatter->name));
    }
    if (text) {
        chatter->text = NULL;
        say(chatter, text, strlen(text));
        lines_start(&chatter->lines,
                    uv_handle_get_loop((uv_handle_t *)&chatter->end), on_line,
                    chatter);
    }
}

static void on_notice(struct domi_client *client,
                      const struct domi_frame *frame, void *user)
{
    struct chatter *chatter = user;
    unsigned notice, reason;

    (void)client;
    if (frame->data_size < DOMI_NOTICE_SIZE) {
        return;
    }
    notice = domi_get_u16(frame->data);
    reason = domi_get_u16(frame->data + 2);
    fprintf(stderr, "%s: %s\n",
            notice == DOMI_NOTICE_CLOSING     ? "the gateway closes"
            : notice == DOMI_NOTICE_COME_BACK ? "the gateway sends us away"
                                              : "out of the room",
            domi_reason_text(reason));
    if (notice == DOMI_NOTICE_ZONE_LOST || notice == DOMI_NOTICE_LEFT) {
        /* Of a room that moves, we are told when to ask for it. */
        join_later(chatter, reason == DOMI_REASON_DRAINING
                                ? domi_get_u32(frame->data + 4)
                                : JOIN_AGAIN_MS);
    }
}

static void on_open(struct domi_client *client, uint64_t id, void *user)
{
    (void)client;
    (void)id;
    join(user);
}

static void on_lost(struct domi_client *client, int status, int64_t wait_ms,
                    void *user)
{
    struct chatter *chatter = user;

    (void)client;
    chatter->joined = false;
    people_fini(&chatter->people);
    uv_timer_stop(&chatter->again);
    fprintf(stderr, "not connected: %s; next try in %.1f s\n",
            status ? domi_strerror(status) : "closed by the gateway",
            (double)wait_ms / 1000);
}

/* ---- the program --------------------------------------------------------- */

static int set_handlers(struct chatter *chatter)
{
    static const struct {
        uint16_t type;
        domi_client_handler_fn handler;
    } rows[] = {
        {CHAT_JOIN, on_join},       {CHAT_MESSAGE, on_message},
        {CHAT_HERE, on_here},       {CHAT_GONE, on_gone},
        {CHAT_SPEAKER, on_speaker}, {DOMI_TYPE_NOTICE, on_notice},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int err = domi_client_handle(chatter->client, rows[i].type,
                                     rows[i].handler, chatter);

        if (err) {
            return err;
        }
    }
    return 0;
}

static int start(struct chatter *chatter, uv_loop_t *loop, const char *host,
                 int port)
{
    int err = stop_init(&chatter->stop, loop, leave, chatter);

    uv_timer_init(loop, &chatter->end);
    uv_timer_init(loop, &chatter->again);
    chatter->end.data = chatter;
    chatter->again.data = chatter;
    if (!err) {
        err = set_handlers(chatter);
    }
    if (!err && chatter->seconds > 0) {
        err = uv_timer_start(&chatter->end, on_end,
                             (uint64_t)chatter->seconds * 1000, 0);
    }
    return err ? err : domi_client_connect(chatter->client, host, port);
}

static int run(struct chatter *chatter, const char *host, int port)
{
    const struct domi_tls_options *tls = &chatter->tls;
    const struct domi_client_options options = {
        .on_open = on_open,
        .on_lost = on_lost,
        .tls = tls->ca_file || tls->server_name ? tls : NULL,
        .user = chatter,
    };
    uv_loop_t *loop = uv_default_loop();
    int err;

    chatter->client = domi_client_new(loop, &options);
    if (!chatter->client) {
        fprintf(stderr, "%s\n", domi_strerror(UV_ENOMEM));
        return 1;
    }
    chatter->lines.stopped = 1; /* It is not started yet. */
    err = start(chatter, loop, host, port);
    if (err) {
        fprintf(stderr, "%s\n", domi_strerror(err));
        leave(chatter);
    }
    uv_run(loop, UV_RUN_DEFAULT);
    stop_fini(&chatter->stop);
    people_fini(&chatter->people);
    uv_loop_close(loop);
    return chatter->status;
}

static bool is_address(const char *host)
{
    struct sockaddr_in6 address;

    return uv_ip4_addr(host, 1, (struct sockaddr_in *)&address) == 0 ||
           uv_ip6_addr(host, 1, &address) == 0;
}

static void check_text(char **argv, const char *name, const char *text,
                       size_t least, size_t most, const char *must)
{
    size_t size = strlen(text);

    if (size < least || size > most ||
        !utf8_is_visible((const uint8_t *)text, size)) {
        options_refuse(argv[0], name, text, must);
    }
}

int main(int argc, char **argv)
{
    /* The status is 0 as soon as something has been said. */
    static struct chatter chatter = {.group = CHAT_GROUP, .status = 1};
    const struct option_row rows[] = {
        {"group", "N", "of the room; 666", option_group, &chatter.group},
        {"name", "NAME", "to be known by, up to 32 bytes; none", option_text,
         &chatter.name},
        {"tls-ca", "FILE", "PEM: TLS, with a gateway certified by these; none",
         option_text, &chatter.tls.ca_file},
        {"tls-name", "NAME", "TLS, with a gateway of this name; its address",
         option_text, &chatter.tls.server_name},
        {"seconds", "N", "to stay; until the input ends", option_positive,
         &chatter.seconds},
        {0},
    };
    const struct options options = {
        .usage = "HOST:PORT TEXT [OPTION...]",
        .about = "Joins a room, sends TEXT, prints what is said there, and"
                 " sends each line of\nits input.",
        .rows = rows,
        .arguments = 2,
    };
    int first = options_read(&options, argc, argv);
    char host[64];
    int port;

    if (options_split_address(argv[first], host, sizeof(host), &port) != 0 ||
        !is_address(host)) {
        options_refuse(argv[0], "HOST:PORT", argv[first],
                       "an IP address, a colon, and a port");
    }
    chatter.text = argv[first + 1];
    check_text(argv, "TEXT", chatter.text, 0, CHAT_TEXT_MAX,
               "UTF-8 without control characters, up to 4096 bytes");
    if (chatter.name) {
        check_text(argv, "--name", chatter.name, 1, CHAT_NAME_MAX,
                   "UTF-8 without control characters, up to 32 bytes");
    }
    return run(&chatter, host, port);
}
