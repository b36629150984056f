/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The device goes away under mappings and exports. Unbinds the simulated
 * accelerator's driver and binds it again.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "device.h"
#include "tap.h"

#define DRIVER "/sys/bus/pci/drivers/softaccel"

static char pci[32]; /* the device's PCI address */

static void pci_find(void)
{
    const struct dirent *entry;
    DIR *dir = opendir(DRIVER);

    if (dir == NULL)
        tap_fail(__FILE__, __LINE__, "%s: %s", DRIVER, strerror(errno));
    while ((entry = readdir(dir)) != NULL)
        if (strchr(entry->d_name, ':') != NULL)
            snprintf(pci, sizeof(pci), "%.31s", entry->d_name);
    closedir(dir);
    tap_check(pci[0] != '\0');
}

static void bind_again(void)
{
    write_line(DRIVER "/bind", pci);
}

/* Others need it, also after a test that failed. */
static void unbind_undo(void *arg)
{
    char path[96];

    (void)arg;
    snprintf(path, sizeof(path), DRIVER "/%s", pci);
    if (access(path, F_OK) != 0)
        bind_again();
}

static void unbind(void)
{
    tap_at_end(unbind_undo, NULL);
    write_line(DRIVER "/unbind", pci);
}

/* A buffer of a file of its own: after unbinding that is good for nothing. */
static softaccel_buffer_t buffer_create(void)
{
    softaccel_buffer_t buffer;
    int file;

    tap_check_equal(softaccel_open(&file), 0);
    tap_check_equal(softaccel_buffer_create(file, 2 * page, &buffer), 0);
    return buffer;
}

static void buffer_drop(softaccel_buffer_t *buffer)
{
    munmap(buffer->ptr, buffer->size);
    close(buffer->fd);
}

static void test_unbound(void)
{
    softaccel_buffer_t exported = buffer_create();
    softaccel_buffer_t fresh = buffer_create();
    struct peervma_query query;
    int fd = export_ok(exported.ptr, 2 * page, 0, 2 * page);

    unbind();
    export_refused(exported.ptr, page, ESTALE, PEERVMA_REASON_REVOKED);
    export_refused(fresh.ptr, page, ESTALE, PEERVMA_REASON_REVOKED);
    query = query_ok(fresh.ptr);
    tap_check_equal(query.kind, PEERVMA_VMA_DRM);
    tap_check_equal(query.reason, PEERVMA_REASON_REVOKED);
    bind_again();
    /* The same device again, but not the one that was mapped. */
    export_refused(exported.ptr, page, ESTALE, PEERVMA_REASON_REVOKED);
    close(fd);
    buffer_drop(&exported);
    buffer_drop(&fresh);
}

/* Only its exporter knows that this dma-buf is dead, and tells importers. */
static void test_unbound_prime(void)
{
    softaccel_buffer_t buffer = buffer_create();
    int fd = export_ok(buffer.ptr, 2 * page, 0, 2 * page);
    void *map = map_shared(fd, 0, 2 * page);
    int again;

    unbind();
    again = export_ok(map, 2 * page, 0, 2 * page);
    check_same_dmabuf(again, fd);
    tap_check(mmap(NULL, page, PROT_READ, MAP_SHARED, again, 0) == MAP_FAILED);
    bind_again();
    munmap(map, 2 * page);
    close(again);
    close(fd);
    buffer_drop(&buffer);
}

static void test_bar(void)
{
    char path[96];
    struct peervma_query query;
    void *map;
    int fd;

    unbind();
    snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/resource2", pci);
    fd = open(path, O_RDWR | O_CLOEXEC);
    tap_check(fd >= 0);
    map = map_shared(fd, 0, 4 * page);
    close(fd);
    export_refused(map, 4 * page, EOPNOTSUPP, PEERVMA_REASON_BAR_POLICY);
    query = query_ok(map);
    tap_check_equal(query.kind, PEERVMA_VMA_BAR);
    tap_check_equal(query.reason, PEERVMA_REASON_BAR_POLICY);
    munmap(map, 4 * page);
    bind_again();
}

static void test_bound_again(void)
{
    softaccel_buffer_t buffer = buffer_create();
    int fd = export_ok(buffer.ptr, 2 * page, 0, 2 * page);

    check_same_memory(fd, 0, buffer.ptr, 2 * page);
    close(fd);
    buffer_drop(&buffer);
}

static const tap_test_t tests[] = {
    {"a mapping of an unbound device is ESTALE, also when it is bound again",
     test_unbound},
    {"a dma-buf of an unbound device leads to itself and to no memory",
     test_unbound_prime},
    {"a PCI BAR mapped through sysfs is EOPNOTSUPP", test_bar},
    {"after all that the device is exported as before", test_bound_again},
};

int main(void)
{
    pci_find();
    return tap_main(tests, tap_count(tests));
}
