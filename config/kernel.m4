# SPDX-License-Identifier: BSD-3-Clause
# PEERVMA_KERNEL: headers of the kernel to build modules for. --with-kernel=no
# builds none; default is the running kernel's, else the newest installed.
# HAVE_KERNEL, KDIR (its build folder), KVER (its release).
AC_DEFUN([PEERVMA_KERNEL], [
    AC_ARG_WITH([kernel],
        [AS_HELP_STRING([--with-kernel=DIR|no],
            [build folder of the kernel to build modules for (default: the
             running kernel's, else the newest installed one's)])],
        [], [with_kernel=yes])
    AC_MSG_CHECKING([for kernel headers])
    KDIR=
    AS_CASE([$with_kernel],
        [no], [],
        [yes], [
            for peervma_dir in "/lib/modules/$(uname -r)/build" \
                $(ls -d /lib/modules/*/build 2>/dev/null | sort -Vr); do
                AS_IF([test -f "$peervma_dir/include/config/kernel.release"],
                      [KDIR=$peervma_dir; break])
            done],
        [KDIR=$with_kernel])
    KVER=
    peervma_kernel_why="no: kernel headers are missing (linux-headers-amd64)"
    AS_IF([test "$with_kernel" = no], [peervma_kernel_why="no: --without-kernel"])
    AS_IF([test -n "$KDIR"], [
        AS_IF([test -f "$KDIR/include/config/kernel.release"], [],
            [AC_MSG_ERROR([$KDIR is not a kernel's build folder: it has no
include/config/kernel.release])])
        KVER=$(cat "$KDIR/include/config/kernel.release")])
    AC_MSG_RESULT([${KDIR:-no}])
    AC_SUBST([KDIR])
    AC_SUBST([KVER])
    AC_SUBST([kmoduledir], ['/lib/modules/$(KVER)/updates/peervma'])
    AM_CONDITIONAL([HAVE_KERNEL], [test -n "$KDIR"])
])
