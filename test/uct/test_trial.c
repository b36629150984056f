/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "stats.h"
#include "trial.h"

#define THREADS 8

static const peervma_region_t region = {
    .base = 0x7f0000000000,
    .length = 0x10000,
    .generation = 1,
};

static atomic_int exports; /* how often an exporter was asked */
static int answer, last_fd;

/* In place of the library's. */
int peervma_region_export(peervma_context_t *context, const void *address,
                          size_t length, peervma_export_t *export_p,
                          peervma_refusals_t *refusals_p)
{
    (void)context;
    assert_ptr_equal(address, (const void *)region.base);
    assert_int_equal(length, region.length);
    ++exports;
    refusals_p->count = 0;
    if (answer == 0) {
        last_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
        *export_p = (peervma_export_t){.fd = last_fd};
    }
    return answer;
}

static int create(void **state)
{
    exports = 0;
    answer = 0;
    *state = uct_peervma_trial_create(NULL, 1);
    return (*state == NULL) ? -1 : 0;
}

static int destroy(void **state)
{
    uct_peervma_trial_destroy(*state);
    return 0;
}

static void a_mapping_that_is_exported_is_not_staged(void **state)
{
    assert_false(uct_peervma_trial_is_staged(*state, &region));
    assert_false(uct_peervma_trial_is_staged(*state, &region));
    assert_int_equal(exports, 1);
    assert_int_equal(fcntl(last_fd, F_GETFD), -1);
}

static void a_refused_mapping_is_staged_and_asked_for_once(void **state)
{
    uint64_t staged = uct_peervma_stat_get(UCT_PEERVMA_STAT_REGIONS_STAGED);

    answer = -EOPNOTSUPP;
    assert_true(uct_peervma_trial_is_staged(*state, &region));
    answer = 0;
    assert_true(uct_peervma_trial_is_staged(*state, &region));
    assert_int_equal(exports, 1);
    assert_int_equal(uct_peervma_stat_get(UCT_PEERVMA_STAT_REGIONS_STAGED),
                     staged + 1);
}

static void what_is_mapped_there_later_is_asked_for_anew(void **state)
{
    peervma_region_t later = region;

    answer = -EOPNOTSUPP;
    assert_true(uct_peervma_trial_is_staged(*state, &region));
    answer = 0;
    later.generation = 2;
    assert_false(uct_peervma_trial_is_staged(*state, &later));
    assert_int_equal(exports, 2);
}

static void what_is_refused_after_its_trial_is_staged_too(void **state)
{
    assert_false(uct_peervma_trial_is_staged(*state, &region));
    uct_peervma_trial_refuse(*state, &region);
    assert_true(uct_peervma_trial_is_staged(*state, &region));
    assert_int_equal(exports, 1);
}

static void *ask(void *trial)
{
    return uct_peervma_trial_is_staged(trial, &region) ? trial : NULL;
}

static void threads_that_ask_at_once_cause_one_trial(void **state)
{
    pthread_t threads[THREADS];
    void *result;
    int i;

    answer = -EOPNOTSUPP;
    for (i = 0; i < THREADS; ++i) {
        assert_int_equal(pthread_create(&threads[i], NULL, ask, *state), 0);
    }
    for (i = 0; i < THREADS; ++i) {
        assert_int_equal(pthread_join(threads[i], &result), 0);
        assert_ptr_equal(result, *state);
    }
    assert_int_equal(exports, 1);
}

#define ONE_TEST(_name) cmocka_unit_test_setup_teardown(_name, create, destroy)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ONE_TEST(a_mapping_that_is_exported_is_not_staged),
        ONE_TEST(a_refused_mapping_is_staged_and_asked_for_once),
        ONE_TEST(what_is_mapped_there_later_is_asked_for_anew),
        ONE_TEST(what_is_refused_after_its_trial_is_staged_too),
        ONE_TEST(threads_that_ask_at_once_cause_one_trial),
    };

    return cmocka_run_group_tests_name("trial", tests, NULL, NULL);
}
