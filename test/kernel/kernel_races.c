/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Threads that map, unmap, protect, close and export the same addresses and
 * handles at once. Each answer must be one that some order of these gives, and
 * each export one of the objects that were mapped there.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "device.h"
#include "tap.h"

#define SECONDS 4
#define SECONDS_MAX 120 /* on a machine that has others to serve */
#define THREADS 4
#define OBJECTS 2
#define PAGES 4

/* What the threads of a test share. */
typedef struct race {
    uint8_t *at; /* PAGES pages of address space */
    softaccel_buffer_t buffer[OBJECTS];
    ino_t inode[OBJECTS]; /* of the objects' dma-bufs */
    atomic_bool stop;
    atomic_ulong exports;
    atomic_ulong refusals;
    atomic_ulong wrong;
} race_t;

typedef struct worker {
    race_t *race;
    unsigned seed;
    void (*step)(race_t *race, unsigned *seed);
    pthread_t thread;
} worker_t;

static void *worker_run(void *arg)
{
    worker_t *worker = arg;

    while (!atomic_load(&worker->race->stop))
        worker->step(worker->race, &worker->seed);
    return NULL;
}

/* It was about something. */
static bool race_has_met_both(race_t *race)
{
    return atomic_load(&race->exports) > 0 && atomic_load(&race->refusals) > 0;
}

/*
 * Run each step in a thread of its own, for some seconds, and on until there
 * was an export as well as a refusal.
 */
static void race_run(race_t *race, void (*const *steps)(race_t *, unsigned *),
                     unsigned count)
{
    const struct timespec second = {.tv_sec = 1};
    worker_t workers[THREADS];
    unsigned i;

    tap_check(count <= THREADS);
    for (i = 0; i < count; i++) {
        workers[i] = (worker_t){
            .race = race,
            .seed = i + 1,
            .step = steps[i],
        };
        tap_check_equal(
            pthread_create(&workers[i].thread, NULL, worker_run, &workers[i]),
            0);
    }
    for (i = 0; i < SECONDS_MAX && (i < SECONDS || !race_has_met_both(race));
         i++)
        nanosleep(&second, NULL);
    atomic_store(&race->stop, true);
    for (i = 0; i < count; i++)
        pthread_join(workers[i].thread, NULL);
    printf("# %lu exports, %lu refusals\n", atomic_load(&race->exports),
           atomic_load(&race->refusals));
}

static bool refusal_is_possible(int error, unsigned reason)
{
    switch (-error) {
    case ENXIO:
        return reason == PEERVMA_REASON_UNMAPPED;
    case ERANGE:
        return reason == PEERVMA_REASON_CROSSES_VMA;
    case ENODEV:
        return reason == PEERVMA_REASON_NOT_DEVICE;
    case EACCES:
        return reason == PEERVMA_REASON_READ_ONLY ||
               reason == PEERVMA_REASON_NOT_ALLOWED;
    case ESTALE:
        return reason == PEERVMA_REASON_REVOKED;
    case ENOENT: /* DRM's: the handle was closed by another thread */
        return reason == PEERVMA_REASON_EXPORTER;
    default:
        return false;
    }
}

static bool export_is_right(const race_t *race,
                            const struct peervma_export *export)
{
    struct stat st;
    size_t i;

    if (export->offset % page != 0 || export->object_size != PAGES * page ||
        fstat(export->fd, &st) != 0)
        return false;
    for (i = 0; i < OBJECTS; i++)
        if (race->inode[i] == 0 || st.st_ino == race->inode[i])
            return true;
    return false;
}

static void step_export(race_t *race, unsigned *seed)
{
    size_t first = (size_t)rand_r(seed) % PAGES;
    size_t count = 1 + (size_t)rand_r(seed) % (PAGES - first);
    struct peervma_export export;
    int ret = export_at(race->at + first * page, count * page, &export);

    if (ret == 0) {
        atomic_fetch_add(&race->exports, 1);
        if (!export_is_right(race, &export))
            atomic_fetch_add(&race->wrong, 1);
        close(export.fd);
    } else {
        atomic_fetch_add(&race->refusals, 1);
        if (!refusal_is_possible(ret, export.reason) || export.fd != -1)
            atomic_fetch_add(&race->wrong, 1);
    }
}

static void step_query(race_t *race, unsigned *seed)
{
    struct peervma_query query;
    int ret = query_at(race->at + (size_t)rand_r(seed) % PAGES * page, &query);

    if (ret != 0 && !refusal_is_possible(ret, query.reason))
        atomic_fetch_add(&race->wrong, 1);
}

/* One object or the other, its file's mapping or its dma-buf's, or a hole. */
static void step_map(race_t *race, unsigned *seed)
{
    const softaccel_buffer_t *buffer =
        &race->buffer[(size_t)rand_r(seed) % OBJECTS];
    const int prot = PROT_READ | PROT_WRITE;
    const int flags = MAP_SHARED | MAP_FIXED;
    int fd;

    switch (rand_r(seed) % 4) {
    case 0:
        munmap(race->at + (size_t)rand_r(seed) % PAGES * page, page);
        break;
    case 1:
        mprotect(race->at + page, page, PROT_READ);
        break;
    case 2:
        mmap(race->at, PAGES * page, prot, flags, buffer->fd,
             (off_t)buffer->mmap_offset);
        break;
    default:
        if (softaccel_buffer_export(buffer, &fd) == 0) {
            mmap(race->at, PAGES * page, prot, flags, fd, 0);
            close(fd);
        }
    }
}

/*
 * Closes handles that are not its own, and has them given to others; not all
 * the time, or hardly an object would live long enough to be exported.
 */
static void step_steal(race_t *race, unsigned *seed)
{
    const struct timespec pause = {.tv_nsec = rand_r(seed) % 1000000};
    const int fd = race->buffer[0].fd;
    const uint32_t own = race->buffer[0].handle;
    softaccel_buffer_t thief;
    uint32_t handle;

    for (handle = 1; handle < own + 4; handle++)
        if (handle != own)
            softaccel_handle_close(fd, handle);
    /* Of another size, so that an export of it would be noticed. */
    if (softaccel_buffer_create(fd, page, &thief) == 0) {
        softaccel_buffer_export(&thief, &thief.fd);
        close(thief.fd);
        munmap(thief.ptr, thief.size);
    }
    nanosleep(&pause, NULL);
}

static void step_reset(race_t *race, unsigned *seed)
{
    softaccel_buffer_t fresh;

    /* A fresh object each time: one that was never exported. */
    if (softaccel_buffer_create(race->buffer[0].fd, PAGES * page, &fresh) != 0)
        return;
    mremap(fresh.ptr, fresh.size, fresh.size, MREMAP_MAYMOVE | MREMAP_FIXED,
           race->at);
    step_export(race, seed);
    softaccel_handle_close(fresh.fd, fresh.handle);
}

static void test_mappings(void)
{
    void (*const steps[])(race_t *, unsigned *) = {step_map, step_export,
                                                   step_export, step_query};
    const uint64_t used = accel_memory_used();
    race_t race = {.at = map_anonymous(PAGES * page)};
    struct stat st;
    unsigned fds;
    int i, fd;

    (void)device_fd();
    fds = fds_used();
    for (i = 0; i < OBJECTS; i++) {
        race.buffer[i] = accel_create(PAGES * page);
        tap_check_equal(softaccel_buffer_export(&race.buffer[i], &fd), 0);
        tap_check_equal(fstat(fd, &st), 0);
        race.inode[i] = st.st_ino;
        close(fd);
    }
    race_run(&race, steps, tap_count(steps));
    tap_check_equal(race.wrong, 0);
    tap_check(race_has_met_both(&race));
    munmap(race.at, PAGES * page);
    for (i = 0; i < OBJECTS; i++)
        accel_destroy(&race.buffer[i]);
    tap_check_equal(fds_used(), fds);
    tap_check_equal(accel_memory_used(), used);
}

static void test_handles(void)
{
    void (*const steps[])(race_t *, unsigned *) = {step_reset, step_export,
                                                   step_steal};
    const uint64_t used = accel_memory_used();
    race_t race = {.at = map_anonymous(PAGES * page)};
    unsigned fds = fds_used();
    int file;

    /* A file of its own: what its handles were is forgotten with it. */
    tap_check_equal(softaccel_open(&file), 0);
    tap_check_equal(
        softaccel_buffer_create(file, PAGES * page, &race.buffer[0]), 0);
    race_run(&race, steps, tap_count(steps));
    tap_check_equal(race.wrong, 0);
    tap_check(race_has_met_both(&race));
    munmap(race.at, PAGES * page);
    munmap(race.buffer[0].ptr, race.buffer[0].size);
    close(file);
    tap_check_equal(fds_used(), fds);
    tap_check_equal(accel_memory_used(), used);
}

static const tap_test_t tests[] = {
    {"mmap, munmap and mprotect under EXPORT and QUERY", test_mappings},
    {"stolen handles under EXPORT lead to no other object", test_handles},
};

int main(void)
{
    return tap_main(tests, tap_count(tests));
}
