/* SPDX-License-Identifier: MIT */
/* What the load generator publishes, and how it judges what arrives.
 *
 * A message says who published it, its number, its group, its place among
 * those in flight, when it was sent and in which run; known bytes follow. */
#include "load.h"

#include <err.h>
#include <stdlib.h>

enum {
    AT_PUBLISHER = 0,
    AT_SEQUENCE = 4,
    AT_FLIGHT = 8,
    AT_PROBE = 12, /* 0, or the round of probes this message is of. */
    AT_TIME = 16,
    AT_TAG = 24,
    HEAD_SIZE = 32
};

static const uint8_t filler = 0xa5;

static void *make(size_t count, size_t size)
{
    void *memory = calloc(count, size);
    if (memory == NULL) {
        err(2, "no memory");
    }
    return memory;
}

void load_traffic_init(struct load *load)
{
    uint32_t users = load->options.users;
    load->published = make(users, sizeof(*load->published));
    load->probed = make(users, sizeof(*load->probed));
    load->flights = make(load->options.in_flight, sizeof(*load->flights));
    load->free_flights = make(load->options.in_flight,
                              sizeof(*load->free_flights));
    load->free_count = load->options.in_flight;
    for (uint32_t i = 0; i < load->free_count; i++) {
        load->free_flights[i] = i;
    }
    if (!check_init(&load->check, users, load->options.groups)) {
        err(2, "no memory to check %u users", users);
    }
}

void load_traffic_fini(struct load *load)
{
    check_fini(&load->check);
    free(load->published);
    free(load->probed);
    free(load->flights);
    free(load->free_flights);
}

static void send_message(struct load *load, struct load_user *user,
                         uint32_t sequence, uint32_t flight, uint32_t probe,
                         uint64_t at)
{
    uint8_t payload[LOAD_PAYLOAD_MAX];
    uint8_t extend[WIRE_TO_ZONE_EXTEND];
    uint32_t size = load->options.payload;
    wire_put32(payload + AT_PUBLISHER, user->index);
    wire_put32(payload + AT_SEQUENCE, sequence);
    wire_put32(payload + AT_FLIGHT, flight);
    wire_put32(payload + AT_PROBE, probe);
    wire_put64(payload + AT_TIME, at);
    wire_put64(payload + AT_TAG, load->tag);
    memset(payload + HEAD_SIZE, filler, size - HEAD_SIZE);
    memcpy(extend, user->target, WIRE_TARGET_SIZE);
    wire_put16(extend + WIRE_TARGET_SIZE, WIRE_MESSAGE);
    load_user_send(load, user, WIRE_TO_ZONE, payload, size, extend,
                   sizeof(extend));
}

void load_traffic_publish(struct load *load, uint32_t flight, uint64_t at)
{
    uint32_t publisher = load->next_publisher;
    uint32_t sequence = load->published[publisher]++;
    load->next_publisher = (publisher + 1) % load->options.users;
    load->due += load->check.members;
    if (flight != LOAD_NO_FLIGHT) {
        load->flights[flight] = (struct load_flight){
            .publisher = publisher, .sequence = sequence,
            .missing = load->check.members,
        };
    }
    if (load->users[publisher].state == LOAD_READY) {
        load->now = load_clock();
        send_message(load, &load->users[publisher], sequence, flight, 0,
                     at != 0 ? at : load->now);
    }
}

void load_traffic_refill(struct load *load)
{
    while (load->free_count > 0) {
        load_traffic_publish(load, load->free_flights[--load->free_count], 0);
    }
}

/* The first user of each group sends one. */
void load_traffic_probe(struct load *load)
{
    load->probe_round++;
    load->probes_missing = load->options.users;
    memset(load->probed, 0, load->options.users);
    load->now = load_clock();
    for (uint32_t i = 0; i < load->options.groups; i++) {
        send_message(load, &load->users[i], 0, LOAD_NO_FLIGHT,
                     load->probe_round, load->now);
    }
}

/* The head is read only from messages that are whole. */
static bool is_ours(struct load *load, const struct load_user *user,
                    const struct wire_frame *frame)
{
    uint32_t size = load->options.payload;
    if (frame->data_size != size || frame->extend_size != 0 ||
        wire_get64(frame->data + AT_TAG) != load->tag) {
        return false;
    }
    for (uint32_t i = HEAD_SIZE; i < size; i++) {
        if (frame->data[i] != filler) {
            return false;
        }
    }
    uint32_t publisher = wire_get32(frame->data + AT_PUBLISHER);
    uint32_t sequence = wire_get32(frame->data + AT_SEQUENCE);
    bool is_probe = wire_get32(frame->data + AT_PROBE) != 0;
    return publisher < load->options.users &&
           publisher % load->options.groups ==
               user->index % load->options.groups &&
           (is_probe || sequence < load->published[publisher]);
}

static void land(struct load *load, uint32_t number, uint32_t publisher,
                 uint32_t sequence)
{
    if (number >= load->options.in_flight) {
        return;
    }
    struct load_flight *flight = &load->flights[number];
    if (flight->publisher == publisher && flight->sequence == sequence &&
        flight->missing > 0 && --flight->missing == 0) {
        load->free_flights[load->free_count++] = number;
    }
}

static void take_probe(struct load *load, const struct load_user *user,
                       uint32_t round)
{
    if (round == load->probe_round && !load->probed[user->index]) {
        load->probed[user->index] = 1;
        load->probes_missing--;
    }
}

void load_traffic_take(struct load *load, struct load_user *user,
                       const struct wire_frame *frame)
{
    if (!is_ours(load, user, frame)) {
        load->damaged++;
        return;
    }
    uint32_t publisher = wire_get32(frame->data + AT_PUBLISHER);
    uint32_t sequence = wire_get32(frame->data + AT_SEQUENCE);
    uint32_t probe = wire_get32(frame->data + AT_PROBE);
    uint64_t at = wire_get64(frame->data + AT_TIME);
    if (probe != 0) {
        take_probe(load, user, probe);
        return;
    }
    if (!check_take(&load->check, user->index, publisher, sequence)) {
        return;
    }
    load->delivered++;
    land(load, wire_get32(frame->data + AT_FLIGHT), publisher, sequence);
    if (at >= load->window_from && at < load->window_to) {
        histogram_add(&load->latency, load->now > at ? load->now - at : 0);
    }
}
