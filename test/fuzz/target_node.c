/* SPDX-License-Identifier: MIT */
/* Fuzz target: gateway and zone in one process, and hostile users. */

/* Input: a byte of options, then a script (script.h, stand.h). */
#include "gateway_app.h"
#include "zone_app.h"

#include "domi/registry.h"

static void play(void)
{
    while (!script_is_over(&stand.script)) {
        unsigned act = stand_next_act(GATEWAY_ACTS + ZONE_ACTS);

        if (stand_act(act, PEER_USER)) {
            continue;
        }
        act -= ACT_OWN;
        if (act < GATEWAY_ACTS) {
            gateway_app_act(act);
        } else {
            zone_app_act(act - GATEWAY_ACTS);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    uint8_t choice = size > 0 ? bytes[0] : 0;
    struct domi_registry *registry;
    struct domi_zone_options zone = {
        .name = "room",
        .frame_limit = 4096,
        .ring_size = 16384,
        .send_limit = choice & 1 ? 16384 : 0,
        .drain_rate = choice & 2 ? 10 : 0,
    };
    struct domi_gateway_options gateway = {
        .tcp_port = DOMI_PORT_ANY,
        .frame_limit = 2048,
        .link_frame_limit = 8192,
        .send_limit = choice & 4 ? 16384 : 0,
        .send_policy = (choice >> 3) % 3,
        .link_send_limit = choice & 32 ? 32768 : 0,
        .targets = choice & 64 ? 2 : 0,
        .drain_rate = choice & 128 ? 10 : 0,
    };

    stand_open(bytes + (size > 0), size - (size > 0));
    registry = domi_registry_local_new();
    CHECK(registry);
    zone.registry = registry;
    gateway.registry = registry;
    zone_app_open(&zone);
    gateway_app_open(&gateway);
    play();
    /* Either may go first. */
    if (choice & 2) {
        zone_app_close();
        gateway_app_close();
    } else {
        gateway_app_close();
        zone_app_close();
    }
    stand_close();
    domi_registry_free(registry);
    return 0;
}
