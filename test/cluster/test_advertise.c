/* SPDX-License-Identifier: MIT */
/* The address that a node tells others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <string.h>

#include "cluster/cluster.h"
#include "domi/err.h"

static void check(const char *host, const char *advertise, const char *told)
{
    char out[INET6_ADDRSTRLEN] = "";

    assert_int_equal(domi__advertise(host, advertise, out, sizeof(out)), 0);
    assert_string_equal(out, told);
}

static void the_bound_address_is_told(void **state)
{
    (void)state;
    check("127.0.0.1", NULL, "127.0.0.1");
    check("192.0.2.7", NULL, "192.0.2.7");
    check("fd00::7", NULL, "fd00::7");
}

static void another_may_be_told(void **state)
{
    (void)state;
    check("127.0.0.1", "192.0.2.7", "192.0.2.7");
    check("0.0.0.0", "192.0.2.7", "192.0.2.7");
    check("0.0.0.0", "fd00::7", "fd00::7");
    check("::", "127.0.0.1", "127.0.0.1");
    check("0.0.0.0", "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255",
          "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255");
}

static void what_is_no_machines_address_is_refused(void **state)
{
    static const char *const bad[] = {
        "",    "localhost", "0.0.0.0",     "::",        "0:0:0:0:0:0:0:0",
        "1.2", "1.2.3.4.5", "192.0.2.7:1", "[fd00::7]", "fe80::1%eth0"};
    char out[INET6_ADDRSTRLEN];

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(
            domi__advertise("127.0.0.1", bad[i], out, sizeof(out)),
            DOMI_E_OPTION);
    }
}

/* Where all addresses are bound, one of the machine's is found; which one
   depends on the machine. */
static void an_address_of_the_machine_is_found(void **state)
{
    unsigned char bytes[sizeof(struct in6_addr)];
    char out[INET6_ADDRSTRLEN];

    (void)state;
    assert_int_equal(domi__advertise("0.0.0.0", NULL, out, sizeof(out)), 0);
    assert_int_equal(inet_pton(AF_INET, out, bytes), 1);
    assert_string_not_equal(out, "0.0.0.0");
    assert_memory_not_equal(out, "169.254.", 8);
    assert_int_equal(domi__advertise("::", NULL, out, sizeof(out)), 0);
    assert_true(inet_pton(AF_INET, out, bytes) == 1 ||
                inet_pton(AF_INET6, out, bytes) == 1);
    assert_string_not_equal(out, "::");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_bound_address_is_told),
        cmocka_unit_test(another_may_be_told),
        cmocka_unit_test(what_is_no_machines_address_is_refused),
        cmocka_unit_test(an_address_of_the_machine_is_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
