/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The copy engine against memcpy, by size and direction, on host memory that is
 * in no cache: no emulated device shows how fast a BAR is. A ratio above 1 says
 * that the engine is faster. Lines "metric value unit". "shifted" is the same
 * with a host side that is not aligned as the device's is.
 *
 * Each copy begins when the one before is done, as one does that follows a
 * completion; many in turn hide a wait that every single one of them has.
 */
#include <immintrin.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "measure.h"
#include "peervma.h"

#define AREA ((size_t)24 << 20)
#define ROUNDS 61
#define COPIES 128
#define LINE 64
#define SHIFT 20

static const size_t sizes[] = {8,    64,    256,   1024,   2048,   4096,
                               8192, 16384, 65536, 262144, 1048576};

typedef void (*copy_t)(void *to, const void *from, size_t length);

static void by_memcpy(void *to, const void *from, size_t length)
{
    memcpy(to, from, length);
}

static void flush(const char *bytes, size_t length)
{
    size_t i;

    for (i = 0; i < length; i += LINE) {
        _mm_clflush(bytes + i);
    }
    _mm_mfence();
}

/* Nanoseconds a copy. */
static double measure(copy_t copy, char *to, const char *from, size_t length)
{
    size_t apart = (length + 4096 + 4 * LINE) / LINE * LINE;
    size_t count = (AREA - SHIFT - length) / apart, i, at;
    double start;

    count = count < COPIES ? count : COPIES;
    flush(to, count * apart);
    flush(from, count * apart);
    start = now_ns();
    for (i = 0; i < count; i++) {
        at = i * 67 % count * apart; /* no order that a prefetcher knows */
        _mm_lfence();
        copy(to + at, from + at, length);
        __asm__ volatile("" : : : "memory");
    }
    _mm_lfence();
    return (now_ns() - start) / (double)count;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* The median over interleaved rounds of memcpy's time over the engine's. */
static double ratio(copy_t copy, char *to, const char *from, size_t length)
{
    double ratios[ROUNDS], plain, own;
    unsigned i;

    for (i = 0; i < ROUNDS; i++) {
        if (i & 1) {
            own = measure(copy, to, from, length);
            plain = measure(by_memcpy, to, from, length);
        } else {
            plain = measure(by_memcpy, to, from, length);
            own = measure(copy, to, from, length);
        }
        ratios[i] = plain / own;
    }
    qsort(ratios, ROUNDS, sizeof(ratios[0]), compare);
    return ratios[ROUNDS / 2];
}

/* The smallest ratios of a direction. */
struct least {
    double below, from; /* 4 KiB */
};

static void measure_sizes(const char *name, copy_t copy, char *to,
                          const char *from, struct least *least)
{
    double value, *slot;
    unsigned i;

    for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        value = ratio(copy, to, from, sizes[i]);
        printf("copy_over_memcpy_%s_%zu %.3f ratio\n", name, sizes[i], value);
        fflush(stdout);
        slot = sizes[i] < 4096 ? &least->below : &least->from;
        *slot = value < *slot ? value : *slot;
    }
}

static void print_least(const char *name, const struct least *least)
{
    printf("copy_over_memcpy_%s_min_below_4k %.3f ratio\n", name, least->below);
    printf("copy_over_memcpy_%s_min_from_4k %.3f ratio\n", name, least->from);
}

int main(void)
{
    char *device = mmap(NULL, AREA, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char *host = mmap(NULL, AREA, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct least put = {1e9, 1e9}, get = {1e9, 1e9};

    if (device == MAP_FAILED || host == MAP_FAILED) {
        perror("copy_speed: memory");
        return 1;
    }
    memset(device, 1, AREA);
    memset(host, 2, AREA);
    measure_sizes("to_device", peervma_copy_to_device, device, host, &put);
    measure_sizes("to_device_shifted", peervma_copy_to_device, device,
                  host + SHIFT, &put);
    print_least("to_device", &put);
    measure_sizes("from_device", peervma_copy_from_device, host, device, &get);
    measure_sizes("from_device_shifted", peervma_copy_from_device, host + SHIFT,
                  device, &get);
    print_least("from_device", &get);
    return 0;
}
