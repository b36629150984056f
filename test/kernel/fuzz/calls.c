/* SPDX-License-Identifier: BSD-3-Clause */
#include "calls.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "device.h"
#include "expect.h"

int call_raw(worker_t *worker, unsigned request, void *argument)
{
    worker->calls++;
    return ioctl(device_fd(), request, argument) < 0 ? errno : 0;
}

/* Rather where something can be exported: many pages are holes. */
uint64_t random_own(worker_t *worker)
{
    unsigned at = below(worker, ARENA_PAGES), i;

    for (i = 0; i < 3; i++)
        if (worker->places[at].object == NULL ||
            worker->places[at].prot != (PROT_READ | PROT_WRITE))
            at = below(worker, ARENA_PAGES);
    return (uintptr_t)worker->arena + at * page;
}

uint64_t random_shared(worker_t *worker)
{
    return (uintptr_t)fuzz_shared_arena + below(worker, ARENA_PAGES) * page;
}

/* Mostly short and whole pages. */
static uint64_t random_length(worker_t *worker)
{
    const unsigned choice = below(worker, 32);

    if (choice > 3)
        return (1 + below(worker, choice > 10 ? 3 : OBJECT_PAGES)) * page;
    if (choice > 1)
        return stream_next(&worker->random) & -page;
    return choice == 1 ? stream_next(&worker->random) : 0;
}

void call_info(worker_t *worker)
{
    const uint64_t features = PEERVMA_FEATURE_QUERY | PEERVMA_FEATURE_EXPORT;
    const uint64_t kinds = 1U << PEERVMA_VMA_DMABUF | 1U << PEERVMA_VMA_DRM;
    struct peervma_info info;
    int error;

    memset(&info, 0xff, sizeof(info));
    info.size = sizeof(info);
    info.flags = one_in(worker, 8);
    const uint32_t flags = info.flags;
    count(worker, COUNT_INFO);
    error = call_raw(worker, PEERVMA_IOC_INFO, &info);
    if (error != (flags != 0 ? EINVAL : 0) || info.size != sizeof(info) ||
        info.flags != flags || info.reserved != 0 ||
        info.process_exports > info.exports ||
        (info.features & features) != features || (info.kinds & kinds) != kinds)
        complain(worker, "INFO with flags %u: errno %d, features %#llx", flags,
                 error, info.features);
}

/* Whether there is one right answer, or the accelerator came or went. */
static bool is_exact(const worker_t *worker, const expect_t *expect,
                     unsigned epoch)
{
    return expect->object == NULL || expect->object->kind != OBJECT_ACCEL ||
           epoch_holds(worker, epoch);
}

static bool query_span_is_right(const struct peervma_query *query,
                                const expect_t *expect)
{
    if (expect->object == NULL)
        return query->vma_start <= query->addr && query->addr < query->vma_end;
    if (!object_is_device(expect->object))
        return query->vma_start <= expect->vma_start &&
               query->vma_end >= expect->vma_end;
    return query->vma_start == expect->vma_start &&
           query->vma_end == expect->vma_end;
}

static bool query_object_is_right(const struct peervma_query *query,
                                  const expect_t *expect)
{
    const object_t *object = expect->object;
    const uint64_t size = object->pages * page;

    if (query->kind !=
            (expect->place->by_dmabuf ? PEERVMA_VMA_DMABUF : PEERVMA_VMA_DRM) ||
        query->pci_valid != (object->kind == OBJECT_ACCEL))
        return false;
    if (!expect->place->shared)
        return query->object_size == size && query->object_offset == 0;
    /* Where that was not certain, an answer need only agree with itself. */
    if (query->reason == PEERVMA_REASON_REVOKED ||
        (object->kind == OBJECT_ACCEL && query->object_size == 0))
        return query->object_size == 0 && query->object_offset == 0;
    return query->object_size == size &&
           query->object_offset ==
               expect->offset - (query->addr - expect->vma_start);
}

static bool query_is_right(const struct peervma_query *query,
                           const expect_t *expect, int error)
{
    if (error == 0)
        return query_span_is_right(query, expect) && expect->place != NULL &&
               query->prot == expect->place->prot &&
               query_object_is_right(query, expect);
    if (query->kind != PEERVMA_VMA_NONE || query->object_offset != 0 ||
        query->object_size != 0 || query->pci_valid != 0)
        return false;
    if (error == ENODEV)
        return query_span_is_right(query, expect);
    return query->vma_start == 0 && query->vma_end == 0 && query->prot == 0;
}

void call_query(worker_t *worker, uint64_t addr)
{
    struct {
        struct peervma_query query;
        uint64_t beyond;
    } argument = {.query = {.size = sizeof(argument.query)}};
    struct peervma_query *query = &argument.query;
    const unsigned epoch = atomic_load(&worker->run->epoch);
    expect_t expect;
    int error, expected;

    query->addr = addr + below(worker, (unsigned)page);
    query->flags = one_in(worker, 64) ? 1 + below(worker, 1000) : 0;
    expect = expect_query(worker, query->addr, query->flags);
    argument.beyond = addr;
    count(worker, COUNT_QUERY);
    error = call_raw(worker, PEERVMA_IOC_QUERY, query);

    /* Refusals of device memory are told, and are no failures. */
    expected = expect.object != NULL && object_is_device(expect.object)
                   ? 0
                   : expect.error;
    if (argument.beyond != addr || query->size != sizeof(*query)) {
        complain(worker, "QUERY wrote what it may not");
    } else if (error != expected ||
               (is_exact(worker, &expect, epoch) &&
                query->reason != expect.reason) ||
               (error != EINVAL && !query_is_right(query, &expect, error))) {
        complain(worker,
                 "QUERY of %#llx: errno %d reason %u kind %u prot %u, VMA "
                 "%#llx-%#llx, offset %#llx of %#llx; expected errno %d "
                 "reason %u, VMA %#lx-%#lx, offset of the address %#lx",
                 query->addr, error, query->reason, query->kind, query->prot,
                 query->vma_start, query->vma_end, query->object_offset,
                 query->object_size, expected, expect.reason, expect.vma_start,
                 expect.vma_end, expect.offset);
    }
}

/*
 * Whether a page of the dma-buf is that page of an object: of `object`, or of
 * the one that the page itself names. A device that is gone has no pages.
 */
static bool content_is_right(worker_t *worker,
                             const struct peervma_export *export,
                             const object_t *object, ino_t inode)
{
    const registry_t *registry = &worker->run->registry;
    const uint64_t at =
        below(worker, (unsigned)(export->length / page)) * page +
        export->offset;
    const unsigned epoch = atomic_load(&worker->run->epoch);
    uint64_t known;
    tag_t tag;

    count(worker, COUNT_CONTENT);
    if (!tag_read_dmabuf(worker, export->fd, at, &tag))
        return object == NULL || object_is_dead(worker, object) ||
               !epoch_holds(worker, epoch);
    if (!tag_is(&tag, object != NULL ? object->number : tag.number,
                (uint32_t)(at / page)) ||
        tag.number >= OBJECT_NUMBERS)
        return false;
    known = atomic_load(&registry->object[tag.number].inode);
    return (known == 0 || known == inode ||
            atomic_load(&registry->object[tag.number].retired)) &&
           export->object_size ==
               atomic_load(&registry->object[tag.number].pages) * page;
}

void call_hold(worker_t *worker, int fd)
{
    int *held = &worker->held[below(worker, FUZZ_HELD)];

    if (*held >= 0)
        close(*held);
    *held = fd;
}

void call_drop_held(worker_t *worker)
{
    size_t i;

    for (i = 0; i < FUZZ_HELD; i++) {
        if (worker->held[i] >= 0)
            close(worker->held[i]);
        worker->held[i] = -1;
    }
}

static bool export_object_is_right(const struct peervma_export *export,
                                   const expect_t *expect, struct stat *st)
{
    const object_t *object = expect->object;

    if (object == NULL)
        return true;
    return export->offset == expect->offset &&
           export->object_size == object->pages * page &&
           (object->inode == 0 || object->inode == st->st_ino);
}

/* `expect` names no object where it may be any. */
static void check_success(worker_t *worker, const struct peervma_export *export,
                          const expect_t *expect)
{
    struct stat st;

    count(worker, COUNT_EXPORTED);
    if (export->fd < 0 || fstat(export->fd, &st) != 0 ||
        ((export->offset | export->object_size) & (page - 1)) != 0 ||
        export->offset >= export->object_size ||
        export->length > export->object_size - export->offset ||
        export->reason != PEERVMA_REASON_NONE ||
        !export_object_is_right(export, expect, &st))
        complain(worker,
                 "EXPORT of %#llx+%#llx: fd %d inode %lu offset %#llx of "
                 "%#llx; expected inode %lu offset %#lx",
                 export->addr, export->length, export->fd, st.st_ino,
                 export->offset, export->object_size,
                 expect->object ? expect->object->inode : 0, expect->offset);
    else if (one_in(worker, 16) &&
             !content_is_right(worker, export, expect->object, st.st_ino))
        complain(worker,
                 "EXPORT of %#llx+%#llx: offset %#llx of dma-buf %lu is not "
                 "that memory",
                 export->addr, export->length, export->offset, st.st_ino);
    else if (one_in(worker, 64) && fcntl(export->fd, F_GETFD) != FD_CLOEXEC)
        complain(worker, "EXPORT: descriptor %d without O_CLOEXEC", export->fd);
    if (one_in(worker, 8))
        call_hold(worker, export->fd);
    else
        close(export->fd);
}

static int export_raw(worker_t *worker, struct peervma_export *export)
{
    const struct peervma_export before = *export;
    int error;

    count(worker, COUNT_EXPORT);
    error = call_raw(worker, PEERVMA_IOC_EXPORT, export);
    if (export->size != before.size || export->flags != before.flags ||
        export->addr != before.addr || export->length != before.length)
        complain(worker, "EXPORT wrote what it may not");
    if (error != 0 &&
        (export->fd != -1 || export->offset != 0 || export->object_size != 0))
        complain(worker, "EXPORT of %#llx: errno %d, but fd %d, size %#llx",
                 export->addr, error, export->fd, export->object_size);
    return error;
}

void call_export(worker_t *worker, uint64_t addr)
{
    const unsigned epoch = atomic_load(&worker->run->epoch);
    struct peervma_export export = {
        .size = sizeof(export),
        .flags = one_in(worker, 64) ? 1U << below(worker, 32) : 0,
        .addr = addr + (one_in(worker, 64) ? below(worker, 4096) : 0),
        .length = random_length(worker),
        .fd = 12345,
        .offset = 12345,
        .object_size = 12345,
    };
    const expect_t expect =
        expect_export(worker, export.addr, export.length, export.flags);
    const int error = export_raw(worker, &export);

    if (expect_allows(&expect, error, export.reason) ||
        (!is_exact(worker, &expect, epoch) &&
         (error == 0 || expect_possible(error, export.reason)))) {
        if (error == 0)
            check_success(worker, &export, &expect);
        return;
    }
    complain(worker,
             "EXPORT of %#llx+%#llx flags %#x: errno %d reason %u; expected "
             "%d, %u",
             export.addr, export.length, export.flags, error, export.reason,
             expect.error, expect.reason);
}

void call_shared_query(worker_t *worker)
{
    struct peervma_query query = {.size = sizeof(query),
                                  .addr = random_shared(worker)};
    int error;

    count(worker, COUNT_QUERY);
    error = call_raw(worker, PEERVMA_IOC_QUERY, &query);
    if ((error == 0 || error == ENODEV) && query.vma_start <= query.addr &&
        query.addr < query.vma_end)
        return;
    if (error != ENXIO || query.reason != PEERVMA_REASON_UNMAPPED)
        complain(worker, "QUERY of shared %#llx: errno %d reason %u",
                 query.addr, error, query.reason);
}

void call_shared_export(worker_t *worker)
{
    const expect_t any = {0};
    struct peervma_export export = {
        .size = sizeof(export),
        .addr = random_shared(worker),
        .length = (1 + below(worker, 3)) * page,
    };
    const int error = export_raw(worker, &export);

    if (error == 0)
        check_success(worker, &export, &any);
    else if (!expect_possible(error, export.reason))
        complain(worker, "EXPORT of shared %#llx: errno %d reason %u",
                 export.addr, error, export.reason);
}
