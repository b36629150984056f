/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * PRIME export by a driver's mmap offsets, of a DRM device made of this file:
 * the answers of the kernel's drivers as their uAPI describes them.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cmocka.h>

#include <amdgpu_drm.h>
#include <drm.h>
#include <i915_drm.h>
#include <nouveau_drm.h>
#include <virtgpu_drm.h>

#include "context.h"
#include "drm_drivers.h"
#include "fake.h"
#include "peervma.h"

#define PAGE 0x1000
#define HANDLES 8192

/* The device: one file, whose handle h is the object objects[h]. */
static struct {
    const char *driver;
    int file; /* the program's descriptor of the node */
    int error;
    int prime_error;
    unsigned calls, primes;
    unsigned change_at; /* the handle is another's after so many exports */
    struct {
        uint64_t start, size;
        int error;
    } objects[HANDLES];
} drm;

static peervma_context_t *context;
static peervma_export_t export;
static peervma_refusals_t refusals;
static char file_path[128];

static int identify_fd(int fd, struct peervma_file *file_p)
{
    struct stat a, b;

    /* A copy of the file that stands for the node. */
    if (drm.file < 0 || fstat(fd, &a) != 0 || fstat(drm.file, &b) != 0 ||
        a.st_ino != b.st_ino) {
        return -EBADF;
    }
    *file_p = (struct peervma_file){
        .mode = S_IFCHR,
        .inode = 300,
        .device = makedev(226, 128),
    };
    return 0;
}

static int fail_with(int error)
{
    errno = error;
    return -1;
}

static int answer_prime(struct drm_prime_handle *arg)
{
    if (drm.prime_error != 0) {
        return fail_with(drm.prime_error);
    }
    assert_true((arg->flags & (DRM_CLOEXEC | DRM_RDWR)) ==
                (DRM_CLOEXEC | DRM_RDWR));
    assert_true(arg->handle < HANDLES && drm.objects[arg->handle].size != 0);
    arg->fd = memfd_create("object", MFD_CLOEXEC);
    assert_int_equal(0,
                     ftruncate(arg->fd, (off_t)drm.objects[arg->handle].size));
    if (++drm.primes == drm.change_at) {
        drm.objects[arg->handle].start += 0x100 * PAGE;
    }
    return 0;
}

/* Every driver's call, told apart by nothing but the table under test. */
static int answer_offset(unsigned long request, unsigned char *arg)
{
    const struct peervma_drm_driver *driver =
        peervma_drm_driver_find(drm.driver);
    uint64_t flags = 0, start;
    uint32_t handle;

    drm.calls++;
    assert_int_equal(driver->size, _IOC_SIZE(request));
    memcpy(&handle, arg + driver->handle, sizeof(handle));
    if (driver->flags != 0) {
        memcpy(&flags, arg + driver->flags, sizeof(flags));
    }
    if (drm.error != 0) {
        return fail_with(drm.error);
    }
    if (handle >= HANDLES ||
        (drm.objects[handle].size == 0 && drm.objects[handle].error == 0)) {
        return fail_with(ENOENT);
    }
    if (drm.objects[handle].error != 0) {
        return fail_with(drm.objects[handle].error);
    }
    /* As an i915 without memory of its own: each other way has a place. */
    if (driver->flags != 0 && flags == 4) {
        return fail_with(ENODEV);
    }
    start = drm.objects[handle].start + flags * 0x1000 * PAGE;
    memcpy(arg + driver->offset, &start, sizeof(start));
    return 0;
}

static int drm_ioctl(int fd, unsigned long request, void *arg)
{
    struct peervma_file file;
    struct drm_version *version = arg;

    assert_int_equal(0, identify_fd(fd, &file));
    switch (request) {
    case DRM_IOCTL_VERSION:
        if (drm.driver == NULL) {
            return fail_with(ENOTTY);
        }
        strncpy(version->name, drm.driver, version->name_len);
        return 0;
    case DRM_IOCTL_PRIME_HANDLE_TO_FD:
        return answer_prime(arg);
    default:
        return answer_offset(request, arg);
    }
}

static void open_node(void)
{
    static const char *const path = "/dev/null";
    char link[64];

    drm.file = open(path, O_RDWR | O_CLOEXEC);
    assert_true(drm.file >= 0);
    snprintf(link, sizeof(link), "proc/fd/%d", drm.file);
    fake_link(&fake, link, path);
    snprintf(file_path, sizeof(file_path), "%s/%s", fake.folder, link);
    fake_identify(file_path, &(struct peervma_file){
                                 .mode = S_IFCHR,
                                 .inode = 300,
                                 .device = makedev(226, 128),
                             });
}

static void map_at(uint64_t offset, unsigned pages)
{
    char line[128];

    snprintf(line, sizeof(line),
             "20000-%x rw-s %llx 00:06 300 /dev/dri/renderD128\n",
             0x20000 + pages * PAGE, (unsigned long long)offset);
    fake_maps(&fake, line);
}

static void object(uint32_t handle, uint64_t start, uint64_t size)
{
    drm.objects[handle].start = start;
    drm.objects[handle].size = size;
}

static int setup(void **state)
{
    (void)state;
    memset(&drm, 0, sizeof(drm));
    drm.driver = "amdgpu";
    drm.file = -1;
    fake_create(&fake);
    fake_drm_device(&fake, "amdgpu");
    fake.view.identify_fd = identify_fd;
    fake.view.drm_ioctl = drm_ioctl;
    assert_int_equal(0, peervma_context_open_view(0, &fake.view, &context));
    memset(&export, 0xa5, sizeof(export));
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    peervma_context_close(context);
    if (drm.file >= 0) {
        close(drm.file);
    }
    fake_destroy(&fake);
    return 0;
}

static int export_range(uintptr_t address, size_t length)
{
    return peervma_region_export(context, (void *)address, length, &export,
                                 &refusals);
}

static void expect_export(uint64_t offset, uint64_t size)
{
    assert_string_equal("drm", export.provider);
    assert_int_equal(offset, export.offset);
    assert_int_equal(size, export.object_size);
    assert_int_equal(FD_CLOEXEC, fcntl(export.fd, F_GETFD));
    close(export.fd);
}

static void expect_refusal(int error, unsigned reason)
{
    unsigned i;

    assert_true(export_range(0x20000, PAGE) < 0);
    for (i = 0; i < refusals.count; i++) {
        if (strcmp(refusals.refusal[i].provider, "drm") == 0) {
            assert_int_equal(error, refusals.refusal[i].error);
            assert_int_equal(reason, refusals.refusal[i].reason);
            return;
        }
    }
    fail_msg("%s", "drm was not asked");
}

/* name, the header's request, and the places in its structure. */
static void expect_layout(const char *name, unsigned long request,
                          size_t handle, size_t offset)
{
    const struct peervma_drm_driver *driver = peervma_drm_driver_find(name);

    assert_string_equal(name, driver->name);
    assert_int_equal(request, peervma_drm_request(driver));
    assert_int_equal(handle, driver->handle);
    assert_int_equal(offset, driver->offset);
}

/* Those that libdrm has headers of, in the version that is needed. */
static void the_table_is_that_of_the_headers(void **state)
{
    const struct peervma_drm_driver *driver;

    (void)state;
    expect_layout("amdgpu", DRM_IOCTL_AMDGPU_GEM_MMAP,
                  offsetof(union drm_amdgpu_gem_mmap, in.handle),
                  offsetof(union drm_amdgpu_gem_mmap, out.addr_ptr));
    expect_layout("i915", DRM_IOCTL_I915_GEM_MMAP_OFFSET,
                  offsetof(struct drm_i915_gem_mmap_offset, handle),
                  offsetof(struct drm_i915_gem_mmap_offset, offset));
    expect_layout("nouveau",
                  DRM_IOWR(DRM_COMMAND_BASE + DRM_NOUVEAU_GEM_INFO,
                           struct drm_nouveau_gem_info),
                  offsetof(struct drm_nouveau_gem_info, handle),
                  offsetof(struct drm_nouveau_gem_info, map_handle));
    expect_layout("virtio_gpu", DRM_IOCTL_VIRTGPU_MAP,
                  offsetof(struct drm_virtgpu_map, handle),
                  offsetof(struct drm_virtgpu_map, offset));

    driver = peervma_drm_driver_find("i915");
    assert_int_equal(offsetof(struct drm_i915_gem_mmap_offset, flags),
                     driver->flags);
    assert_int_equal(I915_MMAP_OFFSET_FIXED, driver->kind[0]);

    driver = peervma_drm_driver_find("vgem");
    assert_null(driver->name);
    assert_int_equal(DRM_IOCTL_MODE_MAP_DUMB, peervma_drm_request(driver));
    assert_int_equal(offsetof(struct drm_mode_map_dumb, offset),
                     driver->offset);
}

static void each_driver_of_the_table_is_asked(void **state)
{
    static const char *const names[] = {
        "amdgpu", "i915",      "msm",        "nouveau", "panfrost", "panthor",
        "xe",     "softaccel", "virtio_gpu", "vgem",    "anything",
    };
    size_t i;

    (void)state;
    open_node();
    map_at(0x50000, 4);
    object(1, 0x10000, 0x4000);
    object(2, 0x50000, 0x4000);
    object(3, 0x90000, 0x4000);
    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        drm.driver = names[i];
        assert_int_equal(0, export_range(0x20003, 2 * PAGE));
        assert_int_equal(1, refusals.count); /* "fd" */
        expect_export(3, 0x4000);
    }
}

static void a_mapping_of_a_part_is_found(void **state)
{
    (void)state;
    open_node();
    object(1, 0x90000, 0x4000);
    object(2, 0x10000, 0x4000);
    object(5, 0x50000, 0x8000);
    object(6, 0x30000, 0x4000);
    map_at(0x53000, 5);
    assert_int_equal(0, export_range(0x21001, PAGE));
    expect_export(0x4001, 0x8000);
}

static void another_way_of_mapping_is_found(void **state)
{
    (void)state;
    drm.driver = "i915";
    open_node();
    object(1, 0x10000, 0x4000);
    object(7, 0x50000, 0x4000);
    map_at(0x50000 + 2 * 0x1000 * PAGE + PAGE, 3);
    assert_int_equal(0, export_range(0x20000, PAGE));
    expect_export(PAGE, 0x4000);
}

/* Its mapping is of a file of its own, and which device's is not said. */
static void a_mapping_by_i915_is_a_drm_mapping(void **state)
{
    peervma_region_t region;

    (void)state;
    drm.driver = "i915";
    open_node();
    object(2, 0x50000, 0x4000);
    fake_maps(&fake, "20000-24000 rw-s 50000 00:0d 9 anon_inode:i915.gem\n");
    assert_int_equal(0,
                     peervma_region_lookup(context, (void *)0x20000, &region));
    assert_int_equal(PEERVMA_KIND_DRM, region.kind);
    assert_int_equal(0, export_range(0x20000, PAGE));
    expect_export(0, 0x4000);
}

static void a_mapping_behind_all_objects_is_none_of_them(void **state)
{
    (void)state;
    open_node();
    object(1, 0x10000, 0x4000);
    map_at(0x14000, 1);
    expect_refusal(-EBADF, PEERVMA_REASON_NO_HANDLE);
    map_at(0x13000, 2);
    assert_int_equal(0, export_range(0x20000, PAGE));
    close(export.fd);
    /* The second page is not the object's. */
    assert_true(export_range(0x20000, 2 * PAGE) < 0);
    map_at(0xf000, 1);
    expect_refusal(-EBADF, PEERVMA_REASON_NO_HANDLE);
}

static void objects_that_are_not_for_the_cpu_are_passed_over(void **state)
{
    uint32_t handle;

    (void)state;
    open_node();
    for (handle = 1; handle < 6000; handle++) {
        drm.objects[handle].error = EPERM;
    }
    object(6000, 0x50000, 0x4000);
    map_at(0x50000, 4);
    assert_int_equal(0, export_range(0x20000, PAGE));
    expect_export(0, 0x4000);
}

static void the_search_ends_behind_the_last_handle(void **state)
{
    (void)state;
    open_node();
    object(1, 0x10000, 0x4000);
    map_at(0x50000, 4);
    expect_refusal(-EBADF, PEERVMA_REASON_NO_HANDLE);
    assert_in_range(drm.calls, 2, 5000);

    /* One that is found is not searched on for. */
    object(3, 0x50000, 0x4000);
    drm.calls = 0;
    assert_int_equal(0, export_range(0x20000, PAGE));
    close(export.fd);
    assert_int_equal(3 + 1, drm.calls);
}

static void a_handle_that_changes_hands_is_not_exported(void **state)
{
    (void)state;
    open_node();
    object(1, 0x50000, 0x4000);
    map_at(0x50000, 4);
    drm.change_at = 1;
    expect_refusal(-EBADF, PEERVMA_REASON_NO_HANDLE);
}

static void what_the_driver_says_is_kept(void **state)
{
    (void)state;
    open_node();
    object(1, 0x50000, 0x4000);
    map_at(0x50000, 4);
    drm.prime_error = EPERM;
    expect_refusal(-EPERM, PEERVMA_REASON_EXPORTER);
    drm.prime_error = ENOSYS;
    expect_refusal(-ENOSYS, PEERVMA_REASON_NO_PRIME);
    drm.error = EACCES; /* MAP_DUMB on a render node */
    expect_refusal(-EOPNOTSUPP, PEERVMA_REASON_NO_OFFSETS);
    drm.driver = NULL;
    expect_refusal(-EOPNOTSUPP, PEERVMA_REASON_NO_OFFSETS);
}

static void a_node_that_is_not_open_is_said(void **state)
{
    (void)state;
    map_at(0x50000, 4);
    expect_refusal(-EBADF, PEERVMA_REASON_NO_NODE);
}

/* The number that /proc names is another file's by now. */
static void a_descriptor_that_changed_meanwhile_is_not_used(void **state)
{
    int other = memfd_create("other", MFD_CLOEXEC);

    (void)state;
    open_node();
    map_at(0x50000, 4);
    object(1, 0x50000, 0x4000);
    assert_true(dup2(other, drm.file) == drm.file);
    close(drm.file);
    drm.file = -1;
    expect_refusal(-EBADF, PEERVMA_REASON_NO_NODE);
    assert_int_equal(0, drm.calls);
    close(other);
}

static void only_what_a_dmabuf_allows_is_exported(void **state)
{
    (void)state;
    open_node();
    object(1, 0x50000, 0x4000);
    fake_maps(&fake, "20000-24000 r--s 50000 00:06 300 /dev/dri/renderD128\n");
    expect_refusal(-EACCES, PEERVMA_REASON_READ_ONLY);
    fake_maps(&fake, "20000-24000 rw-p 50000 00:06 300 /dev/dri/renderD128\n");
    expect_refusal(-EPERM, PEERVMA_REASON_PRIVATE);
    assert_int_equal(0, drm.calls);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_table_is_that_of_the_headers),
        TEST(each_driver_of_the_table_is_asked),
        TEST(a_mapping_of_a_part_is_found),
        TEST(another_way_of_mapping_is_found),
        TEST(a_mapping_by_i915_is_a_drm_mapping),
        TEST(a_mapping_behind_all_objects_is_none_of_them),
        TEST(objects_that_are_not_for_the_cpu_are_passed_over),
        TEST(the_search_ends_behind_the_last_handle),
        TEST(a_handle_that_changes_hands_is_not_exported),
        TEST(what_the_driver_says_is_kept),
        TEST(a_node_that_is_not_open_is_said),
        TEST(a_descriptor_that_changed_meanwhile_is_not_used),
        TEST(only_what_a_dmabuf_allows_is_exported),
    };

    return cmocka_run_group_tests_name("drm", tests, NULL, NULL);
}
