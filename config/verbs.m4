# SPDX-License-Identifier: BSD-3-Clause
# PEERVMA_VERBS: libibverbs with ibv_reg_dmabuf_mr, for `peervma list` and the
# tests on RDMA devices. HAVE_VERBS, VERBS_CFLAGS, VERBS_LIBS.
AC_DEFUN([PEERVMA_VERBS], [
    PKG_CHECK_MODULES([VERBS], [libibverbs >= 1.12],
        [peervma_verbs=yes
         AC_DEFINE([HAVE_VERBS], [1], [libibverbs is there])],
        [peervma_verbs="no: libibverbs 1.12 or later is missing (libibverbs-dev)"])
    AM_CONDITIONAL([HAVE_VERBS], [test "$peervma_verbs" = yes])
])
