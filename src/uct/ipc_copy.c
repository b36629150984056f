/* SPDX-License-Identifier: BSD-3-Clause */
#include "ipc_copy.h"

#include <errno.h>
#include <linux/dma-buf.h>

#include "dmabuf_sync.h"
#include "ipc_fault.h"
#include "stats.h"

/* Between two devices bytes pass through a piece of the first-level cache. */
#define PIECE 8192

typedef struct {
    char *remote; /* always device memory */
    char *local;
    size_t length;
    int is_put;
    int is_device; /* the local one */
} copy_t;

static void copy_between_devices(char *to, const char *from, size_t length)
{
    char piece[PIECE] __attribute__((aligned(64)));
    size_t part;

    for (; length > 0; to += part, from += part, length -= part) {
        part = (length < PIECE) ? length : PIECE;
        peervma_copy_from_device(piece, from, part);
        peervma_copy_to_device(to, piece, part);
    }
}

static void run(void *arg)
{
    const copy_t *copy = arg;

    if (copy->is_device) {
        copy_between_devices(copy->is_put ? copy->remote : copy->local,
                             copy->is_put ? copy->local : copy->remote,
                             copy->length);
    } else if (copy->is_put) {
        peervma_copy_to_device(copy->remote, copy->local, copy->length);
    } else {
        peervma_copy_from_device(copy->local, copy->remote, copy->length);
    }
}

char *uct_peervma_ipc_address(const uct_peervma_ipc_mapping_t *mapping,
                              uint64_t remote, size_t length)
{
    uint64_t offset = remote - mapping->key.base;

    if ((remote < mapping->key.base) || (offset > mapping->key.length) ||
        (length > mapping->key.length - offset)) {
        return NULL;
    }
    return mapping->address + offset;
}

/* Local device memory that is a dma-buf's mapping has to be told about, too. */
static int run_locally(peervma_context_t *context, copy_t *copy)
{
    const uct_peervma_ipc_range_t ranges[] = {{copy->remote, copy->length},
                                              {copy->local, copy->length}};
    peervma_access_t access = {.fd = -1};
    peervma_region_t region;
    int begun = 0, ret;

    if (peervma_region_lookup(context, copy->local, &region) == 0) {
        if (copy->length >
            region.length - ((uintptr_t)copy->local - region.base)) {
            return -ERANGE;
        }
        copy->is_device = 1;
        begun = (region.kind == PEERVMA_KIND_DMABUF) &&
                (peervma_access_begin(context, copy->local, copy->length,
                                      copy->is_put ? PEERVMA_ACCESS_READ
                                                   : PEERVMA_ACCESS_WRITE,
                                      &access) == 0);
    }
    ret = uct_peervma_ipc_fault_try(run, copy, ranges, 2);
    if (begun) {
        peervma_access_end(&access);
    }
    return ret;
}

static int copy_synced(peervma_context_t *context,
                       const uct_peervma_ipc_mapping_t *mapping, copy_t *copy)
{
    const unsigned access =
        copy->is_put ? DMA_BUF_SYNC_WRITE : DMA_BUF_SYNC_READ;
    int ret;

    ret = peervma_dmabuf_sync(mapping->fd, DMA_BUF_SYNC_START | access);
    if (ret != 0) {
        return ret;
    }
    ret = run_locally(context, copy);
    peervma_dmabuf_sync(mapping->fd, DMA_BUF_SYNC_END | access);
    return ret;
}

int uct_peervma_ipc_copy(peervma_context_t *context,
                         const uct_peervma_ipc_mapping_t *mapping,
                         uint64_t remote, char *local, size_t length,
                         int is_put)
{
    copy_t copy = {.remote = uct_peervma_ipc_address(mapping, remote, length),
                   .local = local,
                   .length = length,
                   .is_put = is_put};
    int ret;

    if (copy.remote == NULL) {
        return -ERANGE;
    }
    if (atomic_load(&mapping->dropped)) {
        return -ESTALE;
    }
    if (length == 0) {
        return 0;
    }
    ret = copy_synced(context, mapping, &copy);
    if (ret == 0) {
        uct_peervma_stat_add(UCT_PEERVMA_STAT_IPC_BYTES, length);
    }
    return ret;
}
