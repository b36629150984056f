/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file plugin.h
 * Bring the UCX plugin into a process whose UCX does not load plugins itself.
 */
#ifndef PEERVMA_SETTINGS_PLUGIN_H
#define PEERVMA_SETTINGS_PLUGIN_H

/** UCX's name of the plugin, and its file's. */
#define PEERVMA_PLUGIN_MODULE "peervma"
#define PEERVMA_PLUGIN_SONAME "libuct_" PEERVMA_PLUGIN_MODULE ".so.0"

/**
 * Load the plugin, once UCX is in the process and unless the plugin is there
 * already. It stays until the process ends. PEERVMA_PLUGIN in the environment
 * names another file than the installed one.
 *
 * A plugin that can't be loaded is reported to stderr in one line, once a node;
 * a plugin that refuses this UCX reports that itself.
 *
 * @return 0; -ENOENT (no UCX in the process; quiet), -ELIBACC (it can't be
 *         loaded), -ENOTSUP (it refuses this UCX).
 */
int peervma_plugin_load(void);

#endif
