/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The dma-buf of an RDMA device's pages, by a kernel that plays the one of
 * Linux 7.0: what it is asked, by whose open file, and what it may refuse.
 */
#include <errno.h>
#include <fcntl.h>
#include <rdma/rdma_user_ioctl_cmds.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cmocka.h>

#include "context.h"
#include "fake.h"
#include "provider.h"

#define PAGE 0x1000UL
#define NODE "/dev/infiniband/uverbs0"

/* mlx5's number, and the place of a mapping as its library encodes it. */
#define DRIVER 1
#define PLACE (9UL << 20)

static peervma_context_t *context;
static struct peervma_vma vma;
static peervma_region_t region;
static struct peervma_request request;
static peervma_export_t export;
static unsigned reason;
static int node; /* open once */

static struct {
    unsigned calls;
    int error;      /* of the right driver's calls; 0: succeed */
    size_t length;  /* of what is exported */
    struct stat of; /* the file that was asked last */
} kernel;

struct message {
    struct ib_uverbs_ioctl_hdr head;
    struct ib_uverbs_attr attr[2];
};

/* UVERBS_METHOD_DMABUF_ALLOC of UVERBS_OBJECT_DMABUF, and nothing else. */
static int play_kernel(int fd, unsigned long number, void *arg)
{
    struct message *message = arg;

    kernel.calls++;
    assert_int_equal(0, fstat(fd, &kernel.of));
    assert_int_equal(_IOWR(0x1b, 1, struct ib_uverbs_ioctl_hdr), number);
    assert_int_equal(24 + 2 * 16, message->head.length);
    assert_int_equal(2, message->head.num_attrs);
    assert_int_equal(0, message->head.reserved1);
    assert_int_equal(0, message->head.reserved2);
    if (message->head.driver_id != DRIVER) {
        errno = EINVAL;
        return -1;
    }
    assert_int_equal(18, message->head.object_id);
    assert_int_equal(0, message->head.method_id);
    assert_int_equal(0, message->attr[0].attr_id);
    assert_int_equal(0, message->attr[0].len);
    assert_int_equal(0, message->attr[0].attr_data.reserved);
    assert_int_equal(1, message->attr[1].attr_id);
    assert_int_equal(sizeof(uint64_t), message->attr[1].len);
    assert_int_equal(PLACE, message->attr[1].data);
    if (kernel.error != 0) {
        errno = kernel.error;
        return -1;
    }
    message->attr[0].data_s64 = memfd_create("doorbells", MFD_CLOEXEC);
    assert_int_equal(
        0, ftruncate((int)message->attr[0].data_s64, (off_t)kernel.length));
    return 0;
}

static int open_node(void)
{
    char path[64], link[64];
    int fd;

    snprintf(path, sizeof(path), "%s/uverbs0", fake.folder);
    fd = open(path, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    snprintf(link, sizeof(link), "proc/fd/%d", fd);
    fake_link(&fake, link, "../../uverbs0");
    return fd;
}

static void close_node(int fd)
{
    char link[64];

    snprintf(link, sizeof(link), "%s/proc/fd/%d", fake.folder, fd);
    assert_int_equal(0, unlink(link));
    close(fd);
}

static int setup(void **state)
{
    struct stat st;

    (void)state;
    fake_create(&fake);
    fake.view.verbs_ioctl = play_kernel;
    fake_folder(&fake, "sys/devices/verbs");
    fake_folder(&fake, "sys/class/infiniband_verbs");
    fake_link(&fake, "sys/devices/verbs/subsystem",
              "../../class/infiniband_verbs");
    fake_link(&fake, "sys/dev/char/231:192", "../../devices/verbs");
    fake_write(&fake, "uverbs0", "");
    assert_int_equal(0, peervma_context_open_view(0, &fake.view, &context));

    node = open_node();
    assert_int_equal(0, fstat(node, &st));
    fake_identify(NODE, &(struct peervma_file){
                            .mode = S_IFCHR,
                            .inode = st.st_ino,
                            .device = makedev(231, 192),
                        });
    vma = (struct peervma_vma){
        .start = 0x20000,
        .end = 0x20000 + 2 * PAGE,
        .offset = PLACE,
        .inode = st.st_ino,
        .dev_major = major(st.st_dev),
        .dev_minor = minor(st.st_dev),
        .prot = PROT_READ | PROT_WRITE,
        .shared = true,
    };
    strcpy(vma.path, NODE);
    region = (peervma_region_t){.kind = PEERVMA_KIND_OTHER};
    request = (struct peervma_request){
        .context = context,
        .vma = &vma,
        .region = &region,
        .address = 0x20000 + PAGE + 8,
        .length = 8,
    };
    memset(&kernel, 0, sizeof(kernel));
    kernel.length = 2 * PAGE;
    export = (peervma_export_t){.fd = -1};
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    close(node);
    peervma_context_close(context);
    fake_destroy(&fake);
    return 0;
}

static int check(void)
{
    return peervma_provider_uverbs.check(&request, &reason);
}

static int try_export(void)
{
    reason = PEERVMA_REASON_NONE;
    return peervma_provider_uverbs.export(&request, &export, &reason);
}

static void a_doorbell_is_exported_by_the_kernel(void **state)
{
    struct stat st;

    (void)state;
    assert_int_equal(0, check());
    assert_int_equal(0, try_export());
    assert_true(export.fd >= 0);
    assert_int_equal(PAGE + 8, export.offset);
    assert_int_equal(2 * PAGE, export.object_size);
    assert_int_equal(0, fstat(node, &st));
    assert_true(st.st_ino == kernel.of.st_ino);
    close(export.fd);
}

static void wrong_drivers_are_passed_over_and_no_more(void **state)
{
    (void)state;
    assert_int_equal(0, try_export());
    assert_int_equal(DRIVER + 1, kernel.calls);
    close(export.fd);
}

static void what_the_kernel_refuses_is_refused(void **state)
{
    static const struct {
        int error, ret;
        unsigned reason;
    } cases[] = {
        {EPROTONOSUPPORT, -EOPNOTSUPP, PEERVMA_REASON_UVERBS},
        {ENOTTY, -EOPNOTSUPP, PEERVMA_REASON_UVERBS},
        {EOPNOTSUPP, -EOPNOTSUPP, PEERVMA_REASON_UVERBS},
        {EINVAL, -EOPNOTSUPP, PEERVMA_REASON_UVERBS},
        {EMFILE, -EMFILE, PEERVMA_REASON_SYSTEM},
        {EIO, -EIO, PEERVMA_REASON_SYSTEM},
    };
    unsigned i;

    (void)state;
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        kernel.error = cases[i].error;
        assert_int_equal(cases[i].ret, try_export());
        assert_int_equal(cases[i].reason, reason);
        assert_int_equal(-1, export.fd);
    }
}

static void what_is_smaller_than_the_range_is_refused(void **state)
{
    (void)state;
    kernel.length = PAGE;
    assert_int_equal(-ERANGE, try_export());
    assert_int_equal(PEERVMA_REASON_BEYOND_OBJECT, reason);
    kernel.length = PAGE + 15;
    assert_int_equal(-ERANGE, try_export());
    assert_int_equal(-1, export.fd);
}

/* The offsets of the two are the same, the pages are not. */
static void a_node_that_is_open_twice_is_refused(void **state)
{
    int second = open_node();

    (void)state;
    assert_int_equal(0, check());
    assert_int_equal(-EBADF, try_export());
    assert_int_equal(PEERVMA_REASON_UVERBS_FILE, reason);
    assert_int_equal(0, kernel.calls);
    close_node(second);
    assert_int_equal(0, try_export());
    close(export.fd);
}

static void copies_of_the_descriptor_are_one_open_file(void **state)
{
    char link[64];
    int copy = fcntl(node, F_DUPFD_CLOEXEC, 0);

    (void)state;
    assert_true(copy >= 0);
    snprintf(link, sizeof(link), "proc/fd/%d", copy);
    fake_link(&fake, link, "../../uverbs0");
    assert_int_equal(0, try_export());
    close(export.fd);
    close(copy);
}

static void a_node_that_is_not_open_is_refused(void **state)
{
    (void)state;
    close_node(node);
    assert_int_equal(-EBADF, check());
    assert_int_equal(PEERVMA_REASON_UVERBS_FILE, reason);
    assert_int_equal(-EBADF, try_export());
    assert_int_equal(PEERVMA_REASON_UVERBS_FILE, reason);
    node = open_node();
}

static void what_allows_less_than_a_dmabuf_is_refused(void **state)
{
    (void)state;
    vma.prot = PROT_WRITE;
    assert_int_equal(-EACCES, check());
    assert_int_equal(PEERVMA_REASON_READ_ONLY, reason);
    vma.shared = false;
    assert_int_equal(-EPERM, check());
    assert_int_equal(PEERVMA_REASON_PRIVATE, reason);
}

static void other_mappings_are_left_to_others(void **state)
{
    (void)state;
    strcpy(vma.path, "/dev/infiniband/uverbs1");
    assert_int_equal(-EOPNOTSUPP, check());
    assert_int_equal(PEERVMA_REASON_NOT_UVERBS, reason);
}

/* They may be queues in host memory as well: peervma.ko knows. */
static void without_the_module_they_are_not_taken_for_device_memory(
    void **state)
{
    char line[128];

    (void)state;
    snprintf(line, sizeof(line), "20000-22000 rw-s 0 00:06 %lu %s\n",
             (unsigned long)vma.inode, NODE);
    fake_maps(&fake, line);
    assert_int_equal(-ENOENT, peervma_region_export(context, (void *)0x20000, 1,
                                                    &export, NULL));
    assert_int_equal(0, kernel.calls);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_doorbell_is_exported_by_the_kernel),
        TEST(wrong_drivers_are_passed_over_and_no_more),
        TEST(what_the_kernel_refuses_is_refused),
        TEST(what_is_smaller_than_the_range_is_refused),
        TEST(a_node_that_is_open_twice_is_refused),
        TEST(copies_of_the_descriptor_are_one_open_file),
        TEST(a_node_that_is_not_open_is_refused),
        TEST(what_allows_less_than_a_dmabuf_is_refused),
        TEST(other_mappings_are_left_to_others),
        TEST(without_the_module_they_are_not_taken_for_device_memory),
    };

    return cmocka_run_group_tests_name("uverbs", tests, NULL, NULL);
}
