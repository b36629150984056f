/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * BARs are mapped, unmapped, exported, imported and forbidden at once, by
 * several threads. Each call ends in one of the ways that it may, and what is
 * left in the end is nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "bar.h"
#include "device.h"
#include "tap.h"

/* As long as it runs at least, and at most until it was about something. */
#define SECONDS 8
#define MOST_SECONDS 300
#define PAGES 4

static uint8_t *place, *away; /* where the BAR comes and goes */
/* Once the BAR is unmapped, nothing else may be mapped in its place. */
static pthread_barrier_t start;
static int resource;
static atomic_bool stop;
static atomic_ulong exported, refused, held, told, wrong;

static void check_result(bool right)
{
    if (!right)
        atomic_fetch_add(&wrong, 1);
}

/* By turns: map, and unmap all, unmap the end, move away, map other memory. */
static void *map_and_unmap(void *arg)
{
    size_t length = PAGES * page;
    unsigned turn;

    (void)arg;
    pthread_barrier_wait(&start);
    for (turn = 0; !atomic_load(&stop); turn++) {
        check_result(mmap(place, length, PROT_READ | PROT_WRITE,
                          MAP_SHARED | MAP_FIXED, resource, 0) == place);
        usleep(turn * 7 % 500);
        if (turn % 4 == 0) {
            munmap(place, length);
        } else if (turn % 4 == 1) {
            munmap(place + length - page, page);
        } else if (turn % 4 == 2) {
            check_result(mremap(place, length, length,
                                MREMAP_MAYMOVE | MREMAP_FIXED, away) == away);
            munmap(away, length);
        } else {
            check_result(mmap(place, length, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
                              0) == place);
        }
    }
    return NULL;
}

static void import(int fd, bool vmap)
{
    int ret, importer = importer_open_as(fd, bar_accel);

    if (importer < 0) {
        check_result(importer == -ENODEV);
        return;
    }
    ret = importer_call(
        importer, vmap ? SOFTACCEL_IMPORTER_VMAP : SOFTACCEL_IMPORTER_HOLD,
        NULL);
    check_result(ret == 0 || ret == -ENODEV);
    if (ret == 0)
        atomic_fetch_add(&held, 1);
    usleep(200);
    ret = importer_call(importer, SOFTACCEL_IMPORTER_TOLD, NULL);
    check_result(ret == 0 || ret == 1);
    if (ret == 1)
        atomic_fetch_add(&told, 1);
    close(importer);
}

static bool is_a_refusal(int ret, unsigned reason)
{
    switch (reason) {
    case PEERVMA_REASON_UNMAPPED:
        return ret == -ENXIO;
    case PEERVMA_REASON_NOT_DEVICE:
        return ret == -ENODEV;
    case PEERVMA_REASON_CROSSES_VMA:
        return ret == -ERANGE;
    case PEERVMA_REASON_REVOKED:
        return ret == -ESTALE;
    case PEERVMA_REASON_BAR_POLICY:
        return ret == -EOPNOTSUPP;
    default:
        return false;
    }
}

static void *export_and_import(void *arg)
{
    struct peervma_export export;
    bool vmap = arg != NULL;
    int ret;

    pthread_barrier_wait(&start);
    while (!atomic_load(&stop)) {
        ret = export_at(place + page, (PAGES - 1) * page, &export);
        if (ret != 0) {
            check_result(is_a_refusal(ret, export.reason));
            atomic_fetch_add(&refused, 1);
            continue;
        }
        atomic_fetch_add(&exported, 1);
        import(export.fd, vmap);
        close(export.fd);
    }
    return NULL;
}

/* Waits for importers each time, whose threads go on meanwhile. */
static void *forbid_and_allow(void *arg)
{
    (void)arg;
    pthread_barrier_wait(&start);
    while (!atomic_load(&stop)) {
        usleep(20000);
        bar_policy("off");
        bar_policy("unbound");
    }
    return NULL;
}

static void wait_for_none(void)
{
    char line[32];
    int tries = 60000;

    do {
        tap_check(tries-- > 0);
        usleep(1000);
        read_line("/sys/class/misc/peervma/statistics/held", line,
                  sizeof(line));
    } while (strcmp(line, "0") != 0);
}

static bool was_about_something(void)
{
    return atomic_load(&exported) > 50 && atomic_load(&refused) > 50 &&
           atomic_load(&held) > 50 && atomic_load(&told) > 10;
}

static void test_races(void)
{
    void *(*const runs[])(void *) = {map_and_unmap, export_and_import,
                                     export_and_import, forbid_and_allow};
    pthread_t threads[4];
    int seconds;
    size_t i;

    place = map_anonymous(PAGES * page);
    away = map_anonymous(PAGES * page);
    /* For the thread that changes it: this one restores it. */
    bar_policy("unbound");
    tap_check_equal(pthread_barrier_init(&start, NULL, 4), 0);
    resource = bar_resource(bar_accel, "resource2_wc");
    for (i = 0; i < 4; i++)
        tap_check_equal(
            pthread_create(&threads[i], NULL, runs[i], i == 2 ? place : NULL),
            0);
    for (seconds = 0; seconds < SECONDS ||
                      (!was_about_something() && seconds < MOST_SECONDS);
         seconds++)
        sleep(1);
    atomic_store(&stop, true);
    for (i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    munmap(place, PAGES * page);
    munmap(away, PAGES * page);
    close(resource);
    pthread_barrier_destroy(&start);
    tap_check_equal(atomic_load(&wrong), 0);
    tap_check(was_about_something());
    wait_for_none();
}

static const tap_test_t tests[] = {
    {"racing threads get BARs or refusals, and leave nothing", test_races},
};

int main(void)
{
    return bar_main(tests, tap_count(tests));
}
