/* SPDX-License-Identifier: BSD-3-Clause */
/* Accesses of the CPU, as far as they can be tried without a dma-buf. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "context.h"
#include "fake.h"
#include "peervma.h"

#define BOTH (PEERVMA_ACCESS_READ | PEERVMA_ACCESS_WRITE)

static peervma_context_t *context;
static peervma_access_t access_now;

static int setup(void **state)
{
    (void)state;
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
        TEST(a_range_that_leaves_its_mapping_is_refused),
        TEST(every_wrong_argument_is_refused),
    };

    return cmocka_run_group_tests_name("access", tests, NULL, NULL);
}
