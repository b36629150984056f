/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The input is a file of settings, read as UCX's and as Open MPI's. A variable
 * counts as set if a line sets it, and only then.
 */
#include <ctype.h>
#include <string.h>

#include "fuzz.h"
#include "user.h"

#define VARIABLES 3

static const char *const names[VARIABLES] = {"UCX_TLS", "UCX_NET_DEVICES",
                                             "OMPI_MCA_opal_common_ucx_tls"};
/* As they are written in a file. */
static const char *const written[VARIABLES] = {"UCX_TLS", "UCX_NET_DEVICES",
                                               "opal_common_ucx_tls"};

/* Does this line, without its newline, set the variable? */
static bool line_sets(const char *line, size_t length, const char *name)
{
    const char *equals;
    size_t end;

    length = strnlen(line, length);
    while (length > 0 && (*line == ' ' || *line == '\t')) {
        line++;
        length--;
    }
    equals = memchr(line, '=', length);
    if (equals == NULL || *line == '#' || *line == '[') {
        return false;
    }
    end = (size_t)(equals - line);
    while (end > 0 && isspace((unsigned char)line[end - 1])) {
        end--;
    }
    return end == strlen(name) && memcmp(line, name, end) == 0;
}

static bool text_sets(const char *text, size_t size, const char *name)
{
    const char *newline;
    size_t length;

    while (size > 0) {
        newline = memchr(text, '\n', size);
        length = newline != NULL ? (size_t)(newline - text) : size;
        if (line_sets(text, length, name)) {
            return true;
        }
        length += newline != NULL;
        text += length;
        size -= length;
    }
    return false;
}

static void clear_environment(void)
{
    unsigned i;

    for (i = 0; i < VARIABLES; i++) {
        unsetenv(names[i]);
    }
    unsetenv("HOME");
    unsetenv("UCX_CONFIG_DIR");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int ucx = -1, ompi;
    peervma_user_t users[VARIABLES] = {{.name = NULL}};
    const char *name;
    unsigned i;
    bool set;

    if (ucx < 0) {
        clear_environment();
        ucx = fuzz_file("etc/ucx/ucx.conf");
        ompi = fuzz_file("etc/openmpi/openmpi-mca-params.conf");
    }
    fuzz_write(ucx, data, size);
    fuzz_write(ompi, data, size);
    for (i = 0; i < VARIABLES; i++) {
        users[i].name = names[i];
    }
    peervma_user_look(fuzz_folder(), users, VARIABLES);
    for (i = 0; i < VARIABLES; i++) {
        name = users[i].value;
        FUZZ_CHECK(memchr(name, '\0', sizeof(users[i].value)) != NULL);
        set = text_sets((const char *)data, size, written[i]);
        FUZZ_CHECK(set == (users[i].source != PEERVMA_USER_NONE));
    }
    return 0;
}
