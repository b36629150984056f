/* SPDX-License-Identifier: BSD-3-Clause */
#include "detect.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <ucm/api/ucm.h>
#include <ucs/config/global_opts.h>

#include "abi/memtype_cache.h"
#include "abi/versions.h"
#include "stats.h"
#include "status.h"

#define EVENTS                                                      \
    (UCM_EVENT_VM_MAPPED | UCM_EVENT_VM_UNMAPPED | UCM_EVENT_MMAP | \
     UCM_EVENT_MUNMAP | UCM_EVENT_MREMAP | UCM_EVENT_MADVISE)

/* Of RDMA devices, whose queues and doorbells libibverbs maps for itself. Every
 * process with a NIC has some, and UCX is quickest while its cache is empty. */
#define UVERBS_MAJOR 231

/* UCM priorities; the call itself is made at zero. */
#define BEFORE_THE_CALL (-1000)
#define AFTER_THE_CALL 1000

static struct {
    pthread_mutex_t lock;
    unsigned users;
    int events; /* else query */
    dev_t sysfs;
    peervma_context_t *context;
} detect = {.lock = PTHREAD_MUTEX_INITIALIZER};

/*
 * Which parts of the address space were ever marked, by a hash of 2 MiB pieces.
 * Unlike a look into UCX's cache this takes no lock, which the thread that an
 * event comes in may hold: the cache allocates under it.
 */
#define PIECE_SHIFT 21
#define HASH_BITS 16

static _Atomic uint64_t marked_pieces[(1 << HASH_BITS) / 64];

static unsigned hash_piece(uintptr_t piece)
{
    return (unsigned)(piece * UINT64_C(0x9e3779b97f4a7c15) >> (64 - HASH_BITS));
}

static int is_marked(const void *address)
{
    unsigned hash = hash_piece((uintptr_t)address >> PIECE_SHIFT);

    return (atomic_load(&marked_pieces[hash / 64]) >> (hash % 64)) & 1;
}

static void set_unknown(const void *address, size_t length)
{
    const ucs_memtype_cache_update_t update = {ucs_memtype_cache_update};
    ucs_memory_type_t unknown = uct_peervma_version->unknown_type;

    if (uct_peervma_version->mem_flags) {
        update.v1_22(address, length, unknown, UCS_SYS_DEVICE_ID_UNKNOWN, 0);
    } else {
        update.v1_18(address, length, unknown, UCS_SYS_DEVICE_ID_UNKNOWN);
    }
}

/*
 * Have UCX ask us about a range. A mark is never taken away: it only means "ask
 * peervma", and an unmark that races with a new mapping at the same address
 * would hide device memory.
 */
static void mark(const void *address, size_t length)
{
    uintptr_t last = ((uintptr_t)address + length - 1) >> PIECE_SHIFT;
    uintptr_t piece = (uintptr_t)address >> PIECE_SHIFT;
    unsigned hash;

    for (; piece <= last; ++piece) {
        hash = hash_piece(piece);
        atomic_fetch_or(&marked_pieces[hash / 64], UINT64_C(1) << (hash % 64));
    }
    set_unknown(address, length);
}

/*
 * Memory allocators map anonymous memory and regular files, so nothing that
 * passes here is mapped from inside malloc(), and mark() may allocate.
 */
static int may_be_device(int fd, int flags)
{
    struct stat st;

    if ((flags & MAP_ANONYMOUS) || (fd < 0) || (fstat(fd, &st) != 0)) {
        return 0;
    }
    if (S_ISCHR(st.st_mode)) {
        return major(st.st_rdev) != UVERBS_MAJOR;
    }
    return !S_ISREG(st.st_mode) || (st.st_dev == detect.sysfs);
}

/*
 * UCM tells what mmap(MAP_FIXED) replaces, but not what mremap(MREMAP_FIXED)
 * does: without that, UCX's registration cache keeps what was there.
 */
static void tell_replaced(ucm_event_type_t type, ucm_event_t *event, void *arg)
{
    (void)type;
    (void)arg;
    if (event->mremap.flags & MREMAP_FIXED) {
        ucm_vm_munmap(event->mremap.new_address, event->mremap.new_size);
    }
}

/*
 * UCM tells VM_UNMAPPED before the call, for madvise() too, and the call may
 * fail: what is still mapped then has to be looked at again.
 */
static void handle_event(ucm_event_type_t type, ucm_event_t *event, void *arg)
{
    peervma_context_t *context = arg;

    switch (type) {
    case UCM_EVENT_VM_MAPPED:
        peervma_notify_map(context, event->vm_mapped.address,
                           event->vm_mapped.size);
        break;
    case UCM_EVENT_VM_UNMAPPED:
        peervma_notify_unmap(context, event->vm_unmapped.address,
                             event->vm_unmapped.size);
        break;
    case UCM_EVENT_MMAP:
        if (event->mmap.result == MAP_FAILED) {
            peervma_notify_map(context, event->mmap.address, event->mmap.size);
        } else if (may_be_device(event->mmap.fd, event->mmap.flags)) {
            mark(event->mmap.result, event->mmap.size);
            uct_peervma_stat_add(UCT_PEERVMA_STAT_REGIONS, 1);
        }
        break;
    case UCM_EVENT_MUNMAP:
        if (event->munmap.result != 0) {
            peervma_notify_map(context, event->munmap.address,
                               event->munmap.size);
        }
        break;
    case UCM_EVENT_MREMAP:
        if (event->mremap.result == MAP_FAILED) {
            peervma_notify_map(context, event->mremap.address,
                               event->mremap.old_size);
            if (event->mremap.flags & MREMAP_FIXED) {
                peervma_notify_map(context, event->mremap.new_address,
                                   event->mremap.new_size);
            }
        } else if (is_marked(event->mremap.address)) {
            mark(event->mremap.result, event->mremap.new_size);
        }
        break;
    case UCM_EVENT_MADVISE:
        if (is_marked(event->madvise.addr)) {
            peervma_notify_map(context, event->madvise.addr,
                               event->madvise.length);
        }
        break;
    default:
        break;
    }
}

static int mark_region(const peervma_region_t *region, void *arg)
{
    (void)arg;
    mark((const void *)region->base, region->length);
    uct_peervma_stat_add(UCT_PEERVMA_STAT_REGIONS, 1);
    return 0;
}

/* UCX's cache exists from its first lookup on, which must not come from within
 * an event. False if the cache is switched off. */
static int create_cache(void)
{
    ucs_memory_info_t info;

    return ucs_memtype_cache_lookup(NULL, 1, &info) != UCS_ERR_UNSUPPORTED;
}

static ucs_status_t start_events(void)
{
    peervma_context_t *context;
    struct stat st;
    ucs_status_t status;
    int ret;

    if (!create_cache()) {
        return UCS_ERR_UNSUPPORTED;
    }
    ret = peervma_context_open(PEERVMA_CONTEXT_NOTIFIED, &context);
    if (ret != 0) {
        return uct_peervma_status(ret);
    }

    detect.sysfs = (stat("/sys", &st) == 0) ? st.st_dev : 0;
    status =
        ucm_set_event_handler(EVENTS, AFTER_THE_CALL, handle_event, context);
    if (status != UCS_OK) {
        goto err_close;
    }
    status = ucm_set_event_handler(UCM_EVENT_MREMAP, BEFORE_THE_CALL,
                                   tell_replaced, NULL);
    if (status != UCS_OK) {
        goto err_unset;
    }

    /* What was mapped before. */
    ret = peervma_region_foreach(context, mark_region, NULL);
    if (ret != 0) {
        status = uct_peervma_status(ret);
        goto err_unset_replaced;
    }

    detect.context = context;
    detect.events = 1;
    uct_peervma_stats_set_detection("events");
    return UCS_OK;

err_unset_replaced:
    ucm_unset_event_handler(UCM_EVENT_MREMAP, tell_replaced, NULL);
err_unset:
    ucm_unset_event_handler(EVENTS, handle_event, context);
err_close:
    peervma_context_close(context);
    return status;
}

static ucs_status_t start_query(void)
{
    int ret;

    ret = peervma_context_open(0, &detect.context);
    if (ret != 0) {
        return uct_peervma_status(ret);
    }

    ucs_global_opts_set_value("MEMTYPE_CACHE", "n");
    if (ucs_memtype_cache_global_instance != NULL) {
        /* UCX takes an empty cache for "all is host memory", even when it is
         * switched off. */
        mark(NULL, 1);
    }
    detect.events = 0;
    uct_peervma_stats_set_detection("query");
    return UCS_OK;
}

ucs_status_t uct_peervma_detect_start(peervma_context_t **context_p)
{
    ucs_status_t status = UCS_OK;

    pthread_mutex_lock(&detect.lock);
    if (detect.users == 0) {
        status = start_events();
        if (status != UCS_OK) {
            status = start_query();
        }
    }
    if (status == UCS_OK) {
        ++detect.users;
        *context_p = detect.context;
    }
    pthread_mutex_unlock(&detect.lock);
    return status;
}

void uct_peervma_detect_stop(void)
{
    pthread_mutex_lock(&detect.lock);
    if (--detect.users == 0) {
        if (detect.events) {
            ucm_unset_event_handler(UCM_EVENT_MREMAP, tell_replaced, NULL);
            ucm_unset_event_handler(EVENTS, handle_event, detect.context);
        }
        peervma_context_close(detect.context);
        detect.context = NULL;
    }
    pthread_mutex_unlock(&detect.lock);
}
