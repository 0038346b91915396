/* SPDX-License-Identifier: MIT */
/* A key of Consul's store: what a reply says of it, and transactions. */
#include "consul/key.h"

#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "consul/client.h"

/* ---- base64 -------------------------------------------------------------- */

static const char digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

char *domi__base64_encode(const void *bytes, size_t size)
{
    const uint8_t *in = bytes;
    char *text = malloc((size + 2) / 3 * 4 + 1);
    char *out = text;

    if (!text) {
        return NULL;
    }
    for (size_t i = 0; i < size; i += 3) {
        size_t left = size - i;
        unsigned three = (unsigned)in[i] << 16;

        three |= left > 1 ? (unsigned)in[i + 1] << 8 : 0;
        three |= left > 2 ? in[i + 2] : 0;
        *out++ = digits[three >> 18];
        *out++ = digits[three >> 12 & 63];
        *out++ = left > 1 ? digits[three >> 6 & 63] : '=';
        *out++ = left > 2 ? digits[three & 63] : '=';
    }
    *out = '\0';
    return text;
}

/* The value of a digit, or 64 for what is none. */
static unsigned digit(char c)
{
    const char *found = c ? strchr(digits, c) : NULL;

    return found ? (unsigned)(found - digits) : 64;
}

/* The number of bytes that four characters stand for; 0 for what is no
   base64. Filling is allowed in the last four only. */
static size_t decode_four(const char *text, bool last, uint8_t out[3])
{
    unsigned three = 0;
    size_t size = 3;

    if (last && text[3] == '=') {
        size = text[2] == '=' ? 1 : 2;
    }
    for (size_t i = 0; i < 4; i++) {
        unsigned value = i <= size ? digit(text[i]) : 0;

        if (value > 63) {
            return 0;
        }
        three = three << 6 | value;
    }
    out[0] = (uint8_t)(three >> 16);
    out[1] = (uint8_t)(three >> 8);
    out[2] = (uint8_t)three;
    return size;
}

bool domi__base64_decode(const char *text, void *out, size_t out_size,
                         size_t *size)
{
    size_t length = strlen(text);

    *size = 0;
    if (length % 4 != 0) {
        return false;
    }
    for (size_t i = 0; i < length; i += 4) {
        uint8_t three[3];
        size_t count = decode_four(text + i, i + 4 == length, three);

        if (count == 0) {
            return false;
        }
        for (size_t j = 0; j < count; j++, ++*size) {
            if (*size < out_size) {
                ((uint8_t *)out)[*size] = three[j];
            }
        }
    }
    return true;
}

/* ---- answers ------------------------------------------------------------- */

bool domi__consul_key_entry(struct domi__consul_key *key, const char **name,
                            const struct cJSON *entry)
{
    const cJSON *key_name = cJSON_GetObjectItemCaseSensitive(entry, "Key");
    const cJSON *index = cJSON_GetObjectItemCaseSensitive(entry, "ModifyIndex");
    const cJSON *session = cJSON_GetObjectItemCaseSensitive(entry, "Session");

    memset(key, 0, sizeof(*key));
    if (!cJSON_IsString(key_name) || !cJSON_IsNumber(index) ||
        index->valuedouble < 1 || index->valuedouble > 9e15) {
        return false;
    }
    if (cJSON_IsString(session)) {
        if (strlen(session->valuestring) >= sizeof(key->session)) {
            return false;
        }
        strcpy(key->session, session->valuestring);
    }
    *name = key_name->valuestring;
    key->exists = true;
    key->modify_index = (uint64_t)index->valuedouble;
    return true;
}

/* An empty value is null in the answer. */
static bool read_value(struct domi__consul_key *key, const cJSON *value)
{
    if (cJSON_IsNull(value)) {
        return true;
    }
    return cJSON_IsString(value) &&
           domi__base64_decode(value->valuestring, key->value,
                               sizeof(key->value) - 1, &key->size);
}

bool domi__consul_key_read(struct domi__consul_key *key,
                           const struct domi__consul_reply *reply)
{
    const cJSON *entry;
    const char *name;

    memset(key, 0, sizeof(*key));
    if (reply->status == 404) {
        return true;
    }
    if (reply->status != 200 || !cJSON_IsArray(reply->json)) {
        return false;
    }
    entry = cJSON_GetArrayItem(reply->json, 0);
    return domi__consul_key_entry(key, &name, entry) &&
           read_value(key, cJSON_GetObjectItemCaseSensitive(entry, "Value"));
}

/* ---- transactions -------------------------------------------------------- */

static bool add_value(cJSON *fields, const char *value)
{
    char *text = domi__base64_encode(value, strlen(value));
    bool added = text && cJSON_AddStringToObject(fields, "Value", text);

    free(text);
    return added;
}

/* NULL and 0 leave a field out. */
static bool add_operation(cJSON *operations, const char *verb, const char *name,
                          const char *session, uint64_t index,
                          const char *value)
{
    cJSON *operation = cJSON_CreateObject();
    cJSON *fields = cJSON_AddObjectToObject(operation, "KV");

    if (fields && cJSON_AddStringToObject(fields, "Verb", verb) &&
        cJSON_AddStringToObject(fields, "Key", name) &&
        (!session || cJSON_AddStringToObject(fields, "Session", session)) &&
        (index == 0 ||
         cJSON_AddNumberToObject(fields, "Index", (double)index)) &&
        (!value || add_value(fields, value)) &&
        cJSON_AddItemToArray(operations, operation)) {
        return true;
    }
    cJSON_Delete(operation);
    return false;
}

/* No lock-delay holds back who takes a lock over from a session that lives. */
static bool add_conditions(const struct domi__consul_key *key,
                           cJSON *operations, const char *name)
{
    if (!key->exists) {
        return add_operation(operations, "check-not-exists", name, NULL, 0,
                             NULL);
    }
    if (!key->session[0]) {
        return add_operation(operations, "check-index", name, NULL,
                             key->modify_index, NULL);
    }
    return add_operation(operations, "check-session", name, key->session, 0,
                         NULL) &&
           add_operation(operations, "unlock", name, key->session, 0,
                         key->value);
}

struct cJSON *domi__consul_key_lock(const struct domi__consul_key *key,
                                    const char *name, const char *session,
                                    const char *value)
{
    cJSON *operations = cJSON_CreateArray();

    if (add_conditions(key, operations, name) &&
        add_operation(operations, "lock", name, session, 0, value)) {
        return operations;
    }
    cJSON_Delete(operations);
    return NULL;
}

struct cJSON *domi__consul_key_delete(const struct domi__consul_key *key,
                                      const char *name)
{
    cJSON *operations = cJSON_CreateArray();

    if (add_operation(operations, "delete-cas", name, NULL, key->modify_index,
                      NULL)) {
        return operations;
    }
    cJSON_Delete(operations);
    return NULL;
}
