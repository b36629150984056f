# SPDX-License-Identifier: BSD-3-Clause
# PEERVMA_FABRIC: libfabric with FI_MR_DMABUF, for an example. HAVE_FABRIC,
# FABRIC_CFLAGS, FABRIC_LIBS.
AC_DEFUN([PEERVMA_FABRIC], [
    PKG_CHECK_MODULES([FABRIC], [libfabric >= 1.20], [peervma_fabric=yes],
        [peervma_fabric="no: libfabric 1.20 or later is missing (libfabric-dev)"])
    AM_CONDITIONAL([HAVE_FABRIC], [test "$peervma_fabric" = yes])
])
