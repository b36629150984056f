/* SPDX-License-Identifier: BSD-3-Clause */
/* Exports of a real accelerator's mappings, and what is refused. */
#include "node.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/peervma.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define RW (PROT_READ | PROT_WRITE)

static peervma_context_t *context;
static unsigned descriptors;
static peervma_refusals_t refusals;

static int setup(void **state)
{
    (void)state;
    node_device();
    descriptors = node_descriptors();
    context = node_context(PEERVMA_CONTEXT_NOTIFIED);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    node_context_close(context);
    assert_int_equal(descriptors, node_descriptors());
    return 0;
}

static ino_t inode_of(int fd)
{
    struct stat st;

    assert_int_equal(0, fstat(fd, &st));
    return st.st_ino;
}

/* The exported range must hold what `seed` wrote from byte `first` on. */
static void expect_content(const peervma_export_t *export, size_t length,
                           uint32_t seed, size_t first)
{
    size_t inside = export->offset % PAGE, i;
    size_t room = (inside + length + PAGE - 1) / PAGE * PAGE;
    const volatile uint8_t *bytes;
    void *ptr;

    ptr = mmap(NULL, room, PROT_READ, MAP_SHARED, export->fd,
               (off_t)(export->offset - inside));
    assert_true(ptr != MAP_FAILED);
    bytes = (const volatile uint8_t *)ptr + inside;
    for (i = 0; i < length; i++) {
        if (bytes[i] != softaccel_pattern(seed, first + i)) {
            fail_msg("byte %zu of %zu is %#x, not %#x", i, length, bytes[i],
                     softaccel_pattern(seed, first + i));
        }
    }
    munmap(ptr, room);
}

/* Export, and compare with the bytes `first` and following of the object. */
static void expect_export(const void *address, size_t length, size_t first,
                          uint32_t seed, const char *provider)
{
    peervma_export_t export;

    assert_int_equal(
        0, peervma_region_export(context, address, length, &export, &refusals));
    assert_string_equal(provider, export.provider);
    assert_int_equal(strcmp(provider, "fd") != 0, refusals.count > 0);
    assert_int_equal(SIZE, export.object_size);
    assert_int_equal(first, export.offset);
    assert_int_equal(FD_CLOEXEC, fcntl(export.fd, F_GETFD));
    expect_content(&export, length, seed, first);
    close(export.fd);
}

/* That `provider` refused, among those that were asked before. */
static void expect_refusal(const char *provider, int error, unsigned reason)
{
    unsigned i;

    for (i = 0; i < refusals.count; i++) {
        if (strcmp(provider, refusals.refusal[i].provider) == 0) {
            assert_int_equal(error, refusals.refusal[i].error);
            assert_int_equal(reason, refusals.refusal[i].reason);
            return;
        }
    }
    fail_msg("%s did not refuse", provider);
}

/* The kernel, the last one, refuses, or else is not there. */
static void expect_refused(const void *address, int error, unsigned reason)
{
    peervma_export_t export = {.fd = 4711};

    if (node_module == MODULE_MISSING) {
        error = -ENODEV;
        reason = PEERVMA_REASON_NO_MODULE;
    } else if (node_module == MODULE_FORBIDDEN) {
        error = -EACCES;
        reason = PEERVMA_REASON_NO_PERMISSION;
    }
    assert_int_equal(error, peervma_region_export(context, address, PAGE,
                                                  &export, &refusals));
    assert_int_equal(4711, export.fd);
    expect_refusal("kernel", error, reason);
}

static void a_drm_mapping_is_exported_by_its_node(void **state)
{
    softaccel_buffer_t buffer = node_buffer(), other = node_buffer();
    char *ptr = buffer.ptr;

    (void)state;
    assert_int_equal(0, softaccel_fill(&buffer, 0, SIZE, 11));
    expect_export(ptr, SIZE, 0, 11, "drm");
    expect_export(ptr + 1, 1, 1, 11, "drm");
    expect_export(ptr + 3 * PAGE - 7, PAGE, 3 * PAGE - 7, 11, "drm");
    expect_export(ptr + SIZE - 1, 1, SIZE - 1, 11, "drm");
    node_buffer_destroy(&other);
    node_munmap(ptr, 3 * PAGE);
    expect_export(ptr + 3 * PAGE, 5 * PAGE, 3 * PAGE, 11, "drm");
    node_buffer_destroy(&buffer);
}

/* The program may do with its handles what it likes. */
static void an_export_leaves_the_handles_alone(void **state)
{
    softaccel_buffer_t buffer = node_buffer(), next;
    peervma_export_t export;

    (void)state;
    assert_int_equal(
        0, peervma_region_export(context, buffer.ptr, SIZE, &export, NULL));
    /* The lowest free one is still that. */
    next = node_buffer();
    assert_int_equal(buffer.handle + 1, next.handle);
    node_buffer_destroy(&next);
    assert_int_equal(0, softaccel_fill(&buffer, 0, SIZE, 17));
    expect_content(&export, SIZE, 17, 0);
    close(export.fd);
    node_buffer_destroy(&buffer);
}

static void a_drm_mapping_without_its_node_is_exported_by_the_kernel(
    void **state)
{
    softaccel_buffer_t buffer;
    int fd;

    (void)state;
    assert_int_equal(0, softaccel_open(&fd));
    assert_int_equal(0, softaccel_buffer_create(fd, SIZE, &buffer));
    assert_int_equal(0, softaccel_fill(&buffer, 0, SIZE, 18));
    close(fd);
    /* The mapping holds the file that has the handle; the other has none. */
    peervma_notify_map(context, buffer.ptr, SIZE);
    if (node_module == MODULE_USABLE) {
        expect_export(buffer.ptr, SIZE, 0, 18, "kernel");
    } else {
        expect_refused(buffer.ptr, 0, 0);
        expect_refusal("drm", -EBADF, PEERVMA_REASON_NO_HANDLE);
    }
    node_munmap(buffer.ptr, SIZE);
}

static void a_drm_mapping_without_its_handle_is_not_exported(void **state)
{
    softaccel_buffer_t buffer = node_buffer();

    (void)state;
    assert_int_equal(0, softaccel_handle_close(buffer.fd, buffer.handle));
    expect_refused(buffer.ptr, -EACCES, PEERVMA_REASON_NOT_ALLOWED);
    expect_refusal("drm", -EBADF, PEERVMA_REASON_NO_HANDLE);
    node_munmap((char *)buffer.ptr - PAGE, SIZE + 2 * PAGE);
}

/* Handles are many, and the last is found as well. */
static void one_object_of_many_is_found(void **state)
{
    static softaccel_buffer_t buffers[300];
    peervma_export_t export;
    size_t count = sizeof(buffers) / sizeof(buffers[0]), i;

    (void)state;
    for (i = 0; i < count; i++) {
        buffers[i] = node_buffer();
        assert_int_equal(0, softaccel_fill(&buffers[i], 0, SIZE, 100 + i));
    }
    for (i = 0; i < count; i += 23) {
        assert_int_equal(0, peervma_region_export(context, buffers[i].ptr, SIZE,
                                                  &export, NULL));
        assert_string_equal("drm", export.provider);
        expect_content(&export, PAGE, 100 + i, 0);
        close(export.fd);
    }
    for (i = 0; i < count; i++) {
        node_buffer_destroy(&buffers[i]);
    }
}

static void a_dmabuf_that_is_open_is_exported_by_its_descriptor(void **state)
{
    softaccel_buffer_t buffer = node_buffer();
    int fd = node_dmabuf(&buffer);
    char *whole = node_mmap(NULL, SIZE, RW, MAP_SHARED, fd, 0);
    char *part = node_mmap(NULL, 2 * PAGE, RW, MAP_SHARED, fd, 3 * PAGE);
    peervma_export_t export;

    (void)state;
    assert_int_equal(0, softaccel_fill(&buffer, 0, SIZE, 12));
    expect_export(whole, SIZE, 0, 12, "fd");
    expect_export(whole + 5, 2 * PAGE, 5, 12, "fd");
    expect_export(part, 2 * PAGE, 3 * PAGE, 12, "fd");
    expect_export(part + PAGE + 1, 9, 4 * PAGE + 1, 12, "fd");

    assert_int_equal(0,
                     peervma_region_export(context, whole, 1, &export, NULL));
    assert_true(export.fd != fd && inode_of(export.fd) == inode_of(fd));
    close(export.fd);

    node_munmap(whole, SIZE);
    node_munmap(part, 2 * PAGE);
    close(fd);
    node_buffer_destroy(&buffer);
}

/* What is left of a mapping begins further inside its dma-buf. */
static void the_rest_of_a_mapping_keeps_its_offset(void **state)
{
    softaccel_buffer_t buffer = node_buffer();
    int fd = node_dmabuf(&buffer);
    char *whole = node_mmap(NULL, SIZE, RW, MAP_SHARED, fd, 0);

    (void)state;
    assert_int_equal(0, softaccel_fill(&buffer, 0, SIZE, 13));
    node_munmap(whole, 2 * PAGE);
    expect_export(whole + 2 * PAGE, 6 * PAGE, 2 * PAGE, 13, "fd");
    node_munmap(whole + 5 * PAGE, PAGE);
    expect_export(whole + 6 * PAGE, 2 * PAGE, 6 * PAGE, 13, "fd");
    expect_export(whole + 2 * PAGE, 3 * PAGE, 2 * PAGE, 13, "fd");
    node_munmap(whole, SIZE);
    close(fd);
    node_buffer_destroy(&buffer);
}

static void a_dmabuf_that_is_closed_is_exported_by_the_kernel(void **state)
{
    softaccel_buffer_t buffer = node_buffer();
    int fd = node_dmabuf(&buffer);
    char *whole = node_mmap(NULL, SIZE, RW, MAP_SHARED, fd, 0);
    char *part = node_mmap(NULL, 2 * PAGE, RW, MAP_SHARED, fd, 3 * PAGE);

    (void)state;
    close(fd);
    assert_int_equal(0, softaccel_fill(&buffer, 0, SIZE, 14));
    if (node_module == MODULE_USABLE) {
        expect_export(whole, SIZE, 0, 14, "kernel");
        expect_export(part + 3, PAGE, 3 * PAGE + 3, 14, "kernel");
    } else {
        expect_refused(part, 0, 0);
        expect_refusal("fd", -EBADF, PEERVMA_REASON_NO_DESCRIPTOR);
        expect_refusal("drm", -EOPNOTSUPP, PEERVMA_REASON_NOT_DRM);
    }
    node_munmap(whole, SIZE);
    node_munmap(part, 2 * PAGE);
    node_buffer_destroy(&buffer);
}

/* Its driver does nothing to the offset: what maps shows is right. */
static void a_dmabuf_of_host_memory_is_exported(void **state)
{
    int fd = node_heap(SIZE);
    char *part = node_mmap(NULL, 2 * PAGE, RW, MAP_SHARED, fd, PAGE);
    uint8_t *bytes = (uint8_t *)part;
    size_t i;

    (void)state;
    for (i = 0; i < 2 * PAGE; i++) {
        bytes[i] = softaccel_pattern(15, PAGE + i);
    }
    expect_export(part + 1, 2 * PAGE - 1, PAGE + 1, 15, "fd");
    close(fd);
    if (node_module == MODULE_USABLE) {
        expect_export(part + 1, 2 * PAGE - 1, PAGE + 1, 15, "kernel");
    }
    node_munmap(part, 2 * PAGE);
}

static void what_cannot_be_written_is_not_exported(void **state)
{
    softaccel_buffer_t buffer = node_buffer();
    int fd = node_dmabuf(&buffer);
    char *drm = node_mmap(NULL, SIZE, PROT_READ, MAP_SHARED, buffer.fd,
                          buffer.mmap_offset);
    char *dmabuf = node_mmap(NULL, SIZE, PROT_READ, MAP_SHARED, fd, 0);

    (void)state;
    expect_refused(drm, -EACCES, PEERVMA_REASON_READ_ONLY);
    expect_refusal("fd", -EOPNOTSUPP, PEERVMA_REASON_NOT_DMABUF);
    expect_refusal("drm", -EACCES, PEERVMA_REASON_READ_ONLY);
    expect_refused(dmabuf, -EACCES, PEERVMA_REASON_READ_ONLY);
    expect_refusal("fd", -EACCES, PEERVMA_REASON_READ_ONLY);
    /* No report tells of it, but an export asks. */
    assert_int_equal(0, mprotect(buffer.ptr, SIZE, PROT_READ));
    expect_refused(buffer.ptr, -EACCES, PEERVMA_REASON_READ_ONLY);
    expect_refusal("drm", -EACCES, PEERVMA_REASON_READ_ONLY);
    node_munmap(drm, SIZE);
    node_munmap(dmabuf, SIZE);
    close(fd);
    node_buffer_destroy(&buffer);
}

static void a_range_beyond_its_mapping_is_not_exported(void **state)
{
    softaccel_buffer_t buffer = node_buffer();
    char *ptr = buffer.ptr;
    peervma_export_t export;

    (void)state;
    assert_int_equal(-ERANGE, peervma_region_export(context, ptr, SIZE + 1,
                                                    &export, &refusals));
    assert_int_equal(0, refusals.count);
    assert_int_equal(-ERANGE, peervma_region_export(context, ptr + 1, SIZE,
                                                    &export, &refusals));
    assert_int_equal(-ENOENT, peervma_region_export(context, ptr + SIZE, 1,
                                                    &export, &refusals));
    assert_int_equal(-ENOENT, peervma_region_export(context, ptr - 1, 2,
                                                    &export, &refusals));
    node_munmap(ptr, SIZE);
    assert_int_equal(
        -ENOENT, peervma_region_export(context, ptr, 1, &export, &refusals));
    node_buffer_destroy(&buffer);
}

static void each_export_is_a_descriptor_of_its_own(void **state)
{
    softaccel_buffer_t buffer = node_buffer();
    int fd = node_dmabuf(&buffer);
    char *ptr = node_mmap(NULL, SIZE, RW, MAP_SHARED, fd, 0);
    peervma_export_t first, second;

    (void)state;
    assert_int_equal(0, softaccel_fill(&buffer, 0, SIZE, 16));
    assert_int_equal(0,
                     peervma_region_export(context, ptr, SIZE, &first, NULL));
    assert_int_equal(0,
                     peervma_region_export(context, ptr, SIZE, &second, NULL));
    assert_true(first.fd != second.fd);
    close(first.fd);
    close(fd);
    node_munmap(ptr, SIZE);
    node_buffer_destroy(&buffer);
    /* It holds the memory when all else is gone, the context's end included. */
    node_context_close(context);
    expect_content(&second, SIZE, 16, 0);
    close(second.fd);
    context = node_context(PEERVMA_CONTEXT_NOTIFIED);
}

/* The first try needs more descriptors than there are, and leaves none. */
static void without_descriptors_it_is_refused_and_nothing_leaks(void **state)
{
    softaccel_buffer_t buffer = node_buffer();
    int spare[128], count = 0;
    struct rlimit limit, few;
    peervma_export_t export;
    unsigned before;

    (void)state;
    assert_int_equal(0, getrlimit(RLIMIT_NOFILE, &limit));
    few = limit;
    few.rlim_cur = 128;
    assert_int_equal(0, setrlimit(RLIMIT_NOFILE, &few));
    before = node_descriptors();
    while (count < 128 && (spare[count] = dup(buffer.fd)) >= 0) {
        count++;
    }
    assert_in_range(count, 1, 127);
    assert_true(peervma_region_export(context, buffer.ptr, SIZE, &export,
                                      &refusals) < 0);
    expect_refusal("drm", -EMFILE, PEERVMA_REASON_SYSTEM);
    while (count > 0) {
        close(spare[--count]);
    }
    assert_int_equal(before, node_descriptors());
    assert_int_equal(0, setrlimit(RLIMIT_NOFILE, &limit));
    node_buffer_destroy(&buffer);
}

static void no_export_touches_the_memory(void **state)
{
    softaccel_buffer_t buffer = node_buffer();
    int fd = node_dmabuf(&buffer);
    char *part = node_mmap(NULL, 2 * PAGE, RW, MAP_SHARED, fd, 3 * PAGE);
    struct softaccel_info before, after;
    peervma_export_t export;

    (void)state;
    assert_int_equal(0, softaccel_info(node_device(), &before));
    assert_int_equal(0,
                     peervma_region_export(context, part, PAGE, &export, NULL));
    close(export.fd);
    assert_int_equal(
        0, peervma_region_export(context, buffer.ptr, SIZE, &export, NULL));
    close(export.fd);
    assert_int_equal(0, softaccel_info(node_device(), &after));
    assert_int_equal(before.cpu_faults, after.cpu_faults);
    node_munmap(part, 2 * PAGE);
    close(fd);
    node_buffer_destroy(&buffer);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        TEST(a_drm_mapping_is_exported_by_its_node),
        TEST(an_export_leaves_the_handles_alone),
        TEST(a_drm_mapping_without_its_node_is_exported_by_the_kernel),
        TEST(a_drm_mapping_without_its_handle_is_not_exported),
        TEST(one_object_of_many_is_found),
        TEST(a_dmabuf_that_is_open_is_exported_by_its_descriptor),
        TEST(the_rest_of_a_mapping_keeps_its_offset),
        TEST(a_dmabuf_that_is_closed_is_exported_by_the_kernel),
        TEST(a_dmabuf_of_host_memory_is_exported),
        TEST(what_cannot_be_written_is_not_exported),
        TEST(a_range_beyond_its_mapping_is_not_exported),
        TEST(each_export_is_a_descriptor_of_its_own),
        TEST(without_descriptors_it_is_refused_and_nothing_leaks),
        TEST(no_export_touches_the_memory),
    };

    node_arguments(argc, argv);
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
