# SPDX-License-Identifier: BSD-3-Clause
# PEERVMA_CPU: the processors that there is code of their own for. HOST_X86_64,
# HOST_ARM64.
AC_DEFUN([PEERVMA_CPU], [
    AC_REQUIRE([AC_CANONICAL_HOST])
    AM_CONDITIONAL([HOST_X86_64], [test "$host_cpu" = x86_64])
    AM_CONDITIONAL([HOST_ARM64], [test "$host_cpu" = aarch64])
])
