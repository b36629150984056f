/* SPDX-License-Identifier: BSD-3-Clause */
#include "fixture.h"

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static void file_read(FILE *file, char *text, size_t size)
{
    rewind(file);
    text[fread(text, 1, size - 1, file)] = '\0';
    fclose(file);
}

void child_run(char *const argv[], char *const environment[], child_t *child_p)
{
    static char *const empty[] = {"PATH=/usr/bin:/bin", NULL};
    FILE *out = tmpfile(), *err = tmpfile();
    int status;
    pid_t pid;

    assert_non_null(out);
    assert_non_null(err);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        dup2(fileno(out), STDOUT_FILENO);
        dup2(fileno(err), STDERR_FILENO);
        execve(argv[0], argv, environment ? environment : empty);
        _exit(99);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    child_p->exit_code = WEXITSTATUS(status);
    file_read(out, child_p->out, sizeof(child_p->out));
    file_read(err, child_p->err, sizeof(child_p->err));
}

unsigned occurrences(const char *text, const char *part)
{
    unsigned count = 0;

    while ((text = strstr(text, part)) != NULL) {
        text += strlen(part);
        ++count;
    }
    return count;
}

void environment_clear(void)
{
    const char *output = getenv("CMOCKA_MESSAGE_OUTPUT");
    char kept[32];

    snprintf(kept, sizeof(kept), "%s", (output != NULL) ? output : "");
    clearenv();
    if (kept[0] != '\0') {
        setenv("CMOCKA_MESSAGE_OUTPUT", kept, 1);
    }
}

void folder_make(char folder[PATH_MAX])
{
    strcpy(folder, "/tmp/peervma-test-XXXXXX");
    assert_non_null(mkdtemp(folder));
}

static int remove_one(const char *path, const struct stat *status, int type,
                      struct FTW *info)
{
    (void)status;
    (void)type;
    (void)info;
    return remove(path);
}

void folder_remove(const char *folder)
{
    assert_int_equal(nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

void file_write(const char *folder, const char *path, const char *content,
                int mode)
{
    char full[PATH_MAX];
    char *slash;
    FILE *file;

    assert_true(snprintf(full, sizeof(full), "%s/%s", folder, path) <
                (int)sizeof(full));
    for (slash = strchr(full + 1, '/'); slash != NULL;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(full, 0755);
        *slash = '/';
    }
    file = fopen(full, "w");
    assert_non_null(file);
    assert_true(fputs(content, file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(full, mode), 0);
}
