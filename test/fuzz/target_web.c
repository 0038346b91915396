/* SPDX-License-Identifier: MIT */
/* Fuzz target: a gateway's HTTP port, from requests to WebSocket sessions. */

/* Input: a byte of options, then a script (script.h, stand.h). */
#include "gateway_app.h"

#include "domi/registry.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    uint8_t choice = size > 0 ? bytes[0] : 0;
    struct domi_registry *registry;
    struct domi_gateway_options options = {
        .http_port = DOMI_PORT_ANY,
        .frame_limit = 1024,
        .send_limit = choice & 1 ? 16384 : 0,
        .send_policy = (choice >> 1) % 3,
        .admin_token = choice & 8 ? "secret" : NULL,
        .drain_rate = 10,
    };

    stand_open(bytes + (size > 0), size - (size > 0));
    registry = domi_registry_local_new();
    CHECK(registry);
    options.registry = registry;
    gateway_app_open(&options);
    while (!script_is_over(&stand.script)) {
        unsigned act = stand_next_act(GATEWAY_ACTS);

        if (!stand_act(act, PEER_BROWSER)) {
            gateway_app_act(act - ACT_OWN);
        }
    }
    gateway_app_close();
    stand_close();
    domi_registry_free(registry);
    return 0;
}
