/* SPDX-License-Identifier: MIT */
/* Where Consul is and how to speak to it: options, environment, defaults. */
#include "consul/settings.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "consul/address.h"
#include "domi/err.h"

#define TOKEN_LIMIT 8192
#define PREFIX_LIMIT 256
#define DEFAULT_PREFIX "domi/nodes/"

/* The settings that are being made, and whose log hears what is wrong. */
struct reading {
    struct domi__consul_settings *settings;
    struct domi__log *log;
};

/* A value and who gave it: "option url" or "CONSUL_HTTP_ADDR". */
struct given {
    const char *by;
    const char *value; /* NULL: nobody */
};

/* Says what is wrong, without the value: it may be a secret. */
static int refuse(const struct reading *reading, const char *by,
                  const char *must)
{
    domi__log(reading->log, DOMI_LOG_ERROR, "consul: %s must be %s", by, must);
    return DOMI_E_OPTION;
}

/* Empty means not given, as other clients of Consul have it. */
static struct given find(const char *option, const char *value,
                         const char *variable)
{
    if (value && value[0]) {
        return (struct given){option, value};
    }
    value = variable ? getenv(variable) : NULL;
    return (struct given){variable, value && value[0] ? value : NULL};
}

static int copy(char **to, const char *value)
{
    if (!value) {
        return 0;
    }
    *to = strdup(value);
    return *to ? 0 : UV_ENOMEM;
}

/* A switch of the environment, in the words that Go takes for one. */
static int read_switch(const struct reading *reading, const char *variable,
                       bool *on)
{
    static const char *const yes[] = {"1", "t", "T", "TRUE", "true", "True"};
    static const char *const no[] = {"0", "f", "F", "FALSE", "false", "False"};
    const char *value = find(NULL, NULL, variable).value;

    if (!value) {
        return 0;
    }
    for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
        if (strcmp(value, yes[i]) == 0 || strcmp(value, no[i]) == 0) {
            *on = strcmp(value, yes[i]) == 0;
            return 0;
        }
    }
    return refuse(reading, variable, "true or false");
}

/* ---- the address --------------------------------------------------------- */

static int read_address(const struct reading *reading,
                        const struct domi_consul_options *options)
{
    struct domi__consul_settings *settings = reading->settings;
    struct given given = find("option url", options->url, "CONSUL_HTTP_ADDR");
    struct domi__consul_address address;
    bool tls = false;
    int err = read_switch(reading, "CONSUL_HTTP_SSL", &tls);

    if (err) {
        return err;
    }
    if (!given.value) {
        given.value = "127.0.0.1:8500";
    }
    if (!domi__consul_address_read(&address, given.value)) {
        return refuse(reading, given.by,
                      "http://HOST:PORT, https://HOST:PORT, HOST:PORT or "
                      "unix:///PATH, without a path behind the port and "
                      "without a password");
    }
    if (address.is_unix) {
        err = copy(&settings->unix_socket, address.host);
        return err ? err : copy(&settings->base, "http://localhost");
    }
    if (tls && (!address.has_scheme || !options->url || !options->url[0])) {
        address.is_tls = true;
    }
    settings->base = domi__consul_address_url(&address);
    return settings->base ? 0 : UV_ENOMEM;
}

/* libcurl would read these itself, at any time, while the application may be
   changing its environment. The names are those that it looks for. */
static int read_proxy(const struct reading *reading)
{
    struct domi__consul_settings *settings = reading->settings;
    bool tls = strncmp(settings->base, "https:", 6) == 0;
    const char *proxy = NULL;
    const char *except = find(NULL, NULL, "no_proxy").value;
    int err;

    /* A proxy is never meant for what is on this machine. */
    if (!settings->unix_socket && !domi__consul_is_local(settings->base)) {
        proxy = find(NULL, NULL, tls ? "https_proxy" : "http_proxy").value;
        if (!proxy && tls) {
            proxy = find(NULL, NULL, "HTTPS_PROXY").value;
        }
        if (!proxy) {
            proxy = find(NULL, NULL, "all_proxy").value;
        }
        if (!proxy) {
            proxy = find(NULL, NULL, "ALL_PROXY").value;
        }
    }
    if (!except) {
        except = find(NULL, NULL, "NO_PROXY").value;
    }
    err = copy(&settings->proxy, proxy ? proxy : "");
    return err ? err : copy(&settings->no_proxy, except ? except : "");
}

/* ---- who we are ---------------------------------------------------------- */

/* Goes into a header, which it must not end. */
static bool is_printable(const char *text)
{
    for (; *text; text++) {
        if (*text < ' ' || *text > '~') {
            return false;
        }
    }
    return true;
}

/* Reads the file into `text`; trims it. */
static int read_token_file(const struct reading *reading, const char *path,
                           char *text)
{
    static const char must[] = "a file that can be read, of one token";
    FILE *file = fopen(path, "re");
    size_t size = 0;
    size_t begin = 0;

    if (file) {
        size = fread(text, 1, TOKEN_LIMIT, file);
    }
    if (!file || ferror(file) || size == TOKEN_LIMIT) {
        if (file) {
            fclose(file);
        }
        return refuse(reading, "CONSUL_HTTP_TOKEN_FILE", must);
    }
    fclose(file);
    while (size > 0 && isspace((unsigned char)text[size - 1])) {
        size--;
    }
    while (begin < size && isspace((unsigned char)text[begin])) {
        begin++;
    }
    memmove(text, text + begin, size - begin);
    text[size - begin] = '\0';
    return 0;
}

/* A file is stronger than CONSUL_HTTP_TOKEN, unless it is blank: so have it
   other clients of Consul. */
static int read_token(const struct reading *reading,
                      const struct domi_consul_options *options)
{
    struct given given =
        find("option token", options->token, "CONSUL_HTTP_TOKEN");
    struct given file = find(NULL, NULL, "CONSUL_HTTP_TOKEN_FILE");
    char text[TOKEN_LIMIT];
    int err = 0;

    if (file.value && !(options->token && options->token[0])) {
        err = read_token_file(reading, file.value, text);
        if (err) {
            return err;
        }
        if (text[0]) {
            given = (struct given){file.by, text};
        }
    }
    if (given.value && !is_printable(given.value)) {
        err = refuse(reading, given.by, "a token, of printable characters");
    } else {
        err = copy(&reading->settings->token, given.value);
    }
    explicit_bzero(text, sizeof(text));
    return err;
}

static int read_auth(const struct reading *reading,
                     const struct domi_consul_options *options)
{
    struct given given = find("option auth", options->auth, "CONSUL_HTTP_AUTH");
    char **auth = &reading->settings->auth;

    if (!given.value) {
        return 0;
    }
    if (!is_printable(given.value) || given.value[0] == ':') {
        return refuse(reading, given.by, "USER:PASSWORD");
    }
    if (asprintf(auth, "%s%s", given.value,
                 strchr(given.value, ':') ? "" : ":") < 0) {
        *auth = NULL;
        return UV_ENOMEM;
    }
    return 0;
}

/* ---- TLS ----------------------------------------------------------------- */

/* A file or directory, which is looked at now, since what libcurl says when it
   is missing comes late and names no option. */
static int read_path(const struct reading *reading, char **to,
                     const char *option, const char *value,
                     const char *variable)
{
    struct given given = find(option, value, variable);

    if (given.value && access(given.value, R_OK)) {
        return refuse(reading, given.by, "readable, and it is not");
    }
    return copy(to, given.value);
}

static int read_server_name(const struct reading *reading,
                            const struct domi_consul_options *options)
{
    struct given given =
        find("option tls_server_name", options->tls_server_name,
             "CONSUL_TLS_SERVER_NAME");

    if (given.value && !domi__consul_is_host(given.value)) {
        return refuse(reading, given.by, "a host's name");
    }
    return copy(&reading->settings->tls_server_name, given.value);
}

static int read_verify(const struct reading *reading,
                       const struct domi_consul_options *options)
{
    reading->settings->verify = true;
    if (options->no_verify) {
        reading->settings->verify = false;
        return 0;
    }
    return read_switch(reading, "CONSUL_HTTP_SSL_VERIFY",
                       &reading->settings->verify);
}

static int read_tls(const struct reading *reading,
                    const struct domi_consul_options *options)
{
    struct domi__consul_settings *settings = reading->settings;
    int err = read_path(reading, &settings->ca_file, "option ca_file",
                        options->ca_file, "CONSUL_CACERT");

    if (!err) {
        err = read_path(reading, &settings->ca_path, "option ca_path",
                        options->ca_path, "CONSUL_CAPATH");
    }
    if (!err) {
        err = read_path(reading, &settings->client_cert, "option client_cert",
                        options->client_cert, "CONSUL_CLIENT_CERT");
    }
    if (!err) {
        err = read_path(reading, &settings->client_key, "option client_key",
                        options->client_key, "CONSUL_CLIENT_KEY");
    }
    if (!err && settings->client_key && !settings->client_cert) {
        err = refuse(reading, "option client_cert or CONSUL_CLIENT_CERT",
                     "given where there is a client key");
    }
    if (!err) {
        err = read_server_name(reading, options);
    }
    return err ? err : read_verify(reading, options);
}

/* ---- domi's own ---------------------------------------------------------- */

static int read_prefix(const struct reading *reading, const char *prefix)
{
    char **to = &reading->settings->prefix;
    size_t size;

    if (!prefix || !prefix[0]) {
        prefix = DEFAULT_PREFIX;
    }
    size = strlen(prefix);
    if (prefix[0] == '/' || size > PREFIX_LIMIT || !is_printable(prefix)) {
        return refuse(reading, "option prefix",
                      "at most 256 printable characters, not beginning with a "
                      "slash");
    }
    if (asprintf(to, "%s%s", prefix, prefix[size - 1] == '/' ? "" : "/") < 0) {
        *to = NULL;
        return UV_ENOMEM;
    }
    return 0;
}

static unsigned or_default(unsigned value, unsigned other)
{
    return value ? value : other;
}

static int read_times(const struct reading *reading,
                      const struct domi_consul_options *options)
{
    struct domi__consul_settings *settings = reading->settings;

    settings->check_ms = or_default(options->check_ms, 1000);
    settings->damp_ms = or_default(options->damp_ms, 5000);
    settings->settle_ms = or_default(options->settle_ms, 3000);
    settings->session_s = or_default(options->session_s, 10);
    settings->id_policy = options->id_policy;
    if (settings->check_ms % 1000 || settings->check_ms > 3600000) {
        return refuse(reading, "option check_ms",
                      "whole seconds, 1,000 to 3,600,000");
    }
    if (settings->damp_ms > 3600000) {
        return refuse(reading, "option damp_ms", "at most 3,600,000");
    }
    if (settings->settle_ms > 3600000) {
        return refuse(reading, "option settle_ms", "at most 3,600,000");
    }
    if (settings->session_s > 86400) {
        return refuse(reading, "option session_s", "at most 86,400");
    }
    if (settings->id_policy != DOMI_ID_REPLACE &&
        settings->id_policy != DOMI_ID_STOP) {
        return refuse(reading, "option id_policy",
                      "DOMI_ID_REPLACE or DOMI_ID_STOP");
    }
    return 0;
}

static int read_all(const struct reading *reading,
                    const struct domi_consul_options *options)
{
    int err = read_address(reading, options);

    if (!err) {
        err = read_proxy(reading);
    }
    if (!err) {
        err = read_token(reading, options);
    }
    if (!err) {
        err = read_auth(reading, options);
    }
    if (!err) {
        err = read_tls(reading, options);
    }
    if (!err) {
        err = read_prefix(reading, options->prefix);
    }
    return err ? err : read_times(reading, options);
}

int domi__consul_settings_init(struct domi__consul_settings *settings,
                               const struct domi_consul_options *options,
                               struct domi__log *log)
{
    static const struct domi_consul_options none;
    const struct reading reading = {settings, log};
    int err;

    memset(settings, 0, sizeof(*settings));
    err = read_all(&reading, options ? options : &none);
    if (err) {
        domi__consul_settings_fini(settings);
    }
    return err;
}

static void free_secret(char *secret)
{
    if (secret) {
        explicit_bzero(secret, strlen(secret));
        free(secret);
    }
}

void domi__consul_settings_fini(struct domi__consul_settings *settings)
{
    free(settings->base);
    free(settings->unix_socket);
    free_secret(settings->token);
    free_secret(settings->auth);
    free(settings->ca_file);
    free(settings->ca_path);
    free(settings->client_cert);
    free(settings->client_key);
    free(settings->tls_server_name);
    free_secret(settings->proxy);
    free(settings->no_proxy);
    free(settings->prefix);
    memset(settings, 0, sizeof(*settings));
}
