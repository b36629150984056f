/* SPDX-License-Identifier: BSD-3-Clause */
/* What ibv_reg_dmabuf_mr() on rxe takes and refuses. */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "buffer.h"
#include "fabric.h"

#define PAGE 4096UL
#define SIZE (4 * PAGE)
#define IOVA 0x7000000000UL

static fabric_t fabric;
static buffer_t buffer;

static int setup(void **state)
{
    (void)state;
    fabric_open(&fabric);
    buffer_create(&buffer, BUFFER_UDMABUF, SIZE);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    buffer_destroy(&buffer);
    fabric_close(&fabric);
    return 0;
}

static struct ibv_mr *reg(uint64_t offset, size_t length, uint64_t iova, int fd,
                          int access)
{
    errno = 0;
    return ibv_reg_dmabuf_mr(fabric.pd, offset, length, iova, fd, access);
}

static void assert_refused(int expected, uint64_t offset, size_t length,
                           uint64_t iova, int fd, int access)
{
    uint64_t live = fabric_counter("dmabuf_mrs_live");

    assert_null(reg(offset, length, iova, fd, access));
    assert_int_equal(errno, expected);
    assert_int_equal(fabric_counter("dmabuf_mrs_live"), live);
}

static void bad_fd_is_ebadf(void **state)
{
    int closed = dup(buffer.fd);

    (void)state;
    close(closed);
    assert_refused(EBADF, 0, PAGE, 0, -1, FABRIC_ALL_ACCESS);
    assert_refused(EBADF, 0, PAGE, 0, closed, FABRIC_ALL_ACCESS);
}

static void file_that_is_no_dmabuf_is_einval(void **state)
{
    int memory = memfd_create("plain", MFD_CLOEXEC);

    (void)state;
    assert_int_equal(ftruncate(memory, SIZE), 0);
    assert_refused(EINVAL, 0, PAGE, 0, memory, FABRIC_ALL_ACCESS);
    close(memory);
}

static void range_beyond_the_dmabuf_is_einval(void **state)
{
    (void)state;
    assert_refused(EINVAL, 0, SIZE + 1, 0, buffer.fd, FABRIC_ALL_ACCESS);
    assert_refused(EINVAL, SIZE, 1, 0, buffer.fd, FABRIC_ALL_ACCESS);
    assert_refused(EINVAL, PAGE, SIZE, 0, buffer.fd, FABRIC_ALL_ACCESS);
    assert_refused(EINVAL, PAGE, UINT64_MAX - PAGE + 1, 0, buffer.fd,
                   FABRIC_ALL_ACCESS);
    assert_refused(EINVAL, UINT64_MAX - PAGE + 1, PAGE, 0, buffer.fd,
                   FABRIC_ALL_ACCESS);
}

static void no_length_is_einval(void **state)
{
    (void)state;
    assert_refused(EINVAL, 0, 0, 0, buffer.fd, FABRIC_ALL_ACCESS);
}

static void address_that_wraps_is_einval(void **state)
{
    (void)state;
    assert_refused(EINVAL, 0, 2 * PAGE, UINT64_MAX - PAGE + 1, buffer.fd,
                   FABRIC_ALL_ACCESS);
}

static void address_must_lie_in_its_page_as_the_offset(void **state)
{
    (void)state;
    assert_refused(EINVAL, 1, PAGE, IOVA, buffer.fd, FABRIC_ALL_ACCESS);
    assert_refused(EINVAL, 0, PAGE, IOVA + 1, buffer.fd, FABRIC_ALL_ACCESS);
}

static void access_without_meaning_is_refused(void **state)
{
    (void)state;
    assert_refused(EINVAL, 0, PAGE, 0, buffer.fd, IBV_ACCESS_REMOTE_WRITE);
    assert_refused(EINVAL, 0, PAGE, 0, buffer.fd,
                   IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_MW_BIND);
    assert_refused(EINVAL, 0, PAGE, 0, buffer.fd,
                   IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_ON_DEMAND);
}

static void region_is_counted_until_it_is_deregistered(void **state)
{
    uint64_t all = fabric_counter("dmabuf_mrs");
    uint64_t live = fabric_counter("dmabuf_mrs_live");
    struct ibv_mr *mr = reg(0, SIZE, IOVA, buffer.fd, FABRIC_ALL_ACCESS);

    (void)state;
    assert_non_null(mr);
    assert_ptr_equal(mr->pd, fabric.pd);
    assert_int_equal(mr->length, SIZE);
    assert_int_equal(fabric_counter("dmabuf_mrs"), all + 1);
    assert_int_equal(fabric_counter("dmabuf_mrs_live"), live + 1);
    assert_int_equal(ibv_dereg_mr(mr), 0);
    assert_int_equal(fabric_counter("dmabuf_mrs"), all + 1);
    assert_int_equal(fabric_counter("dmabuf_mrs_live"), live);
}

static void relaxed_ordering_is_taken(void **state)
{
    struct ibv_mr *mr = reg(0, SIZE, 0, buffer.fd,
                            FABRIC_ALL_ACCESS | IBV_ACCESS_RELAXED_ORDERING);

    (void)state;
    assert_non_null(mr);
    assert_int_equal(ibv_dereg_mr(mr), 0);
}

static void hundred_regions_of_one_dmabuf_live_together(void **state)
{
    struct ibv_mr *regions[100];
    size_t i;

    (void)state;
    for (i = 0; i < 100; i++) {
        regions[i] = reg(i % 4 * PAGE, PAGE, IOVA + i * PAGE, buffer.fd,
                         FABRIC_ALL_ACCESS);
        assert_non_null(regions[i]);
    }
    for (i = 0; i < 100; i++)
        assert_int_equal(ibv_dereg_mr(regions[i]), 0);
}

static void region_can_not_be_reregistered(void **state)
{
    struct ibv_mr *mr = reg(0, SIZE, 0, buffer.fd, FABRIC_ALL_ACCESS);

    (void)state;
    assert_non_null(mr);
    assert_int_not_equal(ibv_rereg_mr(mr, IBV_REREG_MR_CHANGE_ACCESS, NULL,
                                      NULL, 0, IBV_ACCESS_LOCAL_WRITE),
                         0);
    assert_int_equal(ibv_dereg_mr(mr), 0);
}

static void main_memory_is_registered_as_ever(void **state)
{
    uint64_t all = fabric_counter("dmabuf_mrs");
    void *memory = aligned_alloc(PAGE, SIZE);
    struct ibv_mr *mr = ibv_reg_mr(fabric.pd, memory, SIZE, FABRIC_ALL_ACCESS);

    (void)state;
    assert_non_null(mr);
    assert_int_equal(ibv_dereg_mr(mr), 0);
    assert_int_equal(fabric_counter("dmabuf_mrs"), all);
    free(memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_fd_is_ebadf),
        cmocka_unit_test(file_that_is_no_dmabuf_is_einval),
        cmocka_unit_test(range_beyond_the_dmabuf_is_einval),
        cmocka_unit_test(no_length_is_einval),
        cmocka_unit_test(address_that_wraps_is_einval),
        cmocka_unit_test(address_must_lie_in_its_page_as_the_offset),
        cmocka_unit_test(access_without_meaning_is_refused),
        cmocka_unit_test(region_is_counted_until_it_is_deregistered),
        cmocka_unit_test(relaxed_ordering_is_taken),
        cmocka_unit_test(hundred_regions_of_one_dmabuf_live_together),
        cmocka_unit_test(region_can_not_be_reregistered),
        cmocka_unit_test(main_memory_is_registered_as_ever),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("registration", tests, setup, teardown);
}
