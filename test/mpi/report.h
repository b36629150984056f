/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * TAP from an MPI job: every rank takes part in each claim, rank 0 prints it.
 */
#ifndef TEST_MPI_REPORT_H
#define TEST_MPI_REPORT_H

#include <stdbool.h>

/**
 * Collective over MPI_COMM_WORLD: report a claim that holds if it holds on
 * every rank. The text needs to be right on rank 0 only.
 */
void report(bool holds, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/** Print the plan. Returns the exit code: 0 if all claims held. */
int report_end(void);

#endif
