/* SPDX-License-Identifier: MIT */
/* What Consul says of a service's health, read into entries: good answers, odd
   ones, and garbage. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cjson/cJSON.h>

#include "consul/entries.h"

/* An instance as Consul 1.8 writes it, in the parts that count. */
#define INSTANCE(node_address, service, checks)                                \
    "{\"Node\":{\"Node\":\"n1\",\"Address\":" node_address "},"                \
    "\"Service\":{" service "},\"Checks\":" checks "}"
#define PASSING "[{\"Status\":\"passing\"},{\"Status\":\"passing\"}]"
#define SERVICE(id, address, port)                                             \
    "\"ID\":" id ",\"Service\":\"room\",\"Address\":" address ",\"Port\":" port
#define GOOD                                                                   \
    SERVICE("\"7\"", "\"10.0.0.7\"", "9999") ",\"CreateIndex\":42,"            \
    "\"Meta\":{\"http_port\":\"8090\",\"version\":\"3\",\"state\":\"serve\"}"

static struct domi__consul_entries *read_text(const char *text)
{
    cJSON *json = cJSON_Parse(text);
    char error[256] = "";
    struct domi__consul_entries *entries;

    assert_non_null(json);
    entries = domi__consul_entries_read(json, error, sizeof(error));
    cJSON_Delete(json);
    if (!entries) {
        fail_msg("%s: %s", text, error);
    }
    return entries;
}

/* The only entry of an answer with one instance, which has no fault. */
static struct domi__consul_entry read_good(const char *text)
{
    struct domi__consul_entries *entries = read_text(text);
    struct domi__consul_entry entry;

    if (entries->fault_count > 0) {
        fail_msg("%s: %s", text, entries->faults[0]);
    }
    assert_int_equal(entries->count, 1);
    entry = entries->entries[0];
    domi__consul_entries_free(entries);
    return entry;
}

static void takes_all_that_a_node_tells(void **state)
{
    struct domi__consul_entry entry =
        read_good("[" INSTANCE("\"10.9.9.9\"", GOOD, PASSING) "]");

    (void)state;
    assert_int_equal(entry.id, 7);
    assert_string_equal(entry.host, "10.0.0.7");
    assert_int_equal(entry.tcp_port, 9999);
    assert_int_equal(entry.http_port, 8090);
    assert_int_equal(entry.version, 3);
    assert_int_equal(entry.age_order, 42);
    assert_false(entry.draining);
    assert_false(entry.unhealthy);
}

static void takes_a_reference_node_that_has_no_meta(void **state)
{
    const char *metas[] = {"", ",\"Meta\":null", ",\"Meta\":{}",
                           ",\"Meta\":{\"consul-network-segment\":\"\"}"};
    char text[1024];

    (void)state;
    for (size_t i = 0; i < sizeof(metas) / sizeof(metas[0]); i++) {
        struct domi__consul_entry entry;

        snprintf(text, sizeof(text),
                 "[" INSTANCE("\"10.0.0.1\"",
                              SERVICE("\"0\"", "\"\"", "1") "%s", PASSING) "]",
                 metas[i]);
        entry = read_good(text);
        assert_int_equal(entry.http_port, 0);
        assert_int_equal(entry.version, 0);
        assert_int_equal(entry.age_order, 0);
        assert_false(entry.draining);
    }
}

static void takes_the_machines_address_where_the_service_has_none(void **state)
{
    struct domi__consul_entry entry = read_good(
        "[" INSTANCE("\"10.0.0.1\"", SERVICE("\"1022\"", "\"\"", "65535"),
                     PASSING) "]");

    (void)state;
    assert_int_equal(entry.id, 1022);
    assert_int_equal(entry.tcp_port, 65535);
    assert_string_equal(entry.host, "10.0.0.1");
}

static void writes_addresses_in_one_way(void **state)
{
    struct domi__consul_entry entry = read_good(
        "[" INSTANCE("\"\"", SERVICE("\"1\"", "\"2001:DB8:0::0001\"", "1"),
                     PASSING) "]");

    (void)state;
    assert_string_equal(entry.host, "2001:db8::1");
}

static void reads_the_state_from_all_checks(void **state)
{
    static const struct {
        const char *checks;
        bool draining;
        bool unhealthy;
    } rows[] = {
        {PASSING, false, false},
        {"[{\"Status\":\"warning\"},{\"Status\":\"passing\"}]", true, false},
        {"[{\"Status\":\"passing\"},{\"Status\":\"critical\"}]", false, true},
        {"[{\"Status\":\"critical\"},{\"Status\":\"warning\"}]", true, true},
        {"[{\"Status\":\"maintenance\"}]", false, true},
        {"[]", false, true},
        {"null", false, true},
        {"\"passing\"", false, true},
    };
    char text[1024];

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct domi__consul_entry entry;

        snprintf(text, sizeof(text), "[" INSTANCE("\"\"", GOOD, "%s") "]",
                 rows[i].checks);
        entry = read_good(text);
        assert_int_equal(entry.draining, rows[i].draining);
        assert_int_equal(entry.unhealthy, rows[i].unhealthy);
    }
}

static void a_node_that_drains_says_so(void **state)
{
    struct domi__consul_entry entry = read_good(
        "[" INSTANCE("\"\"", SERVICE("\"1\"", "\"::1\"", "1") ","
                     "\"Meta\":{\"state\":\"drain\"}", PASSING) "]");

    (void)state;
    assert_true(entry.draining);
    assert_false(entry.unhealthy);
}

static void leaves_out_what_cannot_be_used_and_says_why(void **state)
{
    static const struct {
        const char *instance;
        const char *reason;
    } rows[] = {
#define ROW(id, address, port, reason)                                         \
    {INSTANCE("\"10.0.0.1\"", SERVICE(id, address, port), PASSING), reason}
        ROW("\"consul\"", "\"10.0.0.1\"", "1", "id \"consul\" on node \"n1\": "
            "the id is no number from 0 to 1022"),
        ROW("\"1023\"", "\"10.0.0.1\"", "1", "the id is no number"),
        ROW("\"-1\"", "\"10.0.0.1\"", "1", "the id is no number"),
        ROW("\"+1\"", "\"10.0.0.1\"", "1", "the id is no number"),
        ROW("\" 1\"", "\"10.0.0.1\"", "1", "the id is no number"),
        ROW("\"1 \"", "\"10.0.0.1\"", "1", "the id is no number"),
        ROW("\"007\"", "\"10.0.0.1\"", "1", "the id is no number"),
        ROW("\"0x1\"", "\"10.0.0.1\"", "1", "the id is no number"),
        ROW("\"1.0\"", "\"10.0.0.1\"", "1", "the id is no number"),
        ROW("\"\"", "\"10.0.0.1\"", "1", "the id is no number"),
        ROW("\"18446744073709551617\"", "\"10.0.0.1\"", "1",
            "the id is no number"),
        ROW("1", "\"10.0.0.1\"", "1", "the id is no number"),
        ROW("null", "\"10.0.0.1\"", "1", "the id is no number"),
        ROW("\"\\u001b[2J\"", "\"10.0.0.1\"", "1", "id \"\\x1b[2J\" on node"),
        ROW("\"1\"", "\"zone.example\"", "1", "the address is no IP address"),
        ROW("\"1\"", "\"10.0.0.1:99\"", "1", "the address is no IP address"),
        ROW("\"1\"", "\"10.0.0.256\"", "1", "the address is no IP address"),
        ROW("\"1\"", "\"0.0.0.0\"", "1", "the address is no IP address"),
        ROW("\"1\"", "\"::\"", "1", "the address is no IP address"),
        ROW("\"1\"", "\"10.0.0.1\"", "0", "the port is no number from 1"),
        ROW("\"1\"", "\"10.0.0.1\"", "-1", "the port is no number from 1"),
        ROW("\"1\"", "\"10.0.0.1\"", "70000", "the port is no number from 1"),
        ROW("\"1\"", "\"10.0.0.1\"", "1.5", "the port is no number from 1"),
        ROW("\"1\"", "\"10.0.0.1\"", "1e300", "the port is no number from 1"),
        ROW("\"1\"", "\"10.0.0.1\"", "\"80\"", "the port is no number from 1"),
        ROW("\"1\"", "\"10.0.0.1\"", "null", "the port is no number from 1"),
#undef ROW
        {"{\"Node\":{\"Node\":\"n1\",\"Address\":\"\"},\"Service\":{"
         SERVICE("\"1\"", "\"\"", "1") "}}", "the address is no IP address"},
        {"{}", "id \"\" on node \"\": the id is no number"},
        {"null", "the id is no number"},
        {"[]", "the id is no number"},
        {"\"x\"", "the id is no number"},
        {"{\"Service\":[1,2],\"Node\":7}", "the id is no number"},
    };
    char text[1024];

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct domi__consul_entries *entries;

        snprintf(text, sizeof(text), "[%s," INSTANCE("\"\"", GOOD, PASSING) "]",
                 rows[i].instance);
        entries = read_text(text);
        assert_int_equal(entries->fault_count, 1);
        if (!strstr(entries->faults[0], rows[i].reason)) {
            fail_msg("%s: %s", rows[i].instance, entries->faults[0]);
        }
        /* The one that is right is not harmed. */
        assert_int_equal(entries->count, 1);
        assert_int_equal(entries->entries[0].id, 7);
        domi__consul_entries_free(entries);
    }
}

static void takes_odd_meta_as_not_told_and_says_so(void **state)
{
    static const struct {
        const char *meta;
        const char *reason;
    } rows[] = {
        {"{\"http_port\":\"65536\"}", "its http_port is no number"},
        {"{\"http_port\":\"http\"}", "its http_port is no number"},
        {"{\"http_port\":8090}", "its http_port is no number"},
        {"{\"version\":\"2147483648\"}", "its version is no number"},
        {"{\"version\":\"-1\"}", "its version is no number"},
        {"{\"version\":\"\"}", "its version is no number"},
        {"{\"state\":\"leaving\"}", "its state is not known"},
        {"{\"state\":7}", "its state is not known"},
    };
    char text[1024];

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct domi__consul_entries *entries;

        snprintf(text, sizeof(text),
                 "[" INSTANCE("\"\"", SERVICE("\"1\"", "\"::1\"", "1")
                              ",\"Meta\":%s", PASSING) "]", rows[i].meta);
        entries = read_text(text);
        assert_int_equal(entries->count, 1);
        assert_int_equal(entries->entries[0].http_port, 0);
        assert_int_equal(entries->entries[0].version, 0);
        assert_false(entries->entries[0].draining);
        assert_int_equal(entries->fault_count, 1);
        assert_non_null(strstr(entries->faults[0], rows[i].reason));
        domi__consul_entries_free(entries);
    }
}

static void a_check_with_a_strange_status_is_critical(void **state)
{
    struct domi__consul_entries *entries = read_text(
        "[" INSTANCE("\"\"", GOOD, "[{\"Status\":\"fine\"}]") "]");

    (void)state;
    assert_true(entries->entries[0].unhealthy);
    assert_int_equal(entries->fault_count, 1);
    domi__consul_entries_free(entries);
}

#define AT(id, address, port, age, status)                                     \
    INSTANCE("\"\"",                                                           \
             SERVICE("\"" id "\"", "\"" address "\"", port)                    \
             ",\"CreateIndex\":" age, "[{\"Status\":\"" status "\"}]")

static void of_one_id_the_healthier_and_then_the_younger_stays(void **state)
{
    static const char *const rows[] = {
        "[" AT("5", "10.0.0.1", "1", "10", "critical") ","
            AT("5", "10.0.0.2", "1", "9", "passing") "]",
        "[" AT("5", "10.0.0.2", "1", "9", "passing") ","
            AT("5", "10.0.0.1", "1", "10", "critical") "]",
        "[" AT("5", "10.0.0.1", "1", "10", "passing") ","
            AT("5", "10.0.0.2", "1", "11", "passing") ","
            AT("5", "10.0.0.3", "1", "9", "warning") "]",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct domi__consul_entries *entries = read_text(rows[i]);

        assert_int_equal(entries->count, 1);
        assert_string_equal(entries->entries[0].host, "10.0.0.2");
        assert_true(entries->fault_count > 0);
        assert_non_null(strstr(entries->faults[0],
                               "id \"5\" on node \"n1\": another instance has "
                               "the same id"));
        domi__consul_entries_free(entries);
    }
}

static void of_one_address_the_healthier_and_then_the_younger_stays(
    void **state)
{
    static const char *const rows[] = {
        "[" AT("5", "10.0.0.1", "1", "9", "passing") ","
            AT("6", "10.0.0.1", "1", "10", "critical") "]",
        "[" AT("6", "10.0.0.1", "1", "9", "passing") ","
            AT("5", "10.0.0.1", "1", "10", "passing") "]",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct domi__consul_entries *entries = read_text(rows[i]);

        assert_int_equal(entries->count, 1);
        assert_int_equal(entries->entries[0].id, 5);
        assert_int_equal(entries->fault_count, 1);
        assert_non_null(strstr(entries->faults[0], "id \"6\" on node \"n1\": "
                               "id 5 has the same address and port"));
        domi__consul_entries_free(entries);
    }
}

static void sorts_by_host_and_port(void **state)
{
    static const int ids[] = {4, 3, 2, 1};
    struct domi__consul_entries *entries = read_text(
        "[" AT("1", "10.0.0.9", "1", "1", "passing") ","
            AT("2", "10.0.0.10", "30", "2", "passing") ","
            AT("3", "10.0.0.10", "4", "3", "critical") ","
            AT("4", "10.0.0.1", "5", "4", "passing") "]");

    (void)state;
    assert_int_equal(entries->count, 4);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(entries->entries[i].id, ids[i]);
    }
    domi__consul_entries_free(entries);
}

static void no_instance_is_an_answer(void **state)
{
    struct domi__consul_entries *entries = read_text("[]");

    (void)state;
    assert_int_equal(entries->count, 0);
    assert_int_equal(entries->fault_count, 0);
    domi__consul_entries_free(entries);
}

static void what_is_no_list_is_an_error(void **state)
{
    static const char *const rows[] = {"{}", "null", "7", "\"[]\"", "true"};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        cJSON *json = cJSON_Parse(rows[i]);
        char error[64] = "";

        assert_null(domi__consul_entries_read(json, error,
                                              sizeof(error)));
        assert_string_equal(error, "the answer is no list of instances");
        cJSON_Delete(json);
    }
}

static void counts_the_faults_that_are_too_many_to_name(void **state)
{
    cJSON *json = cJSON_CreateArray();
    struct domi__consul_entries *entries;
    char error[64];

    (void)state;
    for (int i = 0; i < 1000; i++) {
        cJSON_AddItemToArray(json, cJSON_CreateObject());
    }
    entries = domi__consul_entries_read(json, error, sizeof(error));
    assert_non_null(entries);
    assert_int_equal(entries->count, 0);
    assert_int_equal(entries->fault_count, DOMI__CONSUL_FAULTS);
    assert_int_equal(entries->more_faults, 1000 - DOMI__CONSUL_FAULTS);
    domi__consul_entries_free(entries);
    cJSON_Delete(json);
}

static double ms_between(const struct timespec *a, const struct timespec *b)
{
    return (double)(b->tv_sec - a->tv_sec) * 1e3 +
           (double)(b->tv_nsec - a->tv_nsec) / 1e6;
}

/* As large as Consul writes them: the whole health answer is 1.3 MB. */
static char *largest_answer(void)
{
    const size_t size = 2u << 20;
    char *text = malloc(size);
    size_t used = 0;

    assert_non_null(text);
    for (int id = 0; id <= 1022; id++) {
        used += (size_t)snprintf(
            text + used, size - used,
            "%c{\"Node\":{\"ID\":\"%036d\",\"Node\":\"machine-%d\","
            "\"Address\":\"10.1.0.1\",\"Datacenter\":\"dc1\","
            "\"TaggedAddresses\":{\"lan\":\"10.1.0.1\",\"wan\":\"10.1.0.1\"},"
            "\"Meta\":{\"consul-network-segment\":\"\"},\"CreateIndex\":5,"
            "\"ModifyIndex\":7},\"Service\":{\"ID\":\"%d\","
            "\"Service\":\"room\",\"Tags\":[\"domi\"],"
            "\"Address\":\"10.0.%d.%d\",\"Meta\":{\"http_port\":\"8090\","
            "\"state\":\"serve\",\"version\":\"1\"},\"Port\":%d,\"Weights\":"
            "{\"Passing\":1,\"Warning\":1},\"EnableTagOverride\":false,"
            "\"Proxy\":{\"MeshGateway\":{},\"Expose\":{}},\"Connect\":{},"
            "\"CreateIndex\":%d,\"ModifyIndex\":%d},\"Checks\":[{"
            "\"Node\":\"machine\",\"CheckID\":\"serfHealth\",\"Name\":"
            "\"Serf Health Status\",\"Status\":\"passing\",\"Notes\":\"\","
            "\"Output\":\"Agent alive and reachable\",\"ServiceID\":\"\","
            "\"ServiceName\":\"\",\"ServiceTags\":[],\"Type\":\"\","
            "\"Definition\":{},\"CreateIndex\":5,\"ModifyIndex\":5},{"
            "\"Node\":\"machine\",\"CheckID\":\"service:%d\",\"Status\":"
            "\"passing\",\"Output\":\"HTTP GET: 200 OK\",\"ServiceID\":"
            "\"%d\",\"ServiceName\":\"room\",\"ServiceTags\":[\"domi\"],"
            "\"Type\":\"http\",\"Definition\":{},\"CreateIndex\":%d,"
            "\"ModifyIndex\":%d}]}",
            id ? ',' : '[', id, id, id, id / 250, id % 250 + 1, 9000 + id,
            100 + id, 2000 + id, id, id, 100 + id, 2000 + id);
    }
    text[used++] = ']';
    text[used] = '\0';
    return text;
}

static void reads_as_many_as_there_can_be(void **state)
{
    char *text = largest_answer();
    struct domi__consul_entries *entries;
    struct timespec times[3];
    char error[64];
    cJSON *json;

    (void)state;
    clock_gettime(CLOCK_MONOTONIC, &times[0]);
    json = cJSON_Parse(text);
    clock_gettime(CLOCK_MONOTONIC, &times[1]);
    entries = domi__consul_entries_read(json, error, sizeof(error));
    clock_gettime(CLOCK_MONOTONIC, &times[2]);
    assert_non_null(entries);
    assert_int_equal(entries->count, 1023);
    assert_int_equal(entries->fault_count, 0);
    print_message("    %zu bytes of JSON: %.1f ms to parse, %.1f ms to read, "
                  "%zu bytes of entries\n", strlen(text),
                  ms_between(&times[0], &times[1]),
                  ms_between(&times[1], &times[2]),
                  entries->count * sizeof(*entries->entries));
    domi__consul_entries_free(entries);
    cJSON_Delete(json);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_all_that_a_node_tells),
        cmocka_unit_test(takes_a_reference_node_that_has_no_meta),
        cmocka_unit_test(takes_the_machines_address_where_the_service_has_none),
        cmocka_unit_test(writes_addresses_in_one_way),
        cmocka_unit_test(reads_the_state_from_all_checks),
        cmocka_unit_test(a_node_that_drains_says_so),
        cmocka_unit_test(leaves_out_what_cannot_be_used_and_says_why),
        cmocka_unit_test(takes_odd_meta_as_not_told_and_says_so),
        cmocka_unit_test(a_check_with_a_strange_status_is_critical),
        cmocka_unit_test(of_one_id_the_healthier_and_then_the_younger_stays),
        cmocka_unit_test(
            of_one_address_the_healthier_and_then_the_younger_stays),
        cmocka_unit_test(sorts_by_host_and_port),
        cmocka_unit_test(no_instance_is_an_answer),
        cmocka_unit_test(what_is_no_list_is_an_error),
        cmocka_unit_test(counts_the_faults_that_are_too_many_to_name),
        cmocka_unit_test(reads_as_many_as_there_can_be),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
