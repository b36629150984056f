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
 * without UCX, nor to a UCX under another name, as Python's wheels have it.
 */
#include <dlfcn.h>
#include <link.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "plugin.h"

/* ucs_status_t: what UCX returns for something it can't do. */
#define UCS_ERR_UNSUPPORTED (-22)

typedef int (*query_components_fn_t)(void **components_p, unsigned *count_p);
typedef void (*release_component_list_fn_t)(void *components);

__attribute__((visibility("default"))) int uct_query_components(
    void **components_p, unsigned *count_p);

static pthread_once_t once = PTHREAD_ONCE_INIT;

static query_components_fn_t find_in(void *library)
{
    return (query_components_fn_t)dlsym(library, "uct_query_components");
}

/* As it would be found without this library: in the global scope, then in that
 * of the caller, for UCX may be in no global one, as in Python modules. */
static query_components_fn_t find_for(void *caller)
{
    query_components_fn_t found = find_in(RTLD_NEXT);
    struct link_map *map;
    Dl_info info;
    void *library;

    if ((found == NULL) &&
        (dladdr1(caller, &info, (void **)&map, RTLD_DL_LINKMAP) != 0)) {
        library = dlopen(map->l_name, RTLD_NOLOAD | RTLD_LAZY);
        if (library != NULL) {
            found = find_in(library);
            dlclose(library);
        }
    }
    return (found == uct_query_components) ? NULL : found;
}

/* Is it of the UCX that the plugin needs, by name? */
static bool is_of_known_ucx(query_components_fn_t function)
{
    void *uct = dlopen("libuct.so.0", RTLD_NOLOAD | RTLD_LAZY);
    bool is_of_it;

    if (uct == NULL) {
        return false;
    }
    is_of_it = (find_in(uct) == function);
    dlclose(uct);
    return is_of_it;
}

/* UCX 1.22 and later load the plugin here, if it is in their folder. */
static void let_ucx_load_its_modules(void)
{
    void *uct = dlopen("libuct.so.0", RTLD_NOLOAD | RTLD_LAZY);
    release_component_list_fn_t release;
    void *components;
    unsigned count;

    release =
        (release_component_list_fn_t)dlsym(uct, "uct_release_component_list");
    if ((release != NULL) && (find_in(uct)(&components, &count) == 0)) {
        release(components);
    }
    dlclose(uct);
}

static void load_plugin(void)
{
    let_ucx_load_its_modules();
    peervma_plugin_load();
}

int uct_query_components(void **components_p, unsigned *count_p)
{
    query_components_fn_t real = find_for(__builtin_return_address(0));

    if (real == NULL) {
        return UCS_ERR_UNSUPPORTED;
    }
    if (is_of_known_ucx(real)) {
        pthread_once(&once, load_plugin);
    }
    return real(components_p, count_p);
}
