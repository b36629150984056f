/* SPDX-License-Identifier: BSD-3-Clause */
#include "plugin.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef const char *(*refusal_fn_t)(void);

/* Open MPI's mpirun numbers the processes of a node; others may repeat it. */
static int first_of_node(void)
{
    const char *rank = getenv("OMPI_COMM_WORLD_LOCAL_RANK");

    return (rank == NULL) || (strcmp(rank, "0") == 0);
}

int peervma_plugin_load(void)
{
    const char *path = secure_getenv("PEERVMA_PLUGIN");
    refusal_fn_t refusal;
    void *plugin;

    /* The plugin needs UCX by name only: loaded first, it would bring in the
     * system's UCX where the application has its own. */
    if (dlopen("libucp.so.0", RTLD_NOLOAD | RTLD_LAZY) == NULL) {
        return -ENOENT;
    }
    plugin = dlopen(PEERVMA_PLUGIN_SONAME, RTLD_NOLOAD | RTLD_LAZY);
    if (plugin == NULL) {
        path = (path != NULL) ? path : PEERVMA_LIBDIR "/" PEERVMA_PLUGIN_SONAME;
        plugin = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    }
    if (plugin == NULL) {
        if (first_of_node()) {
            fprintf(stderr,
                    "peervma: device memory will be taken for host memory: "
                    "the UCX plugin can't be loaded: %s\n",
                    dlerror());
        }
        return -ELIBACC;
    }
    refusal = (refusal_fn_t)dlsym(plugin, "uct_peervma_refusal");
    return ((refusal != NULL) && (refusal() != NULL)) ? -ENOTSUP : 0;
}
