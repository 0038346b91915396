/* SPDX-License-Identifier: MIT */
/* Sets of node ids, read from answers of Consul; pure functions. */
#include "consul/ids.h"

#include <string.h>

#include <cjson/cJSON.h>

#include "consul/key.h"

#define IDS (DOMI__NODE_ID_MAX + 1)

int domi__consul_decimal(const char *text, int max)
{
    int64_t number = 0;

    if (!*text || (text[0] == '0' && text[1])) {
        return -1;
    }
    for (; *text; text++) {
        if (*text < '0' || *text > '9') {
            return -1;
        }
        number = number * 10 + (*text - '0');
        if (number > max) {
            return -1;
        }
    }
    return (int)number;
}

int domi__consul_id_of(const char *text)
{
    return domi__consul_decimal(text, DOMI__NODE_ID_MAX);
}

void domi__consul_ids_add(struct domi__consul_ids *ids, int id)
{
    ids->bits[id / 8] |= (uint8_t)(1u << id % 8);
}

bool domi__consul_ids_has(const struct domi__consul_ids *ids, int id)
{
    return ids->bits[id / 8] >> id % 8 & 1;
}

/* The id of a key's name, or -1. */
static int id_of_key(const char *name, const char *prefix)
{
    size_t size = strlen(prefix);

    return strncmp(name, prefix, size) == 0 ? domi__consul_id_of(name + size)
                                            : -1;
}

bool domi__consul_ids_read_keys(struct domi__consul_ids *ids,
                                const struct cJSON *json, const char *prefix)
{
    const cJSON *name;

    memset(ids, 0, sizeof(*ids));
    if (!cJSON_IsArray(json)) {
        return false;
    }
    cJSON_ArrayForEach(name, json)
    {
        int id = cJSON_IsString(name) ? id_of_key(name->valuestring, prefix)
                                      : -1;

        if (id >= 0) {
            domi__consul_ids_add(ids, id);
        }
    }
    return true;
}

bool domi__consul_ids_read_reserves(struct domi__consul_ids *ids,
                                    const struct cJSON *json,
                                    const char *prefix)
{
    const cJSON *entry;

    memset(ids, 0, sizeof(*ids));
    if (!cJSON_IsArray(json)) {
        return false;
    }
    cJSON_ArrayForEach(entry, json)
    {
        struct domi__consul_key key;
        const char *name;

        if (domi__consul_key_entry(&key, &name, entry) && !key.session[0] &&
            id_of_key(name, prefix) >= 0) {
            domi__consul_ids_add(ids, id_of_key(name, prefix));
        }
    }
    return true;
}

static const char *text_of(const cJSON *object, const char *name)
{
    const cJSON *text = cJSON_GetObjectItemCaseSensitive(object, name);

    return cJSON_IsString(text) ? text->valuestring : "";
}

bool domi__consul_ids_read_services(struct domi__consul_services *services,
                                    const struct cJSON *json,
                                    const char *notes)
{
    const cJSON *check;

    memset(services, 0, sizeof(*services));
    if (!cJSON_IsArray(json)) {
        return false;
    }
    cJSON_ArrayForEach(check, json)
    {
        int id = domi__consul_id_of(text_of(check, "ServiceID"));
        bool lives = strcmp(text_of(check, "Status"), "critical") != 0;
        bool foreign = strcmp(text_of(check, "Notes"), notes) != 0;

        if (id < 0) {
            continue;
        }
        domi__consul_ids_add(&services->all, id);
        if (lives) {
            domi__consul_ids_add(&services->living, id);
        }
        if (foreign) {
            domi__consul_ids_add(&services->foreign, id);
        }
        if (lives && foreign) {
            domi__consul_ids_add(&services->foreign_living, id);
        }
    }
    return true;
}

int domi__consul_ids_pick(const struct domi__consul_ids *among,
                          const struct domi__consul_ids *not_these,
                          const struct domi__consul_ids *nor_these,
                          unsigned random)
{
    int found[IDS];
    unsigned count = 0;

    for (int id = 0; id < IDS; id++) {
        if ((!among || domi__consul_ids_has(among, id)) &&
            !domi__consul_ids_has(not_these, id) &&
            !domi__consul_ids_has(nor_these, id)) {
            found[count++] = id;
        }
    }
    return count > 0 ? found[random % count] : -1;
}
