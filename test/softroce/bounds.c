/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a region over a dma-buf does not let pass: each time the right error,
 * and no byte moved. An error ends a queue pair, so each test has its own.
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
#define SIZE (8 * PAGE)
#define OFFSET PAGE
#define LENGTH (4 * PAGE)
#define IOVA 0x5000000000UL
#define GUARD 0xa5

static fabric_t fabric;
static endpoint_t near, far;
static buffer_t buffer;
static uint8_t host[SIZE] __attribute__((aligned(4096)));
static struct ibv_mr *host_region;

static int open_all(void **state)
{
    (void)state;
    fabric_open(&fabric);
    host_region = ibv_reg_mr(fabric.pd, host, SIZE, FABRIC_ALL_ACCESS);
    if (!host_region)
        err(1, "ibv_reg_mr");
    buffer_create(&buffer, BUFFER_UDMABUF, SIZE);
    return 0;
}

static int close_all(void **state)
{
    (void)state;
    buffer_destroy(&buffer);
    ibv_dereg_mr(host_region);
    fabric_close(&fabric);
    return 0;
}

static int connect_pair(void **state)
{
    (void)state;
    memset(buffer.bytes, GUARD, SIZE);
    memset(host, GUARD + 1, SIZE);
    endpoint_create_pair(&fabric, &near, &far);
    return 0;
}

static int disconnect_pair(void **state)
{
    (void)state;
    endpoint_destroy(&near);
    endpoint_destroy(&far);
    return 0;
}

static struct ibv_mr *reg_in(struct ibv_pd *pd, int access)
{
    struct ibv_mr *mr =
        ibv_reg_dmabuf_mr(pd, OFFSET, LENGTH, IOVA, buffer.fd, access);

    if (!mr)
        err(1, "ibv_reg_dmabuf_mr");
    return mr;
}

static struct ibv_mr *reg(int access)
{
    return reg_in(fabric.pd, access);
}

static span_t in_host(size_t length)
{
    return (span_t){(uintptr_t)host, length, host_region->lkey};
}

static void assert_nothing_moved(void)
{
    size_t i;

    for (i = 0; i < SIZE; i++) {
        assert_int_equal(buffer.bytes[i], GUARD);
        assert_int_equal(host[i], GUARD + 1);
    }
}

/* A transfer between host memory and a region that the far side refuses. */
static void assert_refused_far(struct ibv_mr *mr, enum ibv_wr_opcode opcode,
                               uint64_t address, size_t length)
{
    span_t remote = {address, length, mr->rkey};

    assert_int_equal(endpoint_transfer(&near, opcode, in_host(length), remote),
                     IBV_WC_REM_ACCESS_ERR);
    assert_nothing_moved();
}

static void refused_far(int access, enum ibv_wr_opcode opcode, uint64_t address,
                        size_t length)
{
    struct ibv_mr *mr = reg(access);

    assert_refused_far(mr, opcode, address, length);
    assert_int_equal(ibv_dereg_mr(mr), 0);
}

static void write_beyond_the_end(void **state)
{
    (void)state;
    refused_far(FABRIC_ALL_ACCESS, IBV_WR_RDMA_WRITE, IOVA + 1, LENGTH);
}

static void write_before_the_begin(void **state)
{
    (void)state;
    refused_far(FABRIC_ALL_ACCESS, IBV_WR_RDMA_WRITE, IOVA - 1, 2);
}

static void write_at_the_end(void **state)
{
    (void)state;
    refused_far(FABRIC_ALL_ACCESS, IBV_WR_RDMA_WRITE, IOVA + LENGTH, 1);
}

static void write_that_wraps(void **state)
{
    (void)state;
    refused_far(FABRIC_ALL_ACCESS, IBV_WR_RDMA_WRITE, UINT64_MAX - 3, 8);
}

static void read_beyond_the_end(void **state)
{
    (void)state;
    refused_far(FABRIC_ALL_ACCESS, IBV_WR_RDMA_READ, IOVA + 1, LENGTH);
}

static void write_without_the_right(void **state)
{
    (void)state;
    refused_far(IBV_ACCESS_REMOTE_READ, IBV_WR_RDMA_WRITE, IOVA, 8);
}

static void read_without_the_right(void **state)
{
    (void)state;
    refused_far(IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE,
                IBV_WR_RDMA_READ, IOVA, 8);
}

static void write_by_a_key_that_was_deregistered(void **state)
{
    struct ibv_mr *mr = reg(FABRIC_ALL_ACCESS);
    struct ibv_mr old = *mr;

    (void)state;
    assert_int_equal(ibv_dereg_mr(mr), 0);
    assert_refused_far(&old, IBV_WR_RDMA_WRITE, IOVA, 8);
}

static void write_to_another_protection_domain(void **state)
{
    struct ibv_pd *pd = ibv_alloc_pd(fabric.context);
    struct ibv_mr *mr = reg_in(pd, FABRIC_ALL_ACCESS);

    (void)state;
    assert_refused_far(mr, IBV_WR_RDMA_WRITE, IOVA, 8);
    assert_int_equal(ibv_dereg_mr(mr), 0);
    assert_int_equal(ibv_dealloc_pd(pd), 0);
}

static void refused_atomic(int access, uint64_t address)
{
    struct ibv_mr *mr = reg(access);
    span_t remote = {address, 8, mr->rkey};

    endpoint_post_atomic(&near, IBV_WR_ATOMIC_FETCH_AND_ADD, in_host(8), remote,
                         0, 1);
    assert_int_equal(endpoint_wait(&near), IBV_WC_REM_ACCESS_ERR);
    assert_nothing_moved();
    assert_int_equal(ibv_dereg_mr(mr), 0);
}

static void atomic_beyond_the_end(void **state)
{
    (void)state;
    refused_atomic(FABRIC_ALL_ACCESS, IOVA + LENGTH);
}

static void atomic_without_the_right(void **state)
{
    (void)state;
    refused_atomic(FABRIC_ALL_ACCESS & ~IBV_ACCESS_REMOTE_ATOMIC, IOVA);
}

/*
 * A request whose own side names the region wrongly. rxe tells the sender of a
 * packet only that the request was flushed, with main memory, too.
 */
static void refused_near(int access, enum ibv_wr_opcode opcode,
                         uint64_t address, enum ibv_wc_status status)
{
    struct ibv_mr *mr = reg(access);
    span_t local = {address, 8, mr->lkey};
    span_t remote = {(uintptr_t)host, 8, host_region->rkey};

    assert_int_equal(endpoint_transfer(&near, opcode, local, remote), status);
    assert_nothing_moved();
    assert_int_equal(ibv_dereg_mr(mr), 0);
}

static void local_source_beyond_the_end(void **state)
{
    (void)state;
    refused_near(FABRIC_ALL_ACCESS, IBV_WR_RDMA_WRITE, IOVA + LENGTH - 7,
                 IBV_WC_WR_FLUSH_ERR);
}

static void local_target_beyond_the_end(void **state)
{
    (void)state;
    refused_near(FABRIC_ALL_ACCESS, IBV_WR_RDMA_READ, IOVA + LENGTH - 7,
                 IBV_WC_LOC_PROT_ERR);
}

static void local_target_without_the_right(void **state)
{
    (void)state;
    refused_near(IBV_ACCESS_REMOTE_READ, IBV_WR_RDMA_READ, IOVA,
                 IBV_WC_LOC_PROT_ERR);
}

static void receive_without_the_right(void **state)
{
    struct ibv_mr *mr = reg(IBV_ACCESS_REMOTE_READ);

    (void)state;
    endpoint_post_recv(&far, (span_t){IOVA, 8, mr->lkey});
    assert_int_equal(
        endpoint_transfer(&near, IBV_WR_SEND, in_host(8), (span_t){0}),
        IBV_WC_REM_OP_ERR);
    assert_int_not_equal(endpoint_wait(&far), IBV_WC_SUCCESS);
    assert_nothing_moved();
    assert_int_equal(ibv_dereg_mr(mr), 0);
}

static void rxe_flushes_a_bad_source_in_main_memory_too(void **state)
{
    span_t local = {(uintptr_t)host + SIZE - 7, 8, host_region->lkey};
    struct ibv_mr *mr = reg(FABRIC_ALL_ACCESS);

    (void)state;
    assert_int_equal(endpoint_transfer(&near, IBV_WR_RDMA_WRITE, local,
                                       (span_t){IOVA, 8, mr->rkey}),
                     IBV_WC_WR_FLUSH_ERR);
    assert_nothing_moved();
    assert_int_equal(ibv_dereg_mr(mr), 0);
}

#define claim(name) \
    cmocka_unit_test_setup_teardown(name, connect_pair, disconnect_pair)

int main(void)
{
    const struct CMUnitTest tests[] = {
        claim(write_beyond_the_end),
        claim(write_before_the_begin),
        claim(write_at_the_end),
        claim(write_that_wraps),
        claim(read_beyond_the_end),
        claim(write_without_the_right),
        claim(read_without_the_right),
        claim(write_by_a_key_that_was_deregistered),
        claim(write_to_another_protection_domain),
        claim(atomic_beyond_the_end),
        claim(atomic_without_the_right),
        claim(local_source_beyond_the_end),
        claim(local_target_beyond_the_end),
        claim(local_target_without_the_right),
        claim(receive_without_the_right),
        claim(rxe_flushes_a_bad_source_in_main_memory_too),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("refused", tests, open_all, close_all);
}
