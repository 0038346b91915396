/* SPDX-License-Identifier: MIT */
/* Consul's answer about a service's health, read into entries. */

/*
 * Nothing in the answer is trusted: whoever may write to Consul's catalog can
 * put there what they like, and Consul itself takes any id, name and port. It
 * runs on the client's thread, where the JSON is, so that the loop gets one
 * small array instead of a tree of 200,000 pieces.
 */
#include "consul/entries.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "base/ids.h"
#include "base/log.h"
#include "consul/ids.h"

#define PORT_MAX 65535
#define VERSION_MAX INT32_MAX
#define AGE_MAX 9007199254740992.0 /* 2^53: beyond, JSON's numbers are vague */

/* What an instance is called in a fault. */
struct name {
    char node[64];
    char id[32];
};

/* An instance that may be used, unless another is in its way. */
struct candidate {
    struct domi__consul_entry entry;
    struct name name;
};

/* An answer while it is read. */
struct reading {
    struct domi__consul_entries *out;
    struct candidate *candidates;
    size_t count;
};

/* ---- JSON ---------------------------------------------------------------- */

static const cJSON *member(const cJSON *object, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(object, key);
}

/* NULL when there is no such text. */
static const char *text_of(const cJSON *object, const char *key)
{
    return cJSON_GetStringValue(member(object, key));
}

/* A whole number from 0 to `max`, or -1. */
static double number_of(const cJSON *object, const char *key, double max)
{
    const cJSON *item = member(object, key);
    double number = cJSON_IsNumber(item) ? item->valuedouble : -1;

    return number >= 0 && number <= max && (double)(uint64_t)number == number
               ? number
               : -1;
}

/* ---- faults -------------------------------------------------------------- */

static void copy_name(char *out, size_t size, const char *text)
{
    domi__log_escape(out, size, text ? text : "", text ? strlen(text) : 0);
}

static void add_fault(struct domi__consul_entries *out, const struct name *name,
                      const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* A fault that memory is too short for is only counted. */
static void add_fault(struct domi__consul_entries *out, const struct name *name,
                      const char *format, ...)
{
    char reason[96];
    va_list args;

    if (!out->faults && out->more_faults == 0) {
        out->faults = calloc(DOMI__CONSUL_FAULTS, sizeof(*out->faults));
    }
    if (!out->faults || out->fault_count == DOMI__CONSUL_FAULTS) {
        out->more_faults++;
        return;
    }
    va_start(args, format);
    vsnprintf(reason, sizeof(reason), format, args);
    va_end(args);
    snprintf(out->faults[out->fault_count++], DOMI__CONSUL_FAULT_SIZE,
             "id \"%.31s\" on node \"%.63s\": %.90s", name->id, name->node,
             reason);
}

/* ---- one instance -------------------------------------------------------- */

/* The worst of all checks counts. */
static void read_checks(struct domi__consul_entry *entry,
                        struct domi__consul_entries *out,
                        const struct name *name, const cJSON *checks)
{
    const cJSON *check;

    /* Nobody vouches for an instance without a check. */
    entry->unhealthy = !cJSON_IsArray(checks) || !checks->child;
    cJSON_ArrayForEach(check, checks)
    {
        const char *status = text_of(check, "Status");

        if (!status) {
            status = "";
        }
        if (strcmp(status, "passing") == 0) {
            continue;
        }
        if (strcmp(status, "warning") == 0) {
            entry->draining = true;
            continue;
        }
        if (strcmp(status, "critical") != 0 &&
            strcmp(status, "maintenance") != 0) {
            add_fault(out, name, "a check's status is not known, and is taken "
                                 "as critical");
        }
        entry->unhealthy = true;
    }
}

/* A number in Meta, where all values are text. */
static int read_number(const cJSON *meta, const char *key, int max,
                       struct domi__consul_entries *out,
                       const struct name *name)
{
    const cJSON *item = member(meta, key);
    const char *text = cJSON_GetStringValue(item);
    int number = text ? domi__consul_decimal(text, max) : -1;

    if (item && number < 0) {
        add_fault(out, name, "its %s is no number from 0 to %d, and is taken "
                             "as not told", key, max);
    }
    return number < 0 ? 0 : number;
}

static void read_meta(struct domi__consul_entry *entry,
                      struct domi__consul_entries *out,
                      const struct name *name, const cJSON *meta)
{
    const cJSON *item = member(meta, "state");
    const char *state = cJSON_GetStringValue(item);

    entry->http_port = read_number(meta, "http_port", PORT_MAX, out, name);
    entry->version = read_number(meta, "version", VERSION_MAX, out, name);
    if (state && strcmp(state, "drain") == 0) {
        entry->draining = true;
    } else if (item && !(state && (!*state || strcmp(state, "serve") == 0))) {
        add_fault(out, name,
                  "its state is not known, and is taken as \"serve\"");
    }
}

/* Writes the address in the one way that inet_ntop has for it. An address that
   means all addresses leads nowhere. */
static bool read_host(struct domi__consul_entry *entry, const char *host)
{
    static const struct in6_addr any;
    struct in6_addr bytes = {0};
    int family = strchr(host, ':') ? AF_INET6 : AF_INET;

    return inet_pton(family, host, &bytes) == 1 &&
           memcmp(&bytes, &any, sizeof(any)) != 0 &&
           inet_ntop(family, &bytes, entry->host, sizeof(entry->host));
}

/* False: the instance cannot be used, and `out` says why. */
static bool read_entry(struct domi__consul_entry *entry,
                       struct domi__consul_entries *out, struct name *name,
                       const cJSON *item)
{
    const cJSON *service = member(item, "Service");
    const cJSON *node = member(item, "Node");
    const char *id = text_of(service, "ID");
    const char *host = text_of(service, "Address");
    double port = number_of(service, "Port", PORT_MAX);
    double age = number_of(service, "CreateIndex", AGE_MAX);

    copy_name(name->node, sizeof(name->node), text_of(node, "Node"));
    copy_name(name->id, sizeof(name->id), id);
    if (!host || !*host) {
        host = text_of(node, "Address");
    }
    entry->id = id ? domi__consul_id_of(id) : -1;
    if (entry->id < 0) {
        add_fault(out, name, "the id is no number from 0 to %d",
                  DOMI__NODE_ID_MAX);
        return false;
    }
    if (!host || !read_host(entry, host)) {
        add_fault(out, name, "the address is no IP address of a machine");
        return false;
    }
    if (port < 1) {
        add_fault(out, name, "the port is no number from 1 to %d", PORT_MAX);
        return false;
    }
    entry->tcp_port = (int)port;
    entry->age_order = age > 0 ? (uint64_t)age : 0;
    read_checks(entry, out, name, member(item, "Checks"));
    read_meta(entry, out, name, member(service, "Meta"));
    return true;
}

/* ---- those that are in each other's way ---------------------------------- */

/* Of two with one id, or one address, the healthier is right; of two healthy
   ones the younger, for it has taken the other's place. */
static bool is_better(const struct domi__consul_entry *a,
                      const struct domi__consul_entry *b)
{
    if (a->unhealthy != b->unhealthy) {
        return b->unhealthy;
    }
    return a->age_order > b->age_order;
}

static int compare_address(const struct domi__consul_entry *a,
                           const struct domi__consul_entry *b)
{
    int order = strcmp(a->host, b->host);

    return order ? order : a->tcp_port - b->tcp_port;
}

/* By address; of one address the better one first. */
static int compare(const void *left, const void *right)
{
    const struct domi__consul_entry *a =
        &((const struct candidate *)left)->entry;
    const struct domi__consul_entry *b =
        &((const struct candidate *)right)->entry;
    int order = compare_address(a, b);

    if (order) {
        return order;
    }
    return is_better(a, b) ? -1 : is_better(b, a) ? 1 : a->id - b->id;
}

/* Leaves the better one of those with one id. */
static void unite_ids(struct reading *reading)
{
    struct candidate *all = reading->candidates;
    size_t at[DOMI__NODE_ID_MAX + 1] = {0}; /* behind where the id is kept */
    size_t kept = 0;

    for (size_t i = 0; i < reading->count; i++) {
        size_t *place = &at[all[i].entry.id];
        struct candidate loser = all[i];

        if (*place == 0) {
            all[kept] = loser;
            *place = ++kept;
            continue;
        }
        if (is_better(&loser.entry, &all[*place - 1].entry)) {
            loser = all[*place - 1];
            all[*place - 1] = all[i];
        }
        add_fault(reading->out, &loser.name,
                  "another instance has the same id");
    }
    reading->count = kept;
}

/* Sorts, and leaves the better one of those with one address. */
static void unite_addresses(struct reading *reading)
{
    struct candidate *all = reading->candidates;
    size_t kept = 0;

    qsort(all, reading->count, sizeof(*all), compare);
    for (size_t i = 0; i < reading->count; i++) {
        if (kept > 0 &&
            compare_address(&all[kept - 1].entry, &all[i].entry) == 0) {
            add_fault(reading->out, &all[i].name,
                      "id %d has the same address and port",
                      all[kept - 1].entry.id);
            continue;
        }
        all[kept++] = all[i];
    }
    reading->count = kept;
}

/* ---- the answer ---------------------------------------------------------- */

/* False when memory is short. */
static bool read_all(struct reading *reading, const cJSON *json)
{
    struct domi__consul_entries *out = reading->out;
    const cJSON *item;

    cJSON_ArrayForEach(item, json)
    {
        struct candidate *candidate = &reading->candidates[reading->count];

        if (read_entry(&candidate->entry, out, &candidate->name, item)) {
            reading->count++;
        } else {
            *candidate = (struct candidate){0};
        }
    }
    unite_ids(reading);
    unite_addresses(reading);
    out->entries = calloc(reading->count + 1, sizeof(*out->entries));
    if (!out->entries) {
        return false;
    }
    for (size_t i = 0; i < reading->count; i++) {
        out->entries[i] = reading->candidates[i].entry;
    }
    out->count = reading->count;
    return true;
}

void *domi__consul_entries_read(const cJSON *json, char *error,
                                size_t error_size)
{
    struct reading reading = {0};

    if (!cJSON_IsArray(json)) {
        snprintf(error, error_size, "the answer is no list of instances");
        return NULL;
    }
    reading.out = calloc(1, sizeof(*reading.out));
    reading.candidates = calloc((size_t)cJSON_GetArraySize(json) + 1,
                                sizeof(*reading.candidates));
    if (!reading.out || !reading.candidates || !read_all(&reading, json)) {
        snprintf(error, error_size, "memory is short");
        domi__consul_entries_free(reading.out);
        reading.out = NULL;
    }
    free(reading.candidates);
    return reading.out;
}

void domi__consul_entries_free(void *entries)
{
    struct domi__consul_entries *own = entries;

    if (own) {
        free(own->entries);
        free(own->faults);
        free(own);
    }
}
