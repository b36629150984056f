# SPDX-License-Identifier: BSD-3-Clause
# PEERVMA_OMPI: the folder in which Open MPI 5.0 looks for components. Nothing
# of Open MPI is needed to build ours. HAVE_OMPI, OMPI_MCADIR
# (--with-ompi-mcadir); PMIX_PARAMDIR (--with-pmix-paramdir) and PMIX_HIDES_MCA,
# see src/ompi/README.md; HAVE_MPICC, MPICC and OMPI_CFLAGS for the tests.
AC_DEFUN([PEERVMA_OMPI], [
    AC_CHECK_PROGS([MPICC], [mpicc])
    AM_CONDITIONAL([HAVE_MPICC], [test -n "$MPICC"])
    PKG_CHECK_MODULES([OMPI], [ompi], [], [OMPI_CFLAGS=])

    AC_ARG_WITH([ompi-mcadir],
        [AS_HELP_STRING([--with-ompi-mcadir=DIR],
            [where Open MPI looks for components (default: what ompi_info
             says; no: build no component)])],
        [], [with_ompi_mcadir=yes])
    AC_PATH_PROG([OMPI_INFO], [ompi_info])
    AS_CASE([$with_ompi_mcadir],
        [no], [peervma_ompi="no: not wanted"],
        [yes], [
            peervma_ompi="no: Open MPI 5.0 is missing (openmpi-bin)"
            AS_IF([test -n "$OMPI_INFO"], [PEERVMA_OMPI_INFO])],
        [peervma_ompi="yes, in $with_ompi_mcadir"
         OMPI_MCADIR=$with_ompi_mcadir])
    AC_SUBST([OMPI_MCADIR])
    AM_CONDITIONAL([HAVE_OMPI],
        [AS_CASE([$peervma_ompi], [yes*], [true], [false])])
    PEERVMA_PMIX
])

# Version and component folder of the Open MPI whose ompi_info was found.
AC_DEFUN([PEERVMA_OMPI_INFO], [
    peervma_version=$($OMPI_INFO --version | sed -n 's/^Open MPI v//p')
    AS_CASE([$peervma_version],
        [5.0.*], [peervma_ompi="yes, for $peervma_version"],
        [peervma_ompi="no: Open MPI is $peervma_version, not 5.0"])
    OMPI_MCADIR=$($OMPI_INFO --parsable --path pkglibdir |
        sed -n 's/^path:pkglibdir://p')
])

# Does a PMIx on this machine (Debian's) make mpirun hide Open MPI's folder?
AC_DEFUN([PEERVMA_PMIX], [
    AC_ARG_WITH([pmix-paramdir],
        [AS_HELP_STRING([--with-pmix-paramdir=DIR],
            [where PMIx has pmix-mca-params.conf, which, in Debian, hides Open
             MPI's component folder from ranks; an override is installed there
             (default: found by pkg-config where needed; no: install none)])],
        [], [with_pmix_paramdir=yes])
    PMIX_PARAMDIR=
    AS_CASE([$with_pmix_paramdir],
        [no], [],
        [yes], [
            peervma_pmix=$($PKG_CONFIG --variable=prefix pmix 2>/dev/null)/share
            AS_IF([grep -q '^mca_base_component_path' \
                       "$peervma_pmix/pmix-mca-params.conf" 2>/dev/null],
                [PMIX_PARAMDIR=$peervma_pmix])],
        [PMIX_PARAMDIR=$with_pmix_paramdir])
    AC_SUBST([PMIX_PARAMDIR])
    AM_CONDITIONAL([PMIX_HIDES_MCA],
        [AS_CASE([$peervma_ompi], [yes*], [test -n "$PMIX_PARAMDIR"], [false])])
])
