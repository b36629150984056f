/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which nodes of this process's job lack the plugin. UCX tells nothing of a
 * peer without it, but the processes of a job that PMIx started, as Open MPI's
 * are, can leave word there while they are in MPI_Init(). Elsewhere nothing is
 * left, and nothing is said.
 */
#ifndef UCT_PEERVMA_JOB_H
#define UCT_PEERVMA_JOB_H

/* Leave word that this process has the plugin; once. */
void uct_peervma_job_publish(void);

/*
 * At the first device memory of a process: ask of each node whether its first
 * process has the plugin, and say which have not, in one line. The first
 * process of each node asks. Returns at once where all have it; else PMIx waits
 * some seconds for word of those that have not.
 *
 * @return whether the question was answered, now or before.
 */
int uct_peervma_job_check(void);

#endif
