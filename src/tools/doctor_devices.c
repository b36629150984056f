/* SPDX-License-Identifier: BSD-3-Clause */
/* Accelerators, NICs, and what lies between. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "doctor.h"
#include "files.h"
#include "topology.h"

#define MIB (UINT64_C(1) << 20)

static void tell_bar(struct doctor *doctor,
                     const struct accelerator *accelerator)
{
    uint64_t now = accelerator->largest_bar, possible;
    char sysfs[PATH_MAX];

    if (!accelerator->pci.valid || now == 0) {
        return;
    }
    path_make(sysfs, "%s/sys", doctor->root);
    possible = topology_largest_bar(sysfs, &accelerator->pci);
    if (possible > now) {
        doctor_find(doctor, DOCTOR_WARNING, accelerator->node,
                    "switch on Resizable BAR and Above 4G Decoding in the "
                    "firmware",
                    "small BAR: %" PRIu64 " of %" PRIu64 " MiB: what lies "
                    "beyond can be mapped by nobody, and reached by no NIC",
                    now / MIB, possible / MIB);
    } else {
        doctor_find(doctor, DOCTOR_OK, accelerator->node, NULL,
                    "its largest BAR has %" PRIu64 " MiB%s", now / MIB,
                    possible > 0 ? ", all that it can have" : "");
    }
}

static void tell_accelerator(struct doctor *doctor,
                             const struct doctor_accelerator *one)
{
    const struct accelerator *accelerator = &one->accelerator;
    const struct pair_result *exported = &one->exported;

    if (!accelerator->usable) {
        doctor_find_no_permission(doctor, accelerator->node, accelerator->node);
    } else if (exported->provider != NULL) {
        doctor_find(doctor, DOCTOR_OK, accelerator->node, NULL,
                    "driver %s, its buffers are exported (by %s)",
                    accelerator->driver, exported->provider);
    } else if (exported->way == NULL) {
        doctor_find(doctor, DOCTOR_WARNING, accelerator->node,
                    "peervma explain -- COMMAND shows it with a program of its "
                    "vendor's",
                    "not tried: %s", exported->why);
    } else {
        doctor_find(doctor, DOCTOR_PROBLEM, accelerator->node,
                    doctor->module != 0 ? "see the module" : NULL, "%s",
                    exported->why);
    }
    tell_bar(doctor, accelerator);
}

void doctor_tell_accelerators(struct doctor *doctor)
{
    unsigned i;

    for (i = 0; i < doctor->accelerators; i++) {
        tell_accelerator(doctor, &doctor->accelerator[i]);
    }
    if (doctor->accelerators == 0) {
        doctor_find(doctor, DOCTOR_PROBLEM, "accelerator",
                    "load its driver (lspci -k shows which it has)",
                    "there is none: no device has a DRM or accel node");
    }
}

static bool any_nic_is_good(const struct doctor *doctor)
{
    unsigned i;

    for (i = 0; i < doctor->nics; i++) {
        if (doctor_nic_is_good(&doctor->nic[i])) {
            return true;
        }
    }
    return false;
}

static void tell_nic(struct doctor *doctor, const struct doctor_nic *one)
{
    enum doctor_level level =
        any_nic_is_good(doctor) ? DOCTOR_WARNING : DOCTOR_PROBLEM;
    const struct nic *nic = &one->nic;

    if (!one->allowed) {
        doctor_find_no_permission(doctor, nic->name, nic->node);
    } else if (one->dmabuf == -EOPNOTSUPP || one->dmabuf == -EPROTONOSUPPORT) {
        doctor_find(doctor, level, nic->name,
                    strcmp(nic->driver, "rdma_rxe") == 0
                        ? "no kernel's Soft-RoCE does: for trials there is "
                          "contrib/softroce"
                        : "a kernel and rdma-core in which it does, or another "
                          "NIC: mlx5, irdma, bnxt_re and efa can",
                    "its driver %s registers no dma-bufs", nic->driver);
    } else if (one->dmabuf == -ENOSYS) {
        doctor_find(doctor, DOCTOR_WARNING, nic->name,
                    "build peervma with libibverbs-dev installed",
                    "not tried: this peervma has no libibverbs");
    } else if (one->dmabuf != 0) {
        doctor_find(doctor, level, nic->name,
                    one->dmabuf == -ENODEV ? "install rdma-core and "
                                             "ibverbs-providers"
                                           : NULL,
                    "libibverbs cannot open it: %s", strerror(-one->dmabuf));
    } else if (strcmp(nic->state, "ACTIVE") != 0) {
        doctor_find(doctor, level, nic->name,
                    "bring its link up (ibv_devinfo, ip link)",
                    "its first port is not active, but %s",
                    nic->state[0] != '\0' ? nic->state : "in no known state");
    } else {
        doctor_find(doctor, DOCTOR_OK, nic->name, NULL,
                    "driver %s, registers dma-bufs", nic->driver);
    }
}

void doctor_tell_nics(struct doctor *doctor)
{
    unsigned i;

    for (i = 0; i < doctor->nics; i++) {
        tell_nic(doctor, &doctor->nic[i]);
    }
    if (doctor->nics == 0) {
        doctor_find(doctor, DOCTOR_PROBLEM, "NIC",
                    "load its RDMA driver (rdma link shows those there are)",
                    "there is no RDMA NIC");
    }
}

static bool has_good_pair(const struct doctor *doctor,
                          const struct doctor_accelerator *one)
{
    unsigned i;

    for (i = 0; i < doctor->nics; i++) {
        if (one->registered[i].registration == PAIR_REGISTERED) {
            return true;
        }
    }
    return false;
}

static void tell_pair(struct doctor *doctor,
                      const struct doctor_accelerator *one, unsigned index)
{
    const struct pair_result *result = &one->registered[index];
    const struct nic *nic = &doctor->nic[index].nic;
    struct topology topology;
    const char *obstacle;
    char sysfs[PATH_MAX], what[160];

    path_make(sysfs, "%s/sys", doctor->root);
    topology_look(sysfs, &one->accelerator.pci, &nic->pci, &topology);
    obstacle = nic->is_software ? NULL : topology_obstacle(&topology);
    snprintf(what, sizeof(what), "%s, %s", one->accelerator.node, nic->name);
    if (result->registration != PAIR_REGISTERED) {
        doctor_find(doctor,
                    has_good_pair(doctor, one) ? DOCTOR_WARNING
                                               : DOCTOR_PROBLEM,
                    what, NULL, "%s", result->why);
    } else if (obstacle != NULL) {
        doctor_find(doctor, DOCTOR_WARNING, what,
                    "peervma check tries reads and writes",
                    "the NIC registers its memory, but %s", obstacle);
    } else {
        doctor_find(
            doctor, DOCTOR_OK, what, NULL, "the NIC registers its memory%s%s%s",
            topology.path != TOPOLOGY_UNKNOWN ? "; they are " : "",
            topology.path != TOPOLOGY_UNKNOWN ? topology_text(&topology) : "",
            topology.path != TOPOLOGY_UNKNOWN && topology.acs_redirect < 0
                ? ", whose ACS only root sees"
                : "");
    }
}

/* Only those that were tried: the others have their findings. */
void doctor_tell_pairs(struct doctor *doctor)
{
    unsigned i, j;

    for (i = 0; i < doctor->accelerators; i++) {
        for (j = 0; j < doctor->nics; j++) {
            if (doctor->accelerator[i].exported.provider != NULL &&
                doctor_nic_is_good(&doctor->nic[j])) {
                tell_pair(doctor, &doctor->accelerator[i], j);
            }
        }
    }
}
