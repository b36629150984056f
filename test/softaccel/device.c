/* SPDX-License-Identifier: BSD-3-Clause */
#include "device.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define DRIVER_FOLDER "/sys/bus/pci/drivers/softaccel/"

int device_open(void)
{
    int fd;

    assert_int_equal(softaccel_open(&fd), 0);
    return fd;
}

struct softaccel_info device_info(int fd)
{
    struct softaccel_info info;

    assert_int_equal(softaccel_info(fd, &info), 0);
    return info;
}

softaccel_buffer_t device_buffer(int fd, size_t size)
{
    softaccel_buffer_t buffer;

    assert_int_equal(softaccel_buffer_create(fd, size, &buffer), 0);
    return buffer;
}

void device_buffer_destroy(softaccel_buffer_t *buffer)
{
    assert_int_equal(softaccel_buffer_destroy(buffer), 0);
}

int device_export(const softaccel_buffer_t *buffer)
{
    int fd;

    assert_int_equal(softaccel_buffer_export(buffer, &fd), 0);
    return fd;
}

void device_assert_pattern(const softaccel_buffer_t *buffer, size_t offset,
                           size_t length, uint32_t seed)
{
    const volatile uint8_t *bytes = buffer->ptr;
    size_t i;

    for (i = 0; i < length; i++)
        if (bytes[offset + i] != softaccel_pattern(seed, i))
            fail_msg("byte %zu of %zu is 0x%02x instead of 0x%02x", i, length,
                     bytes[offset + i], softaccel_pattern(seed, i));
}

int device_ioctl(int fd, unsigned long request, void *arg)
{
    int ret = ioctl(fd, request, arg);

    return ret < 0 ? -errno : ret;
}

int device_mmap(int fd, size_t length, int prot, int flags, uint64_t offset,
                void **ptr_p)
{
    void *ptr = mmap(NULL, length, prot, flags, fd, (off_t)offset);

    if (ptr == MAP_FAILED)
        return -errno;
    *ptr_p = ptr;
    return 0;
}

static sigjmp_buf access_return;

static void access_failed(int number)
{
    siglongjmp(access_return, number);
}

/* Run one access; cmocka's own handlers of both signals are put back. */
static int device_access(volatile uint8_t *address, uint8_t *value, int write)
{
    struct sigaction action = {.sa_handler = access_failed};
    struct sigaction old_bus, old_segv;
    int number;

    sigaction(SIGBUS, &action, &old_bus);
    sigaction(SIGSEGV, &action, &old_segv);
    number = sigsetjmp(access_return, 1);
    if (number == 0) {
        if (write)
            *address = *value;
        else
            *value = *address;
    }
    sigaction(SIGBUS, &old_bus, NULL);
    sigaction(SIGSEGV, &old_segv, NULL);
    return number;
}

int device_peek(const volatile void *address, uint8_t *value_p)
{
    return device_access((volatile uint8_t *)address, value_p, 0);
}

int device_poke(volatile void *address, uint8_t value)
{
    return device_access(address, &value, 1);
}

device_pci_t device_pci(int fd)
{
    char path[PATH_MAX], target[PATH_MAX];
    device_pci_t pci;
    struct stat st;
    ssize_t length;

    assert_int_equal(fstat(fd, &st), 0);
    snprintf(path, sizeof(path), "/sys/dev/char/%u:%u/device",
             major(st.st_rdev), minor(st.st_rdev));
    length = readlink(path, target, sizeof(target) - 1);
    assert_true(length > 0);
    target[length] = '\0';
    snprintf(pci.address, sizeof(pci.address), "%s", basename(target));
    return pci;
}

uint64_t device_bar_start(const device_pci_t *pci)
{
    char path[PATH_MAX];
    uint64_t start = 0;
    FILE *file;
    int bar;

    snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/resource",
             pci->address);
    file = fopen(path, "r");
    assert_non_null(file);
    for (bar = 0; bar <= 2; bar++)
        assert_int_equal(fscanf(file, "%" SCNx64 " %*s %*s", &start), 1);
    fclose(file);
    return start;
}

void device_sysfs_write(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

void device_unbind(const device_pci_t *pci)
{
    device_sysfs_write(DRIVER_FOLDER "unbind", pci->address);
}

void device_bind(const device_pci_t *pci)
{
    device_sysfs_write(DRIVER_FOLDER "bind", pci->address);
}

int importer_open(int dmabuf_fd, enum softaccel_importer_kind kind)
{
    struct softaccel_importer_attach attach = {.fd = dmabuf_fd, .kind = kind};
    int fd = open("/dev/softaccel_importer", O_RDWR | O_CLOEXEC);
    int ret;

    if (fd < 0)
        fail_msg("/dev/softaccel_importer: %s: load softaccel_importer",
                 strerror(errno));
    ret = device_ioctl(fd, SOFTACCEL_IMPORTER_ATTACH, &attach);
    if (ret < 0) {
        close(fd);
        return ret;
    }
    return fd;
}

void device_use_begin(device_use_t *use)
{
    uint8_t value;
    void *ptr = NULL;

    use->fd = device_open();
    use->pci = device_pci(use->fd);
    use->buffer = device_buffer(use->fd, DEVICE_USE_SIZE);
    use->dmabuf_fd = device_export(&use->buffer);
    assert_int_equal(device_mmap(use->dmabuf_fd, DEVICE_USE_SIZE,
                                 PROT_READ | PROT_WRITE, MAP_SHARED, 0, &ptr),
                     0);
    use->dmabuf_ptr = ptr;
    use->importer = importer_open(use->dmabuf_fd, SOFTACCEL_IMPORTER_PEER);
    assert_true(use->importer >= 0);
    assert_int_equal(device_ioctl(use->importer, SOFTACCEL_IMPORTER_VMAP, NULL),
                     0);
    assert_int_equal(softaccel_fill(&use->buffer, 0, DEVICE_USE_SIZE, 1), 0);
    assert_int_equal(device_peek(use->buffer.ptr, &value), 0);
    assert_int_equal(device_peek(use->dmabuf_ptr, &value), 0);
}

void device_use_end(device_use_t *use)
{
    munmap(use->dmabuf_ptr, DEVICE_USE_SIZE);
    munmap(use->buffer.ptr, DEVICE_USE_SIZE);
    close(use->importer);
    close(use->dmabuf_fd);
    close(use->fd);
}
