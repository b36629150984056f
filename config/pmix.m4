# SPDX-License-Identifier: BSD-3-Clause
# PEERVMA_PMIX_HEADERS: PMIx's headers, for the plugin to name the nodes that
# lack it. HAVE_PMIX in config.h, PMIX_CFLAGS. Nothing is linked with it.
AC_DEFUN([PEERVMA_PMIX_HEADERS], [
    PKG_CHECK_MODULES([PMIX], [pmix >= 4],
        [peervma_pmix_headers=yes
         AC_DEFINE([HAVE_PMIX], [1], [Define to 1 if there is <pmix.h>.])],
        [peervma_pmix_headers="no: PMIx 4 or later is missing (libpmix-dev)"])
])
