/* SPDX-License-Identifier: BSD-3-Clause */
#include "device_memory.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LIBRARY FAKE_LIBDIR "/libpeervma_alloc_fake.so"

void run_under_alloc(void)
{
    static char *const again[] = {(char *)"/proc/self/exe", NULL};

    if (getenv("PEERVMA_ALLOC") == NULL) {
        setenv("PEERVMA_ALLOC", "/dev/null", 1);
        setenv("PEERVMA_ALLOC_MIN", "65536", 1);
        setenv("LD_PRELOAD", LIBRARY, 1);
        execv(again[0], again);
        perror("exec");
        exit(EXIT_FAILURE);
    }
}

/* Not by stdio, whose buffer is memory as well. */
static char *read_maps(void)
{
    static char text[1 << 22];
    int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
    size_t length = 0;
    ssize_t count;

    while ((count = read(fd, text + length, sizeof(text) - 1 - length)) > 0) {
        length += (size_t)count;
    }
    close(fd);
    text[length] = '\0';
    return text;
}

static size_t count_mappings(uintptr_t address, bool any)
{
    size_t count = 0;
    char *line, *rest;

    for (line = strtok_r(read_maps(), "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        unsigned long start, end;

        if (strstr(line, "/memfd:fake-device") != NULL &&
            sscanf(line, "%lx-%lx", &start, &end) == 2 &&
            (any || (address >= start && address < end))) {
            count++;
        }
    }
    return count;
}

bool is_device(const void *address)
{
    return count_mappings((uintptr_t)address, false) > 0;
}

size_t device_mappings(void)
{
    return count_mappings(0, true);
}
