/* SPDX-License-Identifier: BSD-3-Clause */
#include "config.h"

#include "context.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "declared.h"

static int live_create(struct peervma_live **live_p)
{
    struct peervma_live *live;

    live = mmap(NULL, sizeof(*live), PROT_READ | PROT_WRITE,
                MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (live == MAP_FAILED) {
        return -ENOMEM;
    }
    if (madvise(live, sizeof(*live), MADV_WIPEONFORK) != 0) {
        munmap(live, sizeof(*live));
        return -ENOMEM;
    }

    *live_p = live;
    return 0;
}

/* Nothing of the mappings is known yet, so that the next lookup reads all. */
static void live_start(struct peervma_live *live)
{
    peervma_notify_lose(&live->notify);
    __atomic_store_n(&live->ready, 1, __ATOMIC_RELEASE);
}

int peervma_context_open_view(unsigned flags, const struct peervma_view *view,
                              peervma_context_t **context_p)
{
    peervma_context_t *context;
    int ret;

    context = calloc(1, sizeof(*context));
    if (context == NULL) {
        return -ENOMEM;
    }

    context->view = *view;
    context->page_size = (uintptr_t)sysconf(_SC_PAGESIZE);
    ret = peervma_maps_open(&context->view, &context->maps);
    if (ret != 0) {
        goto err_free;
    }
    ret = live_create(&context->live);
    if (ret != 0) {
        goto err_maps;
    }
    if (flags & PEERVMA_CONTEXT_NOTIFIED) {
        ret = peervma_region_map_create(&context->map);
        if (ret != 0) {
            goto err_live;
        }
    }

    peervma_module_open(context->view.module, &context->module);
    live_start(context->live);
    *context_p = context;
    return 0;

err_live:
    munmap(context->live, sizeof(*context->live));
err_maps:
    peervma_maps_close(&context->maps);
err_free:
    free(context);
    return ret;
}

int peervma_context_open(unsigned flags, peervma_context_t **context_p)
{
    struct peervma_view view;

    if ((flags & ~PEERVMA_CONTEXT_NOTIFIED) != 0 || context_p == NULL) {
        return -EINVAL;
    }

    peervma_view_self(&view);
    return peervma_context_open_view(flags, &view, context_p);
}

void peervma_context_close(peervma_context_t *context)
{
    if (context == NULL) {
        return;
    }

    peervma_declared_forget(context);
    peervma_region_map_destroy(context->declared);
    peervma_module_close(&context->module);
    peervma_region_map_destroy(context->map);
    munmap(context->live, sizeof(*context->live));
    peervma_maps_close(&context->maps);
    free(context);
}

int peervma_context_enter_child(peervma_context_t *context)
{
    struct peervma_live *live = context->live;
    int ret = 0;

    pthread_mutex_lock(&live->mutex);
    if (!live->ready) {
        peervma_declared_forget(context);
        peervma_maps_close(&context->maps);
        ret = peervma_maps_open(&context->view, &context->maps);
        if (ret == 0) {
            live_start(live);
        }
    }
    pthread_mutex_unlock(&live->mutex);
    return ret;
}

int peervma_context_exports(const peervma_context_t *context,
                            unsigned *reason_p)
{
    unsigned reason = PEERVMA_REASON_NONE;
    int ret = -EINVAL;

    if (context != NULL) {
        ret = context->module.error;
        reason = peervma_module_reason(&context->module);
    }
    if (reason_p != NULL) {
        *reason_p = reason;
    }
    return ret;
}

const char *peervma_version_string(void)
{
    return PACKAGE_VERSION;
}
