# SPDX-License-Identifier: BSD-3-Clause
# PEERVMA_TESTBED: --enable-testbed builds what only the virtual nodes need:
# the simulated accelerator, Soft-RoCE with dma-buf and the nodes' tests.
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
        AS_CASE([$peervma_ucx], [yes*], [],
            [AC_MSG_ERROR([--enable-testbed needs UCX])])
        AS_IF([test -z "$MPICC"],
            [AC_MSG_ERROR([--enable-testbed needs mpicc])])
        AS_IF([test "$peervma_cmocka" != yes],
            [AC_MSG_ERROR([--enable-testbed needs cmocka])])
        peervma_testbed=yes])
    AM_CONDITIONAL([ENABLE_TESTBED], [test "$enable_testbed" = yes])
])
