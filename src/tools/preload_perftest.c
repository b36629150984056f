/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Part of libpeervma_preload.so: ucx_perftest takes -m ze-device. It allocates
 * by ucp_mem_map(), but only memory of a type that its table has an entry for,
 * which its own modules add for the vendors' runtimes. In the table of another
 * program, or of a UCX that is not known, nothing is touched.
 */
#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <stddef.h>
#include <string.h>

#include "../uct/abi/perftest.h"
#include "../uct/abi/versions.h"

#define UCS_OK 0
#define UCS_ERR_UNSUPPORTED (-22)
static int init(void *perf)
{
    (void)perf;
    return UCS_OK;
}

/* Of tests of UCT: those are not for a transport within a process. */
static int uct_alloc(const void *perf, size_t length, unsigned flags,
                     void *memory_p)
{
    (void)perf;
    (void)length;
    (void)flags;
    (void)memory_p;
    return UCS_ERR_UNSUPPORTED;
}

static void uct_free(const void *perf, void *memory)
{
    (void)perf;
    (void)memory;
}

static void copy(void *to, int to_type, const void *from, int from_type,
                 size_t length)
{
    (void)to_type;
    (void)from_type;
    memcpy(to, from, length);
}

static const ucx_perf_allocator_t allocator = {
    UCX_PERF_ZE_DEVICE, init, uct_alloc, uct_free, copy, memset};

/* The table's length is that of this UCX's list of memory types. */
static int is_known(const ucx_perf_allocator_t **table,
                    const char *const *names)
{
    void (*get_version)(unsigned *major, unsigned *minor, unsigned *release);
    const uct_peervma_version_t *version;
    unsigned major, minor, release;
    const ElfW(Sym) * symbol;
    Dl_info info;

    get_version = (void (*)(unsigned *, unsigned *, unsigned *))dlsym(
        RTLD_DEFAULT, "ucp_get_version");
    if ((get_version == NULL) ||
        (dladdr1(table, &info, (void **)&symbol, RTLD_DL_SYMENT) == 0) ||
        (symbol == NULL) || (info.dli_saddr != (void *)table)) {
        return 0;
    }
    get_version(&major, &minor, &release);
    version = uct_peervma_version_find(major, minor);
    return (version != NULL) &&
           (symbol->st_size == version->unknown_type * sizeof(*table)) &&
           (names[version->unknown_type] != NULL) &&
           (strcmp(names[version->unknown_type], "unknown") == 0) &&
           (strcmp(names[UCX_PERF_ZE_DEVICE], "ze-device") == 0);
}

__attribute__((constructor)) static void add_allocator(void)
{
    const ucx_perf_allocator_t **table;
    const char *const *names;

    table = dlsym(RTLD_DEFAULT, "ucx_perf_mem_type_allocators");
    names = dlsym(RTLD_DEFAULT, "ucs_memory_type_names");
    if ((table != NULL) && (names != NULL) && is_known(table, names) &&
        (table[UCX_PERF_ZE_DEVICE] == NULL)) {
        table[UCX_PERF_ZE_DEVICE] = &allocator;
    }
}
