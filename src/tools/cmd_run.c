/* SPDX-License-Identifier: BSD-3-Clause */
#include "cmd_run.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "launcher.h"
#include "settings.h"

#define LD_PRELOAD "LD_PRELOAD"
#define SHIM PEERVMA_LIBDIR "/libpeervma_preload.so"

#define EXIT_CANNOT_RUN 126
#define EXIT_NOT_FOUND 127

static const char usage[] =
    "usage: peervma run [--print] [--] COMMAND [ARGUMENT...]\n"
    "\n"
    "Runs COMMAND so that its UCX knows device memory. Sets only what is not\n"
    "set already, and says so (PEERVMA_QUIET=y: silently; PEERVMA_SETTINGS=n:\n"
    "loads the plugin, sets nothing else).\n"
    "\n"
    "  --print  show what would be set and why, and run nothing\n";

/*
 * mpirun hands neither LD_PRELOAD nor UCX_* to other nodes, and those may need
 * other settings. The Open MPI component decides them in each rank; all it
 * needs is to be found. By this long name: under the short one Debian's PMIx
 * replaces Open MPI's component folder by its own.
 */
static const peervma_setting_t component_path = {
    "OMPI_MCA_opal_mca_base_component_path",
    OMPI_MCADIR ":SYS_DEFAULT:USER_DEFAULT",
    "mpirun's ranks find peervma's component, which sets the rest",
};

static void settings_for_launcher(peervma_settings_t *settings_p)
{
    memset(settings_p, 0, sizeof(*settings_p));
    if (OMPI_MCADIR[0] == '\0') {
        snprintf(settings_p->warning, sizeof(settings_p->warning),
                 "built without the Open MPI component: run "
                 "'mpirun ... peervma run PROGRAM' instead");
    } else if (getenv(component_path.name) == NULL) {
        settings_p->setting[settings_p->count++] = component_path;
    }
}

/*
 * The value for LD_PRELOAD, with the shim before what is there.
 * Return: NULL if the shim is there already, or not installed, or no memory.
 */
static char *preload_value(void)
{
    const char *present = getenv(LD_PRELOAD);
    char *value;

    if ((present != NULL) && (strstr(present, SHIM) != NULL)) {
        return NULL;
    }
    if (access(SHIM, R_OK) != 0) {
        fprintf(stderr, "peervma run: no device memory for UCX: " SHIM ": %m: "
                        "install peervma with its UCX plugin\n");
        return NULL;
    }
    if ((present == NULL) || (*present == '\0')) {
        return strdup(SHIM);
    }
    return (asprintf(&value, SHIM ":%s", present) < 0) ? NULL : value;
}

static int print(const peervma_settings_t *settings, const char *preload)
{
    unsigned i;

    for (i = 0; i < settings->count; ++i) {
        printf("# %s\n%s=%s\n", settings->setting[i].why,
               settings->setting[i].name, settings->setting[i].value);
    }
    if (preload != NULL) {
        printf("# UCX loads peervma's plugin\n" LD_PRELOAD "=%s\n", preload);
    }
    if (settings->warning[0] != '\0') {
        printf("# warning: %s\n", settings->warning);
    }
    return (fflush(stdout) == 0) ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int execute(char **command, const peervma_settings_t *settings,
                   const char *preload)
{
    int error;

    error = -peervma_settings_apply(settings);
    if ((error == 0) && (preload != NULL) &&
        (setenv(LD_PRELOAD, preload, 1) != 0)) {
        error = errno;
    }
    if (error == 0) {
        peervma_settings_say(settings, stderr);
        execvp(command[0], command);
        error = errno;
    }
    fprintf(stderr, "peervma run: %s: %s\n", command[0], strerror(error));
    return (error == ENOENT) ? EXIT_NOT_FOUND : EXIT_CANNOT_RUN;
}

int peervma_cmd_run(int argc, char **argv)
{
    static const struct option options[] = {{"print", no_argument, NULL, 'p'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    peervma_settings_t settings;
    char *preload = NULL;
    int only_print = 0;
    int option, result;

    optind = 0; /* the caller may have used getopt, too */
    /* "+": what follows the command's name is its own. */
    while ((option = getopt_long(argc, argv, "+", options, NULL)) != -1) {
        if (option != 'p') {
            fputs(usage, (option == 'h') ? stdout : stderr);
            return (option == 'h') ? EXIT_SUCCESS : EXIT_USAGE;
        }
        only_print = 1;
    }
    if ((optind == argc) && !only_print) {
        fputs(usage, stderr);
        return EXIT_USAGE;
    }
    if ((optind < argc) && peervma_is_open_mpi_launcher(argv[optind])) {
        settings_for_launcher(&settings);
    } else {
        peervma_settings_decide("", &settings);
        preload = preload_value();
    }
    result = only_print ? print(&settings, preload)
                        : execute(argv + optind, &settings, preload);
    free(preload);
    return result;
}
