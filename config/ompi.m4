# SPDX-License-Identifier: BSD-3-Clause
# PEERVMA_OMPI: Open MPI with the headers that its components are built
# against. HAVE_OMPI, OMPI_CFLAGS, OMPI_MCADIR (--with-ompi-mcadir);
# HAVE_MPICC, MPICC for the MPI tests.
AC_DEFUN([PEERVMA_OMPI], [
    AC_ARG_WITH([ompi-mcadir],
        [AS_HELP_STRING([--with-ompi-mcadir=DIR],
            [where Open MPI looks for components (default: as its
             pkg-config file says)])],
        [], [with_ompi_mcadir=])
    AC_CHECK_PROGS([MPICC], [mpicc])
    AM_CONDITIONAL([HAVE_MPICC], [test -n "$MPICC"])
    PKG_CHECK_MODULES([OMPI], [ompi >= 5.0 ompi < 5.1],
        [peervma_ompi="yes, for $($PKG_CONFIG --modversion ompi)"],
        [peervma_ompi="no: Open MPI 5.0 is missing (libopenmpi-dev)"])
    AS_CASE([$peervma_ompi], [yes*], [
        peervma_pkginc=$($PKG_CONFIG --variable=pkgincludedir ompi)
        peervma_save_CPPFLAGS=$CPPFLAGS
        CPPFLAGS="$CPPFLAGS $OMPI_CFLAGS"
        AC_CHECK_HEADER([opal/mca/accelerator/accelerator.h], [],
            [peervma_ompi="no: Open MPI was installed without its component headers"],
            [#include <opal_config.h>])
        CPPFLAGS=$peervma_save_CPPFLAGS])
    OMPI_MCADIR=$with_ompi_mcadir
    AS_IF([test -z "$OMPI_MCADIR"],
        [OMPI_MCADIR="$($PKG_CONFIG --variable=libdir ompi 2>/dev/null)/openmpi"])
    AC_SUBST([OMPI_MCADIR])
    AM_CONDITIONAL([HAVE_OMPI],
        [AS_CASE([$peervma_ompi], [yes*], [true], [false])])
])
