/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A fuzzer of /dev/peervma: calls at random, on mappings that change at random,
 * by several threads. It knows the right answer to nearly every call.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <time.h>
#include <unistd.h>

#include "arena.h"
#include "bar.h"
#include "calls.h"
#include "device.h"
#include "expect.h"
#include "fuzz.h"
#include "mutate.h"
#include "process.h"
#include "tap.h"

uint8_t *fuzz_shared_arena;

static run_t *run;
static worker_t workers[FUZZ_THREADS];
static bool replay;

static const char usage[] =
    "usage: kernel_fuzz [--seed S] [--calls N] [--threads T] [--unbind N]\n"
    "                   [--replay]\n"
    "\n"
    "Calls /dev/peervma at random and prints TAP. Needs root, softaccel, "
    "vgem,\n"
    "and nobody else who uses them.\n"
    "\n"
    "--seed S     what all choices follow from (default: the time)\n"
    "--calls N    calls of all threads together, such as 1e6 (default 1e5)\n"
    "--threads T  1 to 16 (default 4)\n"
    "--unbind N   unbind the accelerator once in N steps, 0: never (default\n"
    "             20000)\n"
    "--replay     the same steps of the same threads, one after the other\n";

void complain(worker_t *worker, const char *format, ...)
{
    char text[512];
    va_list args;
    int length;

    if (atomic_exchange(&worker->run->failed, true))
        return;
    va_start(args, format);
    length = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    dprintf(STDOUT_FILENO, "# seed %lu thread %u step %lu: %.*s\n",
            worker->run->seed, worker->index, worker->step, length, text);
}

/* An object that is no more, or was long enough, makes room for another. */
static void renew(worker_t *worker)
{
    object_t *object = &worker->objects[below(worker, OBJECTS_ACCEL)];

    if (one_in(worker, 3)) {
        object_close_handle(worker, object);
    } else if (atomic_load(&worker->run->epoch) % 2 == 0) {
        arena_forget(worker, object);
        object_replace(worker, object);
    }
}

/* What a child does, too. */
static void step_calls(worker_t *worker)
{
    const unsigned choice = below(worker, 100);

    if (choice < 34)
        call_export(worker, random_own(worker));
    else if (choice < 36)
        bar_try(worker);
    else if (choice < 62)
        call_query(worker, random_own(worker));
    else if (choice < 66)
        call_query(worker, expect_special(worker));
    else if (choice < 70)
        call_export(worker, expect_special(worker));
    else if (choice < 72)
        call_info(worker);
    else if (choice < 82)
        call_mutated(worker);
    else if (choice < 88)
        call_shared_export(worker);
    else if (choice < 92)
        call_shared_query(worker);
    else if (choice < 93)
        call_contended(worker);
    else if (choice < 97)
        arena_change(worker);
    else
        shared_arena_change(worker);
    if (choice >= 93)
        count(worker, COUNT_CHANGE);
}

static void step_rare(worker_t *worker)
{
    const unsigned choice = below(worker, 64);

    if (choice < 3)
        fork_try(worker, step_calls);
    else if (choice < 16)
        peer_try(worker);
    else
        renew(worker);
}

/* Each step depends on its number alone, and on what is mapped. */
static void step(worker_t *worker)
{
    worker->random = stream_at(run->seed, worker->index, worker->step);
    if (run->unbind_every != 0 && one_in(worker, run->unbind_every))
        device_rebind(worker);
    else if (one_in(worker, 128))
        step_rare(worker);
    else
        step_calls(worker);
    worker->step++;
}

static void *worker_run(void *arg)
{
    worker_t *worker = arg;

    while (worker->calls < run->calls && !atomic_load(&run->failed))
        step(worker);
    return NULL;
}

static void *map_at(uint64_t address, size_t length)
{
    void *map = mmap((void *)address, length, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

    tap_check(map == (void *)address);
    return map;
}

/* A structure in memory that cannot be written, about memory to export. */
static void read_only_make(worker_t *worker)
{
    struct peervma_export *export = map_anonymous(page);
    int fd = heap_create(page, O_RDWR);

    *export = (struct peervma_export){
        .size = sizeof(*export),
        .addr = (uintptr_t)map_shared(fd, 0, page),
        .length = page,
    };
    close(fd);
    tap_check_equal(mprotect(export, page, PROT_READ), 0);
    worker->read_only = (uint8_t *)export;
}

static void worker_create(worker_t *worker, unsigned index)
{
    size_t i;

    worker->run = run;
    worker->index = index;
    worker->random = stream_at(run->seed, index, UINT64_MAX);
    for (i = 0; i < FUZZ_HELD; i++)
        worker->held[i] = -1;
    tap_check_equal(pipe2(worker->tags, O_CLOEXEC), 0);
    peer_start(worker);
}

/* The rest, when all peers are there, which must not have it. */
static void worker_equip(worker_t *worker)
{
    worker->arena = map_at(ARENA_BASE + (worker->index + 1) * ARENA_STRIDE,
                           ARENA_PAGES * page);
    arena_clear(worker);
    worker->bar = map_at((uintptr_t)worker->arena + BAR_GAP, BAR_PAGES * page);
    bar_clear(worker);
    worker->argument = map_anonymous(3 * page);
    tap_check_equal(mprotect(worker->argument + 2 * page, page, PROT_NONE), 0);
    read_only_make(worker);
    objects_create(worker);
}

static void worker_destroy(worker_t *worker)
{
    const struct peervma_export *export = (void *)worker->read_only;

    arena_clear(worker);
    bar_clear(worker);
    call_drop_held(worker);
    objects_destroy(worker);
    munmap((void *)(uintptr_t) export->addr, page);
    munmap(worker->read_only, page);
    munmap(worker->argument, 3 * page);
    peer_stop(worker);
    close(worker->tags[0]);
    close(worker->tags[1]);
}

static void create_all(void)
{
    unsigned i;

    for (i = 0; i < run->threads; i++)
        worker_create(&workers[i], i);
    fuzz_shared_arena = map_at(ARENA_BASE, ARENA_PAGES * page);
    fuzz_contended = map_anonymous(page);
    for (i = 0; i < run->threads; i++)
        worker_equip(&workers[i]);
}

static void destroy_all(void)
{
    unsigned i;

    munmap(fuzz_shared_arena, ARENA_PAGES * page);
    munmap(fuzz_contended, page);
    for (i = 0; i < run->threads; i++)
        worker_destroy(&workers[i]);
}

static void run_all(void)
{
    pthread_t threads[FUZZ_THREADS];
    unsigned i;

    if (replay) {
        for (i = 0; i < run->threads; i++)
            worker_run(&workers[i]);
        return;
    }
    for (i = 0; i < run->threads; i++)
        tap_check_equal(
            pthread_create(&threads[i], NULL, worker_run, &workers[i]), 0);
    for (i = 0; i < run->threads; i++)
        pthread_join(threads[i], NULL);
}

static double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void print_counts(double seconds)
{
    static const char *const names[COUNTS] = {
        "INFO",    "QUERY",     "EXPORT", "exported",
        "of BARs", "unknown",   "change", "content looked at",
        "fork",    "passed on", "unbind",
    };
    uint64_t calls = 0;
    unsigned i;

    for (i = 0; i < run->threads; i++)
        calls += workers[i].calls;
    printf("# seed %lu: %lu calls in %.1f s by %u threads:", run->seed, calls,
           seconds, run->threads);
    for (i = 0; i < COUNTS; i++)
        printf(" %s %lu%s", names[i], atomic_load(&run->count[i]),
               i + 1 < COUNTS ? "," : "\n");
}

/* A number that is the second word of a file's line that begins with `key`. */
static long file_number(const char *path, const char *key)
{
    FILE *file = fopen(path, "re");
    char line[256];
    long number = -1;

    if (file == NULL)
        tap_fail(__FILE__, __LINE__, "%s: %m", path);
    while (number < 0 && fgets(line, sizeof(line), file) != NULL)
        if (strncmp(line, key, strlen(key)) == 0)
            number = strtol(line + strlen(key), NULL, 10);
    fclose(file);
    tap_check(number >= 0);
    return number;
}

/* What there is of everything that a call could leave behind. */
typedef struct stock {
    unsigned fds;
    long dmabufs;
    long references;
    long slab_kib;
    uint64_t memory;
} stock_t;

static stock_t stock_before, stock_after;

static stock_t stock_take(void)
{
    struct softaccel_info info;
    stock_t stock;
    int fd;

    (void)device_fd();
    tap_check_equal(softaccel_open(&fd), 0);
    tap_check_equal(softaccel_info(fd, &info), 0);
    close(fd);
    stock.memory = info.memory_used;
    stock.fds = fds_used();
    stock.dmabufs = file_number("/sys/kernel/debug/dma_buf/bufinfo", "Total ");
    stock.references = file_number("/sys/module/peervma/refcnt", "");
    stock.slab_kib = slab_kib();
    return stock;
}

static void test_answers(void)
{
    double begin;

    tap_check(mount("none", "/sys/kernel/debug", "debugfs", 0, NULL) == 0 ||
              errno == EBUSY);
    device_find();
    stock_before = stock_take();
    bar_setup();
    create_all();
    begin = now();
    run_all();
    print_counts(now() - begin);
    destroy_all();
    bar_teardown();
    stock_after = stock_take();
    tap_check(!atomic_load(&run->failed));
    tap_check(atomic_load(&run->count[COUNT_EXPORTED]) > 0);
    tap_check(atomic_load(&run->count[COUNT_BAR]) > 0);
}

static void test_fds(void)
{
    tap_check_equal(stock_after.fds, stock_before.fds);
}

static void test_objects(void)
{
    tap_check_equal(stock_after.dmabufs, stock_before.dmabufs);
    tap_check_equal(stock_after.memory, stock_before.memory);
    tap_check_equal(stock_after.references, stock_before.references);
}

/* 32 bytes lost in a call of a hundred would be 3 MiB of a million calls. */
static void test_memory(void)
{
    const long grown = stock_after.slab_kib - stock_before.slab_kib;

    printf("# kernel memory grew by %ld KiB\n", grown);
    tap_check(grown < 8192);
}

static const tap_test_t tests[] = {
    {"each answer is right for what is mapped", test_answers},
    {"no descriptor is left", test_fds},
    {"no dma-buf, device memory or reference to the module is left",
     test_objects},
    {"no kernel memory is left", test_memory},
};

/* A number such as 1e6. */
static uint64_t parse(const char *text)
{
    char *end;
    double number = strtod(text, &end);

    if (*text == '\0' || *end != '\0' || number < 0 || number > 1e15)
        errx(2, "%s: not a number", text);
    return (uint64_t)number;
}

static void parse_options(int argc, char **argv, uint64_t *calls_p)
{
    static const struct option options[] = {
        {"seed", required_argument, NULL, 's'},
        {"calls", required_argument, NULL, 'c'},
        {"threads", required_argument, NULL, 't'},
        {"unbind", required_argument, NULL, 'u'},
        {"replay", no_argument, NULL, 'r'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    int option;

    while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        switch (option) {
        case 's':
            run->seed = strtoull(optarg, NULL, 0);
            break;
        case 'c':
            *calls_p = parse(optarg);
            break;
        case 't':
            run->threads = (unsigned)parse(optarg);
            break;
        case 'u':
            run->unbind_every = (unsigned)parse(optarg);
            break;
        case 'r':
            replay = true;
            break;
        case 'h':
            fputs(usage, stdout);
            exit(0);
        default:
            fputs(usage, stderr);
            exit(2);
        }
    }
    if (optind != argc || run->threads < 1 || run->threads > FUZZ_THREADS) {
        fputs(usage, stderr);
        exit(2);
    }
}

int main(int argc, char **argv)
{
    uint64_t calls = 100000;

    run = mmap(NULL, sizeof(*run), PROT_READ | PROT_WRITE,
               MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (run == MAP_FAILED)
        err(1, "mmap");
    run->seed = (uint64_t)time(NULL);
    run->threads = 4;
    run->unbind_every = 20000;
    parse_options(argc, argv, &calls);
    run->calls = calls / run->threads;
    expect_setup();
    return tap_main(tests, tap_count(tests));
}
