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
#include "run_alloc.h"
#include "settings.h"
#include "spawn.h"

#define LD_PRELOAD "LD_PRELOAD"
#define SHIM PEERVMA_LIBDIR "/libpeervma_preload.so"
#define ALLOC PEERVMA_LIBDIR "/libpeervma_alloc.so"

static const char usage[] =
    "usage: peervma run [--alloc=device[:N]] [--alloc-min=BYTES] [--print] "
    "[--]\n"
    "                   COMMAND [ARGUMENT...]\n"
    "\n"
    "Runs COMMAND so that its UCX knows device memory. Sets only what is not\n"
    "set already, and says so (PEERVMA_QUIET=y: silently; PEERVMA_SETTINGS=n:\n"
    "loads the plugin, sets nothing else).\n"
    "\n"
    "  --alloc=device[:N]  place COMMAND's large allocations in the memory of\n"
    "                      accelerator N, counted from 0 as peervma list "
    "shows\n"
    "                      them; what has no room there stays in host memory,\n"
    "                      and a line at exit says so\n"
    "  --alloc-min=BYTES   from this size on, e.g. 1M (default 64K, least 4K)\n"
    "  --print             show what would be set and why, and run nothing\n"
    "  --help              show this\n"
    "\n"
    "Exit codes: COMMAND's; 2 wrong usage; 126 if COMMAND can't be run, 127 "
    "if\n"
    "it is not found.\n";

struct run {
    int only_print;
    struct run_alloc alloc;
    peervma_settings_t settings;
    char *preload; /* LD_PRELOAD's new value, or NULL */
};

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

static void settings_for_launcher(peervma_launcher_t launcher,
                                  peervma_settings_t *settings_p)
{
    const char *obstacle = NULL;

    if (launcher == PEERVMA_LAUNCHER_OPEN_MPI_4) {
        obstacle = "Open MPI before 5.0 has no place for peervma's component";
    } else if (OMPI_MCADIR[0] == '\0') {
        obstacle = "built without the Open MPI component";
    }
    memset(settings_p, 0, sizeof(*settings_p));
    if (obstacle != NULL) {
        snprintf(settings_p->warning, sizeof(settings_p->warning),
                 "%s: run 'mpirun ... peervma run PROGRAM' instead", obstacle);
    } else if (getenv(component_path.name) == NULL) {
        settings_p->setting[settings_p->count++] = component_path;
    }
}

/* Put a library before those that are to be preloaded, unless it is one. */
static int preload_add(const char *library, char **preload)
{
    const char *present = (*preload != NULL) ? *preload : getenv(LD_PRELOAD);
    char *value;

    if ((present != NULL) && (strstr(present, library) != NULL)) {
        return 0;
    }
    if ((present == NULL) || (*present == '\0')) {
        value = strdup(library);
    } else if (asprintf(&value, "%s:%s", library, present) < 0) {
        value = NULL;
    }
    if (value == NULL) {
        return -ENOMEM;
    }
    free(*preload);
    *preload = value;
    return 0;
}

/* Without the shim the program runs all the same, but not as if its memory were
 * on the device. */
static int preload_all(struct run *run)
{
    int ret = 0;

    if (run->alloc.device != NULL) {
        if (access(ALLOC, R_OK) != 0) {
            fprintf(stderr, "peervma run: --alloc: " ALLOC ": %m\n");
            return -ENOENT;
        }
        ret = preload_add(ALLOC, &run->preload);
    }
    if (access(SHIM, R_OK) != 0) {
        fprintf(stderr, "peervma run: no device memory for UCX: " SHIM ": %m: "
                        "install peervma with its UCX plugin\n");
        return ret;
    }
    return (ret != 0) ? ret : preload_add(SHIM, &run->preload);
}

static int print(const struct run *run)
{
    const peervma_settings_t *settings = &run->settings;
    unsigned i;

    for (i = 0; i < settings->count; ++i) {
        printf("# %s\n%s=%s\n", settings->setting[i].why,
               settings->setting[i].name, settings->setting[i].value);
    }
    if (run->alloc.device != NULL) {
        run_alloc_print(&run->alloc);
    }
    if (run->preload != NULL) {
        printf("# UCX loads peervma's plugin%s\n" LD_PRELOAD "=%s\n",
               (run->alloc.device != NULL) ? ", allocations are placed" : "",
               run->preload);
    }
    if (settings->warning[0] != '\0') {
        printf("# warning: %s\n", settings->warning);
    }
    return (fflush(stdout) == 0) ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int execute(char **command, const struct run *run)
{
    int error;

    error = -peervma_settings_apply(&run->settings);
    if ((error == 0) && (run->alloc.device != NULL)) {
        error = -run_alloc_apply(&run->alloc);
    }
    if ((error == 0) && (run->preload != NULL) &&
        (setenv(LD_PRELOAD, run->preload, 1) != 0)) {
        error = errno;
    }
    if (error == 0) {
        peervma_settings_say(&run->settings, stderr);
        execvp(command[0], command);
        error = errno;
    }
    fprintf(stderr, "peervma run: %s: %s\n", command[0], strerror(error));
    return spawn_exit_code_of_error(-error);
}

static int wrong_usage(const char *why)
{
    if (why != NULL) {
        fprintf(stderr, "peervma run: %s (see --help)\n", why);
    } else {
        fputs(usage, stderr);
    }
    return EXIT_USAGE;
}

/* -1: go on; else the exit code. */
static int parse(int argc, char **argv, struct run *run)
{
    static const struct option options[] = {
        {"alloc", required_argument, NULL, 'a'},
        {"alloc-min", required_argument, NULL, 'm'},
        {"print", no_argument, NULL, 'p'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0}};
    int option;

    optind = 0; /* the caller may have used getopt, too */
    /* "+": what follows the command's name is its own. */
    while ((option = getopt_long(argc, argv, "+", options, NULL)) != -1) {
        switch (option) {
        case 'a':
            if (!run_alloc_parse_device(optarg, &run->alloc)) {
                return wrong_usage("--alloc wants 'device' or 'device:N'");
            }
            break;
        case 'm':
            if (!run_alloc_parse_min(optarg, &run->alloc)) {
                return wrong_usage("--alloc-min wants bytes, 4096 or more");
            }
            break;
        case 'p':
            run->only_print = 1;
            break;
        case 'h':
            fputs(usage, stdout);
            return EXIT_SUCCESS;
        default:
            return wrong_usage(NULL);
        }
    }
    if ((run->alloc.min != 0) && (run->alloc.device == NULL)) {
        return wrong_usage("--alloc-min says nothing without --alloc");
    }
    return ((optind == argc) && !run->only_print) ? wrong_usage(NULL) : -1;
}

/* -1: go on; else the exit code. */
static int decide(const char *command, struct run *run)
{
    peervma_launcher_t launcher = PEERVMA_LAUNCHER_NONE;

    if (command != NULL) {
        launcher = peervma_launcher_of(command);
    }
    if (launcher != PEERVMA_LAUNCHER_NONE) {
        if (run->alloc.device != NULL) {
            fprintf(stderr,
                    "peervma run: --alloc is for the program: mpirun "
                    "... peervma run --alloc=%s PROGRAM\n",
                    run->alloc.device);
            return EXIT_USAGE;
        }
        settings_for_launcher(launcher, &run->settings);
        return -1;
    }
    if ((run->alloc.device != NULL) && (run_alloc_find(&run->alloc) != 0)) {
        return EXIT_CANNOT_RUN;
    }
    peervma_settings_decide("", &run->settings);
    return (preload_all(run) != 0) ? EXIT_CANNOT_RUN : -1;
}

int peervma_cmd_run(int argc, char **argv)
{
    struct run run = {.only_print = 0};
    int result;

    result = parse(argc, argv, &run);
    if (result < 0) {
        result = decide(argv[optind], &run);
    }
    if (result < 0) {
        result = run.only_print ? print(&run) : execute(argv + optind, &run);
    }
    free(run.preload);
    return result;
}
