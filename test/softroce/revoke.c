/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What becomes of a region over a dma-buf when its device goes: the
 * accelerator's driver is unbound while the NIC knows the memory. Needs root.
 */
#include <config.h>

#include <err.h>
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "buffer.h"
#include "fabric.h"
#include "pci.h"

#define SIZE (4UL << 20)
#define IOVA 0x6000000000UL
/* How many transfers are under way when the device goes. */
#define FLOOD 32

static fabric_t fabric;
static endpoint_t near, far;
static buffer_t buffer;
static struct ibv_mr *region, *host_region;
static uint8_t *host;
static uint64_t live, revoked;

static int open_all(void **state)
{
    (void)state;
    pci_find();
    fabric_open(&fabric);
    host = aligned_alloc(4096, 2 * SIZE);
    memset(host, 0x5a, SIZE);
    memset(host + SIZE, 0xa5, SIZE);
    host_region = ibv_reg_mr(fabric.pd, host, 2 * SIZE, FABRIC_ALL_ACCESS);
    if (!host_region)
        err(1, "ibv_reg_mr");
    return 0;
}

static int close_all(void **state)
{
    (void)state;
    ibv_dereg_mr(host_region);
    free(host);
    fabric_close(&fabric);
    return 0;
}

static int reg(void **state)
{
    (void)state;
    live = fabric_counter("dmabuf_mrs_live");
    revoked = fabric_counter("dmabuf_revoked");
    buffer_create(&buffer, BUFFER_SOFTACCEL, SIZE);
    region = ibv_reg_dmabuf_mr(fabric.pd, 0, SIZE, IOVA, buffer.fd,
                               FABRIC_ALL_ACCESS);
    if (!region)
        err(1, "ibv_reg_dmabuf_mr");
    endpoint_create_pair(&fabric, &near, &far);
    return 0;
}

/* Whatever happened: the region can be deregistered, and the device is back. */
static int dereg(void **state)
{
    (void)state;
    if (ibv_dereg_mr(region))
        err(1, "ibv_dereg_mr");
    if (fabric_counter("dmabuf_mrs_live") != live)
        errx(1, "a region lives on");
    if (fabric_counter("dmabuf_revoked") != revoked + 1)
        errx(1, "the region was not revoked once");
    endpoint_destroy(&near);
    endpoint_destroy(&far);
    buffer_destroy(&buffer);
    pci_bind();
    return 0;
}

static span_t in_region(size_t length)
{
    return (span_t){IOVA, length, region->rkey};
}

static span_t in_host(size_t length)
{
    return (span_t){(uintptr_t)host, length, host_region->rkey};
}

static void write_ends_in_remote_access_error(void **state)
{
    (void)state;
    pci_unbind();
    assert_int_equal(
        endpoint_transfer(&near, IBV_WR_RDMA_WRITE, in_host(8), in_region(8)),
        IBV_WC_REM_ACCESS_ERR);
}

static void read_ends_in_remote_access_error(void **state)
{
    (void)state;
    pci_unbind();
    assert_int_equal(
        endpoint_transfer(&near, IBV_WR_RDMA_READ, in_host(8), in_region(8)),
        IBV_WC_REM_ACCESS_ERR);
}

static void atomic_ends_in_remote_access_error(void **state)
{
    (void)state;
    pci_unbind();
    endpoint_post_atomic(&near, IBV_WR_ATOMIC_CMP_AND_SWP, in_host(8),
                         in_region(8), 0, 1);
    assert_int_equal(endpoint_wait(&near), IBV_WC_REM_ACCESS_ERR);
}

/* As any bad source of rxe's: see bounds.c. */
static void local_source_is_flushed(void **state)
{
    (void)state;
    pci_unbind();
    assert_int_equal(
        endpoint_transfer(&near, IBV_WR_RDMA_WRITE, in_region(8), in_host(8)),
        IBV_WC_WR_FLUSH_ERR);
}

static void local_target_ends_in_local_protection_error(void **state)
{
    (void)state;
    pci_unbind();
    assert_int_equal(
        endpoint_transfer(&near, IBV_WR_RDMA_READ, in_region(8), in_host(8)),
        IBV_WC_LOC_PROT_ERR);
}

static void receive_ends_in_error_on_both_sides(void **state)
{
    (void)state;
    endpoint_post_recv(&far, in_region(8));
    pci_unbind();
    assert_int_equal(
        endpoint_transfer(&near, IBV_WR_SEND, in_host(8), (span_t){0}),
        IBV_WC_REM_OP_ERR);
    assert_int_not_equal(endpoint_wait(&far), IBV_WC_SUCCESS);
}

/*
 * Unbind while transfers run. Those that were done are successes, one gets the
 * error, and what was queued behind it is flushed.
 */
static void unbind_in_flood(enum ibv_wr_opcode opcode, span_t local,
                            span_t remote)
{
    int i;

    for (i = 0; i < FLOOD; i++)
        endpoint_post(&near, opcode, local, remote);
    assert_int_equal(endpoint_wait(&near), IBV_WC_SUCCESS);
    pci_unbind();
}

static void assert_flood_ends(enum ibv_wc_status error)
{
    enum ibv_wc_status status;
    int left = FLOOD - 1;

    do {
        assert_true(left-- > 0);
        status = endpoint_wait(&near);
    } while (status == IBV_WC_SUCCESS);
    assert_int_equal(status, error);
    while (left-- > 0)
        assert_int_equal(endpoint_wait(&near), IBV_WC_WR_FLUSH_ERR);
}

static void no_byte_arrives_once_unbind_has_returned(void **state)
{
    uint8_t *bytes, *then = malloc(SIZE);
    size_t i;

    (void)state;
    /* Each write changes what the one before wrote. */
    for (i = 0; i < FLOOD; i++) {
        span_t local = in_host(SIZE);

        local.address += i % 2 * SIZE;
        endpoint_post(&near, IBV_WR_RDMA_WRITE, local, in_region(SIZE));
    }
    assert_int_equal(endpoint_wait(&near), IBV_WC_SUCCESS);
    pci_unbind();
    bytes = pci_map(buffer.accel.bar_offset, SIZE);
    memcpy(then, bytes, SIZE);
    while (endpoint_wait(&near) == IBV_WC_SUCCESS)
        ;
    assert_memory_equal(bytes, then, SIZE);
    munmap(bytes, SIZE);
    free(then);
}

static void writes_in_flight_end_in_remote_access_error(void **state)
{
    (void)state;
    unbind_in_flood(IBV_WR_RDMA_WRITE, in_host(SIZE), in_region(SIZE));
    assert_flood_ends(IBV_WC_REM_ACCESS_ERR);
}

static void reads_in_flight_end_in_remote_access_error(void **state)
{
    (void)state;
    unbind_in_flood(IBV_WR_RDMA_READ, in_host(SIZE), in_region(SIZE));
    assert_flood_ends(IBV_WC_REM_ACCESS_ERR);
}

static void sources_in_flight_are_flushed(void **state)
{
    (void)state;
    unbind_in_flood(IBV_WR_RDMA_WRITE, in_region(SIZE), in_host(SIZE));
    assert_flood_ends(IBV_WC_WR_FLUSH_ERR);
}

static void registration_after_unbind_is_enodev(void **state)
{
    (void)state;
    pci_unbind();
    errno = 0;
    assert_null(ibv_reg_dmabuf_mr(fabric.pd, 0, SIZE, IOVA, buffer.fd,
                                  FABRIC_ALL_ACCESS));
    assert_int_equal(errno, ENODEV);
}

static atomic_bool stop;
static atomic_uint refusals;

/* Registers until it is told to stop; every refusal must be the device's. */
static void *register_on(void *unused)
{
    while (!atomic_load(&stop)) {
        struct ibv_mr *mr = ibv_reg_dmabuf_mr(fabric.pd, 0, SIZE, IOVA,
                                              buffer.fd, FABRIC_ALL_ACCESS);

        if (mr && ibv_dereg_mr(mr))
            err(1, "ibv_dereg_mr");
        if (!mr && errno != ENODEV)
            err(1, "ibv_reg_dmabuf_mr");
        if (!mr)
            atomic_fetch_add(&refusals, 1);
    }
    return unused;
}

/* Those that are tried once the device is gone. */
static void wait_for_a_refusal(void)
{
    unsigned before = atomic_load(&refusals);
    int tries = 60000;

    while (atomic_load(&refusals) == before && tries-- > 0)
        usleep(1000);
    assert_int_not_equal(atomic_load(&refusals), before);
}

static void unbind_may_race_with_registrations(void **state)
{
    pthread_t threads[2];
    unsigned i;

    (void)state;
    live = fabric_counter("dmabuf_mrs_live");
    for (i = 0; i < 20; i++) {
        buffer_create(&buffer, BUFFER_SOFTACCEL, SIZE);
        atomic_store(&stop, false);
        pthread_create(&threads[0], NULL, register_on, NULL);
        pthread_create(&threads[1], NULL, register_on, NULL);
        usleep(1000 * i);
        pci_unbind();
        wait_for_a_refusal();
        atomic_store(&stop, true);
        pthread_join(threads[0], NULL);
        pthread_join(threads[1], NULL);
        buffer_destroy(&buffer);
        pci_bind();
    }
    assert_int_equal(fabric_counter("dmabuf_mrs_live"), live);
}

#define claim(name) cmocka_unit_test_setup_teardown(name, reg, dereg)

int main(void)
{
    const struct CMUnitTest tests[] = {
        claim(write_ends_in_remote_access_error),
        claim(read_ends_in_remote_access_error),
        claim(atomic_ends_in_remote_access_error),
        claim(local_source_is_flushed),
        claim(local_target_ends_in_local_protection_error),
        claim(receive_ends_in_error_on_both_sides),
        claim(writes_in_flight_end_in_remote_access_error),
        claim(reads_in_flight_end_in_remote_access_error),
        claim(sources_in_flight_are_flushed),
        claim(no_byte_arrives_once_unbind_has_returned),
        claim(registration_after_unbind_is_enodev),
        cmocka_unit_test(unbind_may_race_with_registrations),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("revoke", tests, open_all, close_all);
}
