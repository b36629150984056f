/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UCT_PEERVMA_STATUS_H
#define UCT_PEERVMA_STATUS_H

#include <ucs/type/status.h>

/* The ucs_status_t for 0 or a negative errno of libpeervma. */
ucs_status_t uct_peervma_status(int error);

#endif
