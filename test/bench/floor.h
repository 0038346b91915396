/* SPDX-License-Identifier: MIT */
/* The floor: a bare epoll server that does what a chat of domi does, with the
 * fewest cycles we know for the same bytes. It is what domi is measured
 * against, so it leaves out all that a server for people needs: no deadlines,
 * no limits on sessions or rates, no draining, one fixed application.
 *
 * One turn of its loop: wait, read all that is there, collect what is to be
 * sent, then one send per connection. */
#ifndef BENCH_FLOOR_H
#define BENCH_FLOOR_H

#include "bytes.h"
#include "wire.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    FLOOR_BUFFER_SIZE = 1 << 18, /* What one read may bring. */
    FLOOR_LINKS_MAX = 64,        /* Links of a zone: bits of a mask. */
    FLOOR_UNSENT_MAX = 1 << 26   /* A reader slower than this is closed. */
};

enum floor_role { FLOOR_ONE, FLOOR_GATEWAY, FLOOR_ZONE };

/* How bytes to a connection are framed, and the side of a group it is on. */
enum floor_transport { FLOOR_TCP, FLOOR_WEBSOCKET, FLOOR_TRANSPORTS };

struct floor;
struct floor_group;
struct floor_connection;

/* Takes what it can from the front of received bytes, which it may change.
 * Returns how many it took, or -1 to close the connection. */
typedef int64_t floor_take_fn(struct floor *floor,
                              struct floor_connection *connection,
                              uint8_t *data, size_t size);

struct floor_connection {
    int fd;
    uint8_t transport;
    bool is_listener;
    bool is_greeted; /* The magic has been exchanged. */
    bool is_waiting; /* A send was short: EPOLLOUT is armed. */
    bool is_pending; /* On the list of those with something to send. */
    bool is_closing; /* Closed and freed at the end of the turn. */
    uint8_t link;    /* A zone's link: its bit in the groups' masks. */
    uint64_t id;
    floor_take_fn *take; /* A listener's: what its connections begin with. */
    struct floor_group *group;
    uint32_t place;   /* Among the group's members of its transport. */
    struct bytes in;  /* The beginning of something not yet whole. */
    struct bytes out; /* Answers, and what a short send has left. */
};

struct floor_side {
    struct floor_connection **members;
    uint32_t count;
    uint32_t capacity;
    struct bytes batch; /* This turn's messages, encoded once for all. */
};

struct floor_group {
    uint64_t id;
    uint64_t links; /* In a zone: the links that have members of it. */
    bool is_pending;
    struct floor_side sides[FLOOR_TRANSPORTS];
};

struct floor_list {
    void **items;
    uint32_t count;
    uint32_t capacity;
};

struct floor {
    enum floor_role role;
    int poll;
    uint8_t *buffer; /* Every read goes here. */
    uint64_t next_id;
    struct floor_connection *zone; /* A gateway's link. */
    struct floor_connection *links[FLOOR_LINKS_MAX]; /* A zone's links. */
    struct floor_group **groups; /* A hash table; groups are never freed. */
    uint32_t group_count;
    uint32_t group_capacity;
    struct floor_list pending_groups;
    struct floor_list pending;
    struct floor_list closing;
};

void floor_list_push(struct floor_list *list, void *item);

/* floor_connection.c */
struct floor_connection *floor_connection_new(struct floor *floor, int fd,
                                              floor_take_fn *take);
void floor_connection_accept(struct floor *floor,
                             struct floor_connection *listener);
void floor_connection_read(struct floor *floor,
                           struct floor_connection *connection);
/* Sends what waits in `out` and then `data`, in one system call. */
void floor_connection_send(struct floor *floor,
                           struct floor_connection *connection,
                           const uint8_t *data, size_t size);
/* Says that `out` has been filled and wants sending when the turn ends. */
void floor_connection_pend(struct floor *floor,
                           struct floor_connection *connection);
void floor_connection_close(struct floor *floor,
                            struct floor_connection *connection);
void floor_connection_free(struct floor *floor,
                           struct floor_connection *connection);

/* floor_group.c */
struct floor_group *floor_group_get(struct floor *floor, uint64_t id);
void floor_group_join(struct floor *floor, uint64_t id,
                      struct floor_connection *user);
void floor_group_leave(struct floor *floor, struct floor_connection *user);
void floor_group_publish(struct floor *floor, struct floor_group *group,
                         uint16_t type, const uint8_t *data, uint32_t size);
void floor_group_flush(struct floor *floor, struct floor_group *group);

/* floor_user.c */
floor_take_fn floor_user_take_tcp;
floor_take_fn floor_user_take_http;

/* floor_link.c */
floor_take_fn floor_link_take_in_gateway;
floor_take_fn floor_link_take_in_zone;
void floor_link_dial(struct floor *floor, const char *address);
void floor_link_publish(struct floor *floor, uint64_t user,
                        struct floor_group *group, const uint8_t *data,
                        uint32_t size);
/* Tells the zone that a group has its first member here, or lost its last. */
void floor_link_announce(struct floor *floor, uint16_t type, uint64_t user,
                         struct floor_group *group);
void floor_link_forget(struct floor *floor, struct floor_connection *link);

#endif
