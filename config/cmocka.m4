# SPDX-License-Identifier: BSD-3-Clause
# PEERVMA_CMOCKA: the unit tests' framework. HAVE_CMOCKA, CMOCKA_CFLAGS,
# CMOCKA_LIBS.
AC_DEFUN([PEERVMA_CMOCKA], [
    PKG_CHECK_MODULES([CMOCKA], [cmocka >= 1.1.5], [peervma_cmocka=yes],
        [peervma_cmocka="no: cmocka is missing (libcmocka-dev)"])
    AM_CONDITIONAL([HAVE_CMOCKA], [test "$peervma_cmocka" = yes])
    AC_REQUIRE_AUX_FILE([tap-driver.sh])
    AC_PROG_AWK
])
