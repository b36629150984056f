/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuzz.h"

static char folder[] = "fuzz-XXXXXX";
static pid_t owner;

static int remove_one(const char *path, const struct stat *st, int type,
                      struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static void remove_folder(void)
{
    if (getpid() == owner) {
        nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    }
}

const char *fuzz_folder(void)
{
    if (owner == 0) {
        FUZZ_CHECK(mkdtemp(folder) != NULL);
        owner = getpid();
        atexit(remove_folder);
    }
    return folder;
}

int fuzz_file(const char *path)
{
    char link[PATH_MAX], target[64];
    char *slash;
    int fd;

    snprintf(link, sizeof(link), "%s/%s", fuzz_folder(), path);
    for (slash = strchr(link, '/'); slash != NULL;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        FUZZ_CHECK(mkdir(link, 0755) == 0 || errno == EEXIST);
        *slash = '/';
    }
    fd = memfd_create(path, MFD_CLOEXEC);
    FUZZ_CHECK(fd >= 0);
    snprintf(target, sizeof(target), "/proc/self/fd/%d", fd);
    FUZZ_CHECK(symlink(target, link) == 0);
    return fd;
}

void fuzz_write(int fd, const void *data, size_t size)
{
    FUZZ_CHECK(ftruncate(fd, 0) == 0);
    FUZZ_CHECK(pwrite(fd, data, size, 0) == (ssize_t)size);
}
