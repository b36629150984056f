/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The ioctls from a 32-bit program. It has no C library, so that no 32-bit one
 * need be installed; it prints TAP.
 */
#include <stddef.h>
#include <stdint.h>

#include <asm/errno.h>
#include <asm/fcntl.h>
#include <asm/unistd_32.h>
#include <linux/dma-heap.h>
#include <linux/mman.h>
#include <linux/peervma.h>

#define PAGE 4096U
#define PAGES 4U
#define GUARD 0x5a5a5a5aU

_Static_assert(sizeof(void *) == 4, "not a 32-bit program");
_Static_assert(sizeof(struct peervma_query) == PEERVMA_QUERY_SIZE_VER0,
               "padded otherwise than in 64 bits");
_Static_assert(sizeof(struct peervma_export) == PEERVMA_EXPORT_SIZE_VER0,
               "padded otherwise than in 64 bits");
_Static_assert(sizeof(struct peervma_info) == PEERVMA_INFO_SIZE_VER2,
               "padded otherwise than in 64 bits");

void _start(void);

static int device;
static uint8_t *memory;

static long call(long number, long a, long b, long c, long d, long e)
{
    long ret;

    __asm__ volatile("int $0x80"
                     : "=a"(ret)
                     : "a"(number), "b"(a), "c"(b), "d"(c), "S"(d), "D"(e)
                     : "memory");
    return ret;
}

static int ioctl(int fd, unsigned request, void *arg)
{
    return (int)call(__NR_ioctl, fd, (long)request, (long)arg, 0, 0);
}

static int open(const char *path)
{
    return (int)call(__NR_open, (long)path, O_RDWR | O_CLOEXEC, 0, 0, 0);
}

/* A shared mapping, or NULL. The sixth argument, the offset, is zero. */
static void *map(int fd, unsigned length)
{
    const struct {
        uint32_t address, length, prot, flags;
        int32_t fd;
        uint32_t offset;
    } args = {0, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0};
    long ret = call(__NR_mmap, (long)&args, 0, 0, 0, 0);

    return ret < 0 && ret > -4096 ? NULL : (void *)ret;
}

static void print(const char *text)
{
    unsigned length = 0;

    while (text[length] != '\0')
        length++;
    call(__NR_write, 1, (long)text, (long)length, 0, 0);
}

static int memory_create(void)
{
    struct dma_heap_allocation_data data = {
        .len = PAGES * PAGE,
        .fd_flags = O_RDWR | O_CLOEXEC,
    };
    int heap = open("/dev/dma_heap/system");

    if (heap < 0 || ioctl(heap, DMA_HEAP_IOCTL_ALLOC, &data) != 0)
        return 0;
    memory = map((int)data.fd, PAGES * PAGE);
    call(__NR_close, heap, 0, 0, 0, 0);
    call(__NR_close, (long)data.fd, 0, 0, 0, 0);
    return memory != NULL;
}

static int export_at(uint64_t address, uint64_t length,
                     struct peervma_export *export_p)
{
    *export_p = (struct peervma_export){
        .size = sizeof(*export_p),
        .addr = address,
        .length = length,
    };
    return ioctl(device, PEERVMA_IOC_EXPORT, export_p);
}

static int test_info(void)
{
    struct {
        struct peervma_info info;
        uint32_t guard;
    } arg = {.info.size = sizeof(arg.info), .guard = GUARD};

    return ioctl(device, PEERVMA_IOC_INFO, &arg) == 0 && arg.guard == GUARD &&
           (arg.info.features & PEERVMA_FEATURE_EXPORT) &&
           ((arg.info.kinds >> PEERVMA_VMA_DMABUF) & 1) &&
           arg.info.max_exports != 0 && arg.info.max_exports_per_process != 0;
}

static int test_query(void)
{
    struct peervma_query query = {
        .size = sizeof(query),
        .addr = (uintptr_t)memory + PAGE + 5,
    };

    return ioctl(device, PEERVMA_IOC_QUERY, &query) == 0 &&
           query.vma_start == (uintptr_t)memory &&
           query.vma_end == (uintptr_t)memory + PAGES * PAGE &&
           query.kind == PEERVMA_VMA_DMABUF &&
           query.prot == (PEERVMA_PROT_READ | PEERVMA_PROT_WRITE) &&
           query.object_size == PAGES * PAGE &&
           query.reason == PEERVMA_REASON_NONE;
}

static int test_export(void)
{
    volatile uint8_t *first, *other;
    struct peervma_export export;

    if (export_at((uintptr_t)memory + PAGE, PAGE, &export) != 0 ||
        export.offset != PAGE || export.object_size != PAGES * PAGE)
        return 0;
    first = memory;
    other = map(export.fd, PAGES * PAGE);
    if (other == NULL)
        return 0;
    first[PAGE + 1] = 17;
    other[2 * PAGE] = 42;
    return other[PAGE + 1] == 17 && first[2 * PAGE] == 42 &&
           call(__NR_close, export.fd, 0, 0, 0, 0) == 0;
}

static int test_refused(void)
{
    struct peervma_export export;

    return export_at(0, PAGE, &export) == -ENXIO &&
           export.reason == PEERVMA_REASON_UNMAPPED && export.fd == -1 &&
           export_at((uintptr_t) & export & -PAGE, PAGE, &export) == -ENODEV &&
           export_at((uintptr_t)memory, PAGES * PAGE + PAGE, &export) ==
               -ERANGE;
}

/* The low half of it is an address of the program's own. */
static int test_beyond(void)
{
    const uint64_t high = (uint64_t)1 << 32;
    struct peervma_export export;

    return export_at(high | (uintptr_t)memory, PAGE, &export) == -EOVERFLOW &&
           export_at((uintptr_t)memory, high + PAGE, &export) == -EOVERFLOW;
}

static int test_longer(void)
{
    struct {
        struct peervma_export export;
        uint64_t unknown;
    } arg = {
        .export = {sizeof(arg), 0, (uintptr_t)memory, PAGE, 0, 0, 0, 0},
    };

    if (ioctl(device, PEERVMA_IOC_EXPORT, &arg) != 0)
        return 0;
    call(__NR_close, arg.export.fd, 0, 0, 0, 0);
    arg.unknown = 1;
    return ioctl(device, PEERVMA_IOC_EXPORT, &arg) == -E2BIG &&
           ioctl(device, _IO(PEERVMA_IOC_TYPE, 3), &arg) == -ENOTTY;
}

static int test(const char *name, int (*run)(void))
{
    int ok = run();

    print(ok ? "ok - " : "not ok - ");
    print(name);
    print("\n");
    return ok;
}

static int test_all(void)
{
    int ok = 1;

    device = open("/dev/peervma");
    if (device < 0 || !memory_create()) {
        print("Bail out! no /dev/peervma, or no memory of a dma-heap\n");
        return 0;
    }
    ok &= test("a 32-bit program's INFO fills its structure only", test_info);
    ok &= test("its QUERY describes its mapping", test_query);
    ok &= test("its EXPORT is the memory that it mapped", test_export);
    ok &= test("it is refused with errno and reason", test_refused);
    ok &= test("64-bit addresses and lengths are EOVERFLOW", test_beyond);
    ok &= test("a longer structure is taken or E2BIG", test_longer);
    return ok;
}

__attribute__((force_align_arg_pointer)) void _start(void)
{
    int ok;

    print("1..6\n");
    ok = test_all();
    call(__NR_exit, !ok, 0, 0, 0, 0);
    __builtin_unreachable();
}
