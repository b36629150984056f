/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Mappings that a registered driver exports: the simulated accelerator's
 * doorbells, by its module softaccel_peervma, which comes and goes here. Needs
 * root.
 */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "device.h"
#include "tap.h"

#define CONSENT "softaccel_peervma"
#define DRIVER "/sys/bus/pci/drivers/softaccel/"
/* How often the consent is withdrawn while exports go on. */
#define ROUNDS 20

static void consent_give(void)
{
    tap_check_equal(system("modprobe " CONSENT), 0);
}

static int consent_remove(void)
{
    return syscall(SYS_delete_module, CONSENT, O_NONBLOCK) == 0 ? 0 : -errno;
}

static void withdrawal_undo(void *arg)
{
    (void)arg;
    consent_give();
}

static void consent_withdraw(void)
{
    tap_at_end(withdrawal_undo, NULL);
    tap_check_equal(consent_remove(), 0);
}

static softaccel_doorbells_t create(void)
{
    softaccel_doorbells_t doorbells;

    tap_check_equal(softaccel_doorbells_create(accel_fd(), &doorbells), 0);
    return doorbells;
}

static bool kind_is_offered(void)
{
    struct peervma_info info = {.size = sizeof(info)};

    tap_check_equal(device_ioctl(PEERVMA_IOC_INFO, &info), 0);
    return (info.kinds & 1ULL << PEERVMA_VMA_DRIVER) != 0;
}

static void test_export(void)
{
    softaccel_doorbells_t doorbells = create();
    struct peervma_query query = query_ok(doorbells.ptr);
    size_t offset;
    int fd;

    tap_check(kind_is_offered());
    tap_check_equal(query.kind, PEERVMA_VMA_DRIVER);
    tap_check_equal(query.reason, PEERVMA_REASON_NONE);
    tap_check_equal(query.object_offset, 0);
    tap_check_equal(query.object_size, doorbells.size);
    tap_check_equal(query.pci_valid, 1);
    for (offset = 0; offset < doorbells.size; offset += page) {
        char *at = (char *)doorbells.ptr + offset;

        fd = export_ok(at, doorbells.size - offset, offset, doorbells.size);
        check_same_memory(fd, offset, at, doorbells.size - offset);
        close(fd);
    }
    softaccel_doorbells_destroy(&doorbells);
}

static void test_inner_mapping(void)
{
    softaccel_doorbells_t doorbells = create();
    char *map = map_shared(doorbells.fd, page, 3 * page);
    int fd;

    tap_check_equal(munmap(map, page), 0);
    tap_check_equal(query_ok(map + page).object_offset, 2 * page);
    fd = export_ok(map + page, page, 2 * page, doorbells.size);
    check_same_memory(fd, 2 * page, map + page, page);
    close(fd);
    munmap(map + page, 2 * page);
    softaccel_doorbells_destroy(&doorbells);
}

static void test_refusals(void)
{
    softaccel_doorbells_t doorbells = create();
    void *map = mmap(NULL, page, PROT_READ, MAP_SHARED, doorbells.fd, 0);

    tap_check(map != MAP_FAILED);
    export_refused(map, page, EACCES, PEERVMA_REASON_READ_ONLY);
    export_refused(doorbells.ptr, doorbells.size + page, ERANGE,
                   PEERVMA_REASON_CROSSES_VMA);
    munmap(map, page);
    munmap(doorbells.ptr, doorbells.size);
    export_refused(doorbells.ptr, page, ENXIO, PEERVMA_REASON_UNMAPPED);
    close(doorbells.fd);
}

static void test_ring(void)
{
    softaccel_doorbells_t doorbells = create();
    int fd = export_ok(doorbells.ptr, page, 0, doorbells.size);
    volatile uint64_t *map = map_shared(fd, 0, page);
    uint64_t value;

    map[3] = 0x1122334455667788;
    tap_check_equal(softaccel_doorbell_read(&doorbells, 24, &value), 0);
    tap_check_equal(value, 0x1122334455667788);
    munmap((void *)map, page);
    close(fd);
    softaccel_doorbells_destroy(&doorbells);
}

/* The dma-buf is softaccel's own: whoever asked for it is not needed. */
static void test_withdrawn(void)
{
    softaccel_doorbells_t doorbells = create();
    int fd = export_ok(doorbells.ptr, doorbells.size, 0, doorbells.size);

    consent_withdraw();
    tap_check_equal(query_ok(doorbells.ptr).kind, PEERVMA_VMA_OTHER);
    export_refused(doorbells.ptr, page, EOPNOTSUPP, PEERVMA_REASON_NO_EXPORTER);
    check_same_memory(fd, 0, doorbells.ptr, doorbells.size);
    consent_give();
    close(export_ok(doorbells.ptr, page, 0, doorbells.size));
    close(fd);
    softaccel_doorbells_destroy(&doorbells);
}

static atomic_bool stop;
static atomic_uint exported, refused;

/* Counts by outcome; another outcome ends it. */
static void *export_on(void *arg)
{
    softaccel_doorbells_t *doorbells = arg;
    struct peervma_export export;
    int ret;

    while (!atomic_load(&stop)) {
        ret = export_at(doorbells->ptr, page, &export);
        if (ret == 0) {
            atomic_fetch_add(&exported, 1);
            close(export.fd);
        } else if (ret == -EOPNOTSUPP &&
                   export.reason == PEERVMA_REASON_NO_EXPORTER) {
            atomic_fetch_add(&refused, 1);
        } else {
            return "neither exported nor refused for want of an exporter";
        }
    }
    return NULL;
}

/* Wait until one more is counted; false if none is within two minutes. */
static bool wait_for_one(atomic_uint *counter)
{
    unsigned value = atomic_load(counter);
    int tries = 120000;

    while (atomic_load(counter) == value && tries-- > 0)
        usleep(1000);
    return tries > 0;
}

static void test_withdrawn_at_any_moment(void)
{
    softaccel_doorbells_t doorbells = create();
    void *wrong[2] = {NULL, NULL};
    pthread_t threads[2];
    unsigned i, busy = 0;
    bool went_on = true;

    tap_at_end(withdrawal_undo, NULL);
    for (i = 0; i < 2; i++)
        tap_check_equal(
            pthread_create(&threads[i], NULL, export_on, &doorbells), 0);
    for (i = 0; i < ROUNDS; i++) {
        went_on = went_on && wait_for_one(&exported);
        /* A call that is under way holds the module. */
        while (consent_remove() == -EAGAIN)
            busy++;
        went_on = went_on && wait_for_one(&refused);
        consent_give();
    }
    atomic_store(&stop, true);
    for (i = 0; i < 2; i++)
        pthread_join(threads[i], &wrong[i]);
    printf("# %d times withdrawn: %u exports, %u refusals, %u times busy\n",
           ROUNDS, atomic_load(&exported), atomic_load(&refused), busy);
    tap_check(went_on);
    tap_check(wrong[0] == NULL && wrong[1] == NULL);
    softaccel_doorbells_destroy(&doorbells);
}

static sigjmp_buf touch_failed;

static void on_sigbus(int number)
{
    siglongjmp(touch_failed, number);
}

static bool raises_sigbus(volatile uint64_t *at)
{
    struct sigaction action = {.sa_handler = on_sigbus}, old;
    bool raised = true;

    sigaction(SIGBUS, &action, &old);
    if (sigsetjmp(touch_failed, 1) == 0) {
        *at = 1;
        raised = false;
    }
    sigaction(SIGBUS, &old, NULL);
    return raised;
}

/* Takes the accelerator's PCI address. */
static void bind_undo(void *arg)
{
    char path[96];

    snprintf(path, sizeof(path), DRIVER "%s", (const char *)arg);
    if (access(path, F_OK) != 0)
        write_line(DRIVER "bind", arg);
}

static void test_unbound(void)
{
    static char pci[16];
    softaccel_doorbells_t doorbells;
    int file, fd;
    void *map;
    glob_t device;

    tap_check_equal(glob(DRIVER "*:*", 0, NULL, &device), 0);
    snprintf(pci, sizeof(pci), "%.15s", strrchr(device.gl_pathv[0], '/') + 1);
    globfree(&device);
    tap_at_end(bind_undo, pci);
    tap_check_equal(softaccel_open(&file), 0);
    tap_check_equal(softaccel_doorbells_create(file, &doorbells), 0);
    fd = export_ok(doorbells.ptr, page, 0, doorbells.size);
    map = map_shared(fd, 0, page);
    write_line(DRIVER "unbind", pci);
    export_refused(doorbells.ptr, page, ESTALE, PEERVMA_REASON_REVOKED);
    tap_check(raises_sigbus(map));
    write_line(DRIVER "bind", pci);
    export_refused(doorbells.ptr, page, ESTALE, PEERVMA_REASON_REVOKED);
    tap_check(raises_sigbus(map));
    munmap(map, page);
    close(fd);
    softaccel_doorbells_destroy(&doorbells);
    close(file);
}

static const tap_test_t tests[] = {
    {"doorbells are exported as their driver's, from any page", test_export},
    {"a part of a mapping is exported with its offset", test_inner_mapping},
    {"rights and ranges are checked for the driver", test_refusals},
    {"a doorbell that rings through the dma-buf is seen", test_ring},
    {"consent withdrawn: no export any more, and those that are stay",
     test_withdrawn},
    {"consent is withdrawn at any moment under exports",
     test_withdrawn_at_any_moment},
    {"doorbells of an unbound device are ESTALE and raise SIGBUS",
     test_unbound},
};

int main(void)
{
    int ret;

    consent_give();
    ret = tap_main(tests, tap_count(tests));
    /* The next program is to find none, also after a test that failed. */
    consent_remove();
    return ret;
}
