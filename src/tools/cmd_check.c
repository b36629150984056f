/* SPDX-License-Identifier: BSD-3-Clause */
/* peervma check: does each accelerator work with each NIC, really tried. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "machine.h"
#include "numbers.h"
#include "pair.h"
#include "progress.h"
#include "table.h"
#include "topology.h"

#define DEFAULT_SIZE (1 << 20)
#define MAX_SIZE (1 << 30)

static const char usage[] =
    "usage: peervma check [--json] [--size BYTES] [--accelerator NODE]\n"
    "                     [--nic NAME]\n"
    "\n"
    "Tries each accelerator with each RDMA NIC: allocates a buffer on the\n"
    "accelerator, exports it as a dma-buf, registers that with the NIC, and "
    "lets\n"
    "the NIC read it and write it over loopback. Every byte is compared. "
    "Tells\n"
    "each step's result, the rates, what is between the two (a PCI bridge "
    "both\n"
    "are below, the CPU's host-bridge, or two host-bridges), and why a step "
    "failed.\n"
    "\n"
    "  --size BYTES        of the buffer, up to 1G (default 1M)\n"
    "  --accelerator NODE  this one only, by its node or the node's last part\n"
    "  --nic NAME          this one only\n"
    "  --json              a JSON array\n"
    "  --help              show this\n"
    "\n"
    "Exit codes: 0 if every pair works; 1 if one does not; 2 wrong usage; 3 "
    "if\n"
    "there is no accelerator or no NIC.\n";

static const struct column columns[] = {
    {"accelerator", "ACCELERATOR", CELL_TEXT},
    {"nic", "NIC", CELL_TEXT},
    {"buffer", "BUFFER", CELL_TEXT},
    {"provider", "PROVIDER", CELL_TEXT},
    {"registered", "REGISTERED", CELL_BOOL},
    {"read", "READ", CELL_BOOL},
    {"read_mib_per_second", "MIB/S", CELL_NUMBER},
    {"read_verified", "VERIFIED", CELL_BYTES},
    {"write", "WRITE", CELL_BOOL},
    {"write_mib_per_second", "MIB/S", CELL_NUMBER},
    {"write_verified", "VERIFIED", CELL_BYTES},
    {"path", "PATH", CELL_TEXT},
    {"why", "WHY", CELL_TEXT},
};

#define COLUMNS (sizeof(columns) / sizeof(columns[0]))

_Static_assert(COLUMNS <= TABLE_COLUMNS, "TABLE_COLUMNS");

struct check {
    const char *only_accelerator; /* NULL: all */
    const char *only_nic;
    size_t size;
    peervma_context_t *context;
    const struct accelerator *accelerator;
    struct table table;
    unsigned accelerators, nics, bad;
};

/* A transfer's three cells. */
struct transfer_cells {
    char rate[32];
    char verified[32];
    const char *cell[3];
};

static void fill_transfer(const struct transfer_result *result,
                          struct transfer_cells *cells_p)
{
    *cells_p = (struct transfer_cells){.cell = {NULL, NULL, NULL}};
    if (result->state == TRANSFER_NOT_TRIED) {
        return;
    }
    snprintf(cells_p->rate, sizeof(cells_p->rate), "%.1f",
             result->mib_per_second);
    snprintf(cells_p->verified, sizeof(cells_p->verified), "%" PRIu64,
             result->verified);
    cells_p->cell[0] = yes_or_no(result->state == TRANSFER_OK);
    cells_p->cell[1] = result->state == TRANSFER_OK ? cells_p->rate : NULL;
    cells_p->cell[2] = cells_p->verified;
}

/* `nic` is NULL where there is none. */
static void add_result(struct check *check, const struct nic *nic,
                       const struct pair_result *result)
{
    struct transfer_cells read, write;
    struct topology topology = {.path = TOPOLOGY_UNKNOWN};

    if (nic != NULL) {
        topology_look("/sys", &check->accelerator->pci, &nic->pci, &topology);
    }
    fill_transfer(&result->transfer[LOOPBACK_READ], &read);
    fill_transfer(&result->transfer[LOOPBACK_WRITE], &write);
    table_add(&check->table,
              (const char *[]){
                  check->accelerator->node,
                  nic != NULL ? nic->name : NULL,
                  result->way,
                  result->provider,
                  result->registration == PAIR_NOT_TRIED
                      ? NULL
                      : yes_or_no(result->registration == PAIR_REGISTERED),
                  read.cell[0],
                  read.cell[1],
                  read.cell[2],
                  write.cell[0],
                  write.cell[1],
                  write.cell[2],
                  topology_name(&topology),
                  result->why[0] != '\0' ? result->why : NULL,
              });
}

static void check_pair(const struct nic *nic, void *arg)
{
    struct check *check = arg;
    struct pair_result result;

    if (check->only_nic != NULL && strcmp(check->only_nic, nic->name) != 0) {
        return;
    }
    check->nics++;
    progress_say("%s with %s ...", check->accelerator->node, nic->name);
    pair_try(check->context, check->accelerator, nic, check->size,
             PAIR_TRANSFER, &result);
    check->bad += !pair_is_good(&result, PAIR_TRANSFER);
    add_result(check, nic, &result);
}

/* Without a NIC, at least how far it goes without one. */
static void check_accelerator(const struct accelerator *accelerator, void *arg)
{
    struct check *check = arg;
    struct pair_result result;
    unsigned before = check->nics;

    if (!machine_is_node(accelerator->node, check->only_accelerator)) {
        return;
    }
    check->accelerators++;
    check->accelerator = accelerator;
    machine_nics("/sys", check_pair, check);
    if (check->nics == before) {
        pair_try(check->context, accelerator, NULL, check->size, PAIR_EXPORT,
                 &result);
        if (result.why[0] == '\0') {
            snprintf(result.why, sizeof(result.why), "no RDMA NIC%s%s",
                     check->only_nic != NULL ? " " : "",
                     check->only_nic != NULL ? check->only_nic : "");
        }
        add_result(check, NULL, &result);
    }
}

/* The device is gone, or reset, while the CPU looks at its memory. */
static void on_bus_error(int signal)
{
    static const char text[] = "\npeervma check: the accelerator's memory "
                               "went away while it was looked at\n";
    ssize_t written = write(STDERR_FILENO, text, sizeof(text) - 1);

    (void)signal;
    (void)written;
    _exit(EXIT_FAILURE);
}

static int print_result(const struct check *check, bool json)
{
    if (json) {
        table_print_json(&check->table);
        putchar('\n');
    } else if (check->accelerators == 0) {
        printf("no accelerator%s%s: no device has a DRM or accel node%s\n",
               check->only_accelerator != NULL ? " " : "",
               check->only_accelerator != NULL ? check->only_accelerator : "",
               check->only_accelerator != NULL ? " of that name" : "");
    } else {
        table_print(&check->table);
    }
    if (check->accelerators == 0 || check->nics == 0) {
        return EXIT_NOTHING;
    }
    return check->bad == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int run(struct check *check, bool json)
{
    int ret;

    ret = peervma_context_open(0, &check->context);
    if (ret != 0) {
        fprintf(stderr, "peervma check: /proc/self/maps: %s\n", strerror(-ret));
        return EXIT_FAILURE;
    }
    signal(SIGBUS, on_bus_error);
    table_create(columns, COLUMNS, &check->table);
    ret = machine_accelerators("/sys", check_accelerator, check);
    progress_end();
    peervma_context_close(check->context);
    if (ret != 0) {
        fprintf(stderr, "peervma check: /sys cannot be read: %s\n",
                strerror(-ret));
        ret = EXIT_FAILURE;
    } else {
        ret = print_result(check, json);
    }
    table_destroy(&check->table);
    return ret;
}

int peervma_cmd_check(int argc, char **argv)
{
    static const struct option options[] = {
        {"size", required_argument, NULL, 's'},
        {"accelerator", required_argument, NULL, 'a'},
        {"nic", required_argument, NULL, 'n'},
        {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    struct check check = {.size = DEFAULT_SIZE};
    uint64_t size;
    bool json = false;
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case 's':
            if (!number_parse_bytes(optarg, &size) || size == 0 ||
                size > MAX_SIZE) {
                fprintf(stderr, "peervma check: no size up to 1G: %s\n",
                        optarg);
                return EXIT_USAGE;
            }
            check.size = (size_t)size;
            break;
        case 'a':
            check.only_accelerator = optarg;
            break;
        case 'n':
            check.only_nic = optarg;
            break;
        case 'j':
            json = true;
            break;
        default:
            fputs(usage, option == 'h' ? stdout : stderr);
            return option == 'h' ? EXIT_SUCCESS : EXIT_USAGE;
        }
    }
    if (optind < argc) {
        fputs(usage, stderr);
        return EXIT_USAGE;
    }
    return run(&check, json);
}
