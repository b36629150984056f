/* SPDX-License-Identifier: BSD-3-Clause */
/* The texts for reasons, kinds and the version. */
#include "config.h"

#include <linux/peervma.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "peervma.h"

static void expect_texts(unsigned first, unsigned last)
{
    const char *unknown = peervma_reason_string(255), *text;
    unsigned reason, other;

    for (reason = first; reason <= last; reason++) {
        text = peervma_reason_string(reason);
        assert_true(strlen(text) > 10);
        if (strcmp(text, unknown) == 0) {
            fail_msg("reason %u has no text", reason);
        }
        for (other = first; other < reason; other++) {
            assert_string_not_equal(text, peervma_reason_string(other));
        }
    }
}

static void each_reason_has_a_text_of_its_own(void **state)
{
    (void)state;
    expect_texts(PEERVMA_REASON_NONE, PEERVMA_REASON_VFIO);
    expect_texts(PEERVMA_REASON_NO_MODULE, PEERVMA_REASON_UVERBS_FILE);
}

static void any_number_has_a_text(void **state)
{
    (void)state;
    assert_non_null(peervma_reason_string(~0U));
    assert_non_null(peervma_reason_string(1U << 31));
    assert_non_null(peervma_kind_string((peervma_kind_t)-1));
    assert_non_null(peervma_kind_string((peervma_kind_t)1000));
}

static void the_kinds_are_those_of_the_kernel(void **state)
{
    (void)state;
    assert_int_equal(PEERVMA_VMA_NONE, PEERVMA_KIND_NONE);
    assert_int_equal(PEERVMA_VMA_DMABUF, PEERVMA_KIND_DMABUF);
    assert_int_equal(PEERVMA_VMA_DRM, PEERVMA_KIND_DRM);
    assert_int_equal(PEERVMA_VMA_BAR, PEERVMA_KIND_BAR);
    assert_int_equal(PEERVMA_VMA_DRIVER, PEERVMA_KIND_DRIVER);
    assert_int_equal(PEERVMA_VMA_VFIO, PEERVMA_KIND_VFIO);
    assert_int_equal(PEERVMA_VMA_OTHER, PEERVMA_KIND_OTHER);
    assert_string_equal("dma-buf", peervma_kind_string(PEERVMA_KIND_DMABUF));
    assert_string_equal("drm", peervma_kind_string(PEERVMA_KIND_DRM));
    assert_string_equal("declared", peervma_kind_string(PEERVMA_KIND_DECLARED));
    assert_string_equal("uncached",
                        peervma_cache_string(PEERVMA_CACHE_UNCACHED));
    assert_string_equal("write-combining",
                        peervma_cache_string(PEERVMA_CACHE_WRITE_COMBINING));
    assert_string_equal("unknown", peervma_cache_string((peervma_cache_t)77));
}

static void the_version_is_the_packages(void **state)
{
    (void)state;
    assert_string_equal(PACKAGE_VERSION, peervma_version_string());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_reason_has_a_text_of_its_own),
        cmocka_unit_test(any_number_has_a_text),
        cmocka_unit_test(the_kinds_are_those_of_the_kernel),
        cmocka_unit_test(the_version_is_the_packages),
    };

    return cmocka_run_group_tests_name("strings", tests, NULL, NULL);
}
