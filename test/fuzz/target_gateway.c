/* SPDX-License-Identifier: MIT */
/* Fuzz target: a gateway between users and zones that are all hostile. */

/* Input: a byte of options, then a script (script.h, stand.h). */
#include "gateway_app.h"
#include "nodes.h"

#include "domi/registry.h"

enum { ACT_NODES = GATEWAY_ACTS, OWN_ACTS };

/* The kind of registry that says itself where a group is. */
static struct domi_registry *listed_zones(void)
{
    struct domi_registry *registry = domi_registry_static_new();

    CHECK(registry);
    CHECK(domi_registry_static_add(registry, "room", "127.0.0.1", 7000) == 0);
    CHECK(domi_registry_static_add(registry, "hall", "127.0.0.1", 7002) == 0);
    return registry;
}

static void play(bool has_nodes)
{
    while (!script_is_over(&stand.script)) {
        unsigned act = stand_next_act(OWN_ACTS);

        if (stand_act(act, PEER_USER)) {
            continue;
        }
        if (act - ACT_OWN != ACT_NODES) {
            gateway_app_act(act - ACT_OWN);
        } else if (has_nodes) {
            nodes_act();
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    uint8_t choice = size > 0 ? bytes[0] : 0;
    bool has_nodes = choice & 1;
    struct domi_gateway_options options = {
        .tcp_port = DOMI_PORT_ANY,
        .frame_limit = 1024,
        .link_frame_limit = 8192,
        .send_limit = choice & 2 ? 16384 : 0,
        .send_policy = (choice >> 2) % 3,
        .link_send_limit = choice & 16 ? 32768 : 0,
        .targets = choice & 32 ? 2 : 0,
        .drain_rate = choice & 64 ? 10 : 0,
        .cluster_key = choice & 128 ? "a key for all of a cluster" : NULL,
        .limit_loopback = choice & 2,
        .sessions_per_address = 6,
        .handshakes_per_address = 4,
        .send_total = choice & 2 ? 65536 : 0,
        .join_rate = choice & 8 ? 2 : 0,
        .frame_rate = choice & 8 ? 20 : 0,
        .byte_rate = choice & 8 ? 4096 : 0,
        .delivery_rate = choice & 8 ? 20 : 0,
    };

    stand_open(bytes + (size > 0), size - (size > 0));
    options.registry = has_nodes ? nodes_open() : listed_zones();
    gateway_app_open(&options);
    play(has_nodes);
    gateway_app_close();
    stand_close();
    if (has_nodes) {
        nodes_close();
    } else {
        domi_registry_free(options.registry);
    }
    return 0;
}
