/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file settings.h
 * Which environment settings let a UCX or Open MPI program move device memory
 * by zero-copy on this machine, where the user has not decided otherwise.
 *
 * What the user set wins: in the environment, on mpirun's command line (which
 * arrives as environment), in ~/.openmpi/mca-params.conf and in ucx.conf. The
 * one exception is `pml = ^ucx`, exactly so, in Debian's own system-wide
 * openmpi-mca-params.conf: the distribution's default, nobody's decision.
 *
 * Nothing here depends on the accelerator, the module or the plugin: ranks of
 * one job must choose the same MPI protocol layer on all nodes, with or without
 * an accelerator. Only Soft-RoCE, a NIC that UCX misjudges, adds settings.
 */
#ifndef PEERVMA_SETTINGS_H
#define PEERVMA_SETTINGS_H

#include <stdbool.h>
#include <stdio.h>

#define PEERVMA_SETTINGS_MAX 16
#define PEERVMA_SETTINGS_VALUE_MAX 128
#define PEERVMA_SETTINGS_WARNING_MAX 256

/** An environment variable to be set. */
typedef struct peervma_setting {
    const char *name; /**< static */
    char value[PEERVMA_SETTINGS_VALUE_MAX];
    const char *why; /**< why it is set, without a full stop; static */
} peervma_setting_t;

/** What peervma_settings_decide() found to be set. */
typedef struct peervma_settings {
    unsigned count;
    peervma_setting_t setting[PEERVMA_SETTINGS_MAX];
    /** The user chose another layer of Open MPI than its UCX one. */
    bool mpi_without_ucx;
    /** A setting of the user's that keeps the plugin out; empty if none. */
    char warning[PEERVMA_SETTINGS_WARNING_MAX];
} peervma_settings_t;

/**
 * Decide what to set. Reads the environment, sysfs and configuration files;
 * changes nothing. PEERVMA_SETTINGS=n in the environment: nothing is to be set.
 *
 * @param [in]  root        Folder in which /sys and /etc are looked up; "" for
 *                          the machine's own.
 * @param [out] settings_p  The decision. Always written.
 */
void peervma_settings_decide(const char *root, peervma_settings_t *settings_p);

/**
 * Does a value of UCX_TLS select the plugin's transport?
 */
bool peervma_settings_selects_plugin(const char *transports);

/**
 * Put the settings into the process's environment, but none that is there
 * already. Not safe while another thread uses the environment.
 *
 * @return 0 or -ENOMEM.
 */
int peervma_settings_apply(const peervma_settings_t *settings);

/**
 * Say in one line what was set, and in another what the user's own settings
 * prevent. Only the first process of a job speaks; none if nothing was set or
 * if PEERVMA_QUIET=y.
 */
void peervma_settings_say(const peervma_settings_t *settings, FILE *stream);

/**
 * Is this the process that speaks for its job: rank 0, or one that was started
 * without a launcher?
 */
bool peervma_process_speaks(void);

#endif
