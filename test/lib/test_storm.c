/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Threads that map, unmap, move and divide device memory at once, each in a
 * range of its own and against a model of it. The mappings are real, of a file
 * that passes for a DRM node. After each report the reporter's next lookups
 * must be right, and a page that was mapped anew must have a generation that
 * it never had.
 */
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cmocka.h>

#include "context.h"
#include "fake.h"
#include "peervma.h"

#define PAGE ((size_t)4096)
#define THREADS 4
#define SLOTS 24
/* Pages of a slot; the last stays free, so that no two mappings are one. */
#define SLOT_PAGES 5
#define MAPPED_PAGES (SLOT_PAGES - 1)

static peervma_context_t *context;
static int device;
static char device_path[4096];
static atomic_uint wrong;
static atomic_bool stop;

struct slot {
    char *start;
    bool mapped[SLOT_PAGES];
    uint64_t generation[SLOT_PAGES]; /* when last looked at */
    bool anew[SLOT_PAGES];           /* mapped since then */
};

struct worker {
    pthread_t thread;
    unsigned seed;
    struct slot slots[SLOTS];
};

static struct worker workers[THREADS];

static unsigned some(struct worker *worker, unsigned end)
{
    return (unsigned)rand_r(&worker->seed) % end;
}

static void check(bool right, const char *claim)
{
    /* cmocka's own checks are for the thread that runs the test. */
    if (!right && wrong++ < 10) {
        fprintf(stderr, "# not so: %s\n", claim);
    }
}

#define CHECK(claim) check(claim, #claim)

static void look(struct slot *slot, unsigned page)
{
    char *address = slot->start + page * PAGE;
    unsigned first = page, end = page;
    peervma_region_t region;
    int ret;

    ret = peervma_region_lookup(context, address + page, &region);
    CHECK((ret == 0) == slot->mapped[page]);
    if (ret != 0 || !slot->mapped[page]) {
        return;
    }
    while (first > 0 && slot->mapped[first - 1]) {
        first--;
    }
    while (slot->mapped[end]) {
        end++;
    }
    CHECK(region.base == (uintptr_t)(slot->start + first * PAGE));
    CHECK(region.length == (end - first) * PAGE);
    CHECK(region.kind == PEERVMA_KIND_DRM);
    CHECK(!slot->anew[page] || region.generation != slot->generation[page]);
    slot->anew[page] = false;
    slot->generation[page] = region.generation;
}

/* Host memory there, as munmap() would leave a hole for others to map into. */
static void clear(struct slot *slot, unsigned first, unsigned count)
{
    char *start = slot->start + first * PAGE;

    CHECK(mmap(start, count * PAGE, PROT_NONE,
               MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1,
               0) == start);
    memset(slot->mapped + first, 0, count);
}

static void set(struct slot *slot, unsigned count)
{
    unsigned page;

    for (page = 0; page < count; page++) {
        slot->mapped[page] = true;
        slot->anew[page] = true;
    }
}

/* Always the same of the file: only the report tells it from what was there. */
static void map(struct slot *slot, unsigned count)
{
    clear(slot, count, SLOT_PAGES - count);
    CHECK(mmap(slot->start, count * PAGE, PROT_READ | PROT_WRITE,
               MAP_SHARED | MAP_FIXED, device, 0) == slot->start);
    set(slot, count);
    peervma_notify_map(context, slot->start, SLOT_PAGES * PAGE);
}

static void unmap(struct slot *slot, unsigned first, unsigned count)
{
    clear(slot, first, count);
    peervma_notify_unmap(context, slot->start + first * PAGE, count * PAGE);
}

/* The whole of a slot to another one. */
static void move(struct slot *from, struct slot *to)
{
    size_t length = MAPPED_PAGES * PAGE;

    map(from, MAPPED_PAGES);
    CHECK(mremap(from->start, length, length, MREMAP_MAYMOVE | MREMAP_FIXED,
                 to->start) == to->start);
    clear(from, 0, SLOT_PAGES);
    set(to, MAPPED_PAGES);
    peervma_notify_unmap(context, from->start, length);
    peervma_notify_map(context, to->start, length);
}

/* More reports than the ring holds, without a lookup. */
static void burst(struct slot *slot)
{
    unsigned i;

    for (i = 0; i < PEERVMA_NOTIFY_SLOTS + 100; i++) {
        peervma_notify_map(context, slot->start, PAGE);
    }
    set(slot, 0);
}

static void change(struct worker *worker)
{
    struct slot *slot = &worker->slots[some(worker, SLOTS)];
    struct slot *other = &worker->slots[some(worker, SLOTS)];
    unsigned first = some(worker, MAPPED_PAGES);

    switch (some(worker, 8)) {
    case 0:
    case 1:
    case 2:
        map(slot, 1 + first);
        break;
    case 3:
        unmap(slot, 0, SLOT_PAGES);
        break;
    case 4:
    case 5: /* what is left are up to two mappings */
        unmap(slot, first, 1 + some(worker, SLOT_PAGES - first));
        break;
    case 6:
        if (slot != other) {
            move(slot, other);
        }
        break;
    default:
        if (some(worker, 20) == 0) {
            burst(slot);
        }
    }
    for (first = 0; first < SLOT_PAGES; first++) {
        look(slot, first);
        look(other, first);
    }
}

static void *change_on(void *arg)
{
    unsigned turns = getenv("PEERVMA_TEST_QUICK") != NULL ? 200 : 3000;

    while (turns-- > 0) {
        change(arg);
    }
    return NULL;
}

static int inside(const peervma_region_t *region, void *arg)
{
    uintptr_t *behind = arg;

    CHECK(region->base + region->length > *behind);
    CHECK(region->kind == PEERVMA_KIND_DRM && region->length > 0);
    *behind = region->base + region->length;
    return 0;
}

/* One that changes nothing looks at all of it meanwhile. */
static void *visit_on(void *arg)
{
    uintptr_t behind;

    (void)arg;
    while (!stop) {
        behind = 0;
        CHECK(peervma_region_foreach(context, inside, &behind) == 0);
    }
    return NULL;
}

static void worker_create(struct worker *worker, unsigned seed)
{
    size_t length = SLOTS * SLOT_PAGES * PAGE;
    char *start;
    unsigned i;

    start = mmap(NULL, length, PROT_NONE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert_true(start != MAP_FAILED);
    worker->seed = seed;
    for (i = 0; i < SLOTS; i++) {
        worker->slots[i] =
            (struct slot){.start = start + i * SLOT_PAGES * PAGE};
    }
}

static int setup(void **state)
{
    char folder[2048];
    struct stat st;

    (void)state;
    fake_create(&fake);
    fake_drm_device(&fake, "softaccel");
    fake_write(&fake, "device", "");
    assert_non_null(getcwd(folder, sizeof(folder)));
    snprintf(device_path, sizeof(device_path), "%s/%s/device", folder,
             fake.folder);
    device = open(device_path, O_RDWR | O_CLOEXEC);
    assert_true(device >= 0);
    assert_int_equal(0, ftruncate(device, MAPPED_PAGES * PAGE));
    assert_int_equal(0, fstat(device, &st));
    fake_identify(device_path, &(struct peervma_file){
                                   .mode = S_IFCHR | 0660,
                                   .inode = st.st_ino,
                                   .device = makedev(226, 128),
                               });
    strcpy(fake.view.proc, "/proc/self");
    assert_int_equal(0, peervma_context_open_view(PEERVMA_CONTEXT_NOTIFIED,
                                                  &fake.view, &context));
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    peervma_context_close(context);
    close(device);
    fake_destroy(&fake);
    return 0;
}

static void lookups_in_a_storm_are_right(void **state)
{
    pthread_t visitor;
    unsigned i, page;

    (void)state;
    for (i = 0; i < THREADS; i++) {
        worker_create(&workers[i], i + 1);
    }
    stop = false;
    assert_int_equal(0, pthread_create(&visitor, NULL, visit_on, NULL));
    for (i = 0; i < THREADS; i++) {
        assert_int_equal(0, pthread_create(&workers[i].thread, NULL, change_on,
                                           &workers[i]));
    }
    for (i = 0; i < THREADS; i++) {
        pthread_join(workers[i].thread, NULL);
    }
    stop = true;
    pthread_join(visitor, NULL);
    for (i = 0; i < THREADS * SLOTS; i++) {
        for (page = 0; page < SLOT_PAGES; page++) {
            look(&workers[i / SLOTS].slots[i % SLOTS], page);
        }
    }
    for (i = 0; i < THREADS; i++) {
        munmap(workers[i].slots[0].start, SLOTS * SLOT_PAGES * PAGE);
    }
    assert_int_equal(0, wrong);
}

/*
 * Another thread was stopped in the midst of a report, so the kernel is asked.
 * It can't tell a mapping from one of the same that was there before.
 */
static void half_a_report_does_not_hide_a_new_mapping(void **state)
{
    struct slot *slot = &workers[0].slots[0];
    int i;

    (void)state;
    worker_create(&workers[0], 1);
    context->live->notify.tail++;
    for (i = 0; i < 3; i++) {
        map(slot, MAPPED_PAGES);
        look(slot, 1);
    }
    munmap(slot->start, SLOTS * SLOT_PAGES * PAGE);
    assert_int_equal(0, wrong);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(half_a_report_does_not_hide_a_new_mapping),
        TEST(lookups_in_a_storm_are_right),
    };

    return cmocka_run_group_tests_name("storm", tests, NULL, NULL);
}
