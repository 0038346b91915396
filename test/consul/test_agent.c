/* SPDX-License-Identifier: MIT */
/* The fixture itself: an agent that is killed, frozen and started again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent.h"

static struct agent agent;

static int stop(void **state)
{
    (void)state;
    agent_stop(&agent);
    return 0;
}

static void keeps_what_it_was_told_through_a_kill(void **state)
{
    const struct agent_options options = {.dev = false};
    char body[64];

    (void)state;
    agent_start(&agent, &options);
    assert_int_equal(agent_put(&agent, "/v1/kv/color", "red"), 200);
    agent_kill(&agent);
    assert_int_equal(agent_get(&agent, "/v1/kv/color?raw", NULL, 0), 0);
    agent_restart(&agent, true);
    assert_int_equal(agent_get(&agent, "/v1/kv/color?raw", body, sizeof(body)),
                     200);
    assert_string_equal(body, "red");
    agent_terminate(&agent);
    agent_restart(&agent, false);
    assert_int_equal(agent_get(&agent, "/v1/kv/color?raw", NULL, 0), 404);
}

static void forgets_all_when_it_keeps_it_in_memory(void **state)
{
    const struct agent_options options = {.dev = true};

    (void)state;
    agent_start(&agent, &options);
    assert_int_equal(agent_put(&agent, "/v1/kv/color", "red"), 200);
    assert_int_equal(agent_delete(&agent, "/v1/kv/color"), 200);
    assert_int_equal(agent_get(&agent, "/v1/kv/color", NULL, 0), 404);
    assert_int_equal(agent_put(&agent, "/v1/kv/color", "blue"), 200);
    agent_freeze(&agent);
    agent_thaw(&agent);
    assert_int_equal(agent_get(&agent, "/v1/kv/color", NULL, 0), 200);
    agent_kill(&agent);
    agent_restart(&agent, true);
    assert_int_equal(agent_get(&agent, "/v1/kv/color", NULL, 0), 404);
}

static void stands_beside_another(void **state)
{
    const struct agent_options options = {.dev = true};
    struct agent other;

    (void)state;
    agent_start(&agent, &options);
    agent_start(&other, &options);
    assert_string_not_equal(agent.url, other.url);
    assert_int_equal(agent_put(&agent, "/v1/kv/color", "red"), 200);
    assert_int_equal(agent_get(&other, "/v1/kv/color", NULL, 0), 404);
    agent_stop(&other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(keeps_what_it_was_told_through_a_kill, stop),
        cmocka_unit_test_teardown(forgets_all_when_it_keeps_it_in_memory, stop),
        cmocka_unit_test_teardown(stands_beside_another, stop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
