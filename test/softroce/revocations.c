/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Device memory that goes, or seems to, while the NIC writes and reads it. The
 * memory was exported by its address through /dev/peervma. Each way is tried
 * some times with either direction; in the midst of transfers:
 *
 *   its memory is gone   unbinding, removing the PCI device, a reset
 *   it is not            munmap, mremap, unloading modules: the object lives
 *
 * In each round there is other memory right before and right behind, which no
 * transfer may change; what was revoked must stay as it was from the moment on
 * when revoking returned; and a read that succeeded has brought only what was
 * there before. Needs root.
 */
#include <config.h>

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>
#include <linux/peervma.h>

#include "buffer.h"
#include "fabric.h"
#include "pci.h"

#define SIZE (1UL << 20)
#define IOVA 0x7000000000UL
/* Transfers posted in a round, and rounds of each direction. */
#define FLOOD 24
#define ROUNDS 3
/* Where transfers were done before it happened, there are more rounds. */
#define MOST_ROUNDS 40

/* What is there: before and behind, where reads land, and in the memory. */
enum { GUARD = 0xa5, HOST = 0xee, DEVICE = 0x3c };
/* Transfer i writes this. */
#define WRITTEN(i) (0x40 + (i))

enum { BEFORE, TARGET, BEHIND, PARTS };

static fabric_t fabric;
static endpoint_t near, far;
static uint8_t *host;
static struct ibv_mr *host_region;

static buffer_t parts[PARTS];
static uint8_t *view[PARTS]; /* how they are seen after the event */
static uint8_t *raw;         /* the same of a device without a driver */
static struct ibv_mr *region;

typedef struct way {
    const char *name;
    void (*happen)(void);
    void (*undo)(void);
    bool gone; /* the memory is */
    /* What is there afterwards, where that is another than before. */
    bool cleared;
} way_t;

/* What became of a way's transfers. */
typedef struct tally {
    unsigned rounds, done, refused, flushed, told;
} tally_t;

static int export_by_address(void *address, size_t length)
{
    struct peervma_export export = {
        .size = sizeof(export),
        .addr = (uintptr_t)address,
        .length = length,
    };
    int fd = open("/dev/peervma", O_RDWR | O_CLOEXEC);

    if (fd < 0 || ioctl(fd, PEERVMA_IOC_EXPORT, &export))
        err(1, "/dev/peervma");
    close(fd);
    return export.fd;
}

static struct ibv_mr *reg(int fd, size_t length)
{
    struct ibv_mr *mr =
        ibv_reg_dmabuf_mr(fabric.pd, 0, length, IOVA, fd, FABRIC_ALL_ACCESS);

    if (!mr)
        err(1, "ibv_reg_dmabuf_mr");
    return mr;
}

static bool is_all(const uint8_t *bytes, size_t length, uint8_t value)
{
    return bytes[0] == value && !memcmp(bytes, bytes + 1, length - 1);
}

static uint64_t device_offset(int part)
{
    return parts[part].accel.bar_offset;
}

/* Three neighbours; which way round is the driver's business. */
static void create_parts(void)
{
    int i;

    for (i = 0; i < PARTS; i++) {
        buffer_create(&parts[i], BUFFER_SOFTACCEL, SIZE);
        view[i] = parts[i].bytes;
        memset(view[i], i == TARGET ? DEVICE : GUARD, SIZE);
    }
    assert_int_equal(
        llabs((long long)(device_offset(TARGET) - device_offset(BEFORE))),
        SIZE);
    assert_int_equal(device_offset(TARGET) - device_offset(BEFORE),
                     device_offset(BEHIND) - device_offset(TARGET));
    close(parts[TARGET].fd);
    parts[TARGET].fd = export_by_address(parts[TARGET].bytes, SIZE);
}

static void destroy_parts(void)
{
    int i;

    for (i = 0; i < PARTS; i++)
        buffer_destroy(&parts[i]);
}

/* The ways. Those after which there is no driver show the memory raw. */

static void see_raw(void)
{
    uint64_t first = device_offset(BEFORE) < device_offset(BEHIND)
                         ? device_offset(BEFORE)
                         : device_offset(BEHIND);
    int i;

    raw = pci_map(first, PARTS * SIZE);
    for (i = 0; i < PARTS; i++)
        view[i] = raw + (device_offset(i) - first);
}

static void unbind(void)
{
    pci_unbind();
    see_raw();
}

static void bind_again(void)
{
    munmap(raw, PARTS * SIZE);
    pci_bind();
}

/* What comes back gets its driver at once. */
static void remove_from_bus(void)
{
    pci_remove();
    pci_rescan();
    unbind();
}

static void reset(void)
{
    assert_int_equal(softaccel_reset(parts[TARGET].device), 0);
}

/* Mapped again only to be seen. */
static void unmap_and_map(void)
{
    assert_int_equal(munmap(parts[TARGET].bytes, SIZE), 0);
    parts[TARGET].bytes =
        mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED,
             parts[TARGET].device, (off_t)parts[TARGET].accel.mmap_offset);
    if (parts[TARGET].bytes == MAP_FAILED)
        err(1, "mmap");
    parts[TARGET].accel.ptr = parts[TARGET].bytes;
    view[TARGET] = parts[TARGET].bytes;
}

static void move_mapping(void)
{
    void *there =
        mmap(NULL, SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    parts[TARGET].bytes = mremap(parts[TARGET].bytes, SIZE, SIZE,
                                 MREMAP_MAYMOVE | MREMAP_FIXED, there);
    assert_ptr_equal(parts[TARGET].bytes, there);
    parts[TARGET].accel.ptr = there;
    view[TARGET] = there;
}

static int unload(const char *module)
{
    return syscall(SYS_delete_module, module, O_NONBLOCK) ? -errno : 0;
}

/* Those that are needed do not go. */
static void unload_drivers(void)
{
    assert_int_equal(unload(SOFTACCEL_DRIVER_NAME), -EAGAIN);
    assert_int_equal(unload("rdma_rxe"), -EAGAIN);
}

/* Not needed any more: the dma-buf is the driver's. */
static void unload_peervma(void)
{
    assert_int_equal(unload("peervma"), 0);
}

static void load_peervma(void)
{
    if (system("modprobe peervma && udevadm settle"))
        errx(1, "modprobe peervma");
}

static void nothing(void)
{
}

/* One round. */

static span_t in_host(int i)
{
    return (span_t){(uintptr_t)host + i * SIZE, SIZE, host_region->lkey};
}

static span_t in_region(void)
{
    return (span_t){IOVA, SIZE, region->rkey};
}

static void begin(enum ibv_wr_opcode opcode)
{
    int i;

    create_parts();
    region = reg(parts[TARGET].fd, SIZE);
    endpoint_create_pair(&fabric, &near, &far);
    for (i = 0; i < FLOOD; i++) {
        memset(host + i * SIZE, opcode == IBV_WR_RDMA_READ ? HOST : WRITTEN(i),
               SIZE);
        endpoint_post(&near, opcode, in_host(i), in_region());
    }
    assert_int_equal(endpoint_wait(&near), IBV_WC_SUCCESS);
}

/* How many have succeeded; counts them and the others. */
static int drain(tally_t *tally)
{
    enum ibv_wc_status status;
    int i, done = 1;

    for (i = 1; i < FLOOD; i++) {
        status = endpoint_wait(&near);
        if (status == IBV_WC_SUCCESS) {
            assert_int_equal(done++, i);
        } else if (done == i) {
            assert_int_equal(status, IBV_WC_REM_ACCESS_ERR);
            tally->refused++;
        } else {
            assert_int_equal(status, IBV_WC_WR_FLUSH_ERR);
            tally->flushed++;
        }
    }
    tally->done += done;
    return done;
}

/* Reads: all from before the event, and of the one that failed no other. */
static void check_host(int done)
{
    const uint8_t *bytes = host;
    size_t at;
    int i;

    for (i = 0; i < done; i++)
        assert_true(is_all(bytes + i * SIZE, SIZE, DEVICE));
    for (at = done * SIZE; at < FLOOD * SIZE; at++)
        if (bytes[at] != DEVICE && bytes[at] != HOST)
            fail_msg("byte %zu of a read that failed is 0x%02x", at % SIZE,
                     bytes[at]);
}

static void check_device(const way_t *way, enum ibv_wr_opcode opcode,
                         const uint8_t *then)
{
    uint8_t guard = way->cleared ? 0 : GUARD;

    assert_true(is_all(view[BEFORE], SIZE, guard));
    assert_true(is_all(view[BEHIND], SIZE, guard));
    if (way->gone)
        assert_memory_equal(view[TARGET], then, SIZE);
    else
        assert_true(
            is_all(view[TARGET], SIZE,
                   opcode == IBV_WR_RDMA_READ ? DEVICE : WRITTEN(FLOOD - 1)));
    if (way->cleared)
        assert_true(is_all(view[TARGET], SIZE, 0));
}

/* With new queue pairs: the old ones are in error. */
static void check_new_access(enum ibv_wc_status expected)
{
    enum ibv_wr_opcode opcodes[] = {IBV_WR_RDMA_WRITE, IBV_WR_RDMA_READ};
    endpoint_t here, there;
    int i;

    for (i = 0; i < 2; i++) {
        endpoint_create_pair(&fabric, &here, &there);
        assert_int_equal(
            endpoint_transfer(&here, opcodes[i], in_host(0), in_region()),
            expected);
        endpoint_destroy(&here);
        endpoint_destroy(&there);
    }
}

static void one_round(const way_t *way, enum ibv_wr_opcode opcode,
                      tally_t *tally)
{
    uint64_t told = fabric_counter("dmabuf_revoked");
    uint64_t live = fabric_counter("dmabuf_mrs_live");
    uint8_t *then = malloc(SIZE);
    int done;

    begin(opcode);
    usleep(rand() % 40000);
    way->happen();
    memcpy(then, view[TARGET], SIZE);
    done = drain(tally);
    if (!way->gone)
        assert_int_equal(done, FLOOD);
    if (opcode == IBV_WR_RDMA_READ)
        check_host(done);
    check_device(way, opcode, then);
    if (way->gone)
        check_new_access(IBV_WC_REM_ACCESS_ERR);
    check_device(way, opcode, then);
    assert_int_equal(fabric_counter("dmabuf_revoked") - told, way->gone);

    tally->told += way->gone;
    tally->rounds++;
    endpoint_destroy(&near);
    endpoint_destroy(&far);
    assert_int_equal(ibv_dereg_mr(region), 0);
    assert_int_equal(fabric_counter("dmabuf_mrs_live"), live);
    destroy_parts();
    way->undo();
    free(then);
}

static void rounds_of(void **state)
{
    const way_t *way = *state;
    tally_t tally = {0};
    int i;

    for (i = 0;
         i < ROUNDS || (way->gone && tally.refused < ROUNDS && i < MOST_ROUNDS);
         i++) {
        one_round(way, IBV_WR_RDMA_WRITE, &tally);
        one_round(way, IBV_WR_RDMA_READ, &tally);
    }
    printf("# %s: %u times during transfers; importers told %u times; %u "
           "transfers done, %u remote access errors, %u flushed\n",
           way->name, tally.rounds, tally.told, tally.done, tally.refused,
           tally.flushed);
    /* Some must have been under way, or nothing was shown. */
    if (way->gone)
        assert_true(tally.refused >= ROUNDS);
}

static void after_a_reset_it_is_registered_anew(void **state)
{
    (void)state;
    create_parts();
    region = reg(parts[TARGET].fd, SIZE);
    reset();
    check_new_access(IBV_WC_REM_ACCESS_ERR);
    assert_int_equal(ibv_dereg_mr(region), 0);
    region = reg(parts[TARGET].fd, SIZE);
    memset(host, 0x77, SIZE);
    check_new_access(IBV_WC_SUCCESS);
    assert_true(is_all(view[TARGET], SIZE, 0x77));
    assert_true(is_all(view[BEFORE], SIZE, 0));
    assert_true(is_all(view[BEHIND], SIZE, 0));
    assert_int_equal(ibv_dereg_mr(region), 0);
    destroy_parts();
}

static int open_all(void **state)
{
    (void)state;
    pci_find();
    fabric_open(&fabric);
    host = aligned_alloc(4096, FLOOD * SIZE);
    host_region = ibv_reg_mr(fabric.pd, host, FLOOD * SIZE, FABRIC_ALL_ACCESS);
    if (!host_region)
        err(1, "ibv_reg_mr");
    return 0;
}

static int close_all(void **state)
{
    (void)state;
    ibv_dereg_mr(host_region);
    free(host);
    fabric_close(&fabric);
    return 0;
}

static way_t ways[] = {
    {.name = "unbind", .happen = unbind, .undo = bind_again, .gone = true},
    {.name = "PCI remove and rescan",
     .happen = remove_from_bus,
     .undo = bind_again,
     .gone = true},
    {.name = "reset",
     .happen = reset,
     .undo = nothing,
     .gone = true,
     .cleared = true},
    {.name = "munmap", .happen = unmap_and_map, .undo = nothing},
    {.name = "mremap", .happen = move_mapping, .undo = nothing},
    {.name = "unloading softaccel and rdma_rxe, refused,",
     .happen = unload_drivers,
     .undo = nothing},
    {.name = "unloading peervma",
     .happen = unload_peervma,
     .undo = load_peervma},
};

#define claim(text, way)                                              \
    {                                                                 \
        .name = text, .test_func = rounds_of, .initial_state = &(way) \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        claim("unbinding ends transfers, and no byte moves after it", ways[0]),
        claim("so does removing the PCI device", ways[1]),
        claim("so does a reset, after which all is zero and stays so", ways[2]),
        claim("munmap of a DRM object's mapping disturbs nothing", ways[3]),
        claim("nor does mremap", ways[4]),
        claim("drivers in use are not unloaded", ways[5]),
        claim("unloading peervma disturbs nothing", ways[6]),
        cmocka_unit_test(after_a_reset_it_is_registered_anew),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("revocations", tests, open_all,
                                       close_all);
}
