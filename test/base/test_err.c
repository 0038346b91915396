/* SPDX-License-Identifier: MIT */
/* Tests of base/err.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include <uv.h>

#include "domi/err.h"
#include "domi/reason.h"

static void knows_its_own_codes(void **state)
{
    (void)state;
#define XX(name, code, text)                                                   \
    assert_string_equal(domi_strerror(code), text);                            \
    assert_string_equal(domi_err_name(code), #name);
    DOMI_ERR_MAP(XX)
#undef XX
    assert_string_equal(domi_err_name(-20001), "E_FRAME_LENGTH");
}

static void knows_the_codes_of_libuv(void **state)
{
    (void)state;
#define XX(name, text)                                                         \
    assert_string_equal(domi_strerror(UV_##name), uv_strerror(UV_##name));     \
    assert_string_equal(domi_err_name(UV_##name), uv_err_name(UV_##name));
    UV_ERRNO_MAP(XX)
#undef XX
}

static void has_a_text_for_codes_that_nobody_gave(void **state)
{
    (void)state;
    assert_string_equal(domi_strerror(0), "no error");
    assert_string_equal(domi_strerror(-19999), "unknown error");
    assert_string_equal(domi_strerror(1), "unknown error");
    assert_string_equal(domi_err_name(-19999), "unknown");
    assert_string_equal(domi_reason_text(65535), "unknown reason");
}

static void has_a_text_for_each_reason(void **state)
{
    (void)state;
#define XX(name, number, text)                                                 \
    assert_string_equal(domi_reason_text(DOMI_REASON_##name), text);
    DOMI_REASON_MAP(XX)
#undef XX
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_its_own_codes),
        cmocka_unit_test(knows_the_codes_of_libuv),
        cmocka_unit_test(has_a_text_for_codes_that_nobody_gave),
        cmocka_unit_test(has_a_text_for_each_reason),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
