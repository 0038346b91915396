/* SPDX-License-Identifier: MIT */
/* Fuzz target: a zone whose gateways are all hostile. */

/* Input: a byte of options, then a script (script.h, stand.h). */
#include "zone_app.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    uint8_t choice = size > 0 ? bytes[0] : 0;
    struct domi_zone_options options = {
        .tcp_port = DOMI_PORT_ANY,
        .frame_limit = 1024,
        .ring_size = 4096,
        .send_limit = choice & 1 ? 16384 : 0,
        .drain_rate = choice & 2 ? 10 : 0,
        .cluster_key = choice & 4 ? "a key for all of a cluster" : NULL,
        .groups = choice & 8 ? 2 : 0,
    };

    stand_open(bytes + (size > 0), size - (size > 0));
    zone_app_open(&options);
    while (!script_is_over(&stand.script)) {
        unsigned act = stand_next_act(ZONE_ACTS);

        if (!stand_act(act, PEER_GATEWAY)) {
            zone_app_act(act - ACT_OWN);
        }
    }
    zone_app_close();
    stand_close();
    return 0;
}
