/* SPDX-License-Identifier: MIT */
/* The way to the agent: what all requests to it have in common. */
#include "consul/transfer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

/* A list that grows by one; false when memory is short. */
static bool append(struct curl_slist **list, const char *line)
{
    struct curl_slist *longer = curl_slist_append(*list, line);

    if (!longer) {
        return false;
    }
    *list = longer;
    return true;
}

static bool add_headers(struct domi__consul_route *route)
{
    const char *token = route->settings->token;
    char *line;
    bool good;

    /* Consul answers at once, without a "100 Continue". */
    if (!append(&route->headers, "Content-Type: application/json") ||
        !append(&route->headers, "Expect:")) {
        return false;
    }
    if (!token) {
        return true;
    }
    if (asprintf(&line, "X-Consul-Token: %s", token) < 0) {
        return false;
    }
    good = append(&route->headers, line);
    explicit_bzero(line, strlen(line));
    free(line);
    return good;
}

/* libcurl asks for the certificate of the host that the URL names. Where that
   is to be another, the URL names it, and libcurl is told where to find it. */
static bool name_server(struct domi__consul_route *route)
{
    const struct domi__consul_settings *settings = route->settings;
    const char *scheme = "https://";
    const char *host = settings->base + strlen(scheme);
    const char *port = strrchr(settings->base, ':');
    char *where;
    bool good;

    if (!settings->tls_server_name ||
        strncmp(settings->base, scheme, strlen(scheme)) != 0) {
        route->base = strdup(settings->base);
        return route->base != NULL;
    }
    if (asprintf(&where, "::%s", host) < 0) {
        return false;
    }
    good = append(&route->connect_to, where);
    free(where);
    if (!good || asprintf(&route->base, "%s%s%s", scheme,
                          settings->tls_server_name, port) < 0) {
        route->base = NULL;
        return false;
    }
    return true;
}

int domi__consul_route_init(struct domi__consul_route *route,
                            const struct domi__consul_settings *settings)
{
    memset(route, 0, sizeof(*route));
    route->settings = settings;
    if (!name_server(route) || !add_headers(route)) {
        domi__consul_route_fini(route);
        return UV_ENOMEM;
    }
    return 0;
}

void domi__consul_route_fini(struct domi__consul_route *route)
{
    curl_slist_free_all(route->headers);
    curl_slist_free_all(route->connect_to);
    free(route->base);
    memset(route, 0, sizeof(*route));
}

static void set_tls(const struct domi__consul_settings *settings, CURL *easy)
{
    curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, settings->verify ? 1L : 0L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, settings->verify ? 2L : 0L);
    /* Who names authorities means these and no others. */
    if (settings->ca_file || settings->ca_path) {
        curl_easy_setopt(easy, CURLOPT_CAINFO, settings->ca_file);
        curl_easy_setopt(easy, CURLOPT_CAPATH, settings->ca_path);
    }
    curl_easy_setopt(easy, CURLOPT_SSLCERT, settings->client_cert);
    curl_easy_setopt(easy, CURLOPT_SSLKEY, settings->client_key);
}

void domi__consul_route_set(const struct domi__consul_route *route, CURL *easy)
{
    const struct domi__consul_settings *settings = route->settings;

    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, route->headers);
    curl_easy_setopt(easy, CURLOPT_CONNECT_TO, route->connect_to);
    curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, settings->unix_socket);
    /* Both are always set, since libcurl would else read the environment,
       which another thread may be changing. */
    curl_easy_setopt(easy, CURLOPT_PROXY, settings->proxy);
    curl_easy_setopt(easy, CURLOPT_NOPROXY, settings->no_proxy);
    if (settings->auth) {
        curl_easy_setopt(easy, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
        curl_easy_setopt(easy, CURLOPT_USERPWD, settings->auth);
    }
    set_tls(settings, easy);
}
