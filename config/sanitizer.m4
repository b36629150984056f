# SPDX-License-Identifier: BSD-3-Clause
# PEERVMA_SANITIZER: --enable-sanitizer=LIST builds with the compiler's
# sanitizers, for `make check-sanitizers`. NO_SANITIZER undoes it for what
# programs without them load; SANITIZER is the list.
AC_DEFUN([PEERVMA_SANITIZER], [
    AC_REQUIRE([PEERVMA_WARNINGS])
    AC_ARG_ENABLE([sanitizer],
        [AS_HELP_STRING([--enable-sanitizer=LIST],
            [build with these sanitizers of the compiler, for the unit tests:
             address,undefined or thread (default: none)])],
        [], [enable_sanitizer=no])
    AS_IF([test "$enable_sanitizer" = yes],
          [AC_MSG_ERROR([--enable-sanitizer needs a LIST])])
    AS_IF([test "$enable_sanitizer" != no], [
        peervma_save_CFLAGS=$CFLAGS
        peervma_flags="-fsanitize=$enable_sanitizer -fno-sanitize-recover=all"
        # Of fences: what they order here are atomic accesses.
        AS_CASE([$enable_sanitizer], [*thread*],
                [peervma_flags="$peervma_flags -Wno-tsan"])
        peervma_flags="$peervma_flags -fno-omit-frame-pointer"
        CFLAGS="$CFLAGS $peervma_flags"
        AC_LINK_IFELSE([AC_LANG_PROGRAM([], [])], [],
            [AC_MSG_ERROR([$CC does not link with -fsanitize=$enable_sanitizer])])
        CFLAGS=$peervma_save_CFLAGS
        PEERVMA_CFLAGS="$PEERVMA_CFLAGS $peervma_flags"
        NO_SANITIZER=-fno-sanitize=all
        SANITIZER=$enable_sanitizer])
    AC_SUBST([NO_SANITIZER])
    AC_SUBST([SANITIZER])
    AM_CONDITIONAL([HAVE_SANITIZER], [test "$enable_sanitizer" != no])
])
