/* SPDX-License-Identifier: MIT */
/* Tests of the pools of buffers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "transport/buffer.h"

static void has_at_least_the_room_asked_for(void **state)
{
    struct domi__buffers pools = {0};

    (void)state;
    for (size_t size = 0; size < 40000; size += size < 600 ? 1 : 97) {
        struct domi__buffer *buffer = domi__buffer_new(&pools, size);

        assert_non_null(buffer);
        assert_true(buffer->capacity >= size);
        assert_int_equal(buffer->used, 0);
        assert_int_equal(buffer->refs, 1);
        memset(buffer->bytes, 1, buffer->capacity);
        domi__buffer_unref(&pools, buffer);
    }
    domi__buffers_fini(&pools);
}

static void gives_back_with_the_last_reference(void **state)
{
    struct domi__buffers pools = {0};
    struct domi__buffer *buffer = domi__buffer_new(&pools, 100);
    struct domi__buffer *again;

    (void)state;
    domi__buffer_ref(buffer);
    domi__buffer_unref(&pools, buffer);
    assert_int_equal(pools.kept[0], 0);
    domi__buffer_unref(&pools, buffer);
    assert_int_equal(pools.kept[0], 1);
    again = domi__buffer_new(&pools, 300);
    assert_ptr_equal(again, buffer);
    assert_int_equal(pools.kept[0], 0);
    domi__buffer_unref(&pools, again);
    domi__buffer_unref(&pools, NULL);
    domi__buffers_fini(&pools);
}

static void keeps_no_more_than_its_share(void **state)
{
    static struct domi__buffer *buffers[3000];
    struct domi__buffers pools = {0};

    (void)state;
    for (size_t size = 400; size <= 16000; size *= 6) {
        for (int i = 0; i < 3000; i++) {
            buffers[i] = domi__buffer_new(&pools, size);
            assert_non_null(buffers[i]);
        }
        for (int i = 0; i < 3000; i++) {
            domi__buffer_unref(&pools, buffers[i]);
        }
    }
    assert_int_equal(pools.kept[0], 1024 * 1024 / 512);
    assert_int_equal(pools.kept[1], 1024 * 1024 / 4096);
    assert_int_equal(pools.kept[2], 1024 * 1024 / 16384);
    domi__buffers_fini(&pools);
    assert_int_equal(pools.kept[0] + pools.kept[1] + pools.kept[2], 0);
}

static void keeps_no_large_ones(void **state)
{
    struct domi__buffers pools = {0};

    (void)state;
    domi__buffer_unref(&pools, domi__buffer_new(&pools, 16384));
    assert_int_equal(pools.kept[0] + pools.kept[1] + pools.kept[2], 0);
}

static void refuses_more_than_it_can_count(void **state)
{
    struct domi__buffers pools = {0};

    (void)state;
    assert_null(domi__buffer_new(&pools, UINT32_MAX));
    assert_null(domi__buffer_new(&pools, (size_t)UINT32_MAX + 1000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(has_at_least_the_room_asked_for),
        cmocka_unit_test(gives_back_with_the_last_reference),
        cmocka_unit_test(keeps_no_more_than_its_share),
        cmocka_unit_test(keeps_no_large_ones),
        cmocka_unit_test(refuses_more_than_it_can_count),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
