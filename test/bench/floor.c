/* SPDX-License-Identifier: MIT */
/* bench-floor: the bare epoll server that domi is measured against, as one
 * process or as a gateway and a zone. */
#include "floor.h"
#include "address.h"

#include <err.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>

enum { EVENTS_PER_TURN = 1024, FILES_MIN = 1024, FIRST_ID = 4096 };

struct options {
    enum floor_role role;
    const char *host;
    const char *zone;
    uint16_t tcp_port;
    uint16_t http_port;
};

static const char usage[] =
    "usage: bench-floor [--role one|gateway|zone] [--zone HOST:PORT]\n"
    "                   [--host HOST] [--tcp-port N] [--http-port N]\n"
    "A gateway needs --zone. Port 0, the default, takes a free one.\n";

void floor_list_push(struct floor_list *list, void *item)
{
    if (list->count == list->capacity) {
        list->capacity = list->capacity > 0 ? list->capacity * 2 : 64;
        list->items = realloc(list->items,
                              list->capacity * sizeof(*list->items));
        if (list->items == NULL) {
            err(2, "no memory for a list");
        }
    }
    list->items[list->count++] = item;
}

static void handle(struct floor *floor, const struct epoll_event *event)
{
    struct floor_connection *connection = event->data.ptr;
    if (connection->is_listener) {
        floor_connection_accept(floor, connection);
        return;
    }
    if (event->events & EPOLLOUT) {
        floor_connection_send(floor, connection, NULL, 0);
    }
    if (event->events & ~(uint32_t)EPOLLOUT && !connection->is_closing) {
        floor_connection_read(floor, connection);
    }
}

static void flush_groups(struct floor *floor)
{
    for (uint32_t i = 0; i < floor->pending_groups.count; i++) {
        struct floor_group *group = floor->pending_groups.items[i];
        group->is_pending = false;
        floor_group_flush(floor, group);
    }
    floor->pending_groups.count = 0;
}

/* Those whose answers went out together with a batch have nothing left. */
static void flush_connections(struct floor *floor)
{
    for (uint32_t i = 0; i < floor->pending.count; i++) {
        struct floor_connection *connection = floor->pending.items[i];
        connection->is_pending = false;
        if (bytes_size(&connection->out) > 0 && !connection->is_waiting) {
            floor_connection_send(floor, connection, NULL, 0);
        }
    }
    floor->pending.count = 0;
}

/* The last step of a turn: nothing may hold a freed connection after it. A
 * user that leaves may still make the link pending, for the next turn. */
static void close_connections(struct floor *floor)
{
    for (uint32_t i = 0; i < floor->closing.count; i++) {
        floor_connection_free(floor, floor->closing.items[i]);
    }
    floor->closing.count = 0;
}

static void loop(struct floor *floor)
{
    struct epoll_event events[EVENTS_PER_TURN];
    for (;;) {
        int wait = floor->pending.count > 0 ? 0 : -1;
        int count = epoll_wait(floor->poll, events, EVENTS_PER_TURN, wait);
        if (count < 0 && errno != EINTR) {
            err(2, "epoll_wait");
        }
        for (int i = 0; i < count; i++) {
            handle(floor, &events[i]);
        }
        flush_groups(floor);
        flush_connections(floor);
        close_connections(floor);
    }
}

static void open_listener(struct floor *floor, const char *host,
                          uint16_t port, floor_take_fn *take,
                          char text[ADDRESS_TEXT_SIZE])
{
    int fd = address_listen(host, port, text);
    floor_connection_new(floor, fd, take)->is_listener = true;
}

static void open_listeners(struct floor *floor, const struct options *options)
{
    char tcp[ADDRESS_TEXT_SIZE];
    char http[ADDRESS_TEXT_SIZE];
    if (options->role == FLOOR_ZONE) {
        open_listener(floor, options->host, options->tcp_port,
                      floor_link_take_in_zone, tcp);
        printf("ready tcp=%s\n", tcp);
    } else {
        open_listener(floor, options->host, options->tcp_port,
                      floor_user_take_tcp, tcp);
        open_listener(floor, options->host, options->http_port,
                      floor_user_take_http, http);
        printf("ready tcp=%s http=%s\n", tcp, http);
    }
    fflush(stdout);
}

static enum floor_role parse_role(const char *text)
{
    static const char *const names[] = { "one", "gateway", "zone" };
    for (int i = 0; i < 3; i++) {
        if (strcmp(text, names[i]) == 0) {
            return (enum floor_role)i;
        }
    }
    errx(2, "%s: no such role\n%s", text, usage);
}

static uint16_t parse_port(const char *text)
{
    char *end;
    unsigned long port = strtoul(text, &end, 10);
    if (*text == '\0' || *end != '\0' || port > 65535) {
        errx(2, "%s: not a port", text);
    }
    return (uint16_t)port;
}

static struct options parse(int argc, char **argv)
{
    static const struct option names[] = {
        { "role", required_argument, NULL, 'r' },
        { "zone", required_argument, NULL, 'z' },
        { "host", required_argument, NULL, 'h' },
        { "tcp-port", required_argument, NULL, 't' },
        { "http-port", required_argument, NULL, 'w' },
        { NULL, 0, NULL, 0 },
    };
    struct options options = { .host = "127.0.0.1" };
    int name;
    while ((name = getopt_long(argc, argv, "", names, NULL)) != -1) {
        switch (name) {
        case 'r':
            options.role = parse_role(optarg);
            break;
        case 'z':
            options.zone = optarg;
            break;
        case 'h':
            options.host = optarg;
            break;
        case 't':
            options.tcp_port = parse_port(optarg);
            break;
        case 'w':
            options.http_port = parse_port(optarg);
            break;
        default:
            errx(2, "%s", usage);
        }
    }
    if (optind < argc ||
        (options.role == FLOOR_GATEWAY) != (options.zone != NULL)) {
        errx(2, "%s", usage);
    }
    return options;
}

int main(int argc, char **argv)
{
    struct options options = parse(argc, argv);
    struct floor floor = { .role = options.role, .next_id = FIRST_ID };
    address_allow_files(FILES_MIN);
    floor.poll = epoll_create1(EPOLL_CLOEXEC);
    floor.buffer = malloc(FLOOR_BUFFER_SIZE);
    if (floor.poll < 0 || floor.buffer == NULL) {
        err(2, "can't start");
    }
    if (options.role == FLOOR_GATEWAY) {
        floor_link_dial(&floor, options.zone);
    }
    open_listeners(&floor, &options);
    loop(&floor);
}
