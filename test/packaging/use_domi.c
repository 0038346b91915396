/* SPDX-License-Identifier: MIT */
/* A program outside domi's tree: it starts a zone, closes it, and is done. */
#include <domi/domi.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>

static void on_close(struct domi_zone *zone, void *user)
{
    (void)zone;
    *(int *)user = 1;
}

int main(void)
{
    uv_loop_t *loop = uv_default_loop();
    struct domi_zone *zone = domi_zone_new(loop, NULL);
    int closed = 0;
    int status;

    if (!zone) {
        return 1;
    }
    status = domi_zone_start(zone);
    if (status) {
        fprintf(stderr, "start: %s\n", domi_strerror(status));
        return 1;
    }
    domi_zone_close(zone, on_close, &closed);
    uv_run(loop, UV_RUN_DEFAULT);
    if (!closed || uv_loop_close(loop)) {
        fprintf(stderr, "the zone left something open\n");
        return 1;
    }
    puts(domi_strerror(DOMI_E_FRAME_LENGTH));
    return 0;
}
