/* SPDX-License-Identifier: BSD-3-Clause */
/* Exports as far as they can be tried without a dma-buf, and their refusals. */
#include <errno.h>
#include <fcntl.h>
#include <linux/peervma.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cmocka.h>

#include "context.h"
#include "fake.h"
#include "peervma.h"
#include "provider.h"

static peervma_context_t *context;
static peervma_export_t export;
static peervma_refusals_t refusals;

static int setup(void **state)
{
    (void)state;
    fake_create(&fake);
    fake_drm_device(&fake, "softaccel");
    assert_int_equal(0, peervma_context_open_view(0, &fake.view, &context));
    memset(&export, 0xa5, sizeof(export));
    memset(&refusals, 0xa5, sizeof(refusals));
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    peervma_context_close(context);
    fake_destroy(&fake);
    return 0;
}

static int export_range(uintptr_t address, size_t length)
{
    return peervma_region_export(context, (void *)address, length, &export,
                                 &refusals);
}

/* That `provider` refused, whatever others did. */
static void expect_refusal(const char *provider, int error, unsigned reason)
{
    unsigned i = 0;

    while (i < refusals.count &&
           strcmp(provider, refusals.refusal[i].provider) != 0) {
        i++;
    }
    assert_true(i < refusals.count);
    assert_int_equal(error, refusals.refusal[i].error);
    assert_int_equal(reason, refusals.refusal[i].reason);
}

static void expect_untouched(void)
{
    peervma_export_t untouched;

    memset(&untouched, 0xa5, sizeof(untouched));
    assert_memory_equal(&untouched, &export, sizeof(export));
}

static void an_own_descriptor_is_copied(void **state)
{
    int fd = fake_dmabuf(&fake, "rw-s", 0x4000, O_RDWR, "20000-24000");
    struct stat st, copy;

    (void)state;
    assert_int_equal(0, export_range(0x21003, 0x2ffd));
    assert_string_equal("fd", export.provider);
    assert_true(export.fd >= 0 && export.fd != fd);
    assert_int_equal(0x1003, export.offset);
    assert_int_equal(0x4000, export.object_size);
    assert_int_equal(0, export.reserved[0]);
    assert_int_equal(0, refusals.count);
    assert_int_equal(FD_CLOEXEC, fcntl(export.fd, F_GETFD));
    assert_int_equal(0, fstat(fd, &st));
    assert_int_equal(0, fstat(export.fd, &copy));
    assert_true(st.st_ino == copy.st_ino);
    close(export.fd);
    close(fd);
}

static void what_allows_less_than_a_dmabuf_is_refused(void **state)
{
    static const struct {
        const char *perms;
        int error;
        unsigned reason;
    } cases[] = {
        {"r--s", -EACCES, PEERVMA_REASON_READ_ONLY},
        {"-w-s", -EACCES, PEERVMA_REASON_READ_ONLY},
        {"---s", -EACCES, PEERVMA_REASON_READ_ONLY},
        {"rw-p", -EPERM, PEERVMA_REASON_PRIVATE},
        {"r--p", -EPERM, PEERVMA_REASON_PRIVATE},
    };
    unsigned i;
    int fd;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        fd = fake_dmabuf(&fake, cases[i].perms, 0x4000, O_RDWR, "20000-24000");
        assert_int_equal(-ENODEV, export_range(0x20000, 1));
        expect_refusal("fd", cases[i].error, cases[i].reason);
        expect_refusal("drm", -EOPNOTSUPP, PEERVMA_REASON_NOT_DRM);
        expect_refusal("kernel", -ENODEV, PEERVMA_REASON_NO_MODULE);
        expect_untouched();
        close(fd);
        teardown(state);
        setup(state);
    }
}

static void a_dmabuf_that_nobody_holds_is_refused(void **state)
{
    (void)state;
    fake_maps(&fake, "20000-24000 rw-s 0 00:0e 5 /dmabuf:\n");
    assert_int_equal(-ENODEV, export_range(0x20000, 1));
    expect_refusal("fd", -EBADF, PEERVMA_REASON_NO_DESCRIPTOR);
}

/* The number that /proc names is another file's by now. */
static void a_descriptor_that_changed_meanwhile_is_refused(void **state)
{
    int fd = fake_dmabuf(&fake, "rw-s", 0x4000, O_RDWR, "20000-24000");
    int other = open("/dev/null", O_RDWR | O_CLOEXEC);

    (void)state;
    assert_true(dup2(other, fd) == fd);
    assert_int_equal(-ENODEV, export_range(0x20000, 1));
    expect_refusal("fd", -EBADF, PEERVMA_REASON_NO_DESCRIPTOR);
    expect_untouched();
    close(fd);
    close(other);
}

/* maps says nothing of where in the file a probe of it would lie. */
static void a_part_whose_place_cannot_be_told_is_refused(void **state)
{
    int fd = fake_dmabuf(&fake, "rw-s", 0x8000, O_RDWR, "20000-24000");

    (void)state;
    assert_int_equal(-ENODEV, export_range(0x20000, 1));
    expect_refusal("fd", -EOPNOTSUPP, PEERVMA_REASON_OFFSET);
    expect_untouched();
    close(fd);
}

static void a_range_beyond_the_object_is_refused(void **state)
{
    int fd = fake_dmabuf(&fake, "rw-s", 0x3000, O_RDWR, "20000-24000");

    (void)state;
    assert_int_equal(-ENODEV, export_range(0x22fff, 2));
    expect_refusal("fd", -ERANGE, PEERVMA_REASON_BEYOND_OBJECT);
    assert_int_equal(0, export_range(0x22fff, 1));
    close(export.fd);
    close(fd);
}

static void one_descriptor_left_is_enough(void **state)
{
    int fd = fake_dmabuf(&fake, "rw-s", 0x4000, O_RDWR, "20000-24000");
    int spare[64], count = 0;
    struct rlimit before, few;

    (void)state;
    assert_int_equal(0, getrlimit(RLIMIT_NOFILE, &before));
    few = before;
    few.rlim_cur = 64;
    assert_int_equal(0, setrlimit(RLIMIT_NOFILE, &few));
    while (count < 64 && (spare[count] = dup(fd)) >= 0) {
        count++;
    }
    assert_in_range(count, 1, 63);

    assert_int_equal(-EMFILE, export_range(0x20000, 1));
    expect_untouched();
    close(spare[--count]);
    assert_int_equal(0, export_range(0x20000, 1));

    close(export.fd);
    while (count > 0) {
        close(spare[--count]);
    }
    close(fd);
    assert_int_equal(0, setrlimit(RLIMIT_NOFILE, &before));
}

/* What a VFIO group gives is all of one inode; the device, nobody tells. */
static void a_vfio_group_mapping_needs_the_module(void **state)
{
    (void)state;
    fake_maps(&fake, "20000-24000 rw-s 10000000000 00:0e 5 "
                     "anon_inode:[vfio-device]\n");
    fake_link(&fake, "proc/fd/7", "anon_inode:[vfio-device]");
    fake_write(&fake, "proc/fdinfo/7",
               "pos:\t0\nvfio-device-syspath: "
               "/sys/devices/pci0000:00/0000:00:08.0\n");
    assert_int_equal(-ENODEV, export_range(0x20000, 0x4000));
    expect_refusal("vfio", -EOPNOTSUPP, PEERVMA_REASON_VFIO_UNKNOWN);
    expect_refusal("kernel", -ENODEV, PEERVMA_REASON_NO_MODULE);
    expect_untouched();
}

/* A device's node that is mapped, but is not open any more. */
static void a_vfio_device_that_nobody_holds_is_refused(void **state)
{
    const struct peervma_file node = {
        .mode = S_IFCHR | 0600,
        .inode = 5,
        .device = makedev(511, 0),
    };

    (void)state;
    fake_folder(&fake, "sys/class/vfio-dev");
    fake_link(&fake, "sys/dev/char/511:0/subsystem", "../../../class/vfio-dev");
    fake_identify("/dev/vfio/devices/vfio0", &node);
    fake_maps(&fake, "20000-24000 rw-s 10000000000 00:06 5 "
                     "/dev/vfio/devices/vfio0\n");
    fake_folder(&fake, "proc/fd");
    assert_int_equal(-ENODEV, export_range(0x20000, 0x4000));
    expect_refusal("vfio", -EBADF, PEERVMA_REASON_NO_VFIO_DEVICE);
    expect_untouched();
}

static void only_vfio_mappings_are_vfios(void **state)
{
    (void)state;
    fake_maps(&fake, "20000-24000 rw-s 0 00:06 300 /dev/dri/renderD128\n");
    assert_int_equal(-ENODEV, export_range(0x20000, 0x4000));
    expect_refusal("vfio", -EOPNOTSUPP, PEERVMA_REASON_NOT_VFIO);
}

static void a_drm_mapping_needs_the_node_or_the_module(void **state)
{
    (void)state;
    fake_maps(&fake, "20000-24000 rw-s 0 00:06 300 /dev/dri/renderD128\n");
    assert_int_equal(-ENODEV, export_range(0x20000, 0x4000));
    expect_refusal("fd", -EOPNOTSUPP, PEERVMA_REASON_NOT_DMABUF);
    expect_refusal("drm", -EBADF, PEERVMA_REASON_NO_NODE);
    expect_refusal("kernel", -ENODEV, PEERVMA_REASON_NO_MODULE);
    expect_untouched();

    /* The refusals are told to who wants them. */
    assert_int_equal(-ENODEV, peervma_region_export(context, (void *)0x20000, 1,
                                                    &export, NULL));
}

static void a_file_that_is_not_the_module_does_no_harm(void **state)
{
    peervma_context_t *other;

    (void)state;
    fake_maps(&fake, "20000-24000 rw-s 0 00:06 300 /dev/dri/renderD128\n");
    fake_write(&fake, "peervma", "");
    assert_int_equal(0, peervma_context_open_view(0, &fake.view, &other));
    assert_int_equal(-ENOTTY, peervma_region_export(other, (void *)0x20000, 1,
                                                    &export, &refusals));
    expect_refusal("kernel", -ENOTTY, PEERVMA_REASON_SYSTEM);
    expect_untouched();
    peervma_context_close(other);
}

static void a_peer_memory_clients_memory_is_said(void **state)
{
    (void)state;
    fake_maps(&fake, "20000-24000 rw-s 20000 00:06 700 /dev/nvidia-uvm\n"
                     "24000-28000 rw-s 0 00:06 701 /dev/null\n");
    assert_int_equal(-ENOENT, export_range(0x20000, 1));
    assert_int_equal(1, refusals.count);
    expect_refusal("legacy", -ENOENT, PEERVMA_REASON_LEGACY);
    assert_int_equal(-ENOENT, export_range(0x24000, 1));
    assert_int_equal(0, refusals.count);
    assert_int_equal(-ENOENT, export_range(UINTPTR_MAX, 1));
    expect_untouched();
}

static void a_range_that_leaves_its_mapping_is_refused(void **state)
{
    (void)state;
    fake_maps(&fake, "20000-24000 rw-s 0 00:06 300 /dev/dri/renderD128\n"
                     "24000-28000 rw-s 4000 00:06 300 /dev/dri/renderD128\n");
    assert_int_equal(-ERANGE, export_range(0x20000, 0x4001));
    assert_int_equal(0, refusals.count);
    assert_int_equal(-ERANGE, export_range(0x23fff, 2));
    assert_int_equal(-ERANGE, export_range(0x23fff, SIZE_MAX));
    assert_int_equal(-ERANGE, export_range(0x20000, SIZE_MAX));
    expect_untouched();
}

static void memory_that_is_no_devices_is_not_exported(void **state)
{
    peervma_context_t *own;
    void *memory;
    int fd;

    (void)state;
    assert_int_equal(-ENOENT, export_range(0x20000, 1));
    assert_int_equal(0, refusals.count);

    fd = memfd_create("buffer", MFD_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(0, ftruncate(fd, 4096));
    memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    assert_true(memory != MAP_FAILED);
    assert_int_equal(0, peervma_context_open(0, &own));
    refusals.count = 99;
    assert_int_equal(
        -ENOENT, peervma_region_export(own, memory, 4096, &export, &refusals));
    assert_int_equal(0, refusals.count);
    assert_int_equal(-ENOENT,
                     peervma_region_export(own, &own, 1, &export, &refusals));
    expect_untouched();
    peervma_context_close(own);
    munmap(memory, 4096);
    close(fd);
}

static int ignore(const peervma_region_t *region, void *arg)
{
    (void)region;
    (void)arg;
    return 0;
}

static void every_wrong_argument_is_refused(void **state)
{
    peervma_region_t region;
    peervma_context_t *other;

    (void)state;
    assert_int_equal(-EINVAL, peervma_context_open(2, &other));
    assert_int_equal(-EINVAL, peervma_context_open(~0U, &other));
    assert_int_equal(-EINVAL, peervma_context_open(0, NULL));
    assert_int_equal(-EINVAL, peervma_region_lookup(NULL, &other, &region));
    assert_int_equal(-EINVAL, peervma_region_lookup(context, &other, NULL));
    assert_int_equal(-EINVAL, peervma_region_foreach(NULL, ignore, NULL));
    assert_int_equal(-EINVAL, peervma_region_foreach(context, NULL, NULL));
    assert_int_equal(
        -EINVAL, peervma_region_export(NULL, &other, 1, &export, &refusals));
    assert_int_equal(0, refusals.count);
    refusals.count = 99;
    assert_int_equal(-EINVAL, export_range(0x20000, 0));
    assert_int_equal(0, refusals.count);
    assert_int_equal(
        -EINVAL, peervma_region_export(context, &other, 1, NULL, &refusals));
    expect_untouched();

    /* These have nothing to return. */
    peervma_context_close(NULL);
    peervma_notify_map(NULL, &other, 1);
    peervma_notify_unmap(NULL, &other, 1);
    peervma_notify_map(context, &other, 1);
    peervma_notify_unmap(context, NULL, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_own_descriptor_is_copied),
        TEST(what_allows_less_than_a_dmabuf_is_refused),
        TEST(a_dmabuf_that_nobody_holds_is_refused),
        TEST(a_descriptor_that_changed_meanwhile_is_refused),
        TEST(a_part_whose_place_cannot_be_told_is_refused),
        TEST(a_range_beyond_the_object_is_refused),
        TEST(one_descriptor_left_is_enough),
        TEST(a_vfio_group_mapping_needs_the_module),
        TEST(a_vfio_device_that_nobody_holds_is_refused),
        TEST(only_vfio_mappings_are_vfios),
        TEST(a_drm_mapping_needs_the_node_or_the_module),
        TEST(a_file_that_is_not_the_module_does_no_harm),
        TEST(a_peer_memory_clients_memory_is_said),
        TEST(a_range_that_leaves_its_mapping_is_refused),
        TEST(memory_that_is_no_devices_is_not_exported),
        TEST(every_wrong_argument_is_refused),
    };

    return cmocka_run_group_tests_name("export", tests, NULL, NULL);
}
