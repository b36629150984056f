/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How UCX and libpeervma learn what is device memory, in one of two ways:
 *
 * events  UCM reports each mapping and unmapping of the process. UCX's
 *         memory-type cache marks what may be device memory as "unknown", so
 *         UCX asks the memory domain for those addresses, and for no others.
 * query   UCM's events cannot be had: UCX's cache is switched off, UCX asks for
 *         each buffer, and libpeervma asks the kernel each time.
 */
#ifndef UCT_PEERVMA_DETECT_H
#define UCT_PEERVMA_DETECT_H

#include <peervma.h>
#include <ucs/type/status.h>

/*
 * Start detection, or use it once more: the memory domains of a process share
 * it. The context stays valid until the matching uct_peervma_detect_stop().
 */
ucs_status_t uct_peervma_detect_start(peervma_context_t **context_p);

void uct_peervma_detect_stop(void);

#endif
