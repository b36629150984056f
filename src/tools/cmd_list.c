/* SPDX-License-Identifier: BSD-3-Clause */
/* peervma list: what of a zero-copy path this machine has. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "machine.h"
#include "module.h"
#include "pair.h"
#include "table.h"

static const char usage[] =
    "usage: peervma list [--json]\n"
    "\n"
    "Lists this machine's accelerators (devices with a DRM or accel node) "
    "with\n"
    "who exports their buffers, its RDMA NICs with whether they register "
    "dma-bufs,\n"
    "and the state of /dev/peervma.\n"
    "\n"
    "  --json  one JSON object\n"
    "  --help  show this\n"
    "\n"
    "Exit codes: 0, 1 if the machine cannot be looked at, 2 wrong usage.\n";

static const struct column accelerator_columns[] = {
    {"node", "ACCELERATOR", CELL_TEXT},
    {"driver", "DRIVER", CELL_TEXT},
    {"pci", "PCI", CELL_TEXT},
    {"numa_node", "NUMA", CELL_NUMBER},
    {"largest_bar", "LARGEST BAR", CELL_BYTES},
    {"usable", "USABLE", CELL_BOOL},
    {"buffer", "BUFFER", CELL_TEXT},
    {"provider", "PROVIDER", CELL_TEXT},
    {"note", "NOTE", CELL_TEXT},
};

#define ACCELERATOR_COLUMNS \
    (sizeof(accelerator_columns) / sizeof(accelerator_columns[0]))

static const struct column nic_columns[] = {
    {"name", "NIC", CELL_TEXT},      {"driver", "DRIVER", CELL_TEXT},
    {"pci", "PCI", CELL_TEXT},       {"numa_node", "NUMA", CELL_NUMBER},
    {"netdev", "NETDEV", CELL_TEXT}, {"link", "LINK", CELL_TEXT},
    {"state", "STATE", CELL_TEXT},   {"dmabuf", "DMA-BUF", CELL_BOOL},
    {"note", "NOTE", CELL_TEXT},
};

#define NIC_COLUMNS (sizeof(nic_columns) / sizeof(nic_columns[0]))

struct accelerators {
    peervma_context_t *context;
    struct table table;
};

/* NULL for an empty text: not known. */
static const char *known(const char *text)
{
    return text[0] != '\0' ? text : NULL;
}

/* What a small buffer shows of it: how one is allocated, and who exports it. */
static void add_accelerator(const struct accelerator *accelerator, void *arg)
{
    struct accelerators *accelerators = arg;
    char pci[PCI_TEXT], numa[16], bar[32];
    struct pair_result result;

    pair_try(accelerators->context, accelerator, NULL, 1, PAIR_EXPORT, &result);
    snprintf(numa, sizeof(numa), "%d", accelerator->numa_node);
    snprintf(bar, sizeof(bar), "%" PRIu64, accelerator->largest_bar);
    table_add(&accelerators->table,
              (const char *[]){
                  accelerator->node,
                  known(accelerator->driver),
                  accelerator->pci.valid
                      ? machine_pci_text(&accelerator->pci, pci)
                      : NULL,
                  accelerator->numa_node >= 0 ? numa : NULL,
                  accelerator->largest_bar > 0 ? bar : NULL,
                  yes_or_no(accelerator->usable),
                  result.way,
                  result.provider,
                  known(result.why),
              });
}

static const char *probe_note(int result)
{
    switch (result) {
    case 0:
        return "";
    case -EOPNOTSUPP:
    case -EPROTONOSUPPORT:
        return "its driver registers no dma-buf: transfers are staged";
    case -ENOSYS:
        return "built without libibverbs: dma-buf not tried";
    default:
        return strerror(-result);
    }
}

static void add_nic(const struct nic *nic, void *arg)
{
    int result = nic_probe_dmabuf(nic->name);
    const char *dmabuf = NULL;
    char pci[PCI_TEXT], numa[16];

    if (result == 0) {
        dmabuf = "yes";
    } else if (result == -EOPNOTSUPP || result == -EPROTONOSUPPORT) {
        dmabuf = "no";
    }
    snprintf(numa, sizeof(numa), "%d", nic->numa_node);
    table_add(arg, (const char *[]){
                       nic->name,
                       known(nic->driver),
                       nic->pci.valid ? machine_pci_text(&nic->pci, pci) : NULL,
                       nic->numa_node >= 0 ? numa : NULL,
                       known(nic->netdev),
                       known(nic->link),
                       known(nic->state),
                       dmabuf,
                       known(probe_note(result)),
                   });
}

struct module_state {
    bool usable;
    const char *note; /* why not; NULL if it is */
    uint64_t kinds;   /* bits of PEERVMA_KIND_* that it exports */
};

static void look_at_module(struct module_state *state_p)
{
    struct peervma_module module;
    struct peervma_info info = {.kinds = 0};
    int ret;

    peervma_module_open("/dev/peervma", &module);
    ret =
        module.error != 0 ? module.error : peervma_module_info(&module, &info);
    *state_p = (struct module_state){.usable = ret == 0, .kinds = info.kinds};
    if (module.error != 0) {
        state_p->note = peervma_reason_string(peervma_module_reason(&module));
    } else if (ret != 0) {
        state_p->note = strerror(-ret);
    }
    peervma_module_close(&module);
}

static void print_kinds(uint64_t kinds, bool json)
{
    const char *separator = "";
    unsigned kind;

    for (kind = PEERVMA_KIND_DMABUF; kind <= PEERVMA_KIND_OTHER; kind++) {
        if (kinds >> kind & 1) {
            fputs(separator, stdout);
            if (json) {
                json_print_string(peervma_kind_string((peervma_kind_t)kind));
            } else {
                fputs(peervma_kind_string((peervma_kind_t)kind), stdout);
            }
            separator = ", ";
        }
    }
}

static void print_text(const struct table *accelerators,
                       const struct table *nics,
                       const struct module_state *module)
{
    if (accelerators->rows > 0) {
        table_print(accelerators);
    } else {
        puts("no accelerator: no device has a DRM or accel node");
    }
    putchar('\n');
    if (nics->rows > 0) {
        table_print(nics);
    } else {
        puts("no RDMA NIC");
    }
    fputs("\n/dev/peervma: ", stdout);
    if (module->usable) {
        fputs("usable, exports mappings of kind ", stdout);
        print_kinds(module->kinds, false);
        putchar('\n');
    } else {
        printf("not usable: %s\n", module->note);
    }
}

static void print_json(const struct table *accelerators,
                       const struct table *nics,
                       const struct module_state *module)
{
    fputs("{\"accelerators\": ", stdout);
    table_print_json(accelerators);
    fputs(", \"nics\": ", stdout);
    table_print_json(nics);
    printf(", \"module\": {\"usable\": %s, \"note\": ",
           module->usable ? "true" : "false");
    if (module->note != NULL) {
        json_print_string(module->note);
    } else {
        fputs("null", stdout);
    }
    fputs(", \"kinds\": [", stdout);
    print_kinds(module->kinds, true);
    puts("]}}");
}

static int list(bool json)
{
    struct accelerators accelerators;
    struct module_state module;
    struct table nics;
    int ret;

    ret = peervma_context_open(0, &accelerators.context);
    if (ret != 0) {
        fprintf(stderr, "peervma list: /proc/self/maps: %s\n", strerror(-ret));
        return EXIT_FAILURE;
    }
    table_create(accelerator_columns, ACCELERATOR_COLUMNS, &accelerators.table);
    table_create(nic_columns, NIC_COLUMNS, &nics);
    ret = machine_accelerators("/sys", add_accelerator, &accelerators);
    if (ret == 0) {
        ret = machine_nics("/sys", add_nic, &nics);
    }
    if (ret == 0) {
        look_at_module(&module);
        (json ? print_json : print_text)(&accelerators.table, &nics, &module);
    } else {
        fprintf(stderr, "peervma list: /sys cannot be read: %s\n",
                strerror(-ret));
    }
    table_destroy(&accelerators.table);
    table_destroy(&nics);
    peervma_context_close(accelerators.context);
    return ret == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int peervma_cmd_list(int argc, char **argv)
{
    static const struct option options[] = {
        {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    bool json = false;
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option != 'j') {
            fputs(usage, option == 'h' ? stdout : stderr);
            return option == 'h' ? EXIT_SUCCESS : EXIT_USAGE;
        }
        json = true;
    }
    if (optind < argc) {
        fputs(usage, stderr);
        return EXIT_USAGE;
    }
    return list(json);
}
