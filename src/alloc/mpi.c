/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * MPI_Alloc_mem and MPI_Free_mem, of any MPI: its info argument, a pointer or
 * an integer, is only handed on.
 */
#include <dlfcn.h>
#include <stddef.h>
#include <stdint.h>

#include "alloc.h"
#include "place.h"
#include "ranges.h"
#include "real.h"

#define MPI_SUCCESS 0
#define MPI_ERR_OTHER 16 /* of Open MPI; MPICH's is 15 */

typedef int (*alloc_mem_fn_t)(ptrdiff_t size, void *info, void *ptr_p);
typedef int (*free_mem_fn_t)(void *ptr);

ALLOC_EXPORT int MPI_Alloc_mem(ptrdiff_t size, void *info, void *ptr_p);
ALLOC_EXPORT int MPI_Free_mem(void *ptr);

/*
 * MPI's own. It may have come in by a dlopen() that keeps it from the rest of
 * the process, as in Python: then by way of who calls.
 */
static void *find(const char *name, const char *profiling_name,
                  const void *caller)
{
    void *symbol = dlsym(RTLD_NEXT, name);
    void *object;
    Dl_info info;

    if (symbol == NULL && dladdr(caller, &info) != 0) {
        object = dlopen(info.dli_fname, RTLD_NOLOAD | RTLD_LAZY);
        symbol = object != NULL ? dlsym(object, profiling_name) : NULL;
    }
    return symbol;
}

int MPI_Alloc_mem(ptrdiff_t size, void *info, void *ptr_p)
{
    alloc_mem_fn_t mpi;
    void *ptr;
    int ret;

    if (size > 0 && (size_t)size >= place_min) {
        ptr = place_take(&(struct place){.length = (size_t)size, .heap = true});
        if (ptr != NULL) {
            *(void **)ptr_p = ptr;
            return MPI_SUCCESS;
        }
    }
    mpi = (alloc_mem_fn_t)find("MPI_Alloc_mem", "PMPI_Alloc_mem",
                               __builtin_return_address(0));
    ret = mpi != NULL ? mpi(size, info, ptr_p) : MPI_ERR_OTHER;
    if (ret == MPI_SUCCESS && size > 0 && (size_t)size >= place_min) {
        place_count_host(*(void **)ptr_p, (size_t)size);
    }
    return ret;
}

int MPI_Free_mem(void *ptr)
{
    struct range range;
    free_mem_fn_t mpi;

    if (alloc_is_page(ptr) && ranges_take_heap(ptr, &range)) {
        place_free(ptr, range.length);
        return MPI_SUCCESS;
    }
    mpi = (free_mem_fn_t)find("MPI_Free_mem", "PMPI_Free_mem",
                              __builtin_return_address(0));
    return mpi != NULL ? mpi(ptr) : MPI_ERR_OTHER;
}
