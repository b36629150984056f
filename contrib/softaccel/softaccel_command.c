/* SPDX-License-Identifier: BSD-3-Clause */
/* The command `softaccel`: look at and use a simulated accelerator by hand. */
#include "softaccel_client.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char usage[] =
    "usage: softaccel [--index N] info\n"
    "       softaccel [--index N] fill LENGTH SEED\n"
    "       softaccel pattern LENGTH SEED\n"
    "       softaccel [--index N] reset\n"
    "\n"
    "info     print the accelerator's size and counters\n"
    "fill     let it fill a new buffer of LENGTH bytes with the pattern of\n"
    "         SEED; print where in its memory the buffer lies and the CRC-32\n"
    "         it computes of it. The bytes stay there until the memory is\n"
    "         allocated again.\n"
    "pattern  write the same bytes to standard output, computed by the CPU\n"
    "reset    reset it: all that is in its memory is lost, for all its users;\n"
    "         root only\n"
    "\n"
    "--index N  the accelerator number N of this driver; 0, the first, if it\n"
    "           is not said\n";

static int fail(const char *what, int error)
{
    fprintf(stderr, "softaccel: %s: %s\n", what, strerror(-error));
    return 1;
}

static int print_info(int fd, size_t length, uint32_t seed)
{
    struct softaccel_info info;
    int ret;

    (void)length;
    (void)seed;
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
    printf("resets %" PRIu64 "\n", (uint64_t)info.resets);
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

static int reset(int fd, size_t length, uint32_t seed)
{
    int ret;

    (void)length;
    (void)seed;
    ret = softaccel_reset(fd);
    return ret == 0 ? 0 : fail("resetting", ret);
}

static int print_pattern(int fd, size_t length, uint32_t seed)
{
    size_t i;

    (void)fd;
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

static const struct command {
    const char *name;
    int arguments; /* 0, or 2: LENGTH and SEED */
    int on_device;
    int (*run)(int fd, size_t length, uint32_t seed);
} commands[] = {
    {"info", 0, 1, print_info},
    {"fill", 2, 1, fill},
    {"pattern", 2, 0, print_pattern},
    {"reset", 0, 1, reset},
};

static const struct command *find_command(int argc, char **argv)
{
    size_t i;

    for (i = 0; i < sizeof(commands) / sizeof(*commands); i++)
        if (argc == 2 + commands[i].arguments &&
            strcmp(argv[1], commands[i].name) == 0)
            return &commands[i];
    return NULL;
}

int main(int argc, char **argv)
{
    uintmax_t length = 0, seed = 0, index = 0;
    const struct command *command;
    int fd = -1, ret;

    if (argc == 2 && strcmp(argv[1], "--help") == 0)
        return fputs(usage, stdout) < 0;

    if (argc > 3 && strcmp(argv[1], "--index") == 0 &&
        parse(argv[2], UINT_MAX, &index) == 0) {
        argc -= 2;
        argv += 2;
    }
    command = argc < 2 ? NULL : find_command(argc, argv);
    if (command == NULL ||
        (command->arguments == 2 && (parse(argv[2], SIZE_MAX, &length) != 0 ||
                                     parse(argv[3], UINT32_MAX, &seed) != 0))) {
        fputs(usage, stderr);
        return 2;
    }

    if (command->on_device) {
        ret = softaccel_open_index((unsigned)index, &fd);
        if (ret != 0)
            return fail("opening an accelerator", ret);
    }

    ret = command->run(fd, length, (uint32_t)seed);
    if (fd >= 0)
        close(fd);
    return ret;
}
