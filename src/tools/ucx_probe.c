/* SPDX-License-Identifier: BSD-3-Clause */
#include "ucx_probe.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "plugin.h"

#define WAIT_MS 20000

typedef void (*get_version_fn_t)(unsigned *major, unsigned *minor,
                                 unsigned *release);
typedef const char *(*refusal_fn_t)(void);

/* The plugin's own words, or what was said on stderr, in `errors`. */
static void load_plugin(struct ucx_probe *probe, int errors)
{
    int ret = peervma_plugin_load();
    refusal_fn_t refusal;
    const char *text;
    void *plugin;
    ssize_t got;

    plugin = dlopen(PEERVMA_PLUGIN_SONAME, RTLD_NOLOAD | RTLD_LAZY);
    refusal = plugin != NULL
                  ? (refusal_fn_t)dlsym(plugin, "uct_peervma_refusal")
                  : NULL;
    text = refusal != NULL ? refusal() : NULL;
    probe->plugin = ret == 0          ? UCX_PLUGIN_FITS
                    : refusal != NULL ? UCX_PLUGIN_REFUSES
                                      : UCX_NO_PLUGIN;
    if (text != NULL) {
        snprintf(probe->why, sizeof(probe->why), "%s", text);
    } else if (ret != 0) {
        got = pread(errors, probe->why, sizeof(probe->why) - 1, 0);
        probe->why[got > 0 ? got : 0] = '\0';
        probe->why[strcspn(probe->why, "\n")] = '\0';
        text = strstr(probe->why, "can't be loaded: ");
        if (text != NULL) {
            memmove(probe->why, text, strlen(text) + 1);
        }
    }
}

static void look(struct ucx_probe *probe)
{
    int errors = memfd_create("errors", MFD_CLOEXEC);
    get_version_fn_t get_version;
    Dl_info info;
    void *ucp;

    dup2(errors, STDERR_FILENO);
    dup2(errors, STDOUT_FILENO);
    /* Its thread may hang in a process like this one. */
    setenv("UCX_VFS_ENABLE", "n", 1);
    unsetenv("OMPI_COMM_WORLD_LOCAL_RANK");
    ucp = dlopen("libucp.so.0", RTLD_NOW);
    if (ucp == NULL) {
        snprintf(probe->why, sizeof(probe->why), "%s", dlerror());
        return;
    }
    get_version = (get_version_fn_t)dlsym(ucp, "ucp_get_version");
    if (get_version == NULL || dladdr((void *)get_version, &info) == 0) {
        snprintf(probe->why, sizeof(probe->why),
                 "libucp.so.0 has no ucp_get_version()");
        return;
    }
    probe->found = true;
    get_version(&probe->major, &probe->minor, &probe->release);
    snprintf(probe->path, sizeof(probe->path), "%s", info.dli_fname);
    load_plugin(probe, errors);
}

static bool read_all(int fd, struct ucx_probe *probe_p)
{
    struct pollfd poller = {.fd = fd, .events = POLLIN};
    size_t done = 0;
    ssize_t got;

    while (done < sizeof(*probe_p)) {
        if (poll(&poller, 1, WAIT_MS) <= 0) {
            return false;
        }
        got = read(fd, (char *)probe_p + done, sizeof(*probe_p) - done);
        if (got <= 0) {
            return false;
        }
        done += (size_t)got;
    }
    return true;
}

void ucx_probe(struct ucx_probe *probe_p)
{
    struct ucx_probe probe = {.found = false};
    int ends[2];
    pid_t pid;

    *probe_p = probe;
    if (pipe2(ends, O_CLOEXEC) != 0) {
        snprintf(probe_p->why, sizeof(probe_p->why), "%m");
        return;
    }
    fflush(stdout);
    pid = fork();
    if (pid == 0) {
        look(&probe);
        /* No exit handlers of UCX's. */
        _exit(write(ends[1], &probe, sizeof(probe)) < 0);
    }
    close(ends[1]);
    if (pid < 0 || !read_all(ends[0], probe_p)) {
        *probe_p = probe;
        snprintf(probe_p->why, sizeof(probe_p->why),
                 "loading it ended a process, or took too long");
    }
    close(ends[0]);
    if (pid > 0) {
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
    }
}
