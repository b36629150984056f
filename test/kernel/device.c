/* SPDX-License-Identifier: BSD-3-Clause */
#include "device.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <linux/dma-heap.h>
#include <linux/udmabuf.h>

#include "tap.h"

size_t page;

__attribute__((constructor)) static void device_init(void)
{
    page = (size_t)sysconf(_SC_PAGESIZE);
}

static int open_checked(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC);

    if (fd < 0)
        tap_fail(__FILE__, __LINE__, "%s: %s", path, strerror(errno));
    return fd;
}

int device_fd(void)
{
    static int fd = -1;

    if (fd < 0)
        tap_keep(fd = open_checked("/dev/peervma", O_RDWR));
    return fd;
}

int device_ioctl(unsigned request, void *arg)
{
    return ioctl(device_fd(), request, arg) < 0 ? -errno : 0;
}

int query_at(const void *address, struct peervma_query *query_p)
{
    *query_p = (struct peervma_query){
        .size = sizeof(*query_p),
        .addr = (uintptr_t)address,
    };
    return device_ioctl(PEERVMA_IOC_QUERY, query_p);
}

int export_at(const void *address, size_t length,
              struct peervma_export *export_p)
{
    *export_p = (struct peervma_export){
        .size = sizeof(*export_p),
        .addr = (uintptr_t)address,
        .length = length,
    };
    return device_ioctl(PEERVMA_IOC_EXPORT, export_p);
}

struct peervma_query query_ok(const void *address)
{
    struct peervma_query query;

    tap_check_equal(query_at(address, &query), 0);
    return query;
}

int export_ok(const void *address, size_t length, uint64_t offset,
              uint64_t object_size)
{
    struct peervma_export export;

    tap_check_equal(export_at(address, length, &export), 0);
    tap_check_equal(export.reason, PEERVMA_REASON_NONE);
    tap_check_equal(export.offset, offset);
    tap_check_equal(export.object_size, object_size);
    tap_check(export.fd >= 0);
    return export.fd;
}

void export_refused(const void *address, size_t length, int error,
                    unsigned reason)
{
    struct peervma_export export;

    tap_check_equal(export_at(address, length, &export), -error);
    tap_check_equal(export.reason, reason);
    tap_check_equal(export.fd, -1);
    tap_check_equal(export.offset, 0);
    tap_check_equal(export.object_size, 0);
}

int heap_create(size_t size, int flags)
{
    struct dma_heap_allocation_data data = {
        .len = size,
        .fd_flags = (unsigned)flags | O_CLOEXEC,
    };
    int heap = open_checked("/dev/dma_heap/system", O_RDONLY);

    tap_check_equal(ioctl(heap, DMA_HEAP_IOCTL_ALLOC, &data), 0);
    close(heap);
    return (int)data.fd;
}

int udmabuf_create(size_t size)
{
    struct udmabuf_create create = {.flags = UDMABUF_FLAGS_CLOEXEC};
    int device = open_checked("/dev/udmabuf", O_RDWR);
    int memfd = memfd_create("test", MFD_ALLOW_SEALING | MFD_CLOEXEC);
    int fd;

    tap_check(memfd >= 0);
    tap_check_equal(ftruncate(memfd, (off_t)size), 0);
    tap_check_equal(fcntl(memfd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
    create.memfd = (unsigned)memfd;
    create.size = size;
    fd = ioctl(device, UDMABUF_CREATE, &create);
    tap_check(fd >= 0);
    close(memfd);
    close(device);
    return fd;
}

void *map_shared(int fd, size_t offset, size_t length)
{
    void *map = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
                     (off_t)offset);

    if (map == MAP_FAILED)
        tap_fail(__FILE__, __LINE__, "mmap: %s", strerror(errno));
    return map;
}

/* A page on either side keeps it from merging with a neighbour. */
void *map_anonymous(size_t length)
{
    char *map = mmap(NULL, length + 2 * page, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    tap_check(map != MAP_FAILED);
    tap_check_equal(munmap(map, page), 0);
    tap_check_equal(munmap(map + page + length, page), 0);
    return map + page;
}

static void write_bytes(volatile uint8_t *at, size_t length, uint8_t seed)
{
    size_t i;

    for (i = 0; i < length; i++)
        at[i] = (uint8_t)(seed + i * 7 + i / page);
}

static void check_bytes(const volatile uint8_t *at, size_t length, uint8_t seed)
{
    size_t i;

    for (i = 0; i < length; i++)
        if (at[i] != (uint8_t)(seed + i * 7 + i / page))
            tap_fail(__FILE__, __LINE__, "byte %zu differs", i);
}

void check_same_memory(int fd, size_t offset, void *address, size_t length)
{
    uint8_t *other = map_shared(fd, offset, length);

    write_bytes(address, length, 3);
    check_bytes(other, length, 3);
    write_bytes(other, length, 101);
    check_bytes(address, length, 101);
    tap_check_equal(munmap(other, length), 0);
}

void check_same_dmabuf(int fd, int other_fd)
{
    struct stat a, b;

    tap_check_equal(fstat(fd, &a), 0);
    tap_check_equal(fstat(other_fd, &b), 0);
    tap_check_equal(a.st_dev, b.st_dev);
    tap_check_equal(a.st_ino, b.st_ino);
}

/* A descriptor without a file is in no list, but it is not free either. */
unsigned fds_used(void)
{
    unsigned count = 0;
    DIR *dir = opendir("/proc/self/fd");
    int lowest_free;

    tap_check(dir != NULL);
    while (readdir(dir) != NULL)
        count++;
    closedir(dir);
    lowest_free = dup(STDOUT_FILENO);
    tap_check(lowest_free >= 0);
    close(lowest_free);
    return count * 1000000 + (unsigned)lowest_free;
}

static void slab_shrink(void)
{
    glob_t caches;
    size_t i;

    tap_check_equal(glob("/sys/kernel/slab/*/shrink", 0, NULL, &caches), 0);
    for (i = 0; i < caches.gl_pathc; i++)
        write_line(caches.gl_pathv[i], "1");
    globfree(&caches);
}

long slab_kib(void)
{
    char line[128];
    long kib = 0;
    FILE *file;

    slab_shrink();
    file = fopen("/proc/meminfo", "re");
    tap_check(file != NULL);
    while (kib == 0 && fgets(line, sizeof(line), file) != NULL)
        if (sscanf(line, "SUnreclaim: %ld", &kib) != 1)
            kib = 0;
    fclose(file);
    tap_check(kib > 0);
    return kib;
}

int accel_fd(void)
{
    static int fd = -1;
    int ret;

    if (fd < 0) {
        ret = softaccel_open(&fd);
        if (ret < 0)
            tap_fail(__FILE__, __LINE__, "softaccel: %s", strerror(-ret));
        tap_keep(fd);
    }
    return fd;
}

softaccel_buffer_t accel_create(size_t size)
{
    softaccel_buffer_t buffer;

    tap_check_equal(softaccel_buffer_create(accel_fd(), size, &buffer), 0);
    return buffer;
}

void accel_destroy(softaccel_buffer_t *buffer)
{
    tap_check_equal(softaccel_buffer_destroy(buffer), 0);
}

uint64_t accel_memory_used(void)
{
    struct softaccel_info info;

    tap_check_equal(softaccel_info(accel_fd(), &info), 0);
    return info.memory_used;
}

void read_line(const char *path, char *line, size_t size)
{
    FILE *file = fopen(path, "re");

    if (file == NULL || fgets(line, (int)size, file) == NULL)
        tap_fail(__FILE__, __LINE__, "%s: %s", path, strerror(errno));
    line[strcspn(line, "\n")] = '\0';
    fclose(file);
}

void write_line(const char *path, const char *line)
{
    int fd = open_checked(path, O_WRONLY);
    ssize_t written = write(fd, line, strlen(line));

    if (written != (ssize_t)strlen(line))
        tap_fail(__FILE__, __LINE__, "%s: %s", path, strerror(errno));
    close(fd);
}

struct setting {
    char path[96]; /* empty: free */
    char before[64];
};

static struct setting settings[8];

static void setting_restore(void *arg)
{
    struct setting *setting = arg;
    char path[96];

    memcpy(path, setting->path, sizeof(path));
    setting->path[0] = '\0';
    write_line(path, setting->before);
}

void setting_write(const char *path, const char *value)
{
    size_t i = 0;

    while (i < tap_count(settings) && settings[i].path[0] != '\0' &&
           strcmp(settings[i].path, path) != 0)
        i++;
    tap_check(i < tap_count(settings));
    if (settings[i].path[0] == '\0') {
        read_line(path, settings[i].before, sizeof(settings[i].before));
        if (tap_at_end(setting_restore, &settings[i]))
            snprintf(settings[i].path, sizeof(settings[i].path), "%s", path);
    }
    write_line(path, value);
}
