# SPDX-License-Identifier: BSD-3-Clause
# PEERVMA_WARNINGS: the compiler warnings of all user-space code, in
# PEERVMA_CFLAGS. --enable-werror is for the project's own checks.
AC_DEFUN([PEERVMA_WARNINGS], [
    AC_ARG_ENABLE([werror],
        [AS_HELP_STRING([--enable-werror],
            [take compiler warnings for errors (default: no)])],
        [], [enable_werror=no])
    PEERVMA_CFLAGS="-Wall -Wextra -Wstrict-prototypes -Wmissing-prototypes"
    PEERVMA_CFLAGS="$PEERVMA_CFLAGS -Wshadow -fvisibility=hidden"
    AS_IF([test "$enable_werror" = yes],
          [PEERVMA_CFLAGS="$PEERVMA_CFLAGS -Werror"])
    AC_SUBST([PEERVMA_CFLAGS])
    AC_SUBST([PEERVMA_CPPFLAGS],
        ['-I$(top_srcdir)/src/lib -I$(top_srcdir)/src/kernel/uapi'])
])
