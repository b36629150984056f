/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "nics.h"

#define NICS 3
#define FD 7
#define LENGTH 12345

/* A libibverbs of three NICs: one that knows no dma-buf, one that registers
 * every one, one that refuses as `refusal` says. */
struct ibv_device {
    const char *name;
};
struct ibv_context {
    struct ibv_device *device;
};
struct ibv_pd {
    struct ibv_device *device;
};
struct ibv_mr {
    int unused;
};

static struct ibv_device devices[NICS] = {{"old0"}, {"good0"}, {"odd0"}};
static struct ibv_device *list[NICS] = {&devices[0], &devices[1], &devices[2]};
static struct ibv_context contexts[NICS];
static struct ibv_pd pds[NICS];
static struct ibv_mr mr;
static int opened, allocated, registered, refusal;

static struct ibv_device **get_device_list(int *count_p)
{
    *count_p = NICS;
    return list;
}

static void free_device_list(struct ibv_device **freed)
{
    assert_ptr_equal(freed, list);
}

static const char *get_device_name(struct ibv_device *device)
{
    return device->name;
}

static struct ibv_context *open_device(struct ibv_device *device)
{
    struct ibv_context *context = &contexts[device - devices];

    context->device = device;
    ++opened;
    return context;
}

static int close_device(struct ibv_context *context)
{
    (void)context;
    --opened;
    return 0;
}

static struct ibv_pd *alloc_pd(struct ibv_context *context)
{
    struct ibv_pd *pd = &pds[context->device - devices];

    pd->device = context->device;
    ++allocated;
    return pd;
}

static int dealloc_pd(struct ibv_pd *pd)
{
    (void)pd;
    --allocated;
    return 0;
}

static struct ibv_mr *reg_dmabuf_mr(struct ibv_pd *pd, uint64_t offset,
                                    size_t length, uint64_t iova, int fd,
                                    int access)
{
    (void)offset;
    (void)iova;
    (void)access;
    errno = 0;
    if (strcmp(pd->device->name, "old0") == 0) {
        errno = EOPNOTSUPP;
    } else if (fd < 0) {
        errno = EBADF;
    } else {
        assert_int_equal(fd, FD);
        assert_int_equal(length, LENGTH);
        errno = (strcmp(pd->device->name, "odd0") == 0) ? refusal : 0;
    }
    if (errno != 0) {
        return NULL;
    }
    ++registered;
    return &mr;
}

static int dereg_mr(struct ibv_mr *given)
{
    assert_ptr_equal(given, &mr);
    --registered;
    return 0;
}

static const uct_peervma_verbs_t verbs = {
    get_device_list, free_device_list, get_device_name,
    open_device,     close_device,     alloc_pd,
    dealloc_pd,      reg_dmabuf_mr,    dereg_mr};

static int try(const char *wanted, const char **name_p)
{
    uct_peervma_nics_t *nics = uct_peervma_nics_open(&verbs, wanted);
    int ret;

    assert_non_null(nics);
    ret = uct_peervma_nics_try(nics, FD, 0, LENGTH, NULL, name_p);
    if (ret != 0) {
        assert_string_equal(*name_p, "odd0");
    }
    uct_peervma_nics_close(nics);
    assert_int_equal(registered, 0);
    assert_int_equal(allocated, 0);
    assert_int_equal(opened, 0);
    return ret;
}

static void a_nic_that_knows_no_dmabuf_is_left_out(void **state)
{
    const char *name;

    (void)state;
    refusal = 0;
    assert_int_equal(try("all", &name), 0);
}

static void the_first_refusal_is_told_with_its_nic(void **state)
{
    const char *name;

    (void)state;
    refusal = EOPNOTSUPP;
    assert_int_equal(try("all", &name), -EOPNOTSUPP);
    refusal = ENOMEM;
    assert_int_equal(try("all", &name), -ENOMEM);
}

static void a_nic_that_is_not_used_is_not_asked(void **state)
{
    const char *name;

    (void)state;
    refusal = EOPNOTSUPP;
    assert_int_equal(try("good0:1,ens3", &name), 0);
    assert_int_equal(try("^odd0:1", &name), 0);
    assert_int_equal(try("good0:1,odd0:1", &name), -EOPNOTSUPP);
}

static void lists_of_devices_are_read_as_ucx_does(void **state)
{
    (void)state;
    assert_true(uct_peervma_is_nic_wanted("all", "mlx5_0"));
    assert_true(uct_peervma_is_nic_wanted("mlx5_0:1", "mlx5_0"));
    assert_true(uct_peervma_is_nic_wanted("ens3,mlx5_0:1", "mlx5_0"));
    assert_false(uct_peervma_is_nic_wanted("mlx5_10:1", "mlx5_1"));
    assert_false(uct_peervma_is_nic_wanted("mlx5_1:1", "mlx5_10"));
    assert_false(uct_peervma_is_nic_wanted("ens3", "mlx5_0"));
    assert_false(uct_peervma_is_nic_wanted("", "mlx5_0"));
    assert_false(uct_peervma_is_nic_wanted("^mlx5_0:1", "mlx5_0"));
    assert_true(uct_peervma_is_nic_wanted("^mlx5_0:1", "mlx5_1"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_nic_that_knows_no_dmabuf_is_left_out),
        cmocka_unit_test(the_first_refusal_is_told_with_its_nic),
        cmocka_unit_test(a_nic_that_is_not_used_is_not_asked),
        cmocka_unit_test(lists_of_devices_are_read_as_ucx_does),
    };

    return cmocka_run_group_tests_name("nics", tests, NULL, NULL);
}
