/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A NIC that refuses some dma-bufs, to be preloaded: those of REFUSE_BYTES
 * bytes, or all, of the NIC REFUSE_NIC, or of all, on the node REFUSE_NODE, or
 * on all, but the first REFUSE_AFTER; with the errno REFUSE_ERRNO. Each refusal
 * is a line on standard error. The driver of the NIC WITHOUT_DMABUF has no
 * dma-bufs.
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <infiniband/verbs.h>

static int is_named(const char *variable, const char *name)
{
    const char *value = getenv(variable);

    return (value != NULL) && (strcmp(value, name) == 0);
}

static int is_refused(const char *nic, size_t length, int fd)
{
    const char *bytes = getenv("REFUSE_BYTES"), *after = getenv("REFUSE_AFTER");
    static unsigned long count;
    char host[65] = "";

    gethostname(host, sizeof(host) - 1);
    return (fd >= 0) && (getenv("WITHOUT_DMABUF") == NULL) &&
           ((getenv("REFUSE_NODE") == NULL) || is_named("REFUSE_NODE", host)) &&
           ((getenv("REFUSE_NIC") == NULL) || is_named("REFUSE_NIC", nic)) &&
           ((bytes == NULL) || (strtoul(bytes, NULL, 0) == length)) &&
           ((after == NULL) || (count++ >= strtoul(after, NULL, 0)));
}

struct ibv_mr *ibv_reg_dmabuf_mr(struct ibv_pd *pd, uint64_t offset,
                                 size_t length, uint64_t iova, int fd,
                                 int access)
{
    const char *nic = pd->context->device->name;
    const char *number = getenv("REFUSE_ERRNO");
    struct ibv_mr *(*next)(struct ibv_pd *, uint64_t, size_t, uint64_t, int,
                           int);

    if (is_named("WITHOUT_DMABUF", nic)) {
        errno = EOPNOTSUPP;
        return NULL;
    }
    if (is_refused(nic, length, fd)) {
        fprintf(stderr, "refused a dma-buf of %zu bytes\n", length);
        errno = (number != NULL) ? atoi(number) : EREMOTEIO;
        return NULL;
    }
    /* That of the nodes, which is preloaded too. */
    *(void **)&next = dlsym(RTLD_NEXT, "ibv_reg_dmabuf_mr");
    if (next == NULL) {
        errno = EOPNOTSUPP;
        return NULL;
    }
    return next(pd, offset, length, iova, fd, access);
}
