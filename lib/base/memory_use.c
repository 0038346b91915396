/* SPDX-License-Identifier: MIT */
/*
 * How much of the memory that this process may have is in use.
 *
 *   /proc/meminfo                            the machine
 *   /proc/self/cgroup, /proc/self/mountinfo  where the control groups are
 *   memory.*, from the own group up          usage, limit, page cache
 */
#include "base/memory_use.h"

#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What the two versions of control groups call the same things. */
struct version {
    const char *filesystem; /* type of its mounts */
    const char *usage;
    const char *limit;
    const char *cache[2]; /* in memory.stat */
};

static const struct version version_1 = {
    .filesystem = "cgroup",
    .usage = "memory.usage_in_bytes",
    .limit = "memory.limit_in_bytes",
    .cache = {"total_inactive_file", "total_active_file"},
};

static const struct version version_2 = {
    .filesystem = "cgroup2",
    .usage = "memory.current",
    .limit = "memory.max",
    .cache = {"inactive_file", "active_file"},
};

/* ---- files --------------------------------------------------------------- */

/* NULL when there is none, or no memory. */
static FILE *open_file(const char *directory, const char *name)
{
    char *path;
    FILE *file;

    if (asprintf(&path, "%s/%s", directory, name) < 0) {
        return NULL;
    }
    file = fopen(path, "re");
    free(path);
    return file;
}

/* A file that holds one number; false also for the word "max". */
static bool read_number(const char *directory, const char *name,
                        uint64_t *number)
{
    FILE *file = open_file(directory, name);
    bool read;

    if (!file) {
        return false;
    }
    read = fscanf(file, "%" SCNu64, number) == 1;
    fclose(file);
    return read;
}

/* The numbers behind two names, in a file with a name and a number in each
   line. False unless both are there. */
static bool read_fields(const char *directory, const char *file_name,
                        const char *const names[2], uint64_t numbers[2])
{
    FILE *file = open_file(directory, file_name);
    bool found[2] = {false, false};
    char line[256];

    if (!file) {
        return false;
    }
    while (fgets(line, sizeof(line), file)) {
        char name[64];
        uint64_t number;

        if (sscanf(line, "%63s %" SCNu64, name, &number) != 2) {
            continue;
        }
        for (int i = 0; i < 2; i++) {
            if (strcmp(name, names[i]) == 0) {
                numbers[i] = number;
                found[i] = true;
            }
        }
    }
    fclose(file);
    return found[0] && found[1];
}

static unsigned percent_of(uint64_t used, uint64_t limit)
{
    return used < limit ? (unsigned)((double)used / (double)limit * 100) : 100;
}

/* ---- the machine --------------------------------------------------------- */

static unsigned machine_use(const char *root)
{
    static const char *const names[2] = {"MemTotal:", "MemAvailable:"};
    uint64_t numbers[2];

    if (!read_fields(root, "proc/meminfo", names, numbers) ||
        numbers[1] > numbers[0]) {
        return 0;
    }
    return percent_of(numbers[0] - numbers[1], numbers[0]);
}

/* ---- control groups ------------------------------------------------------ */

/* Of the one group whose files lie here. */
static unsigned group_use(const char *directory, const struct version *version)
{
    uint64_t usage, limit;
    uint64_t cache[2] = {0, 0};

    if (!read_number(directory, version->limit, &limit) ||
        !read_number(directory, version->usage, &usage)) {
        return 0;
    }
    (void)read_fields(directory, "memory.stat", version->cache, cache);
    cache[0] += cache[1];
    return percent_of(usage > cache[0] ? usage - cache[0] : 0, limit);
}

/* Whether a word is one of a list with commas. */
static bool is_listed(const char *list, const char *word)
{
    size_t size = strlen(word);

    for (;;) {
        if (strncmp(list, word, size) == 0 &&
            (list[size] == ',' || list[size] == '\0')) {
            return true;
        }
        list = strchr(list, ',');
        if (!list) {
            return false;
        }
        list++;
    }
}

/* Calls `take` with each line, without its end, until it returns true. */
static bool find_line(const char *root, const char *file_name,
                      bool (*take)(char *line, void *arg), void *arg)
{
    FILE *file = open_file(root, file_name);
    char *line = NULL;
    size_t room = 0;
    bool found = false;

    if (!file) {
        return false;
    }
    while (!found && getline(&line, &room, file) > 0) {
        line[strcspn(line, "\n")] = '\0';
        found = take(line, arg);
    }
    free(line);
    fclose(file);
    return found;
}

struct search {
    const struct version *version;
    char path[PATH_MAX];  /* of the own group, as the kernel has it */
    char mount[PATH_MAX]; /* where the groups' files are; "": nowhere */
    const char *below;    /* the part of `path` that leads on from there */
};

/* A line of /proc/self/cgroup: number, controllers, path. Version 2 has
   number 0 and no controllers. */
static bool take_path(char *line, void *arg)
{
    struct search *search = arg;
    char *controllers = strchr(line, ':');
    char *path = controllers ? strchr(controllers + 1, ':') : NULL;

    if (!path) {
        return false;
    }
    *path++ = '\0';
    controllers++;
    if (search->version == &version_2 ? *controllers != '\0'
                                      : !is_listed(controllers, "memory")) {
        return false;
    }
    snprintf(search->path, sizeof(search->path), "%s", path);
    return true;
}

/* What leads from a mount of this group to the own one; NULL when the mount
   does not show that. */
static const char *path_below(const char *group, const char *path)
{
    size_t size = strcmp(group, "/") == 0 ? 0 : strlen(group);

    if (strncmp(path, group, size) != 0 ||
        (path[size] != '/' && path[size] != '\0') || strstr(path, "/..")) {
        return NULL;
    }
    return path + size;
}

/*
 * A line of /proc/self/mountinfo: three numbers, the group that is mounted,
 * where, and behind a dash the type, the source, and the controllers. In a
 * container the first mount is the container's own group, even where its path
 * is told as others see it. Blanks in paths, which are escaped, are not
 * expected.
 */
static bool take_mount(char *line, void *arg)
{
    struct search *search = arg;
    const char *dash = strstr(line, " - ");
    char group[PATH_MAX], mount[PATH_MAX], type[32], options[256];
    const char *below;

    if (!dash ||
        sscanf(line, "%*s %*s %*s %4095s %4095s", group, mount) != 2 ||
        sscanf(dash, " - %31s %*s %255s", type, options) != 2 ||
        strcmp(type, search->version->filesystem) != 0 ||
        (search->version == &version_1 && !is_listed(options, "memory"))) {
        return false;
    }
    below = path_below(group, search->path);
    if (below || search->mount[0] == '\0') {
        snprintf(search->mount, sizeof(search->mount), "%s", mount);
        search->below = below ? below : "";
    }
    return below != NULL;
}

/* From the own group up to the mount: each of them limits it. */
static unsigned groups_use(const char *root, const struct version *version)
{
    struct search search = {.version = version, .below = ""};
    char directory[3 * PATH_MAX];
    unsigned most = 0;
    size_t top;

    if (!find_line(root, "proc/self/cgroup", take_path, &search)) {
        return 0;
    }
    find_line(root, "proc/self/mountinfo", take_mount, &search);
    if (search.mount[0] == '\0') {
        return 0;
    }
    top = (size_t)snprintf(directory, sizeof(directory), "%s%s", root,
                           search.mount);
    snprintf(directory + top, sizeof(directory) - top, "%s", search.below);
    for (;;) {
        unsigned use = group_use(directory, version);
        char *last = strrchr(directory + top, '/');

        most = use > most ? use : most;
        if (!last) {
            return most;
        }
        *last = '\0';
    }
}

/* ---- all of them --------------------------------------------------------- */

unsigned domi__memory_use_below(const char *root)
{
    unsigned uses[] = {
        machine_use(root),
        groups_use(root, &version_1),
        groups_use(root, &version_2),
    };
    unsigned most = 0;

    for (size_t i = 0; i < sizeof(uses) / sizeof(uses[0]); i++) {
        most = uses[i] > most ? uses[i] : most;
    }
    return most;
}

unsigned domi__memory_use(void)
{
    return domi__memory_use_below("");
}
