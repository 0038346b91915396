/* SPDX-License-Identifier: MIT */
/* What the processes of the system under test use: CPU and memory. */
#include "usage.h"

#include <err.h>
#include <stdio.h>

void usage_add(struct usage *usage, pid_t pid)
{
    if (usage->count == USAGE_PROCESSES_MAX) {
        errx(2, "no more than %d processes", USAGE_PROCESSES_MAX);
    }
    if (clock_getcpuclockid(pid, &usage->clocks[usage->count]) != 0) {
        errx(2, "no process %d", (int)pid);
    }
    usage->pids[usage->count++] = pid;
}

uint64_t usage_get_cpu(const struct usage *usage)
{
    uint64_t sum = 0;
    for (int i = 0; i < usage->count; i++) {
        struct timespec time;
        if (clock_gettime(usage->clocks[i], &time) != 0) {
            errx(2, "process %d has ended", (int)usage->pids[i]);
        }
        sum += (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
    }
    return sum;
}

/* smaps_rollup counts pages; VmRSS of /proc/PID/status is the same figure
 * from counters that may lag by some hundred kB, too coarse for us. */
static uint64_t memory_of(pid_t pid)
{
    char path[64];
    char line[256];
    unsigned long long kilobytes = 0;
    snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int)pid);
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        err(2, "%s", path);
    }
    while (fgets(line, sizeof(line), file) != NULL &&
           sscanf(line, "Rss: %llu kB", &kilobytes) != 1) {
    }
    fclose(file);
    if (kilobytes == 0) {
        errx(2, "%s: no resident memory", path);
    }
    return kilobytes * 1024;
}

uint64_t usage_get_memory(const struct usage *usage)
{
    uint64_t sum = 0;
    for (int i = 0; i < usage->count; i++) {
        sum += memory_of(usage->pids[i]);
    }
    return sum;
}
