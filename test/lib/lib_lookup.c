/* SPDX-License-Identifier: BSD-3-Clause */
/* Lookups of a real accelerator's mappings, each with and without reports. */
#include "node.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#define RW (PROT_READ | PROT_WRITE)
#define FIXED (MAP_SHARED | MAP_FIXED)
#define ANONYMOUS (MAP_PRIVATE | MAP_ANONYMOUS)

static peervma_context_t *context;

static int with_reports(void **state)
{
    (void)state;
    context = node_context(PEERVMA_CONTEXT_NOTIFIED);
    return 0;
}

static int without_reports(void **state)
{
    (void)state;
    context = node_context(0);
    return 0;
}

static int done(void **state)
{
    (void)state;
    node_context_close(context);
    return 0;
}

/* The accelerator's PCI address, by sysfs. */
static void expect_pci(const peervma_pci_t *pci)
{
    char path[64], target[256], expected[32];
    struct stat st;
    ssize_t length;

    assert_int_equal(0, fstat(node_device(), &st));
    snprintf(path, sizeof(path), "/sys/dev/char/%u:%u/device",
             major(st.st_rdev), minor(st.st_rdev));
    length = readlink(path, target, sizeof(target) - 1);
    assert_true(length > 0);
    target[length] = '\0';
    snprintf(expected, sizeof(expected), "/%04x:%02x:%02x.%x", pci->domain,
             pci->bus, pci->device, pci->function);
    assert_string_equal(expected, strrchr(target, '/'));
}

static void a_drm_mapping_is_known_at_each_of_its_bytes(void **state)
{
    softaccel_buffer_t buffer = node_buffer();
    char *ptr = buffer.ptr;
    peervma_region_t region;

    (void)state;
    node_expect(context, ptr + 1, ptr, SIZE);
    node_expect(context, ptr + SIZE - 1, ptr, SIZE);
    node_expect_none(context, ptr - 1);
    node_expect_none(context, ptr + SIZE);
    region = node_expect(context, ptr, ptr, SIZE);
    assert_int_equal(PEERVMA_KIND_DRM, region.kind);
    assert_int_equal(RW, region.prot);
    assert_int_equal(1, region.pci.valid);
    expect_pci(&region.pci);
    assert_int_equal(0, region.object_offset);
    assert_int_equal(node_module == MODULE_USABLE ? SIZE : 0,
                     region.object_size);
    node_buffer_destroy(&buffer);
}

static void a_mapped_dmabuf_is_known(void **state)
{
    softaccel_buffer_t buffer = node_buffer();
    int fd = node_dmabuf(&buffer);
    peervma_region_t region;
    char *whole, *part;

    (void)state;
    whole = node_mmap(NULL, SIZE, RW, MAP_SHARED, fd, 0);
    part = node_mmap(NULL, 2 * PAGE, PROT_READ, MAP_SHARED, fd, 3 * PAGE);
    region = node_expect(context, whole + SIZE - 1, whole, SIZE);
    assert_int_equal(PEERVMA_KIND_DMABUF, region.kind);
    assert_int_equal(RW, region.prot);
    region = node_expect(context, part + 5, part, 2 * PAGE);
    assert_int_equal(PEERVMA_KIND_DMABUF, region.kind);
    assert_int_equal(PROT_READ, region.prot);
    if (node_module == MODULE_USABLE) {
        assert_int_equal(3 * PAGE, region.object_offset);
        assert_int_equal(SIZE, region.object_size);
        assert_int_equal(1, region.pci.valid);
        expect_pci(&region.pci);
    } else {
        assert_int_equal(0, region.object_offset);
        assert_int_equal(0, region.object_size);
    }

    node_munmap(whole, SIZE);
    node_munmap(part, 2 * PAGE);
    node_expect_none(context, whole);
    node_expect_none(context, part);
    close(fd);
    node_buffer_destroy(&buffer);
}

static void host_memory_is_none(void **state)
{
    char *anonymous, *shared, *file;
    int fd;

    (void)state;
    fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    anonymous = node_mmap(NULL, PAGE, RW, ANONYMOUS, -1, 0);
    shared = node_mmap(NULL, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    file = node_mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0);
    node_expect_none(context, anonymous);
    node_expect_none(context, shared);
    node_expect_none(context, file);
    node_expect_none(context, &fd);
    node_expect_none(context, (void *)printf);
    node_munmap(anonymous, PAGE);
    node_munmap(shared, PAGE);
    node_munmap(file, PAGE);
    node_expect_none(context, anonymous);
    close(fd);
}

static void another_buffer_at_the_address_is_another_generation(void **state)
{
    softaccel_buffer_t first = node_buffer(), second = node_buffer();
    uint64_t before;
    int i;

    (void)state;
    before = node_expect(context, first.ptr, first.ptr, SIZE).generation;
    assert_true(before ==
                node_expect(context, first.ptr, first.ptr, SIZE).generation);
    for (i = 0; i < 2; i++) {
        if (i == 1) {
            node_munmap(first.ptr, SIZE);
        }
        node_mmap(first.ptr, SIZE, RW, FIXED, node_device(),
                  i == 0 ? second.mmap_offset : first.mmap_offset);
        assert_true(
            before !=
                node_expect(context, first.ptr, first.ptr, SIZE).generation ||
            i == 1);
    }
    node_buffer_destroy(&second);
    node_buffer_destroy(&first);
}

/* The same file at the same offset: only reports can tell. */
static void the_same_range_mapped_anew_is_another_generation(void **state)
{
    softaccel_buffer_t buffer = node_buffer();
    uint64_t before;

    (void)state;
    before = node_expect(context, buffer.ptr, buffer.ptr, SIZE).generation;
    node_munmap(buffer.ptr, SIZE);
    node_mmap(buffer.ptr, SIZE, RW, FIXED, buffer.fd, buffer.mmap_offset);
    assert_true(before !=
                node_expect(context, buffer.ptr, buffer.ptr, SIZE).generation);
    node_buffer_destroy(&buffer);
}

static void what_is_unmapped_is_gone(void **state)
{
    softaccel_buffer_t buffer = node_buffer();
    char *ptr = buffer.ptr;

    (void)state;
    node_expect(context, ptr, ptr, SIZE);
    node_munmap(ptr + 2 * PAGE, PAGE);
    node_expect(context, ptr + 2 * PAGE - 1, ptr, 2 * PAGE);
    node_expect_none(context, ptr + 2 * PAGE);
    node_expect_none(context, ptr + 3 * PAGE - 1);
    node_expect(context, ptr + 3 * PAGE, ptr + 3 * PAGE, 5 * PAGE);
    if (node_module == MODULE_USABLE) {
        assert_int_equal(3 * PAGE, node_expect(context, ptr + 4 * PAGE,
                                               ptr + 3 * PAGE, 5 * PAGE)
                                       .object_offset);
    }
    node_munmap(ptr, SIZE);
    node_expect_none(context, ptr);
    node_expect_none(context, ptr + SIZE - 1);
    node_buffer_destroy(&buffer);
}

static void host_memory_mapped_over_it_hides_it(void **state)
{
    softaccel_buffer_t buffer = node_buffer();
    char *ptr = buffer.ptr;

    (void)state;
    node_expect(context, ptr, ptr, SIZE);
    node_mmap(ptr + PAGE, PAGE, RW, ANONYMOUS | MAP_FIXED, -1, 0);
    node_expect(context, ptr, ptr, PAGE);
    node_expect_none(context, ptr + PAGE);
    node_expect(context, ptr + 2 * PAGE, ptr + 2 * PAGE, 6 * PAGE);
    node_buffer_destroy(&buffer);
}

static void a_moved_mapping_is_followed(void **state)
{
    softaccel_buffer_t buffer = node_buffer();
    char *room = node_mmap(NULL, SIZE, PROT_NONE, ANONYMOUS, -1, 0);

    (void)state;
    node_expect(context, buffer.ptr, buffer.ptr, SIZE);
    node_expect_none(context, room);
    node_mremap(buffer.ptr, SIZE, room);
    node_expect_none(context, buffer.ptr);
    node_expect(context, room + SIZE - 1, room, SIZE);
    node_munmap(room, SIZE);
    node_expect_none(context, room);
    node_buffer_destroy(&buffer);
}

static int count_buffer(const peervma_region_t *region, void *arg)
{
    const softaccel_buffer_t *buffer = arg;

    return region->base == (uintptr_t)buffer->ptr &&
           region->length == buffer->size;
}

static void foreach_meets_it(void **state)
{
    softaccel_buffer_t buffer = node_buffer();

    (void)state;
    assert_int_equal(1, peervma_region_foreach(context, count_buffer, &buffer));
    node_buffer_destroy(&buffer);
    assert_int_equal(0, peervma_region_foreach(context, count_buffer, &buffer));
}

static void a_child_follows_its_own_mappings(void **state)
{
    softaccel_buffer_t buffer = node_buffer();
    peervma_region_t region;
    int status;
    pid_t pid;

    (void)state;
    node_expect(context, buffer.ptr, buffer.ptr, SIZE);
    pid = fork();
    if (pid == 0) {
        if (peervma_region_lookup(context, buffer.ptr, &region) != 0) {
            _exit(1);
        }
        munmap(buffer.ptr, SIZE);
        peervma_notify_unmap(context, buffer.ptr, SIZE);
        _exit(peervma_region_lookup(context, buffer.ptr, &region) == -ENOENT
                  ? 0
                  : 2);
    }
    assert_true(waitpid(pid, &status, 0) == pid);
    assert_int_equal(0, status);
    node_expect(context, buffer.ptr, buffer.ptr, SIZE);
    node_buffer_destroy(&buffer);
}

static atomic_uint running;
static atomic_uint wrong;

/* Map and unmap what nobody else uses, and find it, or not, each time. */
static void *map_and_unmap(void *arg)
{
    softaccel_buffer_t *buffer = arg;
    peervma_region_t region;
    unsigned i;
    void *ptr;

    for (i = 0; i < 300; i++) {
        ptr = node_mmap(NULL, SIZE, RW, MAP_SHARED, buffer->fd,
                        buffer->mmap_offset);
        if (peervma_region_lookup(context, ptr, &region) != 0 ||
            region.base != (uintptr_t)ptr) {
            wrong++;
        }
        node_munmap(ptr, SIZE);
    }
    running--;
    return NULL;
}

static void threads_do_not_disturb_each_other(void **state)
{
    softaccel_buffer_t buffer = node_buffer();
    pthread_t thread[2];

    (void)state;
    running = 2;
    wrong = 0;
    pthread_create(&thread[0], NULL, map_and_unmap, &buffer);
    pthread_create(&thread[1], NULL, map_and_unmap, &buffer);
    while (running > 0) {
        node_expect(context, buffer.ptr, buffer.ptr, SIZE);
        node_expect_none(context, &buffer);
    }
    pthread_join(thread[0], NULL);
    pthread_join(thread[1], NULL);
    assert_int_equal(0, wrong);
    node_buffer_destroy(&buffer);
}

static void no_lookup_touches_the_memory(void **state)
{
    softaccel_buffer_t buffer = node_buffer();
    struct softaccel_info before, after;
    unsigned descriptors = node_descriptors(), i;

    (void)state;
    assert_int_equal(0, softaccel_info(node_device(), &before));
    for (i = 0; i < 100; i++) {
        node_expect(context, (char *)buffer.ptr + i, buffer.ptr, SIZE);
    }
    assert_int_equal(0, softaccel_info(node_device(), &after));
    assert_int_equal(before.cpu_faults, after.cpu_faults);
    assert_int_equal(before.exports, after.exports);
    assert_int_equal(descriptors, node_descriptors());
    node_buffer_destroy(&buffer);
}

#define EITHER(name)                                                 \
    cmocka_unit_test_setup_teardown(name, with_reports, done),       \
    {                                                                \
#name ", without reports", name, without_reports, done, NULL \
    }

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        EITHER(a_drm_mapping_is_known_at_each_of_its_bytes),
        EITHER(a_mapped_dmabuf_is_known),
        EITHER(host_memory_is_none),
        EITHER(another_buffer_at_the_address_is_another_generation),
        cmocka_unit_test_setup_teardown(
            the_same_range_mapped_anew_is_another_generation, with_reports,
            done),
        EITHER(what_is_unmapped_is_gone),
        EITHER(host_memory_mapped_over_it_hides_it),
        EITHER(a_moved_mapping_is_followed),
        EITHER(foreach_meets_it),
        EITHER(a_child_follows_its_own_mappings),
        EITHER(threads_do_not_disturb_each_other),
        EITHER(no_lookup_touches_the_memory),
    };

    node_arguments(argc, argv);
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
