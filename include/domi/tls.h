/* SPDX-License-Identifier: MIT */
/* TLS: who one is, whom one believes, for users, links and clients. */
#ifndef DOMI_TLS_H
#define DOMI_TLS_H

#include "domi/api.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * TLS 1.3, or 1.2 with peers that have no more; by OpenSSL, whose defaults
 * choose the ciphers. All files are PEM. They are read when the node starts and
 * when it is told to read them again (domi_gateway_reload_tls and its kin): new
 * connections go by the new files, old ones live on. Lists of revoked
 * certificates are not looked at; let certificates be short-lived.
 *
 * Who listens needs cert_file and key_file. With ca_file it lets in only peers
 * with a certificate that these authorities have signed; no session is then
 * resumed without looking at it again.
 *
 * Who dials believes a peer with a certificate that the authorities of ca_file
 * have signed, or the machine's where it is NULL, and that names the peer:
 * server_name as a DNS name or IP address, or the IP address that was dialled
 * where it is NULL. With cert_file and key_file it has a certificate to show.
 *
 * For links a private authority, which signs certificates for the cluster's
 * nodes alone, as ca_file on both sides stands for a key of the cluster: a zone
 * then serves only gateways that it has signed, and a gateway believes only
 * zones that it has. A certificate for several zones has their addresses, or
 * one name that the gateways give as server_name.
 */
struct domi_tls_options {
    const char *cert_file;   /* one's own certificate first, then those that
                                lead to the authority; or NULL */
    const char *key_file;    /* its key, without a passphrase; or NULL */
    const char *ca_file;     /* authorities that peers' certificates come from;
                                or NULL */
    const char *server_name; /* of whom one dials; or NULL */
    int insecure;            /* not 0: whom one dials is believed unseen. For
                                experiments: anybody in between can read and
                                change everything */
};

#ifdef __cplusplus
}
#endif

#endif
