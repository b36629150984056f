# SPDX-License-Identifier: BSD-3-Clause
# PEERVMA_DRM: libdrm, which the library and the tools need.
AC_DEFUN([PEERVMA_DRM], [
    PKG_CHECK_MODULES([DRM], [libdrm >= 2.4.100], [],
        [AC_MSG_ERROR([libdrm 2.4.100 or later is missing: install libdrm-dev])])
])
