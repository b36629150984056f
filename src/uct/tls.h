/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UCT_PEERVMA_TLS_H
#define UCT_PEERVMA_TLS_H

#define UCT_PEERVMA_COPY_TL "pvma_copy"

/*
 * Does a list of transports, as UCX_TLS has it, leave ours out as by mistake?
 * Not if it names what it does not want ("^...").
 */
int uct_peervma_is_left_out(const char *transports);

/* May such a list select a transport of a NIC that registers memory? */
int uct_peervma_has_rdma(const char *transports);

#endif
