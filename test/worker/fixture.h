/* SPDX-License-Identifier: MIT */
/* A worker, its handlers, and a loop that sleeps until the worker wakes it. */
#ifndef DOMI_TEST_WORKER_FIXTURE_H
#define DOMI_TEST_WORKER_FIXTURE_H

#include <semaphore.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "worker/worker.h"

#define RING_SIZE 4096u

/* What the handler does with a record, by its kind. */
enum kind {
    ECHO,      /* puts the same bytes out */
    SWALLOW,   /* puts nothing out */
    MULTIPLY,  /* puts the same bytes out eight times */
    GATE,      /* waits for the gate to be opened */
    SIGNALS,   /* puts out how many signals may interrupt its thread */
    UNEVEN,    /* puts out little and much by turns */
    CHAIN,     /* puts out more than a ring holds */
    OWN_TIME,  /* asks for a call at the time that the record holds */
};

struct fixture {
    struct domi__waker waker;
    struct domi__worker *worker;

    /* The worker's. */
    uint64_t handled;
    bool inside; /* a handler runs */
    uint64_t due_ns;
    uint64_t times; /* calls of on_time that were due */
    sem_t entered;
    sem_t gate;

    /* The loop's. */
    uint64_t received;
    uint64_t bytes;
    uint64_t last; /* number in the last record received */
    bool in_order;
};

extern const struct domi__worker_calls calls;

/* A started worker; the tear-down asserts that it ends. */
int set_up(void **state);
int set_up_without_thread(void **state);
int tear_down(void **state);

/* Takes a record from the worker; `user` is the fixture. Records hold a number
   that counts up, then anything. */
void receive(void *user, uint32_t kind, const uint8_t *bytes, size_t size);

/* Sleeps as a loop does, until the worker has put something out, or has room
   when that is wanted; then takes all that there is. */
void turn(struct fixture *f, bool wants_room);
void turn_until_received(struct fixture *f, uint64_t count);

/* Stops the worker and takes what comes until it has ended. */
void end(struct fixture *f);

/* False when the ring in is full. */
bool try_push(struct fixture *f, enum kind kind, uint64_t number, size_t size);

/* Pushes and publishes a record that holds just the number. */
void push(struct fixture *f, enum kind kind, uint64_t number);

/* Pushes `count` records as they find room, and receives `factor` times as
   many. */
void pump(struct fixture *f, enum kind kind, uint64_t count, unsigned factor);

/* Signals that may interrupt the calling thread. */
uint64_t count_open_signals(void);

#endif
