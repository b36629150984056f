/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A NIC that rings an accelerator's doorbell: a page that is no memory,
 * exported by the driver that registered for it. Needs root and
 * softaccel_peervma.
 */
#include <config.h>

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>
#include <linux/peervma.h>

#include "fabric.h"
#include "pci.h"
#include "softaccel_client.h"

#define PAGE 4096
/* The doorbell: in the middle of the second page. */
#define AT (PAGE + 1024)

static fabric_t fabric;
static uint64_t word;
static struct ibv_mr *word_region;

static int device;
static softaccel_doorbells_t doorbells;
static int dmabuf;
static struct ibv_mr *region;

static struct ibv_mr *reg(void)
{
    struct ibv_mr *mr = ibv_reg_dmabuf_mr(fabric.pd, 0, doorbells.size, 0,
                                          dmabuf, FABRIC_ALL_ACCESS);

    if (!mr)
        err(1, "ibv_reg_dmabuf_mr");
    return mr;
}

static int begin(void **state)
{
    struct peervma_export export = {.size = sizeof(export)};
    int fd = open("/dev/peervma", O_RDWR | O_CLOEXEC);

    (void)state;
    if (softaccel_open(&device) ||
        softaccel_doorbells_create(device, &doorbells))
        errx(1, "no doorbells");
    export.addr = (uintptr_t)doorbells.ptr;
    export.length = doorbells.size;
    if (fd < 0 || ioctl(fd, PEERVMA_IOC_EXPORT, &export))
        err(1, "/dev/peervma");
    close(fd);
    dmabuf = export.fd;
    region = reg();
    return 0;
}

static int end(void **state)
{
    (void)state;
    if (ibv_dereg_mr(region))
        err(1, "ibv_dereg_mr");
    close(dmabuf);
    softaccel_doorbells_destroy(&doorbells);
    close(device);
    return 0;
}

/* Over a new connection: an old one may be in error. */
static enum ibv_wc_status transfer(enum ibv_wr_opcode opcode, uint64_t value)
{
    endpoint_t near, far;
    enum ibv_wc_status status;

    word = value;
    endpoint_create_pair(&fabric, &near, &far);
    status = endpoint_transfer(&near, opcode,
                               (span_t){(uintptr_t)&word, 8, word_region->lkey},
                               (span_t){AT, 8, region->rkey});
    endpoint_destroy(&near);
    endpoint_destroy(&far);
    return status;
}

static uint64_t seen(size_t offset)
{
    uint64_t value;

    assert_int_equal(softaccel_doorbell_read(&doorbells, offset, &value), 0);
    return value;
}

static void assert_rings(uint64_t value)
{
    assert_int_equal(transfer(IBV_WR_RDMA_WRITE, value), IBV_WC_SUCCESS);
    assert_int_equal(seen(AT), value);
    assert_int_equal(seen(AT - 8), 0);
    assert_int_equal(seen(AT + 8), 0);
}

static void assert_silent(void)
{
    assert_int_equal(transfer(IBV_WR_RDMA_WRITE, 99), IBV_WC_REM_ACCESS_ERR);
    assert_int_equal(transfer(IBV_WR_RDMA_READ, 0), IBV_WC_REM_ACCESS_ERR);
}

static void the_nic_rings(void **state)
{
    (void)state;
    assert_rings(1);
    assert_rings(0x1122334455667788);
}

static void consent_withdrawn_leaves_what_is_exported(void **state)
{
    (void)state;
    assert_rings(2);
    assert_int_equal(
        syscall(SYS_delete_module, "softaccel_peervma", O_NONBLOCK), 0);
    assert_rings(3);
    assert_int_equal(system("modprobe softaccel_peervma"), 0);
}

static void a_reset_silences_until_registered_anew(void **state)
{
    (void)state;
    assert_rings(4);
    assert_int_equal(softaccel_reset(device), 0);
    assert_silent();
    assert_int_equal(seen(AT), 0);
    assert_int_equal(ibv_dereg_mr(region), 0);
    region = reg();
    assert_rings(5);
}

/* Also when the consent is withdrawn: the promise is the driver's. */
static void an_unbound_device_is_silent_for_good(void **state)
{
    (void)state;
    assert_rings(6);
    assert_int_equal(
        syscall(SYS_delete_module, "softaccel_peervma", O_NONBLOCK), 0);
    pci_unbind();
    assert_silent();
    pci_bind();
    assert_silent();
    assert_int_equal(system("modprobe softaccel_peervma"), 0);
    errno = 0;
    assert_null(ibv_reg_dmabuf_mr(fabric.pd, 0, doorbells.size, 0, dmabuf,
                                  FABRIC_ALL_ACCESS));
    assert_int_equal(errno, ENODEV);
}

static int open_all(void **state)
{
    (void)state;
    pci_find();
    fabric_open(&fabric);
    word_region = ibv_reg_mr(fabric.pd, &word, 8, FABRIC_ALL_ACCESS);
    if (!word_region)
        err(1, "ibv_reg_mr");
    return 0;
}

static int close_all(void **state)
{
    (void)state;
    ibv_dereg_mr(word_region);
    fabric_close(&fabric);
    return 0;
}

#define claim(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        claim(the_nic_rings),
        claim(consent_withdrawn_leaves_what_is_exported),
        claim(a_reset_silences_until_registered_anew),
        claim(an_unbound_device_is_silent_for_good),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("doorbell", tests, open_all, close_all);
}
