# SPDX-License-Identifier: BSD-3-Clause
# PEERVMA_TESTBED: --enable-testbed builds what only the virtual nodes need:
# the simulated accelerator, Soft-RoCE with dma-buf and the nodes' tests.
# HAVE_SOFTROCE when there is a patch for the kernel's series.
AC_DEFUN([PEERVMA_TESTBED], [
    AC_ARG_ENABLE([testbed],
        [AS_HELP_STRING([--enable-testbed],
            [build the parts that the virtual nodes need (default: no)])],
        [], [enable_testbed=no])
    peervma_testbed="no: --enable-testbed was not given"
    AS_IF([test "$enable_testbed" = yes], [
        AS_IF([test -z "$KDIR"],
            [AC_MSG_ERROR([--enable-testbed needs kernel headers])])
        AS_IF([test "$peervma_verbs" != yes],
            [AC_MSG_ERROR([--enable-testbed needs libibverbs])])
        AS_IF([! $PKG_CONFIG --exists ucx],
            [AC_MSG_ERROR([--enable-testbed needs UCX])])
        AS_IF([test -z "$MPICC"],
            [AC_MSG_ERROR([--enable-testbed needs mpicc])])
        AS_IF([test "$peervma_cmocka" != yes],
            [AC_MSG_ERROR([--enable-testbed needs cmocka])])
        peervma_testbed=yes
        peervma_series=$(echo "$KVER" | sed 's/^\([[0-9]]*\.[[0-9]]*\).*/\1/')
        peervma_softroce="$srcdir/contrib/softroce/linux-$peervma_series.patch"
        AS_IF([test ! -f "$peervma_softroce"],
            [peervma_testbed="yes, but Soft-RoCE has no patch for Linux \
$peervma_series"])])
    AM_CONDITIONAL([HAVE_SOFTROCE], [test -f "$peervma_softroce"])
    AM_CONDITIONAL([ENABLE_TESTBED], [test "$enable_testbed" = yes])
])
