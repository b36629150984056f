/* SPDX-License-Identifier: BSD-3-Clause */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "stats.h"

static void the_line_has_every_counter_once(void **state)
{
    static const char *const names[] = {
        " host=",
        " pid=",
        " detection=",
        " speed=",
        " to_device_mb_s=",
        " from_device_mb_s=",
        " peers=",
        " lookups=",
        " regions=",
        " regions_tried=",
        " regions_staged=",
        " dmabuf_exports=",
        " dmabuf_refused=",
        " put_short=",
        " put_short_bytes=",
        " get_short=",
        " get_short_bytes=",
        " put_zcopy=",
        " put_zcopy_bytes=",
        " get_zcopy=",
        " get_zcopy_bytes=",
        " ipc_exports=",
        " ipc_refused=",
        " ipc_maps=",
        " ipc_unmaps=",
        " ipc_hits=",
        " ipc_bytes=",
        " cpu_copied_bytes=",
    };
    char line[1024];
    const char *found;
    size_t i;

    (void)state;
    uct_peervma_stats_set_detection("events");
    uct_peervma_stats_set_speed("measured", 2e9, 2.5e8);
    assert_in_range(uct_peervma_stats_format(line, sizeof(line)), 1,
                    sizeof(line) - 1);
    assert_memory_equal(line, "peervma: stats ", 15);
    assert_non_null(strstr(line, " detection=events "));
    assert_non_null(strstr(
        line, " speed=measured to_device_mb_s=2000 from_device_mb_s=250 "));
    for (i = 0; i < sizeof(names) / sizeof(names[0]); ++i) {
        found = strstr(line, names[i]);
        assert_non_null(found);
        assert_null(strstr(found + 1, names[i]));
    }
    /* And none that is not above. */
    for (found = line, i = 0; (found = strchr(found, '=')) != NULL; ++i) {
        ++found;
    }
    assert_int_equal(i, sizeof(names) / sizeof(names[0]));
}

static void a_short_buffer_is_not_overrun(void **state)
{
    char line[64];
    int length;

    (void)state;
    memset(line, 'x', sizeof(line));
    length = uct_peervma_stats_format(line, 40);
    assert_true(length > 40);
    assert_int_equal(strlen(line), 39);
    assert_int_equal(line[40], 'x');
}

static void *count(void *arg)
{
    int i;

    (void)arg;
    for (i = 0; i < 100000; ++i) {
        uct_peervma_stat_add(UCT_PEERVMA_STAT_LOOKUPS, 1);
    }
    return NULL;
}

static void threads_lose_no_count(void **state)
{
    uint64_t before = uct_peervma_stat_get(UCT_PEERVMA_STAT_LOOKUPS);
    pthread_t threads[4];
    int i;

    (void)state;
    for (i = 0; i < 4; ++i) {
        assert_int_equal(pthread_create(&threads[i], NULL, count, NULL), 0);
    }
    for (i = 0; i < 4; ++i) {
        pthread_join(threads[i], NULL);
    }
    assert_int_equal(uct_peervma_stat_get(UCT_PEERVMA_STAT_LOOKUPS),
                     before + 400000);
}

/* What a process prints that asks for the counters, forks, and exits. */
static size_t run(int ask, char *output, size_t size)
{
    int pipe_fds[2];
    size_t used = 0;
    ssize_t got;
    pid_t pid;

    assert_int_equal(pipe(pipe_fds), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        dup2(pipe_fds[1], STDERR_FILENO);
        close(pipe_fds[0]);
        close(pipe_fds[1]);
        if (ask) {
            uct_peervma_stats_print_at_exit();
        }
        if (fork() == 0) {
            exit(0);
        }
        wait(NULL);
        exit(0);
    }
    close(pipe_fds[1]);
    while ((got = read(pipe_fds[0], output + used, size - 1 - used)) > 0) {
        used += (size_t)got;
    }
    output[used] = '\0';
    close(pipe_fds[0]);
    waitpid(pid, NULL, 0);
    return used;
}

static void counters_are_printed_once_and_only_if_asked_for(void **state)
{
    char output[2048];

    (void)state;
    assert_int_equal(run(0, output, sizeof(output)), 0);
    assert_true(run(1, output, sizeof(output)) > 0);
    assert_memory_equal(output, "peervma: stats ", 15);
    assert_ptr_equal(strchr(output, '\n'), output + strlen(output) - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_line_has_every_counter_once),
        cmocka_unit_test(a_short_buffer_is_not_overrun),
        cmocka_unit_test(threads_lose_no_count),
        cmocka_unit_test(counters_are_printed_once_and_only_if_asked_for),
    };

    return cmocka_run_group_tests_name("stats", tests, NULL, NULL);
}
