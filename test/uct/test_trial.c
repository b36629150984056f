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

#include "nics.h"
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

/* In place of the NICs. */
static const char *wanted; /* when they were opened; NULL: they were not */

int uct_peervma_verbs_find(uct_peervma_verbs_t *verbs_p)
{
    (void)verbs_p;
    return 0;
}

uct_peervma_nics_t *uct_peervma_nics_open(const uct_peervma_verbs_t *verbs,
                                          const char *names)
{
    (void)verbs;
    wanted = names;
    return (uct_peervma_nics_t *)&wanted;
}

int uct_peervma_nics_try(uct_peervma_nics_t *nics, int fd, uint64_t offset,
                         size_t length, const void *address,
                         const char **name_p)
{
    assert_ptr_equal(nics, &wanted);
    assert_int_equal(fd, last_fd);
    assert_int_equal(offset, 0);
    assert_int_equal(length, region.length);
    assert_ptr_equal(address, (const void *)region.base);
    (void)name_p;
    return 0;
}

void uct_peervma_nics_close(uct_peervma_nics_t *nics)
{
    assert_ptr_equal(nics, &wanted);
}

static char all[] = "all", tcp[] = "tcp", one[] = "mlx5_0:1";

static int create(void **state)
{
    static const uct_peervma_selection_t selection = {all, all};

    exports = 0;
    answer = 0;
    wanted = NULL;
    *state = uct_peervma_trial_create(NULL, 1, &selection);
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

static void only_nics_that_ucx_may_use_are_tried(void **state)
{
    const uct_peervma_selection_t with_one = {all, one}, without = {tcp, all};
    uct_peervma_trial_t *trial;

    (void)state;
    exports = answer = 0;
    wanted = NULL;
    trial = uct_peervma_trial_create(NULL, 1, &without);
    assert_false(uct_peervma_trial_is_staged(trial, &region));
    assert_null(wanted);
    uct_peervma_trial_destroy(trial);

    trial = uct_peervma_trial_create(NULL, 1, &with_one);
    assert_false(uct_peervma_trial_is_staged(trial, &region));
    assert_ptr_equal(wanted, one);
    uct_peervma_trial_destroy(trial);
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
        cmocka_unit_test(only_nics_that_ucx_may_use_are_tried),
        ONE_TEST(threads_that_ask_at_once_cause_one_trial),
    };

    return cmocka_run_group_tests_name("trial", tests, NULL, NULL);
}
