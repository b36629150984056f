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

#define UCS_OK 0
#define UCS_ERR_UNSUPPORTED (-22)
#define ZE_DEVICE 7 /* UCS_MEMORY_TYPE_ZE_DEVICE */

/* struct ucx_perf_allocator, as it is in UCX 1.18 to 1.23. */
struct allocator {
    int mem_type;
    int (*init)(void *perf);
    int (*uct_alloc)(const void *perf, size_t length, unsigned flags,
                     void *memory_p);
    void (*uct_free)(const void *perf, void *memory);
    void (*copy)(void *to, int to_type, const void *from, int from_type,
                 size_t length);
    void *(*set)(void *memory, int value, size_t length);
};

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

static const struct allocator allocator = {ZE_DEVICE, init, uct_alloc,
                                           uct_free,  copy, memset};

/* The table's length is that of this UCX's list of memory types. */
static int is_known(const struct allocator **table, const char *const *names)
{
    void (*get_version)(unsigned *major, unsigned *minor, unsigned *release);
    unsigned major, minor, release, types;
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
    types = (minor < 21) ? 9 : 10;
    return (major == 1) && (minor >= 18) && (minor <= 23) &&
           (symbol->st_size == types * sizeof(*table)) &&
           (names[types] != NULL) && (strcmp(names[types], "unknown") == 0) &&
           (strcmp(names[ZE_DEVICE], "ze-device") == 0);
}

__attribute__((constructor)) static void add_allocator(void)
{
    const struct allocator **table;
    const char *const *names;

    table = dlsym(RTLD_DEFAULT, "ucx_perf_mem_type_allocators");
    names = dlsym(RTLD_DEFAULT, "ucs_memory_type_names");
    if ((table != NULL) && (names != NULL) && is_known(table, names) &&
        (table[ZE_DEVICE] == NULL)) {
        table[ZE_DEVICE] = &allocator;
    }
}
