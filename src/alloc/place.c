/* SPDX-License-Identifier: BSD-3-Clause */
#include "place.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "alloc.h"
#include "caller.h"
#include "counters.h"
#include "device_alloc.h"
#include "ranges.h"
#include "real.h"

size_t place_min = SIZE_MAX;

static const char *node;

/* The device is opened by the first allocation that wants it. */
static struct {
    pthread_mutex_t lock;
    bool open;
    dev_t number;
    struct device device;
} state = {.lock = PTHREAD_MUTEX_INITIALIZER};

void place_lock(void)
{
    pthread_mutex_lock(&state.lock);
}

void place_unlock(void)
{
    pthread_mutex_unlock(&state.lock);
}

bool place_wants(size_t length, const void *caller)
{
    return length >= place_min && !caller_is_transport(caller);
}

/* A program may have closed our descriptor with all others, and it may be
 * another file's by now. */
static bool is_ours(int fd)
{
    struct stat st;

    return fstat(fd, &st) == 0 && st.st_rdev == state.number;
}

/* 0 or -errno. */
static int get_device(struct device *device_p)
{
    struct stat st;
    int ret = 0;

    place_lock();
    if (state.open && !is_ours(state.device.fd)) {
        state.open = false;
    }
    if (!state.open) {
        ret = device_open(node, &state.device);
        state.open = ret == 0;
        if (state.open && fstat(state.device.fd, &st) == 0) {
            state.number = st.st_rdev;
        }
    }
    if (ret == 0) {
        *device_p = state.device;
    }
    place_unlock();
    return ret;
}

/*
 * The child's handles would be its parent's: it opens the device anew, and does
 * not wait for what another thread did while it forked.
 */
void place_forget(void)
{
    if (state.open && is_ours(state.device.fd)) {
        device_close(&state.device);
    }
    state.open = false;
    counters_reset();
}

/* Map at a multiple of more than a page: in a place that is kept for it. */
static int map_aligned(const struct device *device, size_t length,
                       size_t alignment, void **ptr_p)
{
    size_t whole, head;
    char *room;
    int ret;

    if (__builtin_add_overflow(length, alignment, &whole)) {
        return -ENOMEM;
    }
    room = real.mmap(NULL, whole, PROT_NONE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (room == MAP_FAILED) {
        return -errno;
    }
    head = -(uintptr_t)room & (alignment - 1);
    ret = device_map(device, length, room + head, ptr_p);
    if (ret != 0) {
        real.munmap(room, whole);
        return ret;
    }
    if (head > 0) {
        real.munmap(room, head);
    }
    real.munmap(room + head + length, whole - head - length);
    return 0;
}

static int map(const struct place *place, size_t length, void **ptr_p)
{
    struct device device;
    int ret;

    ret = get_device(&device);
    if (ret != 0) {
        return ret;
    }
    if (place->alignment > ALLOC_PAGE) {
        ret = map_aligned(&device, length, place->alignment, ptr_p);
    } else {
        ret = device_map(&device, length, NULL, ptr_p);
    }
    if (ret == 0 && place->zeroed && !device_clears(&device)) {
        memset(*ptr_p, 0, length);
    }
    return ret;
}

void *place_take(const struct place *place)
{
    struct range range = {.heap = place->heap};
    int saved_errno = errno;
    void *ptr = NULL;
    int ret = -ENOMEM;

    range.length = (place->length + ALLOC_PAGE - 1) & ~(ALLOC_PAGE - 1);
    if (range.length >= place->length) {
        ret = map(place, range.length, &ptr);
    }
    if (ret == 0) {
        range.start = (uintptr_t)ptr;
        ret = ranges_add(&range);
        if (ret != 0) {
            real.munmap(ptr, range.length);
        }
    }
    if (ret == 0) {
        counters_add_device(place->length);
    } else {
        counters_set_reason(ret);
        ptr = NULL;
    }
    errno = saved_errno;
    return ptr;
}

void place_free(void *ptr, size_t length)
{
    int saved_errno = errno;

    real.munmap(ptr, length);
    errno = saved_errno;
}

void *place_count_host(void *ptr, size_t length)
{
    if (ptr != NULL) {
        counters_add_host(length);
    }
    return ptr;
}

__attribute__((constructor)) static void place_start(void)
{
    const char *text = getenv(ALLOC_ENV_MIN);
    unsigned long long min = ALLOC_MIN_DEFAULT;
    char *end;

    node = getenv(ALLOC_ENV_NODE);
    if (node == NULL || *node == '\0') {
        return;
    }
    if (text != NULL) {
        min = strtoull(text, &end, 10);
        if (*text == '\0' || *end != '\0' || min < ALLOC_PAGE) {
            min = ALLOC_MIN_DEFAULT;
        }
    }
    node = strdup(node);
    if (node != NULL) {
        counters_start(node);
        place_min = min;
    }
}
