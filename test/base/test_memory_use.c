/* SPDX-License-Identifier: MIT */
/* Memory use, of systems laid out in a directory and of the real one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <ftw.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/memory_use.h"

#define MIB (1024u * 1024u)

/* ---- a system in a directory --------------------------------------------- */

static int set_up(void **state)
{
    char *root = strdup("/tmp/domi-memory-XXXXXX");

    *state = root;
    return root && mkdtemp(root) ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *what, int type,
                      struct FTW *where)
{
    (void)what;
    (void)type;
    (void)where;
    return remove(path);
}

static int tear_down(void **state)
{
    int err = nftw(*state, remove_one, 16, FTW_DEPTH | FTW_PHYS);

    free(*state);
    return err;
}

/* Writes a file below the root, and makes the directories that lead there. */
static void put(void **state, const char *name, const char *text)
{
    char path[4096];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", (const char *)*state, name);
    for (char *p = path + strlen(*state) + 1; (p = strchr(p, '/')); p++) {
        *p = '\0';
        assert_true(mkdir(path, 0700) == 0 || errno == EEXIST);
        *p = '/';
    }
    file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void expect(void **state, unsigned percent)
{
    assert_int_equal(domi__memory_use_below(*state), percent);
}

/* A machine of which 30 percent are in use, and 80 with the page cache. */
static void put_machine(void **state)
{
    put(state, "proc/meminfo",
        "MemTotal:       1000000 kB\n"
        "MemFree:         200000 kB\n"
        "MemAvailable:    700000 kB\n"
        "Cached:          500000 kB\n");
}

/* ---- the machine --------------------------------------------------------- */

static void the_machines_page_cache_is_not_in_use(void **state)
{
    put_machine(state);
    expect(state, 30);
}

static void what_cannot_be_read_has_no_limit(void **state)
{
    expect(state, 0);
    put(state, "proc/meminfo", "MemTotal: 1000 kB\n");
    expect(state, 0);
    put(state, "proc/meminfo", "MemTotal: 1000 kB\nMemAvailable: 2000 kB\n");
    expect(state, 0);
    put(state, "proc/meminfo", "rubbish");
    expect(state, 0);
}

/* ---- version 2 ----------------------------------------------------------- */

static void put_version_2(void **state, const char *path, const char *group)
{
    char text[256];

    put_machine(state);
    snprintf(text, sizeof(text), "0::%s\n", path);
    put(state, "proc/self/cgroup", text);
    snprintf(text, sizeof(text),
             "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
             "30 22 0:26 %s /sys/fs/cgroup rw,nosuid shared:4 - "
             "cgroup2 cgroup2 rw,nsdelegate\n",
             group);
    put(state, "proc/self/mountinfo", text);
}

static void a_group_without_its_page_cache_counts(void **state)
{
    put_version_2(state, "/app", "/");
    put(state, "sys/fs/cgroup/app/memory.current", "900\n");
    put(state, "sys/fs/cgroup/app/memory.max", "1000\n");
    expect(state, 90);
    put(state, "sys/fs/cgroup/app/memory.stat",
        "anon 400\nfile 500\ninactive_file 300\nactive_file 200\n");
    expect(state, 40);
    put(state, "sys/fs/cgroup/app/memory.swap.current", "1000\n");
    put(state, "sys/fs/cgroup/app/memory.swap.max", "1000\n");
    expect(state, 40);
}

static void the_tightest_group_of_all_above_counts(void **state)
{
    put_version_2(state, "/a/b/c", "/");
    put(state, "sys/fs/cgroup/a/b/c/memory.current", "400\n");
    put(state, "sys/fs/cgroup/a/b/c/memory.max", "1000\n");
    expect(state, 40);
    put(state, "sys/fs/cgroup/a/b/memory.current", "1500\n");
    put(state, "sys/fs/cgroup/a/b/memory.max", "max\n");
    expect(state, 40);
    put(state, "sys/fs/cgroup/a/memory.current", "1500\n");
    put(state, "sys/fs/cgroup/a/memory.max", "2000\n");
    expect(state, 75);
    put(state, "sys/fs/cgroup/other/memory.current", "99\n");
    put(state, "sys/fs/cgroup/other/memory.max", "100\n");
    expect(state, 75);
    put(state, "sys/fs/cgroup/memory.current", "98\n");
    put(state, "sys/fs/cgroup/memory.max", "100\n");
    expect(state, 98);
}

static void a_roomy_group_leaves_the_machines_word(void **state)
{
    put_version_2(state, "/app", "/");
    put(state, "sys/fs/cgroup/app/memory.current", "100\n");
    put(state, "sys/fs/cgroup/app/memory.max", "1000\n");
    expect(state, 30);
}

static void a_group_beyond_its_limit_is_full(void **state)
{
    put_version_2(state, "/app", "/");
    put(state, "sys/fs/cgroup/app/memory.current", "1001\n");
    put(state, "sys/fs/cgroup/app/memory.max", "1000\n");
    expect(state, 100);
    put(state, "sys/fs/cgroup/app/memory.max", "0\n");
    expect(state, 100);
    put(state, "sys/fs/cgroup/app/memory.max", "9223372036854771712\n");
    put(state, "sys/fs/cgroup/app/memory.current", "9223372036854771711\n");
    put(state, "sys/fs/cgroup/app/memory.stat",
        "inactive_file 9223372036854771711\nactive_file 1\n");
    expect(state, 30);
}

/* In a container the own group is what is mounted, whatever its path is
   called from inside. */
static void a_container_finds_its_own_group(void **state)
{
    static const char *const paths[] = {"/", "/docker/1", "/../other", "/x"};
    static const char *const groups[] = {"/", "/docker/1", "/", "/docker/1"};

    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        put_version_2(state, paths[i], groups[i]);
        put(state, "sys/fs/cgroup/memory.current", "800\n");
        put(state, "sys/fs/cgroup/memory.max", "1000\n");
        expect(state, 80);
    }
}

static void a_mount_of_part_of_the_groups_is_seen_through(void **state)
{
    put_version_2(state, "/docker/1/inner", "/docker/1");
    put(state, "sys/fs/cgroup/inner/memory.current", "600\n");
    put(state, "sys/fs/cgroup/inner/memory.max", "1000\n");
    expect(state, 60);
    put_version_2(state, "/docker/12", "/docker/1");
    put(state, "sys/fs/cgroup/2/memory.current", "900\n");
    put(state, "sys/fs/cgroup/2/memory.max", "1000\n");
    expect(state, 30);
}

/* ---- version 1 ----------------------------------------------------------- */

static void put_version_1(void **state)
{
    put_machine(state);
    put(state, "proc/self/cgroup",
        "9:name=systemd:/app\n"
        "5:cpu,cpuacct:/wrong\n"
        "4:hugetlb,memory:/app\n"
        "0::/unified\n");
    put(state, "proc/self/mountinfo",
        "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n"
        "33 31 0:30 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct\n"
        "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup "
        "rw,hugetlb,memory\n"
        "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n");
}

static void version_1_is_read_too(void **state)
{
    put_version_1(state);
    expect(state, 30);
    put(state, "sys/fs/cgroup/memory/app/memory.usage_in_bytes", "800\n");
    put(state, "sys/fs/cgroup/memory/app/memory.limit_in_bytes",
        "9223372036854771712\n");
    expect(state, 30);
    put(state, "sys/fs/cgroup/memory/app/memory.limit_in_bytes", "1000\n");
    expect(state, 80);
    put(state, "sys/fs/cgroup/memory/app/memory.stat",
        "inactive_file 700\nactive_file 0\n"
        "total_inactive_file 100\ntotal_active_file 150\n");
    expect(state, 55);
    put(state, "sys/fs/cgroup/memory/memory.usage_in_bytes", "65\n");
    put(state, "sys/fs/cgroup/memory/memory.limit_in_bytes", "100\n");
    expect(state, 65);
}

/* ---- this machine -------------------------------------------------------- */

static void this_machine_has_some_in_use(void **state)
{
    (void)state;
    assert_in_range(domi__memory_use(), 1, 100);
}

static bool write_file(const char *directory, const char *name,
                       const char *text)
{
    char path[4096];
    FILE *file;
    bool written;

    snprintf(path, sizeof(path), "%s/%s", directory, name);
    file = fopen(path, "w");
    if (!file) {
        return false;
    }
    written = fputs(text, file) >= 0;
    return fclose(file) == 0 && written;
}

/* A new group with a limit of 128 MiB below the own one; false where this
   process may not make one. */
static bool make_group(char *group, size_t size)
{
    static const char *const limits[] = {"memory.limit_in_bytes",
                                         "memory.max"};
    char line[2048] = "";
    FILE *file = fopen("/proc/self/cgroup", "r");
    char own[2][3000] = {"", ""};

    while (file && fgets(line, sizeof(line), file)) {
        line[strcspn(line, "\n")] = '\0';
        if (strstr(line, ":memory:")) {
            snprintf(own[0], sizeof(own[0]), "/sys/fs/cgroup/memory%s",
                     strstr(line, ":memory:") + 8);
        } else if (strncmp(line, "0::", 3) == 0) {
            snprintf(own[1], sizeof(own[1]), "/sys/fs/cgroup%s", line + 3);
        }
    }
    if (file) {
        fclose(file);
    }
    for (int i = 0; i < 2; i++) {
        snprintf(group, size, "%s/domi-test-%d", own[i], (int)getpid());
        if (own[i][0] && mkdir(group, 0755) == 0) {
            if (write_file(group, limits[i], "134217728")) {
                return true;
            }
            rmdir(group);
        }
    }
    return false;
}

/* Fills page cache by way of a file that is read twice. */
static int fill_cache(const char *path)
{
    static char block[MIB];
    FILE *file = fopen(path, "w+");

    if (!file) {
        return -1;
    }
    memset(block, 1, sizeof(block));
    for (int i = 0; i < 48; i++) {
        if (fwrite(block, sizeof(block), 1, file) != 1) {
            return -1;
        }
    }
    fflush(file);
    fsync(fileno(file));
    for (int pass = 0; pass < 2; pass++) {
        rewind(file);
        for (int i = 0; i < 48; i++) {
            if (fread(block, sizeof(block), 1, file) != 1) {
                return -1;
            }
        }
    }
    fclose(file);
    return 0;
}

/* In the group: 64 of its 128 MiB used, and page cache beside it. The status
   is the use then, or above 100 for what went wrong. */
static int live_in(const char *group, const char *scratch)
{
    char pid[16];
    unsigned before;
    char *used;

    snprintf(pid, sizeof(pid), "%d", (int)getpid());
    if (!write_file(group, "cgroup.procs", pid)) {
        return 101;
    }
    before = domi__memory_use();
    used = mmap(NULL, 64 * MIB, PROT_READ | PROT_WRITE,
                MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (used == MAP_FAILED || before > 40) {
        return 102;
    }
    memset(used, 1, 64 * MIB);
    if (fill_cache(scratch)) {
        return 103;
    }
    return (int)domi__memory_use();
}

static void a_real_group_is_found_and_its_cache_not_counted(void **state)
{
    char group[8192], scratch[4096];
    int status;
    pid_t child;

    if (domi__memory_use() > 40) {
        print_message("this machine is too full to tell\n");
        skip();
    }
    if (!make_group(group, sizeof(group))) {
        print_message("no control group can be made here\n");
        skip();
    }
    snprintf(scratch, sizeof(scratch), "%s/scratch", (const char *)*state);
    child = fork();
    if (child == 0) {
        _exit(live_in(group, scratch));
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(rmdir(group), 0);
    assert_true(WIFEXITED(status));
    assert_in_range(WEXITSTATUS(status), 49, 65);
}

/* The thread sanitizer takes several bytes more for each that is used, and
   they count. */
#ifdef __SANITIZE_THREAD__
static const bool may_live_in_a_group = false;
#else
static const bool may_live_in_a_group = true;
#endif

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_machines_page_cache_is_not_in_use),
        TEST(what_cannot_be_read_has_no_limit),
        TEST(a_group_without_its_page_cache_counts),
        TEST(the_tightest_group_of_all_above_counts),
        TEST(a_roomy_group_leaves_the_machines_word),
        TEST(a_group_beyond_its_limit_is_full),
        TEST(a_container_finds_its_own_group),
        TEST(a_mount_of_part_of_the_groups_is_seen_through),
        TEST(version_1_is_read_too),
        TEST(this_machine_has_some_in_use),
    };

    const struct CMUnitTest in_a_group[] = {
        TEST(a_real_group_is_found_and_its_cache_not_counted),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    if (may_live_in_a_group) {
        failed += cmocka_run_group_tests(in_a_group, NULL, NULL);
    }
    return failed;
}
