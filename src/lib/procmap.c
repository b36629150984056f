/* SPDX-License-Identifier: BSD-3-Clause */
/* PROCMAP_QUERY, which Linux 6.11 and later have on /proc/PID/maps. */
#include <errno.h>
#include <fcntl.h>
#include <linux/types.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vma.h"

/* Own declarations: the distributions' kernel headers are often older. */
struct procmap_query_arg {
    __u64 size;
    __u64 query_flags;
    __u64 query_addr;
    __u64 vma_start;
    __u64 vma_end;
    __u64 vma_flags;
    __u64 vma_page_size;
    __u64 vma_offset;
    __u64 inode;
    __u32 dev_major;
    __u32 dev_minor;
    __u32 vma_name_size;
    __u32 build_id_size;
    __u64 vma_name_addr;
    __u64 build_id_addr;
};

#define PROCMAP_QUERY_IOCTL _IOWR('f', 17, struct procmap_query_arg)

#define PROCMAP_READABLE 0x01
#define PROCMAP_WRITABLE 0x02
#define PROCMAP_EXECUTABLE 0x04
#define PROCMAP_SHARED 0x08
#define PROCMAP_COVERING_OR_NEXT 0x10
#define PROCMAP_FILE_BACKED 0x20

int peervma_procmap_open(const char *path)
{
    struct procmap_query_arg arg = {
        .size = sizeof(arg),
        .query_flags = PROCMAP_COVERING_OR_NEXT,
    };
    int fd;

    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return -errno;
    }

    /* Whatever an old kernel or a sandbox answers, reading the text works. */
    if (ioctl(fd, PROCMAP_QUERY_IOCTL, &arg) != 0 && errno != ENOENT) {
        close(fd);
        return -ENOTTY;
    }
    return fd;
}

int peervma_procmap_next(int fd, uintptr_t address, struct peervma_vma *vma_p)
{
    struct procmap_query_arg arg = {
        .size = sizeof(arg),
        .query_flags = PROCMAP_COVERING_OR_NEXT | PROCMAP_FILE_BACKED,
        .query_addr = address,
        .vma_name_size = sizeof(vma_p->path),
        .vma_name_addr = (uintptr_t)vma_p->path,
    };

    vma_p->path[0] = '\0';
    if (ioctl(fd, PROCMAP_QUERY_IOCTL, &arg) != 0) {
        if (errno != ENAMETOOLONG) {
            return -errno;
        }
        arg.vma_name_size = 0;
        arg.vma_name_addr = 0;
        if (ioctl(fd, PROCMAP_QUERY_IOCTL, &arg) != 0) {
            return -errno;
        }
    }

    vma_p->start = (uintptr_t)arg.vma_start;
    vma_p->end = (uintptr_t)arg.vma_end;
    vma_p->offset = arg.vma_offset;
    vma_p->inode = arg.inode;
    vma_p->dev_major = arg.dev_major;
    vma_p->dev_minor = arg.dev_minor;
    vma_p->prot = (arg.vma_flags & PROCMAP_READABLE ? PROT_READ : 0) |
                  (arg.vma_flags & PROCMAP_WRITABLE ? PROT_WRITE : 0) |
                  (arg.vma_flags & PROCMAP_EXECUTABLE ? PROT_EXEC : 0);
    vma_p->shared = (arg.vma_flags & PROCMAP_SHARED) != 0;
    return 0;
}
