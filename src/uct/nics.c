/* SPDX-License-Identifier: BSD-3-Clause */
#include "nics.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../settings/list.h"

#define MAX_NICS 32
#define PROBE_BYTES 4096

/* enum ibv_access_flags */
#define ACCESS_LOCAL_WRITE (1 << 0)
#define ACCESS_REMOTE_WRITE (1 << 1)
#define ACCESS_REMOTE_READ (1 << 2)
#define ACCESS_REMOTE_ATOMIC (1 << 3)

typedef struct {
    char name[64];
    struct ibv_context *context;
    struct ibv_pd *pd;
} nic_t;

struct uct_peervma_nics {
    uct_peervma_verbs_t verbs;
    pid_t pid; /* a child has no use for its parent's */
    unsigned count;
    nic_t nics[MAX_NICS];
};

int uct_peervma_verbs_find(uct_peervma_verbs_t *verbs_p)
{
    static const char *const names[] = {
        "ibv_get_device_list", "ibv_free_device_list", "ibv_get_device_name",
        "ibv_open_device",     "ibv_close_device",     "ibv_alloc_pd",
        "ibv_dealloc_pd",      "ibv_reg_dmabuf_mr",    "ibv_dereg_mr"};
    uct_peervma_verbs_t verbs;
    void *library, *function;
    size_t i;

    _Static_assert(sizeof(verbs) == sizeof(names), "a name for each function");
    library = dlopen("libibverbs.so.1", RTLD_NOLOAD | RTLD_LAZY);
    if (library == NULL) {
        return -ENOENT;
    }
    for (i = 0; i < sizeof(names) / sizeof(names[0]); ++i) {
        /* What is preloaded comes first, as it does for UCX. */
        function = dlsym(RTLD_DEFAULT, names[i]);
        if (function == NULL) {
            function = dlsym(library, names[i]);
        }
        if (function == NULL) {
            dlclose(library);
            return -ENOENT;
        }
        memcpy((char *)&verbs + i * sizeof(function), &function,
               sizeof(function));
    }
    /* The library stays loaded: UCX's module is never unloaded. */
    dlclose(library);
    *verbs_p = verbs;
    return 0;
}

/* UCX's names of devices have their ports: mlx5_0:1. */
int uct_peervma_is_nic_wanted(const char *wanted, const char *name)
{
    bool negated = peervma_list_is_negated(wanted);
    const char *text;
    size_t length;

    wanted += negated;
    while ((text = peervma_list_next(&wanted, &length)) != NULL) {
        if (((length == 3) && (strncmp(text, "all", 3) == 0)) ||
            ((strcspn(text, ":,") == strlen(name)) &&
             (strncmp(text, name, strlen(name)) == 0))) {
            return !negated;
        }
    }
    return negated;
}

/* Of no dma-buf: a driver that can looks at the descriptor. UCX asks so. */
static int registers_dmabufs(const uct_peervma_verbs_t *verbs,
                             struct ibv_pd *pd)
{
    struct ibv_mr *mr;

    mr = verbs->reg_dmabuf_mr(pd, 0, PROBE_BYTES, 0, -1, ACCESS_LOCAL_WRITE);
    if (mr != NULL) {
        verbs->dereg_mr(mr);
        return 1;
    }
    return errno == EBADF;
}

static void open_nic(uct_peervma_nics_t *nics, struct ibv_device *device,
                     const char *name)
{
    const uct_peervma_verbs_t *verbs = &nics->verbs;
    nic_t *nic = &nics->nics[nics->count];

    nic->context = verbs->open_device(device);
    if (nic->context == NULL) {
        return;
    }
    nic->pd = verbs->alloc_pd(nic->context);
    if (nic->pd == NULL) {
        goto err_close;
    }
    if (!registers_dmabufs(verbs, nic->pd)) {
        goto err_dealloc;
    }
    snprintf(nic->name, sizeof(nic->name), "%s", name);
    ++nics->count;
    return;

err_dealloc:
    verbs->dealloc_pd(nic->pd);
err_close:
    verbs->close_device(nic->context);
}

uct_peervma_nics_t *uct_peervma_nics_open(const uct_peervma_verbs_t *verbs,
                                          const char *wanted)
{
    struct ibv_device **devices;
    uct_peervma_nics_t *nics;
    const char *name;
    int count, i;

    nics = calloc(1, sizeof(*nics));
    if (nics == NULL) {
        return NULL;
    }
    nics->verbs = *verbs;
    nics->pid = getpid();
    devices = verbs->get_device_list(&count);
    if (devices == NULL) {
        return nics;
    }
    for (i = 0; (i < count) && (nics->count < MAX_NICS); ++i) {
        name = verbs->get_device_name(devices[i]);
        if (uct_peervma_is_nic_wanted(wanted, name)) {
            open_nic(nics, devices[i], name);
        }
    }
    verbs->free_device_list(devices);
    return nics;
}

void uct_peervma_nics_close(uct_peervma_nics_t *nics)
{
    unsigned i;

    for (i = 0; (i < nics->count) && (nics->pid == getpid()); ++i) {
        nics->verbs.dealloc_pd(nics->nics[i].pd);
        nics->verbs.close_device(nics->nics[i].context);
    }
    free(nics);
}

int uct_peervma_nics_try(uct_peervma_nics_t *nics, int fd, uint64_t offset,
                         size_t length, const void *address,
                         const char **name_p)
{
    struct ibv_mr *mr;
    unsigned i;

    for (i = 0; (i < nics->count) && (nics->pid == getpid()); ++i) {
        mr = nics->verbs.reg_dmabuf_mr(
            nics->nics[i].pd, offset, length, (uintptr_t)address, fd,
            ACCESS_LOCAL_WRITE | ACCESS_REMOTE_WRITE | ACCESS_REMOTE_READ |
                ACCESS_REMOTE_ATOMIC);
        if (mr == NULL) {
            *name_p = nics->nics[i].name;
            return -errno;
        }
        nics->verbs.dereg_mr(mr);
    }
    return 0;
}
