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
#include "refusal.h"
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
#define COLUMN_PROVIDER 8
#define COLUMN_UCX 9
#define COLUMN_UCX_WHY 10

/* Number N is row N of the table. */
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
}

/* Its row in the table; if it is new, where it is going to be. */
static size_t find_row(struct explanation *explanation,
                       const struct peervma_vma *vma)
{
    const struct seen mapping = {explanation->pid, vma->start, vma->end,
                                 vma->offset, vma->inode};
    struct seen *grown;
    size_t i;

    for (i = 0; i < explanation->table.rows; i++) {
        const struct seen *seen = &explanation->seen[i];

        if (seen->pid == mapping.pid && seen->start == mapping.start &&
            seen->end == mapping.end && seen->offset == mapping.offset &&
            seen->inode == mapping.inode) {
            return i;
        }
    }
    grown = realloc(explanation->seen, (i + 1) * sizeof(*grown));
    if (grown == NULL) {
        fputs("peervma: out of memory\n", stderr);
        exit(EXIT_FAILURE);
    }
    explanation->seen = grown;
    explanation->seen[i] = mapping;
    return i;
}

/* UCX may come into a process after the mapping. */
static void renew_outlook(struct explanation *explanation, size_t row)
{
    const struct outlook *outlook = &explanation->outlook;
    const char *provider = explanation->table.cells[row][COLUMN_PROVIDER];
    char why[256];

    outlook_explain(outlook, provider, why, sizeof(why));
    table_set(&explanation->table, row, COLUMN_UCX,
              outlook_word(outlook_judge(outlook, provider)));
    table_set(&explanation->table, row, COLUMN_UCX_WHY, why);
}

/* The first provider that would export the mapping, or NULL; and why those
 * before it would not. */
static const char *find_provider(const struct peervma_request *request,
                                 char *why, size_t size)
{
    const struct peervma_provider *const *provider;
    peervma_refusal_t refusal;

    why[0] = '\0';
    for (provider = peervma_providers; *provider != NULL; provider++) {
        refusal = (peervma_refusal_t){.provider = (*provider)->name};
        refusal.error = (*provider)->check(request, &refusal.reason);
        if (refusal.error == 0) {
            return (*provider)->name;
        }
        refusal_append(why, size, &refusal);
    }
    return NULL;
}

/* What is mapped, where in it, and whose it is, as far as it is to be seen. */
struct object {
    char name[PATH_MAX + 64];
    char driver[64];
};

static void describe_dmabuf(const struct peervma_view *view,
                            const struct peervma_vma *vma,
                            struct object *object_p)
{
    struct dmabuf_info info = {.name = ""};

    dmabuf_info_find(view->proc, vma->inode, &info);
    snprintf(object_p->name, sizeof(object_p->name), "dma-buf %" PRIu64 "%s%s",
             vma->inode, info.name[0] != '\0' ? " " : "", info.name);
    snprintf(object_p->driver, sizeof(object_p->driver), "%s", info.exporter);
}

static void describe_object(const struct peervma_view *view,
                            const struct peervma_vma *vma, peervma_kind_t kind,
                            struct object *object_p)
{
    const char *name = vma->path;
    struct peervma_class class;

    *object_p = (struct object){.driver = ""};
    if (kind == PEERVMA_KIND_DMABUF) {
        describe_dmabuf(view, vma, object_p);
        return;
    }
    peervma_classify(view, vma, &class);
    if (class.device != 0) {
        peervma_sysfs_char_link(view, class.device, "device/driver",
                                object_p->driver, sizeof(object_p->driver));
    }
    /* A BAR's device is told by its own column. */
    if (kind == PEERVMA_KIND_BAR && strncmp(name, "/sys/", 5) == 0) {
        name = peervma_path_tail(name, 1);
    }
    snprintf(object_p->name, sizeof(object_p->name), "%s+0x%" PRIx64, name,
             vma->offset);
}

static const char *known(const char *text)
{
    return text[0] != '\0' ? text : NULL;
}

static void add_mapping(struct walk *walk, const struct peervma_vma *vma,
                        const peervma_region_t *region)
{
    struct explanation *explanation = walk->explanation;
    const struct peervma_request request = {
        .context = walk->context,
        .vma = vma,
        .region = region,
        .address = vma->start,
        .length = region->length,
    };
    char pid[16], address[48], length[32], pci[PCI_TEXT], access[8];
    const char *provider;
    struct object object;
    char why[1024];

    describe_object(&walk->context->view, vma, region->kind, &object);
    snprintf(pid, sizeof(pid), "%ld", (long)explanation->pid);
    snprintf(address, sizeof(address), "0x%" PRIxPTR "-0x%" PRIxPTR, vma->start,
             vma->end);
    snprintf(length, sizeof(length), "%zu", region->length);
    snprintf(access, sizeof(access), "%c%c%c",
             region->prot & PROT_READ ? 'r' : '-',
             region->prot & PROT_WRITE ? 'w' : '-', vma->shared ? 's' : 'p');
    provider = find_provider(&request, why, sizeof(why));
    table_add(
        &explanation->table,
        (const char *[]){
            pid,
            address,
            length,
            peervma_kind_string(region->kind),
            known(object.driver),
            object.name,
            region->pci.valid ? machine_pci_text(&region->pci, pci) : NULL,
            access,
            provider,
            NULL,
            NULL,
            known(why),
        });
}

static int meet_mapping(const struct peervma_vma *vma,
                        const peervma_region_t *region, void *arg)
{
    struct walk *walk = arg;
    size_t row = find_row(walk->explanation, vma);

    if (row == walk->explanation->table.rows) {
        add_mapping(walk, vma, region);
    }
    renew_outlook(walk->explanation, row);
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
