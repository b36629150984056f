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

static int (*count_of(void *ucp))(void)
{
    return (int (*)(void))dlsym(ucp, "fake_ucp_count");
}

int (*fake_ucx_load(void))(void)
{
    load(FAKE_LIBDIR "/libuct.so.0");
    return count_of(load(FAKE_LIBDIR "/libucp.so.0"));
}

int (*fake_ucx_load_renamed(void))(void)
{
    return count_of(load(FAKE_LIBDIR "/libucp-1234abcd.so.0"));
}
