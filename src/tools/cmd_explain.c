/* SPDX-License-Identifier: BSD-3-Clause */
/* peervma explain: the device memory that another process has mapped. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "classify.h"
#include "commands.h"
#include "describe.h"
#include "provider.h"
#include "sysfs.h"
#include "table.h"

static const char usage[] =
    "usage: peervma explain [--json] PID\n"
    "       peervma explain [--json] --pid PID [ADDRESS]\n"
    "\n"
    "Shows each mapping of device memory of a process, or the one at ADDRESS\n"
    "(0x...): its kind, driver and PCI device, what it allows, and which\n"
    "provider of libpeervma would export it as a dma-buf, or why none would.\n"
    "\n"
    "  --json  a JSON array\n"
    "\n"
    "Exit codes: 0; 1 if the process cannot be looked at; 2 wrong usage; 3 if\n"
    "there is no device memory at ADDRESS.\n";

static const struct column columns[] = {
    {"address", "ADDRESS", CELL_TEXT},   {"length", "LENGTH", CELL_BYTES},
    {"kind", "KIND", CELL_TEXT},         {"driver", "DRIVER", CELL_TEXT},
    {"pci", "PCI", CELL_TEXT},           {"access", "ACCESS", CELL_TEXT},
    {"provider", "PROVIDER", CELL_TEXT}, {"why", "WHY", CELL_TEXT},
};

struct explanation {
    const peervma_context_t *context;
    struct table table;
};

/* The first provider that would export the mapping; NULL and why none would. */
static const char *find_provider(const struct peervma_request *request,
                                 char *why, size_t size)
{
    const struct peervma_provider *const *provider;
    size_t used = 0;
    unsigned reason;

    why[0] = '\0';
    for (provider = peervma_providers; *provider != NULL; provider++) {
        reason = PEERVMA_REASON_NONE;
        if ((*provider)->check(request, &reason) == 0) {
            why[0] = '\0';
            return (*provider)->name;
        }
        if (used < size) {
            used += (size_t)snprintf(why + used, size - used, "%s%s: %s",
                                     used > 0 ? "; " : "", (*provider)->name,
                                     peervma_reason_string(reason));
        }
    }
    return NULL;
}

static int add_mapping(const struct peervma_vma *vma,
                       const peervma_region_t *region, void *arg)
{
    struct explanation *explanation = arg;
    const struct peervma_view *view = &explanation->context->view;
    const struct peervma_request request = {
        .context = explanation->context,
        .vma = vma,
        .region = region,
        .address = vma->start,
        .length = region->length,
    };
    char address[48], length[32], driver[64], pci[32], access[8], why[512];
    struct peervma_class class;
    const char *provider;
    bool driven;

    peervma_classify(view, vma, &class);
    driven = class.device != 0 &&
             peervma_sysfs_char_link(view, class.device, "device/driver",
                                     driver, sizeof(driver));
    snprintf(address, sizeof(address), "0x%" PRIxPTR "-0x%" PRIxPTR, vma->start,
             vma->end);
    snprintf(length, sizeof(length), "%zu", region->length);
    snprintf(pci, sizeof(pci), "%04x:%02x:%02x.%x", region->pci.domain,
             region->pci.bus, region->pci.device, region->pci.function);
    snprintf(access, sizeof(access), "%c%c%c",
             region->prot & PROT_READ ? 'r' : '-',
             region->prot & PROT_WRITE ? 'w' : '-', vma->shared ? 's' : 'p');
    provider = find_provider(&request, why, sizeof(why));

    table_add(&explanation->table, (const char *[]){
                                       address,
                                       length,
                                       peervma_kind_string(region->kind),
                                       driven ? driver : NULL,
                                       region->pci.valid ? pci : NULL,
                                       access,
                                       provider,
                                       provider == NULL ? why : NULL,
                                   });
    return 0;
}

/* `address` 0: all. */
static int explain(long pid, uintptr_t address, bool json)
{
    struct explanation explanation;
    struct peervma_view view;
    peervma_context_t *context;
    int ret;

    peervma_view_process((pid_t)pid, &view);
    ret = peervma_context_open_view(0, &view, &context);
    if (ret != 0) {
        goto err;
    }
    explanation.context = context;
    table_create(columns, 8, &explanation.table);
    ret = peervma_mappings_walk(context, address,
                                address != 0 ? address + 1 : UINTPTR_MAX,
                                add_mapping, &explanation);
    peervma_context_close(context);
    if (ret != 0) {
        goto err_destroy;
    }

    if (json) {
        table_print_json(&explanation.table);
        putchar('\n');
    } else if (explanation.table.rows > 0) {
        table_print(&explanation.table);
    } else if (address != 0) {
        printf("no device memory at 0x%" PRIxPTR " of process %ld\n", address,
               pid);
    } else {
        printf("process %ld has no device memory mapped\n", pid);
    }
    ret = address != 0 && explanation.table.rows == 0 ? EXIT_NOTHING
                                                      : EXIT_SUCCESS;
    table_destroy(&explanation.table);
    return ret;

err_destroy:
    table_destroy(&explanation.table);
err:
    fprintf(stderr, "peervma explain: process %ld: %s\n", pid,
            ret == -ENOENT   ? "there is none"
            : ret == -EACCES ? "not yours to look at: ask as its user or root"
                             : strerror(-ret));
    return EXIT_FAILURE;
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

int peervma_cmd_explain(int argc, char **argv)
{
    static const struct option options[] = {
        {"pid", required_argument, NULL, 'p'},
        {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    const char *pid_text = NULL, *address_text = NULL;
    unsigned long pid, address = 0;
    bool json = false;
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case 'p':
            pid_text = optarg;
            break;
        case 'j':
            json = true;
            break;
        default:
            fputs(usage, option == 'h' ? stdout : stderr);
            return option == 'h' ? EXIT_SUCCESS : EXIT_USAGE;
        }
    }
    if (pid_text != NULL && optind < argc) {
        address_text = argv[optind++];
    } else if (optind < argc) {
        pid_text = argv[optind++];
    }
    if (pid_text == NULL || optind < argc) {
        return wrong_usage("say one process");
    }
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
    return explain((long)pid, (uintptr_t)address, json);
}
