/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which nodes of this process's MPI job lack the plugin. UCX tells nothing of a
 * peer without it, but the processes of a job that PMIx started, as Open MPI's
 * are, can leave word there while they are in MPI_Init(). Elsewhere nothing is
 * left, and nothing is said.
 */
#ifndef UCT_PEERVMA_JOB_H
#define UCT_PEERVMA_JOB_H

/* Leave word that this process has the plugin; once. */
void uct_peervma_job_publish(void);

/*
 * UCX asks for device memory, or (`is_last`) ends after it has: have all peers
 * left word whose address MPI has by now? If not, a line names their nodes. Of
 * each node one process tells. Nobody is asked: what PMIx has in this process
 * is looked through, all of it at the 1st, 2nd, 4th, 8th ... call and at the
 * last.
 */
void uct_peervma_job_check(int is_last);

#endif
