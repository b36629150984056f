/* SPDX-License-Identifier: BSD-3-Clause */
/* Accesses of the CPU, as far as they can be tried without a dma-buf. */
#include <errno.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cmocka.h>

#include "context.h"
#include "fake.h"
#include "peervma.h"

#define BOTH (PEERVMA_ACCESS_READ | PEERVMA_ACCESS_WRITE)

static peervma_context_t *context;
static peervma_access_t access_now;

/* The exporter: what it was told, of which file. */
static struct {
    bool answers; /* DMA_BUF_IOCTL_SYNC; no file of these tests does */
    unsigned begins, ends;
    struct stat of;
} exporter;

/* In place of libc's. */
int ioctl(int fd, unsigned long request, ...)
{
    va_list args;
    void *arg;

    va_start(args, request);
    arg = va_arg(args, void *);
    va_end(args);
    if (request != DMA_BUF_IOCTL_SYNC || !exporter.answers) {
        return (int)syscall(SYS_ioctl, fd, request, arg);
    }
    if (((struct dma_buf_sync *)arg)->flags & DMA_BUF_SYNC_END) {
        exporter.ends++;
    } else {
        exporter.begins++;
    }
    return fstat(fd, &exporter.of);
}

static int setup(void **state)
{
    (void)state;
    memset(&exporter, 0, sizeof(exporter));
    fake_create(&fake);
    fake_drm_device(&fake, "softaccel");
    assert_int_equal(0, peervma_context_open_view(0, &fake.view, &context));
    memset(&access_now, 0xa5, sizeof(access_now));
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    peervma_context_close(context);
    fake_destroy(&fake);
    return 0;
}

static int begin(uintptr_t address, size_t length, unsigned flags)
{
    return peervma_access_begin(context, (void *)address, length, flags,
                                &access_now);
}

static void expect_untouched(void)
{
    peervma_access_t untouched;

    memset(&untouched, 0xa5, sizeof(untouched));
    assert_memory_equal(&untouched, &access_now, sizeof(untouched));
}

/* The lowest descriptor that is free tells whether one was left open. */
static int free_descriptor(void)
{
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

    assert_true(fd >= 0);
    close(fd);
    return fd;
}

static void a_drm_mapping_needs_nothing(void **state)
{
    int before = free_descriptor();

    (void)state;
    fake_maps(&fake, "20000-24000 rw-s 0 00:06 300 /dev/dri/renderD128\n");
    assert_int_equal(0, begin(0x20000, 0x4000, BOTH));
    assert_int_equal(-1, access_now.fd);
    assert_int_equal(before, free_descriptor());
    assert_int_equal(0, peervma_access_end(&access_now));
}

/* The file that passes for a dma-buf does not know the call. */
static void what_the_exporter_answers_is_returned(void **state)
{
    int fd = fake_dmabuf(&fake, "rw-s", 0x4000, O_RDWR, "20000-24000");
    int before = free_descriptor();

    (void)state;
    assert_int_equal(-ENOTTY, begin(0x20000, 0x4000, PEERVMA_ACCESS_READ));
    expect_untouched();
    assert_int_equal(before, free_descriptor());

    access_now = (peervma_access_t){.fd = dup(fd), .flags = BOTH};
    assert_int_equal(-ENOTTY, peervma_access_end(&access_now));
    assert_int_equal(before, free_descriptor());
    assert_int_equal(-1, access_now.fd);
    assert_int_equal(0, peervma_access_end(&access_now));
    close(fd);
}

static void a_dmabuf_that_nobody_holds_cannot_be_told(void **state)
{
    (void)state;
    fake_maps(&fake, "20000-24000 rw-s 0 00:0e 5 /dmabuf:\n");
    assert_int_equal(-ENODEV, begin(0x20000, 1, BOTH));
    expect_untouched();
}

static void expect_told(uintptr_t address, int fd)
{
    unsigned begins = exporter.begins, ends = exporter.ends;
    struct stat st;

    assert_int_equal(0, begin(address, 8, BOTH));
    assert_int_equal(begins + 1, exporter.begins);
    assert_int_equal(0, peervma_access_end(&access_now));
    assert_int_equal(ends + 1, exporter.ends);
    assert_int_equal(0, fstat(fd, &st));
    assert_true(st.st_ino == exporter.of.st_ino);
}

/* A notified context knows that a mapping is the same; here are two by turns.
 */
static void the_descriptor_is_looked_for_once(void **state)
{
    int fd = fake_dmabuf(&fake, "rw-s", 0x4000, O_RDWR, "20000-24000"), before;
    int other;
    char text[256], path[64];
    struct stat st, st_other;

    (void)state;
    fake_write(&fake, "other", "12345678");
    snprintf(path, sizeof(path), "%s/other", fake.folder);
    other = open(path, O_RDWR | O_CLOEXEC);
    assert_int_equal(0, fstat(other, &st_other));
    assert_int_equal(0, fstat(fd, &st));
    snprintf(path, sizeof(path), "proc/fd/%d", other);
    fake_link(&fake, path, "../../other");
    snprintf(text, sizeof(text),
             "20000-24000 rw-s 0 %x:%x %lu /dmabuf:\n"
             "30000-31000 rw-s 0 %x:%x %lu /dmabuf:\n",
             major(st.st_dev), minor(st.st_dev), (unsigned long)st.st_ino,
             major(st.st_dev), minor(st.st_dev),
             (unsigned long)st_other.st_ino);
    fake_maps(&fake, text);
    peervma_context_close(context);
    assert_int_equal(0, peervma_context_open_view(PEERVMA_CONTEXT_NOTIFIED,
                                                  &fake.view, &context));
    exporter.answers = true;
    before = free_descriptor();
    expect_told(0x21000, fd);
    expect_told(0x30000, other);
    fake_maps(&fake, "");
    expect_told(0x21000, fd);
    expect_told(0x30000, other);
    expect_told(0x21000, fd);
    assert_int_equal(before, free_descriptor());
    close(other);
    close(fd);
}

/* The number that was found is closed, or another file's by now. */
static void a_descriptor_that_changed_is_looked_for_again(void **state)
{
    int fd = fake_dmabuf(&fake, "rw-s", 0x4000, O_RDWR, "20000-24000");
    int other = open("/dev/null", O_RDWR | O_CLOEXEC), copy;
    char link[64];

    (void)state;
    exporter.answers = true;
    copy = fcntl(fd, F_DUPFD_CLOEXEC, 900);
    assert_true(other >= 0 && copy >= 900);
    expect_told(0x21000, copy);
    assert_int_equal(fd, dup2(other, fd));
    assert_int_equal(-ENODEV, begin(0x21000, 1, BOTH));
    assert_int_equal(1, exporter.begins);

    snprintf(link, sizeof(link), "proc/fd/%d", copy);
    fake_link(&fake, link, "../../dmabuf");
    snprintf(link, sizeof(link), "%s/proc/fd/%d", fake.folder, fd);
    assert_int_equal(0, unlink(link));
    expect_told(0x21000, copy);
    close(copy);
    close(other);
    close(fd);
}

static void a_range_that_leaves_its_mapping_is_refused(void **state)
{
    (void)state;
    fake_maps(&fake, "20000-24000 rw-s 0 00:06 300 /dev/dri/renderD128\n");
    assert_int_equal(-ERANGE, begin(0x20000, 0x4001, BOTH));
    assert_int_equal(-ERANGE, begin(0x23fff, SIZE_MAX, BOTH));
    assert_int_equal(-ENOENT, begin(0x24000, 1, BOTH));
    expect_untouched();
}

static void every_wrong_argument_is_refused(void **state)
{
    (void)state;
    fake_maps(&fake, "20000-24000 rw-s 0 00:06 300 /dev/dri/renderD128\n");
    assert_int_equal(-EINVAL, begin(0x20000, 0, BOTH));
    assert_int_equal(-EINVAL, begin(0x20000, 1, 0));
    assert_int_equal(-EINVAL, begin(0x20000, 1, BOTH | 4));
    assert_int_equal(
        -EINVAL, peervma_access_begin(context, (void *)0x20000, 1, BOTH, NULL));
    assert_int_equal(-EINVAL, peervma_access_begin(NULL, (void *)0x20000, 1,
                                                   BOTH, &access_now));
    assert_int_equal(-EINVAL, peervma_access_end(NULL));
    expect_untouched();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_drm_mapping_needs_nothing),
        TEST(what_the_exporter_answers_is_returned),
        TEST(a_dmabuf_that_nobody_holds_cannot_be_told),
        TEST(the_descriptor_is_looked_for_once),
        TEST(a_descriptor_that_changed_is_looked_for_again),
        TEST(a_range_that_leaves_its_mapping_is_refused),
        TEST(every_wrong_argument_is_refused),
    };

    return cmocka_run_group_tests_name("access", tests, NULL, NULL);
}
