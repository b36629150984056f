/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * libpeervma_preload.so: brings the plugin into UCX before 1.22, which loads
 * transports from nowhere but its own list. `peervma run` preloads it.
 *
 * UCP asks uct_query_components() for the transports' components. This
 * function of the same name comes first in the symbol search, loads the plugin,
 * which registers its component with UCX, and asks the real one. Preloading the
 * plugin itself would drag the system's UCX into programs with their own.
 *
 * Preloaded into anything: it needs libc alone, and does nothing in a process
 * without UCX.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stddef.h>

#include "plugin.h"

/* ucs_status_t: what UCX returns for something it can't do. */
#define UCS_ERR_UNSUPPORTED (-22)

typedef int (*query_components_fn_t)(void **components_p, unsigned *count_p);
typedef void (*release_component_list_fn_t)(void *components);

__attribute__((visibility("default"))) int uct_query_components(
    void **components_p, unsigned *count_p);

static query_components_fn_t real_query_components;
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* UCX 1.22 and later load the plugin here, if it is in their folder. */
static void let_ucx_load_its_modules(void *uct)
{
    release_component_list_fn_t release;
    void *components;
    unsigned count;

    release =
        (release_component_list_fn_t)dlsym(uct, "uct_release_component_list");
    if ((release != NULL) &&
        (real_query_components(&components, &count) == 0)) {
        release(components);
    }
}

static void find_ucx_and_load_plugin(void)
{
    /* Not RTLD_NEXT: UCX may be in no global scope, as in Python modules. */
    void *uct = dlopen("libuct.so.0", RTLD_NOLOAD | RTLD_LAZY);

    if (uct == NULL) {
        return;
    }
    real_query_components =
        (query_components_fn_t)dlsym(uct, "uct_query_components");
    if (real_query_components != NULL) {
        let_ucx_load_its_modules(uct);
        peervma_plugin_load();
    }
}

int uct_query_components(void **components_p, unsigned *count_p)
{
    pthread_once(&once, find_ucx_and_load_plugin);
    if (real_query_components == NULL) {
        return UCS_ERR_UNSUPPORTED;
    }
    return real_query_components(components_p, count_p);
}
