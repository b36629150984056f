/* SPDX-License-Identifier: BSD-3-Clause */
/* The kernel, peervma's module in it, and limits that it sets. */
#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "doctor.h"
#include "files.h"

/* Below it even UCX's own queues may find no room. */
#define MEMLOCK_ENOUGH (64 << 20)

static bool kernel_has(const struct doctor *doctor, const char *option,
                       bool *known_p)
{
    char path[PATH_MAX], line[256];
    bool has = false;
    FILE *file;

    path_make(path, "%s/boot/config-%s", doctor->root, doctor->release);
    file = fopen(path, "re");
    if (file == NULL) {
        path_make(path, "%s/lib/modules/%s/config", doctor->root,
                  doctor->release);
        file = fopen(path, "re");
    }
    *known_p = file != NULL;
    if (file == NULL) {
        return false;
    }
    while (!has && fgets(line, sizeof(line), file) != NULL) {
        has = strncmp(line, option, strlen(option)) == 0 &&
              line[strlen(option)] == '=';
    }
    fclose(file);
    return has;
}

/* They ask pci_p2pdma_distance(), which is always negative without it. */
static bool has_driver_with_p2pdma(const struct doctor *doctor)
{
    static const char *const drivers[] = {"amdgpu", "xe", "i915", "habanalabs"};
    unsigned i;
    size_t j;

    for (i = 0; i < doctor->accelerators; i++) {
        for (j = 0; j < sizeof(drivers) / sizeof(drivers[0]); j++) {
            if (strcmp(doctor->accelerator[i].accelerator.driver, drivers[j]) ==
                0) {
                return true;
            }
        }
    }
    return false;
}

static void tell_p2pdma(struct doctor *doctor)
{
    bool known, has = kernel_has(doctor, "CONFIG_PCI_P2PDMA", &known);

    if (!known) {
        doctor_find(doctor, DOCTOR_WARNING, "kernel",
                    "look for CONFIG_PCI_P2PDMA=y where the kernel comes from",
                    "its configuration is not to be found");
    } else if (has) {
        doctor_find(doctor, DOCTOR_OK, "kernel", NULL,
                    "has PCI peer-to-peer (CONFIG_PCI_P2PDMA)");
    } else {
        doctor_find(
            doctor,
            has_driver_with_p2pdma(doctor) ? DOCTOR_PROBLEM : DOCTOR_WARNING,
            "kernel", "use one with CONFIG_PCI_P2PDMA=y",
            "has no CONFIG_PCI_P2PDMA: drivers of most accelerators (amdgpu, "
            "xe, i915) let no NIC reach their memory then");
    }
}

void doctor_tell_kernel(struct doctor *doctor)
{
    unsigned major = 0, minor = 0;

    sscanf(doctor->release, "%u.%u", &major, &minor);
    if (major > 6 || (major == 6 && minor >= 12)) {
        doctor_find(doctor, DOCTOR_OK, "kernel", NULL, "Linux %s",
                    doctor->release);
    } else if (major > 5 || (major == 5 && minor >= 12)) {
        doctor_find(doctor, DOCTOR_WARNING, "kernel", "use 6.12 or later",
                    "Linux %s: peervma was never tried before 6.12",
                    doctor->release);
    } else {
        doctor_find(doctor, DOCTOR_PROBLEM, "kernel", "use 6.12 or later",
                    "Linux %s: NICs register no dma-bufs before 5.12",
                    doctor->release);
    }
    tell_p2pdma(doctor);
}

/* Where `make install` and DKMS put it. */
static bool module_is_installed(const struct doctor *doctor)
{
    static const char *const folders[] = {"updates/peervma", "updates/dkms",
                                          "extra"};
    static const char *const endings[] = {"", ".xz", ".zst", ".gz"};
    char path[PATH_MAX];
    size_t i, j;

    for (i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
        for (j = 0; j < sizeof(endings) / sizeof(endings[0]); j++) {
            path_make(path, "%s/lib/modules/%s/%s/peervma.ko%s", doctor->root,
                      doctor->release, folders[i], endings[j]);
            if (access(path, F_OK) == 0) {
                return true;
            }
        }
    }
    return false;
}

void doctor_find_no_permission(struct doctor *doctor, const char *what,
                               const char *node)
{
    char path[PATH_MAX], to_do[160];
    const struct group *group = NULL;
    struct stat st;

    path_make(path, "%s%s", doctor->root, node);
    if (stat(path, &st) == 0 && (st.st_mode & S_IWGRP)) {
        group = getgrgid(st.st_gid);
    }
    if (group != NULL) {
        snprintf(to_do, sizeof(to_do), "usermod -aG %s USER, and log in anew",
                 group->gr_name);
    } else {
        snprintf(to_do, sizeof(to_do),
                 "have a udev rule give it to a group of yours");
    }
    doctor_find(doctor, DOCTOR_PROBLEM, what, to_do,
                "this user may not open %s", node);
}

/* Are all accelerators' buffers exported, without the module? */
static bool is_replaced(const struct doctor *doctor)
{
    unsigned i;

    for (i = 0; i < doctor->accelerators; i++) {
        if (doctor->accelerator[i].exported.provider == NULL) {
            return false;
        }
    }
    return doctor->accelerators > 0;
}

void doctor_tell_module(struct doctor *doctor)
{
    enum doctor_level level =
        is_replaced(doctor) ? DOCTOR_WARNING : DOCTOR_PROBLEM;

    switch (doctor->module) {
    case 0:
        doctor_find(doctor, DOCTOR_OK, "module", NULL,
                    "/dev/peervma can be used");
        break;
    case -ENODEV:
        if (module_is_installed(doctor)) {
            doctor_find(doctor, level, "module", "modprobe peervma",
                        "peervma.ko is installed, but not loaded");
        } else {
            doctor_find(doctor, level, "module",
                        "build and install it for this kernel: its headers, "
                        "configure, make install, depmod; or dkms",
                        "there is no peervma.ko for Linux %s", doctor->release);
        }
        break;
    case -EACCES:
    case -EPERM:
        doctor_find_no_permission(doctor, "module", "/dev/peervma");
        break;
    default:
        doctor_find(doctor, level, "module",
                    "unload it, and install that of this peervma",
                    "/dev/peervma cannot be used: %s",
                    strerror(-doctor->module));
    }
}

void doctor_tell_limits(struct doctor *doctor)
{
    if (doctor->memlock == UINT64_MAX) {
        doctor_find(doctor, DOCTOR_OK, "limits", NULL,
                    "locked memory has no limit");
    } else {
        doctor_find(
            doctor,
            doctor->memlock < MEMLOCK_ENOUGH ? DOCTOR_WARNING : DOCTOR_OK,
            "limits",
            doctor->memlock < MEMLOCK_ENOUGH
                ? "memlock unlimited in /etc/security/limits.conf"
                : NULL,
            "%llu KiB of memory may be locked (ulimit -l): NICs lock host "
            "memory",
            (unsigned long long)doctor->memlock >> 10);
    }
}
