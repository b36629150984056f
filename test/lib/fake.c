/* SPDX-License-Identifier: BSD-3-Clause */
#include "fake.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cmocka.h>

struct fake fake;

static struct {
    unsigned count;
    const char *path[FAKE_FILES];
    struct peervma_file file[FAKE_FILES];
} files;

static atomic_uint identified;

static int identify(const char *path, struct peervma_file *file_p)
{
    unsigned i;

    identified++;
    for (i = 0; i < files.count; i++) {
        if (strcmp(files.path[i], path) == 0) {
            *file_p = files.file[i];
            return 0;
        }
    }
    return -ENOENT;
}

/* Tests that have a node replace these. */
static int identify_fd(int fd, struct peervma_file *file_p)
{
    (void)fd;
    (void)file_p;
    return -EBADF;
}

static int drm_ioctl(int fd, unsigned long request, void *arg)
{
    (void)fd;
    (void)request;
    (void)arg;
    errno = ENOTTY;
    return -1;
}

void fake_create(struct fake *machine_p)
{
    *machine_p = (struct fake){.folder = "fake-XXXXXX"};
    files.count = 0;
    identified = 0;

    assert_non_null(mkdtemp(machine_p->folder));
    snprintf(machine_p->sysfs, sizeof(machine_p->sysfs), "%s/sys",
             machine_p->folder);
    snprintf(machine_p->module, sizeof(machine_p->module), "%s/peervma",
             machine_p->folder);
    machine_p->view = (struct peervma_view){
        .sysfs = machine_p->sysfs,
        .module = machine_p->module,
        .own = true,
        .identify = identify,
        .identify_fd = identify_fd,
        .drm_ioctl = drm_ioctl,
    };
    snprintf(machine_p->view.proc, sizeof(machine_p->view.proc), "%s/proc",
             machine_p->folder);
    fake_folder(machine_p, "proc/fd");
    fake_maps(machine_p, "");
}

static int remove_one(const char *path, const struct stat *st, int type,
                      struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

void fake_destroy(struct fake *machine)
{
    assert_int_equal(
        0, nftw(machine->folder, remove_one, 8, FTW_DEPTH | FTW_PHYS));
}

int fake_setup(void **state)
{
    (void)state;
    fake_create(&fake);
    return 0;
}

int fake_teardown(void **state)
{
    (void)state;
    fake_destroy(&fake);
    return 0;
}

/* `path` below the fake's folder, with the folders above it made. */
static void make_path(const struct fake *machine, const char *path,
                      char full[PATH_MAX])
{
    char *slash;

    snprintf(full, PATH_MAX, "%s/%s", machine->folder, path);
    for (slash = strchr(full, '/'); slash != NULL;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        assert_true(mkdir(full, 0755) == 0 || errno == EEXIST);
        *slash = '/';
    }
}

void fake_write(const struct fake *machine, const char *path, const char *text)
{
    char full[PATH_MAX];
    FILE *file;

    make_path(machine, path, full);
    file = fopen(full, "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(0, fclose(file));
}

void fake_link(const struct fake *machine, const char *path, const char *target)
{
    char full[PATH_MAX];

    make_path(machine, path, full);
    assert_int_equal(0, symlink(target, full));
}

void fake_folder(const struct fake *machine, const char *path)
{
    char full[PATH_MAX];

    make_path(machine, path, full);
    assert_true(mkdir(full, 0755) == 0 || errno == EEXIST);
}

void fake_maps(const struct fake *machine, const char *text)
{
    fake_write(machine, "proc/maps", text);
}

void fake_identify(const char *path, const struct peervma_file *file)
{
    assert_true(files.count < FAKE_FILES);
    files.path[files.count] = path;
    files.file[files.count++] = *file;
}

unsigned fake_identified(void)
{
    return identified;
}

void fake_drm_device(const struct fake *machine, const char *driver)
{
    const char *device = "sys/devices/pci0000:00/0000:00:05.0";
    char path[PATH_MAX], target[PATH_MAX];

    snprintf(path, sizeof(path), "%s/drm/renderD128", device);
    fake_folder(machine, path);
    snprintf(path, sizeof(path), "%s/drm/renderD128/device", device);
    fake_link(machine, path, "../..");
    snprintf(path, sizeof(path), "%s/drm/renderD128/dev", device);
    fake_write(machine, path, "226:128\n");
    snprintf(path, sizeof(path), "sys/bus/pci/drivers/%s", driver);
    fake_folder(machine, path);
    snprintf(path, sizeof(path), "%s/driver", device);
    snprintf(target, sizeof(target), "../../../bus/pci/drivers/%s", driver);
    fake_link(machine, path, target);
    snprintf(path, sizeof(path), "%s/numa_node", device);
    fake_write(machine, path, "1\n");
    snprintf(path, sizeof(path), "%s/resource", device);
    fake_write(machine, path,
               "0x00000000fe000000 0x00000000fe000fff 0x0000000000040200\n"
               "0x0000000000000000 0x0000000000000000 0x0000000000000000\n"
               "0x00000000e0000000 0x00000000efffffff 0x000000000014220c\n"
               "0x000000000000c000 0x000000000000ffff 0x0000000000040101\n");

    fake_link(machine, "sys/bus/pci/devices/0000:00:05.0",
              "../../../devices/pci0000:00/0000:00:05.0");
    fake_link(machine, "sys/dev/char/226:128",
              "../../devices/pci0000:00/0000:00:05.0/drm/renderD128");
    fake_link(machine, "sys/class/drm/renderD128",
              "../../devices/pci0000:00/0000:00:05.0/drm/renderD128");
    fake_identify("/dev/dri/renderD128", &(struct peervma_file){
                                             .mode = S_IFCHR | 0660,
                                             .inode = 300,
                                             .device = makedev(226, 128),
                                         });
}

int fake_dmabuf(const struct fake *machine, const char *perms, size_t size,
                int open_flags, const char *range)
{
    char path[64], link[64], line[128];
    struct stat st;
    int fd;

    snprintf(path, sizeof(path), "%s/dmabuf", machine->folder);
    fake_write(machine, "dmabuf", "");
    assert_int_equal(0, truncate(path, (off_t)size));
    fd = open(path, open_flags | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(0, fstat(fd, &st));

    snprintf(link, sizeof(link), "proc/fd/%d", fd);
    fake_link(machine, link, "../../dmabuf");
    snprintf(line, sizeof(line), "%s %s 0 %x:%x %llu /dmabuf:\n", range, perms,
             major(st.st_dev), minor(st.st_dev), (unsigned long long)st.st_ino);
    fake_maps(machine, line);
    return fd;
}
