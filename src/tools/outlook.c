/* SPDX-License-Identifier: BSD-3-Clause */
#include "outlook.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "files.h"
#include "machine.h"
#include "settings.h"

#define UCX_TLS "UCX_TLS="

static void look_at_maps(const char *proc, struct outlook *outlook)
{
    char path[PATH_MAX], *line = NULL;
    size_t size = 0;
    FILE *file;

    path_make(path, "%s/maps", proc);
    file = fopen(path, "re");
    if (file == NULL) {
        return;
    }
    while (getline(&line, &size, file) > 0) {
        outlook->ucx |= strstr(line, "/libucp.so") != NULL ||
                        strstr(line, "/libucp-") != NULL;
        outlook->plugin |= strstr(line, "/libuct_peervma.so") != NULL;
    }
    free(line);
    fclose(file);
}

static void look_at_environment(const char *proc, struct outlook *outlook)
{
    char path[PATH_MAX], *variable = NULL;
    size_t size = 0;
    FILE *file;

    path_make(path, "%s/environ", proc);
    file = fopen(path, "re");
    if (file == NULL) {
        return;
    }
    while (getdelim(&variable, &size, '\0', file) > 0) {
        if (strncmp(variable, UCX_TLS, strlen(UCX_TLS)) == 0) {
            outlook->left_out =
                !peervma_settings_selects_plugin(variable + strlen(UCX_TLS));
        }
    }
    free(variable);
    fclose(file);
}

static void look_at_nic(const struct nic *nic, void *arg)
{
    struct outlook *outlook = arg;

    if (strcmp(nic->state, "ACTIVE") == 0 && nic_probe_dmabuf(nic->name) == 0) {
        snprintf(outlook->nic, sizeof(outlook->nic), "%s", nic->name);
    } else {
        snprintf(outlook->no_nic, sizeof(outlook->no_nic), "%s", nic->name);
    }
}

void outlook_look_at_nics(const char *sysfs, struct outlook *outlook)
{
    outlook->nic[0] = outlook->no_nic[0] = '\0';
    machine_nics(sysfs, look_at_nic, outlook);
}

void outlook_look_at_process(const char *proc, struct outlook *outlook)
{
    outlook->ucx = outlook->plugin = outlook->left_out = false;
    look_at_maps(proc, outlook);
    look_at_environment(proc, outlook);
}

enum outlook_verdict outlook_judge(const struct outlook *outlook,
                                   const char *provider)
{
    if ((outlook->ucx && !outlook->plugin) || outlook->left_out) {
        return OUTLOOK_HOST;
    }
    return provider != NULL && outlook->nic[0] != '\0' ? OUTLOOK_ZERO_COPY
                                                       : OUTLOOK_STAGED;
}

const char *outlook_word(enum outlook_verdict verdict)
{
    static const char *const words[] = {"zero-copy", "staged",
                                        "as host memory"};

    return words[verdict];
}

void outlook_explain(const struct outlook *outlook, const char *provider,
                     char *text, size_t size)
{
    const char *with =
        outlook->ucx ? "" : ", once the process uses UCX with peervma's plugin";

    if (outlook->ucx && !outlook->plugin) {
        snprintf(text, size,
                 "its UCX has no plugin of peervma's: large transfers fail, "
                 "small ones go by the CPU; start it by 'peervma run'");
    } else if (outlook->left_out) {
        snprintf(text, size,
                 "its UCX_TLS leaves out pvma_copy: large transfers fail, "
                 "small ones go by the CPU; add pvma_copy to UCX_TLS");
    } else if (provider == NULL) {
        snprintf(text, size,
                 "no dma-buf, so the CPU copies it through main memory%s",
                 with);
    } else if (outlook->nic[0] != '\0') {
        snprintf(text, size,
                 "%s reads and writes it in transfers to other nodes, from "
                 "UCX_RNDV_THRESH bytes on; the CPU copies less%s",
                 outlook->nic, with);
    } else if (outlook->no_nic[0] != '\0') {
        snprintf(text, size,
                 "%s is not active or takes no dma-bufs, so the CPU copies it "
                 "through main memory%s",
                 outlook->no_nic, with);
    } else {
        snprintf(text, size,
                 "no RDMA NIC, so the CPU copies it through main memory%s",
                 with);
    }
}
