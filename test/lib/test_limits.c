/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What 100,000 regions cost: memory, descriptors, and for a lookup no system
 * call at all. Not for instruments, which take memory and make calls.
 */
#include <dirent.h>
#include <errno.h>
#include <linux/seccomp.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "context.h"
#include "fake.h"
#include "peervma.h"

#define REGIONS 100000ul
#define BASE 0x100000000ul
#define STEP 0x4000ul
#define LENGTH 0x2000ul
#define LINE 64
#define BYTES_PER_REGION 200
#define DESCRIPTORS 64

static peervma_context_t *context;

static int setup(void **state)
{
    char *text = malloc(REGIONS * LINE), *end = text;
    unsigned long i, base;

    (void)state;
    assert_non_null(text);
    for (i = 0; i < REGIONS; i++) {
        base = BASE + i * STEP;
        end += sprintf(end, "%lx-%lx rw-s 0 00:0e %lu /dmabuf:\n", base,
                       base + LENGTH, i + 1);
    }
    fake_create(&fake);
    fake_maps(&fake, text);
    free(text);
    assert_int_equal(0, peervma_context_open_view(PEERVMA_CONTEXT_NOTIFIED,
                                                  &fake.view, &context));
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    peervma_context_close(context);
    fake_destroy(&fake);
    return 0;
}

static int lookup(unsigned long address, peervma_region_t *region_p)
{
    return peervma_region_lookup(context, (void *)address, region_p);
}

/* Every region by its first and last byte, and the gap behind it. */
static bool all_are_found(void)
{
    peervma_region_t region;
    unsigned long i, base;

    for (i = 0; i < REGIONS; i++) {
        base = BASE + i * STEP;
        if (lookup(base, &region) != 0 || region.base != base ||
            region.length != LENGTH ||
            lookup(base + LENGTH - 1, &region) != 0 || region.base != base ||
            lookup(base + LENGTH, &region) != -ENOENT) {
            return false;
        }
    }
    return true;
}

static size_t resident_bytes(void)
{
    unsigned long size, resident;
    FILE *file = fopen("/proc/self/statm", "re");

    assert_non_null(file);
    assert_int_equal(2, fscanf(file, "%lu %lu", &size, &resident));
    fclose(file);
    return resident * (size_t)sysconf(_SC_PAGESIZE);
}

static void a_region_takes_at_most_200_bytes(void **state)
{
    size_t before = resident_bytes(), bytes;

    (void)state;
    assert_true(all_are_found());
    assert_int_equal(REGIONS, peervma_region_map_count(context->map));
    bytes = resident_bytes() - before;
    print_message("# %zu bytes a region\n", bytes / REGIONS);
    assert_true(bytes >= REGIONS * sizeof(uintptr_t));
    assert_true(bytes <= REGIONS * BYTES_PER_REGION);
}

static unsigned descriptors(void)
{
    DIR *folder = opendir("/proc/self/fd");
    unsigned count = 0;

    assert_non_null(folder);
    while (readdir(folder) != NULL) {
        count++;
    }
    closedir(folder);
    return count;
}

static void regions_hold_no_descriptors(void **state)
{
    struct rlimit limit, few;
    unsigned before = descriptors();

    (void)state;
    assert_int_equal(0, getrlimit(RLIMIT_NOFILE, &limit));
    few = limit;
    few.rlim_cur = DESCRIPTORS;
    assert_int_equal(0, setrlimit(RLIMIT_NOFILE, &few));
    assert_true(all_are_found());
    assert_int_equal(before, descriptors());
    assert_int_equal(0, setrlimit(RLIMIT_NOFILE, &limit));
}

/* The wait status of a child in which all but read and write is deadly. */
static int status_without_calls(bool make_one)
{
    int status;
    pid_t pid;

    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        /* In a child the map is empty first; this fills it. */
        status = all_are_found() ? 0 : 1;
        if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) != 0) {
            _exit(2);
        }
        if (make_one) {
            syscall(SYS_getppid);
        }
        status |= all_are_found() ? 0 : 1;
        syscall(SYS_exit, status);
    }
    assert_true(waitpid(pid, &status, 0) == pid);
    return status;
}

static void a_lookup_makes_no_system_call(void **state)
{
    int status;

    (void)state;
    status = status_without_calls(true);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    assert_int_equal(0, status_without_calls(false));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_region_takes_at_most_200_bytes),
        TEST(regions_hold_no_descriptors),
        TEST(a_lookup_makes_no_system_call),
    };

    return cmocka_run_group_tests_name("limits", tests, NULL, NULL);
}
