/* SPDX-License-Identifier: BSD-3-Clause */
#include "fake_ucx.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

static void *load(const char *path)
{
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);

    if (library == NULL) {
        fprintf(stderr, "%s\n", dlerror());
        exit(98);
    }
    return library;
}

int (*fake_ucx_load(void))(void)
{
    load(FAKE_LIBDIR "/libuct.so.0");
    return (int (*)(void))dlsym(load(FAKE_LIBDIR "/libucp.so.0"),
                                "fake_ucp_count");
}
