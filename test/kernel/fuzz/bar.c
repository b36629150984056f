/* SPDX-License-Identifier: BSD-3-Clause */
#include "bar.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "calls.h"
#include "device.h"
#include "tap.h"

#define POLICY "/sys/module/peervma/parameters/bar_export"
/* QEMU's edu: a BAR of 1 MiB, and no driver. */
#define EDU_ID "PCI_ID=1234:11E8"
#define BAR_SIZE ((uint64_t)1 << 20)

static int resource = -1;

static bool is_edu(const char *uevent)
{
    char line[64];
    FILE *file = fopen(uevent, "re");
    bool found = false;

    while (file != NULL && fgets(line, sizeof(line), file) != NULL)
        found |= strncmp(line, EDU_ID, strlen(EDU_ID)) == 0;
    if (file != NULL)
        fclose(file);
    return found;
}

void bar_setup(void)
{
    char path[128];
    glob_t devices;
    size_t i;

    tap_check_equal(glob("/sys/bus/pci/devices/*/uevent", 0, NULL, &devices),
                    0);
    for (i = 0; i < devices.gl_pathc && resource < 0; i++) {
        if (!is_edu(devices.gl_pathv[i]))
            continue;
        snprintf(path, sizeof(path), "%.*sresource0",
                 (int)(strlen(devices.gl_pathv[i]) - strlen("uevent")),
                 devices.gl_pathv[i]);
        resource = open(path, O_RDWR | O_CLOEXEC);
    }
    globfree(&devices);
    tap_check(resource >= 0);
    write_line(POLICY, "any");
}

void bar_teardown(void)
{
    close(resource);
    write_line(POLICY, "off");
}

void bar_clear(worker_t *worker)
{
    munmap(worker->bar, BAR_PAGES * page);
    worker->bar_pages = 0;
}

/* As a whole: Linux 6.12 warns when part of such a mapping is unmapped. */
static void bar_change(worker_t *worker)
{
    const unsigned pages = 1 + below(worker, BAR_PAGES);
    const uint64_t first = below(worker, 256 - BAR_PAGES);

    if (worker->bar_pages != 0) {
        bar_clear(worker);
        return;
    }
    if (mmap(worker->bar, pages * page, PROT_READ | PROT_WRITE,
             MAP_SHARED | MAP_FIXED, resource,
             (off_t)(first * page)) == MAP_FAILED) {
        complain(worker, "mmap of a BAR: %m");
        return;
    }
    worker->bar_pages = pages;
    worker->bar_first = first;
}

static void bar_query(worker_t *worker, unsigned at)
{
    struct peervma_query query;
    int error;

    worker->calls++;
    error = -query_at(worker->bar + at * page, &query);
    if (at >= worker->bar_pages) {
        if (error != ENXIO || query.reason != PEERVMA_REASON_UNMAPPED)
            complain(worker, "QUERY of no BAR: errno %d", error);
        return;
    }
    if (error != 0 || query.kind != PEERVMA_VMA_BAR ||
        query.reason != PEERVMA_REASON_NONE || query.pci_valid != 1 ||
        query.vma_start != (uintptr_t)worker->bar ||
        query.vma_end != query.vma_start + worker->bar_pages * page ||
        query.object_offset != worker->bar_first * page ||
        query.object_size != BAR_SIZE)
        complain(worker,
                 "QUERY of a BAR: errno %d kind %u reason %u pci %u offset "
                 "%#llx of %#llx, not page %lu",
                 error, query.kind, query.reason, query.pci_valid,
                 query.object_offset, query.object_size, worker->bar_first);
}

static void bar_export(worker_t *worker, unsigned at)
{
    const unsigned pages = 1 + below(worker, 4);
    struct peervma_export export;
    struct stat st;
    int error;

    worker->calls++;
    error = -export_at(worker->bar + at * page, pages * page, &export);
    if (at >= worker->bar_pages) {
        if (error != ENXIO)
            complain(worker, "EXPORT of no BAR: errno %d", error);
        return;
    }
    if (at + pages > worker->bar_pages) {
        if (error != ERANGE || export.reason != PEERVMA_REASON_CROSSES_VMA)
            complain(worker, "EXPORT beyond a BAR: errno %d", error);
        return;
    }
    count(worker, COUNT_BAR);
    if (error != 0 || export.offset != 0 ||
        export.object_size != pages * page || fstat(export.fd, &st) != 0)
        complain(worker, "EXPORT of a BAR: errno %d reason %u, %#llx of %#llx",
                 error, export.reason, export.offset, export.object_size);
    else
        call_hold(worker, export.fd);
}

void bar_try(worker_t *worker)
{
    const unsigned at = below(worker, BAR_PAGES);

    switch (below(worker, 4)) {
    case 0:
        bar_change(worker);
        break;
    case 1:
        bar_query(worker, at);
        break;
    default:
        bar_export(worker, at);
        break;
    }
}
