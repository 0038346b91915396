/* SPDX-License-Identifier: MIT */
/* A worker: a thread between a ring in and a ring out. */
#ifndef DOMI_WORKER_WORKER_H
#define DOMI_WORKER_WORKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/waker.h"

struct domi__worker;

/* What a worker runs; all on its thread, with the `self` it was given. */
struct domi__worker_calls {
    /* One record from the ring in; `bytes` are borrowed until it returns. */
    void (*on_record)(void *self, uint32_t kind, const uint8_t *bytes,
                      size_t size);
    /* The clock has reached what this call last returned, or records have
       been taken: does what is due. Returns the monotonic time in nanoseconds
       at which it wants to be called again, or UINT64_MAX. */
    uint64_t (*on_time)(void *self, uint64_t now_ns);
};

/* Takes a record of the ring out, on the loop thread. */
typedef void (*domi__worker_out_fn)(void *user, uint32_t kind,
                                    const uint8_t *bytes, size_t size);

/*
 * A worker with rings of `ring_size` bytes each; it wakes the loop by
 * `waker`. When `threaded` is false there is no thread: domi__worker_drain
 * runs the records on the caller's, and both rings work as they do otherwise.
 * NULL when memory is short. [loop]
 */
struct domi__worker *domi__worker_new(const struct domi__worker_calls *calls,
                                      void *self, size_t ring_size,
                                      struct domi__waker *waker, bool threaded);

/* Starts the thread. 0 or a libuv code. [loop] */
int domi__worker_start(struct domi__worker *worker);

/* Frees a worker that was never started or has ended. Accepts NULL. [loop] */
void domi__worker_free(struct domi__worker *worker);

/* Publishes, and asks the worker to end once the ring in is empty. Without a
   thread that takes as many drains as it needs. [loop] */
void domi__worker_stop(struct domi__worker *worker);

/* Whether the thread has ended and everything it put out has been drained;
   joins it then. [loop] */
bool domi__worker_has_ended(struct domi__worker *worker);

/* Room for a record to the worker, or NULL when the ring is full; then
   domi__worker_has_room becomes true and the loop is woken in time. A full ring
   publishes what was committed. Both rings take records of the same size, up
   to domi__worker_out_limit. [loop] */
void *domi__worker_reserve(struct domi__worker *worker, size_t size);
void domi__worker_commit(struct domi__worker *worker, uint32_t kind);

/* Shows what was committed to the worker, and wakes it if it sleeps. [loop] */
void domi__worker_publish(struct domi__worker *worker);

/* Whether, after the ring in had been full, a quarter of it is free, and room
   for the record that it did not take. [loop] */
bool domi__worker_has_room(struct domi__worker *worker);

/*
 * Gives what the worker has put out to `out`, at most one ring's worth. Without
 * a thread it runs a batch of records, and what is due, first. True when there
 * was anything; then there may be more. Does nothing when it is called from
 * within itself. [loop]
 */
bool domi__worker_drain(struct domi__worker *worker, domi__worker_out_fn out,
                        void *user);

/* Without a thread: the monotonic time in nanoseconds at which drain must be
   called although there is no record; UINT64_MAX: none. [loop] */
uint64_t domi__worker_next_time(const struct domi__worker *worker);

/*
 * Room for a record out. Waits while the ring is full, until the loop has
 * drained some; never NULL for a size up to domi__worker_out_limit. Without a
 * thread it drains the ring itself, through the `out` of the drain that is
 * under way. [worker]
 */
void *domi__worker_out_reserve(struct domi__worker *worker, size_t size);
void domi__worker_out_commit(struct domi__worker *worker, uint32_t kind);
size_t domi__worker_out_limit(const struct domi__worker *worker);

/* What the worker is doing, for reports of stuck handlers: the monotonic time
   at which the present record was begun, some milliseconds late, or 0.
   [loop] */
uint64_t domi__worker_busy_since(const struct domi__worker *worker);

/* Whether the worker is done with all records that were committed. [loop] */
bool domi__worker_is_done(const struct domi__worker *worker);

#endif
