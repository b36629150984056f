# SPDX-License-Identifier: BSD-3-Clause
# PEERVMA_UCX: UCX with the headers of its transport layer. HAVE_UCX,
# UCX_CFLAGS, UCX_LIBS; UCX_LOADS_PLUGINS and UCX_MODULE_DIR
# (--with-ucx-moduledir) where UCX finds plugins by itself (1.22 and later).
AC_DEFUN([PEERVMA_UCX], [
    PKG_CHECK_MODULES([UCX], [ucx >= 1.18 ucx < 1.24 ucx-uct >= 1.18],
        [peervma_ucx="yes, for 1.18 to 1.23, with the headers of dnl
$($PKG_CONFIG --modversion ucx)"],
        [peervma_ucx="no: UCX 1.18 to 1.23 is missing (libucx-dev)"])
    AS_CASE([$peervma_ucx], [yes*], [
        peervma_save_CPPFLAGS=$CPPFLAGS
        CPPFLAGS="$CPPFLAGS $UCX_CFLAGS"
        AC_CHECK_HEADER([uct/api/tl.h], [],
            [peervma_ucx="no: UCX's header uct/api/tl.h is missing"],
            [#include <uct/api/uct_def.h>
             #include <uct/api/uct.h>])
        CPPFLAGS=$peervma_save_CPPFLAGS])
    AS_CASE([$host_cpu], [x86_64], [],
        [peervma_ucx="no: UCX's layouts are known on x86-64 only"])
    AM_CONDITIONAL([HAVE_UCX],
        [AS_CASE([$peervma_ucx], [yes*], [true], [false])])
    PEERVMA_UCX_MODULES
])

# Where UCX looks for modules, if that version takes in those of others.
AC_DEFUN([PEERVMA_UCX_MODULES], [
    AC_ARG_WITH([ucx-moduledir],
        [AS_HELP_STRING([--with-ucx-moduledir=DIR],
            [UCX's module folder, in which a link to the plugin makes UCX 1.22
             and later load it (default: that of the UCX found, if it is 1.22
             or later; no: install no link)])],
        [], [with_ucx_moduledir=yes])
    UCX_MODULE_DIR=
    AS_CASE([$with_ucx_moduledir],
        [no], [],
        [yes], [
            AS_IF([$PKG_CONFIG --atleast-version=1.22 ucx],
                [UCX_MODULE_DIR="$($PKG_CONFIG --variable=libdir ucx)/ucx"])],
        [UCX_MODULE_DIR=$with_ucx_moduledir])
    AC_SUBST([UCX_MODULE_DIR])
    AM_CONDITIONAL([UCX_LOADS_PLUGINS],
        [AS_CASE([$peervma_ucx], [yes*], [test -n "$UCX_MODULE_DIR"], [false])])
])
