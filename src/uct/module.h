/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UCT_PEERVMA_MODULE_H
#define UCT_PEERVMA_MODULE_H

/*
 * Why the plugin is not registered with UCX, as a sentence; NULL if it is.
 * Static. The library's only exported symbol, for those who load it.
 */
__attribute__((visibility("default"))) const char *uct_peervma_refusal(void);

/*
 * Did anybody ask for the refusal? Then Open MPI's component or `peervma run`
 * brought the plugin in, which warn of UCX_TLS themselves, once a node;
 * otherwise UCX did.
 */
int uct_peervma_was_asked(void);

#endif
