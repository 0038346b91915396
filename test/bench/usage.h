/* SPDX-License-Identifier: MIT */
/* What the processes of the system under test use. */
#ifndef BENCH_USAGE_H
#define BENCH_USAGE_H

#include <stdint.h>
#include <sys/types.h>
#include <time.h>

enum { USAGE_PROCESSES_MAX = 16 };

struct usage {
    int count;
    pid_t pids[USAGE_PROCESSES_MAX];
    clockid_t clocks[USAGE_PROCESSES_MAX];
};

/* A process that isn't there ends the program with a message. */
void usage_add(struct usage *usage, pid_t pid);

/* User and system time of all the processes and their threads, in ns. */
uint64_t usage_get_cpu(const struct usage *usage);

/* Resident memory of all the processes, in bytes. */
uint64_t usage_get_memory(const struct usage *usage);

#endif
