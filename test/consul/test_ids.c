/* SPDX-License-Identifier: MIT */
/* Sets of node ids, keys and values as Consul's answers have them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <cmocka.h>

#include "consul/client.h"
#include "consul/ids.h"
#include "consul/key.h"

static void takes_ids_as_domi_writes_them(void **state)
{
    (void)state;
    assert_int_equal(domi__consul_id_of("0"), 0);
    assert_int_equal(domi__consul_id_of("1022"), 1022);
    assert_int_equal(domi__consul_id_of("1023"), -1);
    assert_int_equal(domi__consul_id_of("007"), -1);
    assert_int_equal(domi__consul_id_of("00"), -1);
    assert_int_equal(domi__consul_id_of("-1"), -1);
    assert_int_equal(domi__consul_id_of("7 "), -1);
    assert_int_equal(domi__consul_id_of("consul"), -1);
    assert_int_equal(domi__consul_id_of(""), -1);
}

static void reads_the_names_of_keys(void **state)
{
    struct domi__consul_ids ids;
    cJSON *json = cJSON_Parse("[\"d/n/0\",\"d/n/1022\",\"d/n/1023\",\"d/x/5\","
                              "\"d/n/\",\"d/n/6/7\",8,null]");

    (void)state;
    assert_true(domi__consul_ids_read_keys(&ids, json, "d/n/"));
    for (int id = 0; id <= DOMI__NODE_ID_MAX; id++) {
        assert_int_equal(domi__consul_ids_has(&ids, id), id % 1022 == 0);
    }
    assert_false(domi__consul_ids_read_keys(&ids, json->child, "d/n/"));
    assert_false(domi__consul_ids_read_keys(&ids, NULL, "d/n/"));
    cJSON_Delete(json);
}

static void finds_the_keys_that_nobody_locks(void **state)
{
    struct domi__consul_ids ids;
    cJSON *json = cJSON_Parse(
        "[{\"Key\":\"n/1\",\"ModifyIndex\":5,\"Session\":\"abc\"},"
        "{\"Key\":\"n/2\",\"ModifyIndex\":6},{\"Key\":\"n/3\"},{},7,"
        "{\"Key\":\"m/4\",\"ModifyIndex\":6}]");

    (void)state;
    assert_true(domi__consul_ids_read_reserves(&ids, json, "n/"));
    assert_true(domi__consul_ids_has(&ids, 2));
    for (int id = 0; id <= DOMI__NODE_ID_MAX; id++) {
        assert_int_equal(domi__consul_ids_has(&ids, id), id == 2);
    }
    cJSON_Delete(json);
}

static void tells_services_apart(void **state)
{
    struct domi__consul_services services;
    cJSON *json = cJSON_Parse(
        "[{\"ServiceID\":\"1\",\"Status\":\"passing\",\"Notes\":\"domi\"},"
        "{\"ServiceID\":\"2\",\"Status\":\"critical\",\"Notes\":\"domi\"},"
        "{\"ServiceID\":\"3\",\"Status\":\"warning\"},"
        "{\"ServiceID\":\"4\",\"Status\":\"critical\",\"Notes\":\"\"},"
        "{\"ServiceID\":\"web\",\"Status\":\"passing\"},{},5]");

    (void)state;
    assert_true(domi__consul_ids_read_services(&services, json, "domi"));
    for (int id = 0; id <= 5; id++) {
        assert_int_equal(domi__consul_ids_has(&services.all, id),
                         id >= 1 && id <= 4);
        assert_int_equal(domi__consul_ids_has(&services.living, id),
                         id == 1 || id == 3);
        assert_int_equal(domi__consul_ids_has(&services.foreign, id),
                         id == 3 || id == 4);
        assert_int_equal(domi__consul_ids_has(&services.foreign_living, id),
                         id == 3);
    }
    cJSON_Delete(json);
}

static void picks_each_free_id_and_no_other(void **state)
{
    struct domi__consul_ids keys = {0};
    struct domi__consul_ids foreign = {0};
    struct domi__consul_ids picked = {0};

    (void)state;
    for (int id = 0; id <= DOMI__NODE_ID_MAX; id++) {
        if (id % 100 != 3) {
            domi__consul_ids_add(id % 2 ? &keys : &foreign, id);
        }
    }
    for (unsigned random = 0; random < 11; random++) {
        int id = domi__consul_ids_pick(NULL, &keys, &foreign, random);

        assert_int_equal(id % 100, 3);
        assert_false(domi__consul_ids_has(&picked, id));
        domi__consul_ids_add(&picked, id);
    }
    assert_int_equal(domi__consul_ids_pick(&keys, &keys, &foreign, 1), -1);
    assert_int_equal(domi__consul_ids_pick(&picked, &keys, &foreign, 0), 3);
    assert_int_equal(domi__consul_ids_pick(NULL, &keys, &picked, 0), 0);
}

/* ---- keys ---------------------------------------------------------------- */

static void base64_there_and_back(void **state)
{
    static const char *const pairs[][2] = {
        {"", ""},         {"f", "Zg=="},        {"fo", "Zm8="},
        {"foo", "Zm9v"},  {"foob", "Zm9vYg=="}, {"\xff\xfe\xfd", "//79"},
        {"1023", "MTAyMw=="},
    };
    char out[16];
    size_t size;

    (void)state;
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        size_t length = strlen(pairs[i][0]);
        char *text = domi__base64_encode(pairs[i][0], length);

        assert_string_equal(text, pairs[i][1]);
        assert_true(domi__base64_decode(text, out, sizeof(out), &size));
        assert_int_equal(size, length);
        assert_memory_equal(out, pairs[i][0], length);
        free(text);
    }
    assert_true(domi__base64_decode("Zm9vYg==", out, 2, &size));
    assert_int_equal(size, 4);
    assert_false(domi__base64_decode("Zm9", out, sizeof(out), &size));
    assert_false(domi__base64_decode("Zm=v", out, sizeof(out), &size));
    assert_false(domi__base64_decode("Zg==Zg==", out, sizeof(out), &size));
    assert_false(domi__base64_decode("====", out, sizeof(out), &size));
    assert_false(domi__base64_decode("Zm\n9", out, sizeof(out), &size));
}

static bool read_key(struct domi__consul_key *key, int status, const char *text)
{
    cJSON *json = text ? cJSON_Parse(text) : NULL;
    const struct domi__consul_reply reply = {
        .status = status, .json = json, .body = "", .error = ""};
    bool understood = domi__consul_key_read(key, &reply);

    cJSON_Delete(json);
    return understood;
}

static void reads_a_key(void **state)
{
    struct domi__consul_key key;

    (void)state;
    assert_true(read_key(&key, 200,
                         "[{\"Key\":\"k\",\"ModifyIndex\":12,"
                         "\"Session\":\"s-1\",\"Value\":\"MTAyMw==\"}]"));
    assert_true(key.exists);
    assert_int_equal(key.modify_index, 12);
    assert_string_equal(key.session, "s-1");
    assert_string_equal(key.value, "1023");
    assert_int_equal(key.size, 4);
    assert_true(read_key(&key, 200,
                         "[{\"Key\":\"k\",\"ModifyIndex\":1,\"Value\":null}]"));
    assert_string_equal(key.value, "");
    assert_string_equal(key.session, "");
    assert_true(read_key(&key, 404, NULL));
    assert_false(key.exists);
}

static void understands_no_rubbish_as_a_key(void **state)
{
    static const char *const answers[] = {
        "null", "{}", "[]", "[7]", "[{\"Key\":\"k\"}]",
        "[{\"Key\":\"k\",\"ModifyIndex\":0,\"Value\":null}]",
        "[{\"Key\":\"k\",\"ModifyIndex\":1e300,\"Value\":null}]",
        "[{\"Key\":\"k\",\"ModifyIndex\":\"1\",\"Value\":null}]",
        "[{\"Key\":\"k\",\"ModifyIndex\":1}]",
        "[{\"Key\":\"k\",\"ModifyIndex\":1,\"Value\":\"!\"}]",
        "[{\"Key\":\"k\",\"ModifyIndex\":1,\"Value\":null,\"Session\":"
        "\"0123456789012345678901234567890123456789012345678901234567890123\""
        "}]",
    };
    struct domi__consul_key key;

    (void)state;
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        assert_false(read_key(&key, 200, answers[i]));
    }
    assert_false(read_key(&key, 500, NULL));
    assert_false(read_key(&key, 0, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_ids_as_domi_writes_them),
        cmocka_unit_test(reads_the_names_of_keys),
        cmocka_unit_test(finds_the_keys_that_nobody_locks),
        cmocka_unit_test(tells_services_apart),
        cmocka_unit_test(picks_each_free_id_and_no_other),
        cmocka_unit_test(base64_there_and_back),
        cmocka_unit_test(reads_a_key),
        cmocka_unit_test(understands_no_rubbish_as_a_key),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
