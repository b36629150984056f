/* SPDX-License-Identifier: BSD-3-Clause */
#include "export.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct choice {
    const char *name; /* NULL: any */
    struct accelerator accelerator;
    bool found;
};

static void choose(const struct accelerator *accelerator, void *arg)
{
    struct choice *choice = arg;

    if (!choice->found && machine_is_node(accelerator->node, choice->name)) {
        choice->accelerator = *accelerator;
        choice->found = true;
    }
}

static int map_buffer(const struct export_source *source,
                      struct exported *exported)
{
    struct choice choice = {.name = source->accelerator};
    const char *step;
    int ret;

    machine_accelerators("/sys", choose, &choice);
    if (!choice.found) {
        snprintf(exported->why, sizeof(exported->why), "no accelerator%s%s",
                 source->accelerator != NULL ? " " : "",
                 source->accelerator != NULL ? source->accelerator : "");
        return -ENODEV;
    }
    snprintf(exported->source, sizeof(exported->source), "a buffer on %s",
             choice.accelerator.node);
    snprintf(exported->driver, sizeof(exported->driver), "%s",
             choice.accelerator.driver);
    ret = test_buffer_create(&choice.accelerator,
                             source->length != 0 ? source->length : 1,
                             &exported->buffer, &step);
    if (ret != 0) {
        test_buffer_explain(&choice.accelerator, ret, step, exported->why,
                            sizeof(exported->why));
        return ret;
    }
    exported->ptr = exported->buffer.ptr;
    exported->length = exported->buffer.size;
    return 0;
}

static int map_file(const struct export_source *source,
                    struct exported *exported)
{
    const char *step = "cannot be opened for reading and writing";
    struct stat st;
    int fd, ret;

    snprintf(exported->source, sizeof(exported->source), "%s at 0x%llx",
             source->file, (unsigned long long)source->offset);
    fd = open(source->file, O_RDWR | O_CLOEXEC);
    if (fd < 0) {
        goto err;
    }
    exported->length = source->length;
    if (exported->length == 0 && fstat(fd, &st) == 0 &&
        (uint64_t)st.st_size > source->offset) {
        exported->length = (size_t)((uint64_t)st.st_size - source->offset);
    }
    if (exported->length == 0) {
        exported->length = (size_t)sysconf(_SC_PAGESIZE);
    }
    step = "cannot be mapped there";
    exported->ptr = mmap(NULL, exported->length, PROT_READ | PROT_WRITE,
                         MAP_SHARED, fd, (off_t)source->offset);
    if (exported->ptr == MAP_FAILED) {
        exported->ptr = NULL;
        goto err;
    }
    close(fd);
    return 0;

err:
    ret = -errno;
    snprintf(exported->why, sizeof(exported->why), "%s: %s%s", step,
             strerror(-ret),
             ret == -EINVAL ? ": is the BAR a driver's, or the offset not a "
                              "page's?"
                            : "");
    if (fd >= 0) {
        close(fd);
    }
    return ret;
}

static int export_mapping(struct exported *exported)
{
    int ret;

    ret = peervma_context_open(0, &exported->context);
    if (ret != 0) {
        snprintf(exported->why, sizeof(exported->why), "/proc/self/maps: %s",
                 strerror(-ret));
        return ret;
    }
    peervma_region_lookup(exported->context, exported->ptr, &exported->region);
    ret = peervma_region_export(exported->context, exported->ptr,
                                exported->length, &exported->export,
                                &exported->refusals);
    if (ret == -ENOENT) {
        snprintf(exported->why, sizeof(exported->why),
                 "what is mapped is not device memory");
    } else if (ret != 0) {
        snprintf(exported->why, sizeof(exported->why), "refused: %s",
                 strerror(-ret));
    } else {
        dmabuf_info_read("/proc/self", exported->export.fd, &exported->info);
    }
    return ret;
}

int export_begin(const struct export_source *source,
                 struct exported *exported_p)
{
    int ret;

    *exported_p = (struct exported){
        .export = {.fd = -1},
    };
    ret = source->file != NULL ? map_file(source, exported_p)
                               : map_buffer(source, exported_p);
    return ret != 0 ? ret : export_mapping(exported_p);
}

void export_end(struct exported *exported)
{
    if (exported->export.fd >= 0) {
        close(exported->export.fd);
    }
    peervma_context_close(exported->context);
    if (exported->buffer.ptr != NULL) {
        test_buffer_destroy(&exported->buffer);
    } else if (exported->ptr != NULL) {
        munmap(exported->ptr, exported->length);
    }
}
