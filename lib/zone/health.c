/* SPDX-License-Identifier: MIT */
/* What a zone answers over HTTP: its health, and how full the machine is. */
#include <inttypes.h>
#include <stdio.h>

#include "zone/state.h"

/* A value of /proc/meminfo in kB, or 0. */
static uint64_t find_value(FILE *file, const char *format)
{
    char line[128];
    uint64_t value;

    rewind(file);
    while (fgets(line, sizeof(line), file)) {
        if (sscanf(line, format, &value) == 1) {
            return value;
        }
    }
    return 0;
}

/*
 * The memory in use, in percent. What the page cache holds counts as free:
 * libuv's number for free memory does not know that.
 */
static unsigned weight(void)
{
    FILE *file = fopen("/proc/meminfo", "re");
    uint64_t total, available;

    if (!file) {
        return 0;
    }
    total = find_value(file, "MemTotal: %" SCNu64);
    available = find_value(file, "MemAvailable: %" SCNu64);
    fclose(file);
    return total > available ? (unsigned)((total - available) * 100 / total)
                             : 0;
}

int domi__zone_answer(void *arg, const char *path, char *body, size_t size)
{
    const struct domi_zone *zone = arg;

    return domi__node_answer(&zone->membership.self, weight(), path, body,
                             size);
}
