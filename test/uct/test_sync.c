/* SPDX-License-Identifier: BSD-3-Clause */
/* Which copies tell a dma-buf's exporter, and how often. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>

#include "sync.h"

#define BYTES ((const void *)0x7f0000000100)

static struct {
    unsigned begins, ends;
    unsigned flags; /* of the last begin */
    int answer;
} exporter;

static uct_peervma_sync_t sync_state;
static peervma_region_t region;

/* In place of the library's. */
int peervma_access_begin(peervma_context_t *context, const void *address,
                         size_t length, unsigned flags,
                         peervma_access_t *access_p)
{
    (void)context;
    assert_ptr_equal(BYTES, address);
    assert_int_equal(64, length);
    ++exporter.begins;
    exporter.flags = flags;
    if (exporter.answer == 0) {
        *access_p = (peervma_access_t){.fd = 7, .flags = flags};
    }
    return exporter.answer;
}

int peervma_access_end(peervma_access_t *access)
{
    assert_int_equal(7, access->fd);
    access->fd = -1;
    ++exporter.ends;
    return 0;
}

static int setup(void **state)
{
    (void)state;
    exporter.begins = exporter.ends = 0;
    exporter.answer = 0;
    sync_state = (uct_peervma_sync_t){.refused = {0}};
    region = (peervma_region_t){
        .base = 0x7f0000000000,
        .length = 0x1000,
        .generation = 3,
        .kind = PEERVMA_KIND_DMABUF,
    };
    return 0;
}

static void copy(unsigned flags)
{
    uct_peervma_sync_begin(&sync_state, NULL, &region, BYTES, 64, flags);
    uct_peervma_sync_end(&sync_state);
}

static void each_copy_of_a_dmabuf_is_told(void **state)
{
    (void)state;
    copy(PEERVMA_ACCESS_WRITE);
    assert_int_equal(PEERVMA_ACCESS_WRITE, exporter.flags);
    copy(PEERVMA_ACCESS_READ);
    assert_int_equal(PEERVMA_ACCESS_READ, exporter.flags);
    assert_int_equal(2, exporter.begins);
    assert_int_equal(2, exporter.ends);
}

static void other_mappings_cost_nothing(void **state)
{
    static const peervma_kind_t kinds[] = {
        PEERVMA_KIND_NONE, PEERVMA_KIND_DRM,    PEERVMA_KIND_BAR,
        PEERVMA_KIND_VFIO, PEERVMA_KIND_DRIVER, PEERVMA_KIND_OTHER,
    };
    unsigned i;

    (void)state;
    for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); ++i) {
        region.kind = kinds[i];
        copy(PEERVMA_ACCESS_WRITE);
    }
    assert_int_equal(0, exporter.begins);
    assert_int_equal(0, exporter.ends);
}

/* Nobody has a descriptor of it: the next copies need not look again. */
static void a_mapping_that_cannot_be_told_is_asked_once(void **state)
{
    (void)state;
    exporter.answer = -EBADF;
    copy(PEERVMA_ACCESS_WRITE);
    copy(PEERVMA_ACCESS_WRITE);
    assert_int_equal(1, exporter.begins);
    assert_int_equal(0, exporter.ends);
    ++region.generation; /* another one, by turns with it */
    copy(PEERVMA_ACCESS_WRITE);
    --region.generation;
    copy(PEERVMA_ACCESS_WRITE);
    ++region.generation;
    copy(PEERVMA_ACCESS_WRITE);
    assert_int_equal(2, exporter.begins);

    exporter.answer = 0;
    ++region.generation; /* another one at the same place */
    copy(PEERVMA_ACCESS_WRITE);
    assert_int_equal(3, exporter.begins);
    assert_int_equal(1, exporter.ends);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(each_copy_of_a_dmabuf_is_told, setup),
        cmocka_unit_test_setup(other_mappings_cost_nothing, setup),
        cmocka_unit_test_setup(a_mapping_that_cannot_be_told_is_asked_once,
                               setup),
    };

    return cmocka_run_group_tests_name("sync", tests, NULL, NULL);
}
