/* SPDX-License-Identifier: MIT */
/* Tests of static files, in a folder made for each test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "http/http.h"

static char base[64];
static int root;

static void put(const char *name, const char *text)
{
    char path[128];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", base, name);
    file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static int set_up(void **state)
{
    char path[128];

    (void)state;
    strcpy(base, "/tmp/domi-test-XXXXXX");
    assert_non_null(mkdtemp(base));
    snprintf(path, sizeof(path), "%s/web", base);
    mkdir(path, 0700);
    root = domi__http_root_open(path);
    assert_true(root >= 0);
    snprintf(path, sizeof(path), "%s/web/sub", base);
    mkdir(path, 0700);
    put("secret.txt", "secret");
    put("web/index.html", "<p>");
    put("web/app.js", "js");
    put("web/.hidden", "hidden");
    put("web/sub/index.html", "<i>");
    snprintf(path, sizeof(path), "%s/web/link.txt", base);
    assert_int_equal(symlink("../secret.txt", path), 0);
    snprintf(path, sizeof(path), "%s/web/up", base);
    assert_int_equal(symlink("..", path), 0);
    snprintf(path, sizeof(path), "%s/web/fifo", base);
    assert_int_equal(mkfifo(path, 0600), 0);
    return 0;
}

static int tear_down(void **state)
{
    char command[128];

    (void)state;
    close(root);
    snprintf(command, sizeof(command), "rm -r %s", base);
    return system(command);
}

static int open_descriptors(void)
{
    int count = 0;

    for (int fd = 0; fd < 256; fd++) {
        count += fcntl(fd, F_GETFD) >= 0;
    }
    return count;
}

static void opens_files_and_indexes(void **state)
{
    struct domi__http_file file;

    (void)state;
    assert_int_equal(domi__http_file_open(root, "/app.js", &file), 200);
    assert_int_equal(file.size, 2);
    assert_string_equal(file.content_type, "text/javascript; charset=utf-8");
    close(file.fd);
    assert_int_equal(domi__http_file_open(root, "/", &file), 200);
    assert_int_equal(file.size, 3);
    assert_string_equal(file.content_type, "text/html; charset=utf-8");
    close(file.fd);
    assert_int_equal(domi__http_file_open(root, "//sub//", &file), 200);
    close(file.fd);
}

static void finds_nothing_outside_or_hidden(void **state)
{
    static const char *const paths[] = {
        "/none",        "/.hidden",       "/sub",      "/link.txt",
        "/up/secret.txt", "/fifo",        "/app.js/",  "/app.js/x",
        "/../secret.txt", "/sub/../app.js", "/./app.js", "/.",
        "/a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q/r/s/t/u/v/w/x/y/z/0/1/2/3/4/5/6",
    };
    struct domi__http_file file;
    int before = open_descriptors();

    (void)state;
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        int status = domi__http_file_open(root, paths[i], &file);

        if (status != 404) {
            fail_msg("%s: %d", paths[i], status);
        }
    }
    assert_int_equal(open_descriptors(), before);
}

static void survives_a_very_long_name(void **state)
{
    struct domi__http_file file;
    char path[2048];

    (void)state;
    memset(path, 'a', sizeof(path) - 1);
    path[0] = '/';
    path[sizeof(path) - 1] = '\0';
    assert_int_equal(domi__http_file_open(root, path, &file), 404);
}

static void refuses_files_that_are_too_large(void **state)
{
    struct domi__http_file file;
    char path[128];

    (void)state;
    put("web/large.txt", "x");
    snprintf(path, sizeof(path), "%s/web/large.txt", base);
    assert_int_equal(truncate(path, 16 * 1024 * 1024), 0);
    assert_int_equal(domi__http_file_open(root, "/large.txt", &file), 200);
    close(file.fd);
    assert_int_equal(truncate(path, 16 * 1024 * 1024 + 1), 0);
    assert_int_equal(domi__http_file_open(root, "/large.txt", &file), 403);
}

static void knows_the_copy_of_a_browser(void **state)
{
    struct domi__http_file file;
    char list[128];

    (void)state;
    assert_int_equal(domi__http_file_open(root, "/app.js", &file), 200);
    close(file.fd);
    assert_false(domi__http_file_is_known(&file, NULL));
    assert_false(domi__http_file_is_known(&file, "\"other\""));
    assert_true(domi__http_file_is_known(&file, file.etag));
    assert_true(domi__http_file_is_known(&file, "*"));
    snprintf(list, sizeof(list), "\"a\", W/%s", file.etag);
    assert_true(domi__http_file_is_known(&file, list));
    put("web/app.js", "changed");
    snprintf(list, sizeof(list), "%s", file.etag);
    assert_int_equal(domi__http_file_open(root, "/app.js", &file), 200);
    close(file.fd);
    assert_false(domi__http_file_is_known(&file, list));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(opens_files_and_indexes),
        TEST(finds_nothing_outside_or_hidden),
        TEST(survives_a_very_long_name),
        TEST(refuses_files_that_are_too_large),
        TEST(knows_the_copy_of_a_browser),
#undef TEST
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
