/* SPDX-License-Identifier: BSD-3-Clause */
/* Just enough of UCX, and of a plugin, to see who loads what. */
#ifndef PEERVMA_TEST_OMPI_FAKE_H
#define PEERVMA_TEST_OMPI_FAKE_H

#define EXPORTED __attribute__((visibility("default")))

/* libuct.so.0. With FAKE_UCX_LOADS=<plugin> it loads plugins itself, as UCX
 * 1.22 does. */
EXPORTED int uct_query_components(void **components_p, unsigned *count_p);
EXPORTED void uct_release_component_list(void *components);
EXPORTED void uct_component_register(void *component);

/* libucp.so.0: ask libuct for its components as UCP does; how many are there?
 * -1: it refused. */
EXPORTED int fake_ucp_count(void);

/* libuct_peervma.so.0. With FAKE_REFUSAL=<reason> it refuses to register. */
EXPORTED const char *uct_peervma_refusal(void);

#endif
