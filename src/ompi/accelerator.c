/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * mca_accelerator_peervma.so. Open MPI looks for accelerators at the beginning
 * of MPI_Init(), before it reads the settings of its UCX layer and before that
 * layer starts UCX: the moment to load the plugin and to make the settings.
 * Then the component stands aside: it never is the accelerator of a process.
 */
#include "mca.h"

#include <dlfcn.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "plugin.h"
#include "settings.h"

#define OPEN_MPI_5_0 \
    {                \
        5, 0, 0      \
    }

extern const peervma_mca_accelerator_t mca_accelerator_peervma_component;

/*
 * Open MPI can be built with its UCX layer as a component of its own, in the
 * folder of this one. Loaded early it brings its own UCX into the process,
 * which may be another than the system's.
 */
static void load_ucx_of_open_mpi(void)
{
    char self[PATH_MAX], path[PATH_MAX];
    Dl_info info;

    if (dladdr(&mca_accelerator_peervma_component, &info) == 0) {
        return;
    }
    snprintf(self, sizeof(self), "%s", info.dli_fname);
    if (snprintf(path, sizeof(path), "%s/mca_pml_ucx.so", dirname(self)) <
        (int)sizeof(path)) {
        dlopen(path, RTLD_NOW | RTLD_LOCAL);
    }
}

static void *accelerator_init(void)
{
    peervma_settings_t settings;

    peervma_settings_decide("", &settings);
    if (settings.mpi_without_ucx) {
        return NULL;
    }
    load_ucx_of_open_mpi();
    if (peervma_plugin_load() != 0) {
        return NULL;
    }
    if (peervma_settings_apply(&settings) == 0) {
        peervma_settings_say(&settings, stderr);
    }
    return NULL;
}

__attribute__((visibility("default")))
const peervma_mca_accelerator_t mca_accelerator_peervma_component = {
    .base_version =
        {
            .mca_version = PEERVMA_MCA_VERSION,
            .project_name = "opal",
            .project_version = OPEN_MPI_5_0,
            .type_name = "accelerator",
            .type_version = PEERVMA_MCA_ACCELERATOR_VERSION,
            .component_name = "peervma",
            .component_version = {PEERVMA_VERSION_NUMBERS},
        },
    .base_data = {.param_field = PEERVMA_MCA_CHECKPOINT},
    .accelerator_init = accelerator_init,
};
