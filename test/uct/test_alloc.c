/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "accelerators.h"
#include "alloc.h"
#include "device_alloc.h"

#define ACCELERATORS 3
#define PAGE 4096

/* The machine of this test: numbers 0 to 2, of which 1 is another user's. */
static const char *const nodes[ACCELERATORS] = {
    "/dev/dri/renderD128", "/dev/dri/renderD129", "/dev/accel/accel0"};
static int answers[ACCELERATORS]; /* of allocations */
static int is_dumb[ACCELERATORS];
static unsigned opened, closed, created, freed;
static int map_answer;

static peervma_pci_t pci_of(unsigned number)
{
    return (peervma_pci_t){.bus = (uint8_t)(number + 1), .valid = 1};
}

/* In place of src/device. */

int machine_accelerators(const char *sysfs, accelerator_cb_t cb, void *arg)
{
    struct accelerator accelerator;
    unsigned i;

    (void)sysfs;
    for (i = 0; i < ACCELERATORS; ++i) {
        accelerator = (struct accelerator){.pci = pci_of(i), .usable = i != 1};
        snprintf(accelerator.node, sizeof(accelerator.node), "%s", nodes[i]);
        cb(&accelerator, arg);
    }
    return 0;
}

bool machine_is_node(const char *node, const char *name)
{
    return strcmp(name, node) == 0 || strcmp(name, strrchr(node, '/') + 1) == 0;
}

int device_open(const char *node, struct device *device_p)
{
    unsigned i;

    for (i = 0; strcmp(nodes[i], node) != 0; ++i) {
    }
    ++opened;
    *device_p = (struct device){.fd = (int)i};
    return 0;
}

const char *device_way(const struct device *device)
{
    return is_dumb[device->fd] ? "dumb" : "own";
}

void device_close(struct device *device)
{
    (void)device;
    ++closed;
}

int device_buffer_create(const struct device *device, size_t length,
                         struct device_buffer *buffer_p)
{
    if (answers[device->fd] != 0) {
        return answers[device->fd];
    }
    ++created;
    *buffer_p = (struct device_buffer){
        .handle = (uint32_t)device->fd,
        .length = (length + PAGE - 1) / PAGE * PAGE,
    };
    return 0;
}

int device_buffer_map(const struct device *device,
                      const struct device_buffer *buffer, void *address,
                      void **ptr_p)
{
    if (map_answer != 0) {
        return map_answer;
    }
    *ptr_p = mmap(address, buffer->length, PROT_READ | PROT_WRITE,
                  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    *(int *)*ptr_p = device->fd;
    return 0;
}

int device_buffer_close(const struct device *device,
                        const struct device_buffer *buffer)
{
    (void)device;
    (void)buffer;
    ++freed;
    return 0;
}

static int start(void **state)
{
    (void)state;
    memset(answers, 0, sizeof(answers));
    memset(is_dumb, 0, sizeof(is_dumb));
    opened = closed = created = freed = 0;
    map_answer = 0;
    return 0;
}

/* On which accelerator a byte is with this setting, or -errno. */
static int place_of(const char *setting, const peervma_pci_t *pci)
{
    uct_peervma_alloc_t *alloc = uct_peervma_alloc_create(setting);
    uct_peervma_memory_t *memory;
    int ret;

    ret = uct_peervma_alloc_get(alloc, pci, 1, &memory);
    if (ret == 0) {
        assert_int_equal(memory->length, PAGE);
        ret = *(int *)memory->address;
        uct_peervma_alloc_put(memory);
    }
    uct_peervma_alloc_destroy(alloc);
    assert_int_equal(opened, closed);
    assert_int_equal(created, freed);
    return ret;
}

static int has_device(const char *setting)
{
    uct_peervma_alloc_t *alloc = uct_peervma_alloc_create(setting);
    int has = uct_peervma_alloc_has_device(alloc);

    uct_peervma_alloc_destroy(alloc);
    return has;
}

static void auto_is_the_first_that_gives_memory(void **state)
{
    (void)state;
    assert_int_equal(place_of("auto", NULL), 0);
    answers[0] = -EOPNOTSUPP;
    assert_int_equal(place_of("auto", NULL), 2);
    answers[2] = -ENOSPC;
    assert_int_equal(place_of("auto", NULL), -ENOSPC);
}

static void dumb_buffers_come_last(void **state)
{
    (void)state;
    is_dumb[0] = 1;
    assert_int_equal(place_of("auto", NULL), 2);
    assert_int_equal(place_of("0", NULL), 0);
    answers[2] = -ENOSPC;
    assert_int_equal(place_of("auto", NULL), 0);
}

static void a_number_is_that_of_the_list(void **state)
{
    (void)state;
    assert_int_equal(place_of("0", NULL), 0);
    assert_int_equal(place_of("2", NULL), 2);
}

static void a_node_is_named_by_its_path_or_its_name(void **state)
{
    (void)state;
    assert_int_equal(place_of("/dev/accel/accel0", NULL), 2);
    assert_int_equal(place_of("renderD128", NULL), 0);
}

static void another_users_or_nobodys_node_gives_nothing(void **state)
{
    (void)state;
    assert_int_equal(place_of("1", NULL), -ENODEV);
    assert_int_equal(place_of("3", NULL), -ENODEV);
    assert_int_equal(place_of("", NULL), -ENODEV);
    assert_true(has_device("auto"));
    assert_true(has_device("2"));
    assert_false(has_device("1"));
    assert_false(has_device("3"));
    assert_int_equal(opened, 0);
}

static void a_full_accelerator_that_was_chosen_is_not_replaced(void **state)
{
    (void)state;
    answers[0] = -ENOSPC;
    assert_int_equal(place_of("0", NULL), -ENOSPC);
}

static void a_device_that_ucx_names_goes_before_the_setting(void **state)
{
    const peervma_pci_t third = pci_of(2), other = pci_of(7);

    (void)state;
    assert_int_equal(place_of("0", &third), 2);
    assert_int_equal(place_of("auto", &other), -ENODEV);
}

static void a_buffer_that_cannot_be_mapped_is_given_back(void **state)
{
    (void)state;
    map_answer = -ENOMEM;
    assert_int_equal(place_of("0", NULL), -ENOMEM);
    assert_int_equal(created, 1);
}

static void a_child_leaves_its_parent_the_handle(void **state)
{
    uct_peervma_alloc_t *alloc = uct_peervma_alloc_create("0");
    uct_peervma_memory_t *memory;
    int status;
    pid_t pid;

    (void)state;
    assert_int_equal(uct_peervma_alloc_get(alloc, NULL, PAGE, &memory), 0);
    pid = fork();
    if (pid == 0) {
        uct_peervma_alloc_put(memory);
        _exit((int)freed);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    uct_peervma_alloc_put(memory);
    assert_int_equal(freed, 1);
    uct_peervma_alloc_destroy(alloc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(auto_is_the_first_that_gives_memory, start),
        cmocka_unit_test_setup(dumb_buffers_come_last, start),
        cmocka_unit_test_setup(a_number_is_that_of_the_list, start),
        cmocka_unit_test_setup(a_node_is_named_by_its_path_or_its_name, start),
        cmocka_unit_test_setup(another_users_or_nobodys_node_gives_nothing,
                               start),
        cmocka_unit_test_setup(
            a_full_accelerator_that_was_chosen_is_not_replaced, start),
        cmocka_unit_test_setup(a_device_that_ucx_names_goes_before_the_setting,
                               start),
        cmocka_unit_test_setup(a_buffer_that_cannot_be_mapped_is_given_back,
                               start),
        cmocka_unit_test_setup(a_child_leaves_its_parent_the_handle, start),
    };

    return cmocka_run_group_tests_name("alloc", tests, NULL, NULL);
}
