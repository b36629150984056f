# SPDX-License-Identifier: BSD-3-Clause
# PEERVMA_UCX: UCX with the headers of its transport layer. HAVE_UCX,
# UCX_CFLAGS, UCX_LIBS, UCX_MODULE_DIR; UCX_LOADS_PLUGINS when this UCX finds
# plugins in its module folder by itself (1.22 and later).
AC_DEFUN([PEERVMA_UCX], [
    PKG_CHECK_MODULES([UCX], [ucx >= 1.18 ucx-uct >= 1.18],
        [peervma_ucx="yes, for $($PKG_CONFIG --modversion ucx)"],
        [peervma_ucx="no: UCX 1.18 or later is missing (libucx-dev)"])
    AS_CASE([$peervma_ucx], [yes*], [
        UCX_MODULE_DIR="$($PKG_CONFIG --variable=libdir ucx)/ucx"
        peervma_save_CPPFLAGS=$CPPFLAGS
        CPPFLAGS="$CPPFLAGS $UCX_CFLAGS"
        AC_CHECK_HEADER([uct/api/tl.h], [],
            [peervma_ucx="no: UCX's header uct/api/tl.h is missing"],
            [#include <uct/api/uct_def.h>
             #include <uct/api/uct.h>])
        CPPFLAGS=$peervma_save_CPPFLAGS])
    AS_CASE([$host_cpu], [x86_64], [],
        [peervma_ucx="no: UCX's layouts are known on x86-64 only"])
    AC_SUBST([UCX_MODULE_DIR])
    AM_CONDITIONAL([HAVE_UCX],
        [AS_CASE([$peervma_ucx], [yes*], [true], [false])])
    AM_CONDITIONAL([UCX_LOADS_PLUGINS],
        [AS_CASE([$peervma_ucx], [yes*],
            [$PKG_CONFIG --atleast-version=1.22 ucx], [false])])
])
