/* SPDX-License-Identifier: BSD-3-Clause */
/* Whose allocations are placed, and what can go wrong. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "device_memory.h"
#include "libucs.h"

#define LARGE ((size_t)300000)

static void transports_allocate_in_host_memory(void **state)
{
    char *ptr = libucs_malloc(LARGE);

    (void)state;
    assert_false(is_device(ptr));
    ptr = libucs_realloc(ptr, 2 * LARGE);
    assert_false(is_device(ptr));
    free(ptr);
    ptr = libucs_mmap(LARGE);
    assert_false(is_device(ptr));
    munmap(ptr, LARGE);
}

static void what_a_program_hands_to_a_transport_stays_whole(void **state)
{
    char *ptr = malloc(LARGE);

    (void)state;
    memset(ptr, 9, LARGE);
    ptr = libucs_realloc(ptr, 2 * LARGE);
    assert_false(is_device(ptr));
    assert_int_equal(ptr[LARGE - 1], 9);
    free(ptr);
}

/* As daemons do; another file may have the device's number by then. */
static void a_program_may_close_all_descriptors(void **state)
{
    int fd, status;
    pid_t child;
    void *ptr;

    (void)state;
    child = fork();
    if (child == 0) {
        ptr = malloc(LARGE);
        for (fd = 3; fd < 100; fd++) {
            close(fd);
        }
        while (open("/dev/zero", O_RDONLY) < 20) {
        }
        free(ptr);
        ptr = malloc(LARGE);
        _exit(is_device(ptr) ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

/* Run a shell command with LD_PRELOAD as it is; its output and exit code. */
static int run(const char *command, char *text, size_t size)
{
    size_t length = 0;
    ssize_t count;
    int ends[2], status;
    pid_t child;

    assert_int_equal(pipe(ends), 0);
    child = fork();
    if (child == 0) {
        dup2(ends[1], STDOUT_FILENO);
        dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        close(ends[1]);
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(126);
    }
    close(ends[1]);
    while ((count = read(ends[0], text + length, size - 1 - length)) > 0) {
        length += (size_t)count;
    }
    text[length] = '\0';
    close(ends[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    return WEXITSTATUS(status);
}

#define SELF_IN(_environment) _environment " exec " PROGRAM " allocate"

static void what_has_no_room_stays_in_host_memory_and_is_told(void **state)
{
    char text[1024];

    (void)state;
    assert_int_equal(
        run(SELF_IN("FAKE_DEVICE_BYTES=700000"), text, sizeof(text)), 0);
    assert_non_null(strstr(text, "device device host host\n"));
    assert_non_null(
        strstr(text, "peervma: 2 of 4 large allocations, 600000 of 1200000 "
                     "bytes, stayed in host memory: /dev/null: No space"));
}

static void a_device_that_cannot_be_opened_is_told(void **state)
{
    char text[1024];

    (void)state;
    assert_int_equal(run(SELF_IN("PEERVMA_ALLOC=/nowhere"), text, sizeof(text)),
                     0);
    assert_non_null(strstr(text, "host host host host\n"));
    assert_non_null(strstr(text, "peervma: 4 of 4 large allocations"));
    assert_non_null(strstr(text, "/nowhere: No such file"));
}

static void nothing_is_said_where_all_was_placed(void **state)
{
    char text[1024];

    (void)state;
    assert_int_equal(run(SELF_IN(""), text, sizeof(text)), 0);
    assert_string_equal(text, "device device device device\n");
    assert_int_equal(run(SELF_IN("UCX_PEERVMA_STATS=y"), text, sizeof(text)),
                     0);
    assert_non_null(strstr(text, " device_buffers=4 device_bytes=1200000 "
                                 "host_buffers=0 host_bytes=0\n"));
}

static void without_a_device_named_nothing_is_placed(void **state)
{
    char text[1024];

    (void)state;
    assert_int_equal(run(SELF_IN("PEERVMA_ALLOC="), text, sizeof(text)), 0);
    assert_string_equal(text, "host host host host\n");
}

static void the_least_size_is_the_user_s(void **state)
{
    char text[1024];

    (void)state;
    assert_int_equal(
        run(SELF_IN("PEERVMA_ALLOC_MIN=300001"), text, sizeof(text)), 0);
    assert_string_equal(text, "host host host host\n");
    assert_int_equal(
        run(SELF_IN("PEERVMA_ALLOC_MIN=300000"), text, sizeof(text)), 0);
    assert_string_equal(text, "device device device device\n");
}

/* "allocate": a program of its own. */
static int allocate(void)
{
    static const char *const names[] = {"host", "device"};
    char text[64] = "";
    unsigned i;

    for (i = 0; i < 4; i++) {
        strcat(text, names[is_device(malloc(LARGE))]);
        strcat(text, i < 3 ? " " : "\n");
    }
    return write(STDOUT_FILENO, text, strlen(text)) > 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(transports_allocate_in_host_memory),
        cmocka_unit_test(what_a_program_hands_to_a_transport_stays_whole),
        cmocka_unit_test(a_program_may_close_all_descriptors),
        cmocka_unit_test(what_has_no_room_stays_in_host_memory_and_is_told),
        cmocka_unit_test(a_device_that_cannot_be_opened_is_told),
        cmocka_unit_test(nothing_is_said_where_all_was_placed),
        cmocka_unit_test(without_a_device_named_nothing_is_placed),
        cmocka_unit_test(the_least_size_is_the_user_s),
    };

    if (argc > 1 && strcmp(argv[1], "allocate") == 0) {
        return allocate();
    }
    run_under_alloc();
    return cmocka_run_group_tests_name("place", tests, NULL, NULL);
}
