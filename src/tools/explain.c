/* SPDX-License-Identifier: BSD-3-Clause */
#include "explain.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "classify.h"
#include "describe.h"
#include "dmabuf_info.h"
#include "machine.h"
#include "provider.h"
#include "sysfs.h"

static const struct column columns[] = {
    {"pid", "PID", CELL_NUMBER},         {"address", "ADDRESS", CELL_TEXT},
    {"length", "LENGTH", CELL_BYTES},    {"kind", "KIND", CELL_TEXT},
    {"driver", "DRIVER", CELL_TEXT},     {"object", "OBJECT", CELL_TEXT},
    {"pci", "PCI", CELL_TEXT},           {"access", "ACCESS", CELL_TEXT},
    {"provider", "PROVIDER", CELL_TEXT}, {"ucx", "UCX", CELL_TEXT},
    {"ucx_why", NULL, CELL_TEXT},        {"why", "WHY", CELL_TEXT},
};

#define COLUMNS (sizeof(columns) / sizeof(columns[0]))
#define COLUMN_PID 0
#define COLUMN_UCX 9
#define COLUMN_UCX_WHY 10

struct seen {
    pid_t pid;
    uintptr_t start, end;
    uint64_t offset, inode;
};

struct walk {
    struct explanation *explanation;
    const peervma_context_t *context;
};

void explain_begin(struct explanation *explanation_p)
{
    *explanation_p = (struct explanation){.seen = NULL};
    outlook_look_at_nics("/sys", &explanation_p->outlook);
    table_create(columns, COLUMNS, &explanation_p->table);
}

void explain_end(struct explanation *explanation)
{
    table_destroy(&explanation->table);
    free(explanation->seen);
}

void explain_clear(struct explanation *explanation)
{
    table_destroy(&explanation->table);
    explanation->seen_count = 0;
}

/* Is it in the table? It is from now on. */
static bool is_seen(struct explanation *explanation,
                    const struct peervma_vma *vma)
{
    const struct seen mapping = {explanation->pid, vma->start, vma->end,
                                 vma->offset, vma->inode};
    struct seen *grown;
    size_t i;

    for (i = 0; i < explanation->seen_count; i++) {
        const struct seen *seen = &explanation->seen[i];

        if (seen->pid == mapping.pid && seen->start == mapping.start &&
            seen->end == mapping.end && seen->offset == mapping.offset &&
            seen->inode == mapping.inode) {
            return true;
        }
    }
    grown = realloc(explanation->seen, (i + 1) * sizeof(*grown));
    if (grown != NULL) {
        explanation->seen = grown;
        explanation->seen[explanation->seen_count++] = mapping;
    }
    return false;
}

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

/* What is mapped, where in it, and whose it is, as far as it is to be seen. */
static void describe_object(const struct peervma_view *view,
                            const struct peervma_vma *vma, peervma_kind_t kind,
                            char *object, size_t size, char *driver,
                            size_t driver_size)
{
    const char *name = vma->path;
    struct dmabuf_info info;

    if (kind == PEERVMA_KIND_DMABUF) {
        bool open = dmabuf_info_find(view->proc, vma->inode, &info);

        snprintf(object, size, "dma-buf %" PRIu64 "%s%s", vma->inode,
                 open && info.name[0] != '\0' ? " " : "",
                 open ? info.name : "");
        snprintf(driver, driver_size, "%s", open ? info.exporter : "");
        return;
    }
    /* A BAR's device is told by its own column. */
    if (kind == PEERVMA_KIND_BAR && strncmp(name, "/sys/", 5) == 0) {
        name = peervma_path_tail(name, 1);
    }
    snprintf(object, size, "%s+0x%" PRIx64, name, vma->offset);
}

static const char *known(const char *text)
{
    return text[0] != '\0' ? text : NULL;
}

static void add_mapping(struct walk *walk, const struct peervma_vma *vma,
                        const peervma_region_t *region)
{
    struct explanation *explanation = walk->explanation;
    const struct peervma_view *view = &walk->context->view;
    const struct peervma_request request = {
        .context = walk->context,
        .vma = vma,
        .region = region,
        .address = vma->start,
        .length = region->length,
    };
    char pid[16], address[48], length[32], driver[64] = "", pci[PCI_TEXT];
    char object[PATH_MAX + 64], access[8], why[1024], ucx_why[256];
    struct peervma_class class;
    const char *provider;

    peervma_classify(view, vma, &class);
    if (class.device != 0) {
        peervma_sysfs_char_link(view, class.device, "device/driver", driver,
                                sizeof(driver));
    }
    describe_object(view, vma, region->kind, object, sizeof(object),
                    driver[0] != '\0' ? (char[64]){""} : driver,
                    sizeof(driver));
    snprintf(pid, sizeof(pid), "%ld", (long)explanation->pid);
    snprintf(address, sizeof(address), "0x%" PRIxPTR "-0x%" PRIxPTR, vma->start,
             vma->end);
    snprintf(length, sizeof(length), "%zu", region->length);
    snprintf(access, sizeof(access), "%c%c%c",
             region->prot & PROT_READ ? 'r' : '-',
             region->prot & PROT_WRITE ? 'w' : '-', vma->shared ? 's' : 'p');
    provider = find_provider(&request, why, sizeof(why));
    outlook_explain(&explanation->outlook, provider, ucx_why, sizeof(ucx_why));

    table_add(
        &explanation->table,
        (const char *[]){
            pid,
            address,
            length,
            peervma_kind_string(region->kind),
            known(driver),
            object,
            region->pci.valid ? machine_pci_text(&region->pci, pci) : NULL,
            access,
            provider,
            outlook_word(outlook_judge(&explanation->outlook, provider)),
            ucx_why,
            known(why),
        });
}

static int meet_mapping(const struct peervma_vma *vma,
                        const peervma_region_t *region, void *arg)
{
    struct walk *walk = arg;

    if (!is_seen(walk->explanation, vma)) {
        add_mapping(walk, vma, region);
    }
    return 0;
}

int explain_process(struct explanation *explanation, pid_t pid,
                    uintptr_t address)
{
    struct walk walk = {.explanation = explanation};
    struct peervma_view view;
    peervma_context_t *context;
    int ret;

    peervma_view_process(pid, &view);
    ret = peervma_context_open_view(0, &view, &context);
    if (ret != 0) {
        return ret;
    }
    walk.context = context;
    explanation->pid = pid;
    outlook_look_at_process(view.proc, &explanation->outlook);
    ret = peervma_mappings_walk(context, address,
                                address != 0 ? address + 1 : UINTPTR_MAX,
                                meet_mapping, &walk);
    peervma_context_close(context);
    return ret;
}

/* Each different line once. */
static void print_outlook(const struct table *table)
{
    size_t row, earlier;

    putchar('\n');
    for (row = 0; row < table->rows; row++) {
        for (earlier = 0; earlier < row; earlier++) {
            if (strcmp(table->cells[row][COLUMN_UCX_WHY],
                       table->cells[earlier][COLUMN_UCX_WHY]) == 0) {
                break;
            }
        }
        if (earlier == row) {
            printf("UCX, %s: %s\n", table->cells[row][COLUMN_UCX],
                   table->cells[row][COLUMN_UCX_WHY]);
        }
    }
}

void explain_print(const struct explanation *explanation, bool pids, bool json)
{
    const struct table *table = &explanation->table;

    if (json) {
        table_print_json(table);
        putchar('\n');
        return;
    }
    table_print_without(table, pids ? UINT64_C(0) : UINT64_C(1) << COLUMN_PID);
    print_outlook(table);
}
