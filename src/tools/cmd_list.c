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
#include "table.h"

static const char usage[] =
    "usage: peervma list [--json]\n"
    "\n"
    "Lists this machine's accelerators (devices with a DRM or accel node), "
    "its\n"
    "RDMA NICs with whether they register dma-bufs, and the state of\n"
    "/dev/peervma.\n"
    "\n"
    "  --json  one JSON object\n"
    "\n"
    "Exit codes: 0, 1 if the machine cannot be looked at, 2 wrong usage.\n";

static const struct column accelerator_columns[] = {
    {"node", "ACCELERATOR", CELL_TEXT},
    {"driver", "DRIVER", CELL_TEXT},
    {"pci", "PCI", CELL_TEXT},
    {"numa_node", "NUMA", CELL_NUMBER},
    {"largest_bar", "LARGEST BAR", CELL_BYTES},
    {"usable", "USABLE", CELL_BOOL},
};

static const struct column nic_columns[] = {
    {"name", "NIC", CELL_TEXT},       {"driver", "DRIVER", CELL_TEXT},
    {"netdev", "NETDEV", CELL_TEXT},  {"state", "STATE", CELL_TEXT},
    {"dmabuf", "DMA-BUF", CELL_BOOL}, {"note", "NOTE", CELL_TEXT},
};

/* NULL for an empty text: not known. */
static const char *known(const char *text)
{
    return text[0] != '\0' ? text : NULL;
}

static void add_accelerator(const struct accelerator *accelerator, void *arg)
{
    const peervma_pci_t *pci = &accelerator->pci;
    char pci_text[32], numa[16], bar[32];

    snprintf(pci_text, sizeof(pci_text), "%04x:%02x:%02x.%x", pci->domain,
             pci->bus, pci->device, pci->function);
    snprintf(numa, sizeof(numa), "%d", accelerator->numa_node);
    snprintf(bar, sizeof(bar), "%" PRIu64, accelerator->largest_bar);
    table_add(arg, (const char *[]){
                       accelerator->node,
                       known(accelerator->driver),
                       pci->valid ? pci_text : NULL,
                       accelerator->numa_node >= 0 ? numa : NULL,
                       accelerator->largest_bar > 0 ? bar : NULL,
                       yes_or_no(accelerator->usable),
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

    if (result == 0) {
        dmabuf = "yes";
    } else if (result == -EOPNOTSUPP || result == -EPROTONOSUPPORT) {
        dmabuf = "no";
    }
    table_add(arg, (const char *[]){
                       nic->name,
                       known(nic->driver),
                       known(nic->netdev),
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
    struct table accelerators, nics;
    struct module_state module;
    int ret;

    table_create(accelerator_columns, 6, &accelerators);
    table_create(nic_columns, 6, &nics);
    ret = machine_accelerators("/sys", add_accelerator, &accelerators);
    if (ret == 0) {
        ret = machine_nics("/sys", add_nic, &nics);
    }
    if (ret == 0) {
        look_at_module(&module);
        (json ? print_json : print_text)(&accelerators, &nics, &module);
    } else {
        fprintf(stderr, "peervma list: /sys cannot be read: %s\n",
                strerror(-ret));
    }
    table_destroy(&accelerators);
    table_destroy(&nics);
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
