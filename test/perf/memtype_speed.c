/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a lookup costs in UCX's memory-type cache, by the number of regions, as
 * lookup_speed.c measures the library's own: half of the addresses inside of
 * regions, half between them. Prints nothing where there is no UCX up to 1.21,
 * whose calls these are.
 */
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "measure.h"

#define ROUNDS 200
#define ADDRESSES 8192
#define BASE 0x10000000ul
#define REGION 0x1000ul
#define APART 0x3000ul /* from one region to the next */

/* Any type but that of host memory, and no device. */
#define MEM_TYPE 1
#define SYS_DEV 0xff

static struct {
    void (*version)(unsigned *major, unsigned *minor, unsigned *release);
    void (*update)(const void *address, size_t size, int type, uint8_t device);
    signed char (*lookup)(const void *address, size_t size, void *info);
} ucx;

static int load(void)
{
    void *ucp = dlopen("libucp.so.0", RTLD_NOW);
    unsigned major, minor, release;

    if (ucp == NULL) {
        fprintf(stderr, "no UCX on this machine: %s\n", dlerror());
        return -1;
    }
    *(void **)&ucx.version = dlsym(ucp, "ucp_get_version");
    *(void **)&ucx.update = dlsym(ucp, "ucs_memtype_cache_update");
    *(void **)&ucx.lookup = dlsym(ucp, "ucs_memtype_cache_lookup");
    if (ucx.version == NULL || ucx.update == NULL || ucx.lookup == NULL) {
        fprintf(stderr, "this UCX has no such cache\n");
        return -1;
    }
    ucx.version(&major, &minor, &release);
    if (major != 1 || minor > 21) {
        fprintf(stderr, "UCX %u.%u updates its cache by another call\n", major,
                minor);
        return -1;
    }
    return 0;
}

/* Regions from `first` on are new; the best of the rounds. */
static void measure(size_t first, size_t count)
{
    static uintptr_t addresses[ADDRESSES];
    double best = 1e18, start, ns;
    uint64_t info[16];
    unsigned round, i, found;

    /* The first lookup of all makes the cache. */
    ucx.lookup((void *)BASE, 1, info);
    for (; first < count; first++) {
        ucx.update((void *)(BASE + first * APART), REGION, MEM_TYPE, SYS_DEV);
    }
    for (i = 0; i < ADDRESSES; i++) {
        addresses[i] = BASE + next_random() % count * APART + (i & 1) * REGION +
                       next_random() % REGION;
    }
    for (round = 0; round < ROUNDS; round++) {
        found = 0;
        start = now_ns();
        for (i = 0; i < ADDRESSES; i++) {
            found += ucx.lookup((void *)addresses[i], 1, info) == 0;
        }
        ns = (now_ns() - start) / ADDRESSES;
        best = ns < best ? ns : best;
    }
    if (found != ADDRESSES / 2) {
        fprintf(stderr, "UCX's cache finds %u of %u\n", found, ADDRESSES / 2);
        exit(1);
    }
    printf("memtype_cache_ns_%zu %.1f ns\n", count, best);
}

int main(void)
{
    setenv("UCX_MEMTYPE_CACHE", "y", 1);
    setenv("UCX_VFS_ENABLE", "n", 1);
    if (load() == 0) {
        measure(0, 10);
        measure(10, 1000);
        measure(1000, 100000);
    }
    return 0;
}
