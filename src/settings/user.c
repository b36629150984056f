/* SPDX-License-Identifier: BSD-3-Clause */
#include "user.h"

#include <ctype.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MCA_PREFIX "OMPI_MCA_"

static void user_set(peervma_user_t *user, peervma_user_source_t source,
                     const char *value)
{
    user->source = source;
    snprintf(user->value, sizeof(user->value), "%s", value);
}

/*
 * Split "name = value" in place.
 * Return: false for a comment, a section or anything else.
 */
static bool line_split(char *line, char **name_p, char **value_p)
{
    char *name = line + strspn(line, " \t");
    char *equals = strchr(name, '=');
    char *end;

    if ((equals == NULL) || (*name == '#') || (*name == '[')) {
        return false;
    }
    for (end = equals; (end > name) && isspace((unsigned char)end[-1]);) {
        --end;
    }
    *end = '\0';
    *name_p = name;
    *value_p = equals + 1 + strspn(equals + 1, " \t\"");
    (*value_p)[strcspn(*value_p, "\"\r\n")] = '\0';
    for (end = *value_p + strlen(*value_p);
         (end > *value_p) && isspace((unsigned char)end[-1]);) {
        *--end = '\0';
    }
    return true;
}

/* Without a prefix it is UCX's file, which is nobody else's. */
static bool is_of_library(const char *variable, const char *prefix)
{
    return (prefix[0] == '\0')
               ? (strncmp(variable, MCA_PREFIX, strlen(MCA_PREFIX)) != 0)
               : (strncmp(variable, prefix, strlen(prefix)) == 0);
}

/* One file of "name = value" lines. Its names carry no `prefix`. */
static void user_read_file(const char *path, const char *prefix,
                           peervma_user_source_t source, peervma_user_t *users,
                           unsigned count)
{
    size_t prefix_length = strlen(prefix);
    char *line = NULL;
    size_t size = 0;
    char *name, *value;
    FILE *file;
    unsigned i;

    file = fopen(path, "re");
    if (file == NULL) {
        return;
    }
    while (getline(&line, &size, file) >= 0) {
        if (!line_split(line, &name, &value)) {
            continue;
        }
        for (i = 0; i < count; ++i) {
            if ((users[i].source == PEERVMA_USER_NONE) &&
                is_of_library(users[i].name, prefix) &&
                (strcmp(users[i].name + prefix_length, name) == 0)) {
                user_set(&users[i], source, value);
            }
        }
    }
    free(line);
    fclose(file);
}

static void user_read(const char *folder, const char *file, const char *prefix,
                      peervma_user_source_t source, peervma_user_t *users,
                      unsigned count)
{
    char path[PATH_MAX];

    if ((folder != NULL) && (snprintf(path, sizeof(path), "%s/%s", folder,
                                      file) < (int)sizeof(path))) {
        user_read_file(path, prefix, source, users, count);
    }
}

void peervma_user_look(const char *root, peervma_user_t *users, unsigned count)
{
    const char *home = getenv("HOME");
    const char *value;
    unsigned i;

    for (i = 0; i < count; ++i) {
        value = getenv(users[i].name);
        users[i].source = PEERVMA_USER_NONE;
        if (value != NULL) {
            user_set(&users[i], PEERVMA_USER_ENVIRONMENT, value);
        }
    }
    /* In UCX each of these overrides those that come after it. */
    user_read(".", "ucx.conf", "", PEERVMA_USER_FILE, users, count);
    user_read(getenv("UCX_CONFIG_DIR"), "ucx.conf", "", PEERVMA_USER_FILE,
              users, count);
    user_read(home, "ucx.conf", "", PEERVMA_USER_FILE, users, count);
    user_read(root, "etc/ucx/ucx.conf", "", PEERVMA_USER_FILE, users, count);
    /* The same for Open MPI, whose folder is Debian's and Ubuntu's. */
    user_read(home, ".openmpi/mca-params.conf", MCA_PREFIX, PEERVMA_USER_FILE,
              users, count);
    user_read(root, "etc/openmpi/openmpi-mca-params.conf", MCA_PREFIX,
              PEERVMA_USER_SYSTEM, users, count);
}
