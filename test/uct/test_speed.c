/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "speed.h"

/* A device whose copies take as long as they should, by a clock of its own. */
static double clock_now;
static uct_peervma_speed_t truth;
static double hiccup; /* seconds that the next copy takes longer */

static double now(void)
{
    return clock_now;
}

static void spend(double latency, double bandwidth, size_t length)
{
    clock_now += latency + (double)length / bandwidth + hiccup;
    hiccup = 0;
}

static void to_device(void *device, const void *host, size_t length)
{
    memcpy(device, host, length);
    spend(truth.to_latency, truth.to_device, length);
}

static void from_device(void *host, const void *device, size_t length)
{
    memcpy(host, device, length);
    spend(truth.from_latency, truth.from_device, length);
}

/* In place of the accelerators. */
static unsigned allocations, frees;
static int alloc_answer;
static peervma_pci_t last_pci;
static char own_memory[UCT_PEERVMA_SPEED_BYTES];

int uct_peervma_alloc_get(uct_peervma_alloc_t *alloc, const peervma_pci_t *pci,
                          size_t length, uct_peervma_memory_t **memory_p)
{
    static uct_peervma_memory_t memory = {own_memory, sizeof(own_memory)};

    (void)alloc;
    assert_int_equal(length, UCT_PEERVMA_SPEED_BYTES);
    ++allocations;
    last_pci = *pci;
    if (alloc_answer == 0) {
        *memory_p = &memory;
    }
    return alloc_answer;
}

void uct_peervma_alloc_put(uct_peervma_memory_t *memory)
{
    assert_ptr_equal(memory->address, own_memory);
    ++frees;
}

static uct_peervma_speed_t measure(void)
{
    static const uct_peervma_speed_probe_t probe = {now, to_device,
                                                    from_device};
    uct_peervma_speed_t speed;
    char *buffers = malloc(2 * UCT_PEERVMA_SPEED_BYTES);

    assert_non_null(buffers);
    uct_peervma_speed_measure(&probe, buffers,
                              buffers + UCT_PEERVMA_SPEED_BYTES, &speed);
    free(buffers);
    return speed;
}

static void assert_near(double value, double expected)
{
    assert_true((value > 0.9 * expected) && (value < 1.1 * expected));
}

static void what_is_measured_is_what_the_device_does(void **state)
{
    static const uct_peervma_speed_t devices[] = {
        {4e9, 250e6, 100e-9, 1e-6},  /* write-combining BAR */
        {200e6, 30e6, 100e-9, 1e-6}, /* uncached */
        {20e9, 20e9, 80e-9, 300e-9}, /* CXL */
    };
    uct_peervma_speed_t speed;
    double start;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(devices) / sizeof(devices[0]); ++i) {
        truth = devices[i];
        start = clock_now;
        speed = measure();
        assert_near(speed.to_device, truth.to_device);
        assert_near(speed.from_device, truth.from_device);
        assert_near(speed.to_latency, truth.to_latency + 8 / truth.to_device);
        assert_near(speed.from_latency,
                    truth.from_latency + 8 / truth.from_device);
        assert_true(clock_now - start < 500e-6);
    }
}

static void an_interrupted_copy_is_not_believed(void **state)
{
    uct_peervma_speed_t speed;

    (void)state;
    truth = (uct_peervma_speed_t){4e9, 250e6, 100e-9, 1e-6};
    hiccup = 10e-3;
    speed = measure();
    assert_near(speed.to_device, truth.to_device);
    assert_near(speed.to_latency, truth.to_latency + 8 / truth.to_device);
}

static const uct_peervma_speed_t nothing_set;

static peervma_region_t region_at(uint8_t bus)
{
    return (peervma_region_t){.kind = PEERVMA_KIND_DRM,
                              .pci = {.bus = bus, .valid = 1}};
}

static int start(void **state)
{
    (void)state;
    allocations = frees = 0;
    alloc_answer = 0;
    uct_peervma_speed_set(&nothing_set);
    return 0;
}

static void before_a_buffer_it_is_that_of_a_bar(void **state)
{
    uct_peervma_speed_t speed;

    (void)state;
    uct_peervma_speed_get(&speed);
    assert_true(speed.to_device == 4e9);
    assert_true(speed.from_device == 250e6);
    assert_true(speed.from_latency == 500e-9);
    assert_near(uct_peervma_speed_between(&speed), 250e6);
}

#define THREADS 4
#define ROUNDS 1000

static void *meet_devices(void *arg)
{
    peervma_region_t region;
    uct_peervma_speed_t speed;
    int i;

    (void)arg;
    for (i = 0; i < ROUNDS; ++i) {
        region = region_at((uint8_t)(8 + i % 4));
        uct_peervma_speed_meet(NULL, &region);
        uct_peervma_speed_get(&speed);
    }
    return NULL;
}

/* As threads with contexts of their own do. */
static void settings_may_come_while_others_measure(void **state)
{
    pthread_t threads[THREADS];
    int i;

    (void)state;
    for (i = 0; i < THREADS; ++i) {
        assert_int_equal(pthread_create(&threads[i], NULL, meet_devices, NULL),
                         0);
    }
    for (i = 0; i < ROUNDS; ++i) {
        uct_peervma_speed_set(&nothing_set);
    }
    for (i = 0; i < THREADS; ++i) {
        pthread_join(threads[i], NULL);
    }
    meet_devices(NULL);
    assert_int_equal(allocations, 4);
}

static void another_context_keeps_what_was_measured(void **state)
{
    const peervma_region_t region = region_at(5);
    uct_peervma_speed_t before, after;

    (void)state;
    uct_peervma_speed_meet(NULL, &region);
    assert_int_equal(allocations, 1);
    uct_peervma_speed_get(&before);
    uct_peervma_speed_set(&nothing_set);
    uct_peervma_speed_meet(NULL, &region);
    assert_int_equal(allocations, 1);
    uct_peervma_speed_get(&after);
    assert_memory_equal(&before, &after, sizeof(before));
}

static void each_kind_of_device_is_measured_once(void **state)
{
    const peervma_region_t first = region_at(1), second = region_at(2);
    uct_peervma_speed_t speed;

    (void)state;
    uct_peervma_speed_meet(NULL, &first);
    uct_peervma_speed_meet(NULL, &first);
    assert_int_equal(allocations, 1);
    assert_int_equal(last_pci.bus, 1);
    uct_peervma_speed_meet(NULL, &second);
    uct_peervma_speed_meet(NULL, &first);
    assert_int_equal(allocations, 2);
    assert_int_equal(frees, 2);
    assert_int_equal(last_pci.bus, 2);
    uct_peervma_speed_get(&speed);
    assert_true((speed.to_device > 0) && (speed.to_device != 4e9));
}

static void what_cannot_be_measured_keeps_the_default(void **state)
{
    const peervma_region_t region = region_at(3);
    uct_peervma_speed_t speed;

    (void)state;
    alloc_answer = -ENOSPC;
    uct_peervma_speed_meet(NULL, &region);
    uct_peervma_speed_meet(NULL, &region);
    assert_int_equal(allocations, 1);
    uct_peervma_speed_get(&speed);
    assert_true(speed.to_device == 4e9);
}

static void bars_and_unknown_devices_are_not_touched(void **state)
{
    peervma_region_t region = region_at(4);

    (void)state;
    region.kind = PEERVMA_KIND_BAR;
    uct_peervma_speed_meet(NULL, &region);
    region = region_at(4);
    region.pci.valid = 0;
    uct_peervma_speed_meet(NULL, &region);
    assert_int_equal(allocations, 0);
}

static void settings_go_before_measurements(void **state)
{
    const peervma_region_t region = region_at(6), later = region_at(7);
    const uct_peervma_speed_t one = {.from_device = 1e6};
    const uct_peervma_speed_t all = {1e6, 2e6, 3e-6, 3e-6};
    uct_peervma_speed_t speed;

    (void)state;
    uct_peervma_speed_set(&one);
    uct_peervma_speed_meet(NULL, &region);
    assert_int_equal(allocations, 1);
    uct_peervma_speed_get(&speed);
    assert_true(speed.from_device == 1e6);
    assert_true(speed.to_device != 4e9);

    uct_peervma_speed_set(&all);
    uct_peervma_speed_meet(NULL, &later);
    assert_int_equal(allocations, 1);
    uct_peervma_speed_get(&speed);
    assert_memory_equal(&speed, &all, sizeof(speed));

    uct_peervma_speed_set(&nothing_set);
    uct_peervma_speed_meet(NULL, &later);
    assert_int_equal(allocations, 2);
}

int main(void)
{
    /* Each with devices of its own: what was measured stays. */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_measured_is_what_the_device_does),
        cmocka_unit_test(an_interrupted_copy_is_not_believed),
        cmocka_unit_test_setup(before_a_buffer_it_is_that_of_a_bar, start),
        cmocka_unit_test_setup(what_cannot_be_measured_keeps_the_default,
                               start),
        cmocka_unit_test_setup(bars_and_unknown_devices_are_not_touched, start),
        cmocka_unit_test_setup(each_kind_of_device_is_measured_once, start),
        cmocka_unit_test_setup(another_context_keeps_what_was_measured, start),
        cmocka_unit_test_setup(settings_may_come_while_others_measure, start),
        cmocka_unit_test_setup(settings_go_before_measurements, start),
    };

    return cmocka_run_group_tests_name("speed", tests, NULL, NULL);
}
