/* SPDX-License-Identifier: BSD-3-Clause */
/* Lookups, with and without reports, on a process made of files. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "context.h"
#include "fake.h"
#include "peervma.h"

#define DRM_LINE(range, offset) \
    range " rw-s " offset " 00:06 300  /dev/dri/renderD128\n"

static peervma_context_t *asking, *notified;

static int setup(void **state)
{
    (void)state;
    fake_create(&fake);
    fake_drm_device(&fake, "softaccel");
    assert_int_equal(0, peervma_context_open_view(0, &fake.view, &asking));
    assert_int_equal(0, peervma_context_open_view(PEERVMA_CONTEXT_NOTIFIED,
                                                  &fake.view, &notified));
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    peervma_context_close(asking);
    peervma_context_close(notified);
    fake_destroy(&fake);
    return 0;
}

static int lookup(peervma_context_t *context, uintptr_t address,
                  peervma_region_t *region_p)
{
    return peervma_region_lookup(context, (void *)address, region_p);
}

static void expect_none(peervma_context_t *context, uintptr_t address)
{
    peervma_region_t region;

    assert_int_equal(-ENOENT, lookup(context, address, &region));
}

static peervma_region_t expect(peervma_context_t *context, uintptr_t address,
                               uintptr_t base, size_t length)
{
    peervma_region_t region;

    assert_int_equal(0, lookup(context, address, &region));
    assert_true(region.base == base);
    assert_int_equal(length, region.length);
    return region;
}

static void notify_map(uintptr_t start, size_t length)
{
    peervma_notify_map(notified, (void *)start, length);
}

static void notify_unmap(uintptr_t start, size_t length)
{
    peervma_notify_unmap(notified, (void *)start, length);
}

static void a_region_is_described(void **state)
{
    peervma_context_t *contexts[] = {asking, notified};
    peervma_region_t region;
    unsigned i;

    (void)state;
    fake_maps(&fake, "10000-20000 rw-p 0 00:00 0\n" DRM_LINE("20000-24000",
                                                             "100000000"));
    for (i = 0; i < 2; i++) {
        expect_none(contexts[i], 0);
        expect_none(contexts[i], 0x10000);
        expect_none(contexts[i], 0x1ffff);
        expect_none(contexts[i], 0x24000);
        expect_none(contexts[i], UINTPTR_MAX);
        expect(contexts[i], 0x23fff, 0x20000, 0x4000);
        region = expect(contexts[i], 0x20000, 0x20000, 0x4000);
        assert_int_equal(PEERVMA_KIND_DRM, region.kind);
        assert_int_equal(PROT_READ | PROT_WRITE, region.prot);
        assert_int_equal(1, region.numa_node);
        assert_int_equal(1, region.pci.valid);
        assert_int_equal(5, region.pci.device);
        assert_int_equal(0, region.object_size);
        assert_int_equal(0, region.reserved[0]);
        assert_true(region.generation != 0);
    }
}

static void without_reports_each_lookup_asks(void **state)
{
    peervma_region_t first, second;

    (void)state;
    expect_none(asking, 0x20000);
    fake_maps(&fake, DRM_LINE("20000-24000", "0"));
    first = expect(asking, 0x20000, 0x20000, 0x4000);
    second = expect(asking, 0x20000, 0x20000, 0x4000);
    assert_true(first.generation == second.generation);
    fake_maps(&fake, DRM_LINE("20000-24000", "10000"));
    second = expect(asking, 0x20000, 0x20000, 0x4000);
    assert_true(first.generation != second.generation);
    fake_maps(&fake, "");
    expect_none(asking, 0x20000);
}

static void with_reports_only_they_count(void **state)
{
    peervma_region_t first, second;

    (void)state;
    fake_maps(&fake, DRM_LINE("20000-24000", "0"));
    first = expect(notified, 0x20000, 0x20000, 0x4000);

    /* Nothing was reported: the map answers. */
    fake_maps(&fake, DRM_LINE("30000-34000", "0"));
    second = expect(notified, 0x21000, 0x20000, 0x4000);
    assert_true(first.generation == second.generation);
    expect_none(notified, 0x30000);

    notify_unmap(0x20000, 0x4000);
    expect_none(notified, 0x20000);
    notify_map(0x30000, 0x4000);
    expect(notified, 0x30000, 0x30000, 0x4000);
}

static void a_range_mapped_anew_has_another_generation(void **state)
{
    peervma_region_t region;
    uint64_t before;
    int i;

    (void)state;
    fake_maps(&fake, DRM_LINE("20000-24000", "0"));
    before = expect(notified, 0x20000, 0x20000, 0x4000).generation;
    for (i = 0; i < 3; i++) {
        if (i != 1) {
            notify_unmap(0x20000, 0x4000);
        }
        if (i != 2) {
            notify_map(0x20000, 0x4000); /* i == 1: MAP_FIXED over it */
        } else {
            expect_none(notified, 0x20000);
            notify_map(0x20000, 0x4000);
        }
        region = expect(notified, 0x20000, 0x20000, 0x4000);
        assert_true(region.generation != before);
        before = region.generation;
    }
}

static void a_part_unmapped_leaves_the_rest_as_it_was(void **state)
{
    uint64_t before;

    (void)state;
    fake_maps(&fake, DRM_LINE("20000-28000", "0"));
    before = expect(notified, 0x20000, 0x20000, 0x8000).generation;
    fake_maps(&fake,
              DRM_LINE("20000-22000", "0") DRM_LINE("24000-28000", "4000"));
    notify_unmap(0x22000, 0x2000);
    assert_true(before ==
                expect(notified, 0x21fff, 0x20000, 0x2000).generation);
    expect_none(notified, 0x22000);
    expect_none(notified, 0x23fff);
    assert_true(before ==
                expect(notified, 0x24000, 0x24000, 0x4000).generation);
    assert_int_equal(0x2000, expect(asking, 0x20000, 0x20000, 0x2000).length);
}

static void host_memory_over_a_part_hides_it(void **state)
{
    (void)state;
    fake_maps(&fake, DRM_LINE("20000-28000", "0"));
    expect(notified, 0x24000, 0x20000, 0x8000);
    fake_maps(
        &fake,
        DRM_LINE("20000-22000", "0") "22000-24000 rw-p 0 00:00 0\n" DRM_LINE(
            "24000-28000", "4000"));
    notify_map(0x22000, 0x2000);
    expect_none(notified, 0x22000);
    expect(notified, 0x20000, 0x20000, 0x2000);
    expect(notified, 0x24000, 0x24000, 0x4000);
}

/* mremap: the old place is reported unmapped, the new one mapped. */
static void a_moved_mapping_is_found_at_its_new_place(void **state)
{
    (void)state;
    fake_maps(&fake, DRM_LINE("20000-24000", "0"));
    expect(notified, 0x20000, 0x20000, 0x4000);
    fake_maps(&fake, DRM_LINE("50000-54000", "0"));
    notify_unmap(0x20000, 0x4000);
    notify_map(0x50000, 0x4000);
    expect_none(notified, 0x20000);
    expect(notified, 0x53fff, 0x50000, 0x4000);
}

static void lengths_are_rounded_up_to_pages(void **state)
{
    (void)state;
    fake_maps(&fake, DRM_LINE("20000-28000", "0"));
    expect(notified, 0x27fff, 0x20000, 0x8000);
    notify_unmap(0x20000, 0x7001);
    expect_none(notified, 0x27fff);
    notify_map(0x20000, 1);
    expect(notified, 0x27fff, 0x20000, 0x8000);
    notify_unmap(0x1f000, SIZE_MAX);
    expect_none(notified, 0x20000);
}

static void more_reports_than_fit_are_made_up_for(void **state)
{
    uint64_t before;
    int i;

    (void)state;
    fake_maps(&fake, DRM_LINE("20000-24000", "0"));
    before = expect(notified, 0x20000, 0x20000, 0x4000).generation;
    fake_maps(&fake, DRM_LINE("20000-24000", "0") DRM_LINE("60000-64000", "0"));
    for (i = 0; i < 2 * PEERVMA_NOTIFY_SLOTS; i++) {
        notify_map(0x100000 + (uintptr_t)i * 0x2000, 0x1000);
    }
    notify_map(0x60000, 0x4000);
    expect(notified, 0x60000, 0x60000, 0x4000);
    /* An unmapping of it may have been among those lost. */
    assert_true(before !=
                expect(notified, 0x20000, 0x20000, 0x4000).generation);
}

static void reports_of_host_memory_keep_what_is_known(void **state)
{
    uint64_t before;
    unsigned asked;
    int i;

    (void)state;
    fake_maps(&fake, "10000-20000 rw-p 0 00:00 0\n" DRM_LINE(
                         "20000-24000", "0") "30000-f0000 rw-p 0 00:00 0\n");
    before = expect(notified, 0x20000, 0x20000, 0x4000).generation;
    asked = fake_identified();
    for (i = 0; i < 100; i++) {
        notify_map(0x10000 + (uintptr_t)i % 2 * 0x20000 + (uintptr_t)i * 0x100,
                   0x1000);
    }
    assert_true(before ==
                expect(notified, 0x20000, 0x20000, 0x4000).generation);
    assert_int_equal(asked, fake_identified());
}

/* A thread was stopped in the midst of a report: ask, this once. */
static void half_a_report_does_not_hide_the_truth(void **state)
{
    (void)state;
    expect_none(notified, 0x20000);
    fake_maps(&fake, DRM_LINE("20000-24000", "0"));
    notified->live->notify.tail++;
    expect(notified, 0x20000, 0x20000, 0x4000);
    expect_none(notified, 0x24000);
}

static void a_failure_to_look_is_told_and_made_up_for(void **state)
{
    peervma_region_t region;

    (void)state;
    fake_maps(&fake, "nonsense\n");
    assert_int_equal(-EPROTO, lookup(asking, 0x20000, &region));
    assert_int_equal(-EPROTO, lookup(notified, 0x20000, &region));
    fake_maps(&fake, DRM_LINE("20000-24000", "0"));
    expect(asking, 0x20000, 0x20000, 0x4000);
    expect(notified, 0x20000, 0x20000, 0x4000);
}

struct visit {
    unsigned count;
    unsigned stop_at;
    uintptr_t base[8];
};

static int visit(const peervma_region_t *region, void *arg)
{
    struct visit *visit = arg;

    assert_true(visit->count < 8);
    visit->base[visit->count++] = region->base;
    return visit->count == visit->stop_at ? -ENOENT : 0;
}

static void foreach_meets_all_in_order(void **state)
{
    peervma_context_t *contexts[] = {asking, notified};
    struct visit seen;
    unsigned i;

    (void)state;
    fake_maps(&fake,
              "1000-2000 r--p 0 fe:00 7 /bin/sh (deleted)\n" DRM_LINE(
                  "20000-24000", "0")
                  DRM_LINE("24000-28000",
                           "4000") "30000-31000 rw-s 0 00:0e 5 /dmabuf:\n");
    for (i = 0; i < 2; i++) {
        seen = (struct visit){.stop_at = 0};
        assert_int_equal(0, peervma_region_foreach(contexts[i], visit, &seen));
        assert_int_equal(3, seen.count);
        assert_true(seen.base[0] == 0x20000 && seen.base[1] == 0x24000 &&
                    seen.base[2] == 0x30000);
        seen = (struct visit){.stop_at = 2};
        assert_int_equal(-ENOENT,
                         peervma_region_foreach(contexts[i], visit, &seen));
        assert_int_equal(2, seen.count);
    }
}

/* The child sees the parent's changes from before the fork, then its own. */
static int child(peervma_context_t *context, bool reports)
{
    peervma_region_t region;

    if (lookup(context, 0x20000, &region) != -ENOENT ||
        lookup(context, 0x40000, &region) != 0) {
        return 1;
    }
    fake_maps(&fake, DRM_LINE("60000-64000", "0"));
    if (reports) {
        peervma_notify_map(context, (void *)0x60000, 0x4000);
        peervma_notify_unmap(context, (void *)0x40000, 0x4000);
    }
    if (lookup(context, 0x40000, &region) != -ENOENT ||
        lookup(context, 0x60000, &region) != 0) {
        return 2;
    }
    peervma_context_close(context);
    return 0;
}

static void a_child_looks_at_its_own_mappings(void **state)
{
    peervma_context_t *contexts[] = {asking, notified};
    int status;
    unsigned i;
    pid_t pid;

    (void)state;
    for (i = 0; i < 2; i++) {
        fake_maps(&fake, DRM_LINE("20000-24000", "0"));
        expect(contexts[i], 0x20000, 0x20000, 0x4000);
        fake_maps(&fake, DRM_LINE("40000-44000", "0"));
        /* As if another thread held it while this one forks. */
        pthread_mutex_lock(&contexts[i]->live->mutex);
        pid = fork();
        if (pid == 0) {
            _exit(child(contexts[i], i == 1));
        }
        pthread_mutex_unlock(&contexts[i]->live->mutex);
        assert_true(waitpid(pid, &status, 0) == pid);
        assert_int_equal(0, status);
    }
    /* Nothing was reported here. */
    expect(notified, 0x20000, 0x20000, 0x4000);
}

/* This process's own mappings, by whatever the kernel has. */
static void ordinary_memory_is_none(void **state)
{
    peervma_context_t *context;
    unsigned flags;
    char local;
    void *zero;
    int fd;

    (void)state;
    fd = open("/dev/zero", O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    zero = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    assert_true(zero != MAP_FAILED);
    for (flags = 0; flags <= PEERVMA_CONTEXT_NOTIFIED; flags++) {
        assert_int_equal(0, peervma_context_open(flags, &context));
        expect_none(context, (uintptr_t)&local);
        expect_none(context, (uintptr_t)setup);
        expect_none(context, (uintptr_t)context);
        expect_none(context, (uintptr_t)printf);
        expect_none(context, (uintptr_t)zero);
        expect_none(context, 0);
        expect_none(context, UINTPTR_MAX);
        peervma_context_close(context);
    }
    munmap(zero, 4096);
    close(fd);
}

#define READERS 2
#define LOOKUPS 1000

static atomic_bool stop;
static atomic_ulong found[READERS];
static atomic_ulong wrong;

static void *look_on(void *arg)
{
    atomic_ulong *mine = arg;
    peervma_region_t region;

    while (!stop) {
        /* Never mapped anew, so it is always there, as it was. */
        if (lookup(notified, 0x20000, &region) != 0 || region.base != 0x20000 ||
            region.length != 0x4000) {
            wrong++;
        }
        ++*mine;
    }
    return NULL;
}

/* For as long as it takes the readers to look often enough. */
static void *report_on(void *arg)
{
    uintptr_t i;

    (void)arg;
    for (i = 0; i < 5000 || found[0] < LOOKUPS || found[1] < LOOKUPS; i++) {
        notify_unmap(0x40000, 0x4000);
        notify_map(0x40000, 0x4000);
        notify_map(0x80000 + (i % 64) * 0x1000, 0x1000);
    }
    return NULL;
}

static void lookups_during_reports_are_right(void **state)
{
    pthread_t reader[READERS], writer;
    unsigned i;

    (void)state;
    fake_maps(&fake, DRM_LINE("20000-24000", "0") DRM_LINE("40000-44000", "0"));
    stop = false;
    wrong = 0;
    for (i = 0; i < READERS; i++) {
        found[i] = 0;
        assert_int_equal(0,
                         pthread_create(&reader[i], NULL, look_on, &found[i]));
    }
    assert_int_equal(0, pthread_create(&writer, NULL, report_on, NULL));
    pthread_join(writer, NULL);
    expect(notified, 0x43fff, 0x40000, 0x4000);
    stop = true;
    for (i = 0; i < READERS; i++) {
        pthread_join(reader[i], NULL);
    }
    assert_int_equal(0, wrong);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_region_is_described),
        TEST(without_reports_each_lookup_asks),
        TEST(with_reports_only_they_count),
        TEST(a_range_mapped_anew_has_another_generation),
        TEST(a_part_unmapped_leaves_the_rest_as_it_was),
        TEST(host_memory_over_a_part_hides_it),
        TEST(a_moved_mapping_is_found_at_its_new_place),
        TEST(lengths_are_rounded_up_to_pages),
        TEST(more_reports_than_fit_are_made_up_for),
        TEST(reports_of_host_memory_keep_what_is_known),
        TEST(half_a_report_does_not_hide_the_truth),
        TEST(a_failure_to_look_is_told_and_made_up_for),
        TEST(foreach_meets_all_in_order),
        TEST(a_child_looks_at_its_own_mappings),
        TEST(lookups_during_reports_are_right),
        cmocka_unit_test(ordinary_memory_is_none),
    };

    return cmocka_run_group_tests_name("lookup", tests, NULL, NULL);
}
