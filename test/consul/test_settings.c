/* SPDX-License-Identifier: MIT */
/* Where Consul is: options, environment, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "consul/settings.h"
#include "domi/err.h"

static struct domi__consul_settings settings;
static struct domi_consul_options options;
static struct domi__log log_;
static char said[4096]; /* all lines of the log */

static void on_line(enum domi_log_level level, const char *line, void *user)
{
    (void)user;
    assert_int_equal(level, DOMI_LOG_ERROR);
    strncat(said, line, sizeof(said) - strlen(said) - 1);
}

static int set_up(void **state)
{
    static const char *const variables[] = {
        "CONSUL_HTTP_ADDR",
        "CONSUL_HTTP_TOKEN",
        "CONSUL_HTTP_TOKEN_FILE",
        "CONSUL_HTTP_AUTH",
        "CONSUL_HTTP_SSL",
        "CONSUL_HTTP_SSL_VERIFY",
        "CONSUL_CACERT",
        "CONSUL_CAPATH",
        "CONSUL_CLIENT_CERT",
        "CONSUL_CLIENT_KEY",
        "CONSUL_TLS_SERVER_NAME",
        "http_proxy",
        "https_proxy",
        "HTTPS_PROXY",
        "all_proxy",
        "ALL_PROXY",
        "no_proxy",
        "NO_PROXY",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++) {
        unsetenv(variables[i]);
    }
    memset(&options, 0, sizeof(options));
    said[0] = '\0';
    domi__log_init(&log_, on_line, NULL);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    domi__consul_settings_fini(&settings);
    return 0;
}

static void set(const char *variable, const char *value)
{
    assert_int_equal(setenv(variable, value, 1), 0);
}

static void read_settings(void)
{
    said[0] = '\0';
    domi__consul_settings_fini(&settings);
    assert_int_equal(domi__consul_settings_init(&settings, &options, &log_), 0);
    assert_string_equal(said, "");
}

/* Reading fails with one line that names this. */
static void refuses(const char *name)
{
    said[0] = '\0';
    domi__consul_settings_fini(&settings);
    assert_int_equal(domi__consul_settings_init(&settings, &options, &log_),
                     DOMI_E_OPTION);
    if (!strstr(said, name)) {
        fail_msg("%s is not named by: %s", name, said);
    }
    assert_null(settings.base);
    assert_null(settings.token);
}

/* ---- where it is --------------------------------------------------------- */

static void has_defaults(void **state)
{
    (void)state;
    assert_int_equal(domi__consul_settings_init(&settings, NULL, &log_), 0);
    assert_string_equal(settings.base, "http://127.0.0.1:8500");
    assert_null(settings.unix_socket);
    assert_null(settings.token);
    assert_null(settings.auth);
    assert_null(settings.ca_file);
    assert_true(settings.verify);
    assert_string_equal(settings.prefix, "domi/nodes/");
    assert_string_equal(settings.proxy, "");
    assert_int_equal(settings.check_ms, 1000);
    assert_int_equal(settings.damp_ms, 5000);
    assert_int_equal(settings.settle_ms, 3000);
    assert_int_equal(settings.session_s, 10);
    assert_int_equal(settings.id_policy, DOMI_ID_REPLACE);
}

static void understands_every_form_of_an_address(void **state)
{
    static const char *const forms[][2] = {
        {"10.0.0.1:8501", "http://10.0.0.1:8501"},
        {":8501", "http://127.0.0.1:8501"},
        {"consul.example:80", "http://consul.example:80"},
        {"http://10.0.0.1:8501", "http://10.0.0.1:8501"},
        {"http://10.0.0.1:8501/", "http://10.0.0.1:8501"},
        {"HTTPS://10.0.0.1:8501", "https://10.0.0.1:8501"},
        {"http://consul.example", "http://consul.example:80"},
        {"https://consul.example", "https://consul.example:443"},
        {"[::1]:8500", "http://[::1]:8500"},
        {"https://[fe80::1]:8501", "https://[fe80::1]:8501"},
        {"http://:8500", "http://127.0.0.1:8500"},
        {"127.0.0.1:65535", "http://127.0.0.1:65535"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        options.url = forms[i][0];
        read_settings();
        assert_string_equal(settings.base, forms[i][1]);
        assert_null(settings.unix_socket);
        options.url = NULL;
        set("CONSUL_HTTP_ADDR", forms[i][0]);
        read_settings();
        assert_string_equal(settings.base, forms[i][1]);
    }
}

static void understands_a_unix_socket(void **state)
{
    (void)state;
    options.url = "unix:///run/consul/http.sock";
    read_settings();
    assert_string_equal(settings.unix_socket, "/run/consul/http.sock");
    assert_string_equal(settings.base, "http://localhost");
}

static void refuses_other_addresses(void **state)
{
    static const char *const wrong[] = {
        "tcp://127.0.0.1:8500",
        "ftp://127.0.0.1",
        "http://127.0.0.1:8500/consul",
        "127.0.0.1:8500/v1",
        "http://127.0.0.1:8500?x=1",
        "http://user:secret@127.0.0.1:8500",
        "127.0.0.1:0",
        "127.0.0.1:65536",
        "127.0.0.1:99999999999999999999",
        "127.0.0.1:-1",
        "127.0.0.1:",
        "127.0.0.1:80x",
        "::1",
        "[::1:8500",
        "[]:8500",
        "[zebra]:8500",
        "[::1]x8500",
        "http://",
        "/",
        "a b:8500",
        "a\r\nb:8500",
        "unix://",
        "unix://relative/socket",
        "unix:/run/socket",
    };
    char longer[600];

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        options.url = wrong[i];
        refuses("option url");
        assert_null(strstr(said, "secret"));
        options.url = NULL;
        set("CONSUL_HTTP_ADDR", wrong[i]);
        refuses("CONSUL_HTTP_ADDR");
        assert_null(strstr(said, "secret"));
    }
    memset(longer, 'a', sizeof(longer));
    memcpy(longer, "unix:///", 8);
    longer[sizeof(longer) - 1] = '\0';
    options.url = longer;
    refuses("option url");
    options.url = longer + 8;
    refuses("option url");
}

static void takes_an_option_before_the_environment(void **state)
{
    (void)state;
    set("CONSUL_HTTP_ADDR", "10.0.0.1:1");
    options.url = "10.0.0.2:2";
    read_settings();
    assert_string_equal(settings.base, "http://10.0.0.2:2");
    options.url = "";
    read_settings();
    assert_string_equal(settings.base, "http://10.0.0.1:1");
    set("CONSUL_HTTP_ADDR", "");
    read_settings();
    assert_string_equal(settings.base, "http://127.0.0.1:8500");
}

static void speaks_tls_where_the_environment_wants_it(void **state)
{
    (void)state;
    set("CONSUL_HTTP_SSL", "true");
    read_settings();
    assert_string_equal(settings.base, "https://127.0.0.1:8500");
    set("CONSUL_HTTP_ADDR", "10.0.0.1:8501");
    read_settings();
    assert_string_equal(settings.base, "https://10.0.0.1:8501");
    /* What asked for TLS is not to be talked out of it by its own side. */
    set("CONSUL_HTTP_ADDR", "http://10.0.0.1:8501");
    read_settings();
    assert_string_equal(settings.base, "https://10.0.0.1:8501");
    options.url = "http://10.0.0.2:8500";
    read_settings();
    assert_string_equal(settings.base, "http://10.0.0.2:8500");
    options.url = "10.0.0.2:8500";
    read_settings();
    assert_string_equal(settings.base, "https://10.0.0.2:8500");
    options.url = "unix:///run/socket";
    read_settings();
    assert_string_equal(settings.base, "http://localhost");
    set("CONSUL_HTTP_SSL", "0");
    options.url = NULL;
    read_settings();
    assert_string_equal(settings.base, "http://10.0.0.1:8501");
    set("CONSUL_HTTP_SSL", "maybe");
    refuses("CONSUL_HTTP_SSL");
}

static void keeps_proxies_away_from_this_machine(void **state)
{
    static const char *const local[] = {
        "127.0.0.1:8500", "127.1.2.3:8500",     "localhost:8500",
        "[::1]:8500",     "unix:///run/socket", "https://127.0.0.1:8501",
    };

    (void)state;
    set("http_proxy", "http://proxy.example:3128");
    set("https_proxy", "http://secure.example:3128");
    set("no_proxy", "10.0.0.0/8");
    for (size_t i = 0; i < sizeof(local) / sizeof(local[0]); i++) {
        options.url = local[i];
        read_settings();
        assert_string_equal(settings.proxy, "");
    }
    options.url = "192.0.2.1:8500";
    read_settings();
    assert_string_equal(settings.proxy, "http://proxy.example:3128");
    assert_string_equal(settings.no_proxy, "10.0.0.0/8");
    options.url = "https://192.0.2.1:8501";
    read_settings();
    assert_string_equal(settings.proxy, "http://secure.example:3128");
}

/* ---- who we are ---------------------------------------------------------- */

static void write_file(char *path, const char *text)
{
    int fd = mkstemp(path);
    size_t size = strlen(text);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, size), size);
    close(fd);
}

static void finds_the_token(void **state)
{
    char path[] = "/tmp/domi-token-XXXXXX";
    char blank[] = "/tmp/domi-token-XXXXXX";

    (void)state;
    write_file(path, "\n  from-a-file \n");
    write_file(blank, " \n");
    set("CONSUL_HTTP_TOKEN", "from-a-variable");
    read_settings();
    assert_string_equal(settings.token, "from-a-variable");
    set("CONSUL_HTTP_TOKEN_FILE", blank);
    read_settings();
    assert_string_equal(settings.token, "from-a-variable");
    set("CONSUL_HTTP_TOKEN_FILE", path);
    read_settings();
    assert_string_equal(settings.token, "from-a-file");
    options.token = "from-an-option";
    read_settings();
    assert_string_equal(settings.token, "from-an-option");
    unlink(path);
    unlink(blank);
    read_settings();
    options.token = NULL;
    refuses("CONSUL_HTTP_TOKEN_FILE");
    set("CONSUL_HTTP_TOKEN_FILE", "/dev/zero");
    refuses("CONSUL_HTTP_TOKEN_FILE");
    set("CONSUL_HTTP_TOKEN_FILE", "/tmp");
    refuses("CONSUL_HTTP_TOKEN_FILE");
}

static void keeps_a_bad_token_to_itself(void **state)
{
    char path[] = "/tmp/domi-token-XXXXXX";

    (void)state;
    options.token = "secret\r\nX-Evil: 1";
    refuses("option token");
    assert_null(strstr(said, "secret"));
    options.token = NULL;
    set("CONSUL_HTTP_TOKEN", "secret\n");
    refuses("CONSUL_HTTP_TOKEN");
    assert_null(strstr(said, "secret"));
    write_file(path, "secret one\nsecret two");
    set("CONSUL_HTTP_TOKEN_FILE", path);
    refuses("CONSUL_HTTP_TOKEN_FILE");
    unlink(path);
    assert_null(strstr(said, "secret"));
}

static void finds_user_and_password(void **state)
{
    (void)state;
    set("CONSUL_HTTP_AUTH", "user:pass:word");
    read_settings();
    assert_string_equal(settings.auth, "user:pass:word");
    options.auth = "user";
    read_settings();
    assert_string_equal(settings.auth, "user:");
    options.auth = ":secret";
    refuses("option auth");
    options.auth = "user:secret\n";
    refuses("option auth");
    assert_null(strstr(said, "secret"));
}

/* ---- TLS ----------------------------------------------------------------- */

static void finds_certificates(void **state)
{
    char path[] = "/tmp/domi-cert-XXXXXX";

    (void)state;
    write_file(path, "certificate");
    set("CONSUL_CACERT", path);
    set("CONSUL_CAPATH", "/tmp");
    set("CONSUL_CLIENT_CERT", path);
    set("CONSUL_CLIENT_KEY", path);
    set("CONSUL_TLS_SERVER_NAME", "server.dc1.consul");
    set("CONSUL_HTTP_SSL_VERIFY", "false");
    read_settings();
    assert_string_equal(settings.ca_file, path);
    assert_string_equal(settings.ca_path, "/tmp");
    assert_string_equal(settings.client_cert, path);
    assert_string_equal(settings.client_key, path);
    assert_string_equal(settings.tls_server_name, "server.dc1.consul");
    assert_false(settings.verify);
    options.tls_server_name = "a/b";
    refuses("option tls_server_name");
    options.tls_server_name = NULL;
    unlink(path);
    refuses("CONSUL_CACERT");
    unsetenv("CONSUL_CACERT");
    refuses("CONSUL_CLIENT_CERT");
    unsetenv("CONSUL_CLIENT_CERT");
    refuses("CONSUL_CLIENT_KEY");
}

static void wants_a_certificate_for_a_key(void **state)
{
    (void)state;
    options.client_key = "/dev/null";
    refuses("client_cert");
    options.client_cert = "/dev/null";
    read_settings();
}

static void verifies_unless_told_otherwise(void **state)
{
    (void)state;
    set("CONSUL_HTTP_SSL_VERIFY", "true");
    read_settings();
    assert_true(settings.verify);
    options.no_verify = 1;
    read_settings();
    assert_false(settings.verify);
    options.no_verify = 0;
    set("CONSUL_HTTP_SSL_VERIFY", "no");
    refuses("CONSUL_HTTP_SSL_VERIFY");
}

/* ---- domi's own ---------------------------------------------------------- */

static void ends_the_prefix_with_a_slash(void **state)
{
    char longer[300];

    (void)state;
    options.prefix = "games/ids";
    read_settings();
    assert_string_equal(settings.prefix, "games/ids/");
    options.prefix = "games/ids/";
    read_settings();
    assert_string_equal(settings.prefix, "games/ids/");
    options.prefix = "/games";
    refuses("option prefix");
    options.prefix = "ga\nmes";
    refuses("option prefix");
    memset(longer, 'a', sizeof(longer));
    longer[sizeof(longer) - 1] = '\0';
    options.prefix = longer;
    refuses("option prefix");
}

static void bounds_times(void **state)
{
    (void)state;
    options.check_ms = 2000;
    options.damp_ms = 1;
    options.settle_ms = 7;
    options.session_s = 1;
    options.id_policy = DOMI_ID_STOP;
    read_settings();
    assert_int_equal(settings.check_ms, 2000);
    assert_int_equal(settings.damp_ms, 1);
    assert_int_equal(settings.settle_ms, 7);
    assert_int_equal(settings.session_s, 1);
    assert_int_equal(settings.id_policy, DOMI_ID_STOP);
    options.check_ms = 1500;
    refuses("option check_ms");
    options.check_ms = 3601000;
    refuses("option check_ms");
    options.check_ms = 0;
    options.session_s = 86401;
    refuses("option session_s");
    options.session_s = 0;
    options.damp_ms = 3600001;
    refuses("option damp_ms");
    options.damp_ms = 0;
    options.settle_ms = 3600001;
    refuses("option settle_ms");
    options.settle_ms = 0;
    options.id_policy = 2;
    refuses("option id_policy");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(has_defaults),
        TEST(understands_every_form_of_an_address),
        TEST(understands_a_unix_socket),
        TEST(refuses_other_addresses),
        TEST(takes_an_option_before_the_environment),
        TEST(speaks_tls_where_the_environment_wants_it),
        TEST(keeps_proxies_away_from_this_machine),
        TEST(finds_the_token),
        TEST(keeps_a_bad_token_to_itself),
        TEST(finds_user_and_password),
        TEST(finds_certificates),
        TEST(wants_a_certificate_for_a_key),
        TEST(verifies_unless_told_otherwise),
        TEST(ends_the_prefix_with_a_slash),
        TEST(bounds_times),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
