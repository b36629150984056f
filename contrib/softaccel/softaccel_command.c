/* SPDX-License-Identifier: BSD-3-Clause */
/* The command `softaccel`: look at and use a simulated accelerator by hand. */
#include "softaccel_client.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char usage[] =
    "usage: softaccel info\n"
    "       softaccel fill LENGTH SEED\n"
    "       softaccel pattern LENGTH SEED\n"
    "\n"
    "info     print the first accelerator's size and counters\n"
    "fill     let it fill a new buffer of LENGTH bytes with the pattern of\n"
    "         SEED; print where in its memory the buffer lies and the CRC-32\n"
    "         it computes of it. The bytes stay there until the memory is\n"
    "         allocated again.\n"
    "pattern  write the same bytes to standard output, computed by the CPU\n";

static int fail(const char *what, int error)
{
    fprintf(stderr, "softaccel: %s: %s\n", what, strerror(-error));
    return 1;
}

static int print_info(int fd)
{
    struct softaccel_info info;
    int ret;

    ret = softaccel_info(fd, &info);
    if (ret != 0)
        return fail("reading the counters", ret);

    printf("memory_size %" PRIu64 "\n", (uint64_t)info.memory_size);
    printf("memory_used %" PRIu64 "\n", (uint64_t)info.memory_used);
    printf("cpu_faults %" PRIu64 "\n", (uint64_t)info.cpu_faults);
    printf("exports %" PRIu64 "\n", (uint64_t)info.exports);
    printf("attaches %" PRIu64 "\n", (uint64_t)info.attaches);
    printf("vmaps %" PRIu64 "\n", (uint64_t)info.vmaps);
    printf("revokes %" PRIu64 "\n", (uint64_t)info.revokes);
    return 0;
}

static int fill(int fd, size_t length, uint32_t seed)
{
    softaccel_buffer_t buffer;
    uint32_t checksum;
    int ret;

    ret = softaccel_buffer_create(fd, length, &buffer);
    if (ret != 0)
        return fail("allocating", ret);

    ret = softaccel_fill(&buffer, 0, length, seed);
    if (ret == 0)
        ret = softaccel_checksum(&buffer, 0, length, &checksum);
    if (ret == 0)
        printf("bar_offset %" PRIu64 "\nlength %zu\nchecksum %08" PRIx32 "\n",
               buffer.bar_offset, length, checksum);

    softaccel_buffer_destroy(&buffer);
    return ret == 0 ? 0 : fail("device work", ret);
}

static int print_pattern(size_t length, uint32_t seed)
{
    size_t i;

    for (i = 0; i < length; i++)
        putchar(softaccel_pattern(seed, i));
    return fflush(stdout) == 0 ? 0 : fail("standard output", -errno);
}

static int parse(const char *text, uintmax_t max, uintmax_t *value_p)
{
    uintmax_t value;
    char *end;

    errno = 0;
    value = strtoumax(text, &end, 0);
    if (errno != 0 || end == text || *end != '\0' || *text == '-' ||
        value > max)
        return -EINVAL;
    *value_p = value;
    return 0;
}

int main(int argc, char **argv)
{
    uintmax_t length = 0, seed = 0;
    int fd, ret;

    if (argc == 2 && strcmp(argv[1], "--help") == 0)
        return fputs(usage, stdout) < 0;

    if (!(argc == 2 && strcmp(argv[1], "info") == 0) &&
        !(argc == 4 &&
          (strcmp(argv[1], "fill") == 0 || strcmp(argv[1], "pattern") == 0) &&
          parse(argv[2], SIZE_MAX, &length) == 0 &&
          parse(argv[3], UINT32_MAX, &seed) == 0)) {
        fputs(usage, stderr);
        return 2;
    }

    if (argv[1][0] == 'p')
        return print_pattern(length, (uint32_t)seed);

    ret = softaccel_open(&fd);
    if (ret != 0)
        return fail("opening an accelerator", ret);

    ret = argc == 2 ? print_info(fd) : fill(fd, length, (uint32_t)seed);
    close(fd);
    return ret;
}
