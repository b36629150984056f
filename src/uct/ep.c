/* SPDX-License-Identifier: BSD-3-Clause */
#include "ep.h"

#include <errno.h>
#include <stdlib.h>

#include "beyond.h"
#include "explain.h"
#include "fragment.h"
#include "iface.h"
#include "stats.h"

/* A message so long that UCX would have sent it zero-copy if it could. */
#define STAGED_RUN ((size_t)1 << 20)

static uct_peervma_iface_t *to_iface(uct_ep_h ep)
{
    return ucs_container_of(ep->iface, uct_peervma_iface_t, super.super);
}

/*
 * Stop the process rather than touch memory that is not the buffer's. UCP
 * ignores or dies of an error of a copy on a memory-type endpoint.
 */
static void check_range(uct_peervma_iface_t *iface, const void *device,
                        size_t length, peervma_region_t *region_p)
{
    int ret;

    region_p->kind = PEERVMA_KIND_NONE;
    ret = peervma_region_lookup(iface->context, device, region_p);
    if (ret == -ENOENT) {
        uct_peervma_explain_gone(device, length);
        abort();
    }
    if ((ret == 0) &&
        (length > region_p->length - ((uintptr_t)device - region_p->base))) {
        uct_peervma_explain_beyond(device, length, region_p);
        uct_peervma_explain_end(device, length);
        abort();
    }
    if (uct_peervma_beyond_hit(device, length)) {
        uct_peervma_explain_end(device, length);
        abort();
    }
}

/* Tell the user of messages that go through host memory piece by piece. */
static void follow_run(uct_peervma_iface_t *iface, const void *device,
                       size_t length)
{
    if ((uintptr_t)device != iface->run_end) {
        iface->run_length = 0;
    }
    iface->run_end = (uintptr_t)device + length;
    iface->run_length += length;
    if ((iface->run_length >= STAGED_RUN) &&
        (uct_peervma_stat_get(UCT_PEERVMA_STAT_DMABUF_EXPORTS) == 0) &&
        (uct_peervma_stat_get(UCT_PEERVMA_STAT_DMABUF_REFUSED) == 0)) {
        uct_peervma_explain_staged(
            (const void *)(iface->run_end - iface->run_length),
            iface->run_length);
    }
}

static void before_copy(uct_peervma_iface_t *iface, const void *device,
                        size_t length, unsigned flags)
{
    peervma_region_t region;

    check_range(iface, device, length, &region);
    uct_peervma_sync_begin(&iface->sync, iface->context, &region, device,
                           length, flags);
    follow_run(iface, device, length);
    uct_peervma_stat_add(UCT_PEERVMA_STAT_CPU_COPIED_BYTES, length);
}

static void put(uct_ep_h ep, const void *buffer, size_t length,
                uint64_t remote_addr)
{
    uct_peervma_iface_t *iface = to_iface(ep);
    void *device = (void *)(uintptr_t)remote_addr;

    if (length > 0) {
        before_copy(iface, device, length, PEERVMA_ACCESS_WRITE);
        peervma_copy_to_device(device, buffer, length);
        uct_peervma_sync_end(&iface->sync);
    }
}

static void get(uct_ep_h ep, void *buffer, size_t length, uint64_t remote_addr)
{
    uct_peervma_iface_t *iface = to_iface(ep);
    const void *device = (const void *)(uintptr_t)remote_addr;

    if (length > 0) {
        before_copy(iface, device, length, PEERVMA_ACCESS_READ);
        peervma_copy_from_device(buffer, device, length);
        uct_peervma_sync_end(&iface->sync);
    }
}

ucs_status_t uct_peervma_ep_put_short(uct_ep_h ep, const void *buffer,
                                      unsigned length, uint64_t remote_addr,
                                      uct_rkey_t rkey)
{
    (void)rkey;
    uct_peervma_stat_add(UCT_PEERVMA_STAT_PUT_SHORT, 1);
    uct_peervma_stat_add(UCT_PEERVMA_STAT_PUT_SHORT_BYTES, length);
    put(ep, buffer, length, remote_addr);
    return UCS_OK;
}

ucs_status_t uct_peervma_ep_get_short(uct_ep_h ep, void *buffer,
                                      unsigned length, uint64_t remote_addr,
                                      uct_rkey_t rkey)
{
    (void)rkey;
    uct_peervma_stat_add(UCT_PEERVMA_STAT_GET_SHORT, 1);
    uct_peervma_stat_add(UCT_PEERVMA_STAT_GET_SHORT_BYTES, length);
    get(ep, buffer, length, remote_addr);
    return UCS_OK;
}

ucs_status_t uct_peervma_ep_put_zcopy(uct_ep_h ep, const uct_iov_t *iov,
                                      size_t iovcnt, uint64_t remote_addr,
                                      uct_rkey_t rkey,
                                      uct_completion_t *completion)
{
    size_t i;

    (void)rkey;
    (void)completion;
    uct_peervma_stat_add(UCT_PEERVMA_STAT_PUT_ZCOPY, 1);
    for (i = 0; i < iovcnt; ++i) {
        uct_peervma_stat_add(UCT_PEERVMA_STAT_PUT_ZCOPY_BYTES, iov[i].length);
        put(ep, iov[i].buffer, iov[i].length, remote_addr);
        remote_addr += iov[i].length;
    }
    return UCS_OK;
}

ucs_status_t uct_peervma_ep_get_zcopy(uct_ep_h ep, const uct_iov_t *iov,
                                      size_t iovcnt, uint64_t remote_addr,
                                      uct_rkey_t rkey,
                                      uct_completion_t *completion)
{
    size_t i;

    (void)rkey;
    (void)completion;
    uct_peervma_stat_add(UCT_PEERVMA_STAT_GET_ZCOPY, 1);
    for (i = 0; i < iovcnt; ++i) {
        uct_peervma_stat_add(UCT_PEERVMA_STAT_GET_ZCOPY_BYTES, iov[i].length);
        get(ep, iov[i].buffer, iov[i].length, remote_addr);
        uct_peervma_fragment_filled(iov[i].buffer, iov[i].length);
        remote_addr += iov[i].length;
    }
    return UCS_OK;
}
