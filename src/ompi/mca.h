/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What Open MPI 5.0 and a component of its "accelerator" framework agree on,
 * as far as a component goes that is never selected: MCA 2.1.0, framework
 * interface 1.0.0. Open MPI's own headers for it are installed only on request,
 * and Debian's are incomplete. test/ompi compares where they are there.
 *
 * Open MPI refuses a component whose MCA version is not its own.
 */
#ifndef PEERVMA_OMPI_MCA_H
#define PEERVMA_OMPI_MCA_H

#include <stddef.h>
#include <stdint.h>

#define PEERVMA_MCA_VERSION \
    {                       \
        2, 1, 0             \
    }
#define PEERVMA_MCA_ACCELERATOR_VERSION \
    {                                   \
        1, 0, 0                         \
    }

/* Why a component can do without: "ready for checkpoints", as all are. */
#define PEERVMA_MCA_CHECKPOINT 2

typedef struct peervma_mca_version {
    int major;
    int minor;
    int release;
} peervma_mca_version_t;

/* struct mca_base_component_2_1_0_t */
typedef struct peervma_mca_component {
    peervma_mca_version_t mca_version;
    char project_name[16];
    peervma_mca_version_t project_version;
    char type_name[32];
    peervma_mca_version_t type_version;
    char component_name[64];
    peervma_mca_version_t component_version;
    int (*open_component)(void);
    int (*close_component)(void);
    int (*query_component)(void **module_p, int *priority_p);
    int (*register_component_params)(void);
    int32_t flags;
    char reserved[28];
} peervma_mca_component_t;

/* struct mca_base_component_data_2_0_0_t */
typedef struct peervma_mca_component_data {
    uint32_t param_field;
    char reserved[32];
} peervma_mca_component_data_t;

/* opal_accelerator_base_component_t */
typedef struct peervma_mca_accelerator {
    peervma_mca_component_t base_version;
    peervma_mca_component_data_t base_data;
    void *(*accelerator_init)(void); /* the module, or NULL: stand aside */
    void (*accelerator_finalize)(void *module);
} peervma_mca_accelerator_t;

_Static_assert(sizeof(peervma_mca_component_t) == 224, "layout of MCA 2.1.0");
_Static_assert(sizeof(peervma_mca_component_data_t) == 36,
               "layout of MCA 2.1.0");
_Static_assert(offsetof(peervma_mca_accelerator_t, accelerator_init) == 264,
               "layout of the accelerator framework 1.0.0");

#endif
