/* SPDX-License-Identifier: MIT */
/*
 * registry-watch: what the Consul registry tells a gateway of the service
 * "room", and when, as one line for each snapshot: the monotonic time in
 * milliseconds, its nodes, and those of them that are suspect. It ends when it
 * is killed.
 *
 *   registry-watch URL
 */
#include <inttypes.h>
#include <stdio.h>
#include <uv.h>

#include "cluster/cluster.h"
#include "domi/domi.h"
#include "transport/transport.h"

static void on_change(struct domi__registry_watch *watch)
{
    size_t suspects = 0;

    for (size_t i = 0; i < watch->snapshot.count; i++) {
        suspects += watch->snapshot.nodes[i].suspect;
    }
    printf("%" PRIu64 " %zu %zu\n", uv_hrtime() / 1000000,
           watch->snapshot.count, suspects);
    fflush(stdout);
}

static void print_log(enum domi_log_level level, const char *line, void *user)
{
    (void)user;
    if (level != DOMI_LOG_DEBUG) {
        fprintf(stderr, "%s: %s\n", domi_log_level_name(level), line);
    }
}

int main(int argc, char **argv)
{
    struct domi_consul_options options = {.log = print_log};
    struct domi__registry_watch watch = {.service = "room",
                                         .on_change = on_change};
    struct domi_registry *registry;
    uv_loop_t loop;

    if (argc != 2 || uv_loop_init(&loop) != 0) {
        fprintf(stderr, "usage: registry-watch URL\n");
        return 2;
    }
    options.url = argv[1];
    registry = domi_registry_consul_new(&options);
    watch.loop = domi__loop_get(&loop);
    if (!registry || !watch.loop) {
        return 1;
    }
    registry->kind->watch(registry, &watch);
    return uv_run(&loop, UV_RUN_DEFAULT);
}
