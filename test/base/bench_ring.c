/* SPDX-License-Identifier: MIT */
/* Measures the ring: records of 64 bytes a second from thread to thread. */
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/ring.h"

#define RING_SIZE (1u << 20)
#define RECORD 64u
#define BREATHER 1000 /* tries before a side that waits lets others run */

struct run {
    struct domi__ring ring;
    uint64_t records;
    unsigned every; /* records per publish */
};

static void breathe(unsigned *tries)
{
    if (++*tries == BREATHER) {
        *tries = 0;
        sched_yield();
    }
}

static void *produce(void *arg)
{
    struct run *run = arg;
    uint64_t content[RECORD / 8] = {0};
    unsigned tries = 0;

    for (uint64_t i = 0; i < run->records; i++) {
        void *room;

        while (!(room = domi__ring_reserve(&run->ring, RECORD))) {
            domi__ring_publish(&run->ring);
            breathe(&tries);
        }
        content[0] = i;
        memcpy(room, content, RECORD);
        domi__ring_commit(&run->ring, 1);
        if ((i + 1) % run->every == 0) {
            domi__ring_publish(&run->ring);
        }
    }
    domi__ring_publish(&run->ring);
    return NULL;
}

static void consume(struct run *run)
{
    unsigned tries = 0;

    for (uint64_t i = 0; i < run->records;) {
        uint64_t content[RECORD / 8];
        uint32_t kind;
        size_t size;
        const void *record = domi__ring_peek(&run->ring, &kind, &size);

        if (!record) {
            breathe(&tries);
            continue;
        }
        memcpy(content, record, size);
        if (content[0] != i) {
            fprintf(stderr, "record %" PRIu64 " is not in its place\n", i);
            exit(1);
        }
        domi__ring_pop(&run->ring);
        domi__ring_release(&run->ring);
        i++;
    }
}

static double measure(struct run *run, uint64_t records, unsigned every)
{
    pthread_t producer;
    uint64_t begin;

    run->records = records;
    run->every = every;
    if (domi__ring_init(&run->ring, RING_SIZE) ||
        pthread_create(&producer, NULL, produce, run)) {
        fprintf(stderr, "no memory or no thread\n");
        exit(1);
    }
    begin = domi__clock_ns();
    consume(run);
    pthread_join(producer, NULL);
    domi__ring_fini(&run->ring);
    return (double)records * 1000.0 / (double)(domi__clock_ns() - begin);
}

int main(int argc, char **argv)
{
    static const unsigned every[] = {1, 16};
    static struct run run;
    uint64_t records = argc > 1 ? strtoull(argv[1], NULL, 10) : 20000000;

    for (size_t i = 0; i < sizeof(every) / sizeof(every[0]); i++) {
        printf("published every %2u: %.1f million records/s\n", every[i],
               measure(&run, records, every[i]));
    }
    return 0;
}
