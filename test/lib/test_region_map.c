/* SPDX-License-Identifier: BSD-3-Clause */
/* The region map against a model that keeps a number for each page. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "region_map.h"

#define PAGE 4096ul
#define PAGES 200
#define BASE 0x10000000ul

/* For each page: its region, and the place of the page in its object. */
struct model {
    uint64_t generation[PAGES]; /* 0: none */
    uintptr_t base[PAGES];
    size_t length[PAGES];
    uint64_t object_offset[PAGES];
};

static void model_cut(struct model *model, unsigned first, unsigned end)
{
    uintptr_t start = BASE + first * PAGE, stop = BASE + end * PAGE;
    unsigned i;

    for (i = 0; i < PAGES; i++) {
        uintptr_t base = model->base[i], limit = base + model->length[i];

        if (model->generation[i] == 0 || limit <= start || base >= stop) {
            continue;
        }
        if (i >= first && i < end) {
            model->generation[i] = 0;
        } else if (i < first) {
            model->length[i] = start - base;
        } else {
            model->object_offset[i] += stop - base;
            model->base[i] = stop;
            model->length[i] = limit - stop;
        }
    }
}

static void model_insert(struct model *model, unsigned first, unsigned end,
                         uint64_t generation)
{
    unsigned i;

    model_cut(model, first, end);
    for (i = first; i < end; i++) {
        model->generation[i] = generation;
        model->base[i] = BASE + first * PAGE;
        model->length[i] = (end - first) * PAGE;
        model->object_offset[i] = generation * PAGE;
    }
}

static void compare_page(const struct model *model,
                         const struct peervma_region_map *map, unsigned page,
                         size_t inside)
{
    uintptr_t address = BASE + page * PAGE + inside;
    peervma_region_t region;
    int ret;

    ret = peervma_region_map_find(map, address, &region);
    if (model->generation[page] == 0) {
        assert_int_equal(-ENOENT, ret);
        return;
    }
    assert_int_equal(0, ret);
    assert_true(region.generation == model->generation[page]);
    assert_true(region.base == model->base[page]);
    assert_int_equal(model->length[page], region.length);
    assert_true(region.object_offset == model->object_offset[page]);
    assert_true(region.kind == PEERVMA_KIND_DRM);
    assert_int_equal(3, region.pci.function);
    assert_int_equal(0, region.reserved[0]);
}

/* The regions of the model, met one after the other. */
static void compare_order(const struct model *model,
                          const struct peervma_region_map *map)
{
    peervma_region_t region;
    uintptr_t address = 0;
    size_t count = 0;
    unsigned page = 0;

    while (peervma_region_map_next(map, address, &region) == 0) {
        while (page < PAGES && model->generation[page] == 0) {
            page++;
        }
        assert_true(page < PAGES);
        assert_true(region.base == model->base[page]);
        assert_int_equal(model->length[page], region.length);
        page += (unsigned)(region.length / PAGE);
        address = region.base + region.length;
        count++;
    }
    while (page < PAGES) {
        assert_int_equal(0, model->generation[page++]);
    }
    assert_int_equal(count, peervma_region_map_count(map));
}

static void insert(struct peervma_region_map *map, uintptr_t base,
                   size_t length, uint64_t generation)
{
    peervma_region_t region = {
        .base = base,
        .length = length,
        .object_offset = generation * PAGE,
        .object_size = 1ull << 40,
        .generation = generation,
        .kind = PEERVMA_KIND_DRM,
        .pci = {.function = 3, .valid = 1},
    };

    assert_int_equal(0, peervma_region_map_insert(map, &region));
}

static void random_changes_agree_with_the_model(void **state)
{
    unsigned seed = (unsigned)time(NULL), first, end, i, page;
    struct peervma_region_map *map;
    static struct model model;
    uint64_t generation = 0;

    (void)state;
    print_message("# seed %u\n", seed);
    assert_int_equal(0, peervma_region_map_create(&map));
    for (i = 0; i < 20000; i++) {
        first = (unsigned)rand_r(&seed) % PAGES;
        end = first + 1 + (unsigned)rand_r(&seed) % 12;
        end = end < PAGES ? end : PAGES;
        peervma_region_map_begin(map);
        if (rand_r(&seed) % 5 < 3) {
            insert(map, BASE + first * PAGE, (end - first) * PAGE,
                   ++generation);
            model_insert(&model, first, end, generation);
            assert_true(peervma_region_map_has(map, BASE + first * PAGE,
                                               (end - first) * PAGE));
        } else {
            assert_int_equal(0, peervma_region_map_cut(map, BASE + first * PAGE,
                                                       BASE + end * PAGE));
            model_cut(&model, first, end);
            assert_false(peervma_region_map_has(map, BASE + first * PAGE,
                                                (end - first) * PAGE));
        }
        peervma_region_map_end(map);
        page = (unsigned)rand_r(&seed) % PAGES;
        compare_page(&model, map, page, 0);
        compare_page(&model, map, page, PAGE - 1);
        if (i % 50 == 0) {
            for (page = 0; page < PAGES; page++) {
                compare_page(&model, map, page, (size_t)i % PAGE);
            }
            compare_order(&model, map);
        }
    }

    peervma_region_map_begin(map);
    peervma_region_map_clear(map);
    peervma_region_map_end(map);
    assert_int_equal(0, peervma_region_map_count(map));
    peervma_region_map_destroy(map);
}

static void an_object_of_unknown_size_keeps_no_offset(void **state)
{
    peervma_region_t region = {.base = BASE, .length = 4 * PAGE};
    struct peervma_region_map *map;

    (void)state;
    assert_int_equal(0, peervma_region_map_create(&map));
    peervma_region_map_begin(map);
    assert_int_equal(0, peervma_region_map_insert(map, &region));
    assert_int_equal(0,
                     peervma_region_map_cut(map, BASE + PAGE, BASE + 2 * PAGE));
    peervma_region_map_end(map);
    assert_int_equal(0, peervma_region_map_find(map, BASE + 3 * PAGE, &region));
    assert_true(region.base == BASE + 2 * PAGE);
    assert_int_equal(0, region.object_offset);
    peervma_region_map_destroy(map);
}

static void empty_and_reversed_cuts_do_nothing(void **state)
{
    struct peervma_region_map *map;

    (void)state;
    assert_int_equal(0, peervma_region_map_create(&map));
    peervma_region_map_begin(map);
    assert_int_equal(0, peervma_region_map_cut(map, 0, UINTPTR_MAX));
    insert(map, BASE, PAGE, 1);
    assert_int_equal(0, peervma_region_map_cut(map, BASE, BASE));
    assert_int_equal(0, peervma_region_map_cut(map, BASE + PAGE, BASE));
    assert_int_equal(1, peervma_region_map_count(map));
    assert_int_equal(0, peervma_region_map_cut(map, 0, UINTPTR_MAX));
    assert_int_equal(0, peervma_region_map_count(map));
    peervma_region_map_end(map);
    peervma_region_map_destroy(map);
}

/* Placed downwards, as the kernel does, and each found again. */
static void many_regions_are_held(void **state)
{
    const uintptr_t top = 0x7f0000000000;
    const size_t count = 100000;
    struct peervma_region_map *map;
    peervma_region_t region;
    size_t i;

    (void)state;
    assert_int_equal(0, peervma_region_map_create(&map));
    peervma_region_map_begin(map);
    for (i = 0; i < count; i++) {
        insert(map, top - i * 2 * PAGE, PAGE, i + 1);
    }
    peervma_region_map_end(map);
    assert_int_equal(count, peervma_region_map_count(map));
    for (i = 0; i < count; i++) {
        assert_int_equal(
            0, peervma_region_map_find(map, top - i * 2 * PAGE + 1, &region));
        assert_int_equal(i + 1, region.generation);
        assert_int_equal(-ENOENT, peervma_region_map_find(
                                      map, top - i * 2 * PAGE + PAGE, &region));
    }
    peervma_region_map_destroy(map);
}

/* Far apart and close together, so that few buckets have nearly all. */
static void regions_that_lie_unevenly_are_found(void **state)
{
    const size_t count = 5000;
    peervma_region_t region = {.length = PAGE, .kind = PEERVMA_KIND_DRM};
    struct peervma_region_map *map;
    peervma_region_t found;
    size_t i;

    (void)state;
    assert_int_equal(0, peervma_region_map_create(&map));
    peervma_region_map_begin(map);
    for (i = 0; i < count; i++) {
        region.base = (i % 2 ? 0x7f0000000000 : 0x10000000) + i * 3 * PAGE;
        region.generation = i;
        assert_int_equal(0, peervma_region_map_insert(map, &region));
    }
    assert_true(peervma_region_map_has(map, 0x10000000, PAGE));
    peervma_region_map_end(map);
    for (i = 0; i < count; i++) {
        uintptr_t base = (i % 2 ? 0x7f0000000000 : 0x10000000) + i * 3 * PAGE;

        assert_int_equal(0, peervma_region_map_find(map, base, &found));
        assert_int_equal(i, found.generation);
        assert_int_equal(-ENOENT,
                         peervma_region_map_find(map, base + PAGE, &found));
        assert_int_equal(-ENOENT,
                         peervma_region_map_find(map, base - 1, &found));
    }
    assert_int_equal(-ENOENT, peervma_region_map_find(map, 0, &found));
    assert_int_equal(-ENOENT, peervma_region_map_find(map, PAGE, &found));
    assert_int_equal(-ENOENT,
                     peervma_region_map_find(map, UINTPTR_MAX, &found));
    assert_int_equal(-ENOENT,
                     peervma_region_map_next(map, UINTPTR_MAX, &found));
    assert_int_equal(0, peervma_region_map_next(map, 0x7000000000, &found));
    assert_int_equal(1, found.generation);
    peervma_region_map_destroy(map);
}

static void a_full_map_says_so(void **state)
{
    struct peervma_region_map *map;
    peervma_region_t region = {.length = PAGE, .kind = PEERVMA_KIND_DRM};
    size_t i;

    (void)state;
    assert_int_equal(0, peervma_region_map_create(&map));
    peervma_region_map_begin(map);
    for (i = 0; i < PEERVMA_REGION_MAP_CAPACITY; i++) {
        region.base = 0x7f0000000000 - i * PAGE;
        assert_int_equal(0, peervma_region_map_insert(map, &region));
    }
    region.base = PAGE;
    assert_int_equal(-ENOMEM, peervma_region_map_insert(map, &region));
    peervma_region_map_end(map);
    assert_int_equal(PEERVMA_REGION_MAP_CAPACITY,
                     peervma_region_map_count(map));
    peervma_region_map_destroy(map);
}

/* Readers see a region whole, with one of its generations, or are told. */
struct readers {
    struct peervma_region_map *map;
    atomic_bool stop;
    atomic_ulong found;
    atomic_ulong torn;
};

static void *read_on(void *arg)
{
    struct readers *readers = arg;
    peervma_region_t region;
    int ret;

    while (!readers->stop) {
        ret = peervma_region_map_find(readers->map, BASE + 5 * PAGE, &region);
        if (ret == 0) {
            readers->found++;
            if (region.object_offset !=
                    region.generation * PAGE + (region.base - BASE) ||
                region.base + region.length != BASE + 10 * PAGE) {
                readers->torn++;
            }
        } else if (ret != -EAGAIN) {
            readers->torn++;
        }
    }
    return NULL;
}

static void readers_never_see_half_a_change(void **state)
{
    struct readers readers = {.stop = false};
    pthread_t thread[2];
    uint64_t i;

    (void)state;
    assert_int_equal(0, peervma_region_map_create(&readers.map));
    peervma_region_map_begin(readers.map);
    insert(readers.map, BASE, 10 * PAGE, 1);
    peervma_region_map_end(readers.map);
    pthread_create(&thread[0], NULL, read_on, &readers);
    pthread_create(&thread[1], NULL, read_on, &readers);
    for (i = 2; i < 20000 || readers.found < 1000; i++) {
        peervma_region_map_begin(readers.map);
        peervma_region_map_clear(readers.map);
        insert(readers.map, BASE + 20 * PAGE, PAGE, i);
        insert(readers.map, BASE, 10 * PAGE, i);
        if (i % 2 == 0) {
            peervma_region_map_cut(readers.map, BASE, BASE + PAGE);
        }
        peervma_region_map_end(readers.map);
    }
    readers.stop = true;
    pthread_join(thread[0], NULL);
    pthread_join(thread[1], NULL);
    assert_int_equal(0, readers.torn);
    peervma_region_map_destroy(readers.map);
}

static struct peervma_region_map *changed_map;
static volatile sig_atomic_t changes;

/* Runs in the midst of the reader's own steps, wherever that may be. */
static void change_now(int number)
{
    (void)number;
    changes++;
    peervma_region_map_begin(changed_map);
    insert(changed_map, BASE, 10 * PAGE, (uint64_t)changes + 1);
    peervma_region_map_end(changed_map);
}

static atomic_bool interrupting;

static void *interrupt(void *arg)
{
    const struct timespec pause = {.tv_nsec = 20000};

    while (interrupting) {
        pthread_kill(*(pthread_t *)arg, SIGUSR1);
        nanosleep(&pause, NULL);
    }
    return NULL;
}

static void a_change_between_a_readers_steps_is_noticed(void **state)
{
    struct sigaction action = {.sa_handler = change_now}, before;
    pthread_t reader = pthread_self(), thread;
    unsigned long noticed = 0, torn = 0;
    peervma_region_t region;
    int ret;

    (void)state;
    assert_int_equal(0, peervma_region_map_create(&changed_map));
    changes = 0;
    change_now(0);
    assert_int_equal(0, sigaction(SIGUSR1, &action, &before));
    interrupting = true;
    assert_int_equal(0, pthread_create(&thread, NULL, interrupt, &reader));
    while (noticed < 1000) {
        ret = peervma_region_map_find(changed_map, BASE, &region);
        if (ret == -EAGAIN) {
            noticed++;
        } else if (ret != 0 ||
                   region.object_offset != region.generation * PAGE) {
            torn++;
        }
        if (changes > 100000) {
            break; /* none of them was noticed */
        }
    }
    interrupting = false;
    pthread_join(thread, NULL);
    assert_int_equal(0, sigaction(SIGUSR1, &before, NULL));
    assert_int_equal(0, torn);
    assert_true(noticed >= 1000);
    peervma_region_map_destroy(changed_map);
}

static void a_forked_child_has_an_empty_map(void **state)
{
    struct peervma_region_map *map;
    peervma_region_t region;
    int status;
    pid_t pid;

    (void)state;
    assert_int_equal(0, peervma_region_map_create(&map));
    peervma_region_map_begin(map);
    insert(map, BASE, PAGE, 1);
    pid = fork(); /* in the midst of a change */
    if (pid == 0) {
        if (peervma_region_map_count(map) != 0 ||
            peervma_region_map_find(map, BASE, &region) != -ENOENT) {
            _exit(1);
        }
        peervma_region_map_begin(map);
        insert(map, BASE, PAGE, 2);
        peervma_region_map_end(map);
        _exit(peervma_region_map_find(map, BASE, &region) != 0);
    }
    peervma_region_map_end(map);
    assert_true(waitpid(pid, &status, 0) == pid);
    assert_int_equal(0, status);
    assert_int_equal(0, peervma_region_map_find(map, BASE, &region));
    assert_int_equal(1, region.generation);
    peervma_region_map_destroy(map);
}

/* Odd and even counts, and more than one step of pages. */
static void a_map_filled_at_once_is_in_order(void **state)
{
    static const size_t counts[] = {0, 1, 2, 3, 20000};
    peervma_region_t region = {.length = PAGE};
    struct peervma_region_map *map;
    size_t i, k;

    (void)state;
    for (k = 0; k < sizeof(counts) / sizeof(counts[0]); k++) {
        assert_int_equal(0, peervma_region_map_create(&map));
        for (i = 0; i < counts[k]; i++) {
            region.base = BASE + 2 * i * PAGE;
            region.generation = i + 1;
            assert_int_equal(0, peervma_region_map_push(map, &region));
        }
        peervma_region_map_turn(map);
        for (i = 0; i < counts[k]; i++) {
            assert_int_equal(
                0, peervma_region_map_find(map, BASE + 2 * i * PAGE, &region));
            assert_int_equal(i + 1, region.generation);
            assert_int_equal(
                -ENOENT, peervma_region_map_find(map, BASE + (2 * i + 1) * PAGE,
                                                 &region));
        }
        peervma_region_map_destroy(map);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_map_filled_at_once_is_in_order),
        cmocka_unit_test(random_changes_agree_with_the_model),
        cmocka_unit_test(an_object_of_unknown_size_keeps_no_offset),
        cmocka_unit_test(empty_and_reversed_cuts_do_nothing),
        cmocka_unit_test(many_regions_are_held),
        cmocka_unit_test(regions_that_lie_unevenly_are_found),
        cmocka_unit_test(a_full_map_says_so),
        cmocka_unit_test(readers_never_see_half_a_change),
        cmocka_unit_test(a_change_between_a_readers_steps_is_noticed),
        cmocka_unit_test(a_forked_child_has_an_empty_map),
    };

    return cmocka_run_group_tests_name("region_map", tests, NULL, NULL);
}
