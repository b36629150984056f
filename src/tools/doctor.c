/* SPDX-License-Identifier: BSD-3-Clause */
#include "doctor.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "files.h"
#include "module.h"
#include "progress.h"
#include "style.h"

static const struct column columns[] = {
    {"level", NULL, CELL_TEXT},
    {"what", NULL, CELL_TEXT},
    {"finding", NULL, CELL_TEXT},
    {"to_do", NULL, CELL_TEXT},
};

#define COLUMNS (sizeof(columns) / sizeof(columns[0]))

void doctor_begin(const char *root, const char *release,
                  struct doctor *doctor_p)
{
    *doctor_p = (struct doctor){.root = root, .release = release};
    table_create(columns, COLUMNS, &doctor_p->table);
}

void doctor_end(struct doctor *doctor)
{
    table_destroy(&doctor->table);
}

void doctor_find(struct doctor *doctor, enum doctor_level level,
                 const char *what, const char *to_do, const char *format, ...)
{
    static const char *const words[] = {"ok", "warning", "problem"};
    char text[1024];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    doctor->problems += level == DOCTOR_PROBLEM;
    table_add(&doctor->table,
              (const char *[]){words[level], what, text, to_do});
}

static unsigned count_level(const struct doctor *doctor, const char *level)
{
    unsigned count = 0;
    size_t row;

    for (row = 0; row < doctor->table.rows; row++) {
        count += strcmp(doctor->table.cells[row][0], level) == 0;
    }
    return count;
}

static void print_finding(char *const *cells, int width)
{
    const char *level = cells[0], *to_do = cells[3];
    enum style style = strcmp(level, "ok") == 0        ? STYLE_GOOD
                       : strcmp(level, "warning") == 0 ? STYLE_WARNING
                                                       : STYLE_BAD;

    printf("%s%-7s%s  %-*s  %s%s%s\n", style_begin(stdout, style), level,
           style_end(stdout, style), width, cells[1], cells[2],
           to_do != NULL ? " -- " : "", to_do != NULL ? to_do : "");
}

void doctor_print(const struct doctor *doctor)
{
    unsigned warnings = count_level(doctor, "warning");
    size_t row, length, width = 0;

    for (row = 0; row < doctor->table.rows; row++) {
        length = strlen(doctor->table.cells[row][1]);
        width = length > width ? length : width;
    }
    for (row = 0; row < doctor->table.rows; row++) {
        print_finding(doctor->table.cells[row], (int)width);
    }
    if (doctor->problems > 0) {
        printf("\n%u problem%s and %u warning%s\n", doctor->problems,
               doctor->problems > 1 ? "s" : "", warnings,
               warnings != 1 ? "s" : "");
    } else {
        printf("\nnothing keeps zero-copy from working; %u warning%s\n",
               warnings, warnings != 1 ? "s" : "");
    }
}

bool doctor_nic_is_good(const struct doctor_nic *nic)
{
    return nic->dmabuf == 0 && nic->allowed &&
           strcmp(nic->nic.state, "ACTIVE") == 0;
}

static void keep_accelerator(const struct accelerator *accelerator, void *arg)
{
    struct doctor *doctor = arg;

    if (doctor->accelerators < DOCTOR_DEVICES) {
        doctor->accelerator[doctor->accelerators++].accelerator = *accelerator;
    }
}

static void keep_nic(const struct nic *nic, void *arg)
{
    struct doctor *doctor = arg;
    char path[PATH_MAX];

    if (doctor->nics < DOCTOR_DEVICES) {
        path_make(path, "%s%s", doctor->root, nic->node);
        doctor->nic[doctor->nics++] = (struct doctor_nic){
            .nic = *nic,
            .dmabuf = nic_probe_dmabuf(nic->name),
            .allowed = nic->node[0] == '\0' || access(path, R_OK | W_OK) == 0,
        };
    }
}

static void try_devices(struct doctor *doctor, peervma_context_t *context)
{
    unsigned i, j;

    for (i = 0; i < doctor->accelerators; i++) {
        struct doctor_accelerator *one = &doctor->accelerator[i];

        progress_say("trying %s ...", one->accelerator.node);
        pair_try(context, &one->accelerator, NULL, 1, PAIR_EXPORT,
                 &one->exported);
        for (j = 0; j < doctor->nics && one->exported.provider != NULL; j++) {
            if (doctor_nic_is_good(&doctor->nic[j])) {
                pair_try(context, &one->accelerator, &doctor->nic[j].nic, 1,
                         PAIR_REGISTER, &one->registered[j]);
            }
        }
    }
}

static void look_at_module(struct doctor *doctor)
{
    struct peervma_info info = {.kinds = 0};
    struct peervma_module module;
    char path[PATH_MAX];

    path_make(path, "%s/dev/peervma", doctor->root);
    peervma_module_open(path, &module);
    doctor->module =
        module.error != 0 ? module.error : peervma_module_info(&module, &info);
    doctor->module_kinds = info.kinds;
    peervma_module_close(&module);
}

/* Root's CAP_IPC_LOCK makes the limit void. */
static uint64_t look_at_memlock(void)
{
    struct rlimit limit;

    if (geteuid() == 0 || getrlimit(RLIMIT_MEMLOCK, &limit) != 0 ||
        limit.rlim_cur == RLIM_INFINITY) {
        return UINT64_MAX;
    }
    return limit.rlim_cur;
}

int doctor_gather(struct doctor *doctor)
{
    peervma_context_t *context;
    char sysfs[PATH_MAX];
    int ret;

    path_make(sysfs, "%s/sys", doctor->root);
    ret = machine_accelerators(sysfs, keep_accelerator, doctor);
    if (ret == 0) {
        ret = machine_nics(sysfs, keep_nic, doctor);
    }
    if (ret == 0) {
        ret = peervma_context_open(0, &context);
    }
    if (ret != 0) {
        return ret;
    }
    try_devices(doctor, context);
    peervma_context_close(context);
    look_at_module(doctor);
    doctor->memlock = look_at_memlock();
    progress_say("loading UCX ...");
    ucx_probe(&doctor->ucx);
    progress_end();
    return 0;
}
