/* SPDX-License-Identifier: MIT */
/* A gateway's TLS: towards users, and towards zones. */
#include "gateway/inner.h"

int domi__gateway_tls_init(struct domi_gateway *gateway)
{
    const struct domi_gateway_options *options = &gateway->options;

    if (options->tls) {
        gateway->tls = domi__tls_new(&gateway->log, options->tls, true);
    }
    if (options->link_tls) {
        gateway->link_tls =
            domi__tls_new(&gateway->log, options->link_tls, false);
    }
    return (options->tls && !gateway->tls) ||
                   (options->link_tls && !gateway->link_tls)
               ? UV_ENOMEM
               : 0;
}

void domi__gateway_tls_fini(struct domi_gateway *gateway)
{
    domi__tls_free(gateway->tls);
    domi__tls_free(gateway->link_tls);
}

int domi__gateway_tls_check(const struct domi_gateway *gateway)
{
    int err = domi__tls_check(gateway->tls, "tls");

    return err ? err : domi__tls_check(gateway->link_tls, "link_tls");
}

/* Both, though the first may fail. */
int domi__gateway_tls_load(struct domi_gateway *gateway)
{
    int err = domi__tls_load(gateway->tls, gateway->loop);
    int link_err = domi__tls_load(gateway->link_tls, gateway->loop);

    return err ? err : link_err;
}

int domi_gateway_reload_tls(struct domi_gateway *gateway)
{
    int err;

    if (!gateway->started || (!gateway->tls && !gateway->link_tls)) {
        return DOMI_E_STATE;
    }
    err = domi__gateway_tls_load(gateway);
    if (!err) {
        domi__log(&gateway->log, DOMI_LOG_INFO,
                  "TLS: the files have been read again");
    }
    return err;
}
