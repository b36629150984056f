/* SPDX-License-Identifier: BSD-3-Clause */
/* The ring of reports. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "notify.h"

static struct peervma_notify *ring_create(void)
{
    struct peervma_notify *ring = calloc(1, sizeof(*ring));

    assert_non_null(ring);
    return ring;
}

static void put(struct peervma_notify *ring, uintptr_t start)
{
    struct peervma_change change = {
        .start = start,
        .end = start + 1,
        .mapped = start % 2,
    };

    peervma_notify_put(ring, &change);
}

static void reports_come_out_as_they_went_in(void **state)
{
    struct peervma_notify *ring = ring_create();
    struct peervma_change change;
    uintptr_t i, taken = 0;

    (void)state;
    assert_false(peervma_notify_pending(ring));
    assert_int_equal(-ENOENT, peervma_notify_take(ring, &change));
    for (i = 0; i < 10 * PEERVMA_NOTIFY_SLOTS; i++) {
        put(ring, i);
        assert_true(peervma_notify_pending(ring));
        if (i % 3 != 0) {
            continue;
        }
        while (peervma_notify_take(ring, &change) == 0) {
            assert_true(change.start == taken && change.end == taken + 1);
            assert_int_equal(taken % 2, change.mapped);
            taken++;
        }
        assert_int_equal(i + 1, taken);
    }
    assert_false(peervma_notify_take_lost(ring));
    free(ring);
}

static void a_full_ring_leaves_word(void **state)
{
    struct peervma_notify *ring = ring_create();
    struct peervma_change change;
    uintptr_t i;

    (void)state;
    for (i = 0; i < PEERVMA_NOTIFY_SLOTS; i++) {
        put(ring, i);
    }
    assert_false(peervma_notify_take_lost(ring));
    put(ring, i);
    for (i = 0; i < PEERVMA_NOTIFY_SLOTS; i++) {
        assert_int_equal(0, peervma_notify_take(ring, &change));
        assert_true(change.start == i);
    }
    assert_int_equal(-ENOENT, peervma_notify_take(ring, &change));
    assert_true(peervma_notify_pending(ring));
    assert_true(peervma_notify_take_lost(ring));
    assert_false(peervma_notify_take_lost(ring));
    assert_false(peervma_notify_pending(ring));
    free(ring);
}

/* As if a writer were stopped between the two steps of a report. */
static void half_a_report_is_not_taken(void **state)
{
    struct peervma_notify *ring = ring_create();
    struct peervma_change change;

    (void)state;
    put(ring, 1);
    ring->tail++;
    put(ring, 2);
    assert_int_equal(0, peervma_notify_take(ring, &change));
    assert_int_equal(-EAGAIN, peervma_notify_take(ring, &change));
    assert_true(peervma_notify_pending(ring));
    free(ring);
}

#define WRITERS 3
#define REPORTS 30000

struct writers {
    struct peervma_notify *ring;
    atomic_uint number;
    atomic_uint running;
};

static void *write_on(void *arg)
{
    struct writers *writers = arg;
    unsigned number = writers->number++;
    unsigned i;

    for (i = 0; i < REPORTS; i++) {
        put(writers->ring, (uintptr_t)number * REPORTS + i);
    }
    writers->running--;
    return NULL;
}

/* Each writer's reports in its order; none twice; what is missing is told. */
static void many_writers_do_not_disturb_each_other(void **state)
{
    struct writers writers = {.ring = ring_create(), .running = WRITERS};
    uintptr_t next[WRITERS] = {0};
    unsigned long taken = 0;
    struct peervma_change change;
    pthread_t thread[WRITERS];
    bool lost = false;
    unsigned i, from;

    (void)state;
    for (i = 0; i < WRITERS; i++) {
        pthread_create(&thread[i], NULL, write_on, &writers);
    }
    while (writers.running > 0 || peervma_notify_pending(writers.ring)) {
        while (peervma_notify_take(writers.ring, &change) == 0) {
            from = (unsigned)(change.start / REPORTS);
            assert_true(from < WRITERS);
            assert_true(change.start % REPORTS >= next[from]);
            assert_true(change.end == change.start + 1);
            next[from] = change.start % REPORTS + 1;
            taken++;
        }
        lost |= peervma_notify_take_lost(writers.ring);
    }
    for (i = 0; i < WRITERS; i++) {
        pthread_join(thread[i], NULL);
    }
    assert_true(taken == WRITERS * REPORTS || lost);
    free(writers.ring);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reports_come_out_as_they_went_in),
        cmocka_unit_test(a_full_ring_leaves_word),
        cmocka_unit_test(half_a_report_is_not_taken),
        cmocka_unit_test(many_writers_do_not_disturb_each_other),
    };

    return cmocka_run_group_tests_name("notify", tests, NULL, NULL);
}
