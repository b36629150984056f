/* SPDX-License-Identifier: BSD-3-Clause */
#include "alloc.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "accelerators.h"
#include "device_alloc.h"
#include "pci.h"

#define MAX_ACCELERATORS 16

typedef struct {
    char node[64];
    peervma_pci_t pci;
    int is_chosen; /* by the setting */
    int is_open;
    struct device device;
} place_t;

struct uct_peervma_alloc {
    char setting[64];
    pthread_mutex_t lock; /* of the devices' opening */
    unsigned seen;        /* also such as there was no place for */
    unsigned count;
    place_t places[MAX_ACCELERATORS];
};

typedef struct {
    uct_peervma_memory_t super; /* first */
    const struct device *device;
    struct device_buffer buffer;
    pid_t pid; /* a child's descriptor is its parent's, handles and all */
} buffer_t;

static int is_chosen(const char *setting, const char *node, unsigned number)
{
    char text[16];

    snprintf(text, sizeof(text), "%u", number);
    return (strcmp(setting, "auto") == 0) || (strcmp(setting, text) == 0) ||
           machine_is_node(node, setting);
}

static void add_place(const struct accelerator *accelerator, void *arg)
{
    uct_peervma_alloc_t *alloc = arg;
    unsigned number = alloc->seen++;
    place_t *place;

    if (!accelerator->usable || (alloc->count == MAX_ACCELERATORS)) {
        return;
    }
    place = &alloc->places[alloc->count++];
    memcpy(place->node, accelerator->node, sizeof(place->node));
    place->pci = accelerator->pci;
    place->is_chosen = is_chosen(alloc->setting, accelerator->node, number);
}

uct_peervma_alloc_t *uct_peervma_alloc_create(const char *setting)
{
    uct_peervma_alloc_t *alloc = calloc(1, sizeof(*alloc));

    if (alloc == NULL) {
        return NULL;
    }
    pthread_mutex_init(&alloc->lock, NULL);
    snprintf(alloc->setting, sizeof(alloc->setting), "%s", setting);
    machine_accelerators("/sys", add_place, alloc);
    return alloc;
}

void uct_peervma_alloc_destroy(uct_peervma_alloc_t *alloc)
{
    unsigned i;

    for (i = 0; i < alloc->count; ++i) {
        if (alloc->places[i].is_open) {
            device_close(&alloc->places[i].device);
        }
    }
    pthread_mutex_destroy(&alloc->lock);
    free(alloc);
}

int uct_peervma_alloc_has_device(const uct_peervma_alloc_t *alloc)
{
    unsigned i;

    for (i = 0; i < alloc->count; ++i) {
        if (alloc->places[i].is_chosen) {
            return 1;
        }
    }
    return 0;
}

static int open_place(uct_peervma_alloc_t *alloc, place_t *place)
{
    int ret = 0;

    pthread_mutex_lock(&alloc->lock);
    if (!place->is_open) {
        ret = device_open(place->node, &place->device);
        place->is_open = (ret == 0);
    }
    pthread_mutex_unlock(&alloc->lock);
    return ret;
}

static int get_from(uct_peervma_alloc_t *alloc, place_t *place, size_t length,
                    int dumb, buffer_t *buffer)
{
    int ret;

    ret = open_place(alloc, place);
    if (ret != 0) {
        return ret;
    }
    if (dumb != (strcmp(device_way(&place->device), "dumb") == 0)) {
        return -ENODEV;
    }
    ret = device_buffer_create(&place->device, length, &buffer->buffer);
    if (ret != 0) {
        return ret;
    }
    /* By the node, not as a dma-buf: that would want a system call before and
     * after each copy by the CPU. */
    ret = device_buffer_map(&place->device, &buffer->buffer, NULL,
                            &buffer->super.address);
    if (ret != 0) {
        device_buffer_close(&place->device, &buffer->buffer);
        return ret;
    }
    buffer->super.length = buffer->buffer.length;
    buffer->device = &place->device;
    buffer->pid = getpid();
    return 0;
}

static int is_on(const place_t *place, const peervma_pci_t *pci)
{
    return pci->valid && place->pci.valid &&
           peervma_pci_is_same(pci, &place->pci);
}

int uct_peervma_alloc_get(uct_peervma_alloc_t *alloc, const peervma_pci_t *pci,
                          size_t length, uct_peervma_memory_t **memory_p)
{
    int error = -ENODEV, dumb, ret;
    buffer_t *buffer;
    place_t *place;
    unsigned i;

    buffer = malloc(sizeof(*buffer));
    if (buffer == NULL) {
        return -ENOMEM;
    }
    /* Dumb buffers, which may be in main memory, where there are no others. */
    for (i = 0; i < 2 * alloc->count; ++i) {
        place = &alloc->places[i % alloc->count];
        dumb = (i >= alloc->count);
        if ((pci != NULL) ? !is_on(place, pci) : !place->is_chosen) {
            continue;
        }
        ret = get_from(alloc, place, length, dumb, buffer);
        if (ret == 0) {
            *memory_p = &buffer->super;
            return 0;
        }
        error = (ret != -ENODEV) ? ret : error;
    }
    free(buffer);
    return error;
}

void uct_peervma_alloc_put(uct_peervma_memory_t *memory)
{
    buffer_t *buffer = (buffer_t *)memory;

    munmap(memory->address, memory->length);
    if (buffer->pid == getpid()) {
        device_buffer_close(buffer->device, &buffer->buffer);
    }
    free(buffer);
}
