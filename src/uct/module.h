/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UCT_PEERVMA_MODULE_H
#define UCT_PEERVMA_MODULE_H

/*
 * Why the plugin is not registered with UCX, as a sentence; NULL if it is.
 * Static. The library's only exported symbol, for those who load it.
 */
__attribute__((visibility("default"))) const char *uct_peervma_refusal(void);

#endif
