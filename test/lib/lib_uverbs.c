/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The uverbs provider and this kernel. No RDMA device here has pages that can
 * be exported: what is tried is that the kernel understands the question.
 */
#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cmocka.h>
#include <infiniband/verbs.h>

#include "context.h"
#include "provider.h"

static struct ibv_device **devices;
static struct ibv_context *verbs;
static peervma_context_t *context;
static struct peervma_vma vma;
static const peervma_region_t region = {.kind = PEERVMA_KIND_OTHER};
static struct peervma_request request = {.vma = &vma, .region = &region};
static int last_error;

static int ask_kernel(int fd, unsigned long number, void *arg)
{
    int ret = ioctl(fd, number, arg);

    last_error = ret != 0 ? errno : 0;
    errno = last_error;
    return ret;
}

/* As a mapping of the node would be in maps. */
static void describe_node(int fd)
{
    char link[32];
    struct stat st;
    ssize_t length;

    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    length = readlink(link, vma.path, sizeof(vma.path) - 1);
    assert_true(length > 0);
    assert_int_equal(0, fstat(fd, &st));
    vma.start = 0x20000;
    vma.end = 0x21000;
    vma.inode = st.st_ino;
    vma.dev_major = major(st.st_dev);
    vma.dev_minor = minor(st.st_dev);
    vma.prot = PROT_READ | PROT_WRITE;
    vma.shared = true;
}

static int open_all(void **state)
{
    struct peervma_view view;

    (void)state;
    peervma_view_self(&view);
    view.verbs_ioctl = ask_kernel;
    assert_int_equal(0, peervma_context_open_view(0, &view, &context));
    devices = ibv_get_device_list(NULL);
    assert_true(devices != NULL && devices[0] != NULL);
    verbs = ibv_open_device(devices[0]);
    assert_non_null(verbs);
    describe_node(verbs->cmd_fd);
    request.context = context;
    request.address = vma.start;
    request.length = 8;
    return 0;
}

static int close_all(void **state)
{
    (void)state;
    assert_int_equal(0, ibv_close_device(verbs));
    ibv_free_device_list(devices);
    peervma_context_close(context);
    return 0;
}

static void expect_refused(int error, unsigned expected)
{
    peervma_export_t export = {.fd = -1};
    unsigned reason = PEERVMA_REASON_NONE;

    assert_int_equal(0, peervma_provider_uverbs.check(&request, &reason));
    assert_int_equal(
        error, peervma_provider_uverbs.export(&request, &export, &reason));
    assert_int_equal(expected, reason);
    assert_int_equal(-1, export.fd);
}

/* Not EINVAL, that it gives to another driver's number or a bad message. */
static void the_kernel_knows_no_such_object_of_soft_roce(void **state)
{
    (void)state;
    expect_refused(-EOPNOTSUPP, PEERVMA_REASON_UVERBS);
    assert_int_equal(EPROTONOSUPPORT, last_error);
}

static void a_node_that_is_open_twice_is_refused(void **state)
{
    struct ibv_context *second = ibv_open_device(devices[0]);

    (void)state;
    assert_non_null(second);
    expect_refused(-EBADF, PEERVMA_REASON_UVERBS_FILE);
    assert_int_equal(0, ibv_close_device(second));
    expect_refused(-EOPNOTSUPP, PEERVMA_REASON_UVERBS);
}

/* Soft-RoCE's queues are mapped like doorbells, and are host memory. */
static void queues_are_not_device_memory(void **state)
{
    struct ibv_cq *cq = ibv_create_cq(verbs, 16, NULL, NULL, 0);
    FILE *maps = fopen("/proc/self/maps", "re");
    peervma_region_t found;
    char line[512];
    uintptr_t base;
    unsigned count = 0;

    (void)state;
    assert_true(cq != NULL && maps != NULL);
    while (fgets(line, sizeof(line), maps) != NULL) {
        if (strstr(line, "/dev/infiniband/uverbs") != NULL &&
            sscanf(line, "%" SCNxPTR, &base) == 1) {
            assert_int_equal(
                -ENOENT, peervma_region_lookup(context, (void *)base, &found));
            count++;
        }
    }
    assert_true(count > 0);
    fclose(maps);
    assert_int_equal(0, ibv_destroy_cq(cq));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_kernel_knows_no_such_object_of_soft_roce),
        cmocka_unit_test(a_node_that_is_open_twice_is_refused),
        cmocka_unit_test(queues_are_not_device_memory),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, open_all, close_all);
}
