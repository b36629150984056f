/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What keeps zero-copy from working on a machine. Facts are gathered first,
 * then each doctor_tell_*() judges a part of them: what it depends on beside
 * them is below `root`, so that tests can make a machine of files.
 */
#ifndef PEERVMA_TOOLS_DOCTOR_H
#define PEERVMA_TOOLS_DOCTOR_H

#include <stdbool.h>
#include <stdint.h>

#include "machine.h"
#include "pair.h"
#include "table.h"
#include "ucx_probe.h"

#define DOCTOR_DEVICES 16 /* of a kind; what is beyond is not looked at */

struct doctor_nic {
    struct nic nic;
    int dmabuf;   /* 0: it registers dma-bufs; else -errno */
    bool allowed; /* this user may open it */
};

struct doctor_accelerator {
    struct accelerator accelerator;
    struct pair_result exported;                   /* a page of it */
    struct pair_result registered[DOCTOR_DEVICES]; /* with each NIC */
};

struct doctor {
    const char *root;    /* "": the machine's own files */
    const char *release; /* of the kernel: "6.12.1-amd64" */
    unsigned accelerators, nics;
    struct doctor_accelerator accelerator[DOCTOR_DEVICES];
    struct doctor_nic nic[DOCTOR_DEVICES];
    int module; /* 0: usable; else -errno of /dev/peervma */
    uint64_t module_kinds;
    uint64_t memlock; /* bytes; UINT64_MAX: no limit */
    struct ucx_probe ucx;
    unsigned problems;
    struct table table; /* the findings, for JSON */
};

enum doctor_level { DOCTOR_OK, DOCTOR_WARNING, DOCTOR_PROBLEM };

void doctor_begin(const char *root, const char *release,
                  struct doctor *doctor_p);
void doctor_end(struct doctor *doctor);

/* Look at the machine, and try its devices. 0 or -errno. */
int doctor_gather(struct doctor *doctor);

/* The findings, in the order of a transfer's way. */
void doctor_tell_kernel(struct doctor *doctor);
void doctor_tell_module(struct doctor *doctor);
void doctor_tell_accelerators(struct doctor *doctor);
void doctor_tell_nics(struct doctor *doctor);
void doctor_tell_pairs(struct doctor *doctor);
void doctor_tell_limits(struct doctor *doctor);
void doctor_tell_ucx(struct doctor *doctor);
void doctor_tell_settings(struct doctor *doctor);
void doctor_tell_program(struct doctor *doctor, const char *path);

/* A line for each finding, and one for all. */
void doctor_print(const struct doctor *doctor);

/* Add a finding: about what, what to do (NULL: nothing), and what is so. */
void doctor_find(struct doctor *doctor, enum doctor_level level,
                 const char *what, const char *to_do, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/* The finding that this user may not open a node, and which group may. */
void doctor_find_no_permission(struct doctor *doctor, const char *what,
                               const char *node);

/* A NIC that is there, allowed, active, and takes dma-bufs. */
bool doctor_nic_is_good(const struct doctor_nic *nic);

#endif
