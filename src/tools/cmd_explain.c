/* SPDX-License-Identifier: BSD-3-Clause */
/* peervma explain: the device memory that other processes have mapped. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "explain.h"
#include "output.h"
#include "watch.h"

static const char usage[] =
    "usage: peervma explain [--json] PID\n"
    "       peervma explain [--json] --pid PID [ADDRESS]\n"
    "       peervma explain [--json] [--after SECONDS] [--output FILE]\n"
    "                       -- COMMAND [ARGUMENT...]\n"
    "\n"
    "Shows each mapping of device memory of a process, or the one at ADDRESS\n"
    "(0x...): what is mapped, its driver and PCI device, what it allows, "
    "which\n"
    "provider of libpeervma would export it as a dma-buf, or why none would, "
    "and\n"
    "what UCX will do with it.\n"
    "\n"
    "Or runs COMMAND, looks at it and the processes that it starts 20 times a\n"
    "second, and shows at its end all that it saw. What is mapped for a "
    "shorter\n"
    "time may be missed.\n"
    "\n"
    "  --pid PID        the process\n"
    "  --after SECONDS  show what COMMAND has mapped then, and let it run on\n"
    "  --output FILE    of COMMAND: write there, not to standard error\n"
    "  --json           a JSON array\n"
    "  --help           show this\n"
    "\n"
    "Exit codes: 0; 1 if the process cannot be looked at; 2 wrong usage; 3 if\n"
    "there is no device memory at ADDRESS. Of COMMAND: its own; 128 + N if\n"
    "signal N ended it; 126 if it can't be run, 127 if it is not found.\n";

static int explain_one(long pid, uintptr_t address, bool json)
{
    struct explanation explanation;
    int ret, code = EXIT_SUCCESS;

    explain_begin(&explanation);
    ret = explain_process(&explanation, (pid_t)pid, address);
    if (ret != 0) {
        fprintf(stderr, "peervma explain: process %ld: %s\n", pid,
                ret == -ENOENT ? "there is none"
                : ret == -EACCES
                    ? "not yours to look at: ask as its user or root"
                    : strerror(-ret));
        code = EXIT_FAILURE;
    } else if (json || explanation.table.rows > 0) {
        explain_print(&explanation, false, json);
    } else if (address != 0) {
        printf("no device memory at 0x%" PRIxPTR " of process %ld\n", address,
               pid);
    } else {
        printf("process %ld has no device memory mapped\n", pid);
    }
    if (ret == 0 && address != 0 && explanation.table.rows == 0) {
        code = EXIT_NOTHING;
    }
    explain_end(&explanation);
    return code;
}

struct report {
    int fd;
    bool json;
};

static void print_report(struct explanation *explanation, void *arg)
{
    const struct report *report = arg;
    int saved = output_divert(report->fd);

    if (report->json || explanation->table.rows > 0) {
        explain_print(explanation, true, report->json);
    } else {
        puts("peervma explain: no device memory was seen");
    }
    output_restore(saved);
}

static int explain_command(char *const *command, double after_seconds,
                           const char *output, bool json)
{
    struct report report = {.fd = STDERR_FILENO, .json = json};
    struct watch watch = {after_seconds, print_report, &report};
    struct explanation explanation;
    int code;

    if (output != NULL) {
        report.fd =
            open(output, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
        if (report.fd < 0) {
            fprintf(stderr, "peervma explain: %s: %m\n", output);
            return EXIT_FAILURE;
        }
    }
    explain_begin(&explanation);
    code = watch_command(&watch, command, &explanation);
    explain_end(&explanation);
    if (output != NULL) {
        close(report.fd);
    }
    return code;
}

/* A decimal PID or hexadecimal address; 0 if it is neither. */
static unsigned long parse(const char *text, int base)
{
    unsigned long value;
    char *end;

    if (text[strspn(text, "0123456789abcdefABCDEFx")] != '\0') {
        return 0;
    }
    errno = 0;
    value = strtoul(text, &end, base);
    return errno == 0 && *end == '\0' && end != text ? value : 0;
}

static int wrong_usage(const char *why)
{
    fprintf(stderr, "peervma explain: %s\n\n%s", why, usage);
    return EXIT_USAGE;
}

static int parse_and_explain(const char *pid_text, const char *address_text,
                             bool json)
{
    unsigned long pid, address = 0;

    if (strncmp(pid_text, "0x", 2) == 0) {
        return wrong_usage("an address needs its process: --pid PID");
    }
    pid = parse(pid_text, 10);
    if (pid == 0 || pid > INT_MAX) {
        return wrong_usage("that is no process number");
    }
    if (address_text != NULL) {
        address = parse(address_text, 16);
        if (address == 0 || address == ULONG_MAX) {
            return wrong_usage("that is no address");
        }
    }
    return explain_one((long)pid, (uintptr_t)address, json);
}

/* Up to a year; negative if it is no number of seconds. */
static double parse_seconds(const char *text)
{
    char *end;
    double value;

    if (text[0] == '\0' || text[strspn(text, "0123456789.")] != '\0') {
        return -1;
    }
    value = strtod(text, &end);
    return *end == '\0' && value <= 365 * 86400.0 ? value : -1;
}

struct arguments {
    const char *pid;
    const char *output;
    double after; /* -1: not said */
    bool json;
    bool command; /* what follows is a command: "--" came before it */
};

/* The exit code; -1 to go on. */
static int take_options(int argc, char **argv, struct arguments *arguments_p)
{
    static const struct option options[] = {
        {"pid", required_argument, NULL, 'p'},
        {"after", required_argument, NULL, 'a'},
        {"output", required_argument, NULL, 'o'},
        {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    int option, i;

    *arguments_p = (struct arguments){.after = -1};
    /* "+": a command's options are its own; but those behind a PID are ours. */
    for (i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
    }
    while ((option = getopt_long(argc, argv, i < argc ? "+" : "", options,
                                 NULL)) != -1) {
        switch (option) {
        case 'p':
            arguments_p->pid = optarg;
            break;
        case 'a':
            arguments_p->after = parse_seconds(optarg);
            if (arguments_p->after < 0) {
                return wrong_usage("--after: that is no number of seconds");
            }
            break;
        case 'o':
            arguments_p->output = optarg;
            break;
        case 'j':
            arguments_p->json = true;
            break;
        default:
            fputs(usage, option == 'h' ? stdout : stderr);
            return option == 'h' ? EXIT_SUCCESS : EXIT_USAGE;
        }
    }
    return -1;
}

int peervma_cmd_explain(int argc, char **argv)
{
    const char *address = NULL;
    struct arguments arguments;
    int code;

    code = take_options(argc, argv, &arguments);
    if (code >= 0) {
        return code;
    }
    if (optind > 1 && strcmp(argv[optind - 1], "--") == 0 && optind < argc &&
        arguments.pid == NULL) {
        return explain_command(argv + optind, arguments.after, arguments.output,
                               arguments.json);
    }
    if (arguments.after >= 0 || arguments.output != NULL) {
        return wrong_usage("--after and --output are for -- COMMAND");
    }
    if (arguments.pid != NULL && optind < argc) {
        address = argv[optind++];
    } else if (optind < argc) {
        arguments.pid = argv[optind++];
    }
    if (arguments.pid == NULL || optind < argc) {
        return wrong_usage("say one process, or -- COMMAND");
    }
    return parse_and_explain(arguments.pid, address, arguments.json);
}
