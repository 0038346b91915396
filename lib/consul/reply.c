/* SPDX-License-Identifier: MIT */
/* What Consul sent, into a reply: pure functions that believe nothing. */
#include "consul/transfer.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>

#define PATH_SHOWN 192 /* bytes of a path in an error, escaped */
#define BODY_SHOWN 160 /* the same of what Consul says */

uint64_t domi__consul_index(const char *text, size_t size)
{
    const uint64_t most = (uint64_t)1 << 63;
    uint64_t index = 0;

    for (size_t i = 0; i < size; i++) {
        unsigned digit = (unsigned)(text[i] - '0');

        if (digit > 9 || index > (most - digit) / 10) {
            return 0;
        }
        index = index * 10 + digit;
    }
    return index;
}

/* cJSON calls itself for each level and allows 1000 of them. Counts brackets
   outside of strings; whether they match is for cJSON to find. */
static bool is_too_deep(const char *text, size_t size)
{
    size_t depth = 0;
    bool in_string = false;

    for (size_t i = 0; i < size; i++) {
        char c = text[i];

        if (in_string) {
            if (c == '\\') {
                i++;
            } else if (c == '"') {
                in_string = false;
            }
        } else if (c == '"') {
            in_string = true;
        } else if (c == '[' || c == '{') {
            if (++depth > DOMI__CONSUL_DEPTH_LIMIT) {
                return true;
            }
        } else if ((c == ']' || c == '}') && depth > 0) {
            depth--;
        }
    }
    return false;
}

struct cJSON *domi__consul_json(const char *text, size_t size, char *why,
                                size_t why_size)
{
    struct cJSON *json;
    const char *end = text;
    char begin[BODY_SHOWN];

    if (size == 0) {
        snprintf(why, why_size, "the body is empty, not JSON");
        return NULL;
    }
    if (is_too_deep(text, size)) {
        snprintf(why, why_size, "the JSON is nested deeper than %u",
                 DOMI__CONSUL_DEPTH_LIMIT);
        return NULL;
    }
    if (strlen(text) == size) {
        json = cJSON_ParseWithLengthOpts(text, size + 1, &end, true);
        if (json) {
            return json;
        }
    }
    domi__log_escape(begin, sizeof(begin), text, size);
    snprintf(why, why_size,
             "not JSON from byte %zu of %zu on, or memory is "
             "short; it begins: %s",
             (size_t)(end - text), size, begin);
    return NULL;
}

void domi__consul_explain(char *out, size_t size, const char *method,
                          const char *path, const char *why)
{
    char shown[PATH_SHOWN];

    domi__log_escape(shown, sizeof(shown), path, strlen(path));
    snprintf(out, size, "%s %s: %s", method, shown, why);
}

/* The rule that a token needs for a request to this path. */
static const char *rule_for(const char *path)
{
    static const struct {
        const char *prefix;
        const char *rule;
    } rules[] = {
        {"/v1/agent/service/", "service write for its name"},
        {"/v1/catalog/", "service and node read"},
        {"/v1/health/", "service and node read"},
        {"/v1/kv/", "key_prefix read, and write to change it"},
        {"/v1/session/", "session write"},
        {"/v1/txn", "key_prefix and session write"},
    };

    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        if (strncmp(path, rules[i].prefix, strlen(rules[i].prefix)) == 0) {
            return rules[i].rule;
        }
    }
    return "more than it allows";
}

void domi__consul_explain_status(char *out, size_t size, const char *method,
                                 const char *path, int status, const char *body,
                                 size_t body_size)
{
    char said[BODY_SHOWN];
    char why[DOMI__CONSUL_ERROR_SIZE];

    /* Consul's messages end with a newline. */
    while (body_size > 0 &&
           (body[body_size - 1] == '\n' || body[body_size - 1] == '\r')) {
        body_size--;
    }
    domi__log_escape(said, sizeof(said), body, body_size);
    if (status == 403) {
        snprintf(why, sizeof(why),
                 "403, a permission error (the token needs "
                 "%s): %s",
                 rule_for(path), said);
    } else if (status >= 300 && status < 400) {
        snprintf(why, sizeof(why), "%d, but redirects are not followed: %s",
                 status, said);
    } else {
        snprintf(why, sizeof(why), "%d: %s", status, said);
    }
    domi__consul_explain(out, size, method, path, why);
}
