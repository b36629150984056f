/* SPDX-License-Identifier: BSD-3-Clause */
#include "expect.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/mman.h>

#include "arena.h"
#include "device.h"
#include "tap.h"

#define KERNEL_BEGIN (1UL << 63)

/* The end of user addresses: five levels of page tables give more of them. */
static uint64_t user_end = 0x7ffffffff000;

/* Where nothing ever changes: ordinary memory, or nothing at all. */
static struct {
    uint64_t address;
    bool mapped;
} special[12];
static unsigned specials;

static void special_add(const void *address, bool mapped)
{
    tap_check(specials < tap_count(special));
    special[specials].address = (uintptr_t)address & ~(page - 1);
    special[specials++].mapped = mapped;
}

static void *map_huge(void)
{
    const size_t size = (size_t)2 << 20;

    write_line("/proc/sys/vm/nr_hugepages", "1");
    return mmap(NULL, size, PROT_READ | PROT_WRITE,
                MAP_SHARED | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
}

void expect_setup(void)
{
    static int data = 1;
    struct peervma_query query;
    void *huge = map_huge();
    void *none =
        mmap(NULL, page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    tap_check(huge != MAP_FAILED);
    tap_check(none != MAP_FAILED);
    if (query_at((void *)(uintptr_t)user_end, &query) != -EOVERFLOW)
        user_end = (1UL << 56) - page;
    special_add(NULL, false);
    special_add((void *)page, false);
    special_add((void *)SECRET_BASE, false);
    special_add((void *)(ARENA_BASE + ARENA_STRIDE - page), false);
    special_add((void *)(uintptr_t)getauxval(AT_SYSINFO_EHDR), true);
    special_add((void *)(uintptr_t)&expect_setup, true);
    special_add(&data, true);
    special_add(__builtin_frame_address(0), true);
    special_add(huge, true);
    special_add(none, true);
}

uint64_t expect_special(worker_t *worker)
{
    const unsigned choice = below(worker, specials + 6);

    if (choice < specials)
        return special[choice].address;
    switch (choice - specials) {
    case 0:
        return user_end - page * below(worker, 2);
    case 1:
        return KERNEL_BEGIN;
    case 2:
        return -page;
    case 3: /* the kernel's image */
        return 0xffffffff81000000;
    case 4: /* the kernel's map of all memory */
        return 0xffff888000000000;
    default:
        return stream_next(&worker->random) | KERNEL_BEGIN;
    }
}

static expect_t refusal(int error, unsigned reason)
{
    return (expect_t){.error = error, .reason = reason};
}

static expect_t expect_outside(uint64_t addr)
{
    expect_t expect;
    unsigned i;

    if (addr >= user_end)
        return refusal(EOVERFLOW, PEERVMA_REASON_NONE);
    for (i = 0; i < specials; i++) {
        if (special[i].address != (addr & ~(page - 1)) || !special[i].mapped)
            continue;
        expect = refusal(ENODEV, PEERVMA_REASON_NOT_DEVICE);
        expect.or_crosses = true;
        return expect;
    }
    return refusal(ENXIO, PEERVMA_REASON_UNMAPPED);
}

/* Why the mapping of a device's object at a place cannot be exported. */
static expect_t expect_device(const worker_t *worker, const place_t *place)
{
    const object_t *object = place->object;

    if (!place->shared)
        return refusal(EPERM, PEERVMA_REASON_PRIVATE);
    if (place->prot != (PROT_READ | PROT_WRITE))
        return refusal(EACCES, PEERVMA_REASON_READ_ONLY);
    /* Only its exporter knows that a dma-buf is dead. */
    if (!place->by_dmabuf && object_is_dead(worker, object))
        return refusal(ESTALE, PEERVMA_REASON_REVOKED);
    if (!place->by_dmabuf && object->handle_closed)
        return refusal(EACCES, PEERVMA_REASON_NOT_ALLOWED);
    return refusal(0, PEERVMA_REASON_NONE);
}

static expect_t expect_mapped(const worker_t *worker, uint64_t addr)
{
    const uint64_t base = (uintptr_t)worker->arena;
    const unsigned at = (unsigned)((addr - base) / page);
    const place_t *place = &worker->places[at];
    expect_t expect;
    span_t vma;

    if (place->object == NULL)
        return refusal(ENXIO, PEERVMA_REASON_UNMAPPED);
    if (object_is_device(place->object))
        expect = expect_device(worker, place);
    else
        expect = refusal(ENODEV, PEERVMA_REASON_NOT_DEVICE);
    vma = arena_vma(worker, at);
    expect.object = place->object;
    expect.place = place;
    expect.offset = place->page * page + (addr & (page - 1));
    expect.vma_start = base + vma.first * page;
    expect.vma_end = base + vma.end * page;
    return expect;
}

static expect_t expect_at(const worker_t *worker, uint64_t addr)
{
    const uint64_t base = (uintptr_t)worker->arena;

    if (addr >= base && addr < base + ARENA_PAGES * page)
        return expect_mapped(worker, addr);
    return expect_outside(addr);
}

expect_t expect_query(const worker_t *worker, uint64_t addr, uint32_t flags)
{
    expect_t expect = expect_at(worker, addr);

    if (flags != 0)
        return refusal(EINVAL, PEERVMA_REASON_NONE);
    expect.or_crosses = false;
    return expect;
}

expect_t expect_export(const worker_t *worker, uint64_t addr, uint64_t length,
                       uint32_t flags)
{
    expect_t expect;
    uint64_t end;

    if (flags != 0 || length == 0 || ((addr | length) & (page - 1)) != 0)
        return refusal(EINVAL, PEERVMA_REASON_NONE);
    if (__builtin_add_overflow(addr, length, &end) || end > user_end)
        return refusal(EOVERFLOW, PEERVMA_REASON_NONE);
    expect = expect_at(worker, addr);
    if (expect.object == NULL || end <= expect.vma_end)
        return expect;
    if (object_is_device(expect.object))
        return refusal(ERANGE, PEERVMA_REASON_CROSSES_VMA);
    expect.or_crosses = true;
    return expect;
}

bool expect_allows(const expect_t *expect, int error, unsigned reason)
{
    if (error == expect->error && reason == expect->reason)
        return true;
    return expect->or_crosses && error == ERANGE &&
           reason == PEERVMA_REASON_CROSSES_VMA;
}

bool expect_possible(int error, unsigned reason)
{
    switch (reason) {
    case PEERVMA_REASON_UNMAPPED:
        return error == ENXIO;
    case PEERVMA_REASON_CROSSES_VMA:
        return error == ERANGE;
    case PEERVMA_REASON_NOT_DEVICE:
        return error == ENODEV;
    case PEERVMA_REASON_PRIVATE:
        return error == EPERM;
    case PEERVMA_REASON_READ_ONLY:
    case PEERVMA_REASON_NOT_ALLOWED:
        return error == EACCES;
    case PEERVMA_REASON_REVOKED:
        return error == ESTALE;
    case PEERVMA_REASON_EXPORTER:
        /* DRM's: the handle was closed, the device went meanwhile. */
        return error == ENOENT || error == ENODEV;
    default:
        return false;
    }
}
