/* SPDX-License-Identifier: BSD-3-Clause */
/* peervma export: a dma-buf of device memory, to look at and to try out. */
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "commands.h"
#include "export.h"
#include "numbers.h"
#include "output.h"
#include "refusal.h"
#include "spawn.h"
#include "table.h"

#define DEFAULT_FD 3
#define MAX_FD 1023

static const char usage[] =
    "usage: peervma export [--accelerator NODE] [--length BYTES] [OPTION...]\n"
    "                      [-- COMMAND [ARGUMENT...]]\n"
    "       peervma export --file FILE [--offset BYTES] [--length BYTES]\n"
    "                      [OPTION...] [-- COMMAND [ARGUMENT...]]\n"
    "\n"
    "Maps device memory, exports the mapping as a dma-buf, and shows both: a "
    "new\n"
    "buffer on an accelerator, or what FILE has at an offset, a PCI BAR of "
    "sysfs\n"
    "for instance. It cannot export what another process has mapped: only a\n"
    "process itself can, see peervma explain.\n"
    "\n"
    "  --accelerator NODE  a buffer on this one (default: the first)\n"
    "  --file FILE         map this, for reading and writing\n"
    "  --offset BYTES      from here on (default 0)\n"
    "  --length BYTES      (default: the rest of FILE, or a page)\n"
    "  --hold              keep it until a signal comes\n"
    "  --fd N              COMMAND gets the dma-buf as descriptor N (default "
    "3)\n"
    "  --json              one JSON object\n"
    "  --help              show this\n"
    "\n"
    "COMMAND runs while the mapping is there. In its environment are\n"
    "PEERVMA_EXPORT_FD, _OFFSET and _LENGTH; what is shown goes to standard "
    "error.\n"
    "\n"
    "Exit codes: 0; 1 if it was not mapped or not exported; 2 wrong usage. Of\n"
    "COMMAND: its own; 128 + N if signal N ended it; 126 if it can't be run, "
    "127\n"
    "if it is not found.\n";

static const struct column columns[] = {
    {"source", "SOURCE", CELL_TEXT},
    {"address", "ADDRESS", CELL_TEXT},
    {"length", "LENGTH", CELL_BYTES},
    {"kind", "KIND", CELL_TEXT},
    {"driver", "DRIVER", CELL_TEXT},
    {"pci", "PCI", CELL_TEXT},
    {"provider", "PROVIDER", CELL_TEXT},
    {"exporter", "EXPORTER", CELL_TEXT},
    {"dmabuf_size", "DMA-BUF SIZE", CELL_BYTES},
    {"offset", "OFFSET", CELL_NUMBER},
    {"refusals", "REFUSED BY", CELL_TEXT},
    {"why", "NOT EXPORTED", CELL_TEXT},
};

#define COLUMNS (sizeof(columns) / sizeof(columns[0]))

struct arguments {
    struct export_source source;
    int fd;
    bool hold;
    bool json;
};

static const char *known(const char *text)
{
    return text[0] != '\0' ? text : NULL;
}

static void show(const struct exported *exported, bool json)
{
    char address[48], length[24], pci[PCI_TEXT], size[24], offset[24];
    uintptr_t start = (uintptr_t)exported->ptr;
    bool mapped = exported->ptr != NULL, good = exported->export.fd >= 0;
    char refusals[2048] = "";
    unsigned i;
    struct table table;

    snprintf(address, sizeof(address), "0x%" PRIxPTR "-0x%" PRIxPTR, start,
             start + exported->length);
    snprintf(length, sizeof(length), "%zu", exported->length);
    snprintf(size, sizeof(size), "%" PRIu64, exported->export.object_size);
    snprintf(offset, sizeof(offset), "%" PRIu64, exported->export.offset);
    for (i = 0; i < exported->refusals.count; i++) {
        refusal_append(refusals, sizeof(refusals),
                       &exported->refusals.refusal[i]);
    }

    table_create(columns, COLUMNS, &table);
    table_add(&table,
              (const char *[]){
                  known(exported->source),
                  mapped ? address : NULL,
                  mapped ? length : NULL,
                  mapped ? peervma_kind_string(exported->region.kind) : NULL,
                  known(exported->driver),
                  exported->region.pci.valid
                      ? machine_pci_text(&exported->region.pci, pci)
                      : NULL,
                  good ? exported->export.provider : NULL,
                  known(exported->info.exporter),
                  good ? size : NULL,
                  good ? offset : NULL,
                  known(refusals),
                  known(exported->why),
              });
    if (json) {
        table_print_json_row(&table, 0);
        putchar('\n');
    } else {
        table_print_record(&table, 0);
    }
    fflush(stdout);
    table_destroy(&table);
}

static void set_number(const char *name, uint64_t value)
{
    char text[24];

    snprintf(text, sizeof(text), "%" PRIu64, value);
    setenv(name, text, 1);
}

static int run(const struct exported *exported, char *const *command, int fd)
{
    int status;
    pid_t pid;

    set_number("PEERVMA_EXPORT_FD", (uint64_t)fd);
    set_number("PEERVMA_EXPORT_OFFSET", exported->export.offset);
    set_number("PEERVMA_EXPORT_LENGTH", exported->length);
    pid = spawn_start(command, exported->export.fd, fd);
    if (pid < 0) {
        fprintf(stderr, "peervma export: %s: %s\n", command[0], strerror(-pid));
        return spawn_exit_code_of_error(pid);
    }
    return spawn_wait(pid, &status) == 0 ? spawn_exit_code(status)
                                         : EXIT_FAILURE;
}

static void hold(const struct exported *exported, bool json)
{
    sigset_t signals;
    int number;

    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGHUP);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    if (!json) {
        printf("held by process %ld as descriptor %d, until a signal comes\n",
               (long)getpid(), exported->export.fd);
        fflush(stdout);
    }
    sigwait(&signals, &number);
}

static int export(const struct arguments *arguments, char *const *command)
{
    struct exported exported;
    int saved = -1, code = EXIT_FAILURE;

    if (export_begin(&arguments->source, &exported) == 0) {
        code = EXIT_SUCCESS;
    }
    if (command != NULL) {
        saved = output_divert(STDERR_FILENO);
    }
    show(&exported, arguments->json);
    if (saved >= 0) {
        output_restore(saved);
    }
    if (code == EXIT_SUCCESS && command != NULL) {
        code = run(&exported, command, arguments->fd);
    }
    if (exported.export.fd >= 0 && arguments->hold) {
        hold(&exported, arguments->json);
    }
    export_end(&exported);
    return code;
}

static int wrong_usage(const char *why)
{
    fprintf(stderr, "peervma export: %s\n\n%s", why, usage);
    return EXIT_USAGE;
}

static bool take_bytes(const char *text, uint64_t *bytes_p)
{
    return number_parse_bytes(text, bytes_p) && *bytes_p <= INT64_MAX;
}

/* The exit code; -1 to go on. */
static int take_options(int argc, char **argv, struct arguments *arguments_p)
{
    static const struct option options[] = {
        {"accelerator", required_argument, NULL, 'a'},
        {"file", required_argument, NULL, 'f'},
        {"offset", required_argument, NULL, 'o'},
        {"length", required_argument, NULL, 'l'},
        {"hold", no_argument, NULL, 'k'},
        {"fd", required_argument, NULL, 'd'},
        {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    struct export_source *source = &arguments_p->source;
    uint64_t number;
    int option;

    *arguments_p = (struct arguments){.fd = DEFAULT_FD};
    while ((option = getopt_long(argc, argv, "+", options, NULL)) != -1) {
        switch (option) {
        case 'a':
            source->accelerator = optarg;
            break;
        case 'f':
            source->file = optarg;
            break;
        case 'o':
            if (!take_bytes(optarg, &source->offset)) {
                return wrong_usage("--offset: that is no number of bytes");
            }
            break;
        case 'l':
            if (!take_bytes(optarg, &number) || number == 0) {
                return wrong_usage("--length: that is no number of bytes");
            }
            source->length = (size_t)number;
            break;
        case 'd':
            if (!number_parse(optarg, MAX_FD, &number) ||
                number <= STDERR_FILENO) {
                return wrong_usage("--fd: a number from 3 to 1023");
            }
            arguments_p->fd = (int)number;
            break;
        case 'k':
            arguments_p->hold = true;
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

int peervma_cmd_export(int argc, char **argv)
{
    struct arguments arguments;
    bool command;
    int code;

    code = take_options(argc, argv, &arguments);
    if (code >= 0) {
        return code;
    }
    command = optind > 1 && strcmp(argv[optind - 1], "--") == 0;
    if (optind < argc && !command) {
        return wrong_usage("put -- before COMMAND, and --file before FILE");
    }
    if (arguments.source.file != NULL && arguments.source.accelerator != NULL) {
        return wrong_usage("either --file or --accelerator");
    }
    if (arguments.source.file == NULL && arguments.source.offset != 0) {
        return wrong_usage("--offset is for --file");
    }
    return export(&arguments, optind < argc ? argv + optind : NULL);
}
