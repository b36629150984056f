# SPDX-License-Identifier: BSD-3-Clause
# PEERVMA_PANDOC: makes the man pages from markdown. HAVE_PANDOC, PANDOC.
AC_DEFUN([PEERVMA_PANDOC], [
    AC_CHECK_PROGS([PANDOC], [pandoc])
    AS_IF([test -n "$PANDOC"], [peervma_pandoc=yes],
        [peervma_pandoc="no: pandoc is missing; read docs/man/*.md"])
    AM_CONDITIONAL([HAVE_PANDOC], [test -n "$PANDOC"])
])
