/* SPDX-License-Identifier: BSD-3-Clause */
#include "caller.h"

#include <dlfcn.h>
#include <link.h>
#include <stddef.h>
#include <string.h>

/*
 * How the file names of such libraries begin. They register their own buffers
 * with NICs, and drivers pin the pages of those; libc has its own use of what
 * it allocates. A function that ends in a jump to malloc() passes for its
 * caller.
 */
static const char *const transports[] = {
    /* libc */
    "libc.", "libc-", "ld-linux", "libpthread", "libdl.",
    /* UCX, UCC, peervma */
    "libuc", "libpeervma",
    /* verbs and their providers */
    "libibverbs", "librdmacm", "libmlx", "libefa", "libbnxt_re", "libirdma",
    "librxe", "libsiw", "libhns", "liberdma", "libmana", "libsoftroce",
    /* MPI and what it starts with */
    "libmpi", "libopen-", "mca_", "libpmi", "pmix_", "libprrte", "libprte",
    "libhwloc", "libevent",
    /* others between processes and devices */
    "libfabric", "libpsm", "libopx", "libnccl", "librccl", "libnixl", "libdrm",
    "libcuda", "libhsa", "libamdhip", "libze_"};

static const char *file_of(const void *code)
{
#ifdef DLFO_STRUCT_HAS_EH_DBASE /* glibc 2.35 and later: without a lock */
    struct dl_find_object object;

    if (_dl_find_object((void *)code, &object) != 0) {
        return NULL;
    }
    return object.dlfo_link_map->l_name;
#else
    struct link_map *map;
    Dl_info info;

    if (dladdr1(code, &info, (void **)&map, RTLD_DL_LINKMAP) == 0) {
        return NULL;
    }
    return map->l_name;
#endif
}

bool caller_is_transport(const void *code)
{
    const char *path = file_of(code);
    const char *slash;
    size_t i;

    /* Code that is in no file was generated, by the program. */
    if (path == NULL) {
        return false;
    }
    slash = strrchr(path, '/');
    path = slash != NULL ? slash + 1 : path;
    for (i = 0; i < sizeof(transports) / sizeof(transports[0]); i++) {
        if (strncmp(path, transports[i], strlen(transports[i])) == 0) {
            return true;
        }
    }
    return false;
}
