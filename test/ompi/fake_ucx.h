/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PEERVMA_TEST_OMPI_FAKE_UCX_H
#define PEERVMA_TEST_OMPI_FAKE_UCX_H

/*
 * Load the fake UCX of this folder, in no global scope, as Open MPI inside a
 * Python module would be. Return: its fake_ucp_count().
 */
int (*fake_ucx_load(void))(void);

/* Likewise, a UCX under the names that auditwheel gives libraries. */
int (*fake_ucx_load_renamed(void))(void);

#endif
