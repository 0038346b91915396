/* SPDX-License-Identifier: MIT */
/* The ways to a real agent: a unix socket, TLS, tokens. */
#include "fixture.h"

#include <stdio.h>
#include <string.h>

#include "agent.h"

#define LEADER "/v1/status/leader"

static struct agent agent;
static struct caller caller;

static int tear_down(void **state)
{
    (void)state;
    caller_close(&caller);
    agent_stop(&agent);
    return 0;
}

/* Asks by these options, and ends. */
static struct question ask_by(const struct domi_consul_options *options,
                              const char *path)
{
    struct question reply;

    if (caller.client) {
        caller_close(&caller);
    }
    caller_open(&caller, options);
    reply = get(&caller, path);
    return reply;
}

static const char *file(const char *name)
{
    static char paths[4][128];
    static unsigned used;
    char *path = paths[used++ % 4];

    snprintf(path, sizeof(paths[0]), "%s/%s", agent.dir, name);
    return path;
}

static void speaks_through_a_unix_socket(void **state)
{
    const struct agent_options how = {
        .dev = true,
        .hcl = "addresses { http = \"@HOST@ unix://@DIR@/socket\" }",
    };
    struct domi_consul_options options = {0};
    char url[128];

    (void)state;
    agent_start(&agent, &how);
    snprintf(url, sizeof(url), "unix://%s/socket", agent.dir);
    options.url = url;
    assert_int_equal(ask_by(&options, LEADER).status, 200);
    assert_int_equal(put(&caller, "/v1/kv/color", "red").status, 200);
    agent_kill(&agent);
    assert_int_equal(get(&caller, LEADER).status, 0);
}

/* An authority of its own, with certificates for a server, which knows no IP
   address but 127.0.0.1, and for a client. */
static void make_certificates(const struct agent *of)
{
    static const char *const authority[] = {"tls", "ca", "create", NULL};
    static const char *const server[] = {"tls", "cert", "create", "-server",
                                         NULL};
    static const char *const client[] = {"tls", "cert", "create", "-client",
                                         NULL};

    agent_run_consul(of, authority);
    agent_run_consul(of, server);
    agent_run_consul(of, client);
}

static void start_with_tls(const char *more)
{
    char hcl[1024];
    const struct agent_options how = {
        .dev = true,
        .hcl = hcl,
        .prepare = make_certificates,
    };

    snprintf(hcl, sizeof(hcl),
             "ports { https = @HTTPS@ } "
             "ca_file = \"@DIR@/consul-agent-ca.pem\" "
             "cert_file = \"@DIR@/dc1-server-consul-0.pem\" "
             "key_file = \"@DIR@/dc1-server-consul-0-key.pem\" %s",
             more);
    agent_start(&agent, &how);
}

static void trusts_whom_it_is_told_to(void **state)
{
    struct domi_consul_options options = {0};
    struct question reply;

    (void)state;
    start_with_tls("");
    options.url = agent.https_url;
    reply = ask_by(&options, LEADER);
    assert_int_equal(reply.status, 0);
    assert_non_null(strstr(reply.error, "certificate"));
    options.ca_file = file("consul-agent-ca.pem");
    /* The agent's address is not the one that its certificate is for. */
    assert_int_equal(ask_by(&options, LEADER).status, 0);
    options.tls_server_name = "server.dc1.consul";
    assert_int_equal(ask_by(&options, LEADER).status, 200);
    options.tls_server_name = "other.example";
    assert_int_equal(ask_by(&options, LEADER).status, 0);
    options.ca_file = NULL;
    options.no_verify = 1;
    assert_int_equal(ask_by(&options, LEADER).status, 200);
}

static void shows_its_own_certificate(void **state)
{
    struct domi_consul_options options = {.tls_server_name =
                                              "server.dc1.consul"};

    (void)state;
    start_with_tls("verify_incoming = true");
    options.url = agent.https_url;
    options.ca_file = file("consul-agent-ca.pem");
    assert_int_equal(ask_by(&options, LEADER).status, 0);
    options.client_cert = file("dc1-client-consul-0.pem");
    options.client_key = file("dc1-client-consul-0-key.pem");
    assert_int_equal(ask_by(&options, LEADER).status, 200);
}

static void tells_that_the_port_wants_tls(void **state)
{
    struct domi_consul_options options = {0};
    struct question reply;
    char url[128];

    (void)state;
    start_with_tls("");
    snprintf(url, sizeof(url), "http://%s", agent.https_url + 8);
    options.url = url;
    reply = ask_by(&options, LEADER);
    assert_int_equal(reply.status, 400);
    assert_non_null(strstr(reply.error, "HTTP request to an HTTPS server"));
}

static void names_the_permission_that_it_lacks(void **state)
{
    const struct agent_options how = {
        .dev = true,
        .hcl = "acl { enabled = true default_policy = \"deny\" "
               "tokens { master = \"root-token\" agent = \"root-token\" } }",
        .token = "root-token",
    };
    struct domi_consul_options options = {0};
    struct question reply;

    (void)state;
    agent_start(&agent, &how);
    options.url = agent.url;
    reply = ask_by(&options, "/v1/kv/domi/color");
    assert_int_equal(reply.status, 403);
    assert_non_null(strstr(reply.error, "/v1/kv/domi/color: 403, a permission "
                                        "error (the token needs key_prefix"));
    assert_non_null(strstr(reply.error, "ermission denied"));
    options.token = "wrong-token";
    reply = ask_by(&options, "/v1/kv/domi/color");
    assert_int_equal(reply.status, 403);
    assert_non_null(strstr(reply.error, "ACL not found"));
    assert_null(strstr(reply.error, "wrong-token"));
    options.token = "root-token";
    assert_int_equal(ask_by(&options, "/v1/kv/domi/color").status, 404);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(speaks_through_a_unix_socket),
        TEST(trusts_whom_it_is_told_to),
        TEST(shows_its_own_certificate),
        TEST(tells_that_the_port_wants_tls),
        TEST(names_the_permission_that_it_lacks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
