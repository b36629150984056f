/* SPDX-License-Identifier: BSD-3-Clause */
/* Mappings of dma-bufs: the same dma-buf, and the right place in it. */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "device.h"
#include "tap.h"

#define PAGES 8

/* Whoever makes the dma-buf, and what its mapping leaves in the VMA. */
typedef struct source {
    int fd;
    size_t size;
    bool is_accel;
    softaccel_buffer_t buffer;
} source_t;

static source_t heap_source(void)
{
    return (source_t){
        .fd = heap_create(PAGES * page, O_RDWR),
        .size = PAGES * page,
    };
}

static source_t udmabuf_source(void)
{
    return (source_t){
        .fd = udmabuf_create(PAGES * page),
        .size = PAGES * page,
    };
}

/* Its mapping has the GEM object's fake offset. */
static source_t prime_source(void)
{
    source_t source = {.size = PAGES * page, .is_accel = true};

    source.buffer = accel_create(source.size);
    tap_check_equal(softaccel_buffer_export(&source.buffer, &source.fd), 0);
    return source;
}

static source_t (*const sources[])(void) = {
    heap_source,
    udmabuf_source,
    prime_source,
};

static void source_drop(source_t *source)
{
    close(source->fd);
    if (source->is_accel)
        accel_destroy(&source->buffer);
}

/* Run a test on each kind of dma-buf. */
static void each_source(void (*run)(const source_t *source))
{
    source_t source;
    size_t i;

    for (i = 0; i < tap_count(sources); i++) {
        source = sources[i]();
        run(&source);
        source_drop(&source);
    }
}

/* Check that [offset, ...) of the dma-buf is what is exported there. */
static void check_export(const source_t *source, void *address, size_t length,
                         size_t offset)
{
    int fd = export_ok(address, length, offset, source->size);

    check_same_dmabuf(fd, source->fd);
    check_same_memory(fd, offset, address, length);
    close(fd);
}

static void whole(const source_t *source)
{
    uint8_t *map = map_shared(source->fd, 0, source->size);

    check_export(source, map, source->size, 0);
    munmap(map, source->size);
}

static void inner(const source_t *source)
{
    uint8_t *map = map_shared(source->fd, 0, source->size);
    size_t i;

    for (i = 0; i < PAGES; i++)
        check_export(source, map + i * page, page, i * page);
    check_export(source, map + page, source->size - page, page);
    munmap(map, source->size);
}

static void partial(const source_t *source)
{
    uint8_t *map = map_shared(source->fd, 3 * page, 2 * page);
    struct peervma_query query = query_ok(map + page + 5);

    tap_check_equal(query.vma_start, (uintptr_t)map);
    tap_check_equal(query.vma_end, (uintptr_t)map + 2 * page);
    tap_check_equal(query.object_offset, 3 * page);
    tap_check_equal(query.object_size, source->size);
    check_export(source, map, 2 * page, 3 * page);
    check_export(source, map + page, page, 4 * page);
    munmap(map, 2 * page);
}

static void split(const source_t *source)
{
    uint8_t *map = map_shared(source->fd, 0, source->size);

    tap_check_equal(mprotect(map + 2 * page, page, PROT_READ), 0);
    check_export(source, map, 2 * page, 0);
    export_refused(map + 2 * page, page, EACCES, PEERVMA_REASON_READ_ONLY);
    check_export(source, map + 3 * page, 5 * page, 3 * page);
    export_refused(map, 3 * page, ERANGE, PEERVMA_REASON_CROSSES_VMA);
    tap_check_equal(mprotect(map + 2 * page, page, PROT_READ | PROT_WRITE), 0);
    check_export(source, map + 2 * page, page, 2 * page);
    munmap(map, source->size);
}

static void unmapped(const source_t *source)
{
    uint8_t *map = map_shared(source->fd, 0, source->size);

    tap_check_equal(munmap(map, page), 0);
    tap_check_equal(munmap(map + 4 * page, page), 0);
    tap_check_equal(munmap(map + 7 * page, page), 0);
    check_export(source, map + page, 3 * page, page);
    check_export(source, map + 5 * page, 2 * page, 5 * page);
    export_refused(map, page, ENXIO, PEERVMA_REASON_UNMAPPED);
    export_refused(map + 4 * page, page, ENXIO, PEERVMA_REASON_UNMAPPED);
    munmap(map, source->size);
}

static void moved(const source_t *source)
{
    uint8_t *map = map_shared(source->fd, 2 * page, 4 * page);
    uint8_t *target = map_anonymous(4 * page);
    uint8_t *to =
        mremap(map, 4 * page, 4 * page, MREMAP_MAYMOVE | MREMAP_FIXED, target);

    tap_check(to == target);
    check_export(source, to, 4 * page, 2 * page);
    export_refused(map, page, ENXIO, PEERVMA_REASON_UNMAPPED);
    munmap(to, 4 * page);
}

static void outlives(const source_t *source)
{
    uint8_t *map = map_shared(source->fd, page, page);
    int fd = export_ok(map, page, page, source->size);

    munmap(map, page);
    map = map_shared(fd, page, page);
    check_same_memory(fd, page, map, page);
    munmap(map, page);
    close(fd);
}

static void test_whole(void)
{
    each_source(whole);
}

static void test_inner(void)
{
    each_source(inner);
}

static void test_partial(void)
{
    each_source(partial);
}

static void test_split(void)
{
    each_source(split);
}

static void test_unmapped(void)
{
    each_source(unmapped);
}

static void test_moved(void)
{
    each_source(moved);
}

static void test_outlives(void)
{
    each_source(outlives);
}

static void test_no_device(void)
{
    source_t source = heap_source();
    uint8_t *map = map_shared(source.fd, 0, page);
    struct peervma_query query = query_ok(map);

    tap_check_equal(query.kind, PEERVMA_VMA_DMABUF);
    tap_check_equal(query.prot, PEERVMA_PROT_READ | PEERVMA_PROT_WRITE);
    tap_check_equal(query.reason, PEERVMA_REASON_NONE);
    tap_check_equal(query.pci_valid, 0);
    munmap(map, page);
    source_drop(&source);
}

static void test_device(void)
{
    source_t source = prime_source();
    uint8_t *map = map_shared(source.fd, 0, page);
    struct peervma_query prime = query_ok(map);
    struct peervma_query drm = query_ok(source.buffer.ptr);

    tap_check_equal(prime.kind, PEERVMA_VMA_DMABUF);
    tap_check_equal(prime.reason, PEERVMA_REASON_NONE);
    tap_check_equal(prime.pci_valid, 1);
    tap_check_equal(prime.pci_domain, drm.pci_domain);
    tap_check_equal(prime.pci_bus, drm.pci_bus);
    tap_check_equal(prime.pci_devfn, drm.pci_devfn);
    munmap(map, page);
    source_drop(&source);
}

/* The only descriptor is gone: the mapping alone leads back to it. */
static void test_mapping_alone(void)
{
    source_t source = prime_source();
    uint8_t *map = map_shared(source.fd, 0, source.size);
    int fd;

    source_drop(&source);
    fd = export_ok(map, source.size, 0, source.size);
    check_same_memory(fd, 0, map, source.size);
    munmap(map, source.size);
    close(fd);
}

static const tap_test_t tests[] = {
    {"the mapping of a dma-buf is exported as that dma-buf", test_whole},
    {"an inner range has its offset", test_inner},
    {"a mapping of an inner part has its offset", test_partial},
    {"the parts of a VMA split by mprotect have their offsets", test_split},
    {"what munmap left of a VMA has its offsets", test_unmapped},
    {"a moved mapping keeps its offset", test_moved},
    {"the export outlives the mapping", test_outlives},
    {"the mapping of memory without a device has no PCI device",
     test_no_device},
    {"the mapping of a GEM object's dma-buf has its PCI device", test_device},
    {"a mapping is exported when all descriptors and handles are closed",
     test_mapping_alone},
};

int main(void)
{
    return tap_main(tests, tap_count(tests));
}
