/* SPDX-License-Identifier: BSD-3-Clause */
/* peervma doctor: what keeps zero-copy from working, and what to do. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "commands.h"
#include "doctor.h"

static const char usage[] =
    "usage: peervma doctor [--json] [PROGRAM]\n"
    "\n"
    "Tells what on this machine keeps zero-copy from working, and what to do: "
    "a\n"
    "line for each thing that was looked at, ok, a warning or a problem. "
    "Tries to\n"
    "export a page of each accelerator and to register it with each NIC, and "
    "loads\n"
    "UCX with peervma's plugin. Of PROGRAM, a path, it tells whether the "
    "plugin gets\n"
    "into its UCX.\n"
    "\n"
    "  --json  a JSON array\n"
    "  --help  show this\n"
    "\n"
    "Exit codes: 0 if there is no problem; 1 if there is; 2 wrong usage.\n";

static int examine(struct doctor *doctor, const char *program, bool json)
{
    int ret = doctor_gather(doctor);

    if (ret != 0) {
        fprintf(stderr, "peervma doctor: the machine cannot be looked at: %s\n",
                strerror(-ret));
        return EXIT_FAILURE;
    }
    doctor_tell_kernel(doctor);
    doctor_tell_module(doctor);
    doctor_tell_accelerators(doctor);
    doctor_tell_nics(doctor);
    doctor_tell_pairs(doctor);
    doctor_tell_limits(doctor);
    doctor_tell_ucx(doctor);
    doctor_tell_settings(doctor);
    if (program != NULL) {
        doctor_tell_program(doctor, program);
    }
    if (json) {
        table_print_json(&doctor->table);
        putchar('\n');
    } else {
        doctor_print(doctor);
    }
    return doctor->problems == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int peervma_cmd_doctor(int argc, char **argv)
{
    static const struct option options[] = {
        {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    struct doctor *doctor;
    struct utsname system;
    bool json = false;
    int option, code;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option != 'j') {
            fputs(usage, option == 'h' ? stdout : stderr);
            return option == 'h' ? EXIT_SUCCESS : EXIT_USAGE;
        }
        json = true;
    }
    if (optind + 1 < argc) {
        fputs(usage, stderr);
        return EXIT_USAGE;
    }
    doctor = malloc(sizeof(*doctor));
    if (doctor == NULL) {
        fputs("peervma doctor: out of memory\n", stderr);
        return EXIT_FAILURE;
    }
    uname(&system);
    doctor_begin("", system.release, doctor);
    code = examine(doctor, argv[optind], json);
    doctor_end(doctor);
    free(doctor);
    return code;
}
