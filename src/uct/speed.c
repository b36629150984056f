/* SPDX-License-Identifier: BSD-3-Clause */
#include "speed.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "pci.h"
#include "stats.h"

/* What a CPU does on a write-combining BAR: stores are merged into bursts,
 * loads wait for the bus one by one. */
static const uct_peervma_speed_t bar_speed = {.to_device = 4e9,
                                              .from_device = 250e6,
                                              .to_latency = 500e-9,
                                              .from_latency = 500e-9};

#define MAX_KINDS 16
#define PAGE 4096
#define SHORTEST 8
#define FIRST_PIECE ((size_t)256)
#define REPEATS 3

/* A copy that takes so long tells the bandwidth: its piece is doubled until
 * then, so that all of them together take a few times as long. Seconds. */
#define LONG_ENOUGH 15e-6

typedef struct {
    peervma_kind_t kind;
    peervma_cache_t cache;
    peervma_pci_t pci;
} kind_t;

static struct {
    pthread_mutex_t lock;
    _Atomic int is_wanted;  /* something is to be measured */
    _Atomic unsigned count; /* grows only: what is before it never changes */
    kind_t kinds[MAX_KINDS];
    uct_peervma_speed_t settings; /* 0: measured */
    uct_peervma_speed_t measured; /* the slowest of all kinds; 0: none */
} state = {.lock = PTHREAD_MUTEX_INITIALIZER};

static double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static double time_copy(const uct_peervma_speed_probe_t *probe, int is_put,
                        char *device, char *host, size_t length)
{
    double start = probe->now();

    if (is_put) {
        probe->to_device(device, host, length);
    } else {
        probe->from_device(host, device, length);
    }
    return probe->now() - start;
}

/* Of some copies the quickest: what else the CPU did is not the device's. */
static double time_best(const uct_peervma_speed_probe_t *probe, int is_put,
                        char *device, char *host, size_t length)
{
    double best = time_copy(probe, is_put, device, host, length), time;
    int i;

    for (i = 1; i < REPEATS; ++i) {
        time = time_copy(probe, is_put, device, host, length);
        best = (time < best) ? time : best;
    }
    return best;
}

static void measure_way(const uct_peervma_speed_probe_t *probe, int is_put,
                        char *device, char *host, double *bandwidth_p,
                        double *latency_p)
{
    size_t piece = FIRST_PIECE;
    double latency, time, rest;

    latency = time_best(probe, is_put, device, host, SHORTEST);
    time = time_best(probe, is_put, device, host, piece);
    while ((piece < UCT_PEERVMA_SPEED_BYTES) && (time < LONG_ENOUGH)) {
        piece *= 2;
        time = time_best(probe, is_put, device, host, piece);
    }
    /* Even the shortest may have been interrupted each time. */
    rest = (latency < time / 2) ? time - latency : time / 2;
    *bandwidth_p = (rest > 0) ? (double)(piece - SHORTEST) / rest : 0;
    *latency_p = latency;
}

void uct_peervma_speed_measure(const uct_peervma_speed_probe_t *probe,
                               void *device, void *host,
                               uct_peervma_speed_t *speed_p)
{
    char *bytes = host;
    size_t i;

    for (i = 0; i < UCT_PEERVMA_SPEED_BYTES; i += PAGE) {
        bytes[i] = 0;
        probe->to_device((char *)device + i, bytes + i, SHORTEST);
    }
    measure_way(probe, 1, device, host, &speed_p->to_device,
                &speed_p->to_latency);
    measure_way(probe, 0, device, host, &speed_p->from_device,
                &speed_p->from_latency);
}

static void lower(double *value, double other)
{
    if ((other > 0) && (!(*value > 0) || (other < *value))) {
        *value = other;
    }
}

static void raise(double *value, double other)
{
    if (other > *value) {
        *value = other;
    }
}

static void keep_slowest(const uct_peervma_speed_t *speed)
{
    lower(&state.measured.to_device, speed->to_device);
    lower(&state.measured.from_device, speed->from_device);
    raise(&state.measured.to_latency, speed->to_latency);
    raise(&state.measured.from_latency, speed->from_latency);
}

static double first_of(double setting, double measured, double otherwise)
{
    return (setting > 0) ? setting : (measured > 0) ? measured : otherwise;
}

static void get_locked(uct_peervma_speed_t *speed_p)
{
    const uct_peervma_speed_t *set = &state.settings, *own = &state.measured;

    speed_p->to_device =
        first_of(set->to_device, own->to_device, bar_speed.to_device);
    speed_p->from_device =
        first_of(set->from_device, own->from_device, bar_speed.from_device);
    speed_p->to_latency =
        first_of(set->to_latency, own->to_latency, bar_speed.to_latency);
    speed_p->from_latency =
        first_of(set->from_latency, own->from_latency, bar_speed.from_latency);
}

static void tell_stats(void)
{
    uct_peervma_speed_t speed;

    get_locked(&speed);
    uct_peervma_stats_set_speed(!state.is_wanted                 ? "set"
                                : (state.measured.to_device > 0) ? "measured"
                                                                 : "default",
                                speed.to_device, speed.from_device);
}

void uct_peervma_speed_set(const uct_peervma_speed_t *settings)
{
    pthread_mutex_lock(&state.lock);
    state.settings = *settings;
    state.is_wanted =
        !(settings->to_device > 0) || !(settings->from_device > 0) ||
        !(settings->to_latency > 0) || !(settings->from_latency > 0);
    tell_stats();
    pthread_mutex_unlock(&state.lock);
}

void uct_peervma_speed_get(uct_peervma_speed_t *speed_p)
{
    pthread_mutex_lock(&state.lock);
    get_locked(speed_p);
    pthread_mutex_unlock(&state.lock);
}

double uct_peervma_speed_between(const uct_peervma_speed_t *speed)
{
    return (speed->from_device < speed->to_device) ? speed->from_device
                                                   : speed->to_device;
}

static int is_same_kind(const kind_t *kind, const peervma_region_t *region)
{
    return (kind->kind == region->kind) && (kind->cache == region->cache) &&
           peervma_pci_is_same(&kind->pci, &region->pci);
}

/* Asked for each buffer: no lock. */
static int is_known(const peervma_region_t *region)
{
    unsigned count = atomic_load(&state.count), i;

    for (i = 0; i < count; ++i) {
        if (is_same_kind(&state.kinds[i], region)) {
            return 1;
        }
    }
    return count == MAX_KINDS;
}

/* Once a kind, whatever comes of it. */
static void add(const peervma_region_t *region)
{
    state.kinds[state.count] =
        (kind_t){region->kind, region->cache, region->pci};
    atomic_fetch_add(&state.count, 1);
}

static void measure_device(uct_peervma_alloc_t *alloc, const peervma_pci_t *pci)
{
    static const uct_peervma_speed_probe_t probe = {now, peervma_copy_to_device,
                                                    peervma_copy_from_device};
    uct_peervma_memory_t *memory;
    uct_peervma_speed_t speed;
    void *host;

    host = malloc(UCT_PEERVMA_SPEED_BYTES);
    if (host == NULL) {
        return;
    }
    if (uct_peervma_alloc_get(alloc, pci, UCT_PEERVMA_SPEED_BYTES, &memory) ==
        0) {
        uct_peervma_speed_measure(&probe, memory->address, host, &speed);
        uct_peervma_alloc_put(memory);
        keep_slowest(&speed);
        tell_stats();
    }
    free(host);
}

/* BARs may be registers, and are not mapped as the driver's buffers are. */
static int is_like_own(const peervma_region_t *region)
{
    return (region->pci.valid != 0) && ((region->kind == PEERVMA_KIND_DRM) ||
                                        (region->kind == PEERVMA_KIND_DMABUF));
}

void uct_peervma_speed_meet(uct_peervma_alloc_t *alloc,
                            const peervma_region_t *region)
{
    if (!atomic_load(&state.is_wanted) || !is_like_own(region) ||
        is_known(region)) {
        return;
    }
    pthread_mutex_lock(&state.lock);
    if (!is_known(region)) {
        measure_device(alloc, &region->pci);
        add(region);
    }
    pthread_mutex_unlock(&state.lock);
}
