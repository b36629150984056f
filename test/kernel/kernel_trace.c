/* SPDX-License-Identifier: BSD-3-Clause */
/* What calls do inside the kernel, by its tracepoints. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "device.h"
#include "tap.h"

#define CALLS 1000
#define TRACEFS "/sys/kernel/tracing"
#define INSTANCE TRACEFS "/instances/peervma_test"

static const char *const events[] = {
    "kmem/kmalloc",
    "kmem/kmem_cache_alloc",
    "kmem/mm_page_alloc",
    "mmap_lock/mmap_lock_acquire_returned",
};

/* What this thread did while it was traced, outside of interrupts. */
typedef struct traced {
    unsigned allocations;
    unsigned read_locks;
    unsigned write_locks;
} traced_t;

static void trace_open(void)
{
    char path[160], pid[16];
    size_t i;

    tap_check(mount("none", TRACEFS, "tracefs", 0, NULL) == 0 ||
              errno == EBUSY);
    tap_check_equal(mkdir(INSTANCE, 0700), 0);
    write_line(INSTANCE "/tracing_on", "0");
    snprintf(pid, sizeof(pid), "%d", (int)getpid());
    write_line(INSTANCE "/set_event_pid", pid);
    for (i = 0; i < tap_count(events); i++) {
        snprintf(path, sizeof(path), INSTANCE "/events/%s/enable", events[i]);
        write_line(path, "1");
    }
}

static void trace_close(void)
{
    tap_check_equal(rmdir(INSTANCE), 0);
}

static void trace_count(traced_t *traced, const char *line)
{
    char flags[16], event[64];

    if (sscanf(line, " %*s [%*u] %15s %*s %63s", flags, event) != 2)
        return;
    /* The third flag tells an interrupt, which is nobody's doing. */
    if (strlen(flags) < 3 || flags[2] != '.')
        return;
    if (strcmp(event, "mmap_lock_acquire_returned:") != 0)
        traced->allocations++;
    else if (strstr(line, "write=true") != NULL)
        traced->write_locks++;
    else if (strstr(line, "write=false") != NULL)
        traced->read_locks++;
}

/* Run something and count what it did. */
static traced_t trace(void (*run)(void *arg), void *arg)
{
    traced_t traced = {0};
    char line[512];
    FILE *file;

    /* Opening it so empties it. */
    file = fopen(INSTANCE "/trace", "we");
    tap_check(file != NULL);
    fclose(file);
    write_line(INSTANCE "/tracing_on", "1");
    run(arg);
    write_line(INSTANCE "/tracing_on", "0");
    file = fopen(INSTANCE "/trace", "re");
    tap_check(file != NULL);
    while (fgets(line, sizeof(line), file) != NULL) {
        /* A loss would hide what is looked for. */
        tap_check(strstr(line, "LOST") == NULL);
        trace_count(&traced, line);
    }
    fclose(file);
    printf("# %u allocations, %u read locks, %u write locks\n",
           traced.allocations, traced.read_locks, traced.write_locks);
    return traced;
}

static void nothing(void *arg)
{
    (void)arg;
}

static void query_many(void *arg)
{
    struct peervma_query query;
    unsigned i;

    for (i = 0; i < CALLS; i++)
        query_at(arg, &query);
}

static void export_once(void *arg)
{
    struct peervma_export export;

    tap_check_equal(export_at(arg, page, &export), 0);
    close(export.fd);
}

static void map_and_unmap(void *arg)
{
    munmap(mmap(arg, page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
           page);
}

/*
 * What it costs to trace nothing is for the comparison. A debug kernel's own
 * records take some memory now and then, but not each time.
 */
static void check_query(void *address)
{
    traced_t base, traced;
    unsigned tries = 0;

    do {
        base = trace(nothing, NULL);
        traced = trace(query_many, address);
    } while (traced.allocations > base.allocations && ++tries < 3);
    tap_check(traced.allocations <= base.allocations);
    tap_check_equal(traced.read_locks - base.read_locks, CALLS);
    tap_check_equal(traced.write_locks, base.write_locks);
}

static void test_query_device(void)
{
    softaccel_buffer_t buffer = accel_create(page);

    check_query(buffer.ptr);
    close(export_ok(buffer.ptr, page, 0, page));
    check_query(buffer.ptr);
    accel_destroy(&buffer);
}

static void test_query_dmabuf(void)
{
    softaccel_buffer_t buffer = accel_create(page);
    int fd = export_ok(buffer.ptr, page, 0, page);
    void *map = map_shared(fd, 0, page);

    check_query(map);
    munmap(map, page);
    close(fd);
    accel_destroy(&buffer);
}

static void test_query_ordinary(void)
{
    void *map = map_anonymous(page);

    check_query(map);
    munmap(map, page);
    check_query(map);
}

static void test_export(void)
{
    softaccel_buffer_t buffer = accel_create(page);
    traced_t traced = trace(export_once, buffer.ptr);

    tap_check(traced.allocations > 0);
    tap_check(traced.read_locks > 0);
    tap_check_equal(traced.write_locks, 0);
    accel_destroy(&buffer);
}

static void test_mmap(void)
{
    tap_check(trace(map_and_unmap, NULL).write_locks > 0);
}

static const tap_test_t tests[] = {
    {"the trace sees EXPORT allocate, and lock for reading only", test_export},
    {"the trace sees mmap lock for writing", test_mmap},
    {"QUERY of a device's mapping allocates nothing and locks once, to read",
     test_query_device},
    {"so does QUERY of a dma-buf's mapping", test_query_dmabuf},
    {"so does QUERY of ordinary memory and of none", test_query_ordinary},
};

int main(void)
{
    int ret;

    (void)device_fd();
    (void)accel_fd();
    trace_open();
    ret = tap_main(tests, tap_count(tests));
    trace_close();
    return ret;
}
