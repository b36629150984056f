/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the NIC does with regions over a dma-buf, between two queue pairs of one
 * node: the right bytes, no others, and as much as the counters say.
 */
#include <config.h>

#include <err.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "buffer.h"
#include "fabric.h"

#define PAGE 4096UL
#define SIZE (64 * PAGE)
/* Where the region lies in its buffer, and at which address for the NIC: both
 * differ from the CPU's view, and there is memory before and behind it. */
#define OFFSET (3 * PAGE + 40)
#define LENGTH (48 * PAGE)
#define IOVA (0x5000000000UL + 40)
#define GUARD 0xa5

static fabric_t fabric;
static endpoint_t near, far;
static enum buffer_kind kind;
static buffer_t buffer;
static struct ibv_mr *region;
static uint8_t *host;
static struct ibv_mr *host_region;

static int open_all(void **state)
{
    (void)state;
    fabric_open(&fabric);
    host = aligned_alloc(PAGE, SIZE);
    host_region = ibv_reg_mr(fabric.pd, host, SIZE, FABRIC_ALL_ACCESS);
    buffer_create(&buffer, kind, SIZE);
    region = ibv_reg_dmabuf_mr(fabric.pd, OFFSET, LENGTH, IOVA, buffer.fd,
                               FABRIC_ALL_ACCESS);
    if (!region || !host_region)
        err(1, "registration");

    endpoint_create_pair(&fabric, &near, &far);
    return 0;
}

static int close_all(void **state)
{
    (void)state;
    endpoint_destroy(&near);
    endpoint_destroy(&far);
    if (ibv_dereg_mr(region) || ibv_dereg_mr(host_region))
        err(1, "ibv_dereg_mr");
    buffer_destroy(&buffer);
    free(host);
    fabric_close(&fabric);
    return 0;
}

/* The device memory behind the region's byte `at`. */
static uint8_t *device(size_t at)
{
    return buffer.bytes + OFFSET + at;
}

static span_t in_region(size_t at, size_t length)
{
    return (span_t){IOVA + at, length, region->rkey};
}

static span_t in_host(size_t at, size_t length)
{
    return (span_t){(uintptr_t)host + at, length, host_region->rkey};
}

static void fill(uint8_t *bytes, size_t length, unsigned seed)
{
    size_t i;

    for (i = 0; i < length; i++)
        bytes[i] = softaccel_pattern(seed, i);
}

static void assert_guarded(size_t at, size_t length)
{
    size_t i;

    for (i = 0; i < SIZE; i++) {
        if (i < OFFSET + at || i >= OFFSET + at + length)
            assert_int_equal(buffer.bytes[i], GUARD);
    }
}

static void assert_success(enum ibv_wr_opcode opcode, span_t local,
                           span_t remote)
{
    assert_int_equal(endpoint_transfer(&near, opcode, local, remote),
                     IBV_WC_SUCCESS);
}

/* Offset and length, none like another in alignment and packet borders. */
static const struct {
    size_t at, length;
} ranges[] = {
    {0, 1},
    {1, 1},
    {3, 5},
    {7, 4096},
    {4055, 2},
    {4056, 4096},
    {4057, 4097},
    {8191, 70001},
    {LENGTH - 1, 1},
    {0, LENGTH},
    {LENGTH - 777, 777},
};

#define RANGES (sizeof(ranges) / sizeof(*ranges))

static void write_puts_the_bytes_there_and_no_others(void **state)
{
    size_t i;

    (void)state;
    for (i = 0; i < RANGES; i++) {
        size_t at = ranges[i].at, length = ranges[i].length;

        memset(buffer.bytes, GUARD, SIZE);
        fill(host, length, i);
        assert_success(IBV_WR_RDMA_WRITE, in_host(0, length),
                       in_region(at, length));
        assert_memory_equal(device(at), host, length);
        assert_guarded(at, length);
    }
}

static void read_brings_the_bytes(void **state)
{
    size_t i;

    (void)state;
    for (i = 0; i < RANGES; i++) {
        size_t at = ranges[i].at, length = ranges[i].length;

        memset(host, GUARD, SIZE);
        fill(device(at), length, i);
        assert_success(IBV_WR_RDMA_READ, in_host(8, length),
                       in_region(at, length));
        assert_memory_equal(host + 8, device(at), length);
        assert_int_equal(host[7], GUARD);
        assert_int_equal(host[8 + length], GUARD);
    }
}

static void write_takes_the_bytes_from_a_region(void **state)
{
    size_t i;

    (void)state;
    for (i = 0; i < RANGES; i++) {
        size_t at = ranges[i].at, length = ranges[i].length;

        memset(host, GUARD, SIZE);
        fill(device(at), length, i);
        assert_success(IBV_WR_RDMA_WRITE, in_region(at, length),
                       in_host(8, length));
        assert_memory_equal(host + 8, device(at), length);
        assert_int_equal(host[8 + length], GUARD);
    }
}

static void send_goes_from_region_to_region(void **state)
{
    size_t length = LENGTH / 2 - 3;

    (void)state;
    memset(buffer.bytes, GUARD, SIZE);
    fill(device(1), length, 11);
    endpoint_post_recv(&far, in_region(LENGTH / 2, length));
    assert_success(IBV_WR_SEND, in_region(1, length), (span_t){0});
    assert_int_equal(endpoint_wait(&far), IBV_WC_SUCCESS);
    assert_memory_equal(device(LENGTH / 2), device(1), length);
    assert_int_equal(*device(LENGTH / 2 + length), GUARD);
}

static void counters_tell_every_byte_of_the_nic(void **state)
{
    uint64_t reads = fabric_counter("dmabuf_read_bytes");
    uint64_t writes = fabric_counter("dmabuf_write_bytes");

    (void)state;
    assert_success(IBV_WR_RDMA_WRITE, in_host(0, 5001), in_region(9, 5001));
    assert_int_equal(fabric_counter("dmabuf_read_bytes"), reads);
    assert_int_equal(fabric_counter("dmabuf_write_bytes"), writes + 5001);
    assert_success(IBV_WR_RDMA_READ, in_host(0, 70001), in_region(9, 70001));
    assert_int_equal(fabric_counter("dmabuf_read_bytes"), reads + 70001);
    assert_int_equal(fabric_counter("dmabuf_write_bytes"), writes + 5001);
    assert_success(IBV_WR_RDMA_WRITE, in_host(0, 5001), in_host(9000, 5001));
    assert_int_equal(fabric_counter("dmabuf_read_bytes"), reads + 70001);
    assert_int_equal(fabric_counter("dmabuf_write_bytes"), writes + 5001);
}

static uint64_t word(size_t at)
{
    uint64_t value;

    memcpy(&value, device(at), sizeof(value));
    return value;
}

static uint64_t atomic(enum ibv_wr_opcode opcode, size_t at, uint64_t compare,
                       uint64_t swap_add)
{
    uint64_t before;

    endpoint_post_atomic(&near, opcode, in_host(0, 8), in_region(at, 8),
                         compare, swap_add);
    assert_int_equal(endpoint_wait(&near), IBV_WC_SUCCESS);
    memcpy(&before, host, sizeof(before));
    return before;
}

static void fetch_and_add_adds(void **state)
{
    (void)state;
    memset(buffer.bytes, GUARD, SIZE);
    memset(device(4096), 0, 8);
    assert_int_equal(atomic(IBV_WR_ATOMIC_FETCH_AND_ADD, 4096, 0, 1UL << 40),
                     0);
    assert_int_equal(atomic(IBV_WR_ATOMIC_FETCH_AND_ADD, 4096, 0, 3),
                     1UL << 40);
    assert_int_equal(word(4096), (1UL << 40) + 3);
    assert_guarded(4096, 8);
}

static void compare_and_swap_swaps_only_what_is_equal(void **state)
{
    uint64_t first = 0x1122334455667788UL;

    (void)state;
    memset(buffer.bytes, GUARD, SIZE);
    memcpy(device(64), &first, 8);
    assert_int_equal(atomic(IBV_WR_ATOMIC_CMP_AND_SWP, 64, first + 1, 99),
                     first);
    assert_int_equal(word(64), first);
    assert_int_equal(atomic(IBV_WR_ATOMIC_CMP_AND_SWP, 64, first, 99), first);
    assert_int_equal(word(64), 99);
    assert_guarded(64, 8);
}

static void atomic_result_lands_in_a_region(void **state)
{
    uint64_t value = 12345;

    (void)state;
    memcpy(host, &value, 8);
    memset(buffer.bytes, GUARD, SIZE);
    endpoint_post_atomic(&near, IBV_WR_ATOMIC_FETCH_AND_ADD, in_region(16, 8),
                         in_host(0, 8), 0, 1);
    assert_int_equal(endpoint_wait(&near), IBV_WC_SUCCESS);
    assert_int_equal(word(16), 12345);
    assert_guarded(16, 8);
}

static void region_outlives_the_descriptor_and_the_mapping(void **state)
{
    buffer_t other;
    struct ibv_mr *mr;
    span_t there = {.length = PAGE};

    (void)state;
    buffer_create(&other, kind, PAGE);
    mr = ibv_reg_dmabuf_mr(fabric.pd, 0, PAGE, 0, other.fd, FABRIC_ALL_ACCESS);
    assert_non_null(mr);
    buffer_destroy(&other);
    there.key = mr->rkey;
    fill(host, PAGE, 5);
    assert_success(IBV_WR_RDMA_WRITE, in_host(0, PAGE), there);
    assert_success(IBV_WR_RDMA_READ, in_host(PAGE, PAGE), there);
    assert_memory_equal(host, host + PAGE, PAGE);
    assert_int_equal(ibv_dereg_mr(mr), 0);
}

static void region_outlives_another_of_the_same_dmabuf(void **state)
{
    struct ibv_mr *mr =
        ibv_reg_dmabuf_mr(fabric.pd, 0, SIZE, 0, buffer.fd, FABRIC_ALL_ACCESS);

    (void)state;
    assert_non_null(mr);
    assert_int_equal(ibv_dereg_mr(mr), 0);
    fill(host, PAGE, 6);
    assert_success(IBV_WR_RDMA_WRITE, in_host(0, PAGE), in_region(0, PAGE));
    assert_memory_equal(device(0), host, PAGE);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(write_puts_the_bytes_there_and_no_others),
        cmocka_unit_test(read_brings_the_bytes),
        cmocka_unit_test(write_takes_the_bytes_from_a_region),
        cmocka_unit_test(send_goes_from_region_to_region),
        cmocka_unit_test(counters_tell_every_byte_of_the_nic),
        cmocka_unit_test(fetch_and_add_adds),
        cmocka_unit_test(compare_and_swap_swaps_only_what_is_equal),
        cmocka_unit_test(atomic_result_lands_in_a_region),
        cmocka_unit_test(region_outlives_the_descriptor_and_the_mapping),
        cmocka_unit_test(region_outlives_another_of_the_same_dmabuf),
    };

    if (argc != 2)
        errx(2, "usage: %s udmabuf|softaccel", argv[0]);
    kind = buffer_kind_of(argv[1]);
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name(argv[1], tests, open_all, close_all);
}
