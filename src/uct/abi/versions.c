/* SPDX-License-Identifier: BSD-3-Clause */
#include "versions.h"

#include <dlfcn.h>

const uct_peervma_version_t *uct_peervma_version;

#define F1_19 UCT_PEERVMA_HAS_RKEY_UNPACK_V2
#define F1_20 (F1_19 | UCT_PEERVMA_HAS_IFACE_QUERY_V2)
#define F1_21 (F1_19 | UCT_PEERVMA_HAS_MEM_ELEM_PACK)
#define F1_22 (F1_20 | F1_21 | UCT_PEERVMA_HAS_MEM_QUERY_V2)
#define F1_23 (F1_22 | UCT_PEERVMA_HAS_MEM_ELEM_RELEASE)

/* clang-format off */
static const uct_peervma_version_t versions[] = {
    /* minor, functions, internal_ops, md_attr_end, unknown_type,
     * rkey_unpack_params, path_bandwidth, access_host, mem_flags,
     * alloc_sys_device */
    {18, 0,     UCT_PEERVMA_OPS_V1_18, 536, 9,  0, 0, 0, 0, 0},
    {19, F1_19, UCT_PEERVMA_OPS_V1_18, 536, 9,  1, 1, 1, 0, 1},
    {20, F1_20, UCT_PEERVMA_OPS_V1_20, 536, 9,  1, 1, 1, 0, 1},
    {21, F1_21, UCT_PEERVMA_OPS_V1_18, 536, 10, 1, 1, 1, 0, 1},
    {22, F1_22, UCT_PEERVMA_OPS_V1_22, 537, 10, 1, 1, 1, 1, 1},
    {23, F1_23, UCT_PEERVMA_OPS_V1_22, 537, 10, 1, 1, 1, 1, 1}
};
/* clang-format on */

_Static_assert(sizeof(versions) / sizeof(versions[0]) ==
                   UCT_PEERVMA_UCX_LAST - UCT_PEERVMA_UCX_FIRST + 1,
               "a row for each version");

const uct_peervma_version_t *uct_peervma_version_find(unsigned major,
                                                      unsigned minor)
{
    if ((major != UCT_PEERVMA_UCX_MAJOR) || (minor < UCT_PEERVMA_UCX_FIRST) ||
        (minor > UCT_PEERVMA_UCX_LAST)) {
        return NULL;
    }
    return &versions[minor - UCT_PEERVMA_UCX_FIRST];
}

unsigned uct_peervma_version_functions(void)
{
    static const struct {
        const char *name;
        unsigned flag;
    } functions[] = {
        {"uct_rkey_unpack_v2", UCT_PEERVMA_HAS_RKEY_UNPACK_V2},
        {"uct_iface_query_v2", UCT_PEERVMA_HAS_IFACE_QUERY_V2},
        {"uct_md_mem_elem_pack", UCT_PEERVMA_HAS_MEM_ELEM_PACK},
        {"uct_md_mem_query_v2", UCT_PEERVMA_HAS_MEM_QUERY_V2},
        {"uct_md_mem_elem_release", UCT_PEERVMA_HAS_MEM_ELEM_RELEASE}};
    unsigned found = 0;
    size_t i;

    for (i = 0; i < sizeof(functions) / sizeof(functions[0]); ++i) {
        /* Finds libuct also where it is in the scope of this library only. */
        if (dlsym(RTLD_DEFAULT, functions[i].name) != NULL) {
            found |= functions[i].flag;
        }
    }
    return found;
}
