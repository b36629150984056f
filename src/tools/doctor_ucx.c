/* SPDX-License-Identifier: BSD-3-Clause */
/* UCX, the ways of peervma's plugin into it, and settings that keep it out. */
#include <fnmatch.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../uct/abi/versions.h"
#include "doctor.h"
#include "files.h"
#include "list.h"
#include "plugin.h"
#include "program.h"
#include "settings.h"
#include "user.h"

#define COMPONENT "mca_accelerator_peervma.so"
#define SHIM PEERVMA_LIBDIR "/libpeervma_preload.so"

static bool is_file(const struct doctor *doctor, const char *folder,
                    const char *name)
{
    char path[PATH_MAX];

    path_make(path, "%s%s/%s", doctor->root, folder, name);
    return access(path, R_OK) == 0;
}

/* Is the plugin where UCX looks: in its module folder, or in UCX_PLUGIN_PATH?
 */
static bool ucx_finds_plugin(const struct doctor *doctor)
{
    const char *folders = getenv("UCX_PLUGIN_PATH");
    char path[PATH_MAX], folder[PATH_MAX];
    size_t length;

    path_make(path, "%s", doctor->ucx.path);
    path_make(folder, "%s/ucx", dirname(path));
    if (is_file(doctor, folder, PEERVMA_PLUGIN_SONAME)) {
        return true;
    }
    while (folders != NULL && *folders != '\0') {
        length = strcspn(folders, ":");
        path_make(folder, "%.*s", (int)length, folders);
        if (is_file(doctor, folder, PEERVMA_PLUGIN_SONAME)) {
            return true;
        }
        folders += length + (folders[length] == ':');
    }
    return false;
}

/* UCX_MODULES: a list of patterns of the modules' names. */
static bool ucx_wants_plugin(const peervma_user_t *modules)
{
    const char *list = modules->value, *text;
    bool negated = peervma_list_is_negated(list);
    char pattern[sizeof(modules->value)];
    size_t length;

    if (modules->source == PEERVMA_USER_NONE) {
        return true;
    }
    list += negated;
    while ((text = peervma_list_next(&list, &length)) != NULL) {
        snprintf(pattern, sizeof(pattern), "%.*s", (int)length, text);
        if (strcmp(pattern, "all") == 0) {
            return true; /* "^all", too */
        }
        if (fnmatch(pattern, PEERVMA_PLUGIN_MODULE, 0) == 0) {
            return !negated;
        }
    }
    return negated;
}

/* By UCX itself. */
static bool tell_ucx_way(struct doctor *doctor)
{
    const struct ucx_probe *ucx = &doctor->ucx;
    peervma_user_t modules = {.name = "UCX_MODULES"};

    if (ucx->major < UCT_PEERVMA_UCX_MAJOR ||
        (ucx->major == UCT_PEERVMA_UCX_MAJOR &&
         ucx->minor < UCT_PEERVMA_UCX_LOADS_PLUGINS)) {
        return false; /* which is as it is: the other ways are for it */
    }
    peervma_user_look(doctor->root, &modules, 1);
    if (!ucx_wants_plugin(&modules)) {
        doctor_find(doctor, DOCTOR_WARNING, "way into UCX",
                    "unset UCX_MODULES, or let it have " PEERVMA_PLUGIN_MODULE,
                    "UCX_MODULES=%s keeps UCX from loading the plugin by "
                    "itself",
                    modules.value);
        return false;
    }
    if (ucx_finds_plugin(doctor)) {
        doctor_find(doctor, DOCTOR_OK, "way into UCX", NULL,
                    "UCX loads the plugin by itself");
        return true;
    }
    doctor_find(doctor, DOCTOR_WARNING, "way into UCX",
                "export UCX_PLUGIN_PATH=" PEERVMA_LIBDIR
                ", or configure --with-ucx-moduledir and make install",
                "this UCX loads plugins, but not from where peervma's is");
    return false;
}

/* Debian's PMIx sends ranks to a component folder of its own. */
static bool pmix_hides_component(const struct doctor *doctor)
{
    return PMIX_PARAMDIR[0] != '\0' &&
           is_file(doctor, PMIX_PARAMDIR, "pmix-mca-params.conf") &&
           !is_file(doctor, PMIX_PARAMDIR, "pmix-mca-params-override.conf");
}

static bool tell_open_mpi_way(struct doctor *doctor)
{
    if (OMPI_MCADIR[0] == '\0') {
        return false; /* no Open MPI 5.0 when it was built */
    }
    if (!is_file(doctor, OMPI_MCADIR, COMPONENT)) {
        doctor_find(doctor, DOCTOR_WARNING, "way into MPI",
                    "make install; until then: mpirun ... peervma run PROGRAM",
                    "Open MPI's folder " OMPI_MCADIR " has no " COMPONENT);
        return false;
    }
    if (pmix_hides_component(doctor)) {
        doctor_find(doctor, DOCTOR_WARNING, "way into MPI",
                    "peervma run mpirun ..., or see src/ompi/README.md",
                    "PMIx's settings in " PMIX_PARAMDIR
                    " hide Open MPI's component folder from ranks");
        return false;
    }
    doctor_find(doctor, DOCTOR_OK, "way into MPI", NULL,
                "Open MPI 5.0 loads the plugin");
    return true;
}

static bool tell_run_way(struct doctor *doctor)
{
    if (!is_file(doctor, "", SHIM)) {
        doctor_find(doctor, DOCTOR_WARNING, "peervma run", "make install",
                    "cannot load the plugin: there is no " SHIM);
        return false;
    }
    doctor_find(doctor, DOCTOR_OK, "peervma run", NULL,
                "loads the plugin into any program that has UCX as a library");
    return true;
}

static void tell_ways(struct doctor *doctor)
{
    bool by_ucx = tell_ucx_way(doctor);
    bool by_open_mpi = tell_open_mpi_way(doctor);
    bool by_run = tell_run_way(doctor);

    if (!by_ucx && !by_open_mpi && !by_run) {
        doctor_find(doctor, DOCTOR_PROBLEM, "way into UCX",
                    "install peervma whole", "there is none for the plugin");
    }
}

void doctor_tell_ucx(struct doctor *doctor)
{
    const struct ucx_probe *ucx = &doctor->ucx;

    if (!ucx->found) {
        doctor_find(doctor, DOCTOR_PROBLEM, "UCX",
                    "install UCX " UCT_PEERVMA_UCX_OLDEST
                    " or later; for a program with a UCX of its own: peervma "
                    "doctor PROGRAM",
                    "there is none in the usual folders: %s", ucx->why);
        return;
    }
    if (ucx->plugin == UCX_PLUGIN_FITS) {
        doctor_find(doctor, DOCTOR_OK, "UCX", NULL,
                    "UCX %u.%u.%u (%s) takes the plugin", ucx->major,
                    ucx->minor, ucx->release, ucx->path);
    } else if (ucx->plugin == UCX_PLUGIN_REFUSES) {
        doctor_find(doctor, DOCTOR_PROBLEM, "UCX",
                    "use a UCX of " UCT_PEERVMA_UCX_RANGE
                    ", or a newer peervma",
                    "the plugin stays out of UCX %u.%u.%u (%s): %s", ucx->major,
                    ucx->minor, ucx->release, ucx->path, ucx->why);
    } else {
        doctor_find(doctor, DOCTOR_PROBLEM, "UCX",
                    "install peervma with its UCX plugin",
                    "UCX %u.%u.%u (%s) gets no plugin: %s", ucx->major,
                    ucx->minor, ucx->release, ucx->path, ucx->why);
    }
    tell_ways(doctor);
}

void doctor_tell_settings(struct doctor *doctor)
{
    const char *value = getenv("PEERVMA_SETTINGS");
    unsigned problems = doctor->problems;
    peervma_settings_t settings;
    char off[32] = "";

    /* What the user set is looked at even if nothing is to be set. */
    if (value != NULL) {
        snprintf(off, sizeof(off), "%s", value);
        unsetenv("PEERVMA_SETTINGS");
        doctor_find(doctor, DOCTOR_WARNING, "settings",
                    "unset it, or see peervma run --print",
                    "PEERVMA_SETTINGS=%s may keep what UCX needs from being "
                    "set",
                    off);
    }
    peervma_settings_decide(doctor->root, &settings);
    if (value != NULL) {
        setenv("PEERVMA_SETTINGS", off, 1);
    }
    if (settings.warning[0] != '\0') {
        doctor_find(doctor, DOCTOR_PROBLEM, "settings",
                    "add pvma_copy to UCX_TLS, or unset it", "%s",
                    settings.warning);
    }
    if (settings.mpi_without_ucx) {
        doctor_find(doctor, DOCTOR_PROBLEM, "settings",
                    "unset OMPI_MCA_pml, also in mca-params.conf",
                    "Open MPI is told to do without UCX, which alone knows "
                    "device memory");
    }
    if (doctor->problems == problems && value == NULL) {
        doctor_find(doctor, DOCTOR_OK, "settings", NULL,
                    "none of the user's keeps the plugin out");
    }
}

void doctor_tell_program(struct doctor *doctor, const char *path)
{
    struct program program;
    int ret = program_look(path, &program);

    if (ret != 0) {
        doctor_find(doctor, DOCTOR_WARNING, path,
                    "name the program itself, not a script that starts it",
                    "no program of this machine: %s", strerror(-ret));
    } else if (program.set_id) {
        doctor_find(doctor, DOCTOR_PROBLEM, path, "run a copy without it",
                    "a set-user-ID program: peervma run cannot reach it");
    } else if (program.has_ucx_inside) {
        doctor_find(doctor, DOCTOR_PROBLEM, path,
                    "link it with UCX as a shared library",
                    "UCX is linked into it: no plugin gets into that");
    } else if (program.is_static) {
        doctor_find(doctor, DOCTOR_PROBLEM, path, "link it dynamically",
                    "statically linked: peervma run cannot reach it");
    } else if (program.ucx_path[0] != '\0') {
        doctor_find(doctor, DOCTOR_WARNING, path,
                    "peervma explain -- PROGRAM shows whether the plugin is "
                    "in it",
                    "its RPATH leads to a UCX of its own, %s: that has to be "
                    "of " UCT_PEERVMA_UCX_RANGE ", too",
                    program.ucx_path);
    } else {
        doctor_find(doctor, DOCTOR_OK, path, NULL, "dynamically linked%s",
                    program.needs_ucx ? ", with the UCX above" : "");
    }
}
