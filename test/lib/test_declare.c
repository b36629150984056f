/* SPDX-License-Identifier: BSD-3-Clause */
/* Ranges that no mapping tells of, declared by their dma-buf. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "context.h"
#include "fake.h"
#include "peervma.h"

#define BASE 0x700000000000
#define SIZE 0x8000
#define NODE_AT_20000 "20000-24000 rw-s 0 00:06 300 /dev/dri/renderD128\n"

static peervma_context_t *context;
static int dmabuf;

/* Sealed files pass for dma-bufs here. */
static int identify_fd(int fd, struct peervma_file *file_p)
{
    *file_p = (struct peervma_file){
        .mode = S_IFREG,
        .fs_magic = fcntl(fd, F_GET_SEALS) == F_SEAL_SHRINK ? DMA_BUF_MAGIC
                                                            : TMPFS_MAGIC,
    };
    return 0;
}

static int make_dmabuf(size_t size)
{
    int fd = memfd_create("dma-buf", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    assert_true(fd >= 0);
    assert_int_equal(0, ftruncate(fd, (off_t)size));
    assert_int_equal(0, fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK));
    return fd;
}

static void open_context(unsigned flags)
{
    assert_int_equal(0, peervma_context_open_view(flags, &fake.view, &context));
}

static int setup(void **state)
{
    (void)state;
    fake_create(&fake);
    fake_drm_device(&fake, "softaccel");
    fake.view.identify_fd = identify_fd;
    dmabuf = make_dmabuf(SIZE);
    open_context(PEERVMA_CONTEXT_NOTIFIED);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    peervma_context_close(context);
    close(dmabuf);
    fake_destroy(&fake);
    return 0;
}

static int declare(uintptr_t address, size_t length, uint64_t offset)
{
    return peervma_region_declare(context, (void *)address, length, dmabuf,
                                  offset);
}

static int undeclare(uintptr_t address, size_t length)
{
    return peervma_region_undeclare(context, (void *)address, length);
}

static int lookup(uintptr_t address, peervma_region_t *region_p)
{
    return peervma_region_lookup(context, (void *)address, region_p);
}

static peervma_kind_t kind_at(uintptr_t address)
{
    peervma_region_t region;

    return lookup(address, &region) == 0 ? region.kind : PEERVMA_KIND_NONE;
}

static unsigned descriptors(void)
{
    DIR *folder = opendir("/proc/self/fd");
    unsigned count = 0;

    while (readdir(folder) != NULL) {
        count++;
    }
    closedir(folder);
    return count;
}

static void expect_declared(void)
{
    peervma_refusals_t refusals;
    peervma_export_t export;
    peervma_region_t region;
    struct stat given, got;

    assert_int_equal(0, declare(BASE + 0x40, 0x3000, 0x2040));
    assert_int_equal(-ENOENT, lookup(BASE + 0x3f, &region));
    assert_int_equal(-ENOENT, lookup(BASE + 0x3040, &region));
    assert_int_equal(0, lookup(BASE + 0x303f, &region));
    assert_int_equal(BASE + 0x40, region.base);
    assert_int_equal(0x3000, region.length);
    assert_int_equal(0x2040, region.object_offset);
    assert_int_equal(SIZE, region.object_size);
    assert_int_equal(PEERVMA_KIND_DECLARED, region.kind);
    assert_int_equal(0, region.prot);
    assert_int_equal(-1, region.numa_node);
    assert_int_equal(0, region.pci.valid);

    assert_int_equal(0, peervma_region_export(context, (void *)(BASE + 0x1041),
                                              0x1fff, &export, &refusals));
    assert_int_equal(0, refusals.count);
    assert_string_equal("declared", export.provider);
    assert_int_equal(0x3041, export.offset);
    assert_int_equal(SIZE, export.object_size);
    assert_int_equal(0x2000, export.alignment);
    assert_int_equal(FD_CLOEXEC, fcntl(export.fd, F_GETFD));
    assert_int_equal(0, fstat(dmabuf, &given));
    assert_int_equal(0, fstat(export.fd, &got));
    assert_true(given.st_ino == got.st_ino);
    close(export.fd);
    assert_int_equal(-ERANGE,
                     peervma_region_export(context, (void *)(BASE + 0x1041),
                                           0x2000, &export, &refusals));
    assert_int_equal(0, undeclare(BASE + 0x40, 0x3000));
}

static void a_declared_range_is_found_and_exported(void **state)
{
    (void)state;
    expect_declared();
    peervma_context_close(context);
    open_context(0);
    expect_declared();
}

static void the_callers_descriptor_may_be_closed(void **state)
{
    unsigned before = descriptors();
    peervma_export_t export;
    struct stat st;

    (void)state;
    assert_int_equal(0, declare(BASE, SIZE, 0));
    assert_int_equal(before + 1, descriptors());
    close(dmabuf);
    assert_int_equal(
        0, peervma_region_export(context, (void *)BASE, SIZE, &export, NULL));
    assert_int_equal(0, undeclare(BASE, SIZE));
    /* What was exported stays. */
    assert_int_equal(0, fstat(export.fd, &st));
    assert_int_equal(SIZE, st.st_size);
    dmabuf = export.fd;
    assert_int_equal(before, descriptors());

    /* Closing the context takes back the rest. */
    assert_int_equal(0, declare(BASE, 0x1000, 0));
    assert_int_equal(0, declare(BASE + SIZE, 0x1000, 0));
    peervma_context_close(context);
    open_context(0);
    assert_int_equal(before, descriptors());
}

static void every_wrong_argument_is_refused(void **state)
{
    unsigned reason, before;
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    (void)state;
    before = descriptors();
    assert_int_equal(-EINVAL,
                     peervma_region_declare(NULL, (void *)BASE, 1, dmabuf, 0));
    assert_int_equal(-EINVAL, declare(0, 1, 0));
    assert_int_equal(-EINVAL, declare(BASE, 0, 0));
    assert_int_equal(-EINVAL, declare(BASE, SIZE_MAX, 0));
    assert_int_equal(-EINVAL, declare(UINTPTR_MAX - 4095, 4096, 0));
    assert_int_equal(-EINVAL, declare(BASE + 1, 4096, 0));
    assert_int_equal(-EINVAL, declare(BASE, 4096, 64));
    assert_int_equal(-EINVAL,
                     peervma_region_declare(context, (void *)BASE, 1, null, 0));
    assert_int_equal(-EBADF,
                     peervma_region_declare(context, (void *)BASE, 1, -1, 0));
    assert_int_equal(-EBADF,
                     peervma_region_declare(context, (void *)BASE, 1, 9999, 0));
    assert_int_equal(-ERANGE, declare(BASE, SIZE + 1, 0));
    assert_int_equal(-ERANGE, declare(BASE, 1, SIZE));
    assert_int_equal(-ERANGE, declare(BASE, 1, UINT64_MAX - 4095));
    assert_int_equal(-EINVAL, peervma_region_undeclare(NULL, (void *)BASE, 1));
    assert_int_equal(-ENOENT, undeclare(BASE, 1));
    assert_int_equal(-ENOENT, undeclare(0, 0));
    assert_int_equal(PEERVMA_KIND_NONE, kind_at(BASE));

    assert_int_equal(-EINVAL, peervma_context_exports(NULL, &reason));
    assert_int_equal(PEERVMA_REASON_NONE, reason);
    assert_int_equal(-EINVAL, peervma_context_exports(NULL, NULL));
    assert_int_equal(before, descriptors());
    close(null);
}

static void nothing_is_declared_twice(void **state)
{
    (void)state;
    assert_int_equal(0, declare(BASE + 0x1000, 0x2000, 0));
    assert_int_equal(-EEXIST, declare(BASE + 0x1000, 0x2000, 0));
    assert_int_equal(-EEXIST, declare(BASE, 0x1001, 0));
    assert_int_equal(-EEXIST, declare(BASE + 0x2000, 0x2000, 0));
    assert_int_equal(-EEXIST, declare(BASE, 0x8000, 0));
    assert_int_equal(0, declare(BASE, 0x1000, 0));
    assert_int_equal(0, declare(BASE + 0x3000, 1, 0));

    /* Nor taken back but as it was declared. */
    assert_int_equal(-ENOENT, undeclare(BASE + 0x1000, 0x1000));
    assert_int_equal(-ENOENT, undeclare(BASE + 0x2000, 0x1000));
    assert_int_equal(-ENOENT, undeclare(BASE, 0x3000));
    assert_int_equal(0, undeclare(BASE + 0x1000, 0x2000));
    assert_int_equal(-ENOENT, undeclare(BASE + 0x1000, 0x2000));
    assert_int_equal(PEERVMA_KIND_NONE, kind_at(BASE + 0x1000));
    assert_int_equal(PEERVMA_KIND_DECLARED, kind_at(BASE));
    assert_int_equal(PEERVMA_KIND_DECLARED, kind_at(BASE + 0x3000));
}

static void a_mapping_goes_first(void **state)
{
    (void)state;
    fake_maps(&fake, NODE_AT_20000);
    assert_int_equal(-EEXIST, declare(0x1f000, 0x1001, 0));
    assert_int_equal(-EEXIST, declare(0x23000, 0x2000, 0));
    assert_int_equal(0, declare(0x1f000, 0x1000, 0));

    /* One that is made later. */
    assert_int_equal(0, declare(0x30000, 0x2000, 0));
    fake_maps(&fake, "30000-31000 rw-s 0 00:06 300 /dev/dri/renderD128\n");
    peervma_notify_map(context, (void *)0x30000, 0x1000);
    assert_int_equal(PEERVMA_KIND_DRM, kind_at(0x30000));
    assert_int_equal(PEERVMA_KIND_DECLARED, kind_at(0x31000));
    fake_maps(&fake, "");
    peervma_notify_unmap(context, (void *)0x30000, 0x2000);
    assert_int_equal(PEERVMA_KIND_DECLARED, kind_at(0x30000));
    assert_int_equal(0, undeclare(0x30000, 0x2000));
    assert_int_equal(PEERVMA_KIND_NONE, kind_at(0x30000));
}

static void address_space_that_is_only_reserved_may_be_declared(void **state)
{
    (void)state;
    fake_maps(&fake, "30000-40000 ---p 00000000 00:00 0\n");
    assert_int_equal(0, declare(0x30000, 0x2000, 0));
    assert_int_equal(PEERVMA_KIND_DECLARED, kind_at(0x30000));
}

struct seen {
    unsigned count;
    uintptr_t base[8];
};

static int see(const peervma_region_t *region, void *arg)
{
    struct seen *seen = arg;

    seen->base[seen->count++] = region->base;
    return seen->count == 8;
}

static void expect_order(void)
{
    struct seen seen = {.count = 0};

    assert_int_equal(0, peervma_region_foreach(context, see, &seen));
    assert_int_equal(4, seen.count);
    assert_int_equal(0x10000, seen.base[0]);
    assert_int_equal(0x20000, seen.base[1]);
    assert_int_equal(0x28000, seen.base[2]);
    assert_int_equal(BASE, seen.base[3]);
}

static void all_are_met_in_the_order_of_addresses(void **state)
{
    unsigned flags;

    (void)state;
    fake_maps(&fake, NODE_AT_20000);
    for (flags = 0; flags < 2; flags++) {
        peervma_context_close(context);
        open_context(flags);
        assert_int_equal(0, declare(BASE, 0x1000, 0));
        assert_int_equal(0, declare(0x28000, 0x1000, 0));
        assert_int_equal(0, declare(0x10000, 0x1000, 0));
        expect_order();
    }
}

static void a_generation_is_never_given_twice(void **state)
{
    peervma_region_t first, second;

    (void)state;
    assert_int_equal(0, declare(BASE, 0x1000, 0));
    assert_int_equal(0, lookup(BASE, &first));
    assert_int_equal(0, undeclare(BASE, 0x1000));
    assert_int_equal(0, declare(BASE, 0x1000, 0));
    assert_int_equal(0, lookup(BASE, &second));
    assert_true(first.generation != second.generation);
}

static void without_descriptors_it_is_refused_and_the_rest_works(void **state)
{
    struct rlimit before, few;
    peervma_export_t export;
    uintptr_t at = BASE;
    unsigned count;
    int spare;

    (void)state;
    assert_int_equal(0, getrlimit(RLIMIT_NOFILE, &before));
    few = before;
    few.rlim_cur = 64;
    assert_int_equal(0, setrlimit(RLIMIT_NOFILE, &few));
    for (count = 0; declare(at, 0x1000, 0) == 0; count++) {
        at += 0x1000;
    }
    assert_in_range(count, 10, 63);
    assert_int_equal(-EMFILE, declare(at, 0x1000, 0));
    assert_int_equal(PEERVMA_KIND_NONE, kind_at(at));
    assert_int_equal(PEERVMA_KIND_DECLARED, kind_at(at - 1));

    /* One was left, which declare() needed to read maps as text. */
    spare = dup(dmabuf);
    assert_true(spare >= 0);
    assert_int_equal(-EMFILE, peervma_region_export(context, (void *)BASE, 1,
                                                    &export, NULL));
    close(spare);
    assert_int_equal(
        0, peervma_region_export(context, (void *)BASE, 1, &export, NULL));
    close(export.fd);
    assert_int_equal(0, setrlimit(RLIMIT_NOFILE, &before));
}

static void a_forked_child_has_none_and_may_declare(void **state)
{
    unsigned before = descriptors();
    int status;
    pid_t pid;

    (void)state;
    assert_int_equal(0, declare(BASE, 0x1000, 0));
    assert_int_equal(0, declare(BASE + 0x1000, 0x1000, 0));
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        alarm(60);
        _exit(kind_at(BASE) != PEERVMA_KIND_NONE || descriptors() != before ||
              declare(BASE, 0x2000, 0) != 0 ||
              kind_at(BASE + 0x1fff) != PEERVMA_KIND_DECLARED ||
              undeclare(BASE, 0x2000) != 0);
    }
    assert_true(waitpid(pid, &status, 0) == pid);
    assert_int_equal(0, status);
    assert_int_equal(PEERVMA_KIND_DECLARED, kind_at(BASE + 0x1fff));
}

/* Nothing of a context is left open in the next program. */
static void exec_keeps_no_descriptor(void **state)
{
    int status;
    pid_t pid;

    (void)state;
    assert_int_equal(0, declare(BASE, 0x1000, 0));
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        execl("/bin/sh", "sh", "-c",
              "! ls -l /proc/self/fd |"
              " grep -q -e dma-buf -e /maps -e /dev/peervma",
              NULL);
        _exit(127);
    }
    assert_true(waitpid(pid, &status, 0) == pid);
    assert_int_equal(0, status);
}

static void thousands_are_found(void **state)
{
    struct rlimit limit;
    size_t count = 10000, i;

    (void)state;
    assert_int_equal(0, getrlimit(RLIMIT_NOFILE, &limit));
    if (limit.rlim_max < 10100) {
        count = limit.rlim_max / 2;
    }
    limit.rlim_cur = limit.rlim_max;
    assert_int_equal(0, setrlimit(RLIMIT_NOFILE, &limit));
    for (i = 0; i < count; i++) {
        assert_int_equal(0, declare(BASE + i * 0x2000, 0x1000, 0));
    }
    for (i = 0; i < count; i++) {
        assert_int_equal(PEERVMA_KIND_DECLARED, kind_at(BASE + i * 0x2000));
        assert_int_equal(PEERVMA_KIND_NONE, kind_at(BASE + i * 0x2000 + 4096));
    }
}

#define ROUNDS 3000

/* Declares and takes back, each thread a range of its own. */
static void *declare_often(void *arg)
{
    uintptr_t at = BASE + (uintptr_t)arg * 0x10000;
    size_t i;

    for (i = 0; i < ROUNDS; i++) {
        if (declare(at, 0x4000, 0x1000) != 0 ||
            kind_at(at) != PEERVMA_KIND_DECLARED ||
            undeclare(at, 0x4000) != 0 || kind_at(at) != PEERVMA_KIND_NONE) {
            return "wrong";
        }
    }
    return NULL;
}

/* What is found, or exported, meanwhile is what was declared. */
static void *look_often(void *arg)
{
    uintptr_t at = BASE + (uintptr_t)arg * 0x10000 + 0x3000;
    peervma_export_t export;
    peervma_region_t region;
    size_t i;

    for (i = 0; i < ROUNDS; i++) {
        if (lookup(at, &region) == 0 &&
            (region.base != at - 0x3000 || region.object_offset != 0x1000)) {
            return "wrong region";
        }
        if (peervma_region_export(context, (void *)at, 1, &export, NULL) == 0) {
            if (export.offset != 0x4000) {
                return "wrong export";
            }
            close(export.fd);
        }
    }
    return NULL;
}

static void threads_may_declare_and_look_at_once(void **state)
{
    unsigned before = descriptors();
    pthread_t threads[4];
    void *result;
    uintptr_t i;

    (void)state;
    for (i = 0; i < 4; i++) {
        assert_int_equal(0, pthread_create(&threads[i], NULL,
                                           i < 2 ? declare_often : look_often,
                                           (void *)(i % 2)));
    }
    for (i = 0; i < 4; i++) {
        pthread_join(threads[i], &result);
        assert_null(result);
    }
    assert_int_equal(before, descriptors());
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_declared_range_is_found_and_exported),
        TEST(the_callers_descriptor_may_be_closed),
        TEST(every_wrong_argument_is_refused),
        TEST(nothing_is_declared_twice),
        TEST(a_mapping_goes_first),
        TEST(address_space_that_is_only_reserved_may_be_declared),
        TEST(all_are_met_in_the_order_of_addresses),
        TEST(a_generation_is_never_given_twice),
        TEST(without_descriptors_it_is_refused_and_the_rest_works),
        TEST(a_forked_child_has_none_and_may_declare),
        TEST(exec_keeps_no_descriptor),
        TEST(thousands_are_found),
        TEST(threads_may_declare_and_look_at_once),
    };

    return cmocka_run_group_tests_name("declare", tests, NULL, NULL);
}
