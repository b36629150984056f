# SPDX-License-Identifier: BSD-3-Clause
# HAVE_M32: the compiler makes 32-bit programs without a C library, for a test
# of the module's calls from such a program. M32_CFLAGS: how.
AC_DEFUN([PEERVMA_M32], [
    AC_MSG_CHECKING([for 32-bit programs])
    M32_CFLAGS="-m32 -ffreestanding -fno-pie -fno-stack-protector \
-fno-tree-loop-distribute-patterns"
    M32_LDFLAGS="-m32 -nostdlib -no-pie"
    peervma_cflags=$CFLAGS peervma_ldflags=$LDFLAGS
    CFLAGS=$M32_CFLAGS LDFLAGS=$M32_LDFLAGS
    AC_LINK_IFELSE([AC_LANG_SOURCE([[
        #include <linux/types.h>
        #include <asm/unistd_32.h>
        void _start(void);
        void _start(void)
        {
            __builtin_trap();
        }
    ]])], [peervma_m32=yes], [peervma_m32=no])
    CFLAGS=$peervma_cflags LDFLAGS=$peervma_ldflags
    AC_MSG_RESULT([$peervma_m32])
    AC_SUBST([M32_CFLAGS])
    AC_SUBST([M32_LDFLAGS])
    AM_CONDITIONAL([HAVE_M32], [test $peervma_m32 = yes])
])
