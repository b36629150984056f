/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a lookup costs, by the number of regions, and what the alternatives
 * cost that need no region map. Lines "metric value unit"; nanoseconds are the
 * mean of many lookups, in the best of some rounds.
 *
 * The regions are of a process that exists as text only: nobody may map
 * 100,000 buffers. The alternatives ask the kernel of real mappings, as many as
 * it allows unasked.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "context.h"
#include "measure.h"
#include "peervma.h"
#include "vma.h"

#define ROUNDS 15
#define LOOKUP_ROUNDS 200
#define ADDRESSES 8192
#define BASE 0x10000000ul
#define REGION 0x1000ul
#define APART 0x3000ul /* from one region to the next */

static void fail(const char *what)
{
    fprintf(stderr, "lookup_speed: %s: %m\n", what);
    exit(1);
}

/* A program that uses the device mappings of one driver. */
static char folder[] = "/tmp/peervma-lookup-XXXXXX";

static int identify(const char *path, struct peervma_file *file_p)
{
    (void)path;
    *file_p = (struct peervma_file){
        .mode = S_IFCHR, .inode = 300, .device = makedev(226, 128)};
    return 0;
}

static void write_maps(size_t count)
{
    char path[64];
    FILE *file;
    size_t i;

    snprintf(path, sizeof(path), "%s/maps", folder);
    file = fopen(path, "w");
    if (file == NULL) {
        fail(path);
    }
    for (i = 0; i < count; i++) {
        fprintf(file, "%lx-%lx rw-s %zx 00:06 300 /dev/dri/renderD128\n",
                BASE + i * APART, BASE + i * APART + REGION, i << 12);
    }
    if (fclose(file) != 0) {
        fail(path);
    }
}

static void remove_maps(void)
{
    char path[64];

    snprintf(path, sizeof(path), "%s/maps", folder);
    unlink(path);
    rmdir(folder);
}

static peervma_context_t *open_regions(size_t count)
{
    struct peervma_view view = {
        .sysfs = "/nowhere", .module = "/nowhere", .identify = identify};
    peervma_context_t *context;
    peervma_region_t region;

    snprintf(view.proc, sizeof(view.proc), "%s", folder);
    write_maps(count);
    errno =
        -peervma_context_open_view(PEERVMA_CONTEXT_NOTIFIED, &view, &context);
    if (errno != 0) {
        fail("context");
    }
    errno = -peervma_region_lookup(context, (void *)BASE, &region);
    if (errno != 0 || peervma_region_map_count(context->map) != count) {
        fail("the regions are not found");
    }
    return context;
}

/* Inside of regions and between them, one as often as the other. */
static void choose_addresses(uintptr_t *addresses, size_t count)
{
    size_t i;

    for (i = 0; i < ADDRESSES; i++) {
        addresses[i] = BASE + next_random() % count * APART + (i & 1) * REGION +
                       next_random() % REGION;
    }
}

static double lookup_ns(peervma_context_t *context, size_t count)
{
    static uintptr_t addresses[ADDRESSES];
    double best = 1e18, start, ns;
    peervma_region_t region;
    unsigned round, i, found;

    choose_addresses(addresses, count);
    for (round = 0; round < LOOKUP_ROUNDS; round++) {
        found = 0;
        start = now_ns();
        for (i = 0; i < ADDRESSES; i++) {
            found += peervma_region_lookup(context, (void *)addresses[i],
                                           &region) == 0;
        }
        ns = (now_ns() - start) / ADDRESSES;
        if (found != ADDRESSES / 2) {
            errno = 0;
            fail("a lookup is wrong");
        }
        best = ns < best ? ns : best;
    }
    return best;
}

/* Bytes of memory that the process has beyond its files. */
static long private_bytes(void)
{
    long total, resident, shared;
    FILE *file = fopen("/proc/self/statm", "re");

    if (file == NULL ||
        fscanf(file, "%ld %ld %ld", &total, &resident, &shared) != 3) {
        fail("/proc/self/statm");
    }
    fclose(file);
    return (resident - shared) * sysconf(_SC_PAGESIZE);
}

static void measure_regions(size_t count)
{
    peervma_context_t *context;
    long before = private_bytes();

    context = open_regions(count);
    if (count == 100000) {
        printf("bytes_per_region %.1f bytes\n",
               (double)(private_bytes() - before) / (double)count);
    }
    printf("lookup_ns_%zu %.1f ns\n", count, lookup_ns(context, count));
    peervma_context_close(context);
}

/* Pages of one file, none of which continues the one before. */
static char *map_pages(size_t count)
{
    long page = sysconf(_SC_PAGESIZE);
    int fd = memfd_create("page", MFD_CLOEXEC);
    char *area;
    size_t i;

    area = mmap(NULL, count * (size_t)page, PROT_NONE,
                MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (fd < 0 || ftruncate(fd, page) != 0 || area == MAP_FAILED) {
        fail("memory");
    }
    for (i = 0; i < count; i++) {
        if (mmap(area + i * (size_t)page, (size_t)page, PROT_READ,
                 MAP_SHARED | MAP_FIXED, fd, 0) == MAP_FAILED) {
            fail("mmap");
        }
    }
    close(fd);
    return area;
}

static int stop(const struct peervma_vma *vma, void *arg)
{
    (void)vma;
    (void)arg;
    return 1;
}

/* The one in the midst of them. */
static double walk_ns(const struct peervma_maps *maps, uintptr_t address,
                      unsigned repeat)
{
    double best = 1e18, start, ns;
    unsigned round, i;

    for (round = 0; round < ROUNDS; round++) {
        start = now_ns();
        for (i = 0; i < repeat; i++) {
            if (peervma_maps_walk(maps, address, address + 1, stop, NULL) !=
                1) {
                errno = 0;
                fail("a mapping is not found");
            }
        }
        ns = (now_ns() - start) / repeat;
        best = ns < best ? ns : best;
    }
    return best;
}

/* The kernel's two answers, by the library's own readers of them. */
static void measure_kernel(size_t count)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *area = map_pages(count);
    uintptr_t middle = (uintptr_t)area + count / 2 * page;
    struct peervma_maps maps, text;
    struct peervma_view view;

    peervma_view_self(&view);
    errno = -peervma_maps_open(&view, &maps);
    if (errno != 0) {
        fail("/proc/self/maps");
    }
    text = (struct peervma_maps){.view = &view, .fd = -1};
    printf("maps_scan_ns_%zu %.0f ns\n", count,
           walk_ns(&text, middle, count > 1000 ? 1 : 50));
    if (maps.fd >= 0) {
        printf("procmap_query_ns_%zu %.0f ns\n", count,
               walk_ns(&maps, middle, 1000));
    } else {
        fprintf(stderr, "this kernel has no PROCMAP_QUERY (Linux 6.11)\n");
    }
    peervma_maps_close(&maps);
    munmap(area, count * page);
}

int main(void)
{
    if (mkdtemp(folder) == NULL) {
        fail(folder);
    }
    atexit(remove_maps);
    /* Memory first, while there is no freed memory to be used again. */
    measure_regions(100000);
    measure_regions(1000);
    measure_regions(10);
    measure_kernel(10);
    measure_kernel(1000);
    measure_kernel(60000);
    return 0;
}
