/* SPDX-License-Identifier: BSD-3-Clause */
/* The ioctls' structures: sizes, flags, arguments, pointers. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "device.h"
#include "tap.h"

/* A structure with room behind it for fields that no kernel knows. */
typedef union argument {
    struct peervma_info info;
    struct peervma_query query;
    struct peervma_export export;
    uint32_t size;
    uint8_t byte[256];
} argument_t;

typedef struct call {
    unsigned request;
    uint32_t size_ver0;
    uint32_t size;
} call_t;

static const call_t calls[] = {
    {PEERVMA_IOC_INFO, PEERVMA_INFO_SIZE_VER0, sizeof(struct peervma_info)},
    {PEERVMA_IOC_QUERY, PEERVMA_QUERY_SIZE_VER0, sizeof(struct peervma_query)},
    {PEERVMA_IOC_EXPORT, PEERVMA_EXPORT_SIZE_VER0,
     sizeof(struct peervma_export)},
};

static void *memory; /* a dma-buf's mapping, of one page */

/* Fill in an argument that is right but for what a test changes. */
static void argument_set(argument_t *arg, const call_t *call)
{
    memset(arg, 0, sizeof(*arg));
    arg->size = call->size;
    if (call->request == PEERVMA_IOC_QUERY) {
        arg->query.addr = (uintptr_t)memory;
    } else if (call->request == PEERVMA_IOC_EXPORT) {
        arg->export.addr = (uintptr_t)memory;
        arg->export.length = page;
    }
}

static void argument_drop(const argument_t *arg, const call_t *call)
{
    if (call->request == PEERVMA_IOC_EXPORT)
        tap_check_equal(close(arg->export.fd), 0);
}

static void memory_create(void)
{
    int fd = heap_create(page, O_RDWR);

    memory = map_shared(fd, 0, page);
    close(fd);
}

static void test_unknown_ioctls(void)
{
    const unsigned unknown[] = {
        _IO(PEERVMA_IOC_TYPE, 3),
        _IO(PEERVMA_IOC_TYPE, 255),
        _IO(PEERVMA_IOC_TYPE + 1, 0),
        _IOWR(PEERVMA_IOC_TYPE, 0, struct peervma_info),
    };
    argument_t arg;
    size_t i;

    argument_set(&arg, &calls[0]);
    for (i = 0; i < tap_count(unknown); i++)
        tap_check_equal(device_ioctl(unknown[i], &arg), -ENOTTY);
}

static void test_info(void)
{
    argument_t arg;

    argument_set(&arg, &calls[0]);
    tap_check_equal(device_ioctl(PEERVMA_IOC_INFO, &arg), 0);
    tap_check_equal(arg.info.features &
                        (PEERVMA_FEATURE_QUERY | PEERVMA_FEATURE_EXPORT),
                    PEERVMA_FEATURE_QUERY | PEERVMA_FEATURE_EXPORT);
    tap_check(arg.info.kinds & (1ULL << PEERVMA_VMA_DMABUF));
    tap_check(arg.info.kinds & (1ULL << PEERVMA_VMA_DRM));
    tap_check(!(arg.info.kinds & (1ULL << PEERVMA_VMA_NONE)));
}

/* INFO as a library calls it whose structure has `size` bytes. */
static argument_t info_of_size(uint32_t size)
{
    argument_t arg;
    size_t i;

    /* Fields that are results may hold anything; they are not read. */
    memset(&arg, 0x5a, sizeof(arg));
    arg.info.size = size;
    arg.info.flags = 0;
    tap_check_equal(device_ioctl(PEERVMA_IOC_INFO, &arg), 0);
    tap_check_equal(arg.info.size, size);
    for (i = size; i < sizeof(arg); i++)
        tap_check_equal(arg.byte[i], 0x5a);
    return arg;
}

/* Of libraries that know nothing of the limits, or not of all of them. */
static void test_info_versions(void)
{
    argument_t arg;

    arg = info_of_size(PEERVMA_INFO_SIZE_VER0);
    tap_check(arg.info.features & PEERVMA_FEATURE_LIMITS);
    tap_check(arg.info.features & PEERVMA_FEATURE_PROCESS_LIMIT);

    arg = info_of_size(PEERVMA_INFO_SIZE_VER1);
    tap_check(arg.info.max_exports > 0);
    tap_check(arg.info.max_exports_per_user > 0);
    tap_check_equal(arg.info.exports, 0);
    tap_check_equal(arg.info.reserved, 0);

    tap_check_equal(PEERVMA_INFO_SIZE_VER2, sizeof(arg.info));
    arg = info_of_size(PEERVMA_INFO_SIZE_VER2);
    tap_check(arg.info.max_exports > 0);
    tap_check(arg.info.max_exports_per_process > 0);
    tap_check_equal(arg.info.process_exports, 0);
    tap_check_equal(arg.info.reserved, 0);
}

static void test_info_limits(void)
{
    static const struct {
        const char *parameter;
        size_t offset;
    } limits[] = {
        {"max_exports", offsetof(struct peervma_info, max_exports)},
        {"max_exports_per_user",
         offsetof(struct peervma_info, max_exports_per_user)},
        {"max_exports_per_process",
         offsetof(struct peervma_info, max_exports_per_process)},
    };
    argument_t arg = {.info.size = sizeof(arg.info)};
    char path[96];
    uint32_t told;
    size_t i;

    for (i = 0; i < tap_count(limits); i++) {
        snprintf(path, sizeof(path), "/sys/module/peervma/parameters/%s",
                 limits[i].parameter);
        setting_write(path, "77");
        tap_check_equal(device_ioctl(PEERVMA_IOC_INFO, &arg), 0);
        memcpy(&told, &arg.byte[limits[i].offset], sizeof(told));
        tap_check_equal(told, 77);
    }
}

static void test_exact(void)
{
    argument_t arg;
    size_t i;

    for (i = 0; i < tap_count(calls); i++) {
        argument_set(&arg, &calls[i]);
        arg.size = calls[i].size_ver0;
        tap_check_equal(device_ioctl(calls[i].request, &arg), 0);
        tap_check_equal(arg.size, calls[i].size_ver0);
        argument_drop(&arg, &calls[i]);
    }
}

static void test_short(void)
{
    argument_t arg;
    size_t i, k;

    for (i = 0; i < tap_count(calls); i++) {
        const uint32_t sizes[] = {0, 4, calls[i].size_ver0 - 1};

        for (k = 0; k < tap_count(sizes); k++) {
            argument_set(&arg, &calls[i]);
            arg.size = sizes[k];
            tap_check_equal(device_ioctl(calls[i].request, &arg), -EINVAL);
        }
    }
}

static void test_long_zero(void)
{
    argument_t arg;
    size_t i, k;

    for (i = 0; i < tap_count(calls); i++) {
        argument_set(&arg, &calls[i]);
        arg.size = sizeof(arg) - 1;
        arg.byte[sizeof(arg) - 1] = 0x5a; /* beyond the structure */
        tap_check_equal(device_ioctl(calls[i].request, &arg), 0);
        tap_check_equal(arg.size, sizeof(arg) - 1);
        for (k = calls[i].size; k < sizeof(arg) - 1; k++)
            tap_check_equal(arg.byte[k], 0);
        tap_check_equal(arg.byte[sizeof(arg) - 1], 0x5a);
        argument_drop(&arg, &calls[i]);
    }
}

static void test_long_set(void)
{
    argument_t arg;
    size_t i;

    for (i = 0; i < tap_count(calls); i++) {
        argument_set(&arg, &calls[i]);
        arg.size = sizeof(arg);
        arg.byte[sizeof(arg) - 1] = 1;
        tap_check_equal(device_ioctl(calls[i].request, &arg), -E2BIG);
        argument_set(&arg, &calls[i]);
        arg.size = calls[i].size + 1;
        arg.byte[calls[i].size] = 1;
        tap_check_equal(device_ioctl(calls[i].request, &arg), -E2BIG);
    }
}

static void test_huge(void)
{
    uint8_t *zero = map_anonymous(4 * page);
    size_t i;

    for (i = 0; i < tap_count(calls); i++) {
        argument_set((argument_t *)zero, &calls[i]);
        *(uint32_t *)zero = (uint32_t)page + 1;
        tap_check_equal(device_ioctl(calls[i].request, zero), -E2BIG);
        *(uint32_t *)zero = UINT32_MAX;
        tap_check_equal(device_ioctl(calls[i].request, zero), -E2BIG);
    }
    munmap(zero, 4 * page);
}

static void test_flags(void)
{
    argument_t arg;
    unsigned bit;
    size_t i;

    for (i = 0; i < tap_count(calls); i++)
        for (bit = 0; bit < 32; bit++) {
            argument_set(&arg, &calls[i]);
            arg.info.flags = 1U << bit;
            tap_check_equal(device_ioctl(calls[i].request, &arg), -EINVAL);
        }
}

static void test_unreadable(void)
{
    uint8_t *map = map_anonymous(page);
    argument_t *last;
    size_t i;

    for (i = 0; i < tap_count(calls); i++) {
        tap_check_equal(device_ioctl(calls[i].request, NULL), -EFAULT);
        tap_check_equal(device_ioctl(calls[i].request, (void *)-64L), -EFAULT);
        /* The size can be read, the rest can't. */
        last = (argument_t *)(map + page - 8);
        last->size = calls[i].size;
        tap_check_equal(device_ioctl(calls[i].request, last), -EFAULT);
    }
    munmap(map, page);
}

static void test_unwritable(void)
{
    unsigned fds;
    uint8_t *map = map_anonymous(page);
    size_t i;

    (void)device_fd();
    fds = fds_used();
    for (i = 0; i < tap_count(calls); i++) {
        tap_check_equal(mprotect(map, page, PROT_READ | PROT_WRITE), 0);
        argument_set((argument_t *)map, &calls[i]);
        tap_check_equal(mprotect(map, page, PROT_READ), 0);
        tap_check_equal(device_ioctl(calls[i].request, map), -EFAULT);
    }
    tap_check_equal(fds_used(), fds);
    munmap(map, page);
}

static void test_lengths(void)
{
    export_refused(memory, 0, EINVAL, 0);
    export_refused(memory, 1, EINVAL, 0);
    export_refused(memory, page - 1, EINVAL, 0);
    export_refused((char *)memory + 1, page, EINVAL, 0);
    export_refused((char *)memory + 8, page - 8, EINVAL, 0);
}

static void test_overflows(void)
{
    struct peervma_query query;
    const uintptr_t kernel = (uintptr_t)1 << (sizeof(long) * CHAR_BIT - 1);
    const size_t huge = -page;

    export_refused(memory, huge, EOVERFLOW, 0);
    export_refused((void *)huge, page, EOVERFLOW, 0);
    export_refused((void *)huge, 2 * page, EOVERFLOW, 0);
    export_refused((void *)kernel, page, EOVERFLOW, 0);
    export_refused(memory, kernel, EOVERFLOW, 0);
    tap_check_equal(query_at((void *)huge, &query), -EOVERFLOW);
    tap_check_equal(query_at((void *)kernel, &query), -EOVERFLOW);
    tap_check_equal(query_at((void *)UINTPTR_MAX, &query), -EOVERFLOW);
}

/* As from a 32-bit program; its structure must lie below 4 GiB. */
static int ioctl_32bit(unsigned request, void *arg)
{
    int ret;

    __asm__ volatile("int $0x80"
                     : "=a"(ret)
                     : "a"(54), "b"(device_fd()), "c"(request), "d"(arg)
                     : "memory", "r8", "r9", "r10", "r11");
    return ret;
}

static void test_32bit(void)
{
    argument_t *arg = mmap(NULL, page, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
    size_t i;

    tap_check(arg != MAP_FAILED);
    for (i = 0; i < tap_count(calls); i++) {
        argument_set(arg, &calls[i]);
        tap_check_equal(ioctl_32bit(calls[i].request, arg), 0);
        argument_drop(arg, &calls[i]);
    }
    tap_check_equal(ioctl_32bit(_IO(PEERVMA_IOC_TYPE, 3), arg), -ENOTTY);
    munmap(arg, page);
}

static void test_only_ioctl(void)
{
    char byte = 0;

    tap_check_equal(read(device_fd(), &byte, 1), -1);
    tap_check_equal(write(device_fd(), &byte, 1), -1);
    tap_check(mmap(NULL, page, PROT_READ, MAP_SHARED, device_fd(), 0) ==
              MAP_FAILED);
    tap_check_equal(lseek(device_fd(), 0, SEEK_END), -1);
}

static const tap_test_t tests[] = {
    {"an unknown ioctl is ENOTTY", test_unknown_ioctls},
    {"INFO names what can be asked and exported", test_info},
    {"INFO of each version fills in what that has", test_info_versions},
    {"INFO tells the limits that the parameters set", test_info_limits},
    {"a structure of the first version is taken", test_exact},
    {"a structure shorter than its first version is EINVAL", test_short},
    {"a longer structure of zeros is taken, its tail left alone",
     test_long_zero},
    {"a longer structure with an unknown field set is E2BIG", test_long_set},
    {"a structure longer than a page is E2BIG", test_huge},
    {"each flag is EINVAL", test_flags},
    {"a structure that can't be read is EFAULT", test_unreadable},
    {"a structure that can't be written is EFAULT and leaves no descriptor",
     test_unwritable},
    {"a length of zero or not of whole pages is EINVAL", test_lengths},
    {"a range that wraps or lies beyond user addresses is EOVERFLOW",
     test_overflows},
    {"a 32-bit program's calls are the same", test_32bit},
    {"read, write, seek and mmap of the device are refused", test_only_ioctl},
};

int main(void)
{
    memory_create();
    return tap_main(tests, tap_count(tests));
}
