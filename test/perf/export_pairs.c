/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What it costs to register device memory through /dev/peervma, against host
 * memory, in pairs; and what QUERY costs. Prints lines "pair export BYTES
 * MICROSECONDS", "pair reg BYTES MICROSECONDS" and "query MICROSECONDS"; "pair
 * alone" is that part of the "export" before it which is EXPORT itself.
 *
 * "export" and "reg" use the same two buffers in every round: the device's
 * object has its dma-buf, host memory its pages. In "first_export" and
 * "first_reg" both buffers are new in each round, and an object's dma-buf has
 * to be made.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <infiniband/verbs.h>
#include <linux/peervma.h>

#include "measure.h"
#include "softaccel_client.h"

#define DEVICE "rxe0"
#define ACCESS \
    (IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_READ | IBV_ACCESS_REMOTE_WRITE)
#define QUERIES 2001

static const size_t sizes[] = {(size_t)64 << 10, (size_t)1 << 20,
                               (size_t)64 << 20};

static int peervma;
static int accel;
static struct ibv_pd *pd;

static double now_us(void)
{
    return now_ns() / 1e3;
}

static void verbs_open(void)
{
    struct ibv_device **devices = ibv_get_device_list(NULL);
    struct ibv_context *context = NULL;
    int i;

    for (i = 0; devices && devices[i] && !context; i++)
        if (strcmp(ibv_get_device_name(devices[i]), DEVICE) == 0)
            context = ibv_open_device(devices[i]);
    if (!context)
        errx(1, "no RDMA device " DEVICE);
    ibv_free_device_list(devices);
    pd = ibv_alloc_pd(context);
    if (!pd)
        err(1, "ibv_alloc_pd");
}

static softaccel_buffer_t buffer_create(size_t size)
{
    softaccel_buffer_t buffer;

    errno = -softaccel_buffer_create(accel, size, &buffer);
    if (errno)
        err(1, "softaccel: %zu bytes", size);
    return buffer;
}

/* Microseconds; those of EXPORT alone go to @export_us. */
static double export_and_register(const softaccel_buffer_t *buffer,
                                  double *export_us)
{
    struct peervma_export export = {
        .size = sizeof(export),
        .addr = (uintptr_t)buffer->ptr,
        .length = buffer->size,
    };
    double begin = now_us(), end;
    struct ibv_mr *mr;

    if (ioctl(peervma, PEERVMA_IOC_EXPORT, &export))
        err(1, "EXPORT, reason %u", export.reason);
    *export_us = now_us() - begin;
    mr = ibv_reg_dmabuf_mr(pd, export.offset, export.length, export.addr,
                           export.fd, ACCESS);
    end = now_us();
    if (!mr)
        err(1, "ibv_reg_dmabuf_mr");
    ibv_dereg_mr(mr);
    close(export.fd);
    return end - begin;
}

static void *host_create(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

    if (memory == MAP_FAILED)
        err(1, "mmap of %zu bytes", size);
    return memory;
}

static double host_register(void *memory, size_t size)
{
    double begin = now_us(), end;
    struct ibv_mr *mr = ibv_reg_mr(pd, memory, size, ACCESS);

    end = now_us();
    if (!mr)
        err(1, "ibv_reg_mr");
    ibv_dereg_mr(mr);
    return end - begin;
}

/* Neither of a pair is always the first. Round 0 warms up. */
static void measure_pair(const char *prefix, const softaccel_buffer_t *buffer,
                         void *memory, unsigned round)
{
    const size_t size = buffer->size;
    double device = 0, alone = 0, host;

    if (round % 2 == 0)
        device = export_and_register(buffer, &alone);
    host = host_register(memory, size);
    if (round % 2 != 0)
        device = export_and_register(buffer, &alone);
    if (round == 0)
        return;
    printf("pair %sexport %zu %.1f\n", prefix, size, device);
    printf("pair %salone %zu %.1f\n", prefix, size, alone);
    printf("pair %sreg %zu %.1f\n", prefix, size, host);
}

static void measure_first(size_t size, unsigned round)
{
    softaccel_buffer_t buffer = buffer_create(size);
    void *memory = host_create(size);

    measure_pair("first_", &buffer, memory, round);
    munmap(memory, size);
    softaccel_buffer_destroy(&buffer);
}

static void measure(size_t size, unsigned rounds)
{
    softaccel_buffer_t buffer = buffer_create(size);
    void *memory = host_create(size);
    unsigned round;

    for (round = 0; round <= rounds; round++) {
        measure_pair("", &buffer, memory, round);
        measure_first(size, round);
    }
    munmap(memory, size);
    softaccel_buffer_destroy(&buffer);
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static void measure_query(void)
{
    softaccel_buffer_t buffer = buffer_create(1);
    static double times[QUERIES];
    struct peervma_query query;
    double begin;
    unsigned i;

    for (i = 0; i < QUERIES; i++) {
        query = (struct peervma_query){
            .size = sizeof(query),
            .addr = (uintptr_t)buffer.ptr,
        };
        begin = now_us();
        if (ioctl(peervma, PEERVMA_IOC_QUERY, &query))
            err(1, "QUERY");
        times[i] = now_us() - begin;
    }
    softaccel_buffer_destroy(&buffer);
    qsort(times, QUERIES, sizeof(times[0]), compare);
    printf("query %.2f\n", times[QUERIES / 2]);
}

int main(int argc, char **argv)
{
    unsigned rounds;
    size_t i;

    if (argc != 2 || (rounds = (unsigned)atoi(argv[1])) == 0)
        errx(2, "usage: export_pairs ROUNDS");
    peervma = open("/dev/peervma", O_RDWR | O_CLOEXEC);
    if (peervma < 0)
        err(1, "/dev/peervma");
    errno = -softaccel_open(&accel);
    if (errno)
        err(1, "softaccel");
    verbs_open();
    for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
        measure(sizes[i], rounds);
    measure_query();
    return 0;
}
