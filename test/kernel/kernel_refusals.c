/* SPDX-License-Identifier: BSD-3-Clause */
/* What is not to be exported, each with its own errno and reason. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "device.h"
#include "tap.h"

#define NOBODY 65534

/* The mapping of a fresh dma-buf. */
static uint8_t *dmabuf_map(size_t length)
{
    int fd = heap_create(length, O_RDWR);
    uint8_t *map = map_shared(fd, 0, length);

    close(fd);
    return map;
}

/* A range that both ioctls take for ordinary memory. */
static void check_not_device(const void *address, size_t length)
{
    struct peervma_query query;

    tap_check_equal(query_at(address, &query), -ENODEV);
    tap_check_equal(query.kind, PEERVMA_VMA_NONE);
    tap_check_equal(query.reason, PEERVMA_REASON_NOT_DEVICE);
    tap_check(query.vma_start <= (uintptr_t)address &&
              query.vma_end > (uintptr_t)address);
    tap_check_equal(query.object_size, 0);
    tap_check_equal(query.pci_valid, 0);
    export_refused(address, length, ENODEV, PEERVMA_REASON_NOT_DEVICE);
}

static void *page_of(const void *address)
{
    return (void *)((uintptr_t)address & ~(page - 1));
}

static void test_unmapped(void)
{
    uint8_t *map = dmabuf_map(3 * page);
    struct peervma_query query;

    tap_check_equal(munmap(map + page, page), 0);
    export_refused(map + page, page, ENXIO, PEERVMA_REASON_UNMAPPED);
    export_refused(map + page, 2 * page, ENXIO, PEERVMA_REASON_UNMAPPED);
    export_refused(NULL, page, ENXIO, PEERVMA_REASON_UNMAPPED);
    tap_check_equal(query_at(map + page, &query), -ENXIO);
    tap_check_equal(query.reason, PEERVMA_REASON_UNMAPPED);
    tap_check_equal(query.vma_end, 0);
    tap_check_equal(query_at(NULL, &query), -ENXIO);
    munmap(map, page);
    munmap(map + 2 * page, page);
}

static void test_anonymous(void)
{
    uint8_t *map = map_anonymous(2 * page);
    uint8_t *allocated = malloc(64 * page);
    uint8_t *shared = mmap(NULL, page, PROT_READ | PROT_WRITE,
                           MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    char stack;

    check_not_device(map, 2 * page);
    check_not_device(page_of(allocated + page), page);
    check_not_device(page_of(&stack), page);
    tap_check(shared != MAP_FAILED);
    check_not_device(shared, page);
    munmap(map, 2 * page);
    munmap(shared, page);
    free(allocated);
}

static void test_vdso(void)
{
    uint8_t *vdso = (uint8_t *)getauxval(AT_SYSINFO_EHDR);

    tap_check(vdso != NULL);
    check_not_device(vdso, page);
    /* The pages before it are vvar: VM_IO, but of no device. */
    check_not_device(vdso - page, page);
}

static void test_files(void)
{
    char name[] = "/tmp/kernel_refusals.XXXXXX";
    int file = mkstemp(name);
    int memfd = memfd_create("test", MFD_CLOEXEC);
    void *map;

    tap_check(file >= 0 && memfd >= 0);
    unlink(name);
    tap_check_equal(ftruncate(file, (off_t)page), 0);
    tap_check_equal(ftruncate(memfd, (off_t)page), 0);
    map = map_shared(file, 0, page);
    check_not_device(map, page);
    munmap(map, page);
    map = map_shared(memfd, 0, page);
    check_not_device(map, page);
    munmap(map, page);
    close(file);
    close(memfd);
    /* This program's own text. */
    check_not_device(page_of((void *)(uintptr_t)test_files), page);
}

/* It is main memory before it is private. */
static void test_private_file(void)
{
    int memfd = memfd_create("test", MFD_CLOEXEC);
    void *map;

    tap_check(memfd >= 0);
    tap_check_equal(ftruncate(memfd, (off_t)page), 0);
    map = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE, memfd, 0);
    tap_check(map != MAP_FAILED);
    check_not_device(map, page);
    tap_check_equal(mprotect(map, page, PROT_READ), 0);
    check_not_device(map, page);
    munmap(map, page);
    close(memfd);
}

static void test_hugetlb(void)
{
    const size_t length = 2 << 20;
    const char *pool = "/proc/sys/vm/nr_hugepages";
    void *map;

    setting_write(pool, "1");
    map = mmap(NULL, length, PROT_READ | PROT_WRITE,
               MAP_SHARED | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
    tap_check(map != MAP_FAILED);
    check_not_device(map, length);
    check_not_device((char *)map + page, page);
    munmap(map, length);
}

/* A file of huge pages, which are there as long as the pool is. */
static void test_hugetlb_file(void)
{
    const size_t length = 2 << 20;
    const char *pool = "/proc/sys/vm/nr_hugepages";
    int fd = memfd_create("test", MFD_CLOEXEC | MFD_HUGETLB);
    void *map;

    tap_check(fd >= 0);
    setting_write(pool, "1");
    map = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    tap_check(map != MAP_FAILED);
    check_not_device(map, length);
    munmap(map, length);
    close(fd);
}

static void test_crossing(void)
{
    const size_t length = 2 * page;
    /* In a place with a TiB of addresses behind it: mmap()'s own may lie closer
     * to the end of all. */
    uint8_t *space = (uint8_t *)((uintptr_t)1 << 44);
    int fd = heap_create(length, O_RDWR);
    int other = heap_create(length, O_RDWR);

    tap_check(mmap(space, 4 * page, PROT_NONE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1,
                   0) == space);
    tap_check(mmap(space, length, PROT_READ | PROT_WRITE,
                   MAP_SHARED | MAP_FIXED, fd, 0) == space);
    tap_check(mmap(space + length, length, PROT_READ | PROT_WRITE,
                   MAP_SHARED | MAP_FIXED, other, 0) == space + length);
    export_refused(space, 4 * page, ERANGE, PEERVMA_REASON_CROSSES_VMA);
    export_refused(space + page, length, ERANGE, PEERVMA_REASON_CROSSES_VMA);
    close(export_ok(space + length, length, 0, length));
    munmap(space + length, length);
    export_refused(space, 3 * page, ERANGE, PEERVMA_REASON_CROSSES_VMA);
    export_refused(space, (size_t)1 << 40, ERANGE, PEERVMA_REASON_CROSSES_VMA);
    export_refused(space, ((size_t)1 << 32) + page, ERANGE,
                   PEERVMA_REASON_CROSSES_VMA);
    close(export_ok(space, length, 0, length));
    munmap(space, length);
    close(fd);
    close(other);
}

static void test_private(void)
{
    int fd = heap_create(page, O_RDWR);
    const int prots[] = {PROT_READ | PROT_WRITE, PROT_READ};
    struct peervma_query query;
    void *map;
    size_t i;

    for (i = 0; i < tap_count(prots); i++) {
        map = mmap(NULL, page, prots[i], MAP_PRIVATE, fd, 0);
        tap_check(map != MAP_FAILED);
        export_refused(map, page, EPERM, PEERVMA_REASON_PRIVATE);
        query = query_ok(map);
        tap_check_equal(query.reason, PEERVMA_REASON_PRIVATE);
        /* The heap's driver has left a page frame there. */
        tap_check_equal(query.object_offset, 0);
        munmap(map, page);
    }
    close(fd);
}

static void test_protection(void)
{
    uint8_t *map = dmabuf_map(page);
    const struct {
        int prot;
        unsigned expected;
    } cases[] = {
        {PROT_NONE, 0},
        {PROT_READ, PEERVMA_PROT_READ},
        {PROT_WRITE, PEERVMA_PROT_WRITE},
    };
    struct peervma_query query;
    size_t i;

    for (i = 0; i < tap_count(cases); i++) {
        tap_check_equal(mprotect(map, page, cases[i].prot), 0);
        export_refused(map, page, EACCES, PEERVMA_REASON_READ_ONLY);
        query = query_ok(map);
        tap_check_equal(query.prot, cases[i].expected);
        tap_check_equal(query.kind, PEERVMA_VMA_DMABUF);
        tap_check_equal(query.reason, PEERVMA_REASON_READ_ONLY);
    }
    tap_check_equal(mprotect(map, page, PROT_READ | PROT_WRITE), 0);
    close(export_ok(map, page, 0, page));
    munmap(map, page);
}

static void test_read_only_file(void)
{
    int fd = heap_create(page, O_RDONLY);
    void *map = mmap(NULL, page, PROT_READ, MAP_SHARED, fd, 0);

    tap_check(map != MAP_FAILED);
    close(fd);
    export_refused(map, page, EACCES, PEERVMA_REASON_READ_ONLY);
    tap_check_equal(mprotect(map, page, PROT_READ | PROT_WRITE), -1);
    munmap(map, page);
}

/* The old BIOS area: the first MiB is not forbidden to map. */
static void *no_exporters_map(int prot, int flags)
{
    int fd = open("/dev/mem", O_RDWR | O_SYNC | O_CLOEXEC);
    void *map = mmap(NULL, page, prot, flags, fd, 0xf0000);

    tap_check(map != MAP_FAILED);
    close(fd);
    return map;
}

/* Device memory all right, but nobody who could export it. */
static void test_no_exporter(void)
{
    void *map = no_exporters_map(PROT_READ | PROT_WRITE, MAP_SHARED);
    struct peervma_query query;

    export_refused(map, page, EOPNOTSUPP, PEERVMA_REASON_NO_EXPORTER);
    query = query_ok(map);
    tap_check_equal(query.kind, PEERVMA_VMA_OTHER);
    tap_check_equal(query.reason, PEERVMA_REASON_NO_EXPORTER);
    munmap(map, page);
}

/* The caller's arguments, the range, the mapping's rights, the exporter. */
static void test_order(void)
{
    uint8_t *ordinary = map_anonymous(page);
    uint8_t *none = no_exporters_map(PROT_READ | PROT_WRITE, MAP_SHARED);
    struct peervma_export *unwritable = map_anonymous(page);

    export_refused((void *)UINTPTR_MAX, page, EINVAL, 0);
    export_refused(ordinary, 2 * page, ERANGE, PEERVMA_REASON_CROSSES_VMA);
    export_refused(none, 2 * page, ERANGE, PEERVMA_REASON_CROSSES_VMA);
    tap_check_equal(mprotect(none, page, PROT_READ), 0);
    export_refused(none, page, EACCES, PEERVMA_REASON_READ_ONLY);
    munmap(none, page);
    none = no_exporters_map(PROT_READ, MAP_PRIVATE);
    export_refused(none, page, EPERM, PEERVMA_REASON_PRIVATE);
    *unwritable = (struct peervma_export){
        .size = sizeof(*unwritable),
        .flags = 1,
        .addr = (uintptr_t)none,
        .length = page,
    };
    tap_check_equal(mprotect(unwritable, page, PROT_READ), 0);
    tap_check_equal(device_ioctl(PEERVMA_IOC_EXPORT, unwritable), -EFAULT);
    munmap(unwritable, page);
    munmap(none, page);
    munmap(ordinary, page);
}

static void limit_undo(void *arg)
{
    tap_check_equal(setrlimit(RLIMIT_NOFILE, arg), 0);
}

/* The mapping's causes come before EMFILE. */
static void test_order_no_descriptor(void)
{
    static struct rlimit before;
    void *none = no_exporters_map(PROT_READ | PROT_WRITE, MAP_SHARED);
    uint8_t *map = dmabuf_map(page);
    struct rlimit limit;

    (void)device_fd();
    tap_check_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    limit = (struct rlimit){.rlim_cur = 0, .rlim_max = before.rlim_max};
    tap_at_end(limit_undo, &before);
    tap_check_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    export_refused(none, page, EOPNOTSUPP, PEERVMA_REASON_NO_EXPORTER);
    export_refused(map, page, EMFILE, PEERVMA_REASON_NONE);
    limit_undo(&before);
    munmap(none, page);
    munmap(map, page);
}

/* The child holds the same open /dev/peervma, and knows the address. */
static int child_error(int pipe_fd)
{
    struct peervma_export export;
    struct peervma_query query;
    void *address;

    if (read(pipe_fd, &address, sizeof(address)) != sizeof(address))
        return 1;
    if (query_at(address, &query) != -ENXIO)
        return 2;
    if (export_at(address, page, &export) != -ENXIO)
        return 3;
    return 0;
}

static void test_other_process(void)
{
    int pipes[2], status;
    uint8_t *map;
    pid_t pid;

    (void)device_fd();
    tap_check_equal(pipe2(pipes, O_CLOEXEC), 0);
    pid = fork();
    tap_check(pid >= 0);
    if (pid == 0)
        _exit(child_error(pipes[0]));
    map = dmabuf_map(page);
    tap_check_equal(write(pipes[1], &map, sizeof(map)), sizeof(map));
    tap_check_equal(waitpid(pid, &status, 0), pid);
    tap_check_equal(status, 0);
    close(export_ok(map, page, 0, page));
    munmap(map, page);
    close(pipes[0]);
    close(pipes[1]);
}

/* Send a descriptor with an address, or take them: whether that worked. */
static bool fd_send(int socket, int fd, void *address)
{
    char control[CMSG_SPACE(sizeof(fd))] = {0};
    struct iovec iov = {.iov_base = &address, .iov_len = sizeof(address)};
    struct msghdr message = {.msg_iov = &iov,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = sizeof(control)};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);

    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(fd));
    memcpy(CMSG_DATA(header), &fd, sizeof(fd));
    return sendmsg(socket, &message, 0) == sizeof(address);
}

static bool fd_take(int socket, int *fd_p, void **address_p)
{
    char control[CMSG_SPACE(sizeof(*fd_p))] = {0};
    struct iovec iov = {.iov_base = address_p, .iov_len = sizeof(*address_p)};
    struct msghdr message = {.msg_iov = &iov,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = sizeof(control)};
    struct cmsghdr *header;

    if (recvmsg(socket, &message, 0) != sizeof(*address_p))
        return false;
    header = CMSG_FIRSTHDR(&message);
    if (header == NULL || header->cmsg_type != SCM_RIGHTS)
        return false;
    memcpy(fd_p, CMSG_DATA(header), sizeof(*fd_p));
    return true;
}

/* Another user's process, which could not open the device, is given it. */
static int nobodys_error(int socket)
{
    struct peervma_export export = {.size = sizeof(export), .length = page};
    void *address;
    int device;

    if (setgroups(0, NULL) != 0 || setgid(NOBODY) != 0 || setuid(NOBODY) != 0 ||
        open("/dev/peervma", O_RDWR | O_CLOEXEC) >= 0)
        return 1;
    if (!fd_take(socket, &device, &address))
        return 2;
    export.addr = (uintptr_t)address;
    if (ioctl(device, PEERVMA_IOC_EXPORT, &export) != -1 || errno != ENXIO)
        return 3;
    return export.reason == PEERVMA_REASON_UNMAPPED ? 0 : 4;
}

static void test_other_user(void)
{
    int sockets[2], status;
    uint8_t *map;
    pid_t pid;

    tap_check_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), 0);
    pid = fork();
    tap_check(pid >= 0);
    if (pid == 0)
        _exit(nobodys_error(sockets[1]));
    map = dmabuf_map(page);
    tap_check(fd_send(sockets[0], device_fd(), map));
    tap_check_equal(waitpid(pid, &status, 0), pid);
    tap_check_equal(status, 0);
    close(export_ok(map, page, 0, page));
    munmap(map, page);
    close(sockets[0]);
    close(sockets[1]);
}

/* An inherited mapping is the child's own. */
static void test_inherited(void)
{
    uint8_t *map = dmabuf_map(page);
    struct peervma_export export;
    int status;
    pid_t pid;

    (void)device_fd();
    pid = fork();
    tap_check(pid >= 0);
    if (pid == 0)
        _exit(export_at(map, page, &export) != 0);
    tap_check_equal(waitpid(pid, &status, 0), pid);
    tap_check_equal(status, 0);
    munmap(map, page);
}

static const tap_test_t tests[] = {
    {"nothing mapped is ENXIO", test_unmapped},
    {"anonymous memory is ENODEV", test_anonymous},
    {"the vdso and its data are ENODEV", test_vdso},
    {"file memory is ENODEV", test_files},
    {"hugetlb memory is ENODEV", test_hugetlb},
    {"a hugetlb file is ENODEV", test_hugetlb_file},
    {"private memory of a file is ENODEV, not EPERM", test_private_file},
    {"a range that leaves its VMA is ERANGE", test_crossing},
    {"a private mapping is EPERM", test_private},
    {"a mapping not both readable and writable is EACCES", test_protection},
    {"a shared mapping of a file open for reading is EACCES, not as private",
     test_read_only_file},
    {"device memory that no exporter knows is EOPNOTSUPP", test_no_exporter},
    {"of several causes the caller's come first, then range and rights",
     test_order},
    {"without a descriptor the mapping's causes come before EMFILE",
     test_order_no_descriptor},
    {"another process's address is ENXIO through the same descriptor",
     test_other_process},
    {"another user's memory is ENXIO through a descriptor that he passed",
     test_other_user},
    {"a mapping inherited by fork is exported to the child", test_inherited},
};

int main(void)
{
    return tap_main(tests, tap_count(tests));
}
