/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Of ucx_perftest what libpeervma_preload.so looks at, of UCX 1.MINOR with nine
 * types of memory. Prints the type of the allocator of device memory, if any.
 */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

__attribute__((visibility("default"))) const char *ucs_memory_type_names[] = {
    "host", "cuda",    "cuda-managed", "rocm",       "rocm-managed",
    "rdma", "ze-host", "ze-device",    "ze-managed", "unknown",
    NULL};

__attribute__((visibility("default")))
const int *ucx_perf_mem_type_allocators[9];

/* UCX's header has it; this program is built without UCX. */
__attribute__((visibility("default"))) void ucp_get_version(unsigned *major,
                                                            unsigned *minor,
                                                            unsigned *release);

void ucp_get_version(unsigned *major, unsigned *minor, unsigned *release)
{
    *major = 1;
    *minor = (unsigned)atoi(getenv("MINOR"));
    *release = 0;
}

int main(void)
{
    const int *allocator = ucx_perf_mem_type_allocators[7];
    int i;

    for (i = 0; i < 9; ++i) {
        if ((i != 7) && (ucx_perf_mem_type_allocators[i] != NULL)) {
            printf("wrong ");
        }
    }
    printf("%d\n", (allocator == NULL) ? -1 : *allocator);
    return 0;
}
