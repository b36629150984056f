/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * RDMA to and from PCI BARs, by Soft-RoCE: what arrives, and what becomes of
 * transfers when the BAR is unmapped or its device removed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bar.h"
#include "device.h"
#include "fabric.h"
#include "tap.h"

#define SIZE (1UL << 20)
#define IOVA 0x6000000000UL
#define FLOOD 32
#define EDU_INVERT 4

static fabric_t fabric;
static endpoint_t near, far;
static uint8_t *host;
static struct ibv_mr *host_region;

/* A range of a BAR, exported and registered. */
struct target {
    uint8_t *map;
    size_t length;
    int fd;
    struct ibv_mr *region;
};

static struct target target_create(const char *pci, const char *resource,
                                   size_t length)
{
    struct target target = {.length = length};

    target.map = bar_map(pci, resource, 0, length);
    target.fd = bar_export(target.map, length);
    target.region = ibv_reg_dmabuf_mr(fabric.pd, 0, length, IOVA, target.fd,
                                      FABRIC_ALL_ACCESS);
    tap_check(target.region != NULL);
    endpoint_create_pair(&fabric, &near, &far);
    return target;
}

static void target_destroy(struct target *target)
{
    tap_check_equal(ibv_dereg_mr(target->region), 0);
    endpoint_destroy(&near);
    endpoint_destroy(&far);
    close(target->fd);
    munmap(target->map, target->length);
}

static span_t in_target(const struct target *target, size_t offset,
                        uint32_t length)
{
    return (span_t){IOVA + offset, length, target->region->rkey};
}

static span_t in_host(size_t offset, uint32_t length)
{
    return (span_t){(uintptr_t)host + offset, length, host_region->lkey};
}

static void test_bytes(void)
{
    struct target target = target_create(bar_accel, "resource2_wc", SIZE);
    size_t i;

    for (i = 0; i < 2 * SIZE; i++)
        host[i] = i < SIZE ? (uint8_t)(i * 7 + i / 251) : 0;
    memset(target.map, 0, SIZE);
    tap_check_equal(endpoint_transfer(&near, IBV_WR_RDMA_WRITE,
                                      in_host(0, SIZE),
                                      in_target(&target, 0, SIZE)),
                    IBV_WC_SUCCESS);
    tap_check(memcmp(target.map, host, SIZE) == 0);
    tap_check_equal(endpoint_transfer(&near, IBV_WR_RDMA_READ,
                                      in_host(SIZE, SIZE),
                                      in_target(&target, 0, SIZE)),
                    IBV_WC_SUCCESS);
    tap_check(memcmp(host + SIZE, host, SIZE) == 0);
    target_destroy(&target);
}

static void test_doorbell(void)
{
    struct target target = target_create(bar_edu, "resource0", page);
    uint32_t value = 0x5eedbe11;

    memcpy(host, &value, sizeof(value));
    tap_check_equal(endpoint_transfer(&near, IBV_WR_RDMA_WRITE, in_host(0, 4),
                                      in_target(&target, EDU_INVERT, 4)),
                    IBV_WC_SUCCESS);
    tap_check_equal(*(volatile uint32_t *)(target.map + EDU_INVERT), ~value);
    target_destroy(&target);
}

/* Of what is queued some succeeds, one gets the error, the rest is flushed. */
static void flood(const struct target *target, enum ibv_wr_opcode opcode)
{
    int i;

    for (i = 0; i < FLOOD; i++)
        endpoint_post(&near, opcode, in_host(i % 2 * SIZE, SIZE),
                      in_target(target, 0, SIZE));
    tap_check_equal(endpoint_wait(&near), IBV_WC_SUCCESS);
}

static void check_flood_ends(void)
{
    int left = FLOOD - 1;
    enum ibv_wc_status status;

    do {
        tap_check(left-- > 0);
        status = endpoint_wait(&near);
    } while (status == IBV_WC_SUCCESS);
    tap_check_equal(status, IBV_WC_REM_ACCESS_ERR);
    while (left-- > 0)
        tap_check_equal(endpoint_wait(&near), IBV_WC_WR_FLUSH_ERR);
}

static void check_munmap_in(enum ibv_wr_opcode opcode)
{
    struct target target = target_create(bar_accel, "resource2_wc", SIZE);
    uint8_t *then = malloc(SIZE), *map;

    memset(host, 0x5a, SIZE);
    memset(host + SIZE, 0xa5, SIZE);
    flood(&target, opcode);
    tap_check_equal(munmap(target.map, SIZE), 0);
    check_flood_ends();
    map = bar_map(bar_accel, "resource2_wc", 0, SIZE);
    memcpy(then, map, SIZE);
    usleep(100000);
    tap_check(memcmp(map, then, SIZE) == 0);
    munmap(map, SIZE);
    target_destroy(&target);
    free(then);
}

static void test_munmap_in_writes(void)
{
    check_munmap_in(IBV_WR_RDMA_WRITE);
}

static void test_munmap_in_reads(void)
{
    check_munmap_in(IBV_WR_RDMA_READ);
}

/* The range can be had again: by a new mapping, a new export, a new region. */
static void test_again(void)
{
    struct target target = target_create(bar_accel, "resource2_wc", SIZE);

    munmap(target.map, SIZE);
    tap_check(endpoint_transfer(&near, IBV_WR_RDMA_WRITE, in_host(0, 8),
                                in_target(&target, 0, 8)) != IBV_WC_SUCCESS);
    target_destroy(&target);
    test_bytes();
}

/* Those under way may succeed, as long as removal waits for them. */
static void test_remove_in_writes(void)
{
    struct target target = target_create(bar_edu, "resource0", page);
    int i;

    memset(host, 0, page);
    for (i = 0; i < FLOOD; i++)
        endpoint_post(&near, IBV_WR_RDMA_WRITE, in_host(0, 4),
                      in_target(&target, EDU_INVERT, 4));
    bar_rescan_at_end(bar_edu);
    bar_device_write(bar_edu, "remove", "1");
    for (i = 0; i < FLOOD; i++)
        endpoint_wait(&near);
    tap_check(endpoint_transfer(&near, IBV_WR_RDMA_WRITE, in_host(0, 4),
                                in_target(&target, EDU_INVERT, 4)) !=
              IBV_WC_SUCCESS);
    bar_rescan();
    target_destroy(&target);
}

static const tap_test_t tests[] = {
    {"what is written by RDMA is in the BAR, and is read back", test_bytes},
    {"a doorbell rings by RDMA", test_doorbell},
    {"munmap during writes ends in remote access error", test_munmap_in_writes},
    {"munmap during reads ends in remote access error", test_munmap_in_reads},
    {"after munmap the range is registered anew", test_again},
    {"removal during writes leaves none that succeeds", test_remove_in_writes},
};

int main(void)
{
    int ret;

    bar_begin();
    bar_policy("unbound");
    fabric_open(&fabric);
    host = aligned_alloc(page, 2 * SIZE);
    host_region =
        ibv_reg_mr(fabric.pd, host, 2 * SIZE, IBV_ACCESS_LOCAL_WRITE);
    if (host_region == NULL)
        tap_fail(__FILE__, __LINE__, "ibv_reg_mr");
    ret = tap_main(tests, tap_count(tests));
    ibv_dereg_mr(host_region);
    free(host);
    fabric_close(&fabric);
    bar_end();
    return ret;
}
