/* SPDX-License-Identifier: MIT */
/* A zone's TLS, towards gateways. */
#include <uv.h>

#include "domi/err.h"
#include "zone/state.h"

int domi__zone_tls_init(struct domi_zone *zone)
{
    if (zone->options.link_tls) {
        zone->tls = domi__tls_new(&zone->log, zone->options.link_tls, true);
        return zone->tls ? 0 : UV_ENOMEM;
    }
    return 0;
}

int domi_zone_reload_tls(struct domi_zone *zone)
{
    int err;

    if (!zone->started || !zone->tls) {
        return DOMI_E_STATE;
    }
    err = domi__tls_load(zone->tls, zone->loop);
    if (!err) {
        domi__log(&zone->log, DOMI_LOG_INFO,
                  "TLS: the files have been read again");
    }
    return err;
}
