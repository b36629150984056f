/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "files.h"
#include "machine.h"
#include "sysfs.h"

/* In linux/ioport.h, which is the kernel's own: a range of memory. */
#define RESOURCE_MEMORY 0x200

/* In order of preference: a device is told once, by its first node. */
static const struct node_class {
    const char *subsystem;
    const char *prefix; /* of the names that are nodes */
    const char *devfs;
} node_classes[] = {
    {"drm", "renderD", "/dev/dri"},
    {"accel", "accel", "/dev/accel"},
    {"drm", "card", "/dev/dri"},
};

#define NODE_CLASSES (sizeof(node_classes) / sizeof(node_classes[0]))

struct search {
    const char *sysfs;
    const struct node_class *class;
    bool found; /* for has_node() */
    accelerator_cb_t cb;
    void *arg;
};

/* "card0", but not its connector "card0-VGA-1". */
static bool is_node(const struct node_class *class, const char *name)
{
    size_t length = strlen(class->prefix);

    return strncmp(name, class->prefix, length) == 0 && name[length] != '\0' &&
           name[length + strspn(name + length, "0123456789")] == '\0';
}

static void find_node(const char *name, void *arg)
{
    struct search *search = arg;

    search->found = search->found || is_node(search->class, name);
}

/* Has the device a node of a class before this one? */
static bool is_told(const struct node_class *class, const char *device)
{
    struct search search = {.found = false};
    char path[PATH_MAX];

    for (search.class = node_classes; search.class < class; search.class ++) {
        path_make(path, "%s/%s", device, search.class->subsystem);
        for_each_entry(path, find_node, &search);
    }
    return search.found;
}

static uint64_t read_largest_bar(const char *device)
{
    unsigned long long start, end, flags, largest = 0;
    char path[PATH_MAX];
    FILE *file;

    path_make(path, "%s/resource", device);
    file = fopen(path, "re");
    if (file == NULL) {
        return 0;
    }
    while (fscanf(file, "%llx %llx %llx", &start, &end, &flags) == 3) {
        if ((flags & RESOURCE_MEMORY) && end - start + 1 > largest) {
            largest = end - start + 1;
        }
    }
    fclose(file);
    return largest;
}

/* The node's device number, by which libpeervma knows its PCI device. */
static dev_t read_device_number(const char *node)
{
    unsigned major_number, minor_number;
    char path[PATH_MAX], text[32];

    path_make(path, "%s/dev", node);
    if (!read_line(path, text, sizeof(text)) ||
        sscanf(text, "%u:%u", &major_number, &minor_number) != 2) {
        return 0;
    }
    return makedev(major_number, minor_number);
}

static void tell_node(const char *name, void *arg)
{
    const struct search *search = arg;
    struct peervma_view view = {.sysfs = search->sysfs};
    char node[PATH_MAX], device[PATH_MAX], path[PATH_MAX];
    struct accelerator accelerator;

    path_make(node, "%s/class/%s/%s", search->sysfs, search->class->subsystem,
              name);
    path_make(device, "%s/device", node);
    if (!is_node(search->class, name) || is_told(search->class, device)) {
        return;
    }

    snprintf(accelerator.node, sizeof(accelerator.node), "%s/%s",
             search->class->devfs, name);
    path_make(path, "%s/driver", device);
    read_link_name(path, accelerator.driver, sizeof(accelerator.driver));
    accelerator.pci = peervma_sysfs_char_pci(&view, read_device_number(node));
    accelerator.numa_node = peervma_sysfs_numa_node(&view, &accelerator.pci);
    accelerator.largest_bar = read_largest_bar(device);
    accelerator.usable = access(accelerator.node, R_OK | W_OK) == 0;
    search->cb(&accelerator, search->arg);
}

int machine_accelerators(const char *sysfs, accelerator_cb_t cb, void *arg)
{
    struct search search = {.sysfs = sysfs, .cb = cb, .arg = arg};
    char path[PATH_MAX];
    size_t i;
    int ret = 0;

    for (i = 0; i < NODE_CLASSES && ret == 0; i++) {
        search.class = &node_classes[i];
        path_make(path, "%s/class/%s", sysfs, search.class->subsystem);
        ret = for_each_entry(path, tell_node, &search);
    }
    return ret;
}
