/* SPDX-License-Identifier: MIT */
/* Fuzz target: what Consul, and who may write to it, can answer. */

/* Input: a byte that chooses the reader; where it has the bit 16, another,
   which allocation fails; then the body of an answer. */
#include <cjson/cJSON.h>

#include "base/ids.h"
#include "consul/address.h"
#include "consul/client.h"
#include "consul/entries.h"
#include "consul/ids.h"
#include "consul/key.h"
#include "consul/transfer.h"
#include "consul/version.h"
#include "shortage.h"
#include "target.h"

#define PREFIX "domi/nodes/"

/* ---- readers of JSON ----------------------------------------------------- */

static void check_entry(const struct domi__consul_entry *entry)
{
    CHECK(entry->id >= 0 && entry->id <= (int)DOMI__NODE_ID_MAX);
    CHECK(entry->tcp_port >= 1 && entry->tcp_port <= 65535);
    CHECK(entry->http_port >= 0 && entry->http_port <= 65535);
    CHECK(entry->version >= 0);
    CHECK(strnlen(entry->host, sizeof(entry->host)) < sizeof(entry->host));
}

/* Each id and each address is there once, sorted by address. */
static void check_entries(const struct domi__consul_entries *all)
{
    struct domi__consul_ids seen = {0};

    for (size_t i = 0; i < all->count; i++) {
        const struct domi__consul_entry *entry = &all->entries[i];

        check_entry(entry);
        CHECK(!domi__consul_ids_has(&seen, entry->id));
        domi__consul_ids_add(&seen, entry->id);
        if (i > 0) {
            int order = strcmp(entry[-1].host, entry->host);

            CHECK(order < 0 ||
                  (order == 0 && entry[-1].tcp_port < entry->tcp_port));
        }
    }
    CHECK(all->fault_count <= DOMI__CONSUL_FAULTS);
    for (size_t i = 0; i < all->fault_count; i++) {
        for (const char *c = all->faults[i]; *c; c++) {
            CHECK((unsigned char)*c >= 0x20 && *c != 0x7f);
        }
    }
}

static void read_entries(const cJSON *json)
{
    char error[64] = "";
    struct domi__consul_entries *entries =
        domi__consul_entries_read(json, error, sizeof(error));

    CHECK(entries || error[0]);
    shortage_in = 0;
    if (entries) {
        check_entries(entries);
    }
    domi__consul_entries_free(entries);
}

/* What is asked of Consul next rests on what it said. */
static void write_transactions(const struct domi__consul_key *key)
{
    cJSON_Delete(domi__consul_key_lock(key, PREFIX "7", "a-b-c", key->value));
    cJSON_Delete(domi__consul_key_delete(key, PREFIX "7"));
}

static void read_key(const cJSON *json)
{
    const struct domi__consul_reply missing = {.status = 404};
    const struct domi__consul_reply refused = {.status = 500};
    struct domi__consul_reply reply = {.status = 200, .json = json};
    struct domi__consul_key key;

    CHECK(domi__consul_key_read(&key, &missing) && !key.exists);
    write_transactions(&key);
    CHECK(!domi__consul_key_read(&key, &refused));
    if (domi__consul_key_read(&key, &reply)) {
        CHECK(key.exists && key.modify_index > 0);
        CHECK(strnlen(key.session, sizeof(key.session)) < sizeof(key.session));
        CHECK(key.value[sizeof(key.value) - 1] == '\0');
        write_transactions(&key);
        if (key.size < sizeof(key.value)) {
            domi__consul_version_number(key.value, key.size);
        }
    }
}

static void read_ids(const cJSON *json, uint8_t chance)
{
    struct domi__consul_services services = {0};
    struct domi__consul_ids keys = {0}, reserves = {0};
    bool is_list = cJSON_IsArray(json);
    int id;

    CHECK(domi__consul_ids_read_keys(&keys, json, PREFIX) == is_list);
    CHECK(domi__consul_ids_read_reserves(&reserves, json, PREFIX) == is_list);
    CHECK(domi__consul_ids_read_services(&services, json, "domi") == is_list);
    id = domi__consul_ids_pick(chance & 1 ? &reserves : NULL, &keys,
                               &services.all, chance);
    CHECK(id >= -1 && id <= (int)DOMI__NODE_ID_MAX);
    CHECK(id < 0 || !domi__consul_ids_has(&keys, id));
}

static void read_json(const char *text, size_t size, uint8_t choice)
{
    char why[DOMI__CONSUL_ERROR_SIZE] = "";
    cJSON *json = domi__consul_json(text, size, why, sizeof(why));

    CHECK(json || why[0]);
    if (!json) {
        return;
    }
    switch (choice % 3) {
    case 0:
        read_entries(json);
        break;
    case 1:
        read_key(json);
        break;
    case 2:
        read_ids(json, choice);
        break;
    }
    cJSON_Delete(json);
}

/* ---- other readers ------------------------------------------------------- */

static void explain(const char *text, size_t size, uint8_t choice)
{
    static const int statuses[] = {403, 302, 500, 404};
    static const char *const paths[] = {"/v1/kv/key", "/v1/txn", "/v1/agent/"};
    char out[128];

    domi__consul_explain_status(out, sizeof(out), "GET", paths[choice % 3],
                                statuses[choice % 4], text, size);
    CHECK(strnlen(out, sizeof(out)) < sizeof(out));
    domi__consul_explain(out, sizeof(out), "PUT", text, "why");
    CHECK(strnlen(out, sizeof(out)) < sizeof(out));
}

/* What is decoded is encoded as it came; what does not fit is only counted. */
static void decode_base64(const char *text)
{
    char out[48];
    size_t size;

    if (domi__base64_decode(text, out, sizeof(out), &size)) {
        CHECK(size <= strlen(text) / 4 * 3);
        if (size <= sizeof(out)) {
            char *again = domi__base64_encode(out, size);

            CHECK(!again || strlen(again) == strlen(text));
            free(again);
        }
    }
}

static void read_address(const char *text)
{
    struct domi__consul_address address;

    if (domi__consul_address_read(&address, text)) {
        char *url = domi__consul_address_url(&address);

        CHECK(address.port >= 0 && address.port <= 65535);
        if (url) {
            domi__consul_is_local(url);
        }
        free(url);
    }
    domi__consul_is_host(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    uint8_t choice;
    char *text;

    shortage_in = 0;
    if (size < 2) {
        return 0;
    }
    choice = *bytes++;
    size--;
    text = malloc(size + 1);
    CHECK(text);
    if (choice & 16) {
        shortage_in = *bytes++;
        size--;
    }
    memcpy(text, bytes, size);
    text[size] = '\0';
    switch (choice >> 5) {
    case 1:
        explain(text, size, choice);
        break;
    case 2:
        decode_base64(text);
        break;
    case 3:
        read_address(text);
        break;
    case 4:
        domi__consul_index(text, size);
        CHECK(domi__consul_version_number(text, size) >= -1);
        CHECK(domi__consul_id_of(text) <= (int)DOMI__NODE_ID_MAX);
        break;
    default:
        read_json(text, size, choice);
        break;
    }
    free(text);
    return 0;
}
